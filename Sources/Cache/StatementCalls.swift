// The second look at statements that may be kept: what the server knows of the functions, operators and casts that their
// texts may mean. One look at its catalogs answers for all statements that are foreseen, when the first of them has to be
// known.
// Invariant: what somebody made may read anything, whatever it is declared to be, and may be another tomorrow. What came
// with an extension is what it is declared to be. What was said of foreseen statements holds for one snapshot.

public import Postgres
internal import Synchronization

/// Why statements must not be kept, as the server's catalogs say.
public final class StatementCalls: Sendable {
  private let foreseen: [String]
  private let reasons = Mutex<[String: String?]>([:])

  /// - Parameter foreseen: statements that are likely to be asked about in the same snapshot.
  public init(foreseen: [String] = []) { self.foreseen = foreseen }

  /// Why the functions and operators that a text may mean forbid it, or casts that need no word; nil when none does.
  public nonisolated(nonsending) func reason(
    _ sql: String, on connection: PostgresConnection
  ) async throws(PostgresError) -> String? {
    guard foreseen.contains(sql) else { return try await Self.reasons([sql], on: connection)[0] }
    if let known = reasons.withLock({ $0[sql] }) { return known }
    let found = Dictionary(
      zip(foreseen, try await Self.reasons(foreseen, on: connection)), uniquingKeysWith: { first, _ in first })
    reasons.withLock { $0 = found }
    return found[sql] ?? nil
  }

  /// What stands in the catalogs and may be meant.
  private struct Suspect {
    enum Kind: Int {
      case function = 1
      case operation
      case cast
      case movingFunction
      case movingOperation
    }

    let kind: Kind
    let name: String
    let reason: String

    func isMeant(by text: String, words: Set<String>) -> Bool {
      switch kind {
      case .cast: true
      case .operation, .movingOperation: text.utf8.contains(name.utf8)
      case .function, .movingFunction:
        // The server cuts names at 63 bytes.
        words.contains(name) || name.utf8.count >= 60
          || !StatementRule.isWord(name) && text.utf8.contains(name.replacing("\"", with: "\"\"").utf8)
      }
    }
  }

  /// The reason of each statement, by one look.
  ///
  /// The server's own objects have numbers below 16384 (FirstNormalObjectId), by which its catalogs are read through their
  /// indexes.
  private static func reasons(
    _ statements: [String], on connection: PostgresConnection
  ) async throws(PostgresError) -> [String?] {
    let text = statements.joined(separator: "\n")
    let rows = try await connection.query(
      lookup, [.textArray(StatementRule.words(text)), .textArray(steadyFunctions.sorted()), .text(text)])
    var suspects: [Suspect] = []
    for row in rows {
      guard let kind = Suspect.Kind(rawValue: try row.decode(0)) else { continue }
      suspects.append(Suspect(kind: kind, name: try row.decode(1), reason: try row.decode(2)))
    }
    if suspects.isEmpty { return statements.map { _ in nil } }
    return statements.map { statement in
      let words = Set(StatementRule.words(statement))
      return suspects.first { $0.isMeant(by: statement, words: words) }?.reason
    }
  }

  /// Functions of the server that are not immutable, and whose answer depends on nothing but their arguments and the
  /// settings that are part of every key.
  private static let steadyFunctions: Set<String> = [
    "array_to_json", "array_to_string", "concat", "concat_ws", "convert_from", "date", "date_part", "date_trunc",
    "extract", "format", "generate_series", "json_agg", "json_build_array", "json_build_object", "json_object_agg",
    "jsonb_agg", "jsonb_build_array", "jsonb_build_object", "jsonb_object_agg", "length", "make_timestamptz", "money",
    "numeric", "overlaps", "quote_literal", "quote_nullable", "row_to_json", "time", "timestamp", "timestamptz",
    "timezone", "to_char", "to_date", "to_json", "to_jsonb", "to_number", "to_timestamp",
  ]

  /// What of the catalogs may be meant by words (`$1`) or anything else of a text (`$3`), the first reason first.
  private static let lookup = """
    WITH named AS (
      -- Not compared with the array itself, whose every word the planner would weigh.
      SELECT p.oid, p.proname, p.provolatile, p.pronamespace FROM pg_proc p
      WHERE p.proname IN (SELECT unnest($1::text[])::name)
      UNION ALL
      -- A name with more than letters, digits, _ and $ in it stands between quotes, if at all.
      SELECT p.oid, p.proname, p.provolatile, p.pronamespace FROM pg_proc p
      WHERE p.oid >= 16384
        AND p.proname ~ '[\\u0001-\\u0023\\u0025-\\u002f\\u003a-\\u0040\\u005b-\\u005e\\u0060\\u007b-\\u007f]'
        AND strpos($3, replace(p.proname::text, '"', '""')) > 0
    ), made AS (
      SELECT p.proname::text AS name, p.provolatile <> 'i' AS moves,
        p.pronamespace = 'pg_catalog'::regnamespace OR p.pronamespace = 'information_schema'::regnamespace AS is_own,
        p.oid >= 16384
          AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
          AS is_extension
      FROM named p
    ), operators AS (
      SELECT o.oprname::text AS name, p.provolatile <> 'i' AS moves,
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
      SELECT 3, '', 'somebody made a cast, ' || min(name COLLATE "C") FROM casts HAVING count(*) > 0
      UNION ALL
      SELECT 4, name, '"' || name || '" is a function that is not immutable'
      FROM made WHERE moves AND (is_own AND name <> ALL ($2::text[]) OR is_extension)
      UNION ALL
      SELECT 5, name, '"' || name || '" is an operator that is not immutable'
      FROM operators WHERE moves AND is_extension
    )
    SELECT DISTINCT rank, name COLLATE "C", reason FROM reasons ORDER BY 1, 2
    """
}
