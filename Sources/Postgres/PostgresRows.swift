// stub
public final class PostgresRows: Sendable, RandomAccessCollection {
  public let columnNames: [String] = []
  public var startIndex: Int { 0 }
  public var endIndex: Int { 0 }
  public subscript(position: Int) -> PostgresRow { PostgresRow() }
}
public struct PostgresRow: Sendable {
  public func decode<T: PostgresDecodable>(_ column: Int, as type: T.Type = T.self) throws(PostgresError) -> T {
    throw PostgresError(.misuse, "stub")
  }
  public func decode<T: PostgresDecodable>(_ column: String, as type: T.Type = T.self) throws(PostgresError) -> T {
    throw PostgresError(.misuse, "stub")
  }
  public func value(at column: Int) throws(PostgresError) -> PostgresValue { .null }
  public func value(_ column: String) throws(PostgresError) -> PostgresValue { .null }
}
public protocol PostgresDecodable {
  static func decode(_ value: PostgresValue) throws(PostgresError) -> Self
}
extension Bool: PostgresDecodable {}
extension Int16: PostgresDecodable {}
extension Int32: PostgresDecodable {}
extension Int64: PostgresDecodable {}
extension Int: PostgresDecodable {}
extension Double: PostgresDecodable {}
extension String: PostgresDecodable {}
extension PostgresNumeric: PostgresDecodable {}
extension Array: PostgresDecodable where Element: PostgresArrayElement {}
extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {}
public protocol PostgresArrayElement {}
extension UInt8: PostgresArrayElement {}
extension String: PostgresArrayElement {}
extension Int64: PostgresArrayElement {}
extension PostgresDecodable {
  public static func decode(_ value: PostgresValue) throws(PostgresError) -> Self { throw PostgresError(.misuse, "stub") }
}
