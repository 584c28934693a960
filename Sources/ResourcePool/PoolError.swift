// Why a pool lends nothing. Each error says how full the pool is and what last went wrong when making a resource,
// because "timed out" alone sends people to the wrong place.

internal import Telemetry

/// A pool lent nothing.
public struct PoolError: Error, Sendable, CustomStringConvertible {
  /// Why.
  public enum Reason: Sendable, Hashable {
    /// None came free in time.
    case timedOut
    /// The pool is shut down.
    case closed
    /// The caller was cancelled.
    case cancelled
    /// None can be made, and trying again would not help.
    case cannotCreate
  }

  /// Why.
  public var reason: Reason
  /// How long the caller waited.
  public var waited: Duration
  /// The pool at that moment.
  public var counts: PoolCounts
  /// What last went wrong when making a resource, unless one has been made since.
  public var lastFailure: (any Error)?

  /// One line: why, how full the pool is, the last failure.
  public var description: String {
    let first =
      switch reason {
      case .timedOut: "no connection came free within \(waited.milliseconds) ms"
      case .closed: "the pool is shut down"
      case .cancelled: "waiting for a connection was cancelled after \(waited.milliseconds) ms"
      case .cannotCreate: "no connection can be made"
      }
    var text =
      "\(first) (total \(counts.total), active \(counts.active), idle \(counts.idle), "
      + "constructing \(counts.constructing), waiting \(counts.waiting))"
    if let longest = counts.longestLease {
      text += "; held longest by \(longest.label), \(longest.age.milliseconds) ms"
    }
    if let lastFailure { text += "; last failure: \(lastFailure)" }
    return text
  }
}
