// The verbs about reports: publish them (also without a word of its own: report revenue), list what is published, open a
// page, compare two sets. Only publishing writes; listing and opening ask no database.
// A report that has the name of one of these words is published with: report publish NAME.

internal import ArgumentParser
internal import Definitions
internal import Finding
internal import Glibc
internal import Jobs
internal import Ledger
internal import Money
internal import Postgres
internal import Reports

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Publish the report files that changed; list, open and compare what is published.",
    discussion: "Without one of the words below, the reports that are named are published, or all of them.",
    subcommands: [
      ReportPublishCommand.self, ReportListCommand.self, ReportOpenCommand.self, ReportDiffCommand.self,
    ], defaultSubcommand: ReportPublishCommand.self)
}

struct ReportPublishCommand: PlanningVerb {
  static let configuration = CommandConfiguration(
    commandName: "publish", abstract: "Publish the report files that changed.")
  static var shownName: String { "report" }

  @Argument(help: "The reports; all unless named.") var reports: [String] = []
  @Flag(name: .long, help: "Write them even where nothing changed.") var force = false
  @OptionGroup var planning: PlanningOptions
  @OptionGroup var global: GlobalOptions

  func request(asOf: CivilDate) -> PlanRequest {
    PlanRequest(work: .report(reports), asOf: asOf, isForced: force)
  }
}

struct ReportListCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the reports: titles, where they are, when they were rendered, and their state."
  )

  @Option(
    name: .customLong("as-of"),
    help: ArgumentHelp("The set of this date; the one that latest names unless given.", valueName: "date"))
  var asOf: CivilDate?
  @OptionGroup var global: GlobalOptions

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let console = invocation.console
    let sets = PublishedSets(output: project.output)
    let set = try sets.chosen(asOf, options: global.commandSuffix)
    if let set {
      console.data("set        \(set.asOf), \(set.state), published \(set.generatedAt), run \(set.runID)")
      if let staleness = set.staleness { console.data("stale      \(visible(staleness))") }
    } else {
      console.data("set        nothing is published yet; to do so: daybook report\(global.commandSuffix)")
    }
    var listed: [JSONValue] = []
    for (name, title) in PublishedSet.pages(of: project) {
      let page = set?.pages.first { $0.name == name }
      let place = page.map { "\($0.path)\($0.renderedAt.map { ", rendered \($0)" } ?? "")" } ?? "not in this set"
      console.data("\(name.padded(to: 16)) \(visible(title)): \(place)")
      listed.append([
        "name": .string(name), "title": .string(title), "path": .optional(page?.path),
        "rendered_at": .optional(page?.renderedAt), "run_id": .optional(page?.runID),
      ])
    }
    console.json([
      "as_of": .optional(set?.asOf.description), "state": .optional(set?.state),
      "stale": .optional(set?.staleness), "generated_at": .optional(set?.generatedAt), "run_id": .optional(set?.runID),
      "reports": .array(listed), "sets": .array(sets.dates.map { .string($0.description) }),
    ])
    return .ok
  }
}

struct ReportOpenCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "open", abstract: "Print the path of a page, and open it where there is a display.",
    discussion: "It is opened by xdg-open when standard output is a terminal and DISPLAY or WAYLAND_DISPLAY is set.")

  @Argument(help: ArgumentHelp("The report or page; index unless given.", valueName: "report")) var name = "index"
  @Option(
    name: .customLong("as-of"),
    help: ArgumentHelp("The set of this date; the one that latest names unless given.", valueName: "date"))
  var asOf: CivilDate?
  @OptionGroup var global: GlobalOptions

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    guard let set = try PublishedSets(output: project.output).chosen(asOf, options: global.commandSuffix) else {
      throw StageFailure(
        .usage, "usage", "nothing is published yet", fix: "daybook report\(global.commandSuffix)")
    }
    guard let page = set.pages.first(where: { $0.name == name }) else {
      let known = set.pages.map(\.name)
      throw StageFailure(
        .usage, "usage", "the set of \(set.asOf) has no page \"\(visible(name))\"",
        fix: nearestWord(to: name, in: known).map { "did you mean \"\($0)\"?" }
          ?? "it has \(known.joined(separator: ", "))")
    }
    invocation.console.data(page.path)
    invocation.console.json([
      "name": .string(page.name), "path": .string(page.path), "as_of": .string(set.asOf.description),
      "state": .string(set.state),
    ])
    if let staleness = set.staleness { invocation.console.note("STALE. \(visible(staleness))") }
    let hasDisplay = ["DISPLAY", "WAYLAND_DISPLAY"].contains { !(invocation.environment[$0] ?? "").isEmpty }
    if !invocation.console.isJSON, isatty(STDOUT_FILENO) == 1, hasDisplay,
      await ChildProcess(["xdg-open", page.path]).run(quiet: true) != 0
    {
      invocation.console.note("xdg-open could not open it")
    }
    return .ok
  }
}

struct ReportDiffCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Tell which figures changed between two published sets, and by which batches.",
    discussion: """
      All rows of the reports are compared, as their CSV files hold them. The files and changes by hand that came \
      between the two are asked of the ledger.
      """)

  @Argument(help: ArgumentHelp("The first set: its date, or latest.", valueName: "date")) var from: String
  @Argument(help: ArgumentHelp("The second set: its date, or latest.", valueName: "date")) var to: String
  @OptionGroup var global: GlobalOptions

  /// So many changes of one section are printed; --json has all.
  private static let shown = 20

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let sets = PublishedSets(output: project.output)
    let comparison = try SetComparison(
      from: try sets.named(from, options: global.commandSuffix), to: try sets.named(to, options: global.commandSuffix))
    tell(comparison, invocation.console)
    var between: BatchesBetween?
    do {
      between = try await Session.open(project) { session in
        try await session.pool.withConnection(label: "report diff") { connection in
          try await BatchesBetween(comparison, project: session.project, on: connection)
        }
      }
    } catch {
      let failure = StageFailure(error)
      invocation.console.note("which files came between the two could not be asked of the ledger: \(failure.message)")
    }
    if let between { tell(between, invocation.console) }
    invocation.console.json(
      .object(
        comparison.members
          + (between?.members ?? [.init("batches", .null), .init("restatements", .null)])
          + [.init("exit_code", 0)]))
    return .ok
  }

  private func tell(_ comparison: SetComparison, _ console: Console) {
    console.data("from \(comparison.before.asOf) (run \(comparison.before.runID))")
    console.data("to   \(comparison.after.asOf) (run \(comparison.after.runID))")
    if comparison.changes.isEmpty, comparison.unmatched.isEmpty { console.data("no figure differs") }
    var place = ""
    var told = 0
    for (index, change) in comparison.changes.enumerated() {
      let here = "\(change.report): \(change.section)"
      if here != place {
        console.data(visible(here))
        place = here
        told = 0
      }
      told += 1
      if told <= Self.shown { console.data("  " + visible(line(change))) }
      let isLast =
        index + 1 == comparison.changes.count
        || "\(comparison.changes[index + 1].report): \(comparison.changes[index + 1].section)" != here
      if isLast, told > Self.shown { console.data("  and \(told - Self.shown) more of \(told); all of them: --json") }
    }
    for section in comparison.unmatched { console.data(visible(section)) }
  }

  private func line(_ change: SetComparison.Change) -> String {
    let row = change.row.joined(separator: ", ")
    let named = row.isEmpty ? "a row" : row
    switch change.kind {
    case .added: return "+ \(named): new" + (change.after.isEmpty ? "" : ", \(change.after)")
    case .removed: return "- \(named): gone" + (change.before.isEmpty ? "" : ", was \(change.before)")
    case .changed:
      let delta = change.delta.map { "  (\($0.hasPrefix("-") ? "" : "+")\($0))" } ?? ""
      let (before, after) = (
        change.before.isEmpty ? "nothing" : change.before, change.after.isEmpty ? "nothing" : change.after
      )
      return "\(row.isEmpty ? "" : "\(row): ")\(change.column) \(before) -> \(after)\(delta)"
    }
  }

  private func tell(_ between: BatchesBetween, _ console: Console) {
    let count = between.batches.count == 1 ? "1 file or change" : "\(between.batches.count) files or changes"
    console.data(between.batches.isEmpty ? "no file came between the two" : "between the two, \(count):")
    for batch in between.batches {
      let numbers = batch.batches.isEmpty ? "" : ", batch \(batch.batches.map(String.init).joined(separator: ", "))"
      console.data(
        "  \(batch.feed): \(visible(batch.source)), \(batch.status), \(counted(batch.rows, "row")) changed, "
          + "\(batch.recordedAt) UTC\(numbers)")
    }
    for moved in between.restatements {
      console.data(
        "  closed month \(moved.period.prefix(7)) restated: \(moved.currency) \(moved.type) \(moved.amount), batch "
          + "\(moved.batch)\(moved.file.isEmpty ? "" : ", \(visible(moved.file))")")
    }
  }
}

extension PublishedSets {
  /// The set of a date, or of `latest`, or where that leads to none the newest; nil when nothing is published and no date was asked for.
  func chosen(_ asOf: CivilDate?, options: String) throws(StageFailure) -> PublishedSet? {
    if asOf == nil, latest == nil { return nil }
    return try named(asOf?.description ?? "latest", options: options)
  }

  /// The set that a word names.
  func named(_ word: String, options: String) throws(StageFailure) -> PublishedSet {
    let date = word == "latest" ? latest : CivilDate(word)
    if let date, let found = set(for: date) { return found }
    let known = dates
    let all = known.suffix(10).map(\.description).joined(separator: ", ")
    let isDamaged = date.map(known.contains) ?? false
    throw StageFailure(
      .usage, "usage",
      isDamaged
        ? "the set of \(word) is not as it was published: files are missing or changed"
        : "there is no published set \"\(visible(word))\"",
      notes: [known.isEmpty ? "nothing is published yet" : "published are \(known.count > 10 ? "… " : "")\(all)"],
      fix: isDamaged
        ? "daybook report --force --as-of \(date?.description ?? word)\(options)"
        : known.isEmpty
          ? "daybook report\(options)" : word == "latest" ? "name one of them" : "name one of them, or latest")
  }
}
