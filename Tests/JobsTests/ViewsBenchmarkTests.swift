// The experiments on views at a tiny size, on a live server: what they print, and that they leave nothing behind. The
// figures themselves are not judged: a test machine is busy.

import Definitions
import Ledger
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Jobs

extension BenchmarkTests {
  /// Part of the other suite, whose tests wait for each other: what a process leaves behind is looked at.
  @Suite struct OfViews {
    private static let names: [ViewsExperiment: [String]] = [
      .delta: ["refresh", "refresh_concurrently", "delta", "delta_to_concurrently"],
      .history: ["history_1", "history_10"], .change: ["change_1", "change_10"], .correction: ["correction"],
      .aggregation: [300, 3_000].flatMap { size in
        ["one_query", "split_2", "split_4", "workers_0", "workers_1", "workers_2", "float8", "bigint"].map {
          "\($0)_\(size)"
        }
      },
    ]

    @Test(arguments: ViewsExperiment.allCases)
    func experimentHoldsRollupsToTheirRecomputeAndLeavesNothing(_ experiment: ViewsExperiment) async throws {
      try await TestDatabase.withDatabase { database in
        let told = Mutex<[String]>([])
        let size = BenchmarkSize(rows: 3_000, rounds: 2)
        let result = try await ViewsBenchmark(project: BenchmarkTests.project(database), size: size)
          .run(experiment) { line in told.withLock { $0.append(line) } }
        #expect(result.experiment == experiment.rawValue)
        #expect(result.measurements.map(\.name) == Self.names[experiment])
        for measurement in result.measurements {
          #expect(measurement.samples.count == 2, "\(measurement.name)")
          #expect(!measurement.samples.contains { $0 <= 0 }, "\(measurement.name)")
          if let against = measurement.against {
            #expect(result.measurements.contains { $0.name == against } && result.ratio(of: measurement) != nil)
          }
        }
        let lines = told.withLock { $0 }
        if experiment != .aggregation { #expect(lines.last?.contains(" by delta: ") == true, "\(lines)") }
        let shown = ExperimentText.lines(result)
        #expect(shown.count == result.measurements.count + 2 + result.table.count + result.notes.count)
        let machine = try await MachineFigures.read(for: BenchmarkTests.project(database))
        let json = ExperimentText.json([result], machine: machine).text
        #expect(json.hasPrefix(#"{"experiment": "\#(experiment.rawValue)", "results": [{"name": "#))
        let left = try await BenchmarkTests.leftovers(database)
        #expect(left == [])
      }
    }

    @Test func aNightChangesAThirdOfTheCustomersAndItsRowsAreCorrectedAndDeletedToo() async throws {
      try await TestDatabase.withDatabase { database in
        var project = try BenchmarkTests.project(database)
        for place in project.feeds.indices { project.feeds[place].isWatched = true }
        let size = BenchmarkSize(rows: 3_000)
        try await Workbench.with(project, size, Workbench.noProgram, { _ in }) { bench in
          let base = try bench.makeSample(rows: 3_000, customerRows: 50)
          try await bench.withShop { shop in
            let ground = try await RollupGround.make(in: shop, from: base)
            let before = try await shop.state()
            for number in 0..<3 {
              let night = try await ground.change(rows: 60, night: number)
              #expect(night.customers * 3 >= night.allCustomers, "\(night)")
              // New, corrected with two images each, deleted.
              #expect((60...70).contains(night.rows), "\(night)")
            }
            let after = try await shop.state()
            #expect((before.rows + 3 * 45...before.rows + 3 * 50).contains(after.rows))
            _ = try await ground.refresh()
            try await ground.hold()
          }
        }
      }
    }

    @Test func rollupsThatAreNotTheirRecomputeAreNotShown() async throws {
      try await TestDatabase.withDatabase { database in
        var project = try BenchmarkTests.project(database)
        for place in project.feeds.indices { project.feeds[place].isWatched = true }
        try await Workbench.with(project, BenchmarkSize(), Workbench.noProgram, { _ in }) { bench in
          let base = try bench.makeSample(rows: 1_000, customerRows: 50)
          try await bench.withShop { shop in
            let ground = try await RollupGround.make(in: shop, from: base)
            try await shop.execute("UPDATE finance.revenue_daily__state SET gross__sum = gross__sum + 1")
            let failure = await #expect(throws: StageFailure.self) { try await ground.hold() }
            #expect(failure?.exitCode == .dataRefused && failure?.message.contains("revenue_daily") == true)
          }
        }
      }
    }

    @Test(arguments: [
      ([10, 100, 1000], [1.0, 2, 3], [2.0, 1, 1], 100), ([10, 100], [1, 1], [0.5, 0.5], 10),
      ([10, 100], [1, 1], [0.5, 2], nil),
      ([10, 100, 1000], [1, 1, 1], [0.5, 2, 0.5], 1000), ([10], [1], [1], nil),
    ])
    func breakEvenIsTheSizeFromWhichOnAWayIsFaster(_ sizes: [Int], _ base: [Double], _ side: [Double], _ size: Int?) {
      #expect(AggregationExperiment.breakEven(sizes, base, side) == size)
    }

    @Test(arguments: [
      ["histroy"], ["delta", "--rows", "5"], ["change", "--pairs", "0"], ["delta", "--bytes", "1MB"],
    ])
    func badArgumentsAreRefusedWithWhatIsAllowed(_ arguments: [String]) async throws {
      try await TemporaryDirectory.with { directory in
        let outcome = try await BuiltProgram().run(["bench", "views"] + arguments, in: directory.path)
        #expect(outcome.status == 64)
        if arguments == ["histroy"] {
          #expect(outcome.stderr.contains("did you mean history?"))
          for experiment in ViewsExperiment.allCases { #expect(outcome.stderr.contains(experiment.rawValue)) }
        }
      }
    }
  }
}
