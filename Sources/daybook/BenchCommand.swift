// daybook bench: experiments that compare two things in one run and print a ratio.

internal import ArgumentParser
internal import Definitions
internal import Finding
internal import Jobs
internal import Ledger

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure: two things in one run, and their ratio.",
    subcommands: [BenchIngestCommand.self, BenchViewsCommand.self, BenchCacheCommand.self])
}

/// The words by which experiments are chosen.
enum ExperimentWords<Experiment: MeasuredExperiment> {
  private static var all: String { "all" }
  private static var words: [String] { Experiment.allCases.map(\.rawValue) + [all] }

  static var allowed: String { "One or more of: \(words.joined(separator: ", "))" }

  /// One line for each, for the help.
  static var summaries: String {
    (Experiment.allCases.map { "\($0.rawValue): \($0.summary)" } + ["\(all): every one of them"]).joined(
      separator: "\n")
  }

  static func validate(_ chosen: [String]) throws {
    for word in chosen where !words.contains(word) {
      let near = nearestWord(to: word, in: words)
      throw ValidationError("there is no experiment \(word)\(near.map { "; did you mean \($0)?" } ?? ".") \(allowed)")
    }
  }

  /// What was asked for, each once, in the order of the list; `usual` when nothing was.
  static func chosen(_ chosen: [String], usual: Experiment) -> [Experiment] {
    chosen.isEmpty ? [usual] : Experiment.allCases.filter { chosen.contains($0.rawValue) || chosen.contains(all) }
  }
}

/// How large the experiments are.
struct BenchSizeOptions: ParsableArguments {
  @Option(name: .long, help: "Transactions in the file or in the table; each experiment has its own default.")
  var rows: Int?
  @Option(name: .long, help: "How often every side is measured; each experiment has its own default.") var pairs: Int?

  func validate() throws {
    if let rows, !(100...100_000_000).contains(rows) {
      throw ValidationError("--rows \(rows) is not within 100 to 100000000")
    }
    if let pairs, !(1...100).contains(pairs) { throw ValidationError("--pairs \(pairs) is not within 1 to 100") }
  }
}

extension Verb {
  /// Runs experiments one after the other and prints what each found.
  func measure<Experiment: MeasuredExperiment>(
    _ experiments: [Experiment], in project: Project, _ console: Console,
    _ run: (Experiment, @escaping @Sendable (String) -> Void) async throws -> ExperimentResult
  ) async throws -> ExitStatus {
    let machine = try await MachineFigures.read(for: project)
    for line in ExperimentText.lines(machine) { console.data(line) }
    var results: [ExperimentResult] = []
    for experiment in experiments {
      let name = experiment.rawValue
      let result = try await run(experiment) { console.note("\(name): \($0)") }
      for line in ExperimentText.lines(result) { console.data(line) }
      results.append(result)
    }
    console.json(ExperimentText.json(results, machine: machine))
    return .ok
  }
}

struct BenchViewsCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "views",
    abstract: "Measure rollups that follow the journal, and what they stand in for.",
    discussion: """
      Databases of its own are made on the project's server, and dropped at the end. Every rollup is held to its recompute.

      \(ExperimentWords<ViewsExperiment>.summaries)
      """)

  @Argument(
    help: ArgumentHelp(
      "What to measure; delta unless named. \(ExperimentWords<ViewsExperiment>.allowed).", valueName: "experiment"))
  var experiments: [String] = []
  @OptionGroup var sizes: BenchSizeOptions
  @OptionGroup var global: GlobalOptions

  func validate() throws { try ExperimentWords<ViewsExperiment>.validate(experiments) }

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let benchmark = ViewsBenchmark(project: project, size: BenchmarkSize(rows: sizes.rows, rounds: sizes.pairs))
    let chosen = ExperimentWords<ViewsExperiment>.chosen(experiments, usual: .delta)
    return try await measure(chosen, in: project, invocation.console) { try await benchmark.run($0, told: $1) }
  }
}

struct BenchCacheCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "cache",
    abstract: "Measure what results that are kept save.",
    discussion: """
      A database of its own is made on the project's server, and dropped at the end. Every side gives the same rows.

      \(ExperimentWords<CacheExperiment>.summaries)
      """)

  @Argument(
    help: ArgumentHelp(
      "What to measure; tiers unless named. \(ExperimentWords<CacheExperiment>.allowed).", valueName: "experiment"))
  var experiments: [String] = []
  @OptionGroup var sizes: BenchSizeOptions
  @OptionGroup var global: GlobalOptions

  func validate() throws { try ExperimentWords<CacheExperiment>.validate(experiments) }

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let benchmark = CacheBenchmark(project: project, size: BenchmarkSize(rows: sizes.rows, rounds: sizes.pairs))
    let chosen = ExperimentWords<CacheExperiment>.chosen(experiments, usual: .tiers)
    return try await measure(chosen, in: project, invocation.console) { try await benchmark.run($0, told: $1) }
  }
}

struct BenchIngestCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "ingest",
    abstract: "Measure the ingest against psql, and against itself.",
    discussion: """
      Databases of its own are made on the project's server, and dropped at the end. Every side's result is checked.
      nothing-new and ways take at most 10000 rows; how much memory loads is said by --bytes.

      \(ExperimentWords<IngestExperiment>.summaries)
      """)

  @Argument(
    help: ArgumentHelp(
      "What to measure; backfill unless named. \(ExperimentWords<IngestExperiment>.allowed).", valueName: "experiment"))
  var experiments: [String] = []
  @OptionGroup var sizes: BenchSizeOptions
  @Option(
    name: .long,
    help: ArgumentHelp("How large the file of memory is, such as 1GB; 100MB unless given.", valueName: "size"))
  var bytes: String?
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    try ExperimentWords<IngestExperiment>.validate(experiments)
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

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let size = BenchmarkSize(rows: sizes.rows, rounds: sizes.pairs, bytes: bytes.flatMap(Self.count))
    let benchmark = IngestBenchmark(project: project, size: size) { words, environment in
      await ChildProcess(words, environment).runUntilCancelled()
    }
    let chosen = ExperimentWords<IngestExperiment>.chosen(experiments, usual: .backfill)
    return try await measure(chosen, in: project, invocation.console) { try await benchmark.run($0, told: $1) }
  }
}
