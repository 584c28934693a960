// Words by which SQL depends on more than the rows it reads: the moment, chance, the session.
// Invariant: what such SQL finds may change while no data does, so that nothing is carried on from what it found before.

/// The words by which SQL depends on more than rows.
public enum UnsteadyWords {
  /// In lower case. A function made by hand may be unsteady too; that is not to be seen from its name.
  public static let all: Set<String> = [
    "now", "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "clock_timestamp",
    "statement_timestamp", "transaction_timestamp", "timeofday", "age", "random", "gen_random_uuid", "nextval",
    "current_user", "session_user", "current_setting",
  ]
  /// Those that are functions and no words of SQL: a column may be called so, and then says nothing of the moment.
  public static let functions: Set<String> = [
    "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday", "age", "random", "gen_random_uuid",
    "nextval", "current_setting",
  ]
}

extension ScannedSQL {
  /// Whether one of those words stands in it.
  var hasUnsteadyWord: Bool { tokens.contains { UnsteadyWords.all.contains($0.text) } }
}
