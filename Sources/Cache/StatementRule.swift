// Which statements are never kept: those whose answer depends on more than the tables they name. Two looks: at the words
// of the text, without a server, and then at what the server knows of the functions, operators and casts that may be meant.
// Invariant: both err on the side of no. A word in a comment or a string counts as if it stood in the statement; the cost
// of a needless no is one query.

internal import Definitions
public import Postgres

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

  /// Why the functions and operators that its text may mean forbid it, or casts that need no word; nil when none does.
  ///
  /// What somebody made may read anything, whatever it is declared to be, and may be another tomorrow. What came with an
  /// extension is what it is declared to be. The server's own objects have numbers below 16384 (FirstNormalObjectId), by
  /// which its catalogs are read through their indexes.
  public static func calls(_ sql: String, on connection: PostgresConnection) async throws(PostgresError) -> String? {
    let rows = try await connection.query(
      """
      WITH made AS (
        SELECT p.oid, p.proname::text AS name, p.provolatile <> 'i' AS moves,
          p.pronamespace = 'pg_catalog'::regnamespace OR p.pronamespace = 'information_schema'::regnamespace AS is_own,
          p.oid >= 16384
            AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
            AS is_extension
        FROM pg_proc p
        WHERE p.proname = ANY ($1::text[])
          -- A name with more than letters, digits, _ and $ in it stands between quotes, if at all.
          OR p.oid >= 16384 AND p.proname ~ '[\\u0001-\\u0023\\u0025-\\u002f\\u003a-\\u0040\\u005b-\\u005e\\u0060\\u007b-\\u007f]'
            AND strpos($3, replace(p.proname::text, '"', '""')) > 0
      ), operators AS (
        SELECT o.oid, o.oprname::text AS name, p.provolatile <> 'i' AS moves,
          EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_operator'::regclass AND d.objid = o.oid
            AND d.deptype = 'e') AS is_extension
        FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
        WHERE o.oid >= 16384 AND strpos($3, o.oprname::text) > 0
      ), casts AS (
        SELECT format('%s AS %s', c.castsource::regtype, c.casttarget::regtype) AS name
        FROM pg_cast c JOIN pg_proc p ON p.oid = c.castfunc
        WHERE c.oid >= 16384
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_cast'::regclass AND d.objid = c.oid
            AND d.deptype = 'e')
      ), reasons AS (
        SELECT 1 AS rank, name, '"' || name || '" is a function that somebody made' AS reason
        FROM made WHERE NOT is_own AND NOT is_extension
        UNION ALL
        SELECT 2, name, '"' || name || '" is an operator that somebody made'
        FROM operators WHERE NOT is_extension
        UNION ALL
        SELECT 3, name, 'somebody made a cast, ' || name FROM casts
        UNION ALL
        SELECT 4, name, '"' || name || '" is a function that is not immutable'
        FROM made WHERE moves AND (is_own AND name <> ALL ($2::text[]) OR is_extension)
        UNION ALL
        SELECT 5, name, '"' || name || '" is an operator that is not immutable'
        FROM operators WHERE moves AND is_extension
      )
      SELECT reason FROM reasons ORDER BY rank, name COLLATE "C" LIMIT 1
      """,
      [.textArray(Array(Set(words(sql))).sorted()), .textArray(steadyFunctions.sorted()), .text(sql)])
    return try rows.first?.decode(0)
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
  static func words(_ sql: String) -> [String] {
    func isPart(_ byte: UInt8) -> Bool {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...: true
      default: false
      }
    }
    let parts = sql.utf8.split { !isPart($0) } + sql.utf8.split { !isPart($0) && $0 != UInt8(ascii: "$") }
    return parts.flatMap { part -> [String] in
      if let first = part.first, (0x30...0x39).contains(first) { return [] }
      let folded = part.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
      let written = String(decoding: part, as: UTF8.self)
      return Array(Set([String(decoding: folded, as: UTF8.self), written, written.lowercased()]))
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
