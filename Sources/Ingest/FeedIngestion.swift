// One feed's new files → staging → base table, in one transaction: the entry of this room.
// Phases: 1 find the files, 2 parse, check and encode each into its own unlogged staging table, 3 in one
// transaction dedupe, merge, reconcile and write the ledger, 4 drop the staging, whatever happened, 5 write the refused
// records for people. More files than one transaction can take go through 2 to 4 in groups, the oldest first: see
// `FeedIngestion+Publishing`.
// Which feeds run, in what order, and what an error means for the rest of the night is decided in `Jobs`.

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
    var publication = FeedPublication(feed: feed, design: design, dialect: dialect, runID: runID, asOf: asOf)
    var discovery = Discovery(project: project, feed: feed)
    var choice: LoadChoice?
    var closed: ClosedMonths?
    let prepared = try await pool.withConnection { connection -> IngestOutcome? in
      try await markRejects(on: connection)
      try await discover(selection, &discovery, on: connection)
      if !discovery.files.isEmpty {
        closed = try await ClosedMonths.read(feed, project, asOf: asOf, on: connection)
      }
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
      guard let committed else { return prepared }
      return await reportingRejects(committed)
    }
    publication.closed = closed
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
      publication.earlier = committed?.rows ?? RowCounts()
      publication.earlierHeld = committed?.files.reduce(0) { $0 + $1.held } ?? 0
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
        return await reportingRejects(outcome)
      }
      committed = outcome
    }
    return IngestOutcome(
      status: .nothingNew, files: [], rows: RowCounts(), bytesIn: 0, findings: found, rejectsFile: nil)
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
    let isGone = try await connection.query(
      "select to_regclass($1) is null", [.text(publication.design.table.quoted)]
    ).first?.decode(0, as: Bool.self)
    let isAsWatched = isGone == true ? true : try await publication.watch.state(on: connection) == .asWanted
    // A table that somebody dropped is noticed on the same night, and not with the next file; triggers, too.
    if discovery.isFirst || isGone == true || !isAsWatched
      || discovery.cache.fittingDefinition != feed.definitionHash
    {
      findings += try await publication.publish([], on: connection).findings
      discovery.cache.fittingDefinition = feed.definitionHash
    }
    discovery.cache.save()
    var outcome = IngestOutcome(
      status: .nothingNew, files: [], rows: RowCounts(), bytesIn: 0, findings: findings, rejectsFile: nil)
    try await showRejects(&outcome, on: connection)
    return outcome
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
    // The server may say something in several lines.
    func told(_ word: String, _ text: String?) -> [String] {
      (text ?? "").split(separator: "\n").map { "\(word): \($0)" }
    }
    notes.insert(contentsOf: told("context", error.context) + told("detail", error.detail), at: 0)
    let state = error.sqlState.map { " (SQLSTATE \($0))" } ?? ""
    return IngestError(
      .database,
      Diagnostic(
        .error, code: "database", at: feed.position, "feed \(feed.name): \(error.message)\(state)", notes: notes,
        fix: error.hint), underlying: error)
  }
}
