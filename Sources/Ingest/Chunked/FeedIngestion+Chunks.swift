// The files of one feed by chunks, one after the other, and what `load:` chooses between.
// Invariant: a file that is behind a failed one is not begun; what was committed is said.

internal import CSV
internal import Definitions
internal import Finding
internal import Ledger
internal import Money
internal import Postgres

extension FeedIngestion {
  /// Chooses the way for the files of this call; nil where the definition leaves no choice.
  nonisolated(nonsending) func choose(
    for discovery: inout Discovery, _ selection: FileSelection, on connection: PostgresConnection
  ) async throws -> LoadChoice? {
    let loading = try await ChunkLedger.loading(feed: feed.name, on: connection)
    let found = Set(discovery.files.map(\.sha256))
    let resumed = loading.filter { found.contains($0.sha256) }
    if discovery.isInbox, !discovery.isCut {
      let names = Set(discovery.files.map(\.name))
      for file in loading where !found.contains(file.sha256) && !names.contains(file.name) {
        discovery.findings.append(missing(file, discovery))
      }
    }
    guard !discovery.files.isEmpty, feed.load != .copy || !resumed.isEmpty else { return nil }
    var judged = feed
    // A control file that came must be compared, whether it had to come or not.
    if discovery.files.contains(where: { $0.control != nil }) { judged.controlFile = .required }
    let choice = LoadChoice.make(
      judged, files: discovery.files.map { ($0.name, $0.file.identity.bytes) }, isResumed: !resumed.isEmpty,
      try await LoadConditions.read(feed, project, on: connection))
    // What staging is to load again must not be gone on with as well. Only a feed with a key has such an obstacle.
    if choice.path != .insert {
      for file in resumed { try await ChunkLedger.supersede(file.fileID, on: connection) }
    }
    return choice
  }

  private static let partsCommitted = "the chunks that are committed stay, and the next run goes on behind them"

  private func missing(_ file: LoadingFile, _ discovery: Discovery) -> Diagnostic {
    Diagnostic(
      .warning, code: "half_loaded", at: SourcePosition(file: discovery.display("\(project.inbox)/\(file.name)")),
      "feed \(feed.name): the file is part way in, with \(file.rows.read) records committed, and it is gone",
      notes: ["state: its committed rows are in the table; it does not count as loaded"],
      fix: "put it back into the inbox, then run again: daybook ingest \(feed.name)")
  }

  /// Loads files by chunks.
  func loadInChunks(
    _ files: [DiscoveredFile], _ selection: FileSelection, _ publication: FeedPublication, _ zone: TimeZoneRules
  ) async throws -> IngestOutcome {
    let isRestart =
      switch selection {
      case .inbox, .correction: false
      case .file(_, let reload): reload
      case .reloadInbox: true
      }
    let load = ChunkedLoad(
      feed: feed, design: publication.design, dialect: publication.dialect, zone: zone, pool: pool, runID: runID,
      asOf: asOf, closed: publication.closed, meter: meter, chunkBytes: chunkBytes, shareBytes: chunkShareBytes,
      workers: max(1, project.database.pool.max - 1))
    var outcome = IngestOutcome(
      status: .nothingNew, files: [], rows: RowCounts(), bytesIn: 0, findings: [], rejectsFile: nil)
    for file in files where outcome.status != .refused {
      do {
        let result = try await load.load(file, isRestart: isRestart)
        outcome.findings += result.findings
        guard let loaded = result.outcome else { continue }
        outcome.status = result.isStopped ? .refused : .loaded
        outcome.files.append(loaded)
        outcome.bytesIn += loaded.bytes
        if result.duplicates > 0 { outcome.findings.append(duplicateNote(file, result.duplicates)) }
      } catch let error as PostgresError {
        throw error.kind == .cancelled ? cancelled(Self.partsCommitted) : database(error, Self.partsCommitted)
      } catch is CancellationError {
        throw cancelled(Self.partsCommitted)
      } catch let refusal as FeedRefusal {
        outcome.status = .refused
        outcome.findings += refusal.findings
        let refused = try await pool.withConnection { connection in
          try await recordRefusal(refusal, publication, on: connection)
        }
        outcome.files += refused
      }
    }
    outcome.rows = outcome.files.reduce(RowCounts()) { $0 + $1.rows }
    return await reportingRejects(outcome)
  }

  private func duplicateNote(_ file: DiscoveredFile, _ count: Int) -> Diagnostic {
    Diagnostic(
      .note, code: "duplicate_keys", at: SourcePosition(file: file.displayPath),
      (count == 1 ? "1 record has a key" : "\(count) records have a key")
        + " that comes again later in its chunk; the last one of each key was taken",
      notes: ["listed, with the line that was taken, in data/duplicates.csv beside the next reports"])
  }
}
