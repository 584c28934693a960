// Which statements are never kept: those whose answer depends on more than the tables they name. Two looks: at the words
// of the text, without a server, and then at what the server knows of the functions among them.
// Invariant: both err on the side of no. A word in a comment or a string counts as if it stood in the statement; the cost
// of a needless no is one query.

internal import Definitions
internal import Postgres

/// Says why the answer of a statement must not be kept.
public enum StatementRule {
  /// What names a moment, chance, a session, or writes.
  private static let refusedWords = UnsteadyWords.all.union(UnsteadyWords.moments).union([
    "user", "insert", "update", "delete", "merge", "truncate", "into", "create", "alter", "drop", "grant", "call",
    "copy", "temp", "temporary", "daybook",
  ])

  /// Functions of the server that are not immutable, and whose answer depends on nothing but their arguments and the
  /// settings that are part of every key.
  private static let steadyFunctions: Set<String> = [
    "array_to_json", "array_to_string", "concat", "concat_ws", "convert_from", "date", "date_part", "date_trunc",
    "extract", "format", "generate_series", "json_agg", "json_build_array", "json_build_object", "json_object_agg",
    "jsonb_agg", "jsonb_build_array", "jsonb_build_object", "jsonb_object_agg", "length", "make_timestamptz", "money",
    "numeric", "overlaps", "quote_literal", "quote_nullable", "row_to_json", "time", "timestamp", "timestamptz",
    "timetz", "timezone", "to_char", "to_date", "to_json", "to_jsonb", "to_number", "to_timestamp",
  ]

  /// Why the text alone forbids it; nil when it does not.
  public static func refusal(_ sql: String) -> String? {
    let words = Self.words(sql)
    guard ["select", "with", "values", "table"].contains(firstWord(sql)) else { return "it is no query" }
    if let word = words.first(where: { refusedWords.contains($0) || $0.hasPrefix("pg_") || $0.hasPrefix("has_") }) {
      return "it says \"\(word)\""
    }
    return callsQuotedName(sql) ? "it may call a function by a quoted name" : nil
  }

  /// Why the functions among its words forbid it; nil when they do not.
  ///
  /// A function that somebody made may read anything, whatever it is declared to be.
  static func refusal(_ sql: String, on connection: PostgresConnection) async throws(PostgresError) -> String? {
    let rows = try await connection.query(
      """
      SELECT proname::text, pronamespace <> 'pg_catalog'::regnamespace
      FROM pg_proc
      WHERE proname = ANY ($1::text[])
        AND (pronamespace <> 'pg_catalog'::regnamespace
          AND pronamespace <> 'information_schema'::regnamespace OR provolatile <> 'i' AND proname <> ALL ($2::text[]))
      ORDER BY 2 DESC, 1 LIMIT 1
      """,
      [.textArray(Array(Set(words(sql))).sorted()), .textArray(steadyFunctions.sorted())])
    guard let row = rows.first else { return nil }
    let name: String = try row.decode(0)
    return try row.decode(1)
      ? "\"\(name)\" is a function that somebody made" : "\"\(name)\" is a function that is not immutable"
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

  /// The words of a text, in lower case, whatever they stand in.
  static func words(_ sql: String) -> [String] {
    sql.utf8.split { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...: false
      default: true
      }
    }.compactMap { part in
      part.first.map { (0x30...0x39).contains($0) } == true ? nil : String(decoding: part, as: UTF8.self).lowercased()
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
