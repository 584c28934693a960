// SQL text → tokens, as PostgreSQL's lexer would cut it, for finding names and comparing texts; not a parser.
// Comments, strings (standard, E'' and dollar-quoted) and quoted identifiers are taken whole, so that nothing in
// them is mistaken for SQL. Whether the SQL is right is left to PostgreSQL.
// Source: PostgreSQL 15 manual, 4.1 Lexical Structure.

/// One token.
struct SQLToken: Equatable {
  enum Kind: Equatable {
    /// A word; `text` is in lower case unless it was quoted.
    case identifier(isQuoted: Bool)
    case string, number, parameter, symbol
  }

  let kind: Kind
  /// The token; an identifier without its quotes, everything else as written.
  let text: String
  /// The token as written.
  let raw: String
  /// Its first byte.
  let offset: Int

  func isWord(_ word: String) -> Bool { kind == .identifier(isQuoted: false) && text == word }
  func isSymbol(_ symbol: String) -> Bool { kind == .symbol && text == symbol }
}

/// Something that is never closed.
struct SQLProblem: Error {
  let message: String
  let offset: Int
}

/// A text cut into tokens.
struct ScannedSQL {
  private(set) var tokens: [SQLToken] = []
  /// `--` comments that stand before the first token, without the dashes.
  private(set) var headComments: [(text: String, offset: Int)] = []
  /// The same for those that stand later.
  private(set) var laterComments: [(text: String, offset: Int)] = []

  /// The tokens as written, one space between them: equal for texts that differ in white space and comments only.
  var normalized: String { tokens.map(\.raw).joined(separator: " ") }

  init(_ text: String) throws(SQLProblem) {
    let bytes = Array(text.utf8)
    var index = 0
    while index < bytes.count {
      let start = index
      let byte = bytes[index]
      let next = index + 1 < bytes.count ? bytes[index + 1] : 0
      switch byte {
      case 0x20, 0x09, 0x0A, 0x0D, 0x0C, 0x0B:
        index += 1
      case UInt8(ascii: "-") where next == byte:
        index = bytes[index...].firstIndex(of: 0x0A) ?? bytes.count
        let comment = (String(decoding: bytes[(start + 2)..<index], as: UTF8.self), start)
        if tokens.isEmpty { headComments.append(comment) } else { laterComments.append(comment) }
      case UInt8(ascii: "/") where next == UInt8(ascii: "*"):
        index = try Self.endOfComment(in: bytes, from: index)
      case UInt8(ascii: "'"):
        let isEscaping =
          tokens.last.map { $0.isWord("e") && $0.offset + 1 == start } ?? false
        index = try Self.endOfString(in: bytes, from: index, isEscaping: isEscaping)
        append(.string, bytes[start..<index], start)
      case UInt8(ascii: "\""):
        index = try Self.endOfString(in: bytes, from: index, isEscaping: false)
        let name = String(decoding: bytes[(start + 1)..<(index - 1)], as: UTF8.self)
        let raw = String(decoding: bytes[start..<index], as: UTF8.self)
        tokens.append(
          SQLToken(
            kind: .identifier(isQuoted: true),
            text: name.split(separator: "\"\"", omittingEmptySubsequences: false).joined(separator: "\""),
            raw: raw, offset: start))
      case UInt8(ascii: "$"):
        if let end = try Self.endOfDollarQuote(in: bytes, from: index) {
          index = end
          append(.string, bytes[start..<index], start)
        } else {
          index += 1 + bytes[(index + 1)...].prefix(while: Self.isDigit).count
          append(index > start + 1 ? .parameter : .symbol, bytes[start..<index], start)
        }
      case _ where Self.isDigit(byte) || byte == UInt8(ascii: ".") && Self.isDigit(next):
        index += bytes[index...].prefix { Self.isDigit($0) || $0 == UInt8(ascii: ".") || Self.isWordStart($0) }.count
        append(.number, bytes[start..<index], start)
      case _ where Self.isWordStart(byte):
        index += bytes[index...].prefix { Self.isWordStart($0) || Self.isDigit($0) || $0 == UInt8(ascii: "$") }.count
        let raw = String(decoding: bytes[start..<index], as: UTF8.self)
        tokens.append(
          SQLToken(kind: .identifier(isQuoted: false), text: raw.lowercased(), raw: raw, offset: start))
      case UInt8(ascii: ":") where next == byte:
        index += 2
        append(.symbol, bytes[start..<index], start)
      case UInt8(ascii: ":") where Self.isWordStart(next) && !Self.mayBeSliced(bytes[..<start].last):
        index += 1
        index += bytes[index...].prefix { Self.isWordStart($0) || Self.isDigit($0) }.count
        append(.parameter, bytes[start..<index], start)
      default:
        index += 1
        append(.symbol, bytes[start..<index], start)
      }
    }
  }

  private mutating func append(_ kind: SQLToken.Kind, _ bytes: ArraySlice<UInt8>, _ offset: Int) {
    let text = String(decoding: bytes, as: UTF8.self)
    tokens.append(SQLToken(kind: kind, text: text, raw: text, offset: offset))
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private static func isWordStart(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) && byte < 0x80 || byte == UInt8(ascii: "_")
      || byte >= 0x80
  }

  /// Whether a colon directly behind this byte may be that of a slice, `a[1:n]`; that of a parameter stands behind none.
  private static func mayBeSliced(_ byte: UInt8?) -> Bool {
    byte.map { isWordStart($0) || isDigit($0) || $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "]") } ?? false
  }

  private static func endOfComment(in bytes: [UInt8], from start: Int) throws(SQLProblem) -> Int {
    var depth = 0
    var index = start
    while index + 1 < bytes.count {
      if bytes[index] == UInt8(ascii: "/"), bytes[index + 1] == UInt8(ascii: "*") {
        depth += 1
        index += 2
      } else if bytes[index] == UInt8(ascii: "*"), bytes[index + 1] == UInt8(ascii: "/") {
        depth -= 1
        index += 2
        if depth == 0 { return index }
      } else {
        index += 1
      }
    }
    throw SQLProblem(message: "a comment (/*) is not closed", offset: start)
  }

  private static func endOfString(
    in bytes: [UInt8], from start: Int, isEscaping: Bool
  ) throws(SQLProblem) -> Int {
    let quote = bytes[start]
    var index = start + 1
    while index < bytes.count {
      if isEscaping, bytes[index] == UInt8(ascii: "\\") {
        index += 2
      } else if bytes[index] == quote {
        guard index + 1 < bytes.count, bytes[index + 1] == quote else { return index + 1 }
        index += 2
      } else {
        index += 1
      }
    }
    let what = quote == UInt8(ascii: "'") ? "a string (')" : "a quoted name (\")"
    throw SQLProblem(message: "\(what) is not closed", offset: start)
  }

  /// The end of `$tag$ … $tag$` that begins at `start`, or nil when no such quote begins there.
  private static func endOfDollarQuote(in bytes: [UInt8], from start: Int) throws(SQLProblem) -> Int? {
    let tag = bytes[(start + 1)...].prefix { isWordStart($0) || isDigit($0) }
    let opening = start + 1 + tag.count
    guard opening < bytes.count, bytes[opening] == UInt8(ascii: "$"), tag.first.map({ !isDigit($0) }) ?? true else {
      return nil
    }
    let mark = bytes[start...opening]
    var index = opening + 1
    while index + mark.count <= bytes.count {
      if bytes[index..<(index + mark.count)].elementsEqual(mark) { return index + mark.count }
      index += 1
    }
    throw SQLProblem(
      message: "a string (\(String(decoding: mark, as: UTF8.self))) is not closed", offset: start)
  }
}
