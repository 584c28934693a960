// How many tests may use something at the same time.
// The test runner starts all tests at once; without a bound a few hundred of them would open their databases together,
// run out of connections, and each look as slow as all.

/// A counted permission, given to whoever asked last: the next step of a suite that goes one by one would otherwise stand
/// behind all tests that have not begun, and be left over when they are done.
package actor Permits {
  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  /// Creates as many permissions.
  package init(_ count: Int) { free = count }

  /// Waits for a permission.
  package func take() async {
    if free > 0 {
      free -= 1
    } else {
      await withCheckedContinuation { waiting.append($0) }
    }
  }

  /// Gives one back: to the one who asked last.
  package func give() {
    if let next = waiting.popLast() { next.resume() } else { free += 1 }
  }
}
