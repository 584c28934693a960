// The one error of this room. It carries what the server said (SQLSTATE, detail, hint, constraint,
// position, context) and the SQL text, and never a parameter value or a password.
// How it is shown to a person is decided elsewhere; `description` is one line for logs.

/// Something went wrong between Daybook and PostgreSQL.
public struct PostgresError: Error, Sendable, CustomStringConvertible {
  /// What sort of failure it is.
  public enum Kind: Sendable, Hashable {
    /// No server answered at any host.
    case unreachable
    /// The server refused who we are.
    case authentication
    /// The server refused a statement.
    case server
    /// The task was cancelled; the statement was cancelled on the server.
    case cancelled
    /// A deadline passed.
    case timeout
    /// A value could not be read as the type asked for.
    case decoding
    /// The call breaks a rule of this room: overlapping use, a closed connection, a wrong setting.
    case misuse
    /// No connection of the pool came free in time.
    case poolTimeout
    /// The pool has been shut down.
    case poolClosed
    /// The connection broke while in use; whether the statement took effect is unknown.
    case connectionLost
  }

  /// What sort of failure it is.
  public var kind: Kind
  /// What happened, in one line.
  public var message: String
  /// The five-character SQLSTATE, where the server gave one.
  public var sqlState: String?
  /// The server's DETAIL.
  public var detail: String?
  /// The server's HINT.
  public var hint: String?
  /// The constraint that was violated.
  public var constraint: String?
  /// The schema of the object concerned.
  public var schema: String?
  /// The table concerned.
  public var table: String?
  /// The column concerned.
  public var column: String?
  /// The number of the column's type, where values of that type are not read.
  public var unreadType: UInt32?
  /// The server's CONTEXT; for COPY it names the line.
  public var context: String?
  /// Where in `statement` the error was found: 1-based, in characters.
  public var position: Int?
  /// The SQL text, without parameter values.
  public var statement: String?
  /// Whether the statement can have come to the server; false when the connection was known to be lost before it.
  public var wasSent = true
  /// Whether as long a wait as there is to be came before it, so that another attempt would only wait as long again.
  public var isAfterWaiting = false

  /// Makes an error of this kind; the server's fields are set afterwards where there are any.
  public init(_ kind: Kind, _ message: String, sqlState: String? = nil, statement: String? = nil) {
    self.kind = kind
    self.message = message
    self.sqlState = sqlState
    self.statement = statement
  }

  /// Whether the same call may succeed a moment later without any change: lost connections, a server that starts or
  /// stops, too many connections, deadlocks, serialization failures, locks. A full disk is not: nobody makes room within
  /// seconds, and another attempt fills it again for everybody else.
  public var isTransient: Bool {
    if isAfterWaiting { return false }
    guard let sqlState else { return kind == .unreachable || kind == .connectionLost || kind == .poolTimeout }
    if sqlState.hasPrefix("08") { return true }
    return Self.transientStates.contains(sqlState)
  }

  private static let transientStates: Set<String> = [
    "53300", "57P01", "57P02", "57P03", "40001", "40P01", "55P03",
  ]

  /// Everything but the statement, in one line.
  public var description: String {
    var text = message
    if let sqlState { text += " (SQLSTATE \(sqlState))" }
    if let detail { text += "; detail: \(detail)" }
    if let hint { text += "; hint: \(hint)" }
    if let constraint { text += "; constraint: \(constraint)" }
    if let context { text += "; context: \(context)" }
    return text.split(separator: "\n", omittingEmptySubsequences: true).joined(separator: " | ")
  }
}
