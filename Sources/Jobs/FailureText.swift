// What a failed run says: at most fifteen lines that answer what happened, what is committed, what readers
// see, and what to type next. Pure, so that its wording is held by tests.

public import Finding
internal import Ledger

/// The lines a failed run prints.
public struct FailureText: Sendable {
  /// The most lines there are.
  public static let maximumLines = 15

  private let report: RunReport
  private let options: String
  private let renderer: DiagnosticRenderer

  /// - Parameters:
  ///   - report: the run.
  ///   - options: what the next command needs after its verb, such as ` --project /srv/acme`.
  ///   - renderer: how diagnostics look.
  public init(_ report: RunReport, options: String = "", renderer: DiagnosticRenderer = .init(color: false)) {
    self.report = report
    self.options = options
    self.renderer = renderer
  }

  /// The lines; none when the run did not fail.
  public var lines: [String] {
    guard let failure = report.failure else { return [] }
    let after = facts(failure)
    return cause(failure, room: Self.maximumLines - after.count) + after
  }

  private func facts(_ failure: StageFailure) -> [String] {
    var lines: [String] = []
    if !failure.stage.isEmpty {
      lines.append("  stage: \(failure.stage)" + (failure.sqlState.map { ", SQLSTATE \($0)" } ?? ""))
    } else if let state = failure.sqlState {
      lines.append("  SQLSTATE: \(state)")
    }
    if report.runID != nil {
      lines.append("  committed: \(committed)")
      if let skipped { lines.append("  not run: \(skipped)") }
      lines.append("  reports: \(published)")
    }
    if let run = report.runID { lines.append("  run: \(run)") }
    let next = Self.nextCommand(
      failure.exitCode, errorClass: failure.errorClass, stage: failure.stage, run: report.runID, job: report.job,
      options: options)
    lines.append("  next: \(next)")
    return lines
  }

  /// The diagnostics in at most `room` lines; what does not fit is counted.
  private func cause(_ failure: StageFailure, room: Int) -> [String] {
    var lines: [String] = []
    var shown = 0
    for diagnostic in failure.diagnostics {
      let rendered = renderer.render(diagnostic).split(separator: "\n").map(String.init)
      let isLast = shown + 1 == failure.diagnostics.count
      if lines.count + rendered.count > room - (isLast ? 0 : 1) {
        if shown == 0 {
          lines += rendered.prefix(failure.diagnostics.count > 1 ? room - 1 : room)
          shown = 1
        }
        break
      }
      lines += rendered
      shown += 1
    }
    let more = failure.diagnostics.count - shown
    if more > 0 {
      lines.append("  and \(more) more: daybook runs show\(report.runID.map { " \($0)" } ?? "")\(options)")
    }
    return lines
  }

  private var committed: String {
    // A check changes nothing but views that it found wrong, and reports have a line of their own.
    let changing = report.stages.filter { $0.stage == "ingest" || $0.stage == "refresh" }
    let done = changing.filter { Self.isCommitted($0) && !isPart($0) || Self.wasFoundCommitted($0, in: changing) }
    let isDone = Set(done.filter { $0.stage == "ingest" }.map(\.name))
    let failed = changing.filter {
      $0.stage == "ingest" && $0.result.status != .skipped && !isDone.contains($0.name)
    }.map { stage in
      if isPart(stage) { return "of \(stage.name) the chunks listed by: daybook status" }
      return Self.isUnknown(stage, in: changing) ? "perhaps \(stage.name)" : "nothing of \(stage.name)"
    }.uniqued()
    let mended = (report.failure?.mendedViews ?? []).map { ("rebuilt", $0) }
    if done.isEmpty, mended.isEmpty { return failed.first { !$0.hasPrefix("nothing of ") } ?? "nothing" }
    return ([Self.grouped(done.map { ($0.stage, $0.name) } + mended)] + failed.prefix(3)).joined(separator: "; ")
  }

  /// Whether a feed stopped amid its chunks: by an error, or behind the limit on refused records.
  private func isPart(_ stage: StageReport) -> Bool {
    guard stage.stage == "ingest" else { return false }
    if let failure = report.failure, failure.isByChunks, failure.stage == "ingest \(stage.name)" { return true }
    return stage.result.failure?.errorClass == "reject_limit" && Self.isCommitted(stage)
  }

  /// A feed that failed has rows in the table only when it failed after its commit, at the list of its rejects.
  private static func isCommitted(_ stage: StageReport) -> Bool {
    let rows = stage.result.rows
    return stage.isChange || rows.inserted + rows.updated + rows.unchanged + rows.deleted > 0
  }

  /// Whether an attempt at the feed lost the server during its commit, and no later one came to see what became of it.
  private static func isUnknown(_ stage: StageReport, in stages: [StageReport]) -> Bool {
    guard let lost = lostCommit(of: stage.name, in: stages) else { return false }
    return !stages[(lost + 1)...].contains { $0.name == stage.name && $0.result.failure == nil }
  }

  /// Whether an attempt found nothing to do because the one before it, whose COMMIT was not answered, had committed.
  private static func wasFoundCommitted(_ stage: StageReport, in stages: [StageReport]) -> Bool {
    guard stage.stage == "ingest", stage.result.failure == nil, let lost = lostCommit(of: stage.name, in: stages) else {
      return false
    }
    return stages[(lost + 1)...].contains { $0.name == stage.name && $0.result.failure == nil }
  }

  private static func lostCommit(of name: String, in stages: [StageReport]) -> Int? {
    stages.lastIndex {
      $0.stage == "ingest" && $0.name == name && $0.result.failure?.errorClass == "commit_unknown"
    }
  }

  private var skipped: String? {
    let left = report.stages.filter {
      $0.result.status == .skipped && $0.result.skipReason?.hasPrefix("not run") == true
    }
    return left.isEmpty ? nil : Self.grouped(left.map { ($0.stage, $0.name) })
  }

  private var published: String {
    switch report.published {
    case .none: "none were ever published"
    case .unchanged(let date): "Output/latest is unchanged, as of \(date)"
    case .published(let date): "Output/latest is new, as of \(date)"
    case .stale(let date): "Output/latest is still as of \(date), and says that it is STALE and why"
    }
  }

  /// `ingest customers, products; refresh 5 views`.
  static func grouped(_ items: [(stage: String, name: String)]) -> String {
    var order: [String] = []
    var names: [String: [String]] = [:]
    for (stage, name) in items {
      if names[stage] == nil { order.append(stage) }
      names[stage, default: []].append(name)
    }
    return order.map { stage in
      let list = (names[stage] ?? []).uniqued()
      return "\(stage) " + (list.count <= 4 ? list.joined(separator: ", ") : "\(list.count) \(units(stage))")
    }.joined(separator: "; ")
  }

  /// What the units of a stage are, in the plural.
  private static func units(_ stage: String) -> String {
    switch stage {
    case "ingest": "feeds"
    case "refresh", "rebuilt": "views"
    case "report": "reports"
    default: "of them"
    }
  }

  /// What a look at the definitions does not show: it is amiss in the database, or in SQL that only the server reads.
  private static let isOfServer: Set<String> = [
    "table_drift", "check", "foreign_dependents", "taken_name", "statement", "report_statement",
  ]

  /// The command to type after a failure.
  static func nextCommand(
    _ exitCode: ExitStatus, errorClass: String, stage: String, run: RunID?, job: String, options: String
  ) -> String {
    // Without a run on record a verb cannot be repeated by its name alone; what kept it from beginning can be seen.
    let isVerb = Plan.verbs.contains(job)
    let retry =
      run.map { "daybook retry \($0)\(options)" }
      ?? (isVerb ? "daybook doctor\(options)" : "daybook run \(job)\(options)")
    let feed = stage.hasPrefix("ingest ") ? String(stage.dropFirst("ingest ".count)) : nil
    switch exitCode {
    case .usage: return "daybook --help"
    // A check of the definitions asks no server: there is nothing to see before they are mended.
    case .badDefinition:
      return Self.isOfServer.contains(errorClass) ? retry : "daybook check\(options)"
    case .databaseUnreachable: return "daybook doctor\(options)"
    case .locked: return "daybook status\(options)"
    case .dataRefused:
      if ["reject_limit", "refused_again"].contains(errorClass), let feed {
        return "daybook rejects list --feed \(feed)\(options)"
      }
      // What was only compared differs again until it is built anew, which its next refresh does.
      if errorClass == UnitOutcome.viewsDiffer { return job == "refresh" ? "daybook refresh\(options)" : retry }
      // The same rows would fail again: they are to be seen first.
      if errorClass == "check", let run { return "daybook runs show \(run)\(options)" }
      return retry
    case .bug: return run.map { "daybook runs show \($0)\(options)" } ?? "daybook doctor\(options)"
    case .ok, .stageFailed, .missingFeed, .cannotWriteOutput, .timeout, .interrupted, .terminated: return retry
    }
  }
}
