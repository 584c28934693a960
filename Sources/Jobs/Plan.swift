// What a run will do, as a value: the stages in order and what each works on.
// Pure: made from a request and a project, without files, clock or database. `JobRunner` carries it out,
// `PlanForecast` says what is likely to come of it, `PlanText` prints both.

public import Definitions
internal import Finding
public import Ingest
public import Ledger
public import Money

/// What somebody asked for.
public struct PlanRequest: Sendable, Hashable {
  /// The kind of work.
  public enum Work: Sendable, Hashable {
    /// A job of the project.
    case job(String)
    /// Some feeds.
    case ingest([String], files: FileSelection)
    /// Some views, or all when none are named.
    case refresh([String])
    /// Some reports, or all when none are named.
    case report([String])
  }

  /// The work.
  public var work: Work
  /// The business date.
  public var asOf: CivilDate
  /// Leave out the stages before the first of this kind.
  public var fromStage: StageDefinition.Kind?
  /// Rebuild views even where nothing moved.
  public var isFullRefresh: Bool
  /// Render reports even where nothing moved.
  public var isForced: Bool
  /// Compare refreshed rollups with a recompute.
  public var isVerified: Bool

  /// Creates a request.
  public init(
    work: Work, asOf: CivilDate, fromStage: StageDefinition.Kind? = nil, isFullRefresh: Bool = false,
    isForced: Bool = false, isVerified: Bool = false
  ) {
    self.work = work
    self.asOf = asOf
    self.fromStage = fromStage
    self.isFullRefresh = isFullRefresh
    self.isForced = isForced
    self.isVerified = isVerified
  }
}

/// One stage of a plan.
public struct PlannedStage: Sendable, Hashable {
  /// What it does.
  public var kind: StageDefinition.Kind
  /// What it works on, in order.
  public var items: [String]
  /// Whether the items are all there are.
  public var isEverything: Bool
  /// How long it may take.
  public var timeout: Duration?
}

/// The stages of a run.
public struct Plan: Sendable, Hashable {
  /// What a run is called that is not one of a job.
  static let verbs: Set<String> = ["ingest", "refresh", "report", "rejects", "retry"]

  /// Whether a failure leaves readers with older figures than they may think: of a job, and of single commands that cron
  /// runs in place of one. Whoever types `report` at a terminal reads for themselves that it failed.
  public func isNight(_ trigger: RunTrigger) -> Bool {
    stages.contains { $0.kind == .report } && (!Self.verbs.contains(job) || trigger == .unattended)
  }

  /// The job, or the verb when there is no job.
  public var job: String
  /// The business date.
  public var asOf: CivilDate
  /// How long everything may take.
  public var timeout: Duration?
  /// The stages in order.
  public var stages: [PlannedStage]
  /// Which files an ingest reads.
  public var files: FileSelection
  /// Rebuild views even where nothing moved.
  public var isFullRefresh: Bool
  /// Render reports even where nothing moved.
  public var isForced: Bool
  /// Compare rollups with a recompute, row by row, where they are checked.
  public var isVerified: Bool

  /// Makes the plan for a request.
  ///
  /// - Throws: `StageFailure` with exit code 64 when a name is unknown.
  public init(_ request: PlanRequest, project: Project) throws(StageFailure) {
    asOf = request.asOf
    isFullRefresh = request.isFullRefresh
    isForced = request.isForced
    isVerified = request.isVerified
    files = .inbox
    timeout = nil
    switch request.work {
    case .job(let name):
      guard let definition = project.job(named: name) else {
        throw Self.unknown("job", name, among: project.jobs.map(\.name), folder: "Jobs")
      }
      job = name
      timeout = definition.timeout
      stages = definition.stages.map { Self.stage($0, project: project) }
    case .ingest(let feeds, let selection):
      guard !feeds.isEmpty else { throw StageFailure(.usage, "usage", "no feed is named") }
      for feed in feeds where project.feed(named: feed) == nil {
        throw Self.unknown("feed", feed, among: project.feeds.map(\.name), folder: "Jobs/feeds")
      }
      job = "ingest"
      files = selection
      stages = [Self.stage(StageDefinition(kind: .ingest, selection: .named(feeds)), project: project)]
    case .refresh(let views):
      for view in views where project.view(named: view) == nil {
        throw Self.unknown("view", view, among: project.views.map(\.name), folder: "Jobs/views")
      }
      job = "refresh"
      let kinds: [StageDefinition.Kind] = request.isVerified ? [.refresh, .check] : [.refresh]
      stages = kinds.map {
        var stage = Self.stage(
          StageDefinition(kind: $0, selection: views.isEmpty ? .all : .named(views)), project: project)
        // A verification is of views alone.
        stage.items.removeAll { project.check(named: $0) != nil }
        return stage
      }
    case .report(let reports):
      let known = project.reports.map(\.name) + ReportDefinition.builtInPages
      for report in reports where !known.contains(report) {
        throw Self.unknown("report", report, among: known, folder: "Jobs/reports")
      }
      job = "report"
      stages = [
        Self.stage(
          StageDefinition(kind: .report, selection: reports.isEmpty ? .all : .named(reports)), project: project)
      ]
    }
    if let from = request.fromStage {
      guard let first = stages.firstIndex(where: { $0.kind == from }) else {
        throw StageFailure(
          .usage, "usage", "job \(job) has no stage \"\(from.rawValue)\"",
          fix: "its stages are \(stages.map(\.kind.rawValue).joined(separator: ", "))")
      }
      stages.removeFirst(first)
    }
  }

  private static func stage(_ definition: StageDefinition, project: Project) -> PlannedStage {
    let all: [String] =
      switch definition.kind {
      case .ingest: project.feeds.map(\.name)
      case .refresh: project.views.map(\.name)
      case .check: project.views.map(\.name) + project.checks.map(\.name)
      case .report: project.reports.map(\.name)
      }
    var items = all
    if case .named(let names) = definition.selection {
      let wanted =
        switch definition.kind {
        case .refresh: closure(of: names, in: project)
        case .check: Set(names).union(checks(on: names, in: project))
        case .ingest, .report: Set(names)
        }
      // Reports keep the built-in pages that were named; the others follow the project's order.
      items = all.filter(wanted.contains)
      if definition.kind == .report { items += ReportDefinition.builtInPages.filter(wanted.contains) }
    }
    return PlannedStage(
      kind: definition.kind, items: items, isEverything: definition.selection == .all, timeout: definition.timeout)
  }

  /// The checks that look at one of the relations named.
  private static func checks(on names: [String], in project: Project) -> [String] {
    project.checks.filter { check in check.relation.map(names.contains) ?? false }.map(\.name)
  }

  /// The views named and every view that they read.
  private static func closure(of names: [String], in project: Project) -> Set<String> {
    var wanted: Set<String> = []
    var pending = names
    while let name = pending.popLast() {
      guard let view = project.view(named: name), wanted.insert(name).inserted else { continue }
      pending += view.inputs
    }
    return wanted
  }

  private static func unknown(
    _ kind: String, _ name: String, among known: [String], folder: String
  ) -> StageFailure {
    let fix: String
    if let nearest = nearestWord(to: name, in: known) {
      fix = "did you mean \"\(nearest)\"?"
    } else if known.isEmpty {
      fix = "\(folder) defines none"
    } else {
      fix = "\(folder) defines \(known.sorted().joined(separator: ", "))"
    }
    return StageFailure(.usage, "usage", "no \(kind) is named \"\(name)\"", fix: fix)
  }
}
