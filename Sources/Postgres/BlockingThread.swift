// Calls that can only block run on a thread of their own, never on the cooperative pool. Name lookup and PQcancel are
// waited for no longer than a deadline: a call that overstays keeps its thread until it returns, and its result is
// dropped. Work that must come to its end (a child process, syncing files) is waited for however long it takes.
// Such calls are rare by design, never a statement.

internal import Glibc
internal import Synchronization

private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Starts a detached thread with every signal blocked, so that signals reach the threads that expect them.
@discardableResult
func startDetachedThread(_ run: @escaping @Sendable () -> Void) -> Bool {
  let body = Unmanaged.passRetained(ThreadBody(run))
  var every = sigset_t()
  var before = sigset_t()
  sigfillset(&every)
  pthread_sigmask(SIG_SETMASK, &every, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
  var thread = pthread_t()
  let code = pthread_create(
    &thread, nil,
    { raw in
      if let raw { Unmanaged<ThreadBody>.fromOpaque(raw).takeRetainedValue().run() }
      return nil
    }, body.toOpaque())
  guard code == 0 else {
    body.release()
    return false
  }
  pthread_detach(thread)
  return true
}

/// A thread for one call that blocks and must come to its end.
package enum WaitingThread {
  /// Runs the closure on a new thread and waits for its result without blocking the caller's.
  ///
  /// Every signal is blocked there; a child process started in it needs a mask of its own.
  package static func run<Answer: Sendable>(_ call: @escaping @Sendable () -> Answer) async -> Answer {
    await withCheckedContinuation { continuation in
      // No thread to be had: late is better than never.
      if !startDetachedThread({ continuation.resume(returning: call()) }) { continuation.resume(returning: call()) }
    }
  }
}

extension WaitingThread {
  /// Runs the closure on a new thread and waits for its result; for what would block a thread of the pool for long.
  ///
  /// - Returns: nil when no thread could be started; nothing was run then.
  package static func runIfPossible<Answer: Sendable>(_ call: @escaping @Sendable () -> Answer) async -> Answer? {
    await withCheckedContinuation { continuation in
      if !startDetachedThread({ continuation.resume(returning: call()) }) { continuation.resume(returning: nil) }
    }
  }
}

/// Resumes one continuation with whichever answer comes first.
private final class FirstAnswer<Answer: Sendable>: Sendable {
  private let continuation: Mutex<CheckedContinuation<Answer?, Never>?>
  init(_ continuation: CheckedContinuation<Answer?, Never>) { self.continuation = Mutex(continuation) }

  func give(_ answer: Answer?) {
    let waiting = continuation.withLock { held in
      defer { held = nil }
      return held
    }
    waiting?.resume(returning: answer)
  }
}

/// Runs a blocking call elsewhere.
///
/// - Returns: its answer, or nil when the deadline passed first or no thread could be started.
/// Not cancellable: its callers either clean up or have a short deadline.
func onBlockingThread<Answer: Sendable>(
  until deadline: ContinuousClock.Instant, isolation: isolated (any Actor)? = #isolation,
  _ call: @escaping @Sendable () -> Answer
) async -> Answer? {
  await withCheckedContinuation { continuation in
    let first = FirstAnswer<Answer>(continuation)
    let timer = Task.detached {
      if await SocketWatcher.shared.wait(socket: nil, for: .none, until: deadline) == .timedOut { first.give(nil) }
    }
    let isStarted = startDetachedThread {
      first.give(call())
      timer.cancel()
    }
    if !isStarted {
      first.give(nil)
      timer.cancel()
    }
  }
}
