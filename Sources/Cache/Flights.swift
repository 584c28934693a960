// Who is making which result in this process, and who waits for it. Invariant: at most one flight for a key; everybody who
// joined it hears how it ended, once, and a waiter that is cancelled stops waiting at once.

internal import Synchronization

/// The flights of one cache.
final class Flights: Sendable {
  /// How a flight ended.
  enum Ending: Sendable {
    /// With a value for everybody.
    case value(CachedValue)
    /// With an older value, because of a failure.
    case stale(CachedValue, any Error)
    /// With a failure, which is everybody's.
    case failed(any Error)
    /// Without either: whoever waits begins again.
    case abandoned
  }

  private typealias Waiter = (ticket: Int, continuation: CheckedContinuation<Ending, Never>)

  private struct State {
    var flights: [CacheKey: [Waiter]] = [:]
    var cancelled: Set<Int> = []
    var lastTicket = 0
  }

  private let state = Mutex(State())

  /// Begins a flight, or waits for the end of the one under way.
  ///
  /// - Returns: nil when the caller is to fly, and must call `end`.
  func join(_ key: CacheKey) async -> Ending? {
    let ticket: Int? = state.withLock { state in
      guard state.flights[key] != nil else {
        state.flights[key] = []
        return nil
      }
      state.lastTicket += 1
      return state.lastTicket
    }
    guard let ticket else { return nil }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          // It ended, or the caller was cancelled, before the continuation was in place.
          if state.cancelled.remove(ticket) != nil || state.flights[key] == nil { return true }
          state.flights[key]?.append((ticket, continuation))
          return false
        }
        if isOver { continuation.resume(returning: .abandoned) }
      }
    } onCancel: {
      let continuation = state.withLock { state -> CheckedContinuation<Ending, Never>? in
        guard let place = state.flights[key]?.firstIndex(where: { $0.ticket == ticket }) else {
          state.cancelled.insert(ticket)
          return nil
        }
        return state.flights[key]?.remove(at: place).continuation
      }
      continuation?.resume(returning: .abandoned)
    }
  }

  /// Ends the flight of the caller.
  func end(_ key: CacheKey, _ ending: Ending) {
    let waiters = state.withLock { $0.flights.removeValue(forKey: key) } ?? []
    for waiter in waiters { waiter.continuation.resume(returning: ending) }
  }

  /// How many wait for a key; nil when nobody makes it.
  func waiting(for key: CacheKey) -> Int? { state.withLock { $0.flights[key]?.count } }
}
