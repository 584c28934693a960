// The verbs that tell what was: status, runs list, runs show.

internal import ArgumentParser
internal import Definitions
internal import Finding
internal import Glibc
internal import Jobs
internal import Ledger
internal import Money
internal import Postgres
internal import Reports
internal import Views

struct StatusCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Tell how the last run ended, where each feed stands, and what is published.")

  @OptionGroup var global: GlobalOptions

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let console = invocation.console
    return try await Session.open(project) { session in
      let recorded = try await session.ledger.runs(limit: 50)
      let feeds = try await session.ledger.feeds()
      let partWay = try await session.ledger.partWay()
      let isRunning = try await session.ledger.isRunLockHeld()
      let closed = try await session.pool.withConnection(label: "status") { connection in
        try await PeriodLedger.states(on: connection)
      }
      let runs = recorded.map { $0.seen(isLockHeld: isRunning) }
      let published = Publication.state(of: project.output)
      // A run that works is not a failure yet; without its lock it is one that was lost.
      let open = RunSummary.openFailure(
        among: runs.filter { $0.status != .running }, jobs: Set(project.jobs.map(\.name)))
      let next = open?.nextCommand(options: global.commandSuffix)
      let lastGood = runs.first { $0.status == .success || $0.status == .warning }

      console.data("project    \(project.name), \(session.configuration.redactedURL)")
      console.data("running    " + (isRunning ? "yes" : "no"))
      console.data("last run   " + (runs.first.map(RunText.line) ?? "none"))
      if let lastGood, lastGood.record.runID != runs.first?.record.runID {
        console.data("last good  " + RunText.line(lastGood))
      }
      if let open, let next {
        if open.record.runID != runs.first?.record.runID { console.data("failed     " + RunText.line(open)) }
        if let failure = open.failure {
          console.data("failure    \(failure.stage.isEmpty ? "" : failure.stage + ": ")\(failure.message)")
        } else if open.status == .lost {
          console.data("failure    it ended without a word, with its process or its server; what it committed counts")
        }
        console.data("next       \(next)")
      }
      console.data("reports    " + RunText.published(published))
      let sets = PublishedSets(output: project.output)
      let newest = sets.latest.flatMap { sets.set(for: $0) }
      let staleness = newest?.staleness
      if let staleness { console.data("stale      \(visible(staleness))") }
      // A night that failed before it was a run is known to the newest set alone.
      if next == nil, let mending = newest?.next { console.data("next       \(visible(mending))") }
      if let first = closed.first, let last = closed.last {
        let hard = closed.count { $0.state == .hard }
        let months =
          first.period == last.period
          ? PeriodClosing.name(first.period)
          : "\(counted(closed.count, "month")) from \(PeriodClosing.name(first.period)) to \(PeriodClosing.name(last.period))"
        console.data("closed     \(months)" + (hard > 0 ? ", \(hard) hard" : ""))
      }
      for feed in project.feeds {
        let known = feeds.first { $0.feed == feed.name }
        let told = known.map { summary in
          "\(counted(summary.files, "file")), last \(summary.lastFile) at \(summary.lastRecordedAt)"
            + (summary.openRejects > 0 ? ", \(counted(summary.openRejects, "open reject"))" : "")
        }
        console.data("feed       \(feed.name): \(told ?? "no file yet")")
      }
      for file in partWay {
        for line in lines(file, project, isRunning: isRunning) { console.data(line) }
      }
      let object: JSONValue = [
        "project": .string(project.name), "running": .bool(isRunning),
        "last_run": runs.first.map(RunText.json) ?? .null, "last_success": lastGood.map(RunText.json) ?? .null,
        "open_failure": open.map(RunText.json) ?? .null, "next": .optional(next ?? newest?.next),
        "published": published.date.map { .string($0) } ?? .null, "stale": .optional(staleness),
        "feeds": .array(
          project.feeds.map { feed in
            let known = feeds.first { $0.feed == feed.name }
            return [
              "feed": .string(feed.name), "files": .integer(known?.files ?? 0), "last_file": .optional(known?.lastFile),
              "loaded_at": .optional(known?.lastRecordedAt.description),
              "open_rejects": .integer(known?.openRejects ?? 0),
            ]
          }),
        "closed": .array(closed.map { .string(PeriodClosing.name($0.period)) }),
        "part_way": .array(
          partWay.map { file in
            [
              "feed": .string(file.feed), "file": .string(file.name), "chunks": .integer(file.chunks),
              "chunks_planned": .optional(file.plannedChunks), "records": .integer(file.rows.read),
              "began_at": .string(file.beganAt.description),
              "last_committed_at": .optional(file.lastCommittedAt?.description),
              "over_limit": .bool(limitCrossed(file, project) != nil),
              "next": .optional(
                isRunning
                  ? nil
                  : limitCrossed(file, project)?.records ?? "daybook ingest \(file.feed)\(global.commandSuffix)"),
            ]
          }),
      ]
      console.json(object)
      return .ok
    }
  }

  /// What keeps a file that is part way in from going on: more was refused of it than the feed allows.
  ///
  /// A share is judged as the load judges it: what is left may hold twice as many records for each chunk.
  private func limitCrossed(
    _ file: PartWayFile, _ project: Project
  ) -> (what: String, place: String, records: String)? {
    let rejected = file.rows.rejected - file.held
    guard let feed = project.feed(named: file.feed), rejected > 0 else { return nil }
    let left = max(0, (file.plannedChunks ?? file.chunks) - file.chunks)
    let expected = file.rows.read + 2 * file.rows.read * left / max(1, file.chunks)
    guard !feed.rejectLimit.allows(rejected, of: expected) else { return nil }
    return (
      "\(rejected) of its records were refused, and rejects.limit is \(feed.rejectLimit)",
      "\(feed.position)", "daybook rejects list --feed \(file.feed)\(global.commandSuffix)"
    )
  }

  /// A file that is part way in, and the command that goes on with it.
  private func lines(_ file: PartWayFile, _ project: Project, isRunning: Bool) -> [String] {
    let planned = file.plannedChunks.map { " of about \($0)" } ?? ""
    let state =
      "part way   \(file.feed): \(visible(file.name)), \(file.chunks)\(planned) chunks committed with "
      + "\(counted(file.rows.read, "record")), begun at \(file.beganAt)"
      + (file.lastCommittedAt.map { ", the last chunk at \($0)" } ?? "")
    if isRunning { return [state] }
    if let stop = limitCrossed(file, project) {
      return [
        state,
        "           stopped: \(stop.what), in \(stop.place); it goes no further before that is raised,",
        "           or the file is mended and loaded from its start; the records: \(stop.records)",
      ]
    }
    let isInInbox = access("\(project.inbox)/\(file.name)", R_OK) == 0
    let command = "daybook ingest \(file.feed)"
    return [
      state,
      "           goes on with: "
        + (isInInbox
          ? command + global.commandSuffix
          : "\(command) --file FILE\(global.commandSuffix), for it is not in the inbox; or put it back there"),
    ]
  }
}

struct RunsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "runs", abstract: "List runs, or show one with its stages.",
    subcommands: [RunsListCommand.self, RunsShowCommand.self])
}

struct RunsListCommand: Verb {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "List the newest runs.")

  @Option(name: .long, help: ArgumentHelp("How many.", valueName: "count")) var limit = 20
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    if !(1...100_000).contains(limit) { throw ValidationError("--limit \(limit) is not within 1 to 100000") }
  }

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    return try await Session.open(project) { session in
      let isRunning = try await session.ledger.isRunLockHeld()
      let runs = try await session.ledger.runs(limit: limit).map { $0.seen(isLockHeld: isRunning) }
      for run in runs { invocation.console.data(RunText.line(run)) }
      if runs.isEmpty { invocation.console.note("there are no runs yet") }
      invocation.console.json(["runs": .array(runs.map(RunText.json))])
      return .ok
    }
  }
}

struct RunsShowCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show a run and what each of its stages did and cost.")

  @Argument(help: "The run, or the beginning of its name; the newest unless given.") var run: String?
  @OptionGroup var global: GlobalOptions

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    return try await Session.open(project) { session in
      let isRunning = try await session.ledger.isRunLockHeld()
      let found = try await RunLookup(session: session).run(named: run).seen(isLockHeld: isRunning)
      let stages = try await session.ledger.stages(run: found.record.runID)
      let failures = try await session.ledger.checkFailures(run: found.record.runID)
      for line in RunText.details(found, stages) + CheckText.lines(failures) { invocation.console.data(line) }
      invocation.console.json(RunText.json(found, stages, failures))
      return .ok
    }
  }
}

extension RunSummary {
  /// The run as it stands: one that still counts as running while nobody holds the run lock was lost. The next run
  /// writes that down.
  func seen(isLockHeld: Bool) -> RunSummary {
    var seen = self
    if status == .running, !isLockHeld { seen.status = .lost }
    return seen
  }
}
