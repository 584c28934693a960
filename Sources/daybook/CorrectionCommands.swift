// The verbs that correct refused records or do without them: rejects export, requeue and dismiss.

internal import ArgumentParser
internal import CSV
internal import Definitions
internal import Finding
internal import Glibc
internal import Ingest
internal import Jobs
internal import Ledger
internal import Money
internal import Postgres

struct RejectsExportCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write one feed's refused records as CSV, to be corrected and requeued.",
    discussion: """
      Standard CSV in UTF-8: _reject_id and why a record was refused, then its columns, then _raw, which holds a record \
      that could not be taken apart. Correct the columns, leave _reject_id as it is, and give the file to \
      `daybook rejects requeue`. A line that is taken out stays open.
      """)

  @Option(name: .long, help: ArgumentHelp("Write to this file; to standard output unless given.", valueName: "path"))
  var output: String?
  @OptionGroup var selection: RejectSelectionOptions
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    if global.json, output == nil { throw ValidationError("with --json, give --output: standard output is the object") }
  }

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    return try await Session.open(project) { session in
      let (entries, count) = try await selection.rejects(in: session)
      let feeds = Set(entries.map(\.feed)).union(selection.feed.map { [$0] } ?? []).sorted()
      guard feeds.count <= 1 else {
        throw StageFailure(
          .usage, "usage", "there are rejects of \(feeds.joined(separator: ", ")), whose columns differ",
          fix: "export one feed at a time: daybook rejects export --feed \(feeds[0])")
      }
      var outcome = RejectsExport.Outcome()
      if let name = feeds.first {
        guard let feed = session.project.feed(named: name) else {
          throw StageFailure(
            .usage, "usage", "the feed \(name) is no longer defined", fix: "define it, or dismiss its rejects")
        }
        let numbers = Set(entries.map(\.fileID)).sorted()
        let files = try await session.pool.withConnection(label: "rejects") { connection in
          try await FileLedger.headers(ofFiles: numbers, on: connection)
        }
        do {
          outcome = try RejectsExport(feed: feed).write(entries, files: files, to: output)
        } catch {
          throw StageFailure(
            .cannotWriteOutput, "cannot_write", output == nil ? "standard output: \(error)" : "\(error)")
        }
      }
      tell(outcome, of: entries.count, all: count, invocation.console)
      let object: JSONValue = [
        "feed": .optional(feeds.first), "rejects": .integer(outcome.written), "path": .optional(output), "exit_code": 0,
        "status": "success",
      ]
      invocation.console.json(object)
      return .ok
    }
  }

  private func tell(_ outcome: RejectsExport.Outcome, of shown: Int, all count: Int, _ console: Console) {
    if count == 0 { console.note("there are no open rejects") }
    if shown < count { console.note("\(shown) of \(count) rejects; --limit writes more") }
    if outcome.withOtherColumns > 0 {
      console.note(
        "\(outcome.withOtherColumns) rejects of files with other columns are left out: requeue these first, or use --run"
      )
    }
    if outcome.ofRefusedFiles > 0 {
      console.note(
        "\(outcome.ofRefusedFiles) of them are of files that were refused as a whole: correct those files instead")
    }
  }
}

struct RejectsRequeueCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "requeue", abstract: "Load a corrected export, and close the rejects whose rows were taken.",
    discussion:
      "What is refused again stays open with its new reason. The same file can be requeued any number of times.")

  @Argument(help: "The corrected file.") var path: String
  @Option(name: .long, help: ArgumentHelp("The feed; told by the rejects unless given.", valueName: "feed"))
  var feed: String?
  @OptionGroup var planning: PlanningOptions
  @OptionGroup var global: GlobalOptions

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let asOf = try invocation.asOf(planning.asOf, project: project)
    var path = path
    if let resolved = realpath(path, nil) {
      path = String(cString: resolved)
      free(resolved)
    }
    let file = path
    return try await Session.open(project) { session in
      var name = feed
      if name == nil, let reject = try RejectsExport.firstReject(in: file) {
        name = try await session.pool.withConnection(label: "rejects") { connection in
          try await FileLedger.standing(of: [reject], rawOf: [], on: connection)[reject]?.feed
        }
        if name == nil {
          throw StageFailure(
            .dataRefused, "correction", "\(file): there is no reject \(reject)",
            fix: "leave _reject_id as it was exported; what there is: daybook rejects list")
        }
      }
      guard let name else {
        invocation.console.note("nothing to load: the file has no records")
        invocation.console.json(["rejects": 0, "status": "skipped", "exit_code": 0])
        return .ok
      }
      let plan = try Plan(PlanRequest(work: .ingest([name], files: .correction(file)), asOf: asOf), project: project)
      var words = ["rejects", "requeue", file, "--feed", name]
      if global.project != "." { words += ["--project", global.project] }
      let execution = RunExecution(project: project, plan: plan, invocation: invocation, arguments: words)
      return await execution.run(in: session)
    }
  }
}

extension RejectsRequeueCommand: RepeatableVerb {
  func request(asOf: CivilDate) -> PlanRequest {
    PlanRequest(work: .ingest(feed.map { [$0] } ?? [], files: .correction(path)), asOf: asOf)
  }
}

struct RejectsDismissCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "dismiss", abstract: "Do without refused records, or without a refused file; the reason is kept.")

  @Argument(help: "The rejects, by the numbers that `rejects list` shows.") var rejects: [Int64] = []
  @Option(name: .long, help: ArgumentHelp("With --file: the feed.", valueName: "feed")) var feed: String?
  @Option(
    name: .long,
    help: ArgumentHelp(
      "All rejects of this file; a refused file no longer makes reports DRAFT.",
      valueName: "name"))
  var file: String?
  @Option(name: .long, help: ArgumentHelp("Why.", valueName: "text")) var reason: String
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    if reason.allSatisfy(\.isWhitespace) { throw ValidationError("--reason is empty") }
    if rejects.isEmpty == (file == nil) { throw ValidationError("give the numbers of rejects, or --feed and --file") }
    if (feed == nil) != (file == nil) { throw ValidationError("--feed and --file belong together") }
  }

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let chosen: FileLedger.DismissedRejects =
      if let feed, let file { .file(feed: feed, name: file) } else { .these(Set(rejects).sorted()) }
    return try await Session.open(project) { session in
      let wanted = rejects.count
      let done = try await session.pool.withConnection(label: "rejects") { connection in
        try await connection.withTransaction { transaction in
          try await FileLedger.dismiss(chosen, reason: reason, on: transaction)
        }
      }
      guard done.rejects + done.files > 0 else {
        throw StageFailure(
          .usage, "usage", "none of them is open; nothing was changed", fix: "see what is open: daybook rejects list")
      }
      let files = done.files > 0 ? " and \(counted(done.files, "refused file"))" : ""
      invocation.console.note("dismissed \(counted(done.rejects, "reject"))\(files)")
      if done.rejects < wanted {
        invocation.console.note("\(wanted - done.rejects) were closed before, or do not exist")
      }
      invocation.console.json([
        "dismissed": .integer(done.rejects), "files": .integer(done.files), "status": "success", "exit_code": 0,
      ])
      return .ok
    }
  }
}
