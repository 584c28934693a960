// One user's hold on the embedded server.
// Invariant: while the lease is held its shared lock on the `users` file is held, so nobody else's release stops
// the server. A lease that is dropped without `release()` gives up the lock but does not stop the server: the next
// user will.

internal import Glibc
internal import Synchronization

/// Keeps the embedded server running while it is held.
public final class EmbeddedServerLease: Sendable {
  /// Where the server listens.
  public let url: String

  private let postmaster: EmbeddedServerPostmaster
  private let hold: Mutex<ServerFile?>

  init(url: String, postmaster: EmbeddedServerPostmaster, hold: ServerFile) {
    self.url = url
    self.postmaster = postmaster
    self.hold = Mutex(hold)
  }

  /// Gives the server up; the last user stops it unless `db start` has marked it as kept. Calling twice is harmless.
  ///
  /// - Returns: why the server, which should stop, runs on; everything committed is on disk all the same.
  @discardableResult
  public func release() async -> EmbeddedServerError? {
    let held = hold.withLock { held in
      defer { held = nil }
      return held
    }
    guard let held else { return nil }
    do throws(EmbeddedServerError) {
      try await EmbeddedServer.blocking { [postmaster] () throws(EmbeddedServerError) in
        let home = postmaster.home
        let guardian = try ServerFile(home.lock, owner: home.user)
        try guardian.lock(LOCK_EX, within: postmaster.limits.lock, what: "starts or stops the server")
        defer { guardian.unlock() }
        // Closing alone would not do: a child that another thread is just starting holds the lock until it executes.
        defer { held.unlock() }
        // Nobody can join while `lock` is held, so an exclusive lock on `users` means: this was the last.
        guard held.tryLock(LOCK_EX), !FileSystem.exists(home.kept) else { return }
        _ = try postmaster.stop()
      }
      return nil
    } catch {
      return error
    }
  }
}
