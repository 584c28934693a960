// A call with a limit. Invariant: whoever waits gets an answer at the limit, or as soon after it as the call gives in to
// being cancelled; what it would have answered later is dropped.

/// A tier that did not answer in time.
struct TooSlow: Error, CustomStringConvertible {
  let limit: Duration
  var description: String { "no answer within \(limit)" }
}

/// What `body` returns, or `TooSlow` when that takes longer than `limit`.
func within<R: Sendable>(
  _ limit: Duration, _ body: @escaping @Sendable () async throws -> R
) async throws -> R {
  try await withThrowingTaskGroup(of: R.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: limit)
      throw TooSlow(limit: limit)
    }
    defer { group.cancelAll() }
    guard let first = try await group.next() else { throw CancellationError() }
    return first
  }
}
