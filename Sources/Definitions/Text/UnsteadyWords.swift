// Words by which SQL depends on more than the rows it reads: the moment, chance, the session.
// Invariant: what such SQL finds may change while no data does, so that nothing is carried on from what it found before.

/// The words by which SQL depends on more than rows.
public enum UnsteadyWords {
  /// In lower case. A function made by hand may be unsteady too; that is not to be seen from its name.
  public static let all: Set<String> = standingAlone.union([
    "now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday", "age", "random", "setseed",
    "gen_random_uuid", "uuid_generate_v4", "nextval", "currval", "lastval", "setval", "current_setting", "set_config",
    "current_schemas", "txid_current", "query_to_xml", "table_to_xml", "cursor_to_xml", "dblink",
  ])
  /// Those that need no parenthesis behind them to be what they are.
  private static let standingAlone: Set<String> = [
    "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_user", "session_user",
    "current_role", "current_catalog", "current_schema", "tablesample",
  ]
  /// Those that are functions and no words of SQL: a column may be called so, and then says nothing of the moment.
  public static let functions = all.subtracting(standingAlone)
  /// Words that a string may say to mean a moment: `date 'today'`.
  public static let moments: Set<String> = ["now", "today", "tomorrow", "yesterday"]

  /// The first word between quotes by which a text may mean a moment.
  public static func moment(inStringsOf sql: String) -> String? {
    let parts = sql.split(separator: "'", omittingEmptySubsequences: false)
    return parts.enumerated().lazy.filter { !$0.offset.isMultiple(of: 2) }.compactMap { moment(in: $0.element) }.first
  }

  private static func moment(in string: Substring) -> String? {
    string.lowercased().split { !$0.isLetter }.map(String.init).first(where: moments.contains)
  }

  /// The first word of a statement by which it depends on more than the rows it reads.
  ///
  /// - Parameter isMoment: whether a string, in lower case and with its quotes, that has the word of a moment means it.
  static func first(in sql: ScannedSQL, isMoment: (String) -> Bool = { _ in true }) -> String? {
    for (index, token) in sql.tokens.enumerated() {
      switch token.kind {
      case .identifier(isQuoted: false) where all.contains(token.text):
        let isCalled = index + 1 < sql.tokens.count && sql.tokens[index + 1].isSymbol("(")
        if isCalled || standingAlone.contains(token.text) { return token.text }
      case .string:
        if let moment = moment(in: Substring(token.text)), isMoment(token.text.lowercased()) { return moment }
      default: break
      }
    }
    return nil
  }
}

extension NativeViewDefinition {
  /// The first word by which it depends on more than the rows it reads.
  public var unsteadyWord: String? { (try? ScannedSQL(sql)).flatMap { UnsteadyWords.first(in: $0) } }
}
