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
      let storing = try await database.withTier { try await $0.put(stored) }
      #expect(storing == .stored)
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
        #expect(try await tier.put(again) == .stored)
        #expect(try await tier.get(stored.question.key, at: moment(3_599 + 3_599))?.bytes == [5])
        #expect(try await tier.get(stored.question.key, at: moment(3_599 + 3_600)) == nil)
        #expect(try await tier.forget([]) == 1)
      }
    }
  }

  @Test func whatChangedOrIsFresherThereIsNotOverwritten() async throws {
    try await TestDatabase.withLedger { database in
      try await database.withTier { tier in
        // From a replica that lags, after the server it follows has stored its own.
        #expect(try await tier.put(entry("select 1", value([2], position: 20))) == .stored)
        #expect(try await tier.put(entry("select 1", value([1], position: 19))) == .overtaken)
        #expect(try await tier.put(entry("select 1", value([0]))) == .overtaken)
        #expect(try await tier.get(entry("select 1", value()).question.key, at: noon)?.bytes == [2])
        // What has expired stands in nobody's way, whatever server it came from.
        #expect(try await tier.put(entry("select 1", value([7], at: moment(3_600), position: 1))) == .stored)
        #expect(try await tier.put(entry("select 1", value([2], position: 20))) == .stored)
        // The relation changes while the result is made.
        let late = entry("select 2", value([9]))
        try await database.withConnection { _ = try await DataVersions.bump("orders", on: $0) }
        #expect(try await tier.put(late) == .overtaken)
        #expect(try await tier.get(late.question.key, at: noon) == nil)
        let fresh = entry("select 1", value([3], position: 21), version: 1)
        #expect(try await tier.put(fresh) == .stored)
        let statistics = try await tier.statistics()
        // What the slot held of the version before is gone.
        #expect(statistics.entries == 1 && statistics.refused == 3 && statistics.puts == 4)
        #expect(try await tier.newest(of: fresh.question.slot)?.bytes == [3])
        // What the slot holds for another day, from the same data, stays.
        func daily(_ day: Int32, _ version: Int64) -> CacheEntry {
          let inputs = [CacheInput("orders", version: version)]
          let question = CacheQuestion(
            sql: "select $1", parameters: [.date(daysSince1970: day)], day: day, session: plainSession,
            codeVersion: "1", inputs: inputs)
          return CacheEntry(question: question, value: value([UInt8(day)], position: Int64(day)))
        }
        #expect(try await tier.put(daily(8, 1)) == .stored)
        #expect(try await tier.put(daily(9, 1)) == .stored)
        #expect(try await tier.newest(of: daily(10, 2).question.slot)?.bytes == [9])
        #expect(try await tier.statistics().entries == 3)
        // A change by hand that is not counted yet is a change.
        try await database.psql("insert into daybook.uncounted_change (batch_id, relation) values (1, 'orders')")
        #expect(try await tier.put(entry("select 3", value(), version: 1)) == .overtaken)
        #expect(try await tier.put(entry("select 3", value(), version: 2)) == .stored)
        #expect(try await tier.put(daily(10, 2)) == .stored)
        #expect(try await tier.statistics().entries == 3)
        #expect(try await tier.forget(["customers"]) == 0)
        #expect(try await tier.forget(["orders", "customers"]) == 3)
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
          if try await tier.get(item.question.key, at: noon) == nil { #expect(try await tier.put(item) == .stored) }
          let held = try await tier.statistics()
          #expect(held.bytes <= settings.maximumBytes)
        }
        let statistics = try await tier.statistics()
        #expect(statistics.misses == misses && statistics.gets == string.count)
        #expect(statistics.entries == capacity && statistics.evictions == misses - capacity)
        let giant = (0..<capacity * 2_100).map { _ in UInt8.random(in: .min ... .max, using: &dice) }
        #expect(try await tier.put(entry("select giant", value(giant))) == .refused)
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
        #expect(try await tier.put(entry("select other", value(Array("another".utf8)))) == .stored)
        let cache = TieredCache(tiers: [tier], now: { noon })
        let item = entry("select 1", value()).question
        for damage in damages {
          _ = try await cache.answer(item) { made("the right rows") }
          try await database.psql("update daybook.cache set \(damage) where label = 'select 1'")
          let answer = try await cache.answer(item) { made("the right rows") }
          #expect(answer.text == "the right rows" && answer.isMade, "\(damage)")
          #expect(try await cache.answer(item) { made("never") }.text == "the right rows")
          try await database.psql("delete from daybook.cache where label = 'select 1'")
        }
        let statistics = try await tier.statistics()
        #expect(statistics.failures == damages.count && statistics.hits + statistics.misses == statistics.gets)
      }
    }
  }

  @Test func resultThatIsOvertakenWhileItIsMadeIsStoredNowhere() async throws {
    try await TestDatabase.withLedger { database in
      // As another process would: a change, results forgotten of one relation, and all.
      let overtakings: [@Sendable (PostgresTier) async throws -> Void] = [
        { _ in try await database.withConnection { _ = try await DataVersions.bump("orders", on: $0) } },
        { try await $0.forget(["orders"]) }, { try await $0.forget([]) },
      ]
      try await database.psql("create table orders as select 1 as id")
      try await database.withConnection { connection in
        let session = try await CacheSession.read(on: connection)
        try await database.withTier { other in
          try await database.withTier { tier in
            func item() async throws -> CacheQuestion {
              let versions = try await DataVersions.current(on: connection)
              let queries = QueryCache(
                cache: TieredCache(tiers: []), session: session, codeVersion: "1", versions: versions)
              return queries.question(
                "select count(*) from orders", [], inputs: [CacheInput("orders", version: versions["orders"] ?? 0)],
                label: "test")
            }
            for overtake in overtakings {
              let cache = TieredCache(tiers: [MemoryTier(), tier], lock: tier)
              let before = try await item()
              let first = try await cache.answer(before) {
                try await overtake(other)
                return made("before")
              }
              #expect(first.text == "before" && first.isMade)
              for statistics in await cache.statistics() { #expect(statistics.entries == 0) }
              // Asked in a new snapshot it is made from what is there now, and kept.
              let after = try await item()
              #expect(before.slot == after.slot && before.key != after.key)
              #expect(try await cache.answer(after) { made("after") }.isMade)
              let again = try await item()
              #expect(try await cache.answer(again) { made("never") }.text == "after")
              try await other.forget([])
            }
          }
        }
      }
    }
  }

  @Test func forgettingWhatOneRelationMadeLeavesTheRest() async throws {
    try await TestDatabase.withLedger { database in
      try await database.withConnection { connection in
        let session = try await CacheSession.read(on: connection)
        try await database.withTier { tier in
          func entry(_ relation: String) async throws -> CacheEntry {
            let queries = QueryCache(
              cache: TieredCache(tiers: []), session: session, codeVersion: "1",
              versions: try await DataVersions.current(on: connection))
            let inputs = [CacheInput(relation, version: 0)]
            let question = queries.question("select 1", [], inputs: inputs, label: relation)
            return CacheEntry(question: question, value: value())
          }
          let (orders, customers) = (try await entry("orders"), try await entry("customers"))
          #expect(try await tier.put(orders) == .stored)
          #expect(try await tier.put(customers) == .stored)
          #expect(try await tier.forget(["orders"]) == 1)
          #expect(try await entry("orders").question.key != orders.question.key)
          #expect(try await entry("customers").question.key == customers.question.key)
          #expect(try await tier.get(customers.question.key, at: noon) != nil)
        }
      }
    }
  }

  @Test func lockedAbsentFullOrUnreachableServerCostsABoundedDelayOnceAndNoAnswer() async throws {
    try await TestDatabase.withLedger { database in
      var settings = PostgresTier.Settings()
      settings.patience = .milliseconds(400)
      // Every question on its own would wait twice: for the value, and for the lock.
      let questions = 20
      func ask(_ tier: PostgresTier, _ sql: String) async throws -> Duration {
        let cache = TieredCache(tiers: [MemoryTier(), tier], lock: tier)
        let start = ContinuousClock.now
        for number in 0..<questions {
          let item = entry("\(sql) \(number)", value()).question
          #expect(try await cache.answer(item) { made("right") }.text == "right")
        }
        return start.duration(to: .now)
      }
      // Half of what it would be if the lock were asked for each time; 3 times the patience on an idle machine.
      let limit = settings.patience * (questions / 2)
      try await database.withTier(settings) { tier in
        try await database.withConnection { connection in
          try await connection.withTransaction { transaction in
            try await transaction.execute("LOCK TABLE daybook.cache IN ACCESS EXCLUSIVE MODE")
            let taken = try await ask(tier, "select locked")
            #expect(taken < limit, "\(taken)")
          }
        }
        try await database.psql("DROP TABLE daybook.cache")
        let taken = try await ask(tier, "select absent")
        #expect(taken < limit, "\(taken)")
      }
      // The role has all the connections it may have; and there is no server.
      let role = "full_\(UInt32.random(in: 0 ... .max))"
      try await database.psql("create role \(role) login connection limit 0")
      let full = try PostgresConfiguration(url: database.url + "&user=\(role)")
      for configuration in [full, try PostgresConfiguration(url: "postgresql://127.0.0.1:1/nowhere")] {
        let tier = try PostgresTier(configuration: configuration, settings: settings)
        let taken = try await ask(tier, "select none")
        #expect(taken < limit, "\(configuration): \(taken)")
        await tier.shutdown()
      }
      try await database.psql("drop role \(role)")
    }
  }

  @Test func twoCachesOverTheirOwnConnectionsMakeAResultOnce() async throws {
    try await TestDatabase.withLedger { database in
      let makings = Counter()
      let item = entry("select slow", value()).question
      // Whoever waits too long makes it too; on a machine that is busy with all tests a second is not long.
      var patient = PostgresTier.Settings()
      patient.patience = .seconds(60)
      patient.flightPatience = .seconds(60)
      let settings = patient
      let texts = try await withThrowingTaskGroup(of: [String].self) { group in
        for _ in 0..<3 {
          group.addTask {
            try await database.withTier(settings) { tier in
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
