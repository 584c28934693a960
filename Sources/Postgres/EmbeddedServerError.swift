// Why the embedded server could not be made, started or stopped.
// Invariant: the message says what happened, `fix` what to do, and `logTail` what the server itself said last.
// Rendering for a terminal and the choice of an exit code are the command line's.

/// Why the embedded server could not do what was asked.
public struct EmbeddedServerError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The kinds of trouble a caller can tell apart.
  public enum Kind: Sendable, Hashable {
    /// PostgreSQL 15 or the user it must run as is not installed.
    case notInstalled
    /// A file or directory could not be made, read, or belongs to somebody else.
    case files
    /// The disk is full.
    case diskFull
    /// The cluster could not be made.
    case initializationFailed
    /// The server did not start.
    case startFailed
    /// The server did not stop.
    case stopFailed
    /// Another command uses the server.
    case inUse
    /// A wait for another process, or for the server, took too long.
    case timeout
  }

  /// What kind of trouble it is.
  public var kind: Kind
  /// What happened, in one sentence without a final full stop.
  public var message: String
  /// What to do or type next.
  public var fix: String?
  /// The last lines of the server's log or of the failing program, oldest first.
  public var logTail: [String]

  /// Creates an error.
  public init(_ kind: Kind, _ message: String, fix: String? = nil, logTail: [String] = []) {
    self.kind = kind
    self.message = message
    self.fix = fix
    self.logTail = logTail
  }

  public var description: String {
    var lines = [message]
    lines += logTail.map { "  log: \($0)" }
    if let fix { lines.append("  fix: \(fix)") }
    return lines.joined(separator: "\n")
  }
}
