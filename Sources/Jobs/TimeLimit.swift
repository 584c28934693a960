// Work that must end by a time.
// Invariant: when the time is up the work is cancelled and waited for, so nothing of it runs on.

internal import Telemetry

/// The time of a stage or a job was up.
public struct TimeLimitExceeded: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was limited, such as `job nightly`.
  public var what: String
  /// The limit.
  public var limit: Duration

  public var description: String { "\(what) took longer than its timeout of \(shortText(limit))" }
}

/// A point in time by which something must be done, and what set it.
struct Deadline: Sendable {
  var instant: ContinuousClock.Instant
  var what: String
  var limit: Duration

  /// The deadline of `what`, or nil without a limit.
  init?(_ what: String, after limit: Duration?, from start: ContinuousClock.Instant) {
    guard let limit else { return nil }
    self.what = what
    self.limit = limit
    instant = start + limit
  }

  /// The earlier of both.
  static func earlier(_ a: Deadline?, _ b: Deadline?) -> Deadline? {
    guard let a else { return b }
    guard let b else { return a }
    return a.instant <= b.instant ? a : b
  }
}

/// Runs `body`, and cancels it when the deadline passes.
///
/// - Throws: what `body` throws, or `TimeLimitExceeded` once `body` has ended after its cancellation.
func withDeadline<R: Sendable>(
  _ deadline: Deadline?, _ body: @escaping @Sendable () async throws -> R
) async throws -> R {
  guard let deadline else { return try await body() }
  return try await withThrowingTaskGroup(of: R?.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(until: deadline.instant, clock: .continuous)
      return nil
    }
    defer { group.cancelAll() }
    if let first = try await group.next(), let value = first { return value }
    group.cancelAll()
    throw TimeLimitExceeded(what: deadline.what, limit: deadline.limit)
  }
}

/// A duration for people, in its two largest units: `2h 5m`, `1m 3s`, `4.2s`, `87ms`.
public func shortText(_ duration: Duration) -> String {
  shortText(milliseconds: duration.milliseconds)
}

/// Milliseconds for people, in the two largest units.
public func shortText(milliseconds: Int) -> String {
  let seconds = milliseconds / 1000
  switch milliseconds {
  case ..<1000: return "\(milliseconds)ms"
  case ..<60_000:
    let tenths = milliseconds % 1000 / 100
    return tenths == 0 ? "\(seconds)s" : "\(seconds).\(tenths)s"
  case ..<3_600_000: return seconds % 60 == 0 ? "\(seconds / 60)m" : "\(seconds / 60)m \(seconds % 60)s"
  default:
    let minutes = seconds / 60
    return minutes % 60 == 0 ? "\(minutes / 60)h" : "\(minutes / 60)h \(minutes % 60)m"
  }
}
