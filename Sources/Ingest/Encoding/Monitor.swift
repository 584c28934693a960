// State that plain threads share and wait for: a lock and a condition, in one piece of memory that never moves.
// Invariant: the state is touched only under the lock, and every change wakes all who wait, who then look again.
// Tasks of the cooperative pool may change it, but never wait here: waiting blocks the thread.

internal import Glibc

/// A value that threads wait for.
final class Monitor<Value>: @unchecked Sendable {  // lock: `mutex`
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let changed: UnsafeMutablePointer<pthread_cond_t>
  private var value: Value

  init(_ value: Value) {
    self.value = value
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    changed = .allocate(capacity: 1)
    changed.initialize(to: pthread_cond_t())
    // Default attributes: neither call can fail.
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  /// Changes the value; waits for nothing but the lock.
  func change<R>(_ body: (inout Value) -> R) -> R {
    pthread_mutex_lock(mutex)
    let result = body(&value)
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(mutex)
    return result
  }

  /// Calls `body` after every change until it gives a result.
  func wait<R>(_ body: (inout Value) -> R?) -> R {
    pthread_mutex_lock(mutex)
    while true {
      if let result = body(&value) {
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
        return result
      }
      pthread_cond_wait(changed, mutex)
    }
  }
}
