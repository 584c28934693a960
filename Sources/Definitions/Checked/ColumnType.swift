// The types a column can have.
// Invariant: a decimal has 1 to 38 digits, of which 0 to all stand behind the point, so that every value fits an
// `ExactDecimal`.

/// `type:` of a column.
public enum ColumnType: Sendable, Hashable, CustomStringConvertible {
  /// Characters.
  case text
  /// Whole numbers of 32 bits.
  case integer
  /// Whole numbers of 64 bits.
  case bigint
  /// A fixed-point number of `precision` digits, `scale` of them behind the point.
  case decimal(precision: Int, scale: Int)
  /// True or false.
  case boolean
  /// A day.
  case date
  /// A day and a time of day, without a zone.
  case timestamp
  /// A moment; written without an offset it is in the project's time zone.
  case timestamptz
  /// 128 bits, as 8-4-4-4-12 hexadecimal digits.
  case uuid
  /// Any JSON value.
  case json

  /// The type in PostgreSQL.
  public var sql: String {
    switch self {
    case .text: "text"
    case .integer: "integer"
    case .bigint: "bigint"
    case .decimal(let precision, let scale): "numeric(\(precision),\(scale))"
    case .boolean: "boolean"
    case .date: "date"
    case .timestamp: "timestamp"
    case .timestamptz: "timestamptz"
    case .uuid: "uuid"
    case .json: "jsonb"
    }
  }

  /// The type as a definition writes it.
  public var description: String {
    switch self {
    case .decimal(let precision, let scale): "decimal(\(precision),\(scale))"
    case .json: "json"
    default: sql
    }
  }

  /// Whether values can be added.
  public var isNumeric: Bool {
    switch self {
    case .integer, .bigint, .decimal: true
    default: false
    }
  }

  /// Whether values are days or moments.
  public var isTemporal: Bool {
    switch self {
    case .date, .timestamp, .timestamptz: true
    default: false
    }
  }

  /// Whether PostgreSQL has a least and a greatest of such values.
  public var isOrdered: Bool { isNumeric || isTemporal || self == .text }
}
