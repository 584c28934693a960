// Nodes to text. The only place that writes `<` and the only place that escapes.
// The output is HTML5 that is also well-formed XML: empty elements are closed and every attribute is quoted, so
// both an HTML and an XML parser can check it.
// Characters that would change what a reader sees (controls, bidirectional overrides) are shown, not sent.

/// Renders nodes.
public struct MarkupRenderer: Sendable {
  /// Creates a renderer.
  public init() {}

  /// The text of `node`, escaped.
  public func render(_ node: Node) -> String {
    var output = ""
    write(node, into: &output)
    return output
  }

  func write(_ node: Node, into output: inout String) {
    switch node {
    case .text(let text): escape(text, into: &output)
    case .fragment(let nodes): for child in nodes { write(child, into: &output) }
    case .element(let element): write(element, into: &output)
    }
  }

  private func write(_ element: Element, into output: inout String) {
    if element.kind.startsLine, !output.isEmpty, output.utf8.last != 0x0A { output += "\n" }
    output += "<"
    output += element.kind.name
    for attribute in element.attributes {
      output += " "
      output += attribute.name
      output += "=\""
      escape(attribute.value, into: &output)
      output += "\""
    }
    if element.kind.isVoid {
      output += "/>"
      return
    }
    output += ">"
    for child in element.children { write(child, into: &output) }
    output += "</"
    output += element.kind.name
    output += ">"
  }

  private func escape(_ text: String, into output: inout String) {
    for scalar in legible(text).unicodeScalars {
      switch scalar {
      case "&": output += "&amp;"
      case "<": output += "&lt;"
      case ">": output += "&gt;"
      case "\"": output += "&quot;"
      case "'": output += "&#39;"
      default: output.unicodeScalars.append(scalar)
      }
    }
  }
}

/// `text` with every character that hides or reorders its neighbours replaced by a visible stand-in.
///
/// C0 controls become their Unicode pictures (␀ to ␟, ␡), C1 controls, bidirectional controls, line and paragraph
/// separators, byte order marks and noncharacters become ⟨U+202E⟩. Tab and line feed stay; they only lay out.
public func legible(_ text: String) -> String {
  if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
  var result = ""
  result.reserveCapacity(text.utf8.count)
  for scalar in text.unicodeScalars {
    switch scalar.value {
    case 0x09, 0x0A: result.unicodeScalars.append(scalar)
    case 0..<0x20: result.unicodeScalars.append(Unicode.Scalar(0x2400 + scalar.value) ?? "?")
    case 0x7F: result += "\u{2421}"
    case 0x80..<0xA0, 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF, 0xFDD0...0xFDEF:
      result += "⟨U+\(hexadecimal(scalar.value))⟩"
    case let value where value & 0xFFFE == 0xFFFE: result += "⟨U+\(hexadecimal(value))⟩"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}

private func hexadecimal(_ value: UInt32) -> String {
  let digits = String(value, radix: 16, uppercase: true)
  return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
}
