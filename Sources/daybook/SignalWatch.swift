// SIGINT and SIGTERM, taken by a thread that waits for them, so that no code runs inside a handler.
// The first signal cancels the work, which rolls back and records; the second ends the process at once.
// Invariant: both signals are blocked before any other thread exists, so no other thread ever sees them.

internal import Glibc
internal import Jobs

enum SignalWatch {
  /// Blocks the signals in this thread and all that it will start, and ignores SIGPIPE. Call it first.
  static func prepare() {
    signal(SIGPIPE, SIG_IGN)
    var signals = watched
    pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  /// Waits for signals on a thread of its own.
  static func start(_ interruption: Interruption, cancel: @escaping @Sendable () -> Void) {
    let waiting = Waiting(interruption: interruption, cancel: cancel)
    var thread = pthread_t()
    let context = Unmanaged.passRetained(waiting)
    let result = pthread_create(
      &thread, nil,
      { context in
        guard let context else { return nil }
        Unmanaged<Waiting>.fromOpaque(context).takeRetainedValue().run()
        return nil
      }, context.toOpaque())
    guard result == 0 else {
      context.release()
      return
    }
    pthread_detach(thread)
  }

  static var watched: sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    return signals
  }

  private final class Waiting: Sendable {
    let interruption: Interruption
    let cancel: @Sendable () -> Void

    init(interruption: Interruption, cancel: @escaping @Sendable () -> Void) {
      self.interruption = interruption
      self.cancel = cancel
    }

    func run() {
      while true {
        var signals = SignalWatch.watched
        var received: Int32 = 0
        guard sigwait(&signals, &received) == 0 else { continue }
        if interruption.record(received) {
          cancel()
        } else {
          _exit(128 + received)
        }
      }
    }
  }
}
