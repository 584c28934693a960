// From a value to a Swift type, never losing anything: a number that does not fit is refused, not truncated.
// Other rooms make their own types decodable by conforming them.

/// A type that a column can be read as.
public protocol PostgresDecodable {
  /// The value as this type, or nil when it is not one.
  static func decode(_ value: PostgresValue) -> Self?
}

extension Bool: PostgresDecodable {
  /// From boolean.
  public static func decode(_ value: PostgresValue) -> Bool? {
    if case .bool(let value) = value { value } else { nil }
  }
}

extension PostgresDecodable where Self: FixedWidthInteger {
  /// From any integer type and from a whole numeric, when it fits.
  public static func decode(_ value: PostgresValue) -> Self? {
    switch value {
    case .int4(let value): return Self(exactly: value)
    case .int8(let value): return Self(exactly: value)
    case .numeric(let value):
      guard var (coefficient, scale) = value.exact else { return nil }
      while scale > 0, coefficient % 10 == 0 {
        coefficient /= 10
        scale -= 1
      }
      return scale == 0 ? Self(exactly: coefficient) : nil
    default: return nil
    }
  }
}

extension Int16: PostgresDecodable {}
extension Int32: PostgresDecodable {}
extension Int64: PostgresDecodable {}
extension Int: PostgresDecodable {}

extension Double: PostgresDecodable {
  /// From double precision, real and integer. Not from numeric: money is never a floating-point number.
  public static func decode(_ value: PostgresValue) -> Double? {
    switch value {
    case .float8(let value): value
    case .int4(let value): Double(value)
    default: nil
    }
  }
}

extension PostgresNumeric: PostgresDecodable {
  /// From numeric and from any integer type.
  public static func decode(_ value: PostgresValue) -> PostgresNumeric? {
    switch value {
    case .numeric(let value): value
    case .int4(let value): PostgresNumeric(coefficient: Int128(value), scale: 0)
    case .int8(let value): PostgresNumeric(coefficient: Int128(value), scale: 0)
    default: nil
    }
  }
}

extension String: PostgresDecodable {
  /// From text and its like, json, numeric, integers, booleans (true, false), uuid, and dates and times in ISO 8601
  /// (with time zone always in UTC).
  public static func decode(_ value: PostgresValue) -> String? {
    switch value {
    case .text(let value), .json(let value): value
    case .bool(let value): value ? "true" : "false"
    case .int4(let value): String(value)
    case .int8(let value): String(value)
    case .numeric(let value): value.description
    case .date(let days): CivilText.date(daysSince1970: days)
    case .timestamp(let microseconds): CivilText.timestamp(microsecondsSince1970: microseconds)
    case .timestamptz(let microseconds): CivilText.timestamp(microsecondsSince1970: microseconds, suffix: "Z")
    case .uuid(let bytes): CivilText.uuid(bytes)
    case .null, .float8, .bytes, .textArray, .int8Array, .encoded: nil
    }
  }
}

extension PostgresValue: PostgresDecodable {
  /// Itself, null included.
  public static func decode(_ value: PostgresValue) -> PostgresValue? { value }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
  /// Nil from null.
  public static func decode(_ value: PostgresValue) -> Wrapped?? {
    if value == .null { return .some(nil) }
    return Wrapped.decode(value).map { .some($0) }
  }
}

/// An element of an array that a column can be read as.
public protocol PostgresArrayElement {
  /// The value as an array of this type, or nil when it is not one.
  static func decodeArray(_ value: PostgresValue) -> [Self]?
}

extension Array: PostgresDecodable where Element: PostgresArrayElement {
  /// From an array, or from bytea as bytes.
  public static func decode(_ value: PostgresValue) -> [Element]? { Element.decodeArray(value) }
}

extension UInt8: PostgresArrayElement {
  /// From bytea and uuid.
  public static func decodeArray(_ value: PostgresValue) -> [UInt8]? {
    switch value {
    case .bytes(let bytes), .uuid(let bytes): bytes
    default: nil
    }
  }
}

extension String: PostgresArrayElement {
  /// From an array of text without nulls.
  public static func decodeArray(_ value: PostgresValue) -> [String]? {
    guard case .textArray(let values) = value else { return nil }
    let present = values.compactMap { $0 }
    return present.count == values.count ? present : nil
  }
}

extension Int64: PostgresArrayElement {
  /// From an array of integers without nulls.
  public static func decodeArray(_ value: PostgresValue) -> [Int64]? {
    guard case .int8Array(let values) = value else { return nil }
    let present = values.compactMap { $0 }
    return present.count == values.count ? present : nil
  }
}

extension PostgresValue {
  /// The SQL type, for messages.
  var typeName: String {
    switch self {
    case .null: "null"
    case .bool: "boolean"
    case .int4: "integer"
    case .int8: "bigint"
    case .float8: "double precision"
    case .text: "text"
    case .bytes: "bytea"
    case .numeric: "numeric"
    case .date: "date"
    case .timestamp: "timestamp"
    case .timestamptz: "timestamptz"
    case .uuid: "uuid"
    case .json: "json"
    case .textArray: "text[]"
    case .int8Array: "bigint[]"
    case .encoded: "encoded"
    }
  }
}
