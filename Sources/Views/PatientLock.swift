// Taking locks that conflict with what others do, without keeping those others waiting for one who stays.
// Invariant: whoever waits for a lock keeps all that come later waiting behind, and whoever holds one while waiting for
// another may be half of a deadlock; so all are taken in one try or none, each try is short, and between tries whoever
// came gets on. What is to be locked, and why, is elsewhere.

internal import Postgres

extension PostgresConnection {
  /// Locks relations of any kind in ACCESS EXCLUSIVE mode within the transaction under way, by short tries for all.
  ///
  /// - Parameters:
  ///   - relations: in the order in which readers lock them, a view before what it reads. They belong to this role; those
  ///     that are gone are left out.
  ///   - limit: how long to try.
  /// - Throws: `PostgresError` 55P03, which names the sessions in the way, when there was no moment for it.
  nonisolated(nonsending) func lockPatiently(
    _ relations: [QualifiedName], for limit: Duration = .seconds(300)
  ) async throws {
    if relations.isEmpty { return }
    let clock = ContinuousClock()
    let end = clock.now + limit
    // A reader who waits for what a try has locked looks for deadlocks after so long; by then the try is over.
    let rows = try await query("select setting::int from pg_settings where name = 'deadlock_timeout'")
    let longest = max(1, try (rows.first?.decode(0, as: Int.self) ?? 1_000) / 2)
    // Longer from try to try, so that there is a moment between queries that take their time, too.
    var milliseconds = min(200, longest)
    while try await !tryLock(relations, for: .milliseconds(milliseconds)) {
      if clock.now >= end { throw try await refusal(relations, after: limit) }
      try await Task.sleep(for: .milliseconds(milliseconds))
      milliseconds = min(milliseconds * 2, longest)
    }
  }

  private nonisolated(nonsending) func tryLock(
    _ relations: [QualifiedName], for limit: Duration
  ) async throws -> Bool {
    let clock = ContinuousClock()
    let end = clock.now + limit
    try await execute("savepoint daybook_lock")
    do {
      for relation in relations {
        // What is left of the try is shared by all. No timeout at all would be 0.
        let left = max(1, Int((end - clock.now) / .milliseconds(1)))
        // LOCK refuses materialized views, and with a view it locks the tables that it reads. This locks any relation,
        // and changes nothing.
        try await executeScript(
          """
          set local lock_timeout = '\(left)ms';
          alter table if exists \(relation.quoted) set schema \(quoteIdentifier(relation.schema))
          """)
      }
      try await executeScript("release savepoint daybook_lock; set local lock_timeout to default")
      return true
    } catch {
      guard let sqlState = error.sqlState, ["55P03", "40P01"].contains(sqlState) else { throw error }
      try await executeScript("rollback to savepoint daybook_lock; release savepoint daybook_lock")
      return false
    }
  }

  private nonisolated(nonsending) func refusal(
    _ relations: [QualifiedName], after limit: Duration
  ) async throws -> PostgresError {
    let rows = try await query(
      """
      select distinct format('%s (%s, %s)', a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'no name'))
      from unnest($1::text[]) as wanted (name) join pg_locks l on l.relation = to_regclass(wanted.name)
      join pg_stat_activity a on a.pid = l.pid
      where l.locktype = 'relation' and l.granted and l.pid <> pg_backend_pid()
        and l.database = (select oid from pg_database where datname = current_database())
      order by 1 limit 5
      """, [.textArray(relations.map(\.quoted))])
    let sessions = try rows.map { try $0.decode(0, as: String.self) }.joined(separator: ", ")
    let names = relations.map(\.description).joined(separator: ", ")
    var error = PostgresError(
      .server,
      "for \(limit.components.seconds) s there was no moment to lock \(names); in the way: "
        + (sessions.isEmpty ? "sessions that are gone by now" : "session \(sessions)"), sqlState: "55P03")
    error.isAfterWaiting = true
    error.hint = "let that session end its transaction, then: daybook refresh"
    return error
  }
}
