// The tiers as one: the fastest that has an answer gives it, and those above it keep it from then on. What nobody has is
// made once, by one task of one process, and stored in every tier.
// Invariants: a value that was overtaken while it was made is stored nowhere: the slowest tier, which outlives processes,
// is given it first, and what it finds overtaken goes no further up. A failed making is not stored. A tier or a lock that
// fails or is slow costs a bounded delay, once, and then rests; the answer is the same.
// There is nothing to invalidate: a key names the versions of the data, which move in the transaction of the change, so
// that from its commit on what was made before is no answer, and only stands in for one that fails.
// What a value means is elsewhere: QueryCache.

public import Ledger
internal import Synchronization

/// How a cache behaves.
public struct CacheSettings: Sendable, Hashable {
  /// How long a value is an answer. Keys name the versions of the data, so this only bounds what lies about.
  public var lifetime: Duration = .seconds(14 * 86_400)
  /// How old a value may be that is given, marked as stale, because asking failed.
  public var staleLimit: Duration = .seconds(3 * 86_400)
  /// How long a tier that failed is left alone.
  public var rest: Duration = .seconds(30)

  /// Creates the usual settings.
  public init() {}
}

/// What a maker gives: something for its caller, and its bytes for everybody else; nil when they must not be kept.
public struct MadeValue<Made> {
  /// For the caller.
  public var made: Made
  /// For the tiers.
  public var bytes: [UInt8]?
  /// How far the log of the server had come at least.
  public var position: Int64?

  /// Creates a value.
  public init(_ made: Made, bytes: [UInt8]?, position: Int64? = nil) {
    self.made = made
    self.bytes = bytes
    self.position = position
  }
}

extension MadeValue: Sendable where Made: Sendable {}

/// Where an answer came from.
public enum CacheAnswer<Made: Sendable>: Sendable {
  /// From a tier.
  case kept(CachedValue, tier: String)
  /// From another task that was making it.
  case shared(CachedValue)
  /// Made now.
  case made(Made)
  /// Asking failed with this error, and this is an older answer to the same question.
  case stale(CachedValue, any Error)
}

/// Results in tiers.
public final class TieredCache: Sendable {
  /// The tiers, the fastest first.
  public let tiers: [any CacheTier]
  private let lock: (any FlightLock)?
  private let settings: CacheSettings
  private let now: @Sendable () -> Moment
  private let flights = Flights()
  private let state: Mutex<State>

  private struct State {
    /// Until when each tier is left alone, and last the lock.
    var resting: [ContinuousClock.Instant?]
  }

  /// - Parameters:
  ///   - tiers: the fastest first; none is a cache that keeps nothing.
  ///   - lock: keeps processes from making the same at the same time.
  ///   - now: the clock of lifetimes.
  public init(
    tiers: [any CacheTier], lock: (any FlightLock)? = nil, settings: CacheSettings = CacheSettings(),
    now: @escaping @Sendable () -> Moment = { .now() }
  ) {
    self.tiers = tiers
    self.lock = lock
    self.settings = settings
    self.now = now
    state = Mutex(State(resting: Array(repeating: nil, count: tiers.count + 1)))
  }

  // MARK: Asking

  /// The answer to a question: kept, or made by `make` and kept from then on.
  ///
  /// - Parameters:
  ///   - mayBeStale: whether an older answer may stand in for this failure.
  ///   - make: asks; called at most once, and not at all when somebody else has the answer.
  /// - Throws: what `make` throws, where nothing older may stand in for it.
  public nonisolated(nonsending) func answer<Made: Sendable>(
    _ question: CacheQuestion, mayBeStale: (any Error) -> Bool = { _ in false },
    _ make: nonisolated(nonsending) () async throws -> MadeValue<Made>
  ) async throws -> CacheAnswer<Made> {
    if let (value, tier) = await find(question) { return .kept(value, tier: tier) }
    while let ending = await flights.join(question.key) {
      switch ending {
      case .value(let value): return .shared(value)
      case .stale(let value, let error): return .stale(value, error)
      case .failed(let error): throw error
      case .abandoned:
        try Task.checkCancellation()
        if let (value, tier) = await find(question) { return .kept(value, tier: tier) }
      }
    }
    let outcome: Result<CacheAnswer<Made>, any Error>
    if let lock, !isResting(tiers.count) {
      outcome = await lock.whileHeld(question.key) { permit in
        if permit == .failed, !Task.isCancelled { rest(tiers.count) }
        return await fly(question, mayBeStale: mayBeStale, make)
      }
    } else {
      outcome = await fly(question, mayBeStale: mayBeStale, make)
    }
    return try outcome.get()
  }

  /// Makes the answer anew whatever is kept, and keeps it in the place of what was.
  public nonisolated(nonsending) func refresh<Made: Sendable>(
    _ question: CacheQuestion, _ make: nonisolated(nonsending) () async throws -> MadeValue<Made>
  ) async throws -> Made {
    let start = ContinuousClock.now
    let made = try await make()
    await store(question, made, cost: start.duration(to: .now))
    return made.made
  }

  private nonisolated(nonsending) func fly<Made: Sendable>(
    _ question: CacheQuestion, mayBeStale: (any Error) -> Bool,
    _ make: nonisolated(nonsending) () async throws -> MadeValue<Made>
  ) async -> Result<CacheAnswer<Made>, any Error> {
    var ending = Flights.Ending.abandoned
    defer { flights.end(question.key, ending) }
    // Between the first look and the lock somebody else may have been faster.
    if let (value, tier) = await find(question) {
      ending = .value(value)
      return .success(.kept(value, tier: tier))
    }
    let start = ContinuousClock.now
    do {
      let made = try await make()
      if let value = await store(question, made, cost: start.duration(to: .now)) { ending = .value(value) }
      return .success(.made(made.made))
    } catch {
      if Task.isCancelled { return .failure(error) }
      if mayBeStale(error), let value = await stale(question) {
        ending = .stale(value, error)
        return .success(.stale(value, error))
      }
      ending = .failed(error)
      return .failure(error)
    }
  }

  /// The first answer that a tier has; the tiers above get it too.
  private nonisolated(nonsending) func find(_ question: CacheQuestion) async -> (value: CachedValue, tier: String)? {
    let moment = now()
    for place in tiers.indices {
      let tier = tiers[place]
      // A tier that answers at once is asked without any of what a deadline needs: this is the way of a hit in memory.
      let found =
        tier.patience == nil
        ? try? await tier.get(question.key, at: moment)
        : await ask(place) { try await $0.get(question.key, at: moment) } ?? nil
      guard let value = found else { continue }
      for above in 0..<place { _ = await ask(above) { try await $0.put(CacheEntry(question: question, value: value)) } }
      return (value, tier.name)
    }
    return nil
  }

  /// The freshest older answer of all tiers.
  private nonisolated(nonsending) func stale(_ question: CacheQuestion) async -> CachedValue? {
    var best: CachedValue?
    let oldest = Moment(
      microsecondsSince1970: now().microsecondsSince1970 - settings.staleLimit.components.seconds * 1_000_000)
    for place in tiers.indices {
      guard let value = await ask(place, { try await $0.newest(of: question.slot) }) ?? nil, value.storedAt >= oldest,
        best.map({ $0.storedAt < value.storedAt }) ?? true
      else { continue }
      best = value
    }
    best?.isStale = true
    return best
  }

  // MARK: Storing

  @discardableResult
  private nonisolated(nonsending) func store<Made>(
    _ question: CacheQuestion, _ made: MadeValue<Made>, cost: Duration
  ) async -> CachedValue? {
    guard let bytes = made.bytes else { return nil }
    let moment = now()
    let value = CachedValue(
      bytes: bytes, cost: cost, storedAt: moment,
      expiresAt: Moment(
        microsecondsSince1970: moment.microsecondsSince1970 + settings.lifetime.components.seconds * 1_000_000),
      position: made.position)
    let entry = CacheEntry(question: question, value: value)
    for place in tiers.indices.reversed() {
      if await ask(place, { try await $0.put(entry) }) == .overtaken { break }
    }
    return value
  }

  /// What each tier has done and holds; those that do not answer are left out. One that rests is asked all the same: what
  /// it failed at is what people want to know.
  public nonisolated(nonsending) func statistics() async -> [TierStatistics] {
    var statistics: [TierStatistics] = []
    for place in tiers.indices {
      state.withLock { $0.resting[place] = nil }
      if let own = await ask(place, { try await $0.statistics() }) { statistics.append(own) }
    }
    return statistics
  }

  // MARK: Tiers

  /// Calls a tier, within its patience; nil when it rests, fails or is too slow, and then it rests.
  private nonisolated(nonsending) func ask<R: Sendable>(
    _ place: Int, _ call: @escaping @Sendable (any CacheTier) async throws -> R
  ) async -> R? {
    let tier = tiers[place]
    guard let patience = tier.patience else { return try? await call(tier) }
    if isResting(place) { return nil }
    do {
      return try await within(patience) { try await call(tier) }
    } catch {
      if !Task.isCancelled { rest(place) }
      return nil
    }
  }

  private func isResting(_ place: Int) -> Bool { state.withLock { $0.resting[place] }.map { $0 > .now } ?? false }

  private func rest(_ place: Int) { state.withLock { $0.resting[place] = .now + settings.rest } }
}
