// One thread that waits on epoll for every socket of the process, so that no task ever blocks a thread of the
// cooperative pool. Registrations are one-shot: a wait names a socket, a direction and a deadline and ends in
// exactly one outcome. A stale event (its waiter timed out or was cancelled) finds no waiter and is ignored.
// What to do with a ready socket is deliberately elsewhere.

internal import CLibPQ
internal import Glibc
internal import Synchronization

/// The directions a wait is for.
struct SocketInterest: OptionSet, Sendable {
  let rawValue: UInt32
  static let read = SocketInterest(rawValue: 0x001)  // EPOLLIN
  static let write = SocketInterest(rawValue: 0x004)  // EPOLLOUT
  static let none: SocketInterest = []
}

/// How a wait ended.
enum SocketOutcome: Sendable { case ready, timedOut, cancelled, failed }

/// Waits for sockets and deadlines on a thread of its own.
final class SocketWatcher: Sendable {
  static let shared = SocketWatcher()

  private struct Waiter {
    var deadline: ContinuousClock.Instant?
    var continuation: CheckedContinuation<SocketOutcome, Never>
  }

  private struct State {
    var waiters: [UInt64: Waiter] = [:]
    var nextID: UInt64 = 1
    /// When the thread will wake by itself; nil while it would sleep for ever.
    var wakesAt: ContinuousClock.Instant?
  }

  private static let wakeID: UInt64 = 0
  private static let oneShot: UInt32 = 1 << 30
  private let state = Mutex(State())
  private let epoll: Int32
  private let wake: Int32

  private init() {
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    wake = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    var event = epoll_event(events: SocketInterest.read.rawValue, data: epoll_data_t(u64: Self.wakeID))
    _ = epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event)
    startDetachedThread { [self] in watch() }
  }

  /// Waits until `socket` is ready in one of the directions of `interest`, or the deadline passes, or the task is
  /// cancelled. Without a socket it is a timer.
  ///
  /// - Parameter isCancellable: false for the statements that clean up after a cancelled task.
  func wait(
    socket: Int32?, for interest: SocketInterest, until deadline: ContinuousClock.Instant? = nil,
    isCancellable: Bool = true, isolation: isolated (any Actor)? = #isolation
  ) async -> SocketOutcome {
    let id = state.withLock { state in
      defer { state.nextID += 1 }
      return state.nextID
    }
    if !isCancellable {
      return await withCheckedContinuation { register(id, $0, socket, interest, deadline) }
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        register(id, continuation, socket, interest, deadline)
        // The handler may have run before there was anything to resume.
        if Task.isCancelled { finish(id, .cancelled) }
      }
    } onCancel: {
      finish(id, .cancelled)
    }
  }

  private func register(
    _ id: UInt64, _ continuation: CheckedContinuation<SocketOutcome, Never>, _ socket: Int32?,
    _ interest: SocketInterest, _ deadline: ContinuousClock.Instant?
  ) {
    let mustWake = state.withLock { state in
      state.waiters[id] = Waiter(deadline: deadline, continuation: continuation)
      guard let deadline else { return false }
      if let wakesAt = state.wakesAt, wakesAt <= deadline { return false }
      state.wakesAt = deadline
      return true
    }
    if let socket, !arm(socket, interest, id) {
      finish(id, .failed)
      return
    }
    if mustWake {
      var one: UInt64 = 1
      _ = write(wake, &one, MemoryLayout<UInt64>.size)
    }
  }

  private func arm(_ socket: Int32, _ interest: SocketInterest, _ id: UInt64) -> Bool {
    var event = epoll_event(events: interest.rawValue | Self.oneShot, data: epoll_data_t(u64: id))
    if epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event) == 0 { return true }
    return errno == ENOENT && epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) == 0
  }

  private func finish(_ id: UInt64, _ outcome: SocketOutcome) {
    let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
    waiter?.continuation.resume(returning: outcome)
  }

  private func watch() {
    var events = [epoll_event](repeating: epoll_event(), count: 64)
    while true {
      let timeout = millisecondsUntilNextDeadline()
      let count = epoll_wait(epoll, &events, Int32(events.count), timeout)
      for event in events.prefix(max(0, Int(count))) {
        let id = event.data.u64
        if id == Self.wakeID {
          var value: UInt64 = 0
          _ = read(wake, &value, MemoryLayout<UInt64>.size)
        } else {
          finish(id, .ready)
        }
      }
      expire()
    }
  }

  private func millisecondsUntilNextDeadline() -> Int32 {
    let next = state.withLock { state in
      state.wakesAt = state.waiters.values.lazy.compactMap(\.deadline).min()
      return state.wakesAt
    }
    guard let next else { return -1 }
    let left = ContinuousClock.now.duration(to: next)
    if left <= .zero { return 0 }
    // Rounded up: waking a moment early would only turn the loop once more.
    let (seconds, attoseconds) = left.components
    return Int32(clamping: seconds * 1_000 + attoseconds / 1_000_000_000_000_000 + 1)
  }

  private func expire() {
    let due = state.withLock { state -> [CheckedContinuation<SocketOutcome, Never>] in
      guard let wakesAt = state.wakesAt else { return [] }
      let now = ContinuousClock.now
      guard wakesAt <= now else { return [] }
      let ids = state.waiters.filter { $0.value.deadline.map { $0 <= now } ?? false }.keys
      return ids.compactMap { state.waiters.removeValue(forKey: $0)?.continuation }
    }
    for continuation in due { continuation.resume(returning: .timedOut) }
  }
}
