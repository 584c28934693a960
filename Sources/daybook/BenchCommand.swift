// daybook bench: experiments that compare two things in one run and print a ratio.

internal import ArgumentParser
internal import Definitions
internal import Jobs
internal import Ledger
internal import Postgres

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure: two things in one run, and their ratio.",
    subcommands: [BenchIngestCommand.self])
}

struct BenchIngestCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "ingest",
    abstract: "Load the same transactions with psql's \\copy and with the ingest, into the same constrained table.",
    discussion: "A database of its own is made on the project's server, and dropped at the end.")

  @Option(name: .long, help: "Transactions in the file.") var rows = 200_000
  @Option(name: .long, help: "How often both are timed.") var pairs = 3
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    if !(100...100_000_000).contains(rows) { throw ValidationError("--rows \(rows) is not within 100 to 100000000") }
    if !(1...100).contains(pairs) { throw ValidationError("--pairs \(pairs) is not within 1 to 100") }
  }

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let console = invocation.console
    let benchmark = IngestBenchmark(project: project, rows: rows, pairs: pairs) { url, command in
      // The list of processes shows arguments to everybody; the password goes by the environment.
      let (connection, secret) = try PostgresConfiguration(url: url).handedToProgram()
      let words = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", connection, "-c", command]
      let status = await ChildProcess(words, secret).run(quiet: true)
      guard status == 0 else { throw StageFailure(.stageFailed, "psql", "psql ended with \(status)") }
    }
    let result = try await benchmark.run { console.note($0) }
    console.data("psql_copy  \(fixed(result.medianCopySeconds)) s")
    console.data("ingest     \(fixed(result.medianIngestSeconds)) s  \(fixed(result.medianRatio)) times psql_copy")
    let object: JSONValue = [
      "experiment": "ingest", "rows": .integer(result.rows), "bytes": .integer(result.bytes),
      "results": [
        Self.entry("psql_copy", .number(fixed(result.medianCopySeconds)), "s"),
        Self.entry(
          "ingest", .number(fixed(result.medianIngestSeconds)), "s", against: "psql_copy", ratio: result.medianRatio),
      ],
    ]
    console.json(object)
    return .ok
  }

  private static func entry(
    _ name: String, _ value: JSONValue, _ unit: String, against: String? = nil, ratio: Double? = nil
  ) -> JSONValue {
    [
      "name": .string(name), "value": value, "unit": .string(unit), "against": .optional(against),
      "ratio": ratio.map { .number(fixed($0)) } ?? .null,
    ]
  }
}
