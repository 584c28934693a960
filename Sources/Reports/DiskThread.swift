// Writing and syncing a set can take as long as the disk likes, so it runs on a thread of its own and never holds up
// the cooperative pool. There is no deadline: a set is put in place whole or not at all, and both are quick to undo.
// Invariant: the answer is given exactly once.

internal import Glibc

/// Runs blocking work on a thread of its own.
enum DiskThread {
  private final class Work: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// The answer of `work`; where no thread can be had, it runs here.
  static func run<Answer: Sendable>(_ work: @escaping @Sendable () -> Answer) async -> Answer {
    await withCheckedContinuation { continuation in
      let held = Unmanaged.passRetained(Work { continuation.resume(returning: work()) })
      // Signals are for the threads that wait for them.
      var (every, before) = (sigset_t(), sigset_t())
      sigfillset(&every)
      pthread_sigmask(SIG_SETMASK, &every, &before)
      defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
      var thread = pthread_t()
      let code = pthread_create(
        &thread, nil,
        { raw in
          if let raw { Unmanaged<Work>.fromOpaque(raw).takeRetainedValue().run() }
          return nil
        }, held.toOpaque())
      if code == 0 {
        pthread_detach(thread)
      } else {
        held.takeRetainedValue().run()
      }
    }
  }
}
