// What a tier keeps, and what it counts. A value never changes: a newer one is another value in its place.

public import Ledger

/// A kept result.
public struct CachedValue: Sendable, Hashable {
  /// The result, encoded by whoever made it.
  public var bytes: [UInt8]
  /// How long it took to make; dear ones are kept before cheap ones.
  public var cost: Duration
  /// When it was stored.
  public var storedAt: Moment
  /// From when on it is no answer any more.
  public var expiresAt: Moment
  /// How far the log of the server that made it had come at least; nil where that is not known.
  public var position: Int64?
  /// Whether it was made from older data than the question names, and is given because asking failed.
  public var isStale = false

  /// Creates a value.
  public init(bytes: [UInt8], cost: Duration, storedAt: Moment, expiresAt: Moment, position: Int64? = nil) {
    self.bytes = bytes
    self.cost = cost
    self.storedAt = storedAt
    self.expiresAt = expiresAt
    self.position = position
  }
}

/// A value on its way into a tier.
public struct CacheEntry: Sendable, Hashable {
  /// What it answers.
  public var question: CacheQuestion
  /// The answer.
  public var value: CachedValue

  /// Creates an entry.
  public init(question: CacheQuestion, value: CachedValue) {
    self.question = question
    self.value = value
  }
}

/// What a tier has done since it was made, and what it holds.
public struct TierStatistics: Sendable, Hashable {
  /// The tier's name.
  public var tier: String
  /// Questions that had an answer.
  public var hits = 0
  /// Questions that had none, those that failed included.
  public var misses = 0
  /// Values that were stored.
  public var puts = 0
  /// Values that were not stored: too large, older than what is there, or overtaken by a change.
  public var refused = 0
  /// Values that had to go for others.
  public var evictions = 0
  /// Questions and storings that failed or came too late, and values that were damaged.
  public var failures = 0
  /// Values held.
  public var entries = 0
  /// Bytes held, as the tier keeps them.
  public var bytes = 0

  /// Creates empty statistics.
  public init(tier: String) { self.tier = tier }

  /// Questions.
  public var gets: Int { hits + misses }
}
