// One file by chunks, from its first transaction to its last; what fails for a passing reason is gone on with.
// Invariant: every attempt starts from the ledger. Whatever was committed stays and is not done again; whatever was
// not is still in the file. The file counts as loaded only when its pieces add up to all of its records.
// One session lock for each file keeps two processes apart; the key of `daybook.chunk` is the last line of defence.

internal import CSV
internal import Definitions
internal import Finding
internal import Ledger
internal import Money
internal import Postgres
internal import Telemetry

/// Loads files of one feed by chunks.
struct ChunkedLoad: Sendable {
  let feed: FeedDefinition
  let design: TableDesign
  let dialect: FileDialect
  let zone: TimeZoneRules
  let pool: PostgresPool
  let runID: RunID
  let asOf: CivilDate
  let closed: ClosedMonths?
  let meter: ProgressMeter
  /// For files that are begun now; a file under way keeps the plan it was begun with.
  let chunkBytes: Int
  let shareBytes: Int
  /// The most connections to use.
  let workers: Int

  /// What became of one file.
  struct Result: Sendable {
    /// Nil when another process has loaded it meanwhile.
    var outcome: FileOutcome?
    var findings: [Diagnostic] = []
    /// Whether it was stopped behind the limit on refused records, part way in.
    var isStopped = false
    var duplicates = 0

    /// The same with what was found before.
    func telling(_ earlier: [Diagnostic]) -> Result {
      var result = self
      result.findings = earlier + findings
      return result
    }
  }

  /// A file that is begun.
  struct Begun: Sendable {
    var fileID: Int64
    var plan: ChunkPlan
    var committed: [PieceID: ChunkEntry]
    var hasProvenance: Bool
    /// Committed rejects that are good rows of closed months.
    var held = 0
    var findings: [Diagnostic]
  }

  private static let lockClass: Int32 = 0x6461_7963  // "dayc"
  private static let maximumFailures = 5

  /// The plan for a file that is begun now.
  func plan(for bytes: Int) -> ChunkPlan {
    ChunkPlan(chunkBytes: chunkBytes, parts: max(1, min(workers, min(bytes, chunkBytes) / shareBytes)))
  }

  /// Loads one file, or goes on with it.
  ///
  /// - Parameter isRestart: whether what was committed of it earlier is to be loaded again.
  /// - Throws: `FeedRefusal` when nothing of it is committed, `IngestError`, `PostgresError`, `CancellationError`.
  nonisolated(nonsending) func load(_ file: DiscoveredFile, isRestart: Bool) async throws -> Result {
    let (header, plan) = try open(file)
    if let cut = CutEnd(lastLineOf: file.file, fieldCount: header.fieldCount, dialect: dialect.csv) {
      throw refusal(file, [cut.finding(file.displayPath)])
    }
    var failures = 0
    var isRestart = isRestart
    while true {
      let started = ContinuousClock.now
      do {
        return try await pool.withConnection(label: "ingest \(feed.name)") { connection in
          try await self.attempt(
            file, header, plan, &isRestart, isFirst: failures == 0, since: started, on: connection)
        }
      } catch let error as PostgresError {
        // An attempt that got somewhere is no reason to give up.
        failures = ContinuousClock.now - started > .seconds(60) ? 1 : failures + 1
        guard error.isTransient || error.isOfAnotherLoad, error.kind != .poolTimeout, failures <= Self.maximumFailures,
          !Task.isCancelled
        else { throw error }
      }
      try await Task.sleep(for: .milliseconds(100 << failures))
    }
  }

  private nonisolated(nonsending) func attempt(
    _ file: DiscoveredFile, _ header: HeaderMatch, _ plan: FilePlan, _ isRestart: inout Bool, isFirst: Bool,
    since started: ContinuousClock.Instant, on connection: PostgresConnection
  ) async throws -> Result {
    let lock: [PostgresValue] = [
      .int4(Self.lockClass),
      .int4(
        file.sha256.prefix(8).reduce(feed.name.utf8.reduce(0) { ($0 &* 31) &+ Int32($1) }) { ($0 &* 31) &+ Int32($1) }),
    ]
    try await connection.execute("select pg_advisory_lock($1, $2)", lock)
    let result: Swift.Result<Result, any Error>
    do {
      let restart = isRestart
      let begun = try await connection.withTransaction { transaction in
        try await self.begin(file, header, isRestart: restart, on: transaction)
      }
      isRestart = false
      result = .success(
        try await run(
          file, header, plan, begun, isFirst: isFirst && begun?.committed.isEmpty == true, since: started,
          on: connection))
    } catch {
      result = .failure(error)
    }
    // A connection that is lost, or whose task is cancelled, gives it up with its session.
    _ = try? await connection.execute("select pg_advisory_unlock($1, $2)", lock)
    return try result.get()
  }

  // MARK: Pieces

  private nonisolated(nonsending) func run(
    _ file: DiscoveredFile, _ header: HeaderMatch, _ plan: FilePlan, _ begun: Begun?, isFirst: Bool,
    since started: ContinuousClock.Instant, on connection: PostgresConnection
  ) async throws -> Result {
    guard let begun else { return Result() }
    let told = header.findings + begun.findings
    let watch = RejectWatch(
      limit: feed.rejectLimit, rejected: begun.committed.values.reduce(-begun.held) { $0 + $1.rows.rejected },
      hasCommitted: !begun.committed.isEmpty)
    let isKey = plan.definitions.map { feed.key.contains($0.name) } + RowPlaces.staging.columns.map { _ in false }
    let producer = PieceProducer(
      file: file.file, plan: plan, dialect: dialect.expecting(fieldCount: plan.fieldCount), chunkPlan: begun.plan,
      isKey: isKey,
      committed: begun.committed, watch: watch, meter: meter)
    let writer = PieceWriter(
      feed: feed, table: design.table, statements: statements(header, plan, begun.hasProvenance), isKey: isKey,
      sums: EncodedSums(plan), fileID: begun.fileID, fileName: file.name, displayPath: file.displayPath, runID: runID,
      closed: closed, watch: watch)
    let summary: ProducedSummary
    do {
      summary = try await pump(producer, writer, parts: begun.plan.parts, on: connection)
    } catch is PieceWriter.LimitCrossed {
      return try await stop(file, begun, watch, on: connection).telling(told)
    } catch {
      throw explained(error, file)
    }
    if file.file.hasChanged { throw explained(FileChanged(line: nil), file) }
    if let cut = summary.cutEnd {
      return try await stop(file, begun, watch, at: cut.finding(file.displayPath), on: connection).telling(told)
    }
    if watch.isStopped { return try await stop(file, begun, watch, on: connection).telling(told) }
    return try await connection.withTransaction { transaction in
      try await self.finish(
        file, begun, summary, wallMs: isFirst ? (ContinuousClock.now - started).milliseconds : nil,
        on: transaction)
    }.telling(told)
  }

  private enum Share: Sendable {
    case produced(ProducedSummary)
    case written
    case helped
  }

  /// Parses and writes at the same time. The file's own connection always works; others join when the pool has them.
  private nonisolated(nonsending) func pump(
    _ producer: PieceProducer, _ writer: PieceWriter, parts: Int, on connection: PostgresConnection
  ) async throws -> ProducedSummary {
    let queue = PieceQueue(capacity: parts * 2)
    let (pool, label) = (pool, "ingest \(feed.name)")
    let helpers = min(parts, workers) - 1
    return try await withTaskCancellationHandler {
      try await withThrowingTaskGroup(of: Share.self) { group in
        group.addTask { .produced(try await Self.produce(producer, into: queue)) }
        group.addTask {
          try await Self.work(queue, writer, on: connection)
          return .written
        }
        for _ in 0..<max(0, helpers) {
          group.addTask {
            await Self.help(queue, writer, pool, label)
            return .helped
          }
        }
        var summary: ProducedSummary?
        var isWritten = false
        do {
          for try await share in group {
            switch share {
            case .produced(let produced): summary = produced
            case .written: isWritten = true
            case .helped: break
            }
            // All is committed: who still waits for a connection waits for nothing.
            if summary != nil, isWritten { group.cancelAll() }
          }
        } catch {
          throw await queue.firstFailure ?? error
        }
        guard let summary else { throw CancellationError() }
        return summary
      }
    } onCancel: {
      Task { await queue.fail(CancellationError()) }
    }
  }

  private static func produce(_ producer: PieceProducer, into queue: PieceQueue) async throws -> ProducedSummary {
    do {
      let summary = try await producer.run(into: queue)
      await queue.finish()
      return summary
    } catch {
      await queue.fail(error)
      throw error
    }
  }

  private static func work(_ queue: PieceQueue, _ writer: PieceWriter, on connection: PostgresConnection) async throws {
    while let piece = try await queue.take() {
      do {
        try await writer.write(piece, on: connection)
      } catch {
        await queue.fail(error)
        throw error
      }
      await queue.done(piece.id)
    }
  }

  /// Works on a connection of its own. Where the pool has none the others go on without this one; what fails at work
  /// is told to the queue.
  private static func help(
    _ queue: PieceQueue, _ writer: PieceWriter, _ pool: PostgresPool, _ label: String
  ) async {
    try? await pool.withConnection(label: label) { connection in
      try await Self.work(queue, writer, on: connection)
    }
  }
}
