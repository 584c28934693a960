// What rollups by delta cost as the table grows and as the night grows, and after a single correction of an old row.
// Invariant: what is compared in one experiment is refreshed in the same rounds, behind a night that does not count, and
// ends equal to a recompute.

/// The same night on a table and on one ten times as long.
struct RollupHistoryExperiment {
  let bench: Workbench

  func run() async throws -> ExperimentResult {
    let rounds = bench.size.rounds ?? 5
    let long = try bench.makeSample(rows: bench.size.rows ?? 1_000_000, customerRows: 50)
    let short = try long.prefix(rows: long.rows / 10, to: "\(bench.folder)/short.csv")
    let nightRows = max(20, short.rows / 100)
    bench.told("\(short.rows) and \(long.rows) rows in the tables, \(nightRows) changed in each night")
    return try await bench.withShop { shortShop in
      try await bench.withShop { longShop in
        let grounds = [
          try await RollupGround.make(in: shortShop, from: short),
          try await RollupGround.make(in: longShop, from: long),
        ]
        let times = try await bench.nights(rounds, count: 2) { place, number in
          let ground = grounds[place]
          _ = try await ground.change(rows: nightRows, night: number)
          return ground
        }
        for ground in grounds { try await ground.hold() }
        return ExperimentResult(
          named: ViewsExperiment.history.rawValue,
          title: "\(grounds[0].rollups.count) rollups after a night of \(nightRows) rows on two tables",
          rows: long.rows,
          bytes: long.bytes,
          measurements: [
            Measurement("history_1", unit: "s", samples: times.seconds[0]),
            Measurement("history_10", unit: "s", samples: times.seconds[1], against: "history_1", target: .ratio(1.3)),
          ], notes: ["\(short.rows) and \(long.rows) rows, of the same customers", "the last night: \(times.told)"])
      }
    }
  }
}

/// A night and one ten times as large on the same table.
struct RollupChangeExperiment {
  let bench: Workbench

  func run() async throws -> ExperimentResult {
    let rounds = bench.size.rounds ?? 5
    let base = try bench.makeSample(rows: bench.size.rows ?? 1_000_000, customerRows: 50)
    let nightRows = [max(20, base.rows / 1000), max(200, base.rows / 100)]
    bench.told("\(base.rows) rows in the table, \(nightRows[0]) or \(nightRows[1]) changed in a night")
    return try await bench.withShop { shop in
      let ground = try await RollupGround.make(in: shop, from: base)
      let times = try await bench.nights(rounds, count: 2) { place, number in
        _ = try await ground.change(rows: nightRows[place], night: number * 2 + place)
        return ground
      }
      try await ground.hold()
      return ExperimentResult(
        named: ViewsExperiment.change.rawValue,
        title: "\(ground.rollups.count) rollups after nights of \(nightRows[0]) and \(nightRows[1]) rows",
        rows: base.rows,
        bytes: base.bytes,
        measurements: [
          Measurement("change_1", unit: "s", samples: times.seconds[0]),
          Measurement("change_10", unit: "s", samples: times.seconds[1], against: "change_1", target: .ratio(11)),
        ], notes: ["the last night: \(times.told)"])
    }
  }
}

/// One row of two years ago corrected.
struct RollupCorrectionExperiment {
  let bench: Workbench

  func run() async throws -> ExperimentResult {
    let rounds = bench.size.rounds ?? 7
    let base = try bench.makeSample(rows: bench.size.rows ?? 500_000, customerRows: 50, from: "2023-07-01")
    bench.told("\(base.rows) rows in the table, one corrected in each night")
    return try await bench.withShop { shop in
      let ground = try await RollupGround.make(in: shop, from: base)
      let times = try await bench.nights(rounds, count: 1) { _, number in
        try await shop.execute(ground.columns.correctOldRow(number * 3))
        return ground
      }
      try await ground.hold()
      return ExperimentResult(
        named: ViewsExperiment.correction.rawValue,
        title: "\(ground.rollups.count) rollups after one row of two years ago was corrected", rows: base.rows,
        bytes: base.bytes,
        measurements: [Measurement("correction", unit: "s", samples: times.seconds[0], target: .value(0.1))],
        notes: ["the last night: \(times.told)"])
    }
  }
}

extension Workbench {
  /// Measures the refresh behind nights, round by round, after one round that does not count.
  ///
  /// - Parameter night: makes a night of a side, and says where it was. The number is the round's, from 0.
  /// - Returns: the seconds of each side, and what the last refresh said.
  func nights(
    _ rounds: Int, count: Int, _ night: (_ place: Int, _ number: Int) async throws -> RollupGround
  ) async throws -> (seconds: [[Double]], told: String) {
    var times = Array(repeating: [Double](), count: count)
    var said = ""
    for number in 0...rounds {
      for place in BenchOrder.order(of: count, round: number) {
        let ground = try await night(place, number)
        try await ground.shop.checkpoint()
        try Task.checkCancellation()
        let taken = try await seconds { said = try await ground.refresh() }
        if number > 0 { times[place].append(taken) }
      }
      let label = number == 0 ? "warming up" : "night \(number) of \(rounds)"
      told("\(label): \(times.map { $0.last.map(fixed) ?? "-" }.joined(separator: ", ")) s; \(said)")
    }
    return (times, said)
  }
}
