// Checks 1, 2, 3, 7, 10, 11 and 12 above the tiers: one making for many who ask, nothing stored that was overtaken, a
// failure never kept, a tier that fails costs a bounded delay and no answer.

import Ledger
import Synchronization
import Testing

@testable import Cache

@Suite struct TieredCacheTests {
  @Test func hundredWhoMissAtOnceCauseOneMaking() async throws {
    let cache = TieredCache(tiers: [MemoryTier()])
    let (makings, asking, gate) = (Counter(), Counter(), Gate())
    let texts = try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<100 {
        group.addTask {
          asking.next()
          return try await cache.answer(question()) {
            makings.next()
            await gate.wait()
            return made("rows")
          }.text
        }
      }
      while asking.count < 100 { await Task.yield() }
      gate.open()
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(makings.count == 1)
    #expect(texts == Array(repeating: "rows", count: 100))
    let memory = try #require(await cache.statistics().first)
    #expect(memory.puts == 1 && memory.hits + memory.misses == memory.gets)
  }

  @Test func whatTheSlowestTierFindsOvertakenIsKeptByNone() async throws {
    let memory = MemoryTier()
    let cache = TieredCache(tiers: [memory, ToldTier(.strict)])
    for _ in 0..<2 {
      let answer = try await cache.answer(question()) { made("before") }
      #expect(answer.text == "before" && answer.isMade)
      #expect(try await cache.refresh(question()) { made("anew") } == "anew")
    }
    #expect(await memory.statistics().entries == 0)
  }

  @Test func refreshInTheLastMomentLivesItsWholeLife() async throws {
    let clock = HandClock()
    var settings = CacheSettings()
    settings.lifetime = .seconds(100)
    let cache = TieredCache(tiers: [MemoryTier()], settings: settings, now: clock.now)
    _ = try await cache.answer(question()) { made("first") }
    clock.move(by: 99)
    let refreshed = try await cache.refresh(question()) {
      clock.move(by: 30)
      return made("second")
    }
    #expect(refreshed == "second")
    clock.move(by: 99)
    #expect(try await cache.answer(question(), { made("third") }).text == "second")
    clock.move(by: 1)
    #expect(try await cache.answer(question(), { made("third") }).text == "third")
  }

  @Test func failureIsNotKeptAndOnlyAnAllowedOneIsAnsweredByOlderFiguresMarkedAsStale() async throws {
    let clock = HandClock()
    let cache = TieredCache(tiers: [MemoryTier()], now: clock.now)
    let failure = TestFailure(what: "down")
    func fail() throws -> MadeValue<String> { throw failure }
    let always: (any Error) -> Bool = { _ in true }
    let isOurs: (any Error) -> Bool = { $0 as? TestFailure == failure }
    await #expect(throws: failure) { _ = try await cache.answer(question(), mayBeStale: always) { try fail() } }
    let made1 = try await cache.answer(question()) { made("old") }
    #expect(made1.isMade)
    let newer = question(inputs: [CacheInput("orders", version: 2)])
    await #expect(throws: failure) { _ = try await cache.answer(newer) { try fail() } }
    clock.move(by: 60)
    let stale = try await cache.answer(newer, mayBeStale: isOurs) { try fail() }
    #expect(stale.text == "old" && stale.isStale)
    guard case .stale(let value, _) = stale else { return }
    #expect(value.storedAt == noon)
    // It was not stored as the answer to the new question, and not lost for the old one.
    #expect(try await cache.answer(newer) { made("new") }.isMade)
    #expect(try await cache.answer(question()) { made("never") }.text == "old")
    // Another question has nothing older.
    await #expect(throws: failure) {
      _ = try await cache.answer(question("select 2"), mayBeStale: always) { try fail() }
    }
    // Too old is no answer.
    clock.move(by: 4 * 86_400)
    let newest = question(inputs: [CacheInput("orders", version: 3)])
    await #expect(throws: failure) { _ = try await cache.answer(newest, mayBeStale: always) { try fail() } }
  }

  @Test func anOlderAnswerStandsInUpToTheStaleLimitAndNotASecondLonger() async throws {
    let clock = HandClock()
    var settings = CacheSettings()
    settings.staleLimit = .seconds(100)
    let cache = TieredCache(tiers: [MemoryTier()], settings: settings, now: clock.now)
    let failure = TestFailure(what: "down")
    func fail() throws -> MadeValue<String> { throw failure }
    _ = try await cache.answer(question()) { made("old") }
    let newer = question(inputs: [CacheInput("orders", version: 2)])
    clock.move(by: 100)
    let always: (any Error) -> Bool = { _ in true }
    let last = try await cache.answer(newer, mayBeStale: always) { try fail() }
    #expect(last.text == "old" && last.isStale)
    clock.move(by: 1)
    await #expect(throws: failure) { _ = try await cache.answer(newer, mayBeStale: always) { try fail() } }
    // It still is the answer to its own question.
    #expect(try await cache.answer(question()) { made("never") }.text == "old")
  }

  @Test func waitersShareAFailureAndOutliveACancelledLeader() async throws {
    let cache = TieredCache(tiers: [MemoryTier()])
    let (makings, gate) = (Counter(), Gate())
    let leader = Task {
      try await cache.answer(question()) {
        makings.next()
        await gate.wait()
        try Task.checkCancellation()
        return made("leader")
      }.text
    }
    while makings.count == 0 { await Task.yield() }
    let follower = Task {
      try await cache.answer(question()) {
        makings.next()
        return made("follower")
      }.text
    }
    let impatient = Task { try await cache.answer(question()) { made("impatient") }.text }
    impatient.cancel()
    await #expect(throws: CancellationError.self) { _ = try await impatient.value }
    leader.cancel()
    gate.open()
    await #expect(throws: CancellationError.self) { _ = try await leader.value }
    #expect(try await follower.value == "follower")
    #expect(makings.count == 2)
  }

  @Test func tierThatIsDownSlowOrLyingCostsABoundedDelayOnceAndNoAnswer() async throws {
    for mood in [ToldTier.Mood.down, .slow] {
      let told = ToldTier(mood)
      let cache = TieredCache(tiers: [MemoryTier(), told])
      for number in 0..<20 {
        let answer = try await cache.answer(question("select \(number)")) { made("rows \(number)") }
        #expect(answer.text == "rows \(number)")
      }
      // It was given up long before it would have answered, and then left alone. How long that took on a busy machine is
      // not judged.
      #expect(told.waits.count == 0, "\(mood)")
      #expect(told.calls.count == 1, "\(mood)")
      #expect(try await cache.answer(question("select 3")) { made("never") }.text == "rows 3")
    }
  }

  @Test func lockThatFailsIsAskedOnceAndOneThatIsTakenEachTime() async throws {
    for (permit, attempts) in [(FlightPermit.failed, 1), (.busy, 20), (.held, 20)] {
      let lock = ToldLock(permit)
      let cache = TieredCache(tiers: [MemoryTier()], lock: lock)
      for number in 0..<20 {
        #expect(try await cache.answer(question("select \(number)")) { made("rows") }.isMade)
      }
      #expect(lock.attempts.count == attempts, "\(permit)")
    }
  }

  @Test func lowerTierFillsTheOneAboveItWithTheSameEndOfLife() async throws {
    let clock = HandClock()
    let (upper, lower) = (MemoryTier(), MemoryTier())
    await lower.put(CacheEntry(question: question(), value: value(Array("kept".utf8), lives: 100)))
    let cache = TieredCache(tiers: [upper, lower], now: clock.now)
    #expect(try await cache.answer(question()) { made("never") }.text == "kept")
    clock.move(by: 99)
    #expect(await upper.get(question().key, at: clock.now()) != nil)
    clock.move(by: 1)
    #expect(try await cache.answer(question()) { made("new") }.text == "new")
    for statistics in await cache.statistics() {
      #expect(statistics.hits + statistics.misses == statistics.gets && statistics.hits > 0)
    }
  }

  @Test func warmingEndsAtItsLimits() async throws {
    let few = try await WarmOutcome.of(Array(0..<10), within: WarmLimits(items: 4)) { number in
      number % 2 == 0 ? .made : .kept(tier: "memory")
    }
    #expect(few.made == 2 && few.kept == 2 && few.past == 0 && few.left == 6)
    let short = try await WarmOutcome.of(Array(0..<1_000), within: WarmLimits(duration: .milliseconds(20))) { _ in
      try await Task.sleep(for: .milliseconds(5))
      return .past(reason: "")
    }
    #expect(short.past >= 1 && short.left > 900 && short.past + short.left == 1_000)
  }
}

/// A tier that does as it is told.
final class ToldTier: CacheTier {
  enum Mood { case down, slow, strict }
  let mood: Mood
  let calls = Counter()
  /// Calls that were waited for to their end.
  let waits = Counter()

  init(_ mood: Mood) { self.mood = mood }

  var name: String { "told" }
  var patience: Duration? { .milliseconds(200) }

  private func suffer() async throws {
    calls.next()
    if mood == .strict { return }
    if mood == .slow {
      try await Task.sleep(for: .seconds(600))
      waits.next()
    }
    throw TestFailure(what: "no")
  }

  func get(_ key: CacheKey, at now: Moment) async throws -> CachedValue? {
    try await suffer()
    return nil
  }
  func newest(of slot: CacheKey) async throws -> CachedValue? {
    try await suffer()
    return nil
  }
  func put(_ entry: CacheEntry) async throws -> CacheStoring {
    try await suffer()
    return .overtaken
  }
  func statistics() async throws -> TierStatistics { TierStatistics(tier: name) }
}

/// A lock that does as it is told.
final class ToldLock: FlightLock {
  let permit: FlightPermit
  let attempts = Counter()

  init(_ permit: FlightPermit) { self.permit = permit }

  nonisolated(nonsending) func whileHeld<R: Sendable>(
    _ key: CacheKey, _ body: nonisolated(nonsending) (FlightPermit) async -> R
  ) async -> R {
    attempts.next()
    return await body(permit)
  }
}
