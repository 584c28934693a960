// How often, and after what pause, something is tried again that failed for a passing reason.
// Pure: the randomness is passed in, and whoever asks does the waiting.

/// Bounded retries with exponential backoff and jitter.
public struct RetryPolicy: Sendable, Hashable {
  /// How often something is tried, the first time included.
  public var attempts: Int
  /// The pause before the second attempt, before jitter.
  public var firstPause: Duration
  /// The longest pause.
  public var longestPause: Duration

  /// Creates a policy; three attempts within about two seconds unless said.
  public init(
    attempts: Int = 3, firstPause: Duration = .milliseconds(500), longestPause: Duration = .seconds(10)
  ) {
    self.attempts = attempts
    self.firstPause = firstPause
    self.longestPause = longestPause
  }

  /// Nothing is tried again.
  public static let never = RetryPolicy(attempts: 1)

  /// The pause before the attempt after `attempt`, or nil when there is to be none.
  ///
  /// - Parameters:
  ///   - attempt: the attempt that failed, from 1.
  ///   - jitter: from 0 up to 1; the pause lies between half and all of its full length.
  public func pause(after attempt: Int, jitter: Double) -> Duration? {
    guard attempt >= 1, attempt < attempts else { return nil }
    var full = firstPause
    for _ in 1..<attempt where full < longestPause { full = full * 2 }
    full = min(full, longestPause)
    return full / 2 + full / 2 * min(max(jitter, 0), 1)
  }
}
