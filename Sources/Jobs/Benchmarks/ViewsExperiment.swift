// The experiments on views by name, and the way in: `ViewsBenchmark` runs one of them on the project's server.
// Invariant: everything happens in databases made for the experiment, which are dropped again however it ends; whatever
// is compared saw the same rows, and every rollup equals its recompute at the end, or no figure is shown. Each experiment
// is in a file of its own beside this one; what they share is in `RollupGround`.

public import Definitions

/// A set of experiments that a person chooses from by name.
public protocol MeasuredExperiment: CaseIterable, RawRepresentable, Sendable where RawValue == String {
  /// What it compares, for a person who chooses.
  var summary: String { get }
}

/// The experiments.
public enum ViewsExperiment: String, MeasuredExperiment, Hashable {
  /// A night of one percent, against native views of equal content.
  case delta
  /// The same night on a table ten times as long.
  case history
  /// A night ten times as large on the same table.
  case change
  /// One old row corrected.
  case correction
  /// Ways of aggregating a whole table.
  case aggregation

  /// What it compares, for a person who chooses.
  public var summary: String {
    switch self {
    case .delta: "a night of 1% with corrections and deletes: rollups by delta against REFRESH, plain and CONCURRENTLY"
    case .history: "the same night on a table ten times as long"
    case .change: "a night ten times as large on the same table"
    case .correction: "one row of two years ago corrected"
    case .aggregation: "a whole table aggregated: one query, split over connections, parallel plans, float8 and bigint"
    }
  }
}

/// Measures views.
public struct ViewsBenchmark: Sendable {
  let project: Project
  let size: BenchmarkSize

  /// - Parameters:
  ///   - project: whose server, feeds and rollups are used.
  ///   - size: how large; rows are those of the table before the first night.
  public init(project: Project, size: BenchmarkSize) {
    self.project = project
    self.size = size
  }

  /// Runs one experiment.
  ///
  /// - Parameter told: called with one line for each step.
  /// - Throws: `StageFailure`, also when a rollup differs from its recompute.
  public func run(
    _ experiment: ViewsExperiment, told: @escaping @Sendable (String) -> Void
  ) async throws -> ExperimentResult {
    var project = project
    // The nights are changes made by hand, which are journaled as those of files are.
    for place in project.feeds.indices { project.feeds[place].isWatched = true }
    return try await Workbench.with(project, size, Workbench.noProgram, told) { bench in
      switch experiment {
      case .delta: try await RollupDeltaExperiment(bench: bench).run()
      case .history: try await RollupHistoryExperiment(bench: bench).run()
      case .change: try await RollupChangeExperiment(bench: bench).run()
      case .correction: try await RollupCorrectionExperiment(bench: bench).run()
      case .aggregation: try await AggregationExperiment(bench: bench).run()
      }
    }
  }
}
