// The verbs that look at refused records: rejects list. Those that correct or close them are in `CorrectionCommands`.

internal import ArgumentParser
internal import Definitions
internal import Finding
internal import Jobs
internal import Ledger
internal import Postgres

struct RejectsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rejects", abstract: "List records that were refused, correct them, or do without them.",
    subcommands: [
      RejectsListCommand.self, RejectsExportCommand.self, RejectsRequeueCommand.self, RejectsDismissCommand.self,
    ])
}

struct RejectSelectionOptions: ParsableArguments {
  @Option(name: .long, help: ArgumentHelp("Only this feed's.", valueName: "feed")) var feed: String?
  @Option(name: .long, help: ArgumentHelp("Only those of this run.", valueName: "run")) var run: String?
  @Flag(name: .long, help: "Also those that a corrected file has replaced.") var all = false
  @Option(name: .long, help: ArgumentHelp("At most so many.", valueName: "count")) var limit = 100_000

  func validate() throws {
    if !(1...10_000_000).contains(limit) { throw ValidationError("--limit \(limit) is not within 1 to 10000000") }
    if run != nil, feed != nil { throw ValidationError("give --feed or --run, not both") }
    if all, feed == nil, run == nil { throw ValidationError("--all needs --feed") }
  }

  /// The rejects, and how many there are in all.
  func rejects(in session: Session) async throws -> (entries: [RejectEntry], count: Int) {
    if let feed, session.project.feed(named: feed) == nil {
      throw StageFailure(
        .usage, "usage", "no feed is named \"\(feed)\"",
        fix: nearestWord(to: feed, in: session.project.feeds.map(\.name)).map { "did you mean \"\($0)\"?" }
          ?? "Jobs/feeds defines \(session.project.feeds.map(\.name).sorted().joined(separator: ", "))")
    }
    var selection = RejectSelection.open(feed: feed)
    if let run { selection = .run(try await RunLookup(session: session).run(named: run).record.runID) }
    if all, let feed { selection = .feed(feed) }
    let chosen = selection
    return try await session.pool.withConnection(label: "rejects") { connection in
      (
        try await FileLedger.rejects(chosen, limit: limit, on: connection),
        try await FileLedger.countRejects(chosen, on: connection)
      )
    }
  }
}

struct RejectsListCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List refused records: where they stand and why they were refused.")

  @OptionGroup var selection: RejectSelectionOptions
  @OptionGroup var global: GlobalOptions

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    return try await Session.open(project) { session in
      let (entries, count) = try await selection.rejects(in: session)
      let console = invocation.console
      for entry in entries {
        let column = entry.column.map { ", column \"\($0)\"" } ?? ""
        let place = "\(entry.feed)  \(visible(entry.file)):\(entry.line)\(column)"
        console.data(
          "\(entry.rejectID.map { "#\($0)" } ?? "-")  \(place)  \(entry.code.rawValue)  \(visible(entry.reason))")
      }
      console.note(
        entries.count == count ? counted(count, "reject") : "\(entries.count) of \(count) rejects; --limit shows more")
      console.json(["rejects": .array(entries.map(Self.json))])
      return .ok
    }
  }

  static func json(_ entry: RejectEntry) -> JSONValue {
    [
      "id": .optional(entry.rejectID.map { Int($0) }), "feed": .string(entry.feed), "file": .string(entry.file),
      "line": .integer(entry.line), "record": .integer(entry.record), "byte_offset": .integer(entry.byteOffset),
      "column": .optional(entry.column), "code": .string(entry.code.rawValue), "reason": .string(entry.reason),
    ]
  }
}
