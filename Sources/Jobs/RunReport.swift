// What a run did, as a value: for the last lines on a terminal, for `--json`, and for tests.
// The ledger keeps the same in more detail; this is what one command has to say.

public import Finding
public import Ledger
public import Money
public import Reports

/// What one stage did.
public struct StageReport: Sendable, Hashable {
  /// `ingest`, `refresh`, `check` or `report`.
  public var stage: String
  /// The feed, view or report.
  public var name: String
  /// 1-based try.
  public var attempt: Int
  /// What became of it.
  public var result: StageResult

  /// Creates a report.
  public init(stage: String, name: String, attempt: Int = 1, result: StageResult) {
    self.stage = stage
    self.name = name
    self.attempt = attempt
    self.result = result
  }

  /// Whether it left something changed behind.
  public var isChange: Bool { result.status == .success || result.status == .warning }
}

/// What readers find under Output.
public enum PublishedState: Sendable, Hashable {
  /// Nothing was ever published.
  case none
  /// `latest` is the set of this date, published before.
  case unchanged(String)
  /// This run published the set that `latest` names now.
  case published(String)
  /// `latest` is the set of this date, published before, and says since when and why it is stale.
  case stale(String)

  /// The date of the set that `latest` names.
  public var date: String? {
    switch self {
    case .none: nil
    case .unchanged(let date), .published(let date), .stale(let date): date
    }
  }
}

/// What a run did.
public struct RunReport: Sendable {
  /// The run; nil when it did not start.
  public var runID: RunID?
  /// The job or the verb.
  public var job: String
  /// The business date.
  public var asOf: CivilDate
  /// How it ended.
  public var status: RunStatus
  /// What the process exits with.
  public var exitCode: ExitStatus
  /// How long it took.
  public var wallMilliseconds: Int
  /// Its stages, in order.
  public var stages: [StageReport]
  /// The pages of the published set.
  public var reports: [PublishedReport]
  /// The index page, when there is one.
  public var indexPath: String?
  /// What there is to say about data and definitions.
  public var findings: [Diagnostic]
  /// Why it stopped.
  public var failure: StageFailure?
  /// What readers find.
  public var published: PublishedState

  /// Creates a report.
  public init(
    runID: RunID?, job: String, asOf: CivilDate, status: RunStatus, exitCode: ExitStatus, wallMilliseconds: Int = 0,
    stages: [StageReport] = [], reports: [PublishedReport] = [], indexPath: String? = nil,
    findings: [Diagnostic] = [], failure: StageFailure? = nil, published: PublishedState = .none
  ) {
    self.runID = runID
    self.job = job
    self.asOf = asOf
    self.status = status
    self.exitCode = exitCode
    self.wallMilliseconds = wallMilliseconds
    self.stages = stages
    self.reports = reports
    self.indexPath = indexPath
    self.findings = findings
    self.failure = failure
    self.published = published
  }

  /// What became of all rows.
  public var rows: RowCounts { stages.reduce(RowCounts()) { $0 + $1.result.rows } }

  /// Whether every stage found nothing to do.
  public var isNothingNew: Bool { exitCode == .ok && !stages.contains(where: \.isChange) }

  /// The run in the shape of `--json`.
  public var json: JSONValue {
    [
      "run_id": .optional(runID?.description), "job": .string(job), "as_of": .string(asOf.description),
      "status": .string(status.rawValue), "exit_code": .integer(Int(exitCode.rawValue)),
      "wall_ms": .integer(wallMilliseconds), "stages": .array(stages.map(\.json)),
      "reports": .array(
        reports.map { ["name": .string($0.name), "path": .string($0.path), "cached": .bool($0.cached)] }),
      "findings": .array((findings + (failure?.diagnostics ?? [])).uniqued().map(\.json)),
    ]
  }
}

extension StageReport {
  var json: JSONValue {
    [
      "stage": .string(stage), "name": .string(name), "status": .string(result.status.rawValue),
      "wall_ms": .integer(result.cost.wallMilliseconds),
      "cpu_ms": .integer(result.cost.cpuMilliseconds),
      "bytes_in": .integer(result.bytesIn), "rows": result.rows.json,
      "reason": .optional(result.skipReason ?? result.failure?.message),
    ]
  }
}

extension RowCounts {
  /// `1000 rows read: 990 inserted, 10 rejected`; outcomes that no row had are left out.
  public var sentence: String {
    let told = [
      (inserted, "inserted"), (updated, "updated"), (unchanged, "unchanged"), (deleted, "deleted"),
      (duplicate, "duplicate"), (rejected, "rejected"),
    ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    return "\(read) \(read == 1 ? "row" : "rows") read" + (told.isEmpty ? "" : ": \(told.joined(separator: ", "))")
  }
}

extension Diagnostic {
  /// The finding in the shape of `--json`.
  public var json: JSONValue {
    [
      "severity": .string(severity.rawValue), "file": .optional(position?.file), "line": .optional(position?.line),
      "message": .string(message), "code": .string(code), "fix": .optional(fix),
    ]
  }
}

extension Array where Element: Hashable {
  /// The elements without repeats, in order.
  func uniqued() -> [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
