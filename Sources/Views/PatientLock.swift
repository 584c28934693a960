// Taking a lock that conflicts with what others do, without keeping those others waiting for one who stays.
// Invariant: whoever waits for a lock keeps all that come later waiting behind; so each try is short, and between tries
// whoever came gets on. What is to be locked, and why, is elsewhere.

internal import Postgres

extension PostgresConnection {
  /// Locks a relation within the transaction under way, by short tries.
  ///
  /// - Parameters:
  ///   - mode: as in LOCK, such as `access exclusive`.
  ///   - limit: how long to try.
  /// - Throws: `PostgresError` 55P03, which names the sessions in the way, when there was no moment for it.
  nonisolated(nonsending) func lockPatiently(
    _ relation: QualifiedName, in mode: String, for limit: Duration = .seconds(300)
  ) async throws {
    let clock = ContinuousClock()
    let end = clock.now + limit
    // Longer from try to try, so that there is a moment between queries that take their time, too.
    var milliseconds = 200
    while try await !tryLock(relation, in: mode, for: milliseconds) {
      if clock.now >= end { throw try await refusal(relation, after: limit) }
      try await Task.sleep(for: .milliseconds(milliseconds))
      milliseconds = min(milliseconds * 2, 3_200)
    }
  }

  private nonisolated(nonsending) func tryLock(
    _ relation: QualifiedName, in mode: String, for milliseconds: Int
  ) async throws -> Bool {
    do {
      try await executeScript(
        """
        savepoint daybook_lock;
        set local lock_timeout = '\(milliseconds)ms';
        lock table \(relation.quoted) in \(mode) mode;
        release savepoint daybook_lock; set local lock_timeout to default
        """)
      return true
    } catch {
      guard error.sqlState == "55P03" else { throw error }
      try await executeScript("rollback to savepoint daybook_lock; release savepoint daybook_lock")
      return false
    }
  }

  private nonisolated(nonsending) func refusal(
    _ relation: QualifiedName, after limit: Duration
  ) async throws -> PostgresError {
    let rows = try await query(
      """
      select distinct format('%s (%s, %s)', a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'no name'))
      from pg_locks l join pg_stat_activity a on a.pid = l.pid
      where l.locktype = 'relation' and l.relation = to_regclass($1) and l.granted and l.pid <> pg_backend_pid()
        and l.database = (select oid from pg_database where datname = current_database())
      order by 1 limit 5
      """, [.text(relation.quoted)])
    let sessions = try rows.map { try $0.decode(0, as: String.self) }.joined(separator: ", ")
    var error = PostgresError(
      .server,
      "for \(limit.components.seconds) s there was no moment to lock \(relation); in the way: "
        + (sessions.isEmpty ? "sessions that are gone by now" : "session \(sessions)"), sqlState: "55P03")
    error.hint = "let that session end its transaction, then: daybook refresh"
    return error
  }
}
