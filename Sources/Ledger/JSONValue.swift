// JSON to write: ordered objects and whole numbers, the same bytes for the same value.
// Characters that reorder text or move a cursor are written as escapes. Reading JSON is not needed here, and a general
// encoder would cost start-up time and the order of keys.
// Source: RFC 8259.

/// A JSON value to write.
public enum JSONValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case integer(Int)
  /// A number already written in JSON's form, such as an exact decimal.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([Member])

  /// One name and value of an object.
  public struct Member: Sendable, Hashable {
    /// The name.
    public var name: String
    /// The value.
    public var value: JSONValue

    /// Creates a member.
    public init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  /// A string, or null.
  public static func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
  /// A whole number, or null.
  public static func optional(_ number: Int?) -> JSONValue { number.map { .integer($0) } ?? .null }

  /// The value in one line.
  public var text: String { text(openLevels: 0) }

  /// The value with one member or element a line down to `depth` levels, the deeper ones on one line.
  public func text(openLevels depth: Int) -> String {
    var result = ""
    write(to: &result, indent: 0, depth: depth)
    return result
  }

  private func write(to result: inout String, indent: Int, depth: Int) {
    switch self {
    case .null: result += "null"
    case .bool(let value): result += value ? "true" : "false"
    case .integer(let value): result += String(value)
    case .number(let digits): result += digits
    case .string(let text): Self.write(text, to: &result)
    case .array(let values):
      Self.list("[", "]", values, to: &result, indent: indent, depth: depth) {
        $1.write(to: &$0, indent: indent + 1, depth: depth - 1)
      }
    case .object(let members):
      Self.list("{", "}", members, to: &result, indent: indent, depth: depth) { result, member in
        Self.write(member.name, to: &result)
        result += ": "
        member.value.write(to: &result, indent: indent + 1, depth: depth - 1)
      }
    }
  }

  private static func list<Element>(
    _ open: String, _ close: String, _ elements: [Element], to result: inout String, indent: Int, depth: Int,
    _ write: (inout String, Element) -> Void
  ) {
    let isOpen = depth > 0 && !elements.isEmpty
    result += open
    for (index, element) in elements.enumerated() {
      if index > 0 { result += isOpen ? "," : ", " }
      if isOpen { result += "\n" + String(repeating: "  ", count: indent + 1) }
      write(&result, element)
    }
    if isOpen { result += "\n" + String(repeating: "  ", count: indent) }
    result += close
  }

  private static func write(_ text: String, to result: inout String) {
    result += "\""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22: result += "\\\""
      case 0x5C: result += "\\\\"
      case 0x0A: result += "\\n"
      case 0x0D: result += "\\r"
      case 0x09: result += "\\t"
      case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    result += "\""
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// Keeps the order of the literal.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { Member($0.0, $0.1) })
  }
}
