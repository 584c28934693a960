// A private PostgreSQL 15 cluster beside a project: made, started, joined and stopped as commands need it.
// Invariant: a user of the server holds a shared lock on `users`; whoever can take it exclusively is the last one,
// and only that one may stop the server. Every change of state happens under the exclusive `lock`.
// The server listens on a unix socket in a directory of mode 0700 and on no network address.
// Elsewhere: where the files lie (EmbeddedServerFiles), its settings (EmbeddedServerSettings), starting and stopping
// the postmaster (EmbeddedServerPostmaster), child processes (EmbeddedServerProcess).

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

  /// Names the server of a state directory; touches nothing.
  public init(stateDirectory: String, durability: Durability = .durable) {
    self.stateDirectory = stateDirectory
    self.durability = durability
  }

  /// Joins the running server, or starts it, or makes it first.
  ///
  /// - Returns: a lease; the server lives at least as long as it is held.
  /// - Throws: what stands in the way, with the end of the server's log when it did not start.
  public func acquire() async throws(EmbeddedServerError) -> EmbeddedServerLease {
    throw EmbeddedServerError(.startFailed, "not built yet")
  }

  /// Starts the server if need be and marks it as kept, so that it outlives its last user.
  ///
  /// - Returns: its URL.
  public func start() async throws(EmbeddedServerError) -> String {
    throw EmbeddedServerError(.startFailed, "not built yet")
  }

  /// Stops the server, cancelling what its users do, and removes the mark of `start()`.
  ///
  /// - Returns: whether a server was running.
  @discardableResult
  public func stop() async throws(EmbeddedServerError) -> Bool {
    throw EmbeddedServerError(.stopFailed, "not built yet")
  }

  /// Looks whether the server runs, without waiting and without changing anything.
  public func status() -> Status { .stopped }
}
