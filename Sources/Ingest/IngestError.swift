// What stops the ingest of a feed. A bad record is not an error: it is a reject beside the good rows.
// Invariant: when one is thrown nothing of the feed was published by that call, but for the chunks that a load by chunks
// had committed before; its diagnostic says which of the two, together with what to type next. Exit codes are given by `Jobs`, from `kind`.

public import Finding
public import Postgres

/// The ingest of one feed stopped.
public struct IngestError: Error, Sendable, CustomStringConvertible {
  /// Why, for a caller that decides by it.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// A required feed never had a file: exit 66.
    case missingFeed = "missing_feed"
    /// The file that was named is not there: exit 66.
    case missingFile = "missing_file"
    /// The inbox, or the file that was named, cannot be read.
    case unreadable
    /// A file cannot be used as a whole: its header, its compression, or it changed while it was read: exit 65.
    case fileRefused = "file_refused"
    /// The table is not what the definition says: exit 78.
    case tableDrift = "table_drift"
    /// A definition asks for what the ingest cannot do, such as an unknown time zone: exit 78.
    case definition
    /// Rows or money do not add up; everything was rolled back: exit 65.
    case reconciliation
    /// The rejects of the feed could not be written to Output: exit 73.
    case output
    /// The server refused or was lost; see `underlying`.
    case database
    /// The server was lost while it committed, so nobody knows whether it did; see `underlying`.
    case commitUnknown = "commit_unknown"
    /// The task was cancelled.
    case cancelled
  }

  /// Why.
  public let kind: Kind
  /// Everything to say, the cause first; all are errors.
  public let diagnostics: [Diagnostic]
  /// What the server said, when it was the server.
  public let underlying: PostgresError?
  /// Whether the file was being loaded by chunks: those that had committed before stay, and `daybook status` tells them.
  public var isByChunks = false

  init(_ kind: Kind, _ diagnostics: [Diagnostic], underlying: PostgresError? = nil) {
    self.kind = kind
    self.diagnostics = diagnostics
    self.underlying = underlying
  }

  init(_ kind: Kind, _ diagnostic: Diagnostic, underlying: PostgresError? = nil) {
    self.init(kind, [diagnostic], underlying: underlying)
  }

  /// Whether the same call may succeed when it is made again.
  public var isTransient: Bool { underlying?.isTransient ?? false }

  /// The diagnostics as text, without colour.
  public var description: String {
    diagnostics.map { DiagnosticRenderer(color: false).render($0) }.joined(separator: "\n")
  }
}
