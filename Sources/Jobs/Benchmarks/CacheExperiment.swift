// What results that are kept save: a query asked of the server, found in PostgreSQL's tier, and found in memory; and a
// whole report stage with nothing kept, with one view changed, and with nothing changed.
// Invariant: every side gives the same rows, or no figure is shown. Everything happens in databases of the experiment.

internal import Cache
public import Definitions
internal import Glibc
internal import Ingest
internal import Ledger
internal import Postgres
internal import Synchronization
internal import Views

/// The experiments.
public enum CacheExperiment: String, MeasuredExperiment, Hashable {
  /// Three results of different sizes, by where they come from.
  case tiers
  /// The report stage.
  case stage

  /// What it compares, for a person who chooses.
  public var summary: String {
    switch self {
    case .tiers: "a few, a few thousand and very many rows: asked of the server, from PostgreSQL's tier, from memory"
    case .stage: "the report stage: nothing kept, one view changed, nothing changed"
    }
  }
}

/// Measures the cache.
public struct CacheBenchmark: Sendable {
  let project: Project
  let size: BenchmarkSize

  /// - Parameters:
  ///   - project: whose server, feeds, views and reports are used.
  ///   - size: how large; rows are those of the table of transactions.
  public init(project: Project, size: BenchmarkSize) {
    self.project = project
    self.size = size
  }

  /// Runs one experiment.
  ///
  /// - Parameter told: called with one line for each step.
  /// - Throws: `StageFailure`, also when the sides gave different rows.
  public func run(
    _ experiment: CacheExperiment, told: @escaping @Sendable (String) -> Void
  ) async throws -> ExperimentResult {
    try await Workbench.with(project, size, Workbench.noProgram, told) { bench in
      let sample = try bench.makeSample(rows: bench.size.rows ?? 100_000)
      return try await bench.withShop(connections: 2) { shop in
        for feed in bench.feeds { try await shop.ingest(feed, .inbox) }
        _ = try await ViewRefresher(project: shop.session.project, pool: shop.session.pool).refresh(.all)
        switch experiment {
        case .tiers: return try await CacheTiersExperiment(shop: shop, rows: sample.rows).run()
        case .stage: return try await ReportStageExperiment(shop: shop, rows: sample.rows).run()
        }
      }
    }
  }
}

struct CacheTiersExperiment {
  let shop: ScratchShop
  let rows: Int

  /// One result.
  private struct Item: Sendable {
    var name: String
    var sql: String
  }

  private var items: [Item] {
    let schema = quoteIdentifier(shop.session.project.database.schema)
    return [
      Item(
        name: "few",
        sql: """
          select currency, date_trunc('month', occurred_at)::date as month, type, count(*) as payments,
            sum(amount) as amount
          from \(shop.table) group by 1, 2, 3 order by 1, 2, 3
          """),
      Item(name: "some", sql: "select * from \(schema).revenue_daily order by 1, 2"),
      Item(name: "many", sql: "select * from \(schema).customer_value order by 1, 2"),
    ]
  }

  func run() async throws -> ExperimentResult {
    let rounds = shop.bench.size.rounds ?? 20
    let tier = try PostgresTier(configuration: shop.session.configuration)
    let result = await outcome { try await measure(tier, rounds: rounds) }
    await shielded { await tier.shutdown() }
    return try result.get()
  }

  private func measure(_ tier: PostgresTier, rounds: Int) async throws -> ExperimentResult {
    let memory = MemoryTier(maximumBytes: 256 << 20)
    let (above, below) = (TieredCache(tiers: [memory]), TieredCache(tiers: [tier]))
    let pool = shop.session.pool
    var measurements: [Measurement] = []
    var table = [["result", "rows", "bytes", "packed", "server ms", "postgresql ms", "memory ms"]]
    for item in items {
      let found = FoundRows()
      func side(_ name: String, _ cache: TieredCache?) -> BenchSide {
        let (sql, label) = (item.sql, item.name)
        return BenchSide(name) { _ in
          let rows = try await pool.withConnection(label: "bench") { connection in
            guard let cache else { return try ResultRows(try await connection.query(sql)) }
            let session = try await CacheSession.read(on: connection)
            return try await QueryCache(cache: cache, session: session, codeVersion: "bench").rows(
              sql, inputs: [], label: label, on: connection
            ).rows
          }
          found.rows.withLock { $0 = rows }
        } check: { _ in
          try found.agree(name)
        }
      }
      let sides = [
        side("\(item.name)_server", nil), side("\(item.name)_postgresql", below), side("\(item.name)_memory", above),
      ]
      try await shop.bench.seconds(sides, rounds: 2, label: "\(item.name), warming up")
      let times = try await shop.bench.seconds(sides, rounds: rounds, label: "\(item.name), round")
      for (place, side) in sides.enumerated() {
        measurements.append(
          Measurement(
            side.name, unit: "ms", samples: times[place].map { $0 * 1000 }, against: place == 0 ? nil : sides[0].name))
      }
      let rows = found.rows.withLock { $0 }
      let bytes = rows.flatMap { RowCodec.encode($0) }?.count ?? 0
      let packed = try await pool.withConnection(label: "bench") { connection in
        try await CacheContents.read(on: connection).largest.first { $0.label == item.name }?.packedBytes ?? 0
      }
      table.append(
        [item.name, String(rows?.rows.count ?? 0), String(bytes), String(packed)]
          + times.map { fixed((Spread($0)?.median ?? 0) * 1000) })
    }
    measurements.append(try await hit(above, rounds: rounds))
    var result = ExperimentResult(
      named: CacheExperiment.tiers.rawValue, title: "rows by where they come from, \(self.rows) transactions", rows: 0,
      bytes: 0, measurements: measurements,
      notes: [
        "each takes a connection, asks how its session is set but for server, and ends with rows in memory; _memory unpacks nothing but decodes",
        "memory_hit: one question whose key is known, through all of the cache, without decoding",
      ])
    result.table = table
    return result
  }

  /// One answer out of memory, many times.
  private func hit(_ cache: TieredCache, rounds: Int) async throws -> Measurement {
    let session = CacheSession(role: "bench", database: "bench", settings: [])
    let questions = (0..<200).map { number in
      CacheQuestion(sql: "select \(number)", session: session, codeVersion: "bench", inputs: [])
    }
    func ask(_ question: CacheQuestion) async throws -> Bool {
      let answer = try await cache.answer(question) { MadeValue(0, bytes: [UInt8](repeating: 1, count: 4_096)) }
      if case .kept = answer { return true }
      return false
    }
    for question in questions { _ = try await ask(question) }
    var samples: [Double] = []
    for _ in 0..<max(5, rounds) {
      var batches: [Double] = []
      for _ in 0..<50 {
        var kept = 0
        let taken = try await shop.bench.seconds {
          for question in questions where try await ask(question) { kept += 1 }
        }
        guard kept == questions.count else { throw ScratchShop.unequal("memory lost what it held") }
        batches.append(taken * 1_000_000 / Double(kept))
      }
      // A batch is shorter than a turn of the processor, so that most are not interrupted by other work.
      if let spread = Spread(batches) { samples.append(spread.median) }
    }
    return Measurement("memory_hit", unit: "us", samples: samples, target: .value(2))
  }

  /// The rows of a side, and those of the side before it.
  private final class FoundRows: Sendable {
    let rows = Mutex<ResultRows?>(nil)
    private let agreed = Mutex<ResultRows?>(nil)

    func agree(_ side: String) throws {
      let own = rows.withLock { $0 }
      let known = agreed.withLock { known in
        if known == nil { known = own }
        return known
      }
      guard known == own, own?.rows.isEmpty == false else { throw ScratchShop.unequal("\(side) gave other rows") }
    }
  }
}

struct ReportStageExperiment {
  let shop: ScratchShop
  let rows: Int

  func run() async throws -> ExperimentResult {
    let session = shop.session
    let rounds = shop.bench.size.rounds ?? 10
    guard let changed = session.project.reports.flatMap(\.sections).flatMap(\.inputs).sorted().first else {
      throw StageFailure(.usage, "usage", "the project has no report that reads anything")
    }
    let change: BenchSide.Step = { _ in
      try await session.pool.withConnection(label: "bench") { _ = try await DataVersions.bump(changed, on: $0) }
    }
    let forget: BenchSide.Step = { _ in _ = try await session.forgetResults(of: []) }
    let stage: @Sendable (Bool) async throws -> Void = { isForced in try await Self.stage(session, isForced: isForced) }
    let sides = [
      BenchSide("nothing_kept", prepare: forget, work: { _ in try await stage(true) }),
      BenchSide(
        "one_changed_nothing_kept",
        prepare: {
          try await forget($0)
          try await change($0)
        }, work: { _ in try await stage(false) }),
      BenchSide(
        "one_changed",
        prepare: {
          try await stage(true)
          try await change($0)
        }, work: { _ in try await stage(false) }),
      BenchSide("nothing_changed", prepare: { _ in try await stage(false) }, work: { _ in try await stage(false) }),
    ]
    try await shop.bench.seconds(sides, rounds: 1, label: "warming up")
    let times = try await shop.bench.seconds(sides, rounds: rounds)
    return ExperimentResult(
      named: CacheExperiment.stage.rawValue, title: "the report stage, \(rows) transactions", rows: 0, bytes: 0,
      measurements: sides.indices.map { place in
        Measurement(
          sides[place].name, unit: "ms", samples: times[place].map { $0 * 1000 },
          against: place == 0 ? nil : sides[0].name,
          target: sides[place].name == "nothing_changed" ? .value(100) : nil)
      },
      notes: [
        "nothing_kept: every page is rendered and every section asked; one_changed: \(changed) counts one change more, "
          + "the pages that read it are rendered, with what else they show asked again or kept",
        "each holds the lock of the run and its record in the ledger; connecting is in none",
      ])
  }

  private static func stage(_ session: Session, isForced: Bool) async throws {
    let day = Moment.now().dayInUTC
    let plan = try Plan(PlanRequest(work: .report([]), asOf: day, isForced: isForced), project: session.project)
    let record = RunRecord(
      runID: .make(), job: plan.job, asOf: day, trigger: .unattended, startedAt: .now(), host: "bench",
      processID: Int(getpid()), arguments: ["bench"], version: "bench",
      configurationHash: session.project.configurationHash)
    let report = await JobRunner(session: session, plan: plan, record: record, surroundings: RunSurroundings()).run()
    if let failure = report.failure { throw failure }
  }
}
