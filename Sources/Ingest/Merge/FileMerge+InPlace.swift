// A file that was copied straight into the empty base table: what has to leave leaves, then keys and indexes are built.
// Invariant: the outcome is the one that staging would have given. References are proven by the server as it adds them;
// only when that fails are the orphans looked for, and then in the order in which a merge looks for them.

internal import Definitions
internal import Ledger
internal import Postgres

extension FileMerge {
  /// Settles the rows and finishes the table.
  nonisolated(nonsending) mutating func settleInPlace(
    _ finish: TableFinish, on connection: PostgresConnection
  ) async throws {
    merged.path = .bulk
    merged.isRebuild = true
    let untouched = self
    let start = try await publication.changes(on: connection)
    do {
      self = try await connection.withTransaction { [untouched] nested in
        var attempt = untouched
        try await attempt.settle(finish, on: nested)
        return attempt
      }
    } catch let error as PostgresError where error.sqlState == "23503" && !sql.references.isEmpty {
      self = untouched
      try await isolation.noteUndone(since: start, on: connection)
      let before = merged.rejects.count
      try await refuseOrphans(on: connection)
      removedInPlace = merged.rejects.count - before
      try await settle(finish, on: connection)
    }
    merged.rows.rejected = merged.rejects.count
    merged.rows.inserted = file.summary.accepted - merged.rows.duplicate - removedInPlace
    try await addSums(sql.sums(over: "\(sql.base) s"), .inserted, on: connection)
    // What was copied and taken out again stands in the server's count of the table, and in no account.
    isolation.undone.inserted += merged.rows.duplicate + removedInPlace
    isolation.undone.deleted += merged.rows.duplicate + removedInPlace
    try await closeBatch(on: connection)
  }

  private nonisolated(nonsending) mutating func settle(
    _ finish: TableFinish, on connection: PostgresConnection
  ) async throws {
    if !feed.key.isEmpty, !file.summary.keysAscend { try await setLosersAside(on: connection) }
    for statement in finish.statements { try await connection.execute(statement) }
  }
}
