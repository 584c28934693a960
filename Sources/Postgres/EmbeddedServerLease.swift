// One user's hold on the embedded server.
// Invariant: while the lease is held its shared lock on the `users` file is held, so nobody else's release stops
// the server. A lease that is dropped without `release()` gives up the lock but does not stop the server: the next
// user will.

/// Keeps the embedded server running while it is held.
public final class EmbeddedServerLease: Sendable {
  /// Where the server listens.
  public let url: String

  init(url: String) {
    self.url = url
  }

  /// Gives the server up; the last user stops it unless `db start` has marked it as kept. Calling twice is harmless.
  public func release() async {}
}
