// `Jobs/views/*.sql` → a native materialized view.
// Invariant: the file holds one query; what its header comments say is made of good names. Whether the SQL is right
// is left to PostgreSQL.

internal import Finding

/// Reads one SQL file.
struct NativeViewReader {
  let findings: Findings

  func read(_ source: SourceText) -> ViewDraft? {
    let start = SourcePosition(file: source.file, line: 1, column: 1)
    let name = String(source.file.split(separator: "/").last?.dropLast(4) ?? "")
    if let problem = NameKind.relation.problem(with: name) {
      findings.error("bad_name", at: start, "\"\(name)\" (the file's name) cannot be a view's name: \(problem)")
      return nil
    }
    let places = LineIndex(source.text)
    func position(_ offset: Int) -> SourcePosition {
      let (line, column) = places.place(of: offset)
      return SourcePosition(file: source.file, line: line, column: column)
    }
    let scanned: ScannedSQL
    do throws(SQLProblem) {
      scanned = try ScannedSQL(source.text)
    } catch {
      findings.error("bad_sql", at: position(error.offset), error.message)
      return nil
    }
    var native = NativeViewDefinition(sql: "")
    readHeader(scanned, into: &native, position)
    let end = statement(scanned, start, position)
    native.sql = source.text.utf8Prefix(end).trimmedAtEnd()
    var draft = ViewDraft(
      view: ViewDefinition(
        name: name, kind: .native(native), inputs: [], definitionHash: native.computedHash(name: name), position: start),
      namePosition: start)
    draft.relations = scanned.relations.map { ($0, position($0.offset)) }
    return draft
  }

  /// Checks that there is one query, and gives the byte where it ends: before a final semicolon.
  private func statement(
    _ sql: ScannedSQL, _ start: SourcePosition, _ position: (Int) -> SourcePosition
  ) -> Int {
    guard let first = sql.tokens.first(where: { !$0.isSymbol("(") }) else {
      findings.error("empty_file", at: start, "the file holds no SQL", fix: "delete it, or write a query")
      return 0
    }
    if !["select", "with", "values", "table"].contains(where: first.isWord) {
      findings.error(
        "bad_sql", at: position(first.offset),
        "a view is a query that begins with select, with, values or table, not \"\(first.raw)\"",
        fix: "write the query alone; Daybook creates the view")
    }
    for token in sql.tokens where token.kind == .parameter {
      findings.error("bad_sql", at: position(token.offset), "a view has no parameters; \"\(token.raw)\" is one")
    }
    guard let semicolon = sql.tokens.firstIndex(where: { $0.isSymbol(";") }) else { return .max }
    if semicolon + 1 < sql.tokens.count, let next = sql.tokens[(semicolon + 1)...].first(where: { !$0.isSymbol(";") }) {
      findings.error(
        "bad_sql", at: position(next.offset), "a second statement begins here", fix: "one query per file")
    }
    return sql.tokens[semicolon].offset
  }

  private func readHeader(
    _ sql: ScannedSQL, into native: inout NativeViewDefinition, _ position: (Int) -> SourcePosition
  ) {
    var hasUnique = false
    for comment in sql.headComments {
      guard let (word, list) = header(comment.text) else { continue }
      let place = position(comment.offset)
      switch word {
      case "unique":
        if hasUnique {
          findings.error("duplicate_key", at: place, "\"unique\" is here twice", fix: "use index for a further one")
        }
        hasUnique = true
        native.uniqueKey = columns(list, word, place)
      case "index":
        let columns = columns(list, word, place)
        // What has no good name in it was said already.
        if columns.isEmpty { continue }
        if native.indexes.contains(columns) || columns == native.uniqueKey {
          findings.warning("duplicate_index", at: place, "this index is declared twice", fix: "remove one of them")
        } else {
          native.indexes.append(columns)
        }
      default:
        if let nearest = nearestWord(to: word, in: ["unique", "index"]) {
          findings.error("unknown_key", at: place, "unknown header \"\(word)\"", fix: "did you mean \"\(nearest)\"?")
        }
      }
    }
    for comment in sql.laterComments {
      guard let (word, _) = header(comment.text), word == "unique" || word == "index" else { continue }
      findings.error(
        "misplaced_header", at: position(comment.offset), "\"-- \(word):\" must stand before the query",
        fix: "move the line to the top of the file")
    }
  }

  /// `word: rest` of a comment, where the word is one.
  private func header(_ comment: String) -> (word: String, list: Substring)? {
    guard let colon = comment.firstIndex(of: ":") else { return nil }
    let word = comment[..<colon].drop { $0 == " " }
    guard !word.isEmpty, word.allSatisfy({ $0.isASCII && $0.isLetter }) else { return nil }
    return (word.lowercased(), comment[comment.index(after: colon)...])
  }

  private func columns(_ list: Substring, _ word: String, _ place: SourcePosition) -> [String] {
    var columns: [String] = []
    for part in list.split(separator: ",", omittingEmptySubsequences: false) {
      let name = part.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      if let problem = NameKind.column.problem(with: name) {
        findings.error("bad_name", at: place, "\"\(name)\" in \"\(word)\" cannot be a column's name: \(problem)")
      } else if columns.contains(name) {
        findings.error("duplicate_name", at: place, "\"\(name)\" is in \"\(word)\" twice")
      } else {
        columns.append(name)
      }
    }
    return columns
  }
}

/// Byte offsets → lines and columns.
struct LineIndex {
  private let bytes: [UInt8]
  private var starts = [0]

  init(_ text: String) {
    bytes = Array(text.utf8)
    for (index, byte) in bytes.enumerated() where byte == 0x0A { starts.append(index + 1) }
  }

  /// 1-based line and column (in characters of Unicode) of a byte.
  func place(of offset: Int) -> (line: Int, column: Int) {
    let line = starts.lastIndex { $0 <= offset } ?? 0
    let before = bytes[starts[line]..<min(offset, bytes.count)]
    return (line + 1, String(decoding: before, as: UTF8.self).unicodeScalars.count + 1)
  }
}

extension String {
  fileprivate func utf8Prefix(_ count: Int) -> String { String(decoding: utf8.prefix(count), as: UTF8.self) }

  fileprivate func trimmedAtEnd() -> String {
    var end = endIndex
    while end > startIndex, self[index(before: end)].isWhitespace { end = index(before: end) }
    return String(self[..<end])
  }
}
