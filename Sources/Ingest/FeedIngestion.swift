// One feed's new files → staging → base table, in one transaction: the entry of this room.
// Phases: 1 find the files, 2 parse, check and encode each into its own unlogged staging table, 3 in one
// transaction dedupe, merge, reconcile and write the ledger, 4 drop the staging, whatever happened, 5 write the refused
// records for people. More files than one transaction can take go through 2 to 4 in groups, the oldest first. Which feeds run, in what order, and what an error means for the rest of the night is
// decided in `Jobs`.

internal import CSV
public import Definitions
internal import Finding
public import Ledger
public import Money
public import Postgres
public import Telemetry

/// Loads the new files of one feed.
public struct FeedIngestion: Sendable {
  let project: Project
  let feed: FeedDefinition
  let pool: PostgresPool
  let runID: RunID
  let asOf: CivilDate
  let meter: ProgressMeter
  let workers: Int?
  /// Bytes of a chunk, for files whose load by chunks begins now.
  var chunkBytes = 1 << 20
  /// A chunk is not dealt out to more parts than leave each about so many bytes.
  var chunkShareBytes = 256 << 10
  /// The most files of one transaction, and of one look at the inbox. Each costs a few locks, of which a server has some
  /// 6,400 unless told otherwise, and a descriptor.
  var filesTogether = 400

  /// Creates the ingest of one feed; nothing happens before `run`.
  ///
  /// - Parameters:
  ///   - pool: connections to a database in which a `LedgerStore` was opened, so that its tables are there.
  ///   - workers: how many connections may load one file at the same time; nil lets the size of the file, the machine
  ///     and the pool decide. Those beyond the first are used only while the pool has them to spare.
  public init(
    project: Project, feed: FeedDefinition, pool: PostgresPool, runID: RunID, asOf: CivilDate,
    progress: any ProgressSink = NullProgress(), workers: Int? = nil
  ) {
    self.project = project
    self.feed = feed
    self.pool = pool
    self.runID = runID
    self.asOf = asOf
    meter = ProgressMeter(progress, feed: feed.name)
    self.workers = workers
  }

  /// Loads the files of `selection`; safe to call again after any end, kill included.
  ///
  /// Uses one connection of the pool, and for large files others that it can spare. Cancelling the task rolls back and drops the staging.
  /// - Throws: `IngestError`; nothing of the feed is then published by this call.
  public func run(_ selection: FileSelection = .inbox) async throws(IngestError) -> IngestOutcome {
    var committed: IngestOutcome?
    do throws(IngestError) {
      return try await run(selection, &committed)
    } catch {
      guard let committed else { throw error }
      throw IngestError(
        error.kind, told(error.diagnostics, behind: committed.files.count), underlying: error.underlying)
    }
  }

  private func run(
    _ selection: FileSelection, _ committed: inout IngestOutcome?
  ) async throws(IngestError) -> IngestOutcome {
    do {
      while true {
        do {
          var hasMore = false
          let outcome = try await load(selection, &committed, &hasMore)
          guard hasMore, outcome.status == .loaded else { return outcome }
          committed = outcome
        } catch is LoadedMeanwhile {
          // The inbox is looked at again; each time there is at least one new file fewer.
        }
      }
    } catch let error as IngestError {
      throw await advised(error)
    } catch let error as PostgresError where error.kind == .cancelled {
      throw cancelled()
    } catch is CancellationError {
      throw cancelled()
    } catch let error as PostgresError {
      throw await advised(database(error))
    } catch let error as FileChanged {
      throw IngestError(
        .fileRefused,
        Diagnostic(
          .error, code: "file_changed", at: feed.position,
          "feed \(feed.name): a file changed while it was read\(error.line.map { ", at line \($0)" } ?? "")",
          notes: ["state: nothing of this feed is committed"], fix: "wait until it is complete, then run again"))
    } catch {
      throw IngestError(
        .unreadable, Diagnostic(.error, code: "unreadable", at: feed.position, "feed \(feed.name): \(error)"))
    }
  }

  // MARK: Phases

  /// - Parameters:
  ///   - committed: what was loaded before; what this call commits is added to it at once.
  ///   - hasMore: whether the inbox has to be looked at again.
  private func load(
    _ selection: FileSelection, _ committed: inout IngestOutcome?, _ hasMore: inout Bool
  ) async throws -> IngestOutcome {
    guard let zone = TimeZoneRules(named: project.calendar.timeZone) else {
      throw IngestError(
        .definition,
        Diagnostic(
          .error, code: "time_zone", "this machine does not know the time zone \(project.calendar.timeZone)",
          fix: "install tzdata, or correct calendar.time_zone"))
    }
    if case .correction(let path) = selection { return try await requeue(path, zone) }
    let dialect = try FileDialect(feed.format)
    let design = TableDesign(
      feed: feed, schema: project.database.schema, timeZone: project.calendar.timeZone)
    let publication = FeedPublication(feed: feed, design: design, dialect: dialect, runID: runID, asOf: asOf)
    var discovery = Discovery(project: project, feed: feed)
    var choice: LoadChoice?
    let prepared = try await pool.withConnection { connection -> IngestOutcome? in
      try await markRejects(on: connection)
      try await discover(selection, &discovery, on: connection)
      choice = try await choose(for: &discovery, selection, on: connection)
      // Also on a night without files: a killed run may have been the last one with any.
      try await StagingArea.sweep(on: connection)
      // Committed by itself, so that feeds that begin at once do not wait for each other's first load.
      try await TableChanges.makeSchema(project.database.schema, on: connection)
      return discovery.files.isEmpty ? try await nothingNew(&discovery, publication, on: connection) : nil
    }
    let earlier = committed?.findings ?? []
    let found = discovery.findings.filter { !earlier.contains($0) }
    if let prepared {
      committed?.findings += found
      return committed ?? prepared
    }
    let files = discovery.files
    hasMore = discovery.isCut
    if choice?.path == .insert {
      var outcome: IngestOutcome
      do {
        outcome = try await loadInChunks(files, selection, publication, zone)
      } catch var error as IngestError {
        error.isByChunks = true
        throw error
      }
      if let before = committed {
        if outcome.status == .nothingNew { outcome.status = .loaded }
        outcome.add(before)
      }
      outcome.choice = choice
      outcome.findings = found + outcome.findings
      if outcome.status == .loaded { discovery.cache.fittingDefinition = feed.definitionHash }
      discovery.cache.save()
      return outcome
    }
    for start in stride(from: 0, to: files.count, by: filesTogether) {
      let group = Array(files[start..<min(start + filesTogether, files.count)])
      var outcome = try await loadTogether(group, publication, zone)
      if var before = committed {
        // The sum of all is told at the end.
        before.findings.removeAll { $0.code == "rejects" }
        if outcome.status == .refused { outcome.findings = told(outcome.findings, behind: before.files.count) }
        outcome.add(before)
      }
      if outcome.status == .refused || start + group.count == files.count {
        outcome.choice = choice
        outcome.findings = found + outcome.findings
        if outcome.status == .loaded { discovery.cache.fittingDefinition = feed.definitionHash }
        discovery.cache.save()
        return try await reportingRejects(outcome)
      }
      committed = outcome
    }
    return IngestOutcome(
      status: .nothingNew, files: [], rows: RowCounts(), bytesIn: 0, findings: found, rejectsFile: nil)
  }

  /// Loads files in one transaction.
  private func loadTogether(
    _ files: [DiscoveredFile], _ publication: FeedPublication, _ zone: TimeZoneRules
  ) async throws -> IngestOutcome {
    let area = StagingArea(runID: runID, feed: feed.name)
    do {
      return try await pool.withConnection { connection in
        try await area.lock(on: connection)
        let outcome: IngestOutcome
        do {
          outcome = try await stageAndPublish(files, publication, area, zone, on: connection)
        } catch {
          // Held until here so that no other process takes the tables for left-overs.
          try? await area.unlock(on: connection)
          throw error
        }
        try await area.drop(on: connection)
        try await area.unlock(on: connection)
        return outcome
      }
    } catch {
      await dropAfterFailure(area, isServerLost: (error as? PostgresError)?.isServerLost == true)
      throw error
    }
  }

  /// What is said about a failure when files were committed before it.
  private func told(_ diagnostics: [Diagnostic], behind files: Int) -> [Diagnostic] {
    diagnostics.map { diagnostic in
      var told = diagnostic
      told.notes = diagnostic.notes.map { note in
        guard note.hasPrefix("state: nothing of ") else { return note }
        let rest = note.firstIndex(of: ";").map { String(note[$0...]) } ?? ""
        return "state: the \(files) files before it are committed, and nothing behind them\(rest)"
      }
      return told
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

  /// A night without a new file: the table is made or compared when its definition changed, else nothing is done.
  private nonisolated(nonsending) func nothingNew(
    _ discovery: inout Discovery, _ publication: FeedPublication, on connection: PostgresConnection
  ) async throws -> IngestOutcome {
    if discovery.isFirst, feed.isRequired, discovery.isInbox {
      throw IngestError(
        .missingFeed,
        Diagnostic(
          .error, code: "missing_feed", at: feed.position,
          discovery.waiting.isEmpty
            ? "feed \(feed.name): no file \(feed.filePattern) ever came to \(project.inbox)"
            : "feed \(feed.name) never had a file, and what is there waits",
          notes: discovery.waiting.prefix(5).map { $0.message },
          fix: discovery.waiting.first?.fix ?? "deliver one, or set required: false"))
    }
    var findings = discovery.findings
    if discovery.isFirst || discovery.cache.fittingDefinition != feed.definitionHash {
      findings += try await publication.publish([], on: connection).findings
      discovery.cache.fittingDefinition = feed.definitionHash
    }
    discovery.cache.save()
    var outcome = IngestOutcome(
      status: .nothingNew, files: [], rows: RowCounts(), bytesIn: 0, findings: findings, rejectsFile: nil)
    try await showRejects(&outcome, on: connection)
    return outcome
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

  /// Writes and tells what was refused.
  func reportingRejects(_ outcome: IngestOutcome) async throws -> IngestOutcome {
    try await pool.withConnection { connection in
      var outcome = outcome
      try await reportRejects(&outcome, on: connection)
      return outcome
    }
  }

  /// Brings the files into the table by the shortest way that holds: the first one straight into an empty table, else
  /// from staging; and once more with single rows set aside, should the server refuse some that nobody could foresee.
  private nonisolated(nonsending) func publish(
    _ files: [DiscoveredFile], _ publication: FeedPublication, _ loader: StagingLoader, _ area: StagingArea,
    on connection: PostgresConnection
  ) async throws -> (files: [FileOutcome], findings: [Diagnostic]) {
    var findings: [Diagnostic] = []
    var staged: [StagedFile] = []
    func stage(_ range: Range<Int>) async throws {
      for index in range {
        let (next, warnings) = try await loader.stage(files[index], into: area.table(index), on: connection)
        findings += warnings
        staged.append(next)
      }
      try publication.checkLimit(staged, [])
    }
    var mode = WriteMode.together
    // One transaction has one connection: who asks for more gets them by way of staging.
    if (workers ?? 1) == 1, try await publication.mayCopyInPlace(files, on: connection) {
      try await stage(1..<files.count)
      var warnings: [Diagnostic] = []
      let first = FileInPlace(sha256: files[0].sha256) { transaction, number in
        let (file, found) = try await loader.copyInPlace(
          files[0], into: publication.design.table, number: number, on: transaction)
        warnings = found
        return file
      }
      do {
        let published = try await publication.publish(staged, first: first, on: connection)
        return (published.files, warnings + findings + published.findings)
      } catch is NotInPlace {
      } catch let error as PostgresError where error.isAboutData {
        mode = .isolating
      }
      let others = staged
      staged = []
      try await stage(0..<1)
      staged += others
    } else {
      try await stage(0..<files.count)
    }
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

  // MARK: Errors

  func cancelled(_ state: String = "nothing of this feed is committed") -> IngestError {
    IngestError(
      .cancelled,
      Diagnostic(
        .error, code: "cancelled", at: feed.position, "feed \(feed.name) was cancelled",
        notes: ["state: \(state)"], fix: "run again: daybook ingest \(feed.name)"))
  }

  func database(_ error: PostgresError, _ state: String = "nothing of this feed is committed") -> IngestError {
    var notes = ["state: \(state); safe to run again: daybook ingest \(feed.name)"]
    if let detail = error.detail { notes.insert("detail: \(detail)", at: 0) }
    if let context = error.context { notes.insert("context: \(context)", at: 0) }
    let state = error.sqlState.map { " (SQLSTATE \($0))" } ?? ""
    return IngestError(
      .database,
      Diagnostic(
        .error, code: "database", at: feed.position, "feed \(feed.name): \(error.message)\(state)", notes: notes,
        fix: error.hint), underlying: error)
  }
}

extension PostgresError {
  /// Whether there may be no server any more that could be asked for anything.
  fileprivate var isServerLost: Bool { [.connectionLost, .unreachable, .poolTimeout].contains(kind) }
}
