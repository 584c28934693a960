// daybook sample: feeds of an imagined shop, to try things out and to measure with.

internal import ArgumentParser
internal import Definitions
internal import Jobs
internal import Ledger
internal import Money
internal import SampleData
internal import Telemetry

struct SampleCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "sample",
    abstract: "Make sample feeds: a base extract, nightly deltas, and what loading them must give.")

  @Option(name: .long, help: ArgumentHelp("Where to write; the project's inbox unless given.", valueName: "dir"))
  var inbox: String?
  @Option(name: .long, help: "Customers.") var customers = 2000
  @Option(name: .long, help: "Products.") var products = 200
  @Option(name: .long, help: "Orders.") var orders = 20_000
  @Option(name: .long, help: "Transactions.") var transactions = 25_000
  @Option(name: .long, help: "Everything random follows from this number.") var seed: UInt64 = 1
  @Option(name: .long, help: ArgumentHelp("First day; two years before the end unless given.", valueName: "date"))
  var start: CivilDate?
  @Option(name: .long, help: ArgumentHelp("Last day; today unless given.", valueName: "date")) var end: CivilDate?
  @Option(name: .long, help: "Nightly deltas after the base extract.") var nights = 3
  @Option(name: .long, help: ArgumentHelp("Share of bad rows, 0 to 0.5.", valueName: "rate"))
  var dirty: ExactDecimal = .zero
  @Flag(name: .long, help: "Replace feed files of the same names.") var overwrite = false
  @OptionGroup var global: GlobalOptions

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    var target = inbox
    var last = end
    if target == nil || last == nil {
      let project = try invocation.loadProject()
      target = target ?? project.inbox
      if last == nil { last = try invocation.asOf(nil, project: project) }
    }
    guard let target, let last else { throw StageFailure(.bug, "bug", "no inbox and no last day") }
    let settings = try SampleSettings(
      customers: customers, products: products, orders: orders, transactions: transactions, seed: seed,
      start: start ?? last.adding(months: -24), end: last, nights: nights, dirty: dirty)
    let generator = SampleGenerator(settings)
    if !overwrite, case let existing = generator.existingFiles(in: target), let first = existing.first {
      // They may be what a shop has really delivered.
      throw StageFailure(
        .cannotWriteOutput, "exists",
        "\(target): \(first) is there already"
          + (existing.count > 1 ? ", and \(counted(existing.count - 1, "other file")) that would be replaced" : ""),
        fix: "name another folder with --inbox, or replace them with --overwrite")
    }
    let lines = ProgressLines(invocation.console)
    lines.stageStarted(stage: "sample", name: target)
    let summary = try generator.write(to: target) { progress in
      lines.progress(
        ProgressUpdate(
          stage: "sample", name: progress.file, done: progress.rowsDone, total: progress.rowsTotal, unit: "rows"))
    }
    lines.end()
    for file in summary.files {
      invocation.console.data("\(file.name)  \(file.rows) rows, \(file.badRows) bad, \(file.bytes) bytes")
    }
    invocation.console.note(
      "\(summary.files.count) files, \(summary.rows) rows, \(summary.bytes) bytes; what they must give: "
        + summary.expectationPath)
    let object: JSONValue = [
      "status": "success", "exit_code": 0, "expected": .string(summary.expectationPath),
      "files": .array(
        summary.files.map {
          [
            "feed": .string($0.feed), "name": .string($0.name), "rows": .integer($0.rows),
            "bad_rows": .integer($0.badRows), "bytes": .integer($0.bytes),
          ]
        }),
    ]
    invocation.console.json(object)
    return .ok
  }
}
