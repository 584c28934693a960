// A value on its way to or from the server. Every case but text travels in the binary format with its type
// declared. Text travels as a quoted literal does: the server infers its type from the place it stands in, so
// that "2026-11-20" fits a date column; where nothing can be inferred, write `$1::text`.

/// One SQL value.
public enum PostgresValue: Sendable, Hashable {
  /// SQL null; its type is inferred by the server.
  case null
  /// boolean
  case bool(Bool)
  /// integer; also smallint when read
  case int4(Int32)
  /// bigint
  case int8(Int64)
  /// double precision; also real when read. Never money.
  case float8(Double)
  /// text and everything that is read as text
  case text(String)
  /// bytea
  case bytes([UInt8])
  /// numeric
  case numeric(PostgresNumeric)
  /// date; Int32.max and Int32.min are infinity and -infinity
  case date(daysSince1970: Int32)
  /// timestamp without time zone; Int64.max and Int64.min are infinity and -infinity
  case timestamp(microsecondsSince1970: Int64)
  /// timestamp with time zone; Int64.max and Int64.min are infinity and -infinity
  case timestamptz(microsecondsSince1970: Int64)
  /// uuid, sixteen bytes
  case uuid([UInt8])
  /// json or jsonb; sent as jsonb
  case json(String)
  /// text[]
  case textArray([String?])
  /// bigint[]
  case int8Array([Int64?])
  /// A value in the binary format of the type with this number, sent as it is; never read.
  case encoded(type: UInt32, [UInt8])
}

extension PostgresValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByNilLiteral
{
  /// A string literal is text.
  public init(stringLiteral value: String) { self = .text(value) }
  /// An integer literal is a bigint.
  public init(integerLiteral value: Int64) { self = .int8(value) }
  /// A boolean literal is a boolean.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// A nil literal is null.
  public init(nilLiteral: ()) { self = .null }
}

extension PostgresValue {
  /// Text, or null for nil.
  public static func optional(text: String?) -> PostgresValue { text.map { .text($0) } ?? .null }
  /// A bigint, or null for nil.
  public static func optional(int8: Int64?) -> PostgresValue { int8.map { .int8($0) } ?? .null }
  /// A bigint from an `Int`.
  public static func integer(_ value: Int) -> PostgresValue { .int8(Int64(value)) }
}
