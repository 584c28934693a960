// The work of one unit of a plan, and what came of it, in the runner's terms.
// `RoomWork` calls the rooms; tests put other work in its place.

internal import Definitions
internal import Finding
internal import Ingest
internal import Ledger
internal import Postgres
internal import Reports
internal import Telemetry
internal import Views

/// One unit that is run, timed and recorded by itself.
enum WorkUnit: Sendable, Hashable {
  case ingest(feed: String)
  case refresh(view: String)
  case check([String], isEverything: Bool)
  case report([String], isEverything: Bool)

  /// `ingest`, `refresh`, `check` or `report`.
  var stage: String {
    switch self {
    case .ingest: "ingest"
    case .refresh: "refresh"
    case .check: "check"
    case .report: "report"
    }
  }

  /// What it works on.
  var name: String {
    switch self {
    case .ingest(let feed): feed
    case .refresh(let view): view
    case .check(let names, let isEverything), .report(let names, let isEverything):
      isEverything ? "all" : names.joined(separator: ",")
    }
  }

  /// The units of a stage. Checks and reports look at one state of the data, so each is one unit.
  static func units(of stage: PlannedStage) -> [WorkUnit] {
    switch stage.kind {
    case .ingest: stage.items.map { .ingest(feed: $0) }
    case .refresh: stage.items.map { .refresh(view: $0) }
    case .check: [.check(stage.items, isEverything: stage.isEverything)]
    case .report: [.report(stage.items, isEverything: stage.isEverything)]
    }
  }
}

/// What came of one unit.
struct UnitOutcome: Sendable {
  /// `success`, `warning` or `skipped`.
  var status: RunStatus = .success
  /// Why nothing was to be done.
  var skipReason: String?
  var rows = RowCounts()
  var rowsOut: Int?
  var bytesIn = 0
  var inputPath: String?
  var inputSHA256: [UInt8]?
  var controlSums: [ControlSumEntry] = []
  var findings: [Diagnostic] = []
  var detail: String?
  var reports: [PublishedReport] = []
  var indexPath: String?
  /// Set when the unit did its work and the answer is no: a refused feed, a check that did not pass.
  var failure: StageFailure?
}

/// Does one unit.
protocol StageWork: Sendable {
  func perform(_ unit: WorkUnit) async throws -> UnitOutcome
}

/// The real work.
struct RoomWork: StageWork {
  let session: Session
  let plan: Plan
  let run: RunSnapshot
  let progress: any ProgressSink

  func perform(_ unit: WorkUnit) async throws -> UnitOutcome {
    switch unit {
    case .ingest(let feed): try await ingest(feed)
    case .refresh(let view): try await refresh(view)
    case .check(let views, let isEverything): try await check(isEverything ? .all : .named(views))
    case .report(let names, let isEverything): try await report(isEverything ? .all : .named(names))
    }
  }

  private func ingest(_ name: String) async throws -> UnitOutcome {
    guard let feed = session.project.feed(named: name) else {
      throw StageFailure(.bug, "bug", "the plan names the feed \(name), which is not defined")
    }
    let outcome = try await FeedIngestion(
      project: session.project, feed: feed, pool: session.pool, runID: run.runID, asOf: run.asOf,
      progress: progress
    ).run(plan.files)
    var unit = UnitOutcome(ingest: outcome, feed: name)
    if let choice = outcome.choice, outcome.status == .loaded {
      unit.detail = [unit.detail, choice.sentence].compactMap { $0 }.joined(separator: "; ")
    }
    return unit
  }

  private func refresh(_ name: String) async throws -> UnitOutcome {
    // A view that reads views follows them: they were rebuilt just before and their versions moved.
    let readsViews = session.project.view(named: name)?.inputs.contains { session.project.view(named: $0) != nil }
    let outcomes = try await ViewRefresher(project: session.project, pool: session.pool, progress: progress)
      .refresh(.named([name]), full: plan.isFullRefresh && readsViews != true)
    guard let outcome = outcomes.first(where: { $0.view == name }) else {
      throw StageFailure(.bug, "bug", "refreshing the view \(name) said nothing about it")
    }
    var unit = UnitOutcome(rowsOut: outcome.rows, detail: outcome.detail)
    if case .skipped(let reason) = outcome.status {
      unit.status = .skipped
      unit.skipReason = reason
    }
    return unit
  }

  private func check(_ selection: StageDefinition.Selection) async throws -> UnitOutcome {
    let refresher = ViewRefresher(project: session.project, pool: session.pool, progress: progress)
    let outcomes = plan.isVerified ? try await refresher.verify(selection) : try await refresher.check(selection)
    return UnitOutcome(checks: outcomes)
  }

  private func report(_ selection: ReportSelection) async throws -> UnitOutcome {
    let outcome = try await ReportPublisher(project: session.project, pool: session.pool, run: run)
      .publish(selection, force: plan.isForced)
    return UnitOutcome(published: outcome)
  }
}

extension UnitOutcome {
  init(ingest outcome: IngestOutcome, feed: String) {
    self.init(
      rows: outcome.rows, bytesIn: outcome.bytesIn, controlSums: outcome.controlSums, findings: outcome.findings)
    if outcome.files.count == 1, let file = outcome.files.first {
      inputPath = file.name
      inputSHA256 = file.sha256
    }
    let held = outcome.files.reduce(0) { $0 + $1.held }
    if outcome.status != .nothingNew {
      detail = outcome.rows.sentence + (held > 0 ? ", \(held) of them held back for closed months" : "")
    }
    if !outcome.outputProblem.isEmpty {
      failure = StageFailure(
        stage: "ingest \(feed)", exitCode: .cannotWriteOutput, errorClass: "output", diagnostics: outcome.outputProblem)
    }
    switch outcome.status {
    case .nothingNew:
      status = .skipped
      let waiting = outcome.findings.count { $0.code == "control_file_absent" || $0.code == "being_written" }
      skipReason = waiting == 0 ? "nothing new" : "\(waiting) file\(waiting == 1 ? " waits" : "s wait")"
    case .loaded:
      if outcome.rows.rejected > 0 || outcome.findings.contains(where: { $0.severity >= .warning }) {
        status = .warning
      }
      // What was right of a correction is loaded; whoever asked for all of it has to hear that too little of it was.
      let refused = outcome.findings.filter { $0.code == FeedIngestion.refusedAgain && $0.severity == .error }
      if !refused.isEmpty {
        findings = outcome.findings.filter { $0.code != FeedIngestion.refusedAgain }
        failure = StageFailure(
          stage: "ingest \(feed)", exitCode: .dataRefused, errorClass: FeedIngestion.refusedAgain, diagnostics: refused)
      }
    case .refused:
      let errors = outcome.findings.filter { $0.severity == .error }
      findings = outcome.findings.filter { $0.severity != .error }
      failure = StageFailure(
        stage: "ingest \(feed)", exitCode: .dataRefused,
        // Only a crossed limit is told with the refused records; a wrong header has none.
        errorClass: errors.first { $0.code == "reject_limit" }?.code ?? errors.first?.code ?? "reject_limit",
        diagnostics: errors.isEmpty
          ? [
            Diagnostic(
              .error, code: "reject_limit",
              "feed \(feed): \(outcome.rows.rejected) of \(outcome.rows.read) records were refused, more than allowed",
              notes: [outcome.rejectsFile.map { "the records: \($0)" }].compactMap { $0 })
          ] : errors)
    }
  }

  init(checks outcomes: [CheckOutcome]) {
    self.init()
    let failed = outcomes.filter { !$0.isPassed }
    let needed = outcomes.filter { $0.message != "unchanged since it was checked" }
    detail = failed.isEmpty ? "\(needed.count) comparisons, no difference" : "\(failed.count) of \(needed.count) differ"
    if needed.isEmpty {
      status = .skipped
      skipReason = "nothing changed since it was checked"
    }
    if !failed.isEmpty {
      failure = StageFailure(
        exitCode: .dataRefused, errorClass: "check",
        diagnostics: failed.map {
          Diagnostic(
            .error, code: "check", "\($0.name): \($0.message)",
            fix: "daybook refresh --full \($0.name.prefix { $0 != ":" })")
        })
    }
  }

  init(published outcome: PublishOutcome) {
    self.init(reports: outcome.reports, indexPath: outcome.indexPath)
    rowsOut = nil
    if outcome.isChanged {
      let new = outcome.reports.filter { !$0.cached }.count
      detail = "\(new) of \(outcome.reports.count) pages new, \(outcome.bytesWritten) bytes, \(outcome.directory)"
    } else {
      status = .skipped
      skipReason = "nothing changed"
    }
  }
}
