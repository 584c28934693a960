// The cache of a command or a run: memory above the project's own database. It connects to nothing before it is asked, is
// closed when the command or the run ends, and what it was good for is written down then.
// Invariant: nothing about the cache ever fails a command.

public import Cache
internal import Definitions
internal import Ledger
public import Money
internal import Postgres
internal import Reports

/// Where the rows of reports are kept while a command runs, and from one to the next.
struct ReportCache: Sendable {
  let results: TieredCache
  private let memory = MemoryTier()
  private let database: PostgresTier?
  private let pool: PostgresPool

  init(_ session: Session) {
    database = try? PostgresTier(configuration: session.configuration)
    pool = session.pool
    var tiers: [any CacheTier] = [memory]
    if let database { tiers.append(database) }
    results = TieredCache(tiers: tiers, lock: database)
  }

  /// Writes down what it was good for, and closes its connections.
  ///
  /// - Parameter purpose: what it was used for, as people read it later.
  func close(purpose: String) async {
    let (results, memory, database, pool) = (results, memory, database, pool)
    await shielded {
      if await !memory.statistics().isUnused {
        let statistics = await results.statistics()
        try? await pool.withConnection(label: "cache") { connection in
          try await CacheUse.record(statistics, purpose: purpose, on: connection)
        }
      }
      await database?.shutdown()
    }
  }
}

extension Session {
  /// Forgets the results that are kept: those made from some feeds and views, or all when none are named.
  ///
  /// - Returns: how many.
  /// - Throws: what the database answers.
  public func forgetResults(of relations: Set<String>) async throws -> Int {
    let tier = try PostgresTier(configuration: configuration)
    let result = await outcome { try await tier.forget(relations) }
    await shielded { await tier.shutdown() }
    return try result.get()
  }

  /// Asks for what reports will show and keeps it.
  public func warmReports(asOf: CivilDate, within limits: WarmLimits) async throws -> WarmOutcome {
    let cache = ReportCache(self)
    let result = await outcome {
      try await ReportWarmer(project: project, pool: pool, cache: cache.results, asOf: asOf).warm(within: limits)
    }
    await cache.close(purpose: "warming for \(asOf)")
    return try result.get()
  }
}

extension TierStatistics {
  /// Whether nobody asked it for anything, or gave it anything.
  fileprivate var isUnused: Bool { gets + puts + refused == 0 }
}
