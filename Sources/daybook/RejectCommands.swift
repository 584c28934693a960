// The verbs about refused records: rejects list, rejects export.

internal import ArgumentParser
internal import CSV
internal import Definitions
internal import Finding
internal import Glibc
internal import Jobs
internal import Ledger
internal import Postgres

struct RejectsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rejects", abstract: "List or export records that were refused.",
    subcommands: [RejectsListCommand.self, RejectsExportCommand.self])
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
        console.data(
          "\(entry.feed)  \(entry.file):\(entry.line)\(column)  \(entry.code.rawValue)  \(visible(entry.reason))")
      }
      console.note(
        entries.count == count ? counted(count, "reject") : "\(entries.count) of \(count) rejects; --limit shows more")
      console.json(["rejects": .array(entries.map(Self.json))])
      return .ok
    }
  }

  static func json(_ entry: RejectEntry) -> JSONValue {
    [
      "feed": .string(entry.feed), "file": .string(entry.file), "line": .integer(entry.line),
      "record": .integer(entry.record), "byte_offset": .integer(entry.byteOffset),
      "column": .optional(entry.column), "code": .string(entry.code.rawValue), "reason": .string(entry.reason),
    ]
  }
}

struct RejectsExportCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write refused records as CSV, with their original bytes.")

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
      do {
        try Self.write(entries, to: output)
      } catch {
        throw StageFailure(.cannotWriteOutput, "cannot_write", output == nil ? "standard output: \(error)" : "\(error)")
      }
      if entries.count < count { invocation.console.note("\(entries.count) of \(count) rejects; --limit writes more") }
      let object: JSONValue = [
        "rejects": .integer(entries.count), "path": .optional(output), "exit_code": 0, "status": "success",
      ]
      invocation.console.json(object)
      return .ok
    }
  }

  private static func write(_ entries: [RejectEntry], to path: String?) throws(CSVError) {
    var writer: CSVWriter
    if let path {
      writer = try CSVWriter(path: path)
    } else {
      writer = CSVWriter(descriptor: STDOUT_FILENO)
    }
    try writer.record(["feed", "file", "line", "record", "byte_offset", "column", "code", "reason", "raw"])
    for entry in entries {
      try writer.record([
        entry.feed, entry.file, String(entry.line), String(entry.record), String(entry.byteOffset), entry.column ?? "",
        entry.code.rawValue, entry.reason, String(decoding: entry.raw, as: UTF8.self),
      ])
    }
    try writer.flush()
    try writer.close()
  }
}
