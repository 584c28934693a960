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
        BenchSide(MeasuredInserts.name) { _ in
          try await shop.empty()
        } work: { _ in
          try await shop.loadByInserts(sample)
        } check: { _ in
          try await shop.check(MeasuredInserts.name, holds: sample, agreed: agreed)
        },
      ]
      let times = try await bench.seconds(sides, rounds: bench.size.rounds ?? 3)
      return ExperimentResult(
        .loadPaths, title: "one file into the empty table by COPY and by inserts", rows: sample.rows,
        bytes: sample.bytes,
        measurements: [
          Measurement("load_copy", unit: "s", samples: times[0]),
          Measurement(MeasuredInserts.name, unit: "s", samples: times[1], against: "load_copy"),
        ], notes: [MeasuredInserts.note])
    }
  }
}
