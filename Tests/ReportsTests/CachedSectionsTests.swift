// Sections through the cache, against a live database: a change asks again for what reads it and for nothing else, force
// asks for everything, and figures from before the last change are shown only where the server failed, and say so.

import Cache
import Definitions
import Foundation
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@testable import Reports

@Suite struct CachedSectionsTests {
  /// A shop with a cache of its own.
  private func inShop(
    _ body: nonisolated(nonsending) (SampleShop, TieredCache, TestDatabase) async throws -> Void
  ) async throws {
    try await TemporaryDirectory.with { directory in
      try await TestDatabase.withDatabase { database in
        try await database.withPool(max: 2) { pool in
          let shop = try SampleShop(output: directory.appending("Output"), pool: pool)
          try await shop.prepare(configuration: database.configuration, customers: 40, orders: 400)
          try await body(shop, TieredCache(tiers: [MemoryTier()]), database)
        }
      }
    }
  }

  private func puts(_ cache: TieredCache) async throws -> Int { try #require(await cache.statistics().first).puts }
  private func gets(_ cache: TieredCache) async throws -> Int { try #require(await cache.statistics().first).gets }

  private func bump(_ relation: String, _ shop: SampleShop) async throws {
    _ = try await shop.pool.withConnection { try await DataVersions.bump(relation, on: $0) }
  }

  /// The CSV of a set, by name.
  private func datasets(_ folder: String) throws -> [String: String] {
    var files: [String: String] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: "\(folder)/data") where name.hasSuffix(".csv") {
      files[name] = try String(contentsOfFile: "\(folder)/data/\(name)", encoding: .utf8)
    }
    return files
  }

  @Test func everySectionOfTheShippedReportsMayBeKept() throws {
    let project = try Project.load(root: SampleShop.root, environment: ["DAYBOOK_INBOX": ".daybook/none"])
    let sections = project.reports.flatMap(\.sections).filter { $0.source != .none }
    #expect(!sections.isEmpty)
    for section in sections {
      #expect(section.isSteady, "\(section.title)")
      if case .query(let sql) = section.source {
        #expect(StatementRule.refusal(StatementTemplate(sql).sql) == nil, "\(section.title)")
      }
    }
  }

  @Test func changeAsksAgainForWhatReadsItAndForNothingElse() async throws {
    try await inShop { shop, cache, database in
      let sections = shop.project.reports.flatMap(\.sections).filter { $0.source != .none }
      let plain = try await shop.publisher().publish()
      let asked = try datasets(plain.directory)
      _ = try await shop.publisher(cache: cache).publish(force: true)
      #expect(try datasets(plain.directory) == asked)
      // Each table is read once for the proof, and what it held is kept, too.
      let kept = sections.count + shop.project.feeds.count
      #expect(try await puts(cache) == kept)

      // Nothing has changed: the cache is not even looked at, and no file is touched.
      let before = try FileManager.default.attributesOfItem(atPath: plain.indexPath)[.systemFileNumber] as? Int
      let questions = try await gets(cache)
      let second = try await shop.publisher(cache: cache).publish()
      #expect(!second.isChanged && second.bytesWritten == 0)
      #expect(try await gets(cache) == questions)
      #expect(try FileManager.default.attributesOfItem(atPath: plain.indexPath)[.systemFileNumber] as? Int == before)

      let changed = "customer_cohorts"
      try await bump(changed, shop)
      let readers = sections.filter { $0.inputs.contains(changed) }.count
      #expect(readers > 0 && readers < sections.count)
      let third = try await shop.publisher(cache: cache).publish()
      #expect(third.reports.first { $0.name == "customers" }?.cached == false)
      #expect(try await puts(cache) == kept + readers)
      #expect(try datasets(third.directory) == asked)

      // What changed without being counted is seen under force, and from then on.
      try await shop.pool.withConnection {
        _ = try await $0.execute("update finance.customers set country = 'XX' where customer_id <= 20")
        _ = try await $0.query("select pg_stat_force_next_flush()")
      }
      let forced = try await shop.publisher(cache: cache).publish(force: true)
      let now = try datasets(forced.directory)
      #expect(
        now["customers_by_country.csv"]?.contains("XX,") == true
          && now["customers_months.csv"] == asked["customers_months.csv"])
      try await bump(changed, shop)
      let last = try await shop.publisher(cache: cache).publish()
      #expect(try datasets(last.directory) == now)
      try await expectChangesByHandAreCounted(shop, cache, database)
    }
  }

  /// What somebody changes in a table that Daybook does not watch is in no data version; the proof counts it all the same.
  private func expectChangesByHandAreCounted(
    _ shop: SampleShop, _ cache: TieredCache, _ database: TestDatabase
  ) async throws {
    let changes = [
      ("update finance.transactions set amount = amount + 1 where transaction_id = 4", "view totals differ"),
      ("delete from finance.transactions where transaction_id <= 3", "transactions ("),
      ("truncate finance.products", "products ("),
    ]
    for (change, words) in changes {
      // The session is made to tell at once what it changed.
      try await database.withConnection {
        _ = try await $0.execute(change)
        _ = try await $0.query("select pg_stat_force_next_flush()")
      }
      try await bump("customers", shop)
      let set = try await shop.publisher(cache: cache).publish()
      let page = try String(contentsOfFile: "\(set.directory)/reconciliation.html", encoding: .utf8)
      #expect(page.contains("DRAFT") && page.contains(words), "\(change)")
    }
    // Nothing moved since: no table is read again.
    let puts = try await puts(cache)
    try await bump("customers", shop)
    _ = try await shop.publisher(cache: cache).publish()
    let readers = shop.project.reports.flatMap(\.sections).filter { $0.inputs.contains("customers") }.count
    #expect(try await self.puts(cache) == puts + readers + 1)
  }

  @Test func warmingAsksWhatTheSetWillShow() async throws {
    try await inShop { shop, cache, _ in
      let sections = shop.project.reports.flatMap(\.sections).filter { $0.source != .none }
      let warmer = ReportWarmer(project: shop.project, pool: shop.pool, cache: cache, asOf: shop.asOf)
      let some = try await warmer.warm(within: WarmLimits(items: 3))
      // The sections, and each table once for the proof.
      let all = sections.count + shop.project.feeds.count
      #expect(some == WarmOutcome(made: 3, left: all - 3))
      let rest = try await warmer.warm()
      #expect(rest == WarmOutcome(made: all - 3, kept: 3))
      let puts = try await puts(cache)
      _ = try await shop.publisher(cache: cache).publish()
      #expect(try await self.puts(cache) == puts)
    }
  }

  /// The same shop for a session that waits for no lock; its pool is to be shut down.
  private func impatient(_ shop: SampleShop, _ database: TestDatabase) throws -> SampleShop {
    var configuration = database.configuration
    configuration.sessionSettings["lock_timeout"] = "100ms"
    return try SampleShop(
      output: shop.project.output,
      pool: PostgresPool(configuration: configuration, settings: PoolSettings(min: 0, max: 1)))
  }

  @Test func figuresFromBeforeTheLastChangeSaySoOnThePageAndInTheSet() async throws {
    try await inShop { shop, cache, database in
      _ = try await shop.publisher(cache: cache).publish()
      let other = try impatient(shop, database)
      // The next night: what it asks is asked for another day.
      try await bump("customer_cohorts", shop)
      let night = try #require(CivilDate("2026-11-21"))
      let stale = try await database.withConnection { holder in
        try await holder.withTransaction { holder in
          // What only sections of reports read: the proof reads feeds and rollups itself, and nothing stands in for it.
          try await holder.execute("alter materialized view finance.customer_cohorts rename to elsewhere")
          let stale = try await other.publisher(asOf: night, cache: cache).publish()
          try await holder.execute("alter materialized view finance.elsewhere rename to customer_cohorts")
          return stale
        }
      }
      #expect(!stale.staleSections.isEmpty)
      #expect(
        stale.staleSections.allSatisfy { $0.hasPrefix("Stale: report customers, ") && $0.contains("lock timeout") })
      #expect(stale.staleSections.contains { $0.contains(" shows the figures for 20 Nov 2026 of ") })
      let page = try String(contentsOfFile: "\(stale.directory)/customers.html", encoding: .utf8)
      #expect(page.contains("STALE") && page.contains("because asking again failed"))
      #expect(markupDefect(page) == nil)
      func state() throws -> String? {
        let data = try Data(contentsOf: URL(filePath: "\(stale.directory)/report.json"))
        return (try JSONSerialization.jsonObject(with: data) as? [String: Any])?["state"] as? String
      }
      #expect(try state() == "STALE")
      let summary = try String(contentsOfFile: "\(stale.directory)/summary.txt", encoding: .utf8)
      #expect(summary.contains("STALE") && summary.contains("! Stale: report customers"))

      // The next set is made again though no data have changed since, and says it no more.
      let mended = try await other.publisher(asOf: night, cache: cache).publish()
      #expect(mended.isChanged && mended.staleSections.isEmpty)
      #expect(try state() != "STALE")
      await other.pool.shutdown(within: .seconds(1))
    }
  }

  @Test func proofThatCannotBeMadeIsSaidToBeNotMadeAmongFiguresFromBefore() async throws {
    try await inShop { shop, cache, database in
      _ = try await shop.publisher(cache: cache).publish()
      let other = try impatient(shop, database)
      try await bump("transactions", shop)
      let night = try #require(CivilDate("2026-11-21"))
      let stale = try await database.withConnection { holder in
        try await holder.withTransaction { holder in
          try await holder.execute("lock table finance.transactions in access exclusive mode")
          return try await other.publisher(asOf: night, cache: cache).publish()
        }
      }
      #expect(stale.staleSections.contains { $0.contains("shows the figures for 20 Nov 2026 of ") })
      #expect(stale.staleSections.last?.hasPrefix("The proof was not made, because asking failed: ") == true)
      let page = try String(contentsOfFile: "\(stale.directory)/reconciliation.html", encoding: .utf8)
      #expect(page.contains("STALE") && page.contains("not known") && !page.contains("difference 0"))
      #expect(markupDefect(page) == nil)

      // Without anything to stand in there is no set.
      let failure = await #expect(throws: ReportError.self) {
        try await database.withConnection { holder in
          try await holder.withTransaction { holder in
            try await holder.execute("lock table finance.transactions in access exclusive mode")
            return try await other.publisher(asOf: night).publish(force: true)
          }
        }
      }
      #expect(failure != nil)
      let mended = try await other.publisher(asOf: night, cache: cache).publish()
      #expect(mended.isChanged && mended.staleSections.isEmpty)
      await other.pool.shutdown(within: .seconds(1))
    }
  }
}
