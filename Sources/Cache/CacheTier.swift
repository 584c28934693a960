// What a tier must be able to do: the process's memory, PostgreSQL, and whatever comes later (Redis) look the same from
// above. A tier may fail, be slow or lose what it holds at any time; it must never give bytes other than those stored.
// Order of tiers, deadlines and what follows from a failure are elsewhere: TieredCache.

public import Ledger

/// A place where results are kept.
public protocol CacheTier: Sendable {
  /// A word for statistics.
  var name: String { get }
  /// How long one call may take before it is given up; nil for a tier that answers at once.
  var patience: Duration? { get }
  /// The value of a key that has not expired at `now`; nil counts as a miss.
  func get(_ key: CacheKey, at now: Moment) async throws -> CachedValue?
  /// The freshest value of a slot, expired or not; neither a hit nor a miss.
  func newest(of slot: CacheKey) async throws -> CachedValue?
  /// Stores a value, unless it is too large, older than what is there, or its data have changed since.
  @discardableResult func put(_ entry: CacheEntry) async throws -> CacheStoring
  /// What it has done and holds.
  func statistics() async throws -> TierStatistics
}

/// What came of storing a value.
public enum CacheStoring: Sendable, Hashable {
  /// It is there.
  case stored
  /// This tier has no room for it.
  case refused
  /// What it was made from has changed since, it was forgotten meanwhile, or a fresher one is there: nobody is to keep it.
  case overtaken
}

/// What came of asking for a key's lock.
public enum FlightPermit: Sendable, Hashable {
  /// It is held.
  case held
  /// Somebody else held it for longer than it is worth waiting.
  case busy
  /// Whoever gives locks does not answer.
  case failed
}

/// Keeps processes from making the same result at the same time.
public protocol FlightLock: Sendable {
  /// Runs `body` once, holding the key's lock where that could be had in time.
  nonisolated(nonsending) func whileHeld<R: Sendable>(
    _ key: CacheKey, _ body: nonisolated(nonsending) (FlightPermit) async -> R
  ) async -> R
}
