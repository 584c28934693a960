// SIGINT and SIGTERM, taken by the main thread, which waits for them, so that no code runs inside a handler.
// The first signal cancels the work, which rolls back and records; the second ends the process at once.
// Invariant: both signals are blocked before any other thread exists, so no other thread ever sees them.

internal import Glibc
internal import Jobs

enum SignalWatch {
  /// Blocks the signals in this thread and all that it will start, and ignores SIGPIPE. Call it first.
  static func prepare() {
    signal(SIGPIPE, SIG_IGN)
    // A shell starts background jobs with SIGINT ignored, and an ignored signal never reaches a waiting thread.
    signal(SIGINT, SIG_DFL)
    signal(SIGTERM, SIG_DFL)
    var signals = watched
    pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  /// Gives the main thread to waiting for signals; the work, which runs elsewhere, ends the process.
  ///
  /// Handing the main thread to the dispatch library instead would unblock every signal in it.
  static func wait(_ interruption: Interruption, leavesInterrupts: Bool, cancel: () -> Void) -> Never {
    while true {
      var signals = watched
      var received: Int32 = 0
      guard sigwait(&signals, &received) == 0, !(leavesInterrupts && received == SIGINT) else { continue }
      if interruption.record(received) {
        cancel()
      } else {
        _exit(128 + received)
      }
    }
  }

  static var watched: sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    return signals
  }
}
