// Nodes to text. The only place that writes `<` and the only place that escapes.
// The output is HTML5 that is also well-formed XML: empty elements are closed and every attribute is quoted, so
// both an HTML and an XML parser can check it.
// Characters that would change what a reader sees (controls, bidirectional overrides) are shown, not sent: TextFit.

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
    case .style(let sheet):
      if output.utf8.last != 0x0A { output += "\n" }
      output += "<style>\n\(sheet.text)\n</style>"
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
    for scalar in legible(text, keepsIslands: true).unicodeScalars {
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
