// Phase 7: the guesses as a definition, each with the evidence behind it.
// Invariant: the text is YAML that the definitions' reader takes as it is, whatever the header held, and the same
// guesses give the same bytes. No value of a text column is shown but those of a proposed one_of.

internal import Definitions
internal import Finding

/// Text that is safe in YAML.
enum YAMLText {
  /// A scalar inside `{ }`: plain where that is safe, else in double quotes.
  static func flow(_ text: String) -> String {
    let words: Set = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
    let isPlain =
      text.utf8.first.map { ($0 | 0x20) &- 0x61 < 26 } ?? false
      && text.utf8.allSatisfy { ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 <= 9 || $0 == 0x5F }
      && !words.contains(text.lowercased())
    return isPlain ? text : quoted(text)
  }

  /// A scalar in double quotes.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.replacing("${", with: "$${").unicodeScalars {
      switch scalar.value {
      case 0x22: result += "\\\""
      case 0x5C: result += "\\\\"
      case 0x09: result += "\\t"
      case 0x0A: result += "\\n"
      case 0x0D: result += "\\r"
      default:
        if isShown(scalar) {
          result.unicodeScalars.append(scalar)
        } else {
          let digits = String(scalar.value, radix: 16)
          result += (digits.count > 4 ? "\\U" : "\\u")
          result += String(repeating: "0", count: (digits.count > 4 ? 8 : 4) - digits.count) + digits
        }
      }
    }
    return result + "\""
  }

  /// Words for a comment: one line of what an editor shows.
  static func comment(_ text: String) -> String {
    var result = ""
    for scalar in visible(text).unicodeScalars { if isShown(scalar) { result.unicodeScalars.append(scalar) } }
    return result
  }

  /// Whether YAML takes the character as it is and a person sees it.
  private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x20...0x7E, 0xA0...0x061B, 0x061D...0x200D, 0x2010...0x2027, 0x202F...0x2065, 0x206A...0xD7FF,
      0xE000...0xFEFE, 0xFF00...0xFFFD:
      true
    default: scalar.value >= 0x10000 && scalar.value & 0xFFFE != 0xFFFE
    }
  }
}

/// Everything that was guessed.
struct FeedGuess: Sendable {
  var name: String
  var pattern: String
  var patternEvidence: String
  var encoding: EncodingGuess
  var dialect: DialectGuess
  var file: FileGuess
  var columns: [ColumnGuess]
  var key: KeyGuess
  /// What was read, in words.
  var reading: [String]
}

enum TextPhase {
  /// The definition.
  static func definition(_ guess: FeedGuess) -> String {
    var lines = guess.reading.map { "# \(YAMLText.comment($0))" }
    lines.append("feed: \(guess.name)")
    lines.append("files: \(pattern(guess.pattern))  # \(YAMLText.comment(guess.patternEvidence))")
    lines.append("format:")
    lines += aligned(format(guess).map { ("  \($0.0)", $0.1) })
    lines += key(guess)
    lines.append("columns:")
    lines += columns(guess)
    lines.append("# rejects: { limit: 1% }  # unless told, one refused record refuses its file")
    return lines.joined(separator: "\n") + "\n"
  }

  private static func pattern(_ text: String) -> String {
    let isPlain =
      text.utf8.first.map { ($0 | 0x20) &- 0x61 < 26 } ?? false
      && text.utf8.allSatisfy { ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 <= 9 || "_-.*".utf8.contains($0) }
    return isPlain ? text : YAMLText.quoted(text)
  }

  private static func format(_ guess: FeedGuess) -> [(String, String)] {
    let dialect = guess.dialect
    let delimiter = dialect.delimiter == 0x09 ? #""\t""# : YAMLText.quoted(character(dialect.delimiter))
    var entries = [("delimiter: \(delimiter)", dialect.delimiterEvidence)]
    let quote = dialect.quote.map { $0 == 0x22 ? "'\"'" : YAMLText.quoted(character($0)) } ?? "none"
    entries.append(("quote: \(quote)", dialect.quoteEvidence))
    entries.append(("encoding: \(guess.encoding.encoding.rawValue)", guess.encoding.evidence))
    if !guess.file.nullTokens.isEmpty {
      let tokens = guess.file.nullTokens.map { YAMLText.quoted($0.token) }
      let evidence = guess.file.nullTokens.map { "\($0.token) \($0.evidence)" }.joined(separator: "; ")
      entries.append(("nulls: [\"\", \(tokens.joined(separator: ", "))]", "no value: \(evidence)"))
    }
    let style = guess.file.style
    if style.decimalMark != 0x2E {
      entries.append(("decimal_mark: \(YAMLText.quoted(character(style.decimalMark)))", guess.file.styleEvidence ?? ""))
    }
    if let mark = style.groupingMark {
      entries.append(("grouping_mark: \(YAMLText.quoted(character(mark)))", guess.file.styleEvidence ?? ""))
    }
    let negatives = NegativeNotation.allCases.filter { guess.file.negatives[$0] != nil }
    if !negatives.isEmpty {
      let evidence = negatives.map { notation in
        let count = counted(guess.file.negatives[notation] ?? 0, "value")
        return notation == .parentheses ? "\(count) in parentheses" : "\(count) with the minus behind"
      }
      entries.append(
        ("negatives: [\(negatives.map(\.rawValue).joined(separator: ", "))]", evidence.joined(separator: ", ")))
    }
    return entries
  }

  private static func character(_ byte: UInt8) -> String { String(Unicode.Scalar(byte)) }

  private static func key(_ guess: FeedGuess) -> [String] {
    var lines: [String] = []
    if let column = guess.key.column {
      lines.append("key: [\(column)]  # \(YAMLText.comment(guess.key.evidence))")
    } else {
      lines.append("# \(YAMLText.comment(guess.key.evidence))")
    }
    for other in guess.key.alternatives { lines.append("# key: [\(other.key)]  # \(other.reason)") }
    return lines
  }

  private static func columns(_ guess: FeedGuess) -> [String] {
    let width = min(guess.columns.map(\.name.utf8.count).max() ?? 0, 32)
    let entries = guess.columns.map { column in
      let name = "\(column.name):".padded(to: width + 1)
      return ("  \(name) { \(properties(column).joined(separator: ", ")) }", column.evidence.joined(separator: "; "))
    }
    var lines: [String] = []
    let currencies = guess.columns.filter { $0.isCurrency && !$0.isOptional }
    for (line, column) in zip(aligned(entries), guess.columns) {
      lines.append(line)
      var suggestions = column.suggestions
      if case .decimal = column.type, currencies.count == 1, !column.acceptsIntegralDecimal {
        suggestions.append(
          ("control: sum_by(\(currencies[0].name))", "reconciles this amount per currency, if it is money"))
      }
      for suggestion in suggestions {
        lines.append("  #   could have  \(YAMLText.comment("\(suggestion.key)  (\(suggestion.reason))"))")
      }
    }
    return lines
  }

  private static func properties(_ column: ColumnGuess) -> [String] {
    var properties: [String] = []
    if case .decimal = column.type {
      properties.append("type: \"\(column.type)\"")
    } else {
      properties.append("type: \(column.type)")
    }
    if column.source != column.name { properties.append("from: \(YAMLText.flow(column.source))") }
    if let format = column.format { properties.append("format: \(YAMLText.quoted(format))") }
    if column.acceptsIntegralDecimal { properties.append("accept: [integral_decimal]") }
    if column.isTrimmed { properties.append("trim: true") }
    if column.isOptional { properties.append("optional: true") }
    return properties
  }

  private static let widestAligned = 66

  /// Lines with their comments below one another, as far as no line stands out.
  private static func aligned(_ entries: [(String, String)]) -> [String] {
    let width = entries.map(\.0.count).filter { $0 <= widestAligned }.max() ?? 0
    return entries.map { text, comment in
      comment.isEmpty ? text : "\(text.padded(to: width))  # \(YAMLText.comment(comment))"
    }
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String {
    self + String(repeating: " ", count: Swift.max(0, width - count))
  }
}
