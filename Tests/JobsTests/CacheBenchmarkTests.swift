// The experiments on the cache at a tiny size, on a live server: what they print, and that they leave nothing behind. The
// figures themselves are not judged: a test machine is busy.

import Definitions
import TestSupport
import Testing

@testable import Jobs

extension BenchmarkTests {
  /// Part of the other suite, whose tests wait for each other: what a process leaves behind is looked at.
  @Suite struct OfTheCache {
    private static let names: [CacheExperiment: [String]] = [
      .tiers: ["few", "some", "many"].flatMap { ["\($0)_server", "\($0)_postgresql", "\($0)_memory"] } + ["memory_hit"],
      .stage: ["nothing_kept", "one_changed_nothing_kept", "one_changed", "nothing_changed"],
    ]

    @Test(arguments: CacheExperiment.allCases)
    func experimentGivesEqualRowsAndLeavesNothing(_ experiment: CacheExperiment) async throws {
      try await TestDatabase.withDatabase { database in
        let size = BenchmarkSize(rows: 500, rounds: 1)
        let result = try await CacheBenchmark(project: BenchmarkTests.project(database), size: size).run(experiment) {
          _ in
        }
        #expect(result.measurements.map(\.name) == Self.names[experiment])
        #expect(result.measurements.allSatisfy { !$0.samples.isEmpty && $0.samples.allSatisfy { $0 > 0 } })
        #expect(result.measurements.last?.target != nil)
        #expect(
          ExperimentText.lines(result).count == result.measurements.count + 2 + result.table.count + result.notes.count)
        let left = try await BenchmarkTests.leftovers(database)
        #expect(left == [])
      }
    }
  }
}
