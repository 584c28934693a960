// The signal that asked the work to end. The command line sets it and cancels the task; whoever writes the
// end of a run down asks for it, because a cancelled task does not say why.

internal import Synchronization

/// Remembers the first signal.
public final class Interruption: Sendable {
  private let first = Mutex<Int32?>(nil)

  /// Creates one that remembers nothing yet.
  public init() {}

  /// Remembers `signal`.
  ///
  /// - Returns: whether it is the first.
  public func record(_ signal: Int32) -> Bool {
    first.withLock { known in
      if known != nil { return false }
      known = signal
      return true
    }
  }

  /// The first signal; nil when there was none.
  public var signal: Int32? { first.withLock { $0 } }
}
