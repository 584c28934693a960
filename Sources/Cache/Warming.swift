// Filling a cache ahead of the first reader. Invariant: it ends: by the number of items, by the time it may take, or by the
// caller's cancellation, whichever comes first; what was not reached is told.

/// How much may be warmed.
public struct WarmLimits: Sendable, Hashable {
  /// Items looked at, at most.
  public var items: Int
  /// After so long no further item is begun.
  public var duration: Duration

  /// Creates limits.
  public init(items: Int = 1_000, duration: Duration = .seconds(60)) {
    self.items = items
    self.duration = duration
  }
}

/// What warming came to.
public struct WarmOutcome: Sendable, Hashable {
  /// Items that were made and kept.
  public var made = 0
  /// Items that were kept already.
  public var kept = 0
  /// Items that are never kept.
  public var past = 0
  /// Items that were not reached.
  public var left = 0

  /// Creates an outcome.
  public init(made: Int = 0, kept: Int = 0, past: Int = 0, left: Int = 0) {
    self.made = made
    self.kept = kept
    self.past = past
    self.left = left
  }

  /// Looks at items one after another, within limits.
  public nonisolated(nonsending) static func of<Item>(
    _ items: [Item], within limits: WarmLimits,
    _ each: nonisolated(nonsending) (Item) async throws -> QueryCache.Source
  ) async throws -> WarmOutcome {
    var outcome = WarmOutcome()
    let end = ContinuousClock.now + limits.duration
    for (place, item) in items.enumerated() {
      try Task.checkCancellation()
      guard place < limits.items, ContinuousClock.now < end else {
        outcome.left = items.count - place
        break
      }
      switch try await each(item) {
      case .made: outcome.made += 1
      case .kept: outcome.kept += 1
      case .past, .stale: outcome.past += 1
      }
    }
    return outcome
  }
}
