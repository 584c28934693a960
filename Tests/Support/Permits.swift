// How many tests may use something at the same time.
// The test runner starts all tests at once; without a bound a few hundred of them would open their databases together,
// run out of connections, and each look as slow as all.

/// A counted permission, given in the order of asking.
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

  /// Gives one back: to the one who waits longest.
  package func give() {
    if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
  }
}
