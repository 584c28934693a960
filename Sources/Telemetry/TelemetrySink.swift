// Where measurements go. A room counts and records without asking whether anyone listens: the
// null sink is an object, so no call site carries an `if enabled`.
// Names are static strings such as "pool.acquire": a fixed vocabulary, never data.

/// Receives counters and durations.
public protocol TelemetrySink: Sendable {
  /// Adds `amount` to the counter `name`.
  func count(_ name: StaticString, _ amount: Int)
  /// Records that `name` took `duration`.
  func record(_ name: StaticString, _ duration: Duration)
}

/// The sink that keeps nothing.
public struct NullTelemetry: TelemetrySink {
  /// Makes the sink.
  public init() {}
  /// Keeps nothing.
  public func count(_ name: StaticString, _ amount: Int) {}
  /// Keeps nothing.
  public func record(_ name: StaticString, _ duration: Duration) {}
}
