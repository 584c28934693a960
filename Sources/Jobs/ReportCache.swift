// The cache of a command: memory above the project's own database. It is made when it is needed, closed when the command
// ends, and what it was good for is written down then.
// Invariant: nothing about the cache ever fails a command.

public import Cache
internal import Definitions
internal import Ledger
public import Money
internal import Postgres
internal import Reports

extension Session {
  /// Lends the cache of reports.
  ///
  /// - Parameter purpose: what it is used for, as `cache stats` shows it.
  public func withReportCache<R: Sendable>(
    purpose: String, _ body: @Sendable (TieredCache) async throws -> R
  ) async throws -> R {
    let memory = MemoryTier()
    guard let database = try? PostgresTier(configuration: configuration) else {
      return try await body(TieredCache(tiers: [memory]))
    }
    let cache = TieredCache(tiers: [memory, database], lock: database)
    let result = await outcome { try await body(cache) }
    await shielded {
      if await !memory.statistics().isUnused {
        let statistics = await cache.statistics()
        try? await pool.withConnection(label: "cache") { connection in
          try await CacheUse.record(statistics, purpose: purpose, on: connection)
        }
      }
      await database.shutdown()
    }
    return try result.get()
  }
}

extension Session {
  /// Forgets the results that are kept: those made from some feeds and views, or all when none are named.
  ///
  /// - Returns: how many.
  /// - Throws: what the database answers.
  public func forgetResults(of relations: Set<String>) async throws -> Int {
    try await withDatabaseTier { tier in
      relations.isEmpty ? try await tier.clear() : try await tier.invalidate(relations)
    }
  }

  /// Asks for what reports will show and keeps it.
  public func warmReports(asOf: CivilDate, within limits: WarmLimits) async throws -> WarmOutcome {
    let session = self
    return try await withReportCache(purpose: "warming for \(asOf)") { cache in
      try await ReportWarmer(project: session.project, pool: session.pool, cache: cache, asOf: asOf).warm(
        within: limits)
    }
  }

  private func withDatabaseTier<R: Sendable>(_ body: @Sendable (PostgresTier) async throws -> R) async throws -> R {
    let tier = try PostgresTier(configuration: configuration)
    let result = await outcome { try await body(tier) }
    await shielded { await tier.shutdown() }
    return try result.get()
  }
}

extension TierStatistics {
  /// Whether nobody asked it for anything, or gave it anything.
  fileprivate var isUnused: Bool { gets + puts + refused == 0 }
}
