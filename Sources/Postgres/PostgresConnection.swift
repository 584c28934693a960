// One session with the server: an actor around one PGconn, driven without ever blocking a thread.
// Invariant: at most one exchange is under way; a second call meanwhile is refused with `misuse`, not queued.
// Elsewhere: connecting (+Connect), the exchange itself (+Exchange), cancel (+Cancel), streams (+Rows, +Copy),
// transactions (+Transaction), statements that the server keeps (+Prepared). Who may use a connection when is the pool's business.

internal import CLibPQ
internal import Synchronization

/// A connection to PostgreSQL.
///
/// Cancelling the task that waits for a statement cancels the statement on the server.
public actor PostgresConnection {
  /// What is under way between the calls of this actor.
  enum Activity: Equatable {
    case idle
    case statement
    case rows(UInt64)
    case copyIn(UInt64)
    case copyOut(UInt64)
  }

  /// Nil once closed.
  var handle: ConnectionHandle?
  var activity = Activity.idle
  var lastToken: UInt64 = 0
  /// How many `withTransaction` are open on this connection.
  var transactionDepth = 0
  /// The error that ended the COPY under way, until its body has returned.
  var copyFailure: PostgresError?
  var isWritingCopy = false
  /// The SQL of the stream under way, for its errors.
  var streamStatement: String?
  var isCloseRequested = false
  /// The statements that the server keeps for this session.
  var prepared: [PreparedStatement: String] = [:]
  let cancelTimeout: Duration
  let notices = NoticeCounter()
  /// What the pool may know without asking the actor.
  nonisolated let condition = ConditionFlags()

  /// The process that serves this connection.
  public nonisolated let backendProcessID: Int32
  /// The server's version as a number: 150014 is 15.14.
  public nonisolated let serverVersion: Int

  init(adopting handle: sending ConnectionHandle, cancelTimeout: Duration) {
    backendProcessID = PQbackendPID(handle.raw)
    serverVersion = Int(PQserverVersion(handle.raw))
    self.cancelTimeout = cancelTimeout
    handle.silenceNotices(counting: notices)
    self.handle = handle
  }

  /// Runs one statement and returns all its rows.
  ///
  /// The whole result is held in memory; for large ones use `forEachRow`.
  public func query(
    _ sql: String, _ parameters: [PostgresValue] = []
  ) async throws(PostgresError) -> PostgresRows {
    PostgresRows(result: try await run(sql, parameters))
  }

  /// Runs one statement and returns how many rows it affected.
  @discardableResult
  public func execute(
    _ sql: String, _ parameters: [PostgresValue] = []
  ) async throws(PostgresError) -> Int {
    try await run(sql, parameters).affectedRows
  }

  /// Runs several statements separated by semicolons, in one implicit transaction; their results are dropped.
  public func executeScript(_ sql: String) async throws(PostgresError) {
    _ = try await run(sql, nil)
  }

  /// Ends the session. A statement under way fails with `connectionLost`.
  public func close() async {
    guard let handle else { return }
    condition.insert(.closed)
    isCloseRequested = true
    if activity == .idle {
      self.handle = nil
    } else {
      // The exchange under way still holds the handle; it finds the socket shut and lets go.
      shutDownSocket(handle)
    }
  }

  /// Whether the connection has been closed or lost.
  public var isClosed: Bool { handle == nil || isCloseRequested }
}

/// What is known about a connection that goes back to a pool; written by its actor after every exchange.
final class ConditionFlags: Sendable {
  struct Flags: OptionSet, Sendable {
    let rawValue: UInt8
    /// Closed or lost.
    static let closed = Flags(rawValue: 1)
    /// An exchange has begun and not ended, or a transaction is open.
    static let busy = Flags(rawValue: 2)
    /// A cancel may still be on its way, or the server turned read-only.
    static let retired = Flags(rawValue: 4)
    /// Session state was changed.
    static let sessionChanged = Flags(rawValue: 8)
  }

  private let bits = Atomic<UInt8>(0)

  var current: Flags { Flags(rawValue: bits.load(ordering: .acquiring)) }
  func insert(_ flags: Flags) { bits.bitwiseOr(flags.rawValue, ordering: .acquiringAndReleasing) }
  func remove(_ flags: Flags) { bits.bitwiseAnd(~flags.rawValue, ordering: .acquiringAndReleasing) }
}
