// One column of a feed, compiled to plain values that the hot loop reads through a pointer.
// Invariant: everything a `ColumnPlan` points to belongs to its `FilePlan` and lives as long; nothing in it is
// counted, so reading it retains nothing.

internal import Definitions
internal import Glibc
internal import Money

/// How a value is read and written.
enum ValueKind: UInt8, Sendable {
  case text, integer, bigint, decimal, boolean, date, timestamp, timestamptz, uuid, json
}

/// Bytes that a plan owns.
struct ByteSpan {
  var start: UnsafePointer<UInt8>
  var count: Int
}

/// One column of the table that is filled from a field of the file.
struct ColumnPlan {
  var kind: ValueKind
  /// Place of the field in the record.
  var field: Int
  var isOptional: Bool
  /// Whether blanks and tabs around an unquoted field are taken off first.
  var isTrimmed: Bool
  /// Whether an empty field means "no value".
  var emptyIsNull: Bool
  /// Other fields that mean it.
  var nullTokens: UnsafePointer<ByteSpan>?
  var nullTokenCount: Int
  var acceptsZeroFraction: Bool
  var scale: Int
  /// 10^precision of a decimal.
  var ceiling: Int128
  var hasBounds: Bool
  /// Bounds in the value's own unit: coefficient at `scale`, days since 1970, microseconds since 1970.
  var minimum: Int128
  var maximum: Int128
  /// `one_of`: bytes for text, values in the unit of the bounds for numbers.
  var choices: UnsafeMutablePointer<ByteSpan>?
  var choiceValues: UnsafeMutablePointer<Int128>?
  var choiceCount: Int
  var steps: UnsafeMutablePointer<PatternStep>?
  var stepCount: Int
  var expression: UnsafeMutablePointer<regex_t>?
  var format: UnsafeMutableBufferPointer<DateTimeFormat.Part>
  /// Place in `FilePlan.controls`, or -1.
  var control: Int
  /// Whether this is the only key column and a whole number, so that ascending keys can be seen.
  var isSoleKey: Bool
}
