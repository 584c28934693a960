// The same file by `load: copy` and by `load: insert`, into the same empty table.

internal import Definitions

struct LoadPathsExperiment {
  let bench: Workbench

  func run() async throws -> ExperimentResult {
    let sample = try bench.makeSample(rows: bench.size.rows ?? 200_000)
    bench.told("\(sample.rows) transactions, \(sample.bytes) bytes")
    return try await bench.withShop { shop in
      try await shop.makeTables(from: sample)
      let agreed = AgreedState()
      let sides = [
        shop.ingestSide("load_copy", sample, agreed, IngestSetting(load: .copy)),
        shop.ingestSide("load_insert", sample, agreed, IngestSetting(load: .insert)),
      ]
      let times = try await bench.seconds(sides, rounds: bench.size.rounds ?? 3)
      return ExperimentResult(
        .loadPaths, title: "one file into the empty table by load: copy and by load: insert", rows: sample.rows,
        bytes: sample.bytes,
        measurements: [
          Measurement("load_copy", unit: "s", samples: times[0]),
          Measurement("load_insert", unit: "s", samples: times[1], against: "load_copy"),
        ], notes: ["load_insert keeps the table's indexes, commits chunk by chunk and can be gone on with"])
    }
  }
}
