// Which statements are never kept: those whose answer depends on more than the tables they name. This is the first look,
// at the words of the text, without a server; the second, at what the server knows of the functions, operators and casts
// that may be meant, is elsewhere: StatementCalls.
// Invariant: both err on the side of no. A word in a comment or a string counts as if it stood in the statement; the cost
// of a needless no is one query.

internal import Definitions

/// Says why the answer of a statement must not be kept.
public enum StatementRule {
  /// What names a moment, chance, a session, or writes.
  private static let refusedWords = UnsteadyWords.all.union(UnsteadyWords.moments).union([
    "user", "insert", "update", "delete", "merge", "truncate", "into", "create", "alter", "drop", "grant", "call",
    "copy", "temp", "temporary", "daybook",
  ])

  /// Why the text alone forbids it; nil when it does not.
  public static func refusal(_ sql: String) -> String? {
    let words = Self.words(sql)
    guard ["select", "with", "values", "table"].contains(firstWord(sql)) else { return "it is no query" }
    if let word = words.first(where: { refusedWords.contains($0) || $0.hasPrefix("pg_") || $0.hasPrefix("has_") }) {
      return "it says \"\(word)\""
    }
    return callsQuotedName(sql) ? "it may call a function by a quoted name" : nil
  }

  /// The first word behind blanks, parentheses and comments, in lower case.
  private static func firstWord(_ sql: String) -> String {
    var rest = Substring(sql)
    while let character = rest.first {
      if rest.hasPrefix("--") {
        rest = rest.drop { !$0.isNewline }
      } else if rest.hasPrefix("/*") {
        while !rest.isEmpty, !rest.hasPrefix("*/") { rest.removeFirst() }
        rest = rest.dropFirst(2)
      } else if character.isWhitespace || character == "(" {
        rest.removeFirst()
      } else {
        break
      }
    }
    return rest.prefix { $0.isLetter || $0 == "_" }.lowercased()
  }

  /// The words of a text, whatever they stand in: as they are written, and as PostgreSQL may fold them, which leaves
  /// letters beyond ASCII alone in some encodings and not in others; with `$` as a part of them, as it is of a name, and as
  /// an end of them, as it is of a quoted string.
  ///
  /// - Returns: each once as it is written, in the order of the text.
  static func words(_ sql: String) -> [String] {
    // By their bytes: strings that only look alike are equal, and are not the same name.
    var seen: Set<[UInt8]> = []
    var words: [String] = []
    func add(_ part: some Sequence<UInt8>) {
      let written = Array(part)
      guard let first = written.first, !(0x30...0x39).contains(first), seen.insert(written).inserted else { return }
      let folded = written.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
      words.append(String(decoding: folded, as: UTF8.self))
      if written.contains(where: { $0 >= 0x80 }) {
        words += [String(decoding: written, as: UTF8.self), String(decoding: written, as: UTF8.self).lowercased()]
      } else if folded != written {
        words.append(String(decoding: written, as: UTF8.self))
      }
    }
    for part in sql.utf8.split(whereSeparator: { !isPart($0) }) {
      add(part)
      if part.contains(dollar) { part.split(separator: dollar).forEach(add) }
    }
    return words
  }

  /// Whether a name can stand in a text without quotes.
  static func isWord(_ name: String) -> Bool { name.utf8.allSatisfy(isPart) }

  private static let dollar = UInt8(ascii: "$")

  private static func isPart(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80..., dollar: true
    default: false
    }
  }

  /// Whether a quoted name stands before a parenthesis, or is written by code points: its words are not what it names.
  private static func callsQuotedName(_ sql: String) -> Bool {
    var previous: UInt8 = 0
    for byte in sql.utf8 {
      if byte == UInt8(ascii: "("), previous == UInt8(ascii: "\"") { return true }
      if byte == UInt8(ascii: "\""), previous == UInt8(ascii: "&") { return true }
      if byte != 0x20, byte != 0x09, byte != 0x0A, byte != 0x0D { previous = byte }
    }
    return false
  }
}
