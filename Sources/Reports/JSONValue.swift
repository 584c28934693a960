// JSON as a value and as text: keys in the order given, so the same figures give the same bytes; money as strings,
// so that no reader turns it into a binary fraction. Characters that reorder text are written as escapes.
// Reading JSON is not done here.

internal import Money

/// A JSON value.
indirect enum JSONValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case integer(Int)
  case string(String)
  case array([JSONValue])
  case object([Member])

  /// One member of an object.
  struct Member: Sendable, Hashable {
    var name: String
    var value: JSONValue
  }

  /// A figure: whole numbers that every reader holds exactly as numbers, all others as strings.
  init(_ figure: Figure, format: CellFormat) {
    switch figure {
    case .missing: self = .null
    case .number(let number):
      if format == .integer || format == .identifier || format == .rowDifference, number.scale == 0,
        number.coefficient.magnitude < 1 << 53
      {
        self = .integer(Int(number.coefficient))
      } else {
        self = .string(number.description)
      }
    case .text, .date, .moment: self = .string(figure.plainText)
    }
  }

  /// An object with members in this order.
  static func members(_ pairs: KeyValuePairs<String, JSONValue>) -> JSONValue {
    .object(pairs.map { Member(name: $0.key, value: $0.value) })
  }

  /// The text, one member or element a line down to `depth` levels, the deeper ones on one line.
  func render(openLevels depth: Int = 4) -> String {
    var output = ""
    write(into: &output, indent: 0, depth: depth)
    return output
  }

  private func write(into output: inout String, indent: Int, depth: Int) {
    switch self {
    case .null: output += "null"
    case .bool(let flag): output += flag ? "true" : "false"
    case .integer(let number): output += String(number)
    case .string(let text): Self.write(text, into: &output)
    case .array(let elements):
      Self.list("[", "]", elements, into: &output, indent: indent, depth: depth) {
        $1.write(into: &$0, indent: $2, depth: $3)
      }
    case .object(let members):
      Self.list("{", "}", members, into: &output, indent: indent, depth: depth) { output, member, indent, depth in
        Self.write(member.name, into: &output)
        output += ": "
        member.value.write(into: &output, indent: indent, depth: depth)
      }
    }
  }

  private static func list<E>(
    _ open: String, _ close: String, _ elements: [E], into output: inout String, indent: Int, depth: Int,
    _ body: (inout String, E, Int, Int) -> Void
  ) {
    output += open
    let isOpen = depth > 0 && !elements.isEmpty
    for (index, element) in elements.enumerated() {
      if index > 0 { output += isOpen ? "," : ", " }
      if isOpen { output += "\n" + String(repeating: "  ", count: indent + 1) }
      body(&output, element, indent + 1, depth - 1)
    }
    if isOpen { output += "\n" + String(repeating: "  ", count: indent) }
    output += close
  }

  private static func write(_ text: String, into output: inout String) {
    output += "\""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22: output += "\\\""
      case 0x5C: output += "\\\\"
      case 0x0A: output += "\\n"
      case 0x0D: output += "\\r"
      case 0x09: output += "\\t"
      case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
        let digits = String(scalar.value, radix: 16)
        output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: output.unicodeScalars.append(scalar)
      }
    }
    output += "\""
  }
}
