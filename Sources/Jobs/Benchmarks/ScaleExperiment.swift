// What a row costs in files from small to large, loaded into the same empty table: flat when the ratio stays near one.

struct ScaleExperiment {
  let bench: Workbench

  /// The sizes up to `rows`, each of them once, the smallest first.
  static func sizes(upTo rows: Int) -> [Int] {
    let usual = [100_000, 500_000, 1_000_000, 5_000_000, 20_000_000].filter { $0 < rows }
    return (usual.isEmpty ? [max(1, rows / 10), max(2, rows / 2)] : usual) + [rows]
  }

  func run() async throws -> ExperimentResult {
    let largest = try bench.makeSample(rows: bench.size.rows ?? 1_000_000)
    bench.told("\(largest.rows) transactions, \(largest.bytes) bytes")
    // Repeated keys are dropped from the sample, so the largest file is a little smaller than its name says.
    let files = try Self.sizes(upTo: bench.size.rows ?? 1_000_000).map { rows in
      (rows, rows >= largest.rows ? largest : try largest.prefix(rows: rows, to: "\(bench.folder)/first\(rows).csv"))
    }
    return try await bench.withShop { shop in
      try await shop.makeTables(from: largest)
      let sides = files.map { rows, file in shop.ingestSide("rows_\(rows)", file, AgreedState()) }
      let times = try await bench.seconds(sides, rounds: bench.size.rounds ?? 3)
      let base = sides[0].name
      return ExperimentResult(
        .scale, title: "the cost of a row by the size of the file", rows: largest.rows, bytes: largest.bytes,
        measurements: sides.indices.map { place in
          Measurement(
            sides[place].name, unit: "us/row",
            samples: times[place].map { $0 * 1_000_000 / Double(files[place].1.rows) },
            against: place == 0 ? nil : base)
        }, notes: ["every size is loaded into the same emptied table, with the same customers and orders beside it"])
    }
  }
}
