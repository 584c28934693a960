// What Daybook says to a person about their data or their definitions.
// A diagnostic is a value: rooms collect them, `Jobs` adds context, and only the command line renders.
// Data errors travel beside the good rows; `DiagnosticsError` is thrown when a step cannot go on.

/// How much a diagnostic matters.
public enum Severity: String, Sendable, Hashable, Codable, Comparable {
  case note, warning, error

  private var rank: Int {
    switch self {
    case .note: 0
    case .warning: 1
    case .error: 2
    }
  }

  public static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }
}

/// One thing to say: what, where, why, and what to do next.
public struct Diagnostic: Sendable, Hashable, Codable {
  /// How much it matters.
  public var severity: Severity
  /// A stable machine word such as `unknown_key`.
  public var code: String
  /// Where it stands, if it stands somewhere.
  public var position: SourcePosition?
  /// What happened, in one sentence without a final full stop.
  public var message: String
  /// Further lines: where a type was declared, what is committed.
  public var notes: [String]
  /// What to do or type next.
  public var fix: String?

  /// Creates a diagnostic.
  public init(
    _ severity: Severity, code: String, at position: SourcePosition? = nil, _ message: String, notes: [String] = [],
    fix: String? = nil
  ) {
    self.severity = severity
    self.code = code
    self.position = position
    self.message = message
    self.notes = notes
    self.fix = fix
  }
}

/// Thrown when a step stops because of what it found.
public struct DiagnosticsError: Error, Sendable, CustomStringConvertible {
  /// Everything found, in source order; at least one is an error.
  public var diagnostics: [Diagnostic]

  /// Creates the error.
  public init(_ diagnostics: [Diagnostic]) {
    self.diagnostics = diagnostics
  }

  public var description: String {
    diagnostics.map { DiagnosticRenderer(color: false).render($0) }.joined(separator: "\n")
  }
}
