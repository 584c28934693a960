// The verb that tells where a row came from: trace.

internal import ArgumentParser
internal import Definitions
internal import Finding
internal import Ingest
internal import Jobs
internal import Ledger
internal import Postgres

struct TraceCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "trace", abstract: "Tell which file, line and run a row came from, and what changed it since.",
    discussion: "Exits 1 when there is no such row and never was one that is known of.")

  @Argument(help: "The table, named as its feed.") var table: String
  @Argument(help: "The key; the values of a key of several columns with commas between them.") var key: String
  @OptionGroup var global: GlobalOptions

  /// Longer values are cut in what is printed; --json has them whole.
  private static let shownCharacters = 80

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    guard let feed = project.feed(named: table) else {
      let known = project.feeds.map(\.name)
      throw StageFailure(
        .badDefinition, "unknown_table", "no feed, and so no table, is named \"\(table)\"",
        fix: nearestWord(to: table, in: known).map { "did you mean \"\($0)\"?" }
          ?? "Jobs/feeds defines \(known.sorted().joined(separator: ", "))")
    }
    guard !feed.key.isEmpty else {
      throw StageFailure(
        .usage, "usage", "feed \(table) has no key, so its rows cannot be named",
        fix: "daybook db psql, and look at _daybook_file and _daybook_line")
    }
    guard let values = RowTrace.key(key, of: feed) else {
      throw StageFailure(
        .usage, "usage", "the key of \(table) is \(feed.key.joined(separator: ", ")): give \(feed.key.count) values",
        fix: "daybook trace \(table) \(feed.key.map { _ in "1" }.joined(separator: ","))")
    }
    return try await Session.open(project) { session in
      let history: RowHistory
      do {
        history = try await session.pool.withConnection(label: "trace") { connection in
          try await RowTrace(feed: feed, project: project).history(of: values, on: connection)
        }
      } catch let error as PostgresError where error.sqlState?.hasPrefix("22") == true {
        throw StageFailure(
          .usage, "usage", "\"\(visible(key))\" is no key of \(table): \(error.message)",
          fix:
            "its key is \(feed.key.map { "\($0) (\(feed.column(named: $0)?.type.sql ?? "text"))" }.joined(separator: ", "))"
        )
      }
      let isKnown = history.isPresent || !history.events.isEmpty
      let status: ExitStatus = isKnown ? .ok : .stageFailed
      for line in lines(history, feed, values) { invocation.console.data(line) }
      if !isKnown {
        invocation.console.problem("\(table) has no row with \(named(feed, values)), and none is known of")
        if !history.duplicates.isEmpty { invocation.console.problem("  duplicates of that key are listed above") }
        if !history.rejects.isEmpty { invocation.console.problem("  refused records with that key are listed above") }
      }
      invocation.console.json(json(history, feed, values, status))
      return status
    }
  }

  private func named(_ feed: FeedDefinition, _ values: [String]) -> String {
    zip(feed.key, values).map { "\($0) \(shown($1))" }.joined(separator: ", ")
  }

  private func shown(_ value: String?) -> String {
    guard let value else { return "nothing" }
    let text = visible(String(value.prefix(Self.shownCharacters)))
    return value.count > Self.shownCharacters ? text + "…" : text
  }

  private func lines(_ history: RowHistory, _ feed: FeedDefinition, _ values: [String]) -> [String] {
    var lines: [String] = []
    for event in history.events {
      let origin = event.origin
      var text = "\(origin.at ?? "-")  \(event.kind.rawValue)  \(place(event))"
      if let run = origin.run { text += "  run \(run)" }
      if let batch = event.batch { text += "  batch \(batch)" }
      lines.append(text)
      for change in event.changes { lines.append("    \(change.column): \(shown(change.old)) → \(shown(change.new))") }
    }
    for duplicate in history.duplicates {
      lines.append(
        "duplicate  \(visible(duplicate.file)):\(duplicate.line) did not count"
          + (duplicate.keptLine.map { ", line \($0) did" } ?? ""))
    }
    for reject in history.rejects {
      lines.append(
        "reject     \(visible(reject.file)):\(reject.line)\(reject.column.map { ", column \"\($0)\"" } ?? ""): "
          + "\(reject.code): \(shown(reject.reason)); \(told(reject.state, of: feed))")
    }
    if history.isPresent {
      lines.append("now        \(named(feed, values)) in \(table)")
      for (column, value) in history.row where !feed.key.contains(column) {
        lines.append("    \(column): \(shown(value))")
      }
    } else if !history.events.isEmpty {
      lines.append("now        not in \(table)")
    }
    return lines + history.remarks.map { "note       \($0)" }
  }

  private func place(_ event: RowEvent) -> String {
    if let writer = event.origin.writer {
      return "by hand, by \(visible(writer.role))" + (writer.application.map { " (\(visible($0)))" } ?? "")
    }
    return (event.kind == .deleted ? "by " : "from ") + (event.origin.file.map { visible($0) } ?? "an unknown file")
      + (event.origin.line.map { ":\($0)" } ?? "")
  }

  private func told(_ state: RowHistory.Reject.State, of feed: FeedDefinition) -> String {
    switch state {
    case .open: "open: daybook rejects export --feed \(feed.name)\(global.commandSuffix)"
    case .ofRefusedFile: "open: correct its file, which was refused as a whole"
    case .replaced(let file): "closed" + (file.map { " by \(visible($0))" } ?? "")
    case .dismissed(let reason): "done without: \(shown(reason))"
    }
  }

  private func json(_ reject: RowHistory.Reject) -> JSONValue {
    let (state, by, reason): (String, String?, String?) =
      switch reject.state {
      case .open, .ofRefusedFile: ("open", nil, nil)
      case .replaced(let file): ("closed", file, nil)
      case .dismissed(let reason): ("dismissed", nil, reason)
      }
    return [
      "file": .string(reject.file), "line": .integer(reject.line), "column": .optional(reject.column),
      "code": .string(reject.code), "reason": .string(reject.reason), "state": .string(state),
      "closed_by": .optional(by), "dismissal": .optional(reason),
    ]
  }

  private func json(
    _ history: RowHistory, _ feed: FeedDefinition, _ values: [String], _ status: ExitStatus
  ) -> JSONValue {
    [
      "table": .string(table),
      "key": .object(zip(feed.key, values).map { .init($0, .string($1)) }),
      "present": .bool(history.isPresent),
      "row": history.isPresent ? .object(history.row.map { .init($0.column, .optional($0.value)) }) : .null,
      "events": .array(
        history.events.map { event in
          [
            "kind": .string(event.kind.rawValue), "at": .optional(event.origin.at),
            "file": .optional(event.origin.file), "line": .optional(event.origin.line),
            "run_id": .optional(event.origin.run), "made_by": .optional(event.origin.writer?.role),
            "application": .optional(event.origin.writer?.application), "batch": .optional(event.batch.map { Int($0) }),
            "changes": .array(
              event.changes.map {
                ["column": .string($0.column), "old": .optional($0.old), "new": .optional($0.new)]
              }),
          ]
        }),
      "duplicates": .array(
        history.duplicates.map {
          ["file": .string($0.file), "line": .integer($0.line), "kept_line": .optional($0.keptLine)]
        }),
      "rejects": .array(history.rejects.map(json)),
      "remarks": .array(history.remarks.map { .string($0) }),
      "status": .string(status == .ok ? "success" : "failed"), "exit_code": .integer(Int(status.rawValue)),
    ]
  }
}
