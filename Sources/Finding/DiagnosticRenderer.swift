// Turns diagnostics into the lines a person reads on a terminal or in a log.
// Control characters of hostile data never reach the terminal: they are shown as escapes.

/// Renders diagnostics as text.
public struct DiagnosticRenderer: Sendable {
  private let color: Bool

  /// - Parameter color: whether to use ANSI colours.
  public init(color: Bool) {
    self.color = color
  }

  /// The severity and position with the message, then one indented line per note, then the fix.
  public func render(_ diagnostic: Diagnostic) -> String {
    var head = paint(diagnostic.severity)
    if let position = diagnostic.position { head += ": \(visible(position.description))" }
    head += ": \(visible(diagnostic.message))"
    var lines = [head]
    lines += diagnostic.notes.map { "  \(visible($0))" }
    if let fix = diagnostic.fix { lines.append("  fix: \(visible(fix))") }
    return lines.joined(separator: "\n")
  }

  private func paint(_ severity: Severity) -> String {
    guard color else { return severity.rawValue }
    let code =
      switch severity {
      case .error: "1;31"
      case .warning: "1;33"
      case .note: "1;36"
      }
    return "\u{1B}[\(code)m\(severity.rawValue)\u{1B}[0m"
  }
}

/// `text` with control characters, bidirectional overrides and line breaks shown as escapes.
public func visible(_ text: String) -> String {
  var result = ""
  result.reserveCapacity(text.utf8.count)
  for scalar in text.unicodeScalars {
    switch scalar.value {
    case 0x09: result += "\\t"
    case 0x0A: result += "\\n"
    case 0x0D: result += "\\r"
    case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
      result += "\\u{\(String(scalar.value, radix: 16))}"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}
