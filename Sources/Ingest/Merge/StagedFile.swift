// A file on its way: what the client found in it and the staging table that holds its good rows.

internal import Definitions
internal import Postgres

/// What parsing one file gave.
struct EncodedSummary: Sendable {
  var recordsRead: Int
  var accepted: Int
  var rejects: RejectLog
  var controls: ControlTotals
  /// Why the control sums cannot be used, if so.
  var controlProblem: String?
  var keysAscend: Bool
  /// The keys that may come twice.
  var lateKeys = LateKeys.unknown
}

/// What parsing tells about keys that come twice: a key that stands above all before it has not come before.
enum LateKeys: Sendable, Hashable {
  /// Nothing: any key may.
  case unknown
  /// No other key than these, in the order in which they came.
  case these([Int64])
}

/// A file whose good rows are in staging.
struct StagedFile: Sendable {
  var name: String
  /// As a person finds it: relative to the project, or as it was named.
  var displayPath: String
  var file: OpenFile
  var sha256: [UInt8]
  var isReload: Bool
  var staging: QualifiedName
  /// Whether staging gives the rows in the order of the file.
  var isInFileOrder = true
  /// When the file was opened for staging.
  var started: ContinuousClock.Instant?
  /// Columns that the file fills, constants included, in the table's order.
  var columns: [ColumnDefinition]
  /// Place of each of those columns in the file.
  var places: [String: Int]
  var summary: EncodedSummary
}
