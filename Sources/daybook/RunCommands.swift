// The verbs that change something: run, ingest, refresh, retry; report is in ReportCommands.

internal import ArgumentParser
internal import Definitions
internal import Ingest
internal import Jobs
internal import Ledger
internal import Money

struct RunCommand: PlanningVerb {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run a job: ingest, refresh, check and report, as its definition says.")

  @Argument(help: "The job.") var job = "nightly"
  @Flag(name: .customLong("full-refresh"), help: "Rebuild views even where nothing changed.")
  var isFullRefresh = false
  @Option(
    name: .customLong("from-stage"),
    help: ArgumentHelp("Leave out the stages before this one: ingest, refresh, check or report.", valueName: "stage"))
  var fromStage: StageDefinition.Kind?
  @OptionGroup var planning: PlanningOptions
  @OptionGroup var global: GlobalOptions

  func request(asOf: CivilDate) -> PlanRequest {
    PlanRequest(work: .job(job), asOf: asOf, fromStage: fromStage, isFullRefresh: isFullRefresh)
  }
}

struct IngestCommand: PlanningVerb {
  static let configuration = CommandConfiguration(
    commandName: "ingest", abstract: "Load the new files of some feeds.")

  @Argument(help: "The feeds.") var feeds: [String]
  @Option(name: .long, help: ArgumentHelp("Load this file, wherever it lies; - is standard input.", valueName: "path"))
  var file: String?
  @Flag(name: .long, help: "Load files again whose content is loaded already.")
  var reload = false
  @OptionGroup var planning: PlanningOptions
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    if file != nil, feeds.count != 1 { throw ValidationError("--file is for one feed; \(feeds.count) are named") }
  }

  func request(asOf: CivilDate) -> PlanRequest {
    let files: FileSelection = file.map { .file($0, reload: reload) } ?? (reload ? .reloadInbox : .inbox)
    return PlanRequest(work: .ingest(feeds, files: files), asOf: asOf)
  }
}

struct RefreshCommand: PlanningVerb {
  static let configuration = CommandConfiguration(
    commandName: "refresh", abstract: "Bring views up to date, with the views that they read.")

  @Argument(help: "The views; all unless named.") var views: [String] = []
  @Flag(name: .long, help: "Rebuild them even where nothing changed.") var full = false
  @Flag(name: .long, help: "Then recompute every rollup and compare it, row by row; 65 when one differs.")
  var verify = false
  @OptionGroup var planning: PlanningOptions
  @OptionGroup var global: GlobalOptions

  func request(asOf: CivilDate) -> PlanRequest {
    PlanRequest(work: .refresh(views), asOf: asOf, isFullRefresh: full, isVerified: verify)
  }
}

struct RetryCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "retry", abstract: "Do again what a failed run was to do, for the same business date.",
    discussion: "What the run committed is found committed; nothing is loaded twice.")

  @Argument(help: "The run, or the beginning of its name; the newest failure not made good unless given.")
  var run: String?
  @OptionGroup var global: GlobalOptions

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    return try await Session.open(project) { session in
      guard let parent = try await RunLookup(session: session).failedRun(named: run) else {
        invocation.console.note("nothing to retry: no run failed that a later one did not make good")
        let object: JSONValue = [
          "run_id": .null, "job": "retry", "as_of": .null, "status": "skipped", "exit_code": 0, "wall_ms": 0,
          "stages": [], "reports": [], "findings": [],
        ]
        invocation.console.json(object)
        return .ok
      }
      let plan = try Self.plan(again: parent.record, project: project)
      let execution = RunExecution(
        project: project, plan: plan, invocation: invocation, parent: (parent.record.runID, parent.record.attempt),
        arguments: parent.record.arguments)
      return await execution.run(in: session)
    }
  }

  /// The plan of the command that was typed then, for the business date it had then.
  private static func plan(again record: RunRecord, project: Project) throws -> Plan {
    guard let parsed = try? RootCommand.parseAsRoot(record.arguments), let verb = parsed as? any RepeatableVerb else {
      throw StageFailure(
        .usage, "usage",
        "run \(record.runID) was started by words that this program no longer understands: "
          + record.arguments.joined(separator: " "),
        fix: "daybook run \(record.job) --as-of \(record.asOf)")
    }
    let plan = try Plan(verb.request(asOf: record.asOf), project: project)
    if case .file("-", _) = plan.files {
      throw StageFailure(
        .usage, "usage", "run \(record.runID) read standard input, which is not kept",
        fix: "give the data again: daybook ingest \(plan.stages.first?.items.first ?? record.job) --file -")
    }
    return plan
  }
}
