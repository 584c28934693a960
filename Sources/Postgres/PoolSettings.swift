// The settings of a connection pool and what it reports, in this room's words. The rules between the settings are
// the generic pool's; they are checked when a pool is made.

internal import ResourcePool

/// How many connections a pool keeps, for how long, and how long a caller waits.
public struct PoolSettings: Sendable, Hashable {
  /// How many connections are kept even when nobody uses them.
  public var min: Int
  /// How many connections there are at most.
  public var max: Int
  /// How long a caller waits for a connection.
  public var acquireTimeout: Duration
  /// How old a connection may become, less up to a tenth by chance; a lease that is running is never cut.
  public var maxAge: Duration
  /// How long a connection above `min` may lie idle.
  public var idleTimeout: Duration
  /// A connection that was used this recently is lent without asking the server whether it is still there.
  public var validationBypass: Duration
  /// How long the server may take to answer that question; below `acquireTimeout`.
  public var validationTimeout: Duration

  /// Makes settings. Without a `validationTimeout` it is two seconds, or half the acquire timeout where that is less.
  public init(
    min: Int = 1, max: Int = 4, acquireTimeout: Duration = .seconds(10), maxAge: Duration = .seconds(1_800),
    idleTimeout: Duration = .seconds(300), validationBypass: Duration = .milliseconds(500),
    validationTimeout: Duration? = nil
  ) {
    self.min = min
    self.max = max
    self.acquireTimeout = acquireTimeout
    self.maxAge = maxAge
    self.idleTimeout = idleTimeout
    self.validationBypass = validationBypass
    self.validationTimeout = validationTimeout ?? Swift.min(.seconds(2), acquireTimeout / 2)
  }

  var limits: PoolLimits {
    PoolLimits(
      min: min, max: max, acquireTimeout: acquireTimeout, maxAge: maxAge, idleTimeout: idleTimeout,
      validationBypass: validationBypass, validationTimeout: validationTimeout)
  }
}

/// A snapshot of a pool: total = active + idle + constructing.
public struct PoolStatistics: Sendable, Hashable {
  /// All connections that are idle, lent or being made.
  public var total: Int
  /// Lent.
  public var active: Int
  /// Ready and unused.
  public var idle: Int
  /// Being made or validated.
  public var constructing: Int
  /// Callers that wait.
  public var waiting: Int
  /// How often a connection was lent.
  public var leases: Int
  /// How often a caller gave up waiting.
  public var timeouts: Int
  /// How often a connection was made.
  public var connects: Int
  /// How often connecting failed.
  public var failedConnects: Int
  /// How often a connection was closed, whatever the reason.
  public var closes: Int
  /// What last went wrong when connecting, unless it has succeeded since.
  public var lastConnectError: String?

  init(_ counts: PoolCounts, lastFailure: (any Error)?) {
    total = counts.total
    active = counts.active
    idle = counts.idle
    constructing = counts.constructing
    waiting = counts.waiting
    leases = counts.leases
    timeouts = counts.timeouts
    connects = counts.creates
    failedConnects = counts.failedCreates
    closes = counts.destroys
    lastConnectError = lastFailure.map { "\($0)" }
  }
}
