// What `run`, `ingest`, `refresh`, `report` and `retry` share: plan, then print the plan or carry it out, then say
// what came of it. The verbs only say what they ask for.

internal import ArgumentParser
internal import Definitions
internal import Glibc
internal import Ingest
internal import Jobs
internal import Ledger
internal import Money
internal import Postgres
internal import Reports

/// A verb whose work a retry can ask for again.
protocol RepeatableVerb: Verb {
  /// What is asked for.
  func request(asOf: CivilDate) -> PlanRequest
}

/// A verb that asks for a plan.
protocol PlanningVerb: RepeatableVerb {
  var planning: PlanningOptions { get }
}

struct PlanningOptions: ParsableArguments {
  @Option(
    name: .customLong("as-of"),
    help: ArgumentHelp("The business date, such as 2026-11-20; today unless given.", valueName: "date"))
  var asOf: CivilDate?

  @Flag(name: .customLong("dry-run"), help: "Print the plan and change nothing.")
  var isDryRun = false
}

extension PlanningVerb {
  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try await loadProject(invocation)
    let asOf = try invocation.asOf(planning.asOf, project: project)
    let plan = try Plan(request(asOf: asOf), project: project)
    if planning.isDryRun { return try await printPlan(plan, project: project, invocation) }
    guard case .file("-", let reload) = plan.files else { return try await carryOut(plan, project, invocation) }
    guard isatty(STDIN_FILENO) == 0 else {
      throw StageFailure(
        .usage, "usage", "standard input is a terminal", fix: "pipe the data into it, or give the path of a file")
    }
    let spool = try await InputSpool.take(STDIN_FILENO, into: "\(project.root)/\(InputSpool.folder)")
    defer { spool.remove() }
    var spooled = plan
    spooled.files = .file(spool.path, reload: reload)
    return try await carryOut(spooled, project, invocation)
  }

  /// The project; a job that finds it broken was a night that failed.
  private func loadProject(_ invocation: Invocation) async throws -> Project {
    do {
      return try invocation.loadProject()
    } catch {
      if self is RunCommand, !planning.isDryRun,
        let settings = Project.settings(root: invocation.options.project, environment: invocation.environment),
        let asOf = planning.asOf ?? invocation.startedAt.day(in: settings.timeZone)
      {
        await invocation.tellReaders(error, output: settings.output, asOf: asOf)
      }
      throw error
    }
  }

  private func carryOut(_ plan: Plan, _ project: Project, _ invocation: Invocation) async throws -> ExitStatus {
    let execution = RunExecution(project: project, plan: plan, invocation: invocation)
    do {
      return try await Session.open(project) { session in await execution.run(in: session) }
    } catch {
      // The night did not even begin: whoever reads its reports in the morning has to hear of that too.
      if plan.isNight(RunExecution.trigger) {
        await invocation.tellReaders(StageFailure(error), output: project.output, asOf: plan.asOf)
      }
      throw error
    }
  }

  private func printPlan(_ plan: Plan, project: Project, _ invocation: Invocation) async throws -> ExitStatus {
    let forecast = await forecast(plan, project: project)
    invocation.console.data(plan.text(project: project, forecast: forecast))
    invocation.console.json(plan.json(project: project, forecast: forecast))
    return .ok
  }

  /// Asks the database when it is running anyway; a dry run starts nothing.
  private func forecast(_ plan: Plan, project: Project) async -> PlanForecast {
    guard let configuration = try? Session.runningDatabase(of: project),
      let connection = try? await PostgresConnection.connect(configuration)
    else { return await plan.forecast(project: project, connection: nil) }
    let forecast = await plan.forecast(project: project, connection: connection)
    await connection.close()
    return forecast
  }
}

extension Invocation {
  /// Makes the newest set of reports say that the night failed before it was a run.
  func tellReaders(_ failure: StageFailure, output: String, asOf: CivilDate) async {
    // Nothing is on record that could be tried again, so that the night is named.
    let look = failure.exitCode == .badDefinition ? "daybook check" : "daybook doctor"
    let next = "\(look), then: daybook run --as-of \(asOf)"
    let (_, finding) = await Publication.markStale(
      output: output, asOf: asOf, failure: failure, run: nil, next: next, at: startedAt)
    if let finding { console.show([finding]) }
  }
}

/// One run from the command line.
struct RunExecution: Sendable {
  let project: Project
  let plan: Plan
  let invocation: Invocation
  /// The run that is tried again, and its number of tries.
  var parent: (run: RunID, attempt: Int)?
  /// The command that the run is recorded under; a retry is recorded under the command that it repeats.
  var arguments: [String]?

  /// Who began the program: somebody at a terminal, or cron.
  static var trigger: RunTrigger { isatty(STDIN_FILENO) == 1 || isatty(STDERR_FILENO) == 1 ? .terminal : .unattended }

  func run(in session: Session) async -> ExitStatus {
    InputSpool.sweep("\(project.root)/\(InputSpool.folder)")
    let lines = ProgressLines(invocation.console)
    var surroundings = RunSurroundings(interruption: invocation.interruption)
    surroundings.progress = lines
    surroundings.observer = lines
    let record = RunRecord(
      runID: .make(), job: plan.job, asOf: plan.asOf, attempt: (parent?.attempt ?? 0) + 1, parent: parent?.run,
      trigger: parent != nil ? .retry : Self.trigger, startedAt: invocation.startedAt,
      host: Invocation.host, processID: Int(getpid()), arguments: arguments ?? Self.placed(invocation.arguments),
      version: Program.version, configurationHash: project.configurationHash)
    let report = await JobRunner(session: session, plan: plan, record: record, surroundings: surroundings).run()
    lines.end()
    tell(report)
    return report.exitCode
  }

  /// `arguments` with the path of `--file` made absolute, so that a retry from another folder finds it.
  private static func placed(_ arguments: [String]) -> [String] {
    var result = arguments
    for index in arguments.indices {
      if index > 0, arguments[index - 1] == "--file" { result[index] = absolute(arguments[index]) }
      let prefix = "--file="
      if arguments[index].hasPrefix(prefix) {
        result[index] = prefix + absolute(String(arguments[index].dropFirst(prefix.count)))
      }
    }
    return result
  }

  private static func absolute(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  private func tell(_ report: RunReport) {
    let console = invocation.console
    console.json(report.json)
    console.show(report.findings)
    if report.failure != nil {
      let text = FailureText(report, options: invocation.options.commandSuffix, renderer: console.renderer)
      for line in text.lines { console.problem(line) }
      return
    }
    console.note(RunSummaryText.line(report, plan: plan))
    if report.published == .published(plan.asOf.description), let index = report.indexPath { console.data(index) }
  }
}

/// The last line of a run that did not fail.
enum RunSummaryText {
  static func line(_ report: RunReport, plan: Plan) -> String {
    let run = report.runID.map { "run \($0), " } ?? ""
    let end = "(\(run)\(shortText(milliseconds: report.wallMilliseconds)))"
    guard !report.isNothingNew else {
      let looked = plan.stages.map {
        "\($0.kind.rawValue) \($0.isEverything ? "all" : $0.items.joined(separator: ","))"
      }
      return "nothing new: \(looked.joined(separator: ", ")) as of \(report.asOf) \(end)"
    }
    let rows = report.rows
    var parts: [String] = []
    if rows.read > 0 { parts.append(rows.sentence) }
    let views = report.stages.filter { $0.stage == "refresh" && $0.isChange }.count
    if views > 0 { parts.append("\(views) view\(views == 1 ? "" : "s") refreshed") }
    let pages = report.reports.filter { !$0.cached }.count
    if pages > 0 { parts.append("\(pages) report page\(pages == 1 ? "" : "s") written") }
    if parts.isEmpty { parts.append("done") }
    return "\(report.job) as of \(report.asOf): \(parts.joined(separator: "; ")) \(end)"
  }
}
