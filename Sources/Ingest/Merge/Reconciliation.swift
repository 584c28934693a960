// Every row and every amount of a file must be somewhere: the proof, before anything is committed.
// The read side is counted by the client while it parses; the other side comes from SQL over what the tables hold.
// Invariant: a difference is an error that rolls back. It is never a warning and never a log line.

internal import Definitions
internal import Finding
internal import Ledger
internal import Money
internal import Postgres

/// Proves that one file adds up.
struct Reconciliation {
  let feed: String
  let file: StagedFile

  func check(_ rows: RowCounts, _ controls: ControlTotals) throws {
    var notes: [String] = []
    if !rows.isReconciled {
      let accounted = rows.inserted + rows.updated + rows.unchanged + rows.duplicate + rows.rejected
      notes.append(
        "rows: \(rows.read) read; \(rows.inserted) inserted + \(rows.updated) updated + \(rows.unchanged) unchanged + "
          + "\(rows.duplicate) duplicate + \(rows.rejected) rejected = \(accounted)")
    }
    for difference in controls.differences.prefix(6) {
      let rest = difference.read.subtracting(difference.accounted)?.description ?? "too large to state"
      notes.append(
        "\(difference.column) \(difference.currency): \(difference.read) read, \(difference.accounted) in the tables, "
          + "difference \(rest)")
    }
    if let problem = file.summary.controlProblem ?? (controls.hasOverflowed ? "a sum has more than 38 digits" : nil) {
      throw Self.error(
        feed, "\(file.name) cannot be added up", at: SourcePosition(file: file.displayPath), [problem],
        fix: "correct the file; or leave out control: on that column, and its money is not proven")
    }
    guard !notes.isEmpty else { return }
    throw Self.error(
      feed, "\(file.name) does not add up", at: SourcePosition(file: file.displayPath), notes)
  }

  /// Compares what the server counted for the table in this transaction with what was accounted for: a trigger
  /// that touches other rows shows up here.
  static func checkChanges(feed: FeedDefinition, rows: RowCounts, before: RowCounts?, after: RowCounts?) throws {
    guard let before, let after else { return }
    var notes: [String] = []
    func compare(_ what: String, _ counted: Int, _ accounted: Int) {
      if counted != accounted {
        notes.append("the server \(what) \(counted) rows of the table, the files account for \(accounted)")
      }
    }
    compare("inserted", after.inserted - before.inserted, rows.inserted)
    compare("updated", after.updated - before.updated, rows.updated)
    compare("deleted", after.deleted - before.deleted, rows.deleted)
    if !notes.isEmpty { throw error(feed.name, "the table does not add up", at: feed.position, notes) }
  }

  private static func error(
    _ feed: String, _ what: String, at position: SourcePosition, _ notes: [String], fix: String? = nil
  ) -> IngestError {
    IngestError(
      .reconciliation,
      Diagnostic(
        .error, code: "reconciliation", at: position, "feed \(feed): \(what)",
        notes: notes + ["state: nothing of this feed is committed"],
        fix: fix ?? "look for a trigger or rule on the table; then run again: daybook ingest \(feed)"))
  }
}

/// Rows that this transaction inserted, updated and deleted in a table, whoever did it; nil when the server does not
/// count.
nonisolated(nonsending) func transactionChanges(
  of table: QualifiedName, on connection: PostgresConnection
) async throws -> RowCounts? {
  let rows = try await connection.query(
    """
    select pg_stat_get_xact_tuples_inserted(c.oid), pg_stat_get_xact_tuples_updated(c.oid),
      pg_stat_get_xact_tuples_deleted(c.oid)
    from to_regclass($1) as c(oid) where current_setting('track_counts')::boolean
    """, [.text(table.quoted)])
  guard let row = rows.first else { return nil }
  return RowCounts(inserted: try row.decode(0), updated: try row.decode(1), deleted: try row.decode(2))
}
