// One file into its staging table: header, plan, and then parse, check, encode and COPY at the same time.
// Invariant: what COPY says it took is what the encoder accepted, and the file is the same at the end as at the
// start; otherwise nothing of it is used.

internal import CSV
internal import Definitions
internal import Finding
internal import Ledger
internal import Money
internal import Postgres

/// Fills staging tables.
struct StagingLoader: Sendable {
  let feed: FeedDefinition
  let dialect: FileDialect
  let zone: TimeZoneRules
  let meter: ProgressMeter
  /// Lends connections beyond the first.
  var pool: PostgresPool?
  /// How many connections may load one file into staging at the same time; nil: as its size suggests.
  var workers: Int?
  var chunkBytes = readChunkBytes

  /// Loads one file into a new table.
  ///
  /// - Throws: `FeedRefusal` for a file that cannot be used as a whole, `PostgresError`, `CancellationError`.
  nonisolated(nonsending) func stage(
    _ discovered: DiscoveredFile, into table: QualifiedName, on connection: PostgresConnection
  ) async throws -> (StagedFile, [Diagnostic]) {
    let started = ContinuousClock.now
    return try await refusing(discovered) {
      let file = discovered.file
      let (header, plan) = try plan(discovered)
      try await connection.execute(MergeStatements.createStaging(table, columns: header.columns, timeZone: zone.name))
      let helpers = helpers(table, bytes: file.identity.bytes)
      let summary = try await copy(file, plan, into: [(table, connection)], places: .staging, helpers: helpers)
      if file.hasChanged { throw FileChanged() }
      var staged = staged(discovered, header, in: table, summary, started)
      staged.isInFileOrder = helpers?.hasJoined != true
      return (staged, header.findings)
    }
  }

  /// Copies a file straight into the base table, which is empty.
  ///
  /// - Parameter number: the file's number in the ledger, for the rows that keep it; nil where they do not.
  /// - Throws: as `stage`.
  nonisolated(nonsending) func copyInPlace(
    _ discovered: DiscoveredFile, into table: QualifiedName, number: Int64, on connection: PostgresConnection
  ) async throws -> (StagedFile, [Diagnostic]) {
    let started = ContinuousClock.now
    return try await refusing(discovered) {
      let (header, plan) = try plan(discovered)
      let summary = try await copy(
        discovered.file, plan, into: [(table, connection)], places: .provenance(file: number))
      if discovered.file.hasChanged { throw FileChanged() }
      return (staged(discovered, header, in: table, summary, started), header.findings)
    }
  }

  private func staged(
    _ discovered: DiscoveredFile, _ header: HeaderMatch, in table: QualifiedName, _ summary: EncodedSummary,
    _ started: ContinuousClock.Instant
  ) -> StagedFile {
    var places: [String: Int] = [:]
    for (column, field) in zip(feed.columns, header.fields) { places[column.name] = field }
    return StagedFile(
      name: discovered.name, displayPath: discovered.displayPath, file: discovered.file, sha256: discovered.sha256,
      isReload: discovered.isReload, staging: table, dialect: dialect.expecting(fieldCount: header.fieldCount),
      started: started,
      columns: header.columns, places: places, summary: summary, header: header.names, control: discovered.control)
  }

  /// Runs `body`; what makes the file as a whole useless becomes a `FeedRefusal`.
  private nonisolated(nonsending) func refusing<R>(
    _ discovered: DiscoveredFile, _ body: nonisolated(nonsending) () async throws -> R
  ) async throws -> R {
    do {
      return try await body()
    } catch is CSVError where discovered.file.hasChanged {
      // A file that is cut short under the reader looks damaged, and is not.
      throw changed(discovered)
    } catch let error as FileChanged {
      throw changed(discovered, line: error.line)
    } catch {
      if let defects = diagnostics(ofFileDefect: error, at: discovered.displayPath) {
        throw refusal(discovered, defects)
      }
      throw error
    }
  }

  private func changed(_ discovered: DiscoveredFile, line: Int? = nil) -> FeedRefusal {
    refusal(
      discovered,
      [
        Diagnostic(
          .error, code: "file_changed", at: SourcePosition(file: discovered.displayPath, line: line),
          "the file changed while it was read", fix: "wait until it is complete, then run again")
      ])
  }

  /// Matches the file's header with the feed, and compiles what to do with its records.
  ///
  /// - Throws: `DiagnosticsError`, `CSVError`, `HeaderDefect`.
  func plan(_ discovered: DiscoveredFile) throws -> (HeaderMatch, FilePlan) {
    let header = try HeaderMatch(
      try discovered.file.header(dialect: dialect), feed: feed, file: discovered.displayPath)
    return (header, FilePlan(feed: feed, fields: header.fields, fieldCount: header.fieldCount, zone: zone))
  }

  /// Copies the good records of a file into tables that are there: into one in the order of the file, or into
  /// several at the same time, each row into one of them.
  ///
  /// - Parameters:
  ///   - tables: each with a connection of its own; what is written belongs to that connection's transaction.
  ///   - places: what is written behind the feed's columns.
  /// - Throws: `PostgresError`, `CSVError`, `CancellationError`, or `IngestError` when a server took another number
  ///   of rows than it was sent. Nothing of the COPY that failed is kept.
  nonisolated(nonsending) func copy(
    _ file: OpenFile, _ plan: FilePlan, into tables: [(QualifiedName, PostgresConnection)], places: RowPlaces
  ) async throws -> EncodedSummary {
    try await copy(file, plan, into: tables, places: places, helpers: nil)
  }

  private nonisolated(nonsending) func copy(
    _ file: OpenFile, _ plan: FilePlan, into tables: [(QualifiedName, PostgresConnection)], places: RowPlaces,
    helpers: StagingHelpers?
  ) async throws -> EncodedSummary {
    // Without a worker the reader would wait for ever.
    if tables.isEmpty { throw PostgresError(.misuse, "no table to copy into") }
    let pass = CopyPass(
      file, plan: plan, dialect: dialect.expecting(fieldCount: plan.fieldCount), places: places, chunkBytes: chunkBytes,
      meter: meter)
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await pass.read() }
      for (table, connection) in tables {
        group.addTask {
          await pass.work(into: table, on: connection)
          // Every chunk has gone to somebody, or the pass has failed.
          helpers?.close()
        }
      }
      for number in 1..<max(1, helpers?.workers ?? 1) {
        group.addTask { await helpers?.join(pass, as: number) }
      }
      for await _ in group where pass.failure != nil { group.cancelAll() }
    }
    do {
      return try pass.summary()
    } catch let error as RowsLost {
      throw IngestError(
        .reconciliation,
        Diagnostic(
          .error, code: "reconciliation", at: feed.position,
          "feed \(feed.name): the server took \(error.taken) of \(error.sent) rows into staging",
          notes: ["state: nothing of this feed is committed"]))
    }
  }

  private func helpers(_ table: QualifiedName, bytes: Int) -> StagingHelpers? {
    guard let pool else { return nil }
    let workers = workers ?? StagingHelpers.workers(forBytes: bytes, pool)
    guard workers > 1 else { return nil }
    return StagingHelpers(pool: pool, workers: workers, staging: table, label: "staging of \(feed.name)")
  }

  private func refusal(_ file: DiscoveredFile, _ diagnostics: [Diagnostic]) -> FeedRefusal {
    FeedRefusal(file, diagnostics, nothingOf: "feed \(feed.name)")
  }
}
