// daybook bench: experiments that compare two things in one run and print a ratio.

internal import ArgumentParser
internal import Finding
internal import Jobs
internal import Ledger

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure: two things in one run, and their ratio.",
    subcommands: [BenchIngestCommand.self, BenchViewsCommand.self])
}

struct BenchViewsCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "views",
    abstract: "Measure rollups that follow the journal against native materialized views.",
    discussion: "A database of its own is made on the project's server, and dropped at the end.")

  @Option(name: .long, help: "Transactions in the table before the first night; 500000 unless given.") var rows: Int?
  @Option(name: .long, help: "How many nights; 3 unless given.") var pairs: Int?
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    if let rows, !(1_000...100_000_000).contains(rows) {
      throw ValidationError("--rows \(rows) is not within 1000 to 100000000")
    }
    if let pairs, !(1...20).contains(pairs) { throw ValidationError("--pairs \(pairs) is not within 1 to 20") }
  }

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let console = invocation.console
    let size = BenchmarkSize(rows: rows, rounds: pairs)
    let program: IngestBenchmark.Program = { words, environment in
      await ChildProcess(words, environment).runUntilCancelled()
    }
    let machine = try await IngestBenchmark(project: project, size: size, program: program).machine()
    for line in ExperimentText.lines(machine) { console.data(line) }
    let result = try await ViewsBenchmark(project: project, size: size, program: program).run { told in
      console.note("views: \(told)")
    }
    for line in ExperimentText.lines(result) { console.data(line) }
    console.json(ExperimentText.json([result], machine: machine))
    return .ok
  }
}

struct BenchIngestCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "ingest",
    abstract: "Measure the ingest against psql, and against itself.",
    discussion: """
      Databases of its own are made on the project's server, and dropped at the end. Every side's result is checked.

      \(IngestExperiment.allCases.map { "\($0.rawValue): \($0.summary)" }.joined(separator: "\n"))
      all: every one of them
      """)

  @Argument(
    help: ArgumentHelp(
      "What to measure; backfill unless named. \(allowed).", valueName: "experiment"))
  var experiments: [String] = []

  @Option(
    name: .long,
    help: """
      Transactions in the file, or in the table of delta; each experiment has its own default. nothing-new and ways take
      at most 10000; how much memory loads is said by --bytes.
      """)
  var rows: Int?
  @Option(name: .long, help: "How often every side is measured; each experiment has its own default.") var pairs: Int?
  @Option(
    name: .long,
    help: ArgumentHelp("How large the file of memory is, such as 1GB; 100MB unless given.", valueName: "size"))
  var bytes: String?
  @OptionGroup var global: GlobalOptions

  private static let all = "all"
  private static var allowed: String {
    "One or more of: \((IngestExperiment.allCases.map(\.rawValue) + [all]).joined(separator: ", "))"
  }

  func validate() throws {
    for word in experiments where word != Self.all && IngestExperiment(rawValue: word) == nil {
      let near = nearestWord(to: word, in: IngestExperiment.allCases.map(\.rawValue) + [Self.all])
      throw ValidationError(
        "there is no experiment \(word)\(near.map { "; did you mean \($0)?" } ?? ".") \(Self.allowed)")
    }
    if let rows, !(100...100_000_000).contains(rows) {
      throw ValidationError("--rows \(rows) is not within 100 to 100000000")
    }
    if let pairs, !(1...100).contains(pairs) { throw ValidationError("--pairs \(pairs) is not within 1 to 100") }
    if let bytes, !(100_000...100_000_000_000).contains(Self.count(bytes) ?? 0) {
      throw ValidationError("--bytes \(bytes) is not a size from 100kB to 100GB, such as 250MB or 1000000")
    }
  }

  /// The number of bytes that a text such as `1GB` stands for.
  private static func count(_ text: String) -> Int? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let factors = ["": 1, "b": 1, "kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000]
    guard let number = Int(digits), let factor = factors[text.dropFirst(digits.count).lowercased()] else { return nil }
    let (count, isTooLarge) = number.multipliedReportingOverflow(by: factor)
    return isTooLarge ? nil : count
  }

  /// What was asked for, each once, in the order of the list.
  private var chosen: [IngestExperiment] {
    if experiments.isEmpty { return [.backfill] }
    return IngestExperiment.allCases.filter { experiments.contains($0.rawValue) || experiments.contains(Self.all) }
  }

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let console = invocation.console
    let size = BenchmarkSize(rows: rows, rounds: pairs, bytes: bytes.flatMap(Self.count))
    let benchmark = IngestBenchmark(project: project, size: size) { words, environment in
      await ChildProcess(words, environment).runUntilCancelled()
    }
    let machine = try await benchmark.machine()
    for line in ExperimentText.lines(machine) { console.data(line) }
    var results: [ExperimentResult] = []
    for experiment in chosen {
      let result = try await benchmark.run(experiment) { console.note("\(experiment.rawValue): \($0)") }
      for line in ExperimentText.lines(result) { console.data(line) }
      results.append(result)
    }
    console.json(ExperimentText.json(results, machine: machine))
    return .ok
  }
}
