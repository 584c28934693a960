// `${NAME}` and `${NAME:-default}` inside a scalar.
// Invariant: a value of the environment is text, never YAML structure, and appears in no error.
// Keys are not expanded: which keys a definition has does not depend on the machine.

internal import Finding

/// `text` with its references filled in.
///
/// `${NAME:-default}` gives the default when NAME is unset or empty; `$${` stands for `${` itself. A reference that
/// cannot be filled is an error at `position` and gives nil.
func expand(
  _ text: String, in environment: [String: String], at position: SourcePosition, findings: Findings
) -> String? {
  guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
  var result = ""
  var isWhole = true
  var rest = text[...]
  while let dollar = rest.firstIndex(of: "$") {
    result += rest[..<dollar]
    rest = rest[dollar...]
    if rest.hasPrefix("$${") {
      result += "${"
      rest = rest.dropFirst(3)
    } else if rest.hasPrefix("${") {
      guard let end = rest.firstIndex(of: "}") else {
        findings.error(
          "bad_reference", at: position, "\"${\" without a \"}\"", fix: "write $${ for the characters themselves")
        return nil
      }
      let body = rest[rest.index(dollar, offsetBy: 2)..<end]
      let name = body.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
      let tail = body.dropFirst(name.count)
      rest = rest[rest.index(after: end)...]
      if name.isEmpty || name.first?.isNumber == true || !(tail.isEmpty || tail.hasPrefix(":-")) {
        isWhole = false
        findings.error(
          "bad_reference", at: position, "\"${\(body)}\" is not a reference to the environment",
          fix: "write ${NAME} or ${NAME:-default}; $${ for the characters themselves")
      } else if let value = environment[String(name)], !(value.isEmpty && !tail.isEmpty) {
        findings.hide(value, writtenAs: "${\(name)}")
        result += value
      } else if !tail.isEmpty {
        result += tail.dropFirst(2)
      } else {
        isWhole = false
        findings.error(
          "unset_variable", at: position, "the environment has no \(name)",
          fix: "set \(name), or give a default: ${\(name):-…}")
      }
    } else {
      result += "$"
      rest = rest.dropFirst()
    }
  }
  return isWhole ? result + rest : nil
}
