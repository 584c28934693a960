// The experiments on the ingest at a tiny size, on a live server: what they print, what they refuse to compare, and that
// they leave nothing behind. The figures themselves are not judged: a test machine is busy.

import Definitions
import Finding
import FoundationEssentials
import Glibc
import Ledger
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Jobs

@Suite(.serialized) struct BenchmarkTests {
  static let root = String(#filePath.dropLast("/Tests/JobsTests/BenchmarkTests.swift".count))

  /// This repository's own project, on a test's database.
  static func project(_ database: TestDatabase) throws -> Project {
    try #require(Project.check(root: root, environment: ["DATABASE_URL": database.url]).project)
  }

  private static let programs: IngestBenchmark.Program = { words, environment in
    var environment = environment
    environment["PATH"] = "/usr/local/bin:/usr/bin:/bin"
    let outcome = try? await ProgramRun.run(
      "/usr/bin/env", words, environment: environment, timeout: .seconds(300))
    return Int32(outcome?.status ?? 127)
  }

  private static func run(
    _ experiment: IngestExperiment, on database: TestDatabase, program: @escaping IngestBenchmark.Program = programs
  ) async throws -> ExperimentResult {
    let size = BenchmarkSize(rows: 120, rounds: 2, bytes: 50_000)
    return try await IngestBenchmark(project: project(database), size: size, program: program)
      .run(experiment) { _ in }
  }

  /// Databases and folders that a process's experiments have left.
  static func leftovers(_ database: TestDatabase, process: Int32 = getpid()) async throws -> [String] {
    let names = try await database.psql(
      "select datname from pg_database where datname like 'daybook_bench_\(process)_%'")
    let folders = try FileManager.default.contentsOfDirectory(atPath: "/tmp")
    return names.split(separator: "\n").map(String.init)
      + folders.filter { $0.hasPrefix("daybook-bench-\(process)-") }
  }

  /// The object of `--json`, as a program that reads it would declare it.
  private struct Contract: Decodable {
    struct Entry: Decodable {
      var name: String
      var value: Double
      var unit: String
      var against: String?
      var ratio: Double?
    }
    var experiment: String
    var results: [Entry]
    var machine: [String: String]
  }

  @Test(arguments: IngestExperiment.allCases)
  func experimentComparesEqualWorkAndLeavesNothing(_ experiment: IngestExperiment) async throws {
    try await TestDatabase.withDatabase { database in
      let result = try await Self.run(experiment, on: database)
      let machine = try await MachineFigures.read(for: Self.project(database))
      let json = ExperimentText.json([result], machine: machine).text
      let read = try JSONDecoder().decode(Contract.self, from: Data(json.utf8))
      #expect(read.experiment == experiment.rawValue)
      #expect(read.results.count >= 2)
      #expect(Set(read.results.map(\.name)).count == read.results.count)
      for entry in read.results {
        #expect(entry.value >= 0, "\(entry.name)")
        #expect(!entry.unit.isEmpty)
        #expect((entry.ratio == nil) || entry.against != nil)
        if let against = entry.against { #expect(read.results.contains { $0.name == against }, "\(against)") }
      }
      for figure in ["cores", "cpu", "memory", "file_system", "postgresql", "shared_buffers", "fsync"] {
        let value = read.machine[figure] ?? ""
        #expect(!value.isEmpty, "\(figure)")
      }
      let widths = ExperimentText.lines(result)
      #expect(widths.count >= result.measurements.count + 2)
      let left = try await Self.leftovers(database)
      #expect(left == [])
    }
  }

  @Test func backfillGoesIntoATableWithKeyTwoIndexesChecksAndReferences() async throws {
    try await TestDatabase.withDatabase { database in
      let found = Mutex("")
      _ = try await Self.run(.backfill, on: database) { words, environment in
        // While psql works, the table is what both sides load into.
        if let name = try? await Self.leftovers(database).first(where: { $0.hasPrefix("daybook_bench_") }) {
          let url = "\(database.url)&dbname=\(name)"
          let answer = try? await Self.describe(url)
          if let answer { found.withLock { $0 = answer } }
        }
        return await Self.programs(words, environment)
      }
      #expect(found.withLock { $0 } == "p1 f2 i3 c")
    }
  }

  /// Primary keys, references and indexes of the table, and whether it has checks.
  private static func describe(_ url: String) async throws -> String {
    let connection = try await PostgresConnection.connect(PostgresConfiguration(url: url))
    let rows = try await connection.query(
      """
      select 'p' || count(*) filter (where contype = 'p') || ' f' || count(*) filter (where contype = 'f') || ' i' ||
        (select count(*) from pg_index where indrelid = 'finance.transactions'::regclass) ||
        case when count(*) filter (where contype = 'c') > 0 then ' c' else '' end
      from pg_constraint where conrelid = 'finance.transactions'::regclass
      """)
    let answer = try rows.first?.decode(0, as: String.self)
    await connection.close()
    return answer ?? ""
  }

  @Test func sidesThatLeaveDifferentTablesAreNotCompared() async throws {
    try await TestDatabase.withDatabase { database in
      // This psql loads nothing and says that all is well.
      let failure = await #expect(throws: StageFailure.self) {
        _ = try await Self.run(.backfill, on: database) { words, environment in
          words.contains { $0.hasPrefix("\\copy") } ? 0 : await Self.programs(words, environment)
        }
      }
      #expect(failure?.exitCode == .dataRefused)
      #expect(failure?.message.contains("psql_copy left 0 rows") == true)
      let left = try await Self.leftovers(database)
      #expect(left == [])
    }
  }

  @Test func scriptThatForgetsTheCorrectionsIsNotCompared() async throws {
    try await TestDatabase.withDatabase { database in
      let failure = await #expect(throws: StageFailure.self) {
        _ = try await Self.run(.delta, on: database) { words, environment in
          let words = words.map { word in
            word.firstRange(of: "do update set").map { word[..<$0.lowerBound] + "do nothing" } ?? word
          }
          return await Self.programs(words, environment)
        }
      }
      #expect(failure?.message.contains("did not do the same work") == true)
      let left = try await Self.leftovers(database)
      #expect(left == [])
    }
  }

  @Test(arguments: [(Int32(127), "apt install"), (3, "psql ended with 3")])
  func failingPsqlIsSaid(_ status: Int32, _ words: String) async throws {
    try await TestDatabase.withDatabase { database in
      let failure = await #expect(throws: StageFailure.self) {
        _ = try await Self.run(.backfill, on: database) { _, _ in status }
      }
      let diagnostic = try #require(failure?.diagnostics.first)
      #expect("\(diagnostic.message) \(diagnostic.fix ?? "")".contains(words))
      let left = try await Self.leftovers(database)
      #expect(left == [])
    }
  }

  @Test func cancelledExperimentLeavesNothing() async throws {
    try await TestDatabase.withDatabase { database in
      let reached = Flag()
      let task = Task {
        try await Self.run(.delta, on: database) { _, _ in
          reached.set()
          try? await Task.sleep(for: .seconds(600))
          return 0
        }
      }
      while !reached.isSet { try await Task.sleep(for: .milliseconds(10)) }
      task.cancel()
      let result = await task.result
      #expect(throws: (any Error).self) { try result.get() }
      let left = try await Self.leftovers(database)
      #expect(left == [])
    }
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func signalEndsTheProgramAndLeavesNothing(_ signal: Int32) async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let program = try BuiltProgram()
        let process = Mutex<Int32>(0)
        let project = Self.root
        async let running = program.run(
          ["bench", "ingest", "backfill", "--rows", "5000", "--pairs", "100", "--project", project],
          environment: ["DATABASE_URL": database.url], in: directory.path, timeout: .seconds(300)
        ) { pid in process.withLock { $0 = pid } }
        // In the middle of the experiment: the database is there.
        var isThere = false
        while !isThere {
          try await Task.sleep(for: .milliseconds(50))
          let pid = process.withLock { $0 }
          if pid > 0 { isThere = try await Self.leftovers(database, process: pid).count == 2 }
        }
        let pid = process.withLock { $0 }
        kill(pid, signal)
        let outcome = try await running
        #expect(outcome.status == 128 + Int(signal), "\(outcome.stderr)")
        let left = try await Self.leftovers(database, process: pid)
        #expect(left == [])
      }
    }
  }

  @Test(arguments: [
    ["backfil"], ["backfill", "--rows", "5"], ["ways", "--pairs", "0"], ["memory", "--bytes", "1XB"],
    ["memory", "--bytes", "99999999999999999999GB"],
  ])
  func badArgumentsAreRefusedWithWhatIsAllowed(_ arguments: [String]) async throws {
    try await TemporaryDirectory.with { directory in
      let outcome = try await BuiltProgram().run(["bench", "ingest"] + arguments, in: directory.path)
      #expect(outcome.status == 64)
      if arguments == ["backfil"] {
        #expect(outcome.stderr.contains("did you mean backfill?"))
        for experiment in IngestExperiment.allCases { #expect(outcome.stderr.contains(experiment.rawValue)) }
      }
    }
  }
}

@Suite struct BenchmarkStatisticsTests {
  @Test(arguments: [
    ([3.0], 3.0, 3.0, 3.0), ([2, 1], 1.5, 1, 2), ([9, 1, 5], 5, 1, 9), ([4, 1, 3, 2], 2.5, 1, 4), ([7, 7, 7], 7, 7, 7),
  ])
  func spreadIsTheMiddleTheLeastAndTheMost(
    _ samples: [Double], _ median: Double, _ minimum: Double, _ maximum: Double
  ) {
    let spread = Spread(samples)
    #expect(spread?.median == median)
    #expect(spread?.minimum == minimum)
    #expect(spread?.maximum == maximum)
  }

  @Test func nothingHasNoSpread() {
    #expect(Spread([]) == nil)
    #expect(ratios([], []) == nil)
  }

  /// A slow round slows both sides: the ratio of its pair holds, where the ratio of the middles would not.
  @Test(arguments: [
    ([1.0, 2, 3], [2.0, 4, 6], 0.5, 0.5, 0.5), ([1, 10, 1], [2, 40, 2], 0.5, 0.25, 0.5),
    ([3, 1, 2], [4], 0.5, 0.5, 0.5),
  ])
  func ratioIsTheMiddleOfThePairs(
    _ samples: [Double], _ base: [Double], _ median: Double, _ minimum: Double, _ maximum: Double
  ) {
    let ratio = ratios(samples, base)
    #expect(ratio?.median == median)
    #expect(ratio?.minimum == minimum)
    #expect(ratio?.maximum == maximum)
  }

  @Test func nothingIsComparedWithZero() {
    #expect(ratios([1, 2], [0, 1]) == nil)
    #expect(ratios([1], [0, 0]) == nil)
  }

  @Test func targetIsMetUpToItsLimit() {
    func met(_ target: MeasurementTarget?, against: String? = "base") -> Bool? {
      let side = Measurement("side", unit: "s", samples: [4], against: against, target: target)
      let base = Measurement("base", unit: "s", samples: [10])
      return ExperimentResult(.backfill, title: "", rows: 1, bytes: 1, measurements: [base, side]).isMet(side)
    }
    #expect(met(.ratio(0.4)) == true)
    #expect(met(.ratio(0.3)) == false)
    #expect(met(.value(4)) == true)
    #expect(met(.value(3.9)) == false)
    #expect(met(nil) == nil)
    #expect(met(.ratio(1), against: "nothing of that name") == nil)
  }

  @Test(arguments: [2, 3, 4, 9])
  func everySideGoesFirstEquallyOftenAndNoRoundLeavesOneOut(_ count: Int) {
    let orders = (0..<(2 * count)).map { BenchOrder.order(of: count, round: $0) }
    for order in orders { #expect(order.sorted() == Array(0..<count)) }
    for side in 0..<count { #expect(orders.count { $0.first == side } == 2) }
    #expect(orders[0].first != orders[1].first)
  }

  @Test(arguments: [
    (0.0, "0.000"), (1.0004, "1.000"), (1.0006, "1.001"), (-0.25, "-0.250"), (1234.5, "1234.500"), (.nan, "0.000"),
    (.infinity, "0.000"),
  ])
  func numbersHaveThreeDigits(_ value: Double, _ text: String) {
    #expect(fixed(value) == text)
  }

  @Test(arguments: [
    (100, [10, 50, 100]), (500_000, [100_000, 500_000]), (5_000_000, [100_000, 500_000, 1_000_000, 5_000_000]),
  ])
  func scaleGrowsUpToTheRowsAskedFor(_ rows: Int, _ sizes: [Int]) {
    #expect(ScaleExperiment.sizes(upTo: rows) == sizes)
  }

  @Test func severalExperimentsKeepTheirNamesApart() {
    let result = { (experiment: IngestExperiment) in
      ExperimentResult(
        experiment, title: "", rows: 1, bytes: 2,
        measurements: [
          Measurement("base", unit: "s", samples: [2]),
          Measurement("side", unit: "s", samples: [1], against: "base", target: .ratio(0.4)),
        ])
    }
    let machine = MachineFigures(figures: [])
    #expect(
      ExperimentText.json([result(.delta)], machine: machine).text.hasPrefix(
        #"{"experiment": "delta", "results": [{"name": "base", "value": 2.000, "unit": "s", "against": null, "ratio": null"#
      ))
    let both = ExperimentText.json([result(.backfill), result(.delta)], machine: machine).text
    #expect(both.hasPrefix(#"{"experiment": "backfill,delta", "#))
    #expect(
      both.contains(#"{"name": "delta.side", "value": 1.000, "unit": "s", "against": "delta.base", "ratio": 0.500"#))
    #expect(both.contains(#""target": 0.400, "target_met": false"#))
  }

  @Test func tableIsAligned() {
    let lines = ExperimentText.aligned([
      ["name", "median", "min", "max", "unit", "against", "ratio", "min..max", "target"],
      ["a", "1.000", "1.000", "10.000", "s", "", "", "", ""],
      ["longer", "2.000", "1.000", "3.000", "s", "a", "2.000", "1..3", "x"],
    ])
    #expect(
      lines == [
        "name    median    min     max  unit  against  ratio  min..max  target",
        "a        1.000  1.000  10.000  s",
        "longer   2.000  1.000   3.000  s     a        2.000  1..3      x",
      ])
  }

  @Test func processorTimeIsReadBehindAnyName() throws {
    let stat = try #require(
      ServerProcesses.parse("12 (a) b (c) S 7 12 12 0 -1 4194304 9 8 0 0 100 20 3000 400 20 0 1 0 5 6 7"))
    #expect(stat.parent == 7)
    #expect(stat.used == 120)
    #expect(stat.reaped == 3400)
    #expect(ServerProcesses.parse("12 (short) S 1 2") == nil)
  }

  @Test func theServersProcessesAreSeenOnThisMachine() async throws {
    try await TestDatabase.withDatabase { database in
      let name = try await database.psql("select current_database()").split(separator: "\n").joined()
      try await database.withConnection { connection in
        let server = try #require(ServerProcesses(of: connection, database: name))
        let before = try #require(server.cpuSeconds())
        _ = try await connection.query("select count(*) from generate_series(1, 3000000) as n where n % 7 = 3")
        let after = try #require(server.cpuSeconds())
        #expect(after > before)
        #expect(ServerProcesses(of: connection, database: "no such database") == nil)
      }
    }
  }
}
