// One error for whatever stops a stage: what the rooms threw, with the exit code it stands for.
// The mapping from errors to exit codes is here and nowhere else.

public import Finding
internal import Ingest
internal import Ledger
internal import Postgres
internal import Reports
internal import SampleData
internal import Views

/// Why a stage, or a command, stopped.
public struct StageFailure: Error, Sendable, CustomStringConvertible {
  /// The stage and what it worked on, such as `ingest transactions`; empty outside of stages.
  public var stage: String
  /// What the process exits with.
  public var exitCode: ExitStatus
  /// A stable word for the kind of failure.
  public var errorClass: String
  /// What to say, the cause first.
  public var diagnostics: [Diagnostic]
  /// The server's error code.
  public var sqlState: String?
  /// Whether the same may succeed when it is tried again.
  public var isTransient: Bool
  /// Whether chunks of the feed that were committed before it stay.
  public var isByChunks = false
  /// Views that were found wrong and are rebuilt and committed.
  public var mendedViews: [String] = []

  /// Creates a failure.
  public init(
    stage: String = "", exitCode: ExitStatus, errorClass: String, diagnostics: [Diagnostic], sqlState: String? = nil,
    isTransient: Bool = false
  ) {
    self.stage = stage
    self.exitCode = exitCode
    self.errorClass = errorClass
    self.diagnostics = diagnostics
    self.sqlState = sqlState
    self.isTransient = isTransient
  }

  /// Creates a failure with one thing to say.
  public init(
    stage: String = "", _ exitCode: ExitStatus, _ errorClass: String, _ message: String, notes: [String] = [],
    fix: String? = nil
  ) {
    self.init(
      stage: stage, exitCode: exitCode, errorClass: errorClass,
      diagnostics: [Diagnostic(.error, code: errorClass, message, notes: notes, fix: fix)])
  }

  /// The first thing to say.
  public var message: String { diagnostics.first?.message ?? errorClass }

  /// The first thing to say, with the file and line that it is about.
  public var locatedMessage: String {
    guard let position = diagnostics.first?.position else { return message }
    return "\(position): \(message)"
  }

  public var description: String { diagnostics.map(\.message).joined(separator: "; ") }

  /// Creates the failure that `error` stands for.
  public init(_ error: any Error, stage: String = "") {
    switch error {
    case let error as StageFailure:
      self = error
      if self.stage.isEmpty { self.stage = stage }
    case let error as DiagnosticsError:
      self.init(stage: stage, exitCode: .badDefinition, errorClass: "definition", diagnostics: error.diagnostics)
    case let error as IngestError: self.init(ingest: error, stage: stage)
    case let error as ViewError: self.init(view: error, stage: stage)
    case let error as PeriodRefusal:
      let code: ExitStatus =
        switch error.kind {
        case .usage: .usage
        case .definition: .badDefinition
        case .notReady: .stageFailed
        }
      self.init(stage: stage, exitCode: code, errorClass: error.diagnostic.code, diagnostics: [error.diagnostic])
    case let error as ReportError: self.init(report: error, stage: stage)
    case let error as LedgerError: self.init(ledger: error, stage: stage)
    case let error as PostgresError: self.init(postgres: error, stage: stage)
    case let error as EmbeddedServerError:
      self.init(
        stage: stage, .databaseUnreachable, "embedded_server", error.message, notes: error.logTail.suffix(4).map { $0 },
        fix: error.fix)
    case let error as SampleError:
      switch error.kind {
      case .setting: self.init(stage: stage, .usage, "usage", error.description)
      case .file: self.init(stage: stage, .cannotWriteOutput, "cannot_write", error.description)
      }
    case let error as TimeLimitExceeded:
      self.init(
        stage: stage, .timeout, "timeout", error.description,
        fix: "raise timeout in the job's definition; what took so long: daybook runs show")
    case is CancellationError: self.init(stage: stage, .interrupted, "cancelled", "cancelled")
    default: self.init(stage: stage, .bug, "bug", "an error nobody expected: \(error)")
    }
  }

  private init(ingest error: IngestError, stage: String) {
    let code: ExitStatus =
      switch error.kind {
      case .missingFeed, .missingFile: .missingFeed
      case .unreadable, .fileRefused, .reconciliation: .dataRefused
      case .tableDrift, .definition: .badDefinition
      case .output: .cannotWriteOutput
      case .database, .commitUnknown:
        error.underlying.map { StageFailure(postgres: $0, stage: stage).exitCode } ?? .stageFailed
      case .cancelled: .interrupted
      }
    self.init(
      stage: stage, exitCode: code, errorClass: error.kind.rawValue, diagnostics: error.diagnostics,
      sqlState: error.underlying?.sqlState, isTransient: error.isTransient)
    isByChunks = error.isByChunks
  }

  private init(view error: ViewError, stage: String) {
    switch error {
    case .unknown: self.init(stage: stage, exitCode: .usage, errorClass: "usage", diagnostics: [error.diagnostic])
    case .missingInput:
      self.init(stage: stage, exitCode: .stageFailed, errorClass: "missing_input", diagnostics: [error.diagnostic])
    case .foreignDependents:
      self.init(
        stage: stage, exitCode: .badDefinition, errorClass: "foreign_dependents", diagnostics: [error.diagnostic])
    case .circle:
      self.init(stage: stage, exitCode: .badDefinition, errorClass: "view_cycle", diagnostics: [error.diagnostic])
    case .server(_, _, let server):
      let same = StageFailure(postgres: server, stage: stage)
      self.init(
        stage: stage, exitCode: same.exitCode,
        errorClass: server.sqlState == "42P07" ? "taken_name" : same.errorClass, diagnostics: [error.diagnostic],
        sqlState: server.sqlState, isTransient: server.isTransient)
    }
  }

  private init(report error: ReportError, stage: String) {
    let (code, errorClass): (ExitStatus, String) =
      switch error {
      case .unknownReport: (.usage, "usage")
      case .statement: (.badDefinition, "report_statement")
      case .database(let server):
        (StageFailure(postgres: server, stage: stage).exitCode, StageFailure(postgres: server, stage: stage).errorClass)
      case .cannotWrite: (.cannotWriteOutput, "cannot_write")
      case .cannotCompare: (.stageFailed, "cannot_compare")
      case .cancelled: (.interrupted, "cancelled")
      }
    var sqlState: String?
    if case .database(let server) = error { sqlState = server.sqlState }
    self.init(
      stage: stage, exitCode: code, errorClass: errorClass, diagnostics: [error.diagnostic], sqlState: sqlState,
      isTransient: error.isTransient)
  }

  private init(ledger error: LedgerError, stage: String) {
    switch error {
    case .database(let server): self.init(postgres: server, stage: stage)
    case .newerSchema:
      self.init(
        stage: stage, .databaseUnreachable, "newer_schema", error.description,
        fix: "install the daybook that last ran here, or a newer one")
    case .foreignOwner: self.init(stage: stage, .badDefinition, "foreign_owner", error.description)
    case .badMigrations, .notOpen: self.init(stage: stage, .bug, "bug", error.description)
    }
  }

  private init(postgres error: PostgresError, stage: String) {
    let (code, errorClass): (ExitStatus, String) =
      switch error.kind {
      case .unreachable, .authentication, .poolTimeout, .connectionLost, .timeout:
        (.databaseUnreachable, "database_unreachable")
      case .cancelled: (.interrupted, "cancelled")
      case .decoding, .misuse, .poolClosed: (.bug, "bug")
      case .server: Self.classify(sqlState: error.sqlState ?? "")
      }
    self.init(
      stage: stage, exitCode: code, errorClass: errorClass,
      diagnostics: [
        Diagnostic(
          .error, code: errorClass, error.message, notes: [error.detail, error.context].compactMap { $0 },
          fix: error.hint)
      ],
      sqlState: error.sqlState, isTransient: error.isTransient)
  }

  /// What a code of the server stands for. Source: PostgreSQL 15 manual, appendix A.
  static func classify(sqlState: String) -> (ExitStatus, String) {
    switch sqlState {
    // The server goes down, comes up, is full, or does not know the database or the role.
    case "57P01", "57P02", "57P03", "57P04", "53300", "3D000", "28000", "28P01":
      (.databaseUnreachable, "database_unreachable")
    case "57014": (.stageFailed, "cancelled_by_server")
    case _ where sqlState.hasPrefix("08"): (.databaseUnreachable, "database_unreachable")
    // A statement of a definition that does not fit the tables, or has a mistake.
    case _ where sqlState.hasPrefix("42"): (sqlState == "42501" ? .stageFailed : .badDefinition, "statement")
    default: (.stageFailed, "database")
    }
  }
}
