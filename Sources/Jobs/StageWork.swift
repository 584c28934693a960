// The work of one unit of a plan, and what came of it, in the runner's terms.
// `RoomWork` calls the rooms; tests put other work in its place.

internal import Definitions
internal import Finding
internal import Ingest
internal import Ledger
internal import Money
internal import Postgres
internal import Reports
internal import Telemetry
internal import Views

/// One unit that is run, timed and recorded by itself.
enum WorkUnit: Sendable, Hashable {
  case ingest(feed: String)
  /// Views that are refreshed in one transaction.
  case refresh(RefreshUnit)
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

  /// What it works on, each with a record of its own.
  var names: [String] {
    if case .refresh(let unit) = self { return unit.views }
    return [name]
  }

  /// What it works on, or the first of several.
  var name: String {
    switch self {
    case .ingest(let feed): feed
    case .refresh(let unit): unit.views.first ?? ""
    case .check(let names, let isEverything), .report(let names, let isEverything):
      isEverything ? "all" : names.joined(separator: ",")
    }
  }

  /// The units of a stage. Checks and reports look at one state of the data, so each is one unit.
  static func units(of stage: PlannedStage) -> [WorkUnit] {
    switch stage.kind {
    case .ingest: stage.items.map { .ingest(feed: $0) }
    case .refresh: stage.items.map { .refresh(RefreshUnit(views: [$0])) }
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
  /// What came of each of several names; empty where there is one.
  var parts: [String: UnitOutcome] = [:]
  /// How long this part took; nil for the whole unit's time.
  var wall: Duration?
  /// Set when the unit did its work and the answer is no: a refused feed, a check that did not pass.
  var failure: StageFailure?
}

/// Does one unit.
protocol StageWork: Sendable {
  /// How many units of a refresh may run at the same time.
  var width: Int { get }
  /// Which views are refreshed together, and in which order.
  func schedule(_ views: [String]) async throws -> RefreshSchedule
  func perform(_ unit: WorkUnit) async throws -> UnitOutcome
  /// Gives back what is held for the whole run.
  func end() async
}

extension StageWork {
  func end() async {}
}

/// The real work.
struct RoomWork: StageWork {
  let session: Session
  let plan: Plan
  let run: RunSnapshot
  let progress: any ProgressSink
  /// One for the whole run, so that what an attempt or a stage has asked is not asked again by the next.
  let cache: ReportCache

  init(session: Session, plan: Plan, run: RunSnapshot, progress: any ProgressSink) {
    self.session = session
    self.plan = plan
    self.run = run
    self.progress = progress
    cache = ReportCache(session)
  }

  func end() async { await cache.close(purpose: "\(run.job) as of \(run.asOf)") }

  private var refresher: ViewRefresher {
    ViewRefresher(project: session.project, pool: session.pool, progress: progress)
  }

  var width: Int { refresher.width }

  func schedule(_ views: [String]) async throws -> RefreshSchedule {
    try await refresher.schedule(.named(views), full: plan.isFullRefresh)
  }

  func perform(_ unit: WorkUnit) async throws -> UnitOutcome {
    switch unit {
    case .ingest(let feed): try await ingest(feed)
    case .refresh(let unit): try await refresh(unit)
    case .check(let names, _): try await check(names)
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

  private func refresh(_ unit: RefreshUnit) async throws -> UnitOutcome {
    var whole = UnitOutcome()
    for outcome in try await refresher.refresh(unit, full: plan.isFullRefresh) {
      var part = UnitOutcome(rowsOut: outcome.rows, detail: outcome.detail, wall: outcome.wall)
      if case .skipped(let reason) = outcome.status {
        part.status = .skipped
        part.skipReason = reason
      }
      if let finding = outcome.finding {
        part.status = .warning
        whole.findings.append(finding)
        part.detail = "\(outcome.detail); not put back: \(outcome.lost.joined(separator: ", "))"
      }
      whole.parts[outcome.view] = part
    }
    return whole
  }

  private func check(_ names: [String]) async throws -> UnitOutcome {
    let views = StageDefinition.Selection.named(names.filter { session.project.view(named: $0) != nil })
    if plan.isVerified { return UnitOutcome(proofs: try await refresher.verify(views), tests: [], run: run.runID) }
    let checks = session.project.checks.filter { names.contains($0.name) }
    // What the views hold is proven first: a test of a view that lies would tell of the wrong thing.
    let proofs = try await refresher.check(views, in: CheckedNight(run: run.runID, asOf: run.asOf))
    let tests = try await CheckRunner(
      project: session.project, pool: session.pool, asOf: run.asOf, progress: progress
    ).run(checks, run: run.runID)
    return UnitOutcome(proofs: proofs, tests: tests, run: run.runID)
  }

  private func report(_ selection: ReportSelection) async throws -> UnitOutcome {
    let outcome = try await ReportPublisher(
      project: session.project, pool: session.pool, run: run, cache: cache.results
    ).publish(selection, force: plan.isForced)
    var result = UnitOutcome(published: outcome)
    if let latest = outcome.latest, latest != plan.asOf.description {
      let today = Moment.now().day(in: session.project.calendar.timeZone)
      result.findings.append(Publication.staying(latest, in: session.project.output, behind: plan.asOf, today: today))
    }
    return result
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
    if let sentence = outcome.staleness {
      findings.append(Diagnostic(.warning, code: "stale_mark", "the newest set still says STALE: \(sentence)"))
    }
    if !outcome.staleSections.isEmpty {
      status = .warning
      findings += outcome.staleSections.map { sentence in
        Diagnostic(
          .warning, code: "stale_figures", sentence, notes: ["the pages that show it say STALE"],
          fix: "when the server is well again: daybook report")
      }
    }
  }
}
