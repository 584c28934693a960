// The experiments on the ingest by name, and the way in: `IngestBenchmark` runs one of them on the project's server.
// Invariant: everything happens in databases and a folder made for the experiment, which are removed again however it
// ends; and every side's result is compared with the file and with the other sides', because sides that do not do
// equal work cannot be compared. Each experiment is in a file of its own beside this one.

public import Definitions

/// The experiments.
public enum IngestExperiment: String, MeasuredExperiment, Hashable {
  /// A large file into an empty table.
  case backfill
  /// A nightly file into a full table.
  case delta
  /// A night without a new file.
  case nothingNew = "nothing-new"
  /// One, two and four connections; plain and compressed files.
  case connections
  /// The cost of a row in small and large files.
  case scale
  /// Peak memory, and the client's CPU time beside the server's.
  case memory
  /// The ways of inserting that teaching material compares.
  case ways
  /// `load: copy` and `load: insert`.
  case loadPaths = "load-paths"

  /// What it compares, for a person who chooses.
  public var summary: String {
    switch self {
    case .backfill: "a file into an empty constrained table: psql's \\copy against the ingest"
    case .delta: "1% new and corrected rows into a full table: a script of psql against the ingest"
    case .nothingNew: "the whole ingest stage without a new file"
    case .connections: "by 1, 2 and 4 connections; plain, gzip and zstd files"
    case .scale: "the cost of a row from small to large files"
    case .memory: "peak memory, and CPU time of client and server"
    case .ways: "10,000 rows one by one, pooled, in tasks, in batches, by COPY and by the ingest"
    case .loadPaths: "load: copy against load: insert"
    }
  }
}

/// How large the experiments are; what is nil is the experiment's own choice.
public struct BenchmarkSize: Sendable, Hashable {
  /// Transactions in the file, or in the table that a nightly file comes to.
  public var rows: Int?
  /// How often every side is measured.
  public var rounds: Int?
  /// Bytes of the file whose memory is measured.
  public var bytes: Int?

  /// Creates sizes.
  public init(rows: Int? = nil, rounds: Int? = nil, bytes: Int? = nil) {
    self.rows = rows
    self.rounds = rounds
    self.bytes = bytes
  }
}

/// Measures the ingest.
public struct IngestBenchmark: Sendable {
  /// Runs a program, found by its name, and waits for its end; the environment is added to this process's own.
  /// Returns its exit status, 127 when it could not be started. A cancelled task ends the program.
  public typealias Program = @Sendable (_ words: [String], _ environment: [String: String]) async -> Int32

  let project: Project
  let size: BenchmarkSize
  let program: Program

  /// - Parameters:
  ///   - project: whose server and whose definitions of customers, products, orders and transactions are used.
  ///   - size: how large.
  ///   - program: runs psql, gzip and zstd.
  public init(project: Project, size: BenchmarkSize, program: @escaping Program) {
    self.project = project
    self.size = size
    self.program = program
  }

  /// Runs one experiment.
  ///
  /// - Parameter told: called with one line for each step.
  /// - Throws: `StageFailure`, also when a side's result is not what it must be.
  public func run(
    _ experiment: IngestExperiment, told: @escaping @Sendable (String) -> Void
  ) async throws -> ExperimentResult {
    try await Workbench.with(project, size, program, told) { bench in
      switch experiment {
      case .backfill: try await BackfillExperiment(bench: bench).run()
      case .delta: try await DeltaExperiment(bench: bench).run()
      case .nothingNew: try await NothingNewExperiment(bench: bench).run()
      case .connections: try await ConnectionsExperiment(bench: bench).run()
      case .scale: try await ScaleExperiment(bench: bench).run()
      case .memory: try await MemoryExperiment(bench: bench).run()
      case .ways: try await WaysExperiment(bench: bench).run()
      case .loadPaths: try await LoadPathsExperiment(bench: bench).run()
      }
    }
  }
}
