// What a pool says about itself. Counts are a snapshot taken under the pool's lock, so that they always add up:
// total = idle + active + constructing.

/// A snapshot of a pool.
public struct PoolCounts: Sendable, Hashable {
  /// All that are idle, lent or being made.
  public var total = 0
  /// Lent.
  public var active = 0
  /// Ready and unused.
  public var idle = 0
  /// Being made or validated.
  public var constructing = 0
  /// Being closed; they still take up room.
  public var closing = 0
  /// Callers that wait.
  public var waiting = 0
  /// How often one was lent.
  public var leases = 0
  /// How often a caller gave up waiting.
  public var timeouts = 0
  /// How often a caller was cancelled while waiting.
  public var cancellations = 0
  /// How often one was made.
  public var creates = 0
  /// How often making one failed.
  public var failedCreates = 0
  /// How often one was closed, whatever the reason.
  public var destroys = 0
  /// How many failures to make one have followed each other up to now.
  public var consecutiveFailures = 0
  /// Who has held one the longest, and for how long.
  public var longestLease: PoolLeaseAge?

  /// Makes an empty snapshot.
  public init() {}
}

/// Who holds a resource, and for how long.
public struct PoolLeaseAge: Sendable, Hashable {
  /// What the borrower called itself.
  public var label: String
  /// Since it was lent.
  public var age: Duration
}
