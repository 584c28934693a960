// The numbers a pool keeps to, checked once when it is made, so that the state machine needs no special cases.
// What a limit means for a particular resource is the business of whoever makes the pool.

/// How many resources a pool keeps, for how long, and how long a caller waits.
public struct PoolLimits: Sendable, Hashable {
  /// How many are kept even when nobody uses them.
  public var min: Int
  /// How many there are at most, those being made or closed included.
  public var max: Int
  /// How long a caller waits.
  public var acquireTimeout: Duration
  /// How old a resource may become; a lease that is running is never cut.
  public var maxAge: Duration
  /// How much of `maxAge` chance may take off, so that equal ages do not end in one moment: 0.1 is a tenth.
  public var maxAgeJitter: Double
  /// How long a resource above `min` may lie idle.
  public var idleTimeout: Duration
  /// A resource that was used this recently is lent without being validated.
  public var validationBypass: Duration
  /// How long a validation may take.
  public var validationTimeout: Duration
  /// How many are made at the same time. Few: most demand is met sooner by a release.
  public var concurrentCreates: Int
  /// The pause after a first failure to make one; it doubles with every further one.
  public var firstBackoff: Duration
  /// The longest such pause.
  public var longestBackoff: Duration

  /// Makes limits.
  public init(
    min: Int = 0, max: Int = 4, acquireTimeout: Duration = .seconds(10), maxAge: Duration = .seconds(1_800),
    maxAgeJitter: Double = 0.1, idleTimeout: Duration = .seconds(300),
    validationBypass: Duration = .milliseconds(500), validationTimeout: Duration = .seconds(2),
    concurrentCreates: Int = 2, firstBackoff: Duration = .milliseconds(50), longestBackoff: Duration = .seconds(2)
  ) {
    self.min = min
    self.max = max
    self.acquireTimeout = acquireTimeout
    self.maxAge = maxAge
    self.maxAgeJitter = maxAgeJitter
    self.idleTimeout = idleTimeout
    self.validationBypass = validationBypass
    self.validationTimeout = validationTimeout
    self.concurrentCreates = concurrentCreates
    self.firstBackoff = firstBackoff
    self.longestBackoff = longestBackoff
  }

  /// What is wrong with these limits, in the words of its settings; nil when nothing is.
  public var defect: String? {
    if max < 1 { return "max is \(max); it must be at least 1" }
    if min < 0 { return "min is \(min); it must be at least 0" }
    if min > max { return "min (\(min)) is above max (\(max))" }
    if acquireTimeout <= .zero { return "acquire_timeout must be above zero" }
    if maxAge <= .zero { return "max_age must be above zero" }
    if idleTimeout <= .zero { return "idle_timeout must be above zero" }
    if idleTimeout > maxAge { return "idle_timeout (\(idleTimeout)) is above max_age (\(maxAge)) and would never act" }
    if validationTimeout <= .zero { return "the validation timeout must be above zero" }
    if validationTimeout >= acquireTimeout {
      return "acquire_timeout (\(acquireTimeout)) is not above the validation timeout (\(validationTimeout))"
    }
    if !(0..<1).contains(maxAgeJitter) { return "the max_age jitter is \(maxAgeJitter); it must be in 0..<1" }
    if concurrentCreates < 1 { return "concurrent creates is \(concurrentCreates); it must be at least 1" }
    if firstBackoff <= .zero || longestBackoff < firstBackoff { return "the backoff must grow from above zero" }
    return nil
  }
}
