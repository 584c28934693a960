// The tier in a real database: checks 1 (across connections), 2, 3, 7, 8, 9, 11 and 12.

import Ledger
import Postgres
import TestSupport
import Testing

@testable import Cache

@Suite struct PostgresTierTests {
  private func entry(_ sql: String, _ value: CachedValue, version: Int64 = 0) -> CacheEntry {
    CacheEntry(question: question(sql, inputs: [CacheInput("orders", version: version)]), value: value)
  }

  @Test func valueOutlivesItsTierAndComesBackAsItWas() async throws {
    try await TestDatabase.withLedger { database in
      let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
      let stored = entry("select 1", value(bytes, cost: .microseconds(1_234_567), position: 42))
      let isStored = try await database.withTier { try await $0.put(stored) }
      #expect(isStored)
      try await database.withTier { tier in
        #expect(try await tier.get(stored.question.key, at: noon) == stored.value)
        #expect(try await tier.get(stored.question.key, at: moment(3_600)) == nil)
        #expect(try await tier.get(question("select 2").key, at: noon) == nil)
        #expect(try await tier.newest(of: stored.question.slot)?.bytes == bytes)
        let statistics = try await tier.statistics()
        #expect(statistics.hits == 1 && statistics.misses == 2 && statistics.gets == 3)
        #expect(statistics.entries == 1 && statistics.bytes < bytes.count / 2)
        // Its clock is the caller's: it is stored again one second before its end, for a whole life.
        let again = CacheEntry(question: stored.question, value: value([5], at: moment(3_599), position: 42))
        #expect(try await tier.put(again))
        #expect(try await tier.get(stored.question.key, at: moment(3_599 + 3_599))?.bytes == [5])
        #expect(try await tier.get(stored.question.key, at: moment(3_599 + 3_600)) == nil)
        #expect(try await tier.clear() == 1)
      }
    }
  }

  @Test func whatChangedOrIsFresherThereIsNotOverwritten() async throws {
    try await TestDatabase.withLedger { database in
      try await database.withTier { tier in
        // From a replica that lags, after the server it follows has stored its own.
        #expect(try await tier.put(entry("select 1", value([2], position: 20))))
        #expect(try await tier.put(entry("select 1", value([1], position: 19))) == false)
        #expect(try await tier.put(entry("select 1", value([0]))) == false)
        #expect(try await tier.get(entry("select 1", value()).question.key, at: noon)?.bytes == [2])
        // What has expired stands in nobody's way, whatever server it came from.
        #expect(try await tier.put(entry("select 1", value([7], at: moment(3_600), position: 1))))
        #expect(try await tier.put(entry("select 1", value([2], position: 20))))
        // The relation changes while the result is made.
        let late = entry("select 2", value([9]))
        try await database.withConnection { _ = try await DataVersions.bump("orders", on: $0) }
        #expect(try await tier.put(late) == false)
        #expect(try await tier.get(late.question.key, at: noon) == nil)
        let fresh = entry("select 1", value([3], position: 21), version: 1)
        #expect(try await tier.put(fresh))
        let statistics = try await tier.statistics()
        // What the slot held of the version before is gone.
        #expect(statistics.entries == 1 && statistics.refused == 3 && statistics.puts == 4)
        #expect(try await tier.newest(of: fresh.question.slot)?.bytes == [3])
        // A change by hand that is not counted yet is a change.
        try await database.psql("insert into daybook.uncounted_change (batch_id, relation) values (1, 'orders')")
        #expect(try await tier.put(entry("select 3", value(), version: 1)) == false)
        #expect(try await tier.put(entry("select 3", value(), version: 2)))
        #expect(try await tier.invalidate(["customers"]) == 0)
        #expect(try await tier.invalidate(["orders", "customers"]) == 2)
      }
    }
  }

  /// The known misses of LRU: textbooks have them for strings of pages.
  @Test(arguments: [(KnownStrings.belady, 3, 10), (KnownStrings.belady, 4, 8), (KnownStrings.silberschatz, 3, 12)])
  func missesAreThoseThatAreKnownOfLRU(_ string: [Int], _ capacity: Int, _ misses: Int) async throws {
    try await TestDatabase.withLedger { database in
      var dice = SeededRandom(seed: 3)
      let bytes = (0..<2_000).map { _ in UInt8.random(in: .min ... .max, using: &dice) }
      var settings = PostgresTier.Settings()
      // Noise does not get smaller by packing.
      settings.maximumBytes = capacity * 2_030
      try await database.withTier(settings) { tier in
        for page in string {
          let item = entry("select \(page)", value(bytes, lives: 86_400))
          if try await tier.get(item.question.key, at: noon) == nil { #expect(try await tier.put(item)) }
          let held = try await tier.statistics()
          #expect(held.bytes <= settings.maximumBytes)
        }
        let statistics = try await tier.statistics()
        #expect(statistics.misses == misses && statistics.gets == string.count)
        #expect(statistics.entries == capacity && statistics.evictions == misses - capacity)
        let giant = (0..<capacity * 2_100).map { _ in UInt8.random(in: .min ... .max, using: &dice) }
        #expect(try await tier.put(entry("select giant", value(giant))) == false)
        #expect(try await tier.statistics().entries == capacity)
      }
    }
  }

  @Test func damagedValueIsRemovedAndMadeAgain() async throws {
    try await TestDatabase.withLedger { database in
      let damages = [
        "payload = set_byte(payload, 12, get_byte(payload, 12) # 1)", "payload = 'x'", "raw_bytes = raw_bytes - 1",
        "raw_bytes = 2000000000", "digest = sha256('x')",
        "payload = (select payload from daybook.cache where label = 'select other'), raw_bytes = 7",
      ]
      try await database.withTier { tier in
        #expect(try await tier.put(entry("select other", value(Array("another".utf8)))))
        let cache = TieredCache(tiers: [tier], now: { noon })
        let item = entry("select 1", value()).question
        for damage in damages {
          _ = try await cache.answer(item) { made("the right rows") }
          try await database.psql("update daybook.cache set \(damage) where label = 'select 1'")
          let answer = try await cache.answer(item) { made("the right rows") }
          #expect(answer.text == "the right rows" && answer.isMade, "\(damage)")
          #expect(try await cache.answer(item) { made("never") }.text == "the right rows")
          _ = await cache.invalidate(["nothing"])
          try await tier.remove(item.key)
        }
        let statistics = try await tier.statistics()
        #expect(statistics.failures == damages.count && statistics.hits + statistics.misses == statistics.gets)
      }
    }
  }

  @Test func lockedAbsentOrUnreachableTableCostsABoundedDelayAndNoAnswer() async throws {
    try await TestDatabase.withLedger { database in
      var settings = PostgresTier.Settings()
      settings.patience = .milliseconds(200)
      func ask(_ tier: PostgresTier, _ sql: String) async throws -> Duration {
        let cache = TieredCache(tiers: [MemoryTier(), tier], lock: tier)
        let start = ContinuousClock.now
        for number in 0..<5 {
          let item = entry("\(sql) \(number)", value()).question
          #expect(try await cache.answer(item) { made("right") }.text == "right")
        }
        return start.duration(to: .now)
      }
      try await database.withTier(settings) { tier in
        try await database.withConnection { connection in
          try await connection.withTransaction { transaction in
            try await transaction.execute("LOCK TABLE daybook.cache IN ACCESS EXCLUSIVE MODE")
            let taken = try await ask(tier, "select locked")
            #expect(taken < .seconds(120), "\(taken)")
          }
        }
        try await database.psql("DROP TABLE daybook.cache")
        let taken = try await ask(tier, "select absent")
        #expect(taken < .seconds(120), "\(taken)")
      }
      let nowhere = try PostgresConfiguration(url: "postgresql://127.0.0.1:1/nowhere")
      let tier = try PostgresTier(configuration: nowhere, settings: settings)
      let taken = try await ask(tier, "select down")
      #expect(taken < .seconds(120), "\(taken)")
      await tier.shutdown()
    }
  }

  @Test func twoCachesOverTheirOwnConnectionsMakeAResultOnce() async throws {
    try await TestDatabase.withLedger { database in
      let makings = Counter()
      let item = entry("select slow", value()).question
      let texts = try await withThrowingTaskGroup(of: [String].self) { group in
        for _ in 0..<3 {
          group.addTask {
            try await database.withTier { tier in
              let cache = TieredCache(tiers: [MemoryTier(), tier], lock: tier)
              return try await withThrowingTaskGroup(of: String.self) { inner in
                for _ in 0..<30 {
                  inner.addTask {
                    try await cache.answer(item) {
                      makings.next()
                      try await Task.sleep(for: .milliseconds(150))
                      return made("once")
                    }.text
                  }
                }
                return try await inner.reduce(into: []) { $0.append($1) }
              }
            }
          }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      #expect(makings.count == 1)
      #expect(texts == Array(repeating: "once", count: 90))
    }
  }

  @Test func usesAreWrittenDownAndToldTogether() async throws {
    try await TestDatabase.withLedger { database in
      try await database.withConnection { connection in
        var memory = TierStatistics(tier: "memory")
        try await CacheUse.record([memory], purpose: "nothing asked", on: connection)
        #expect(try await CacheUse.summary(on: connection).isEmpty)
        (memory.hits, memory.misses, memory.puts, memory.entries, memory.bytes) = (2, 3, 3, 3, 900)
        try await CacheUse.record([memory], purpose: "first", on: connection)
        (memory.hits, memory.misses, memory.evictions, memory.bytes) = (10, 0, 1, 700)
        try await CacheUse.record([memory, TierStatistics(tier: "postgresql")], purpose: "second", on: connection)
        let summary = try await CacheUse.summary(on: connection)
        let use = try #require(summary.first)
        #expect(summary.count == 1 && use.all.programs == 2 && use.last.purpose == "second")
        #expect(use.all.statistics.hits == 12 && use.all.statistics.gets == 15 && use.all.statistics.bytes == 700)
        #expect(use.last.statistics == memory)
      }
    }
  }
}
