// One mapping of a definition with the keys it may have, read key by key into checked values.
// Invariant: unknown keys, missing keys and keys without a value are reported when the reader is made; each value
// that cannot be used is reported once, and nil stands for it. Meaning across keys is left to the callers.

internal import Finding
internal import Money

/// Reads the values of one mapping.
struct MappingReader {
  /// Where the mapping begins.
  let position: SourcePosition
  let findings: Findings
  private let values: [String: DefinitionNode.Entry]
  private let present: Set<String>

  /// Nil when `node` is not a mapping.
  ///
  /// - Parameter subject: what the mapping describes, for messages: `the feed`.
  init?(
    _ node: DefinitionNode, subject: String, keys: [String], required: [String] = [], at place: SourcePosition? = nil,
    findings: Findings
  ) {
    guard case .mapping(let entries) = node.content else {
      if node.isUnreadable { return nil }
      findings.error(
        "wrong_type", at: node.position, "\(subject) must be a mapping of keys to values, not \(node.kindName)",
        fix: keys.count <= 20 ? "it can have the keys: \(keys.joined(separator: ", "))" : nil)
      return nil
    }
    position = place ?? node.position
    self.findings = findings
    var values: [String: DefinitionNode.Entry] = [:]
    var present: Set<String> = []
    for entry in entries {
      guard keys.contains(entry.key) else {
        findings.error(
          "unknown_key", at: entry.position, "unknown key \"\(entry.key)\" in \(subject)",
          fix: suggestion(for: entry.key, among: keys))
        continue
      }
      present.insert(entry.key)
      if entry.value.isUnreadable { continue }
      if entry.value.isNull {
        findings.error(
          "missing_value", at: entry.position, "\"\(entry.key)\" has no value", fix: "write one, or remove the key")
      } else {
        values[entry.key] = entry
      }
    }
    self.present = present
    for key in required where !present.contains(key) {
      findings.error("missing_key", at: position, "\(subject) has no \"\(key)\"", fix: "add \(key): …")
    }
    self.values = values
  }

  func has(_ key: String) -> Bool { values[key] != nil }

  /// Whether the key is there, though perhaps without a value that can be used.
  func mentions(_ key: String) -> Bool { present.contains(key) }

  /// The value of `key`, when there is one.
  func node(_ key: String) -> DefinitionNode? { values[key]?.value }

  /// Where the value of `key` stands, else where the mapping does.
  func position(of key: String) -> SourcePosition { values[key]?.value.position ?? position }

  /// Where `key` itself stands, else where the mapping does.
  func keyPosition(of key: String) -> SourcePosition { values[key]?.position ?? position }

  /// The entries of a mapping of names to things, in order; empty when it is absent or something else.
  func entries(_ key: String, of things: String) -> [DefinitionNode.Entry] {
    guard let node = node(key) else { return [] }
    guard case .mapping(let entries) = node.content else {
      findings.error("wrong_type", at: node.position, "\"\(key)\" must map names to \(things), not \(node.kindName)")
      return []
    }
    if entries.isEmpty {
      findings.error("missing_value", at: node.position, "\"\(key)\" is empty", fix: "write at least one")
    }
    return entries
  }

  /// The elements of a list; empty when it is absent or something else.
  func elements(_ key: String) -> [DefinitionNode] {
    guard let node = node(key) else { return [] }
    guard case .sequence(let elements) = node.content else {
      findings.error("wrong_type", at: node.position, "\"\(key)\" must be a list, not \(node.kindName)")
      return []
    }
    return elements
  }

  func scalar(_ key: String) -> DefinitionNode.Scalar? { node(key).flatMap { $0.scalar(as: key, findings) } }

  /// Text that is not empty.
  func text(_ key: String) -> String? {
    guard let scalar = scalar(key) else { return nil }
    guard scalar.text.contains(where: { !$0.isWhitespace }) else {
      findings.error("missing_value", at: position(of: key), "\"\(key)\" is empty", fix: "write one, or remove the key")
      return nil
    }
    return scalar.text
  }

  func identifier(_ key: String, _ kind: NameKind) -> String? {
    node(key).flatMap { $0.identifier(as: key, kind, findings) }
  }

  /// One or several names: `a` or `[a, b]`.
  func identifiers(_ key: String, _ kind: NameKind) -> [(name: String, position: SourcePosition)] {
    guard let node = node(key) else { return [] }
    var nodes = [node]
    if case .sequence(let elements) = node.content { nodes = elements }
    var seen: [(name: String, position: SourcePosition)] = []
    for node in nodes {
      guard let name = node.identifier(as: key, kind, findings) else { continue }
      if seen.contains(where: { $0.name == name }) {
        findings.error("duplicate_name", at: node.position, "\"\(name)\" is in \"\(key)\" twice")
      } else {
        seen.append((name, node.position))
      }
    }
    return seen
  }

  func boolean(_ key: String) -> Bool? {
    guard let scalar = scalar(key) else { return nil }
    switch scalar.text {
    case "true": return true
    case "false": return false
    default:
      findings.error(
        "wrong_type", at: position(of: key), "\"\(key)\" must be true or false, not \"\(scalar.shown)\"")
      return nil
    }
  }

  func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
    guard let scalar = scalar(key) else { return nil }
    guard let value = Int(scalar.text), range.contains(value) else {
      let isNumber = Int(scalar.text) != nil
      findings.error(
        isNumber ? "out_of_range" : "wrong_type", at: position(of: key),
        "\"\(key)\" must be a whole number from \(range.lowerBound) to \(range.upperBound), not \"\(scalar.shown)\"")
      return nil
    }
    return value
  }

  /// A word out of a fixed set.
  func word<Word: CaseIterable & RawRepresentable<String>>(_ key: String, _: Word.Type = Word.self) -> Word? {
    guard let scalar = scalar(key) else { return nil }
    if let word = Word(rawValue: scalar.text) { return word }
    unknownWord(scalar, of: key, among: Word.allCases.map(\.rawValue))
    return nil
  }

  func unknownWord(_ scalar: DefinitionNode.Scalar, of key: String, among words: [String]) {
    findings.error(
      "unknown_word", at: position(of: key), "\"\(scalar.shown)\" is not a value of \"\(key)\"",
      fix: scalar.usesEnvironment
        ? "use one of: \(words.joined(separator: ", "))" : suggestion(for: scalar.text, among: words))
  }

  func duration(_ key: String) -> Duration? {
    guard let scalar = scalar(key) else { return nil }
    guard let duration = Duration(definition: scalar.text) else {
      findings.error(
        "bad_duration", at: position(of: key), "\"\(scalar.shown)\" is not a duration for \"\(key)\"",
        fix: "write a whole number above zero with its unit: 500ms, 10s, 30m, 2h, 1d")
      return nil
    }
    return duration
  }

  /// Whole days, `400d`: up to a hundred years.
  func days(_ key: String) -> Int? {
    guard let scalar = scalar(key) else { return nil }
    guard scalar.text.hasSuffix("d"), let days = Int(scalar.text.dropLast()), (1...36_525).contains(days),
      scalar.text.first?.isNumber == true
    else {
      findings.error(
        "bad_duration", at: position(of: key), "\"\(scalar.shown)\" is not a number of days for \"\(key)\"",
        fix: "write whole days from 1d to 36525d: 400d")
      return nil
    }
    return days
  }

  func limit(_ key: String) -> Limit? {
    guard let scalar = scalar(key) else { return nil }
    guard let limit = Limit(definition: scalar.text) else {
      findings.error(
        "bad_limit", at: position(of: key), "\"\(scalar.shown)\" is not a limit for \"\(key)\"",
        fix: "write a count (100) or a share of the rows from 0% to 100% (1%, 0.5%)")
      return nil
    }
    return limit
  }
}

extension DefinitionNode {
  /// The scalar that this is, or nil with an error.
  func scalar(as key: String, _ findings: Findings) -> Scalar? {
    guard case .scalar(let scalar) = content else {
      if isUnreadable { return nil }
      findings.error("wrong_type", at: position, "\"\(key)\" must be a single value, not \(kindName)")
      return nil
    }
    return scalar
  }

  /// The name that this is, or nil with an error.
  func identifier(as key: String, _ kind: NameKind, _ findings: Findings) -> String? {
    guard let scalar = scalar(as: key, findings) else { return nil }
    guard let problem = kind.problem(with: scalar.text) else { return scalar.text }
    findings.error("bad_name", at: position, "\"\(scalar.shown)\" cannot be used as \"\(key)\": \(problem)")
    return nil
  }
}

extension Duration {
  /// Reads `500ms`, `10s`, `30m`, `2h` or `1d`; nil for anything else, zero and more than a year included.
  public init?(definition text: String) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let count = Int(digits), count > 0 else { return nil }
    let milliseconds: Int
    switch text.dropFirst(digits.count) {
    case "ms": milliseconds = 1
    case "s": milliseconds = 1_000
    case "m": milliseconds = 60_000
    case "h": milliseconds = 3_600_000
    case "d": milliseconds = 86_400_000
    default: return nil
    }
    let (total, overflow) = count.multipliedReportingOverflow(by: milliseconds)
    guard !overflow, total <= 366 * 86_400_000 else { return nil }
    self = .milliseconds(total)
  }
}

extension Limit {
  /// Reads `100` or `1%`; nil for anything else.
  init?(definition text: String) {
    if text.hasSuffix("%") {
      guard let percent = ExactDecimal(String(text.dropLast())), !percent.isNegative, percent.scale <= 6,
        !(ExactDecimal(100) < percent),
        let share = ExactDecimal(coefficient: percent.coefficient, scale: percent.scale + 2)
      else { return nil }
      self = .ratio(share)
    } else {
      guard let count = Int(text), count >= 0, !text.hasPrefix("+") else { return nil }
      self = .count(count)
    }
  }
}
