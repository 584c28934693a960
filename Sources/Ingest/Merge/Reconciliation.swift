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
    var differences = Differences()
    differences.compare(rows)
    differences.compare(controls)
    if let problem = file.summary.controlProblem ?? (controls.hasOverflowed ? "a sum has more than 38 digits" : nil) {
      throw Self.error(
        feed, "\(file.name) cannot be added up", at: SourcePosition(file: file.displayPath), [problem],
        fix: "correct the file; or leave out control: on that column, and its money is not proven")
    }
    guard !differences.notes.isEmpty else { return }
    throw Self.error(
      feed, "\(file.name) does not add up", at: SourcePosition(file: file.displayPath), differences.notes)
  }

  /// Compares what the server counted for the table in this transaction with what was accounted for: a trigger
  /// that touches other rows shows up here.
  static func checkChanges(feed: FeedDefinition, rows: RowCounts, before: RowCounts?, after: RowCounts?) throws {
    var differences = Differences()
    differences.compare(rows, before: before, after: after, records: "the files")
    guard !differences.notes.isEmpty else { return }
    throw error(feed.name, "the table does not add up", at: feed.position, differences.notes)
  }

  private static func error(
    _ feed: String, _ what: String, at position: SourcePosition, _ notes: [String], fix: String? = nil
  ) -> IngestError {
    IngestError(
      .reconciliation,
      Diagnostic(
        .error, code: "reconciliation", at: position, "feed \(feed): \(what)",
        notes: notes + ["state: nothing of this feed is committed"],
        fix: fix ?? Differences.fix(feed: feed)))
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
