// Why no new set was published. In every case the set that readers had stays in place, and `latest` with it.
// Which exit code follows is decided elsewhere: the room Jobs.

public import Finding
public import Postgres

/// Publishing stopped.
public enum ReportError: Error, Sendable, CustomStringConvertible {
  /// A selected report is not a report of the project.
  case unknownReport(Diagnostic)
  /// A report's statement was refused, or its columns are not those its definition speaks of.
  case statement(Diagnostic)
  /// The database failed.
  case database(PostgresError)
  /// Output could not be written: disk full, no permission, a link in the way. Exit code 73.
  ///
  /// - Parameters:
  ///   - path: what could not be written.
  ///   - reason: what the system said.
  ///   - state: what readers have now, in one sentence.
  ///   - isInTheWay: whether something stands at `path` that is not Daybook's.
  case cannotWrite(path: String, reason: String, state: String, isInTheWay: Bool = false)
  /// A file of a published set could not be read to compare it.
  case cannotCompare(path: String, reason: String)
  /// The task was cancelled.
  case cancelled

  /// What stopped the work of a set, as an error of this room.
  init(_ error: any Error) {
    switch error {
    case let error as ReportError: self = error
    case let error as PostgresError: self = error.kind == .cancelled ? .cancelled : .database(error)
    case is CancellationError: self = .cancelled
    default: self = .database(PostgresError(.decoding, "\(error)"))
    }
  }

  /// What to tell a person.
  public var diagnostic: Diagnostic {
    switch self {
    case .unknownReport(let diagnostic), .statement(let diagnostic): diagnostic
    case .database(let error): Diagnostic(.error, code: "report_database", "reports: \(error)")
    case .cannotWrite(let path, let reason, let state, let isInTheWay):
      Diagnostic(
        .error, code: "cannot_write_output", "cannot write \(path): \(reason)", notes: ["state: \(state)"],
        fix: (isInTheWay ? "move \(path) away" : "make room or mend the permissions") + ", then: daybook report")
    case .cannotCompare(let path, let reason):
      Diagnostic(
        .error, code: "cannot_compare", "cannot read \(path) to compare it: \(reason)",
        fix: "publish the set anew: daybook report --force")
    case .cancelled: Diagnostic(.error, code: "cancelled", "reports: cancelled; the set before is unchanged")
    }
  }

  /// Whether the same call may succeed later without any change.
  public var isTransient: Bool {
    if case .database(let error) = self { return error.isTransient }
    return false
  }

  public var description: String { diagnostic.message }
}
