// A private PostgreSQL 15 cluster beside a project: made, started, joined and stopped as commands need it.
// Invariant: a user of the server holds a shared lock on `users`; whoever can take it exclusively is the last one,
// and only that one may stop the server. Every change of state happens under the exclusive `lock`.
// The server listens on a unix socket in a directory of mode 0700 and on no network address.
// Elsewhere: where the files lie (EmbeddedServerFiles), its settings (EmbeddedServerSettings), starting and stopping
// the postmaster (EmbeddedServerPostmaster), child processes (EmbeddedServerProcess).

internal import Glibc

/// The PostgreSQL server that Daybook runs for a project without a `DATABASE_URL`.
///
/// The value only names a place; the server itself is shared by every process that names the same place.
public struct EmbeddedServer: Sendable {
  /// What a crash of the machine may cost.
  public enum Durability: Sendable, Hashable {
    /// Every commit is on disk: fsync and full page writes are on.
    case durable
    /// Nothing is: for clusters that are deleted after a test.
    case throwaway
  }

  /// Whether the server runs.
  public enum Status: Sendable, Hashable {
    /// No server process works on the data directory.
    case stopped
    /// The process with this id serves this URL.
    case running(pid: Int32, url: String)
  }

  /// The directory of the project's own state, `<project>/.daybook`.
  public let stateDirectory: String
  /// What a crash of the machine may cost.
  public let durability: Durability

  let places: EmbeddedServerPlaces
  let limits: EmbeddedServerLimits

  /// Names the server of a state directory; touches nothing.
  ///
  /// - Parameter stateDirectory: an absolute path; it is made when the server first starts.
  public init(stateDirectory: String, durability: Durability = .durable) {
    self.init(stateDirectory: stateDirectory, durability: durability, places: EmbeddedServerPlaces())
  }

  init(
    stateDirectory: String, durability: Durability = .durable, places: EmbeddedServerPlaces,
    limits: EmbeddedServerLimits = EmbeddedServerLimits()
  ) {
    self.stateDirectory = stateDirectory
    self.durability = durability
    self.places = places
    self.limits = limits
  }

  /// Joins the running server, or starts it, or makes it first.
  ///
  /// - Returns: a lease; the server lives at least as long as it is held.
  /// - Throws: what stands in the way, with the end of the server's log when it did not start.
  public func acquire() async throws(EmbeddedServerError) -> EmbeddedServerLease {
    try await Self.blocking { () throws(EmbeddedServerError) in
      let postmaster = postmaster(of: try places.makeHome(for: stateDirectory))
      let guardian = try guardian(of: postmaster)
      defer { guardian.unlock() }
      let hold = try ServerFile(postmaster.home.users, owner: postmaster.home.user)
      try hold.lock(LOCK_SH, within: limits.lock, what: "stops the server")
      let url = try postmaster.ensureRunning()
      return EmbeddedServerLease(url: url, postmaster: postmaster, hold: hold)
    }
  }

  /// Starts the server if need be and marks it as kept, so that it outlives its last user.
  ///
  /// - Returns: its URL.
  public func start() async throws(EmbeddedServerError) -> String {
    try await Self.blocking { () throws(EmbeddedServerError) in
      let postmaster = postmaster(of: try places.makeHome(for: stateDirectory))
      let guardian = try guardian(of: postmaster)
      defer { guardian.unlock() }
      let url = try postmaster.ensureRunning()
      _ = try ServerFile(postmaster.home.kept, owner: postmaster.home.user)
      return url
    }
  }

  /// Removes the mark of `start()` and stops the server.
  ///
  /// - Parameter force: stops it also under other users, whose statements fail.
  /// - Returns: whether a server was running.
  /// - Throws: `.inUse` without `force` while a command uses the server; it stops when that command ends.
  @discardableResult
  public func stop(force: Bool = false) async throws(EmbeddedServerError) -> Bool {
    try await Self.blocking { () throws(EmbeddedServerError) in
      guard let home = try places.existingHome(of: stateDirectory) else { return false }
      let postmaster = postmaster(of: home)
      let guardian = try guardian(of: postmaster)
      defer { guardian.unlock() }
      unlink(home.kept)
      let users = try ServerFile(home.users, owner: home.user)
      defer { users.unlock() }
      guard force || users.tryLock(LOCK_EX) else {
        throw EmbeddedServerError(
          .inUse, "another daybook command uses the server; it stops when that command ends",
          fix: "see which: fuser -v \(home.users)")
      }
      return try postmaster.stop()
    }
  }

  /// Looks whether the server runs and takes connections, without waiting and without changing anything.
  ///
  /// A cluster that this user may not look into counts as stopped.
  public func status() -> Status {
    guard let home = try? places.existingHome(of: stateDirectory), let server = postmaster(of: home).running(),
      server.state == .ready
    else { return .stopped }
    return .running(pid: server.pid, url: EmbeddedServerSettings.url(socketDirectory: server.socketDirectory))
  }

  private func postmaster(of home: EmbeddedServerHome) -> EmbeddedServerPostmaster {
    EmbeddedServerPostmaster(home: home, places: places, durability: durability, limits: limits)
  }

  /// Takes the lock under which the cluster is made, started and stopped.
  private func guardian(of postmaster: EmbeddedServerPostmaster) throws(EmbeddedServerError) -> ServerFile {
    let guardian = try ServerFile(postmaster.home.lock, owner: postmaster.home.user)
    try guardian.lock(LOCK_EX, within: limits.lock, what: "starts or stops the server")
    return guardian
  }

  /// Runs code that waits for locks and processes on a thread of its own: neither the cooperative pool nor Dispatch's
  /// threads, which feed it, may be held up.
  static func blocking<R: Sendable>(
    _ body: @escaping @Sendable () throws(EmbeddedServerError) -> R
  ) async throws(EmbeddedServerError) -> R {
    let result: Result<R, EmbeddedServerError> = await WaitingThread.run {
      do throws(EmbeddedServerError) {
        return .success(try body())
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}
