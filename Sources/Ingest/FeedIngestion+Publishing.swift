// The new files of one call on their way into the table: staging, the transaction that publishes them, what is recorded
// when they are refused.
// Invariant: once a transaction has committed, nothing that comes behind it (staging that cannot be dropped, a list that
// cannot be written) makes a failure of it that says otherwise.
// Which files these are, and what is said about errors, is in `FeedIngestion`.

internal import Definitions
internal import Finding
internal import Ledger
internal import Money
internal import Postgres

extension FeedIngestion {
  /// Loads files in one transaction.
  func loadTogether(
    _ files: [DiscoveredFile], _ publication: FeedPublication, _ zone: TimeZoneRules
  ) async throws -> IngestOutcome {
    let area = StagingArea(runID: runID, feed: feed.name)
    return try await withStaging(area) { connection in
      try await stageAndPublish(files, publication, area, zone, on: connection)
    }
  }

  /// Lends a connection that holds `area`, and drops the area behind `body`, whichever way it ends.
  ///
  /// What `body` has committed stays committed when its staging cannot be dropped: the next ingest sweeps.
  func withStaging<R: Sendable>(
    _ area: StagingArea, _ body: nonisolated(nonsending) (PostgresConnection) async throws -> R
  ) async throws -> R {
    var isTidy = true
    do {
      let result = try await pool.withConnection { connection in
        try await area.lock(on: connection)
        let result: R
        do {
          result = try await body(connection)
        } catch {
          // Held until here so that no other process takes the tables for left-overs.
          try? await area.unlock(on: connection)
          throw error
        }
        do { try await area.drop(on: connection) } catch { isTidy = false }
        do { try await area.unlock(on: connection) } catch { isTidy = false }
        return result
      }
      if !isTidy { await dropAfterFailure(area, isServerLost: true) }
      return result
    } catch {
      await dropAfterFailure(area, isServerLost: (error as? PostgresError)?.isServerLost == true)
      throw error
    }
  }

  /// Drops the staging in a task of its own: the caller's may be cancelled, and its connection gone.
  func dropAfterFailure(_ area: StagingArea, isServerLost: Bool = false) async {
    let pool = pool
    let drop = Task {
      // Should this fail too, the next ingest sweeps.
      _ = try? await pool.withConnection { connection in try await area.drop(on: connection) }
    }
    // Only the session may be gone; but for a server that is, nobody should wait long just to tidy up.
    let limit = isServerLost ? Task { if (try? await Task.sleep(for: .seconds(1))) != nil { drop.cancel() } } : nil
    await drop.value
    limit?.cancel()
  }

  nonisolated(nonsending) func stageAndPublish(
    _ files: [DiscoveredFile], _ publication: FeedPublication, _ area: StagingArea, _ zone: TimeZoneRules,
    on connection: PostgresConnection
  ) async throws -> IngestOutcome {
    let loader = StagingLoader(
      feed: feed, dialect: publication.dialect, zone: zone, meter: meter, pool: pool, workers: workers)
    var findings: [Diagnostic] = []
    var outcome = IngestOutcome(
      status: .loaded, files: [], rows: RowCounts(), bytesIn: files.reduce(0) { $0 + $1.file.identity.bytes },
      findings: [], rejectsFile: nil)
    do {
      let published = try await publish(files, publication, loader, area, on: connection)
      outcome.files = published.files
      findings += published.findings
    } catch let refusal as FeedRefusal {
      outcome.status = .refused
      outcome.files = try await recordRefusal(refusal, publication, on: connection)
      findings += refusal.findings
    }
    outcome.rows = outcome.files.reduce(RowCounts()) { $0 + $1.rows }
    outcome.findings = findings
    return outcome
  }

  /// Brings the files into the table by the shortest way that holds: the first one straight into an empty table, else
  /// from staging; and once more with single rows set aside, should the server refuse some that nobody could foresee.
  private nonisolated(nonsending) func publish(
    _ files: [DiscoveredFile], _ publication: FeedPublication, _ loader: StagingLoader, _ area: StagingArea,
    on connection: PostgresConnection
  ) async throws -> (files: [FileOutcome], findings: [Diagnostic]) {
    var findings: [Diagnostic] = []
    func stage(_ range: Range<Int>) async throws -> [StagedFile] {
      var staged: [StagedFile] = []
      for index in range {
        let (next, warnings) = try await loader.stage(files[index], into: area.table(index), on: connection)
        findings += warnings
        staged.append(next)
      }
      return staged
    }
    var mode = WriteMode.together
    var others: [StagedFile] = []
    // One transaction has one connection: who asks for more gets them by way of staging.
    if (workers ?? 1) == 1, try await publication.mayCopyInPlace(files, on: connection) {
      // What was refused of these is judged together with the first file, once that is read.
      others = try await stage(1..<files.count)
      var warnings: [Diagnostic] = []
      let first = FileInPlace(sha256: files[0].sha256) { transaction, number in
        let (file, found) = try await loader.copyInPlace(
          files[0], into: publication.design.table, number: number, on: transaction)
        warnings = found
        return file
      }
      do {
        let published = try await publication.publish(others, first: first, on: connection)
        return (published.files, warnings + findings + published.findings)
      } catch is NotInPlace {
      } catch let error as PostgresError where error.isAboutData {
        mode = .isolating
      }
    }
    let staged = try await stage(0..<(files.count - others.count)) + others
    try publication.checkLimit(staged, [])
    do {
      let published = try await publication.publish(staged, mode: mode, on: connection)
      return (published.files, findings + published.findings)
    } catch let error as PostgresError where error.isAboutData && mode == .together {
      let published = try await publication.publish(staged, mode: .isolating, on: connection)
      return (published.files, findings + published.findings)
    }
  }

  /// Records the refused files and their records in a transaction of their own.
  nonisolated(nonsending) func recordRefusal(
    _ refusal: FeedRefusal, _ publication: FeedPublication, on connection: PostgresConnection
  ) async throws -> [FileOutcome] {
    try await connection.withTransaction { transaction in
      var outcomes: [FileOutcome] = []
      for file in refusal.files {
        let rows = RowCounts(read: file.rowsRead, rejected: file.rejects.count)
        let sums = file.controls.entries
        let fileID = try await FileLedger.record(
          FileEntry(
            feed: feed.name, name: file.name, sha256: file.sha256, bytes: file.bytes, runID: runID, asOf: asOf,
            status: .refused, rows: rows, controlSums: sums, header: file.header, statements: file.statements,
            replacesNamesakes: publication.correction == nil),
          on: transaction)
        // The rejects that a correction was about are open already.
        if publication.correction == nil {
          try await FileLedger.recordRejects(
            publication.rejectEntries(file.rejects, fileID: fileID, file: file.name), on: transaction)
        }
        outcomes.append(
          FileOutcome(
            name: file.name, sha256: file.sha256, bytes: file.bytes, rows: rows, controlSums: sums, fileID: fileID))
      }
      return outcomes
    }
  }
}

extension PostgresError {
  /// Whether there may be no server any more that could be asked for anything.
  fileprivate var isServerLost: Bool { [.connectionLost, .unreachable, .poolTimeout].contains(kind) }
}
