// A large file into an empty table that exists: the ingest against \copy into the same table with its key, indexes,
// checks and references, and against \copy into a bare unlogged table, which is as fast as text can come in.

internal import Postgres

struct BackfillExperiment {
  let bench: Workbench

  func run() async throws -> ExperimentResult {
    let sample = try bench.makeSample(rows: bench.size.rows ?? 200_000)
    bench.told("\(sample.rows) transactions, \(sample.bytes) bytes")
    return try await bench.withShop { shop in
      try await shop.makeTables(from: sample)
      let bare = "public.daybook_bench_bare"
      try await shop.execute(
        "CREATE UNLOGGED TABLE \(bare) AS SELECT \(shop.columnList) FROM \(shop.table) WITH NO DATA",
        "ALTER TABLE \(bare) SET (autovacuum_enabled = false)")
      let agreed = AgreedState()
      let sides = [
        shop.copySide("psql_copy", sample, agreed),
        shop.copySide("psql_copy_bare", sample, agreed, into: bare),
        shop.ingestSide("ingest", sample, agreed),
      ]
      let start = try await shop.psqlStart()
      let times = try await bench.seconds(sides, rounds: bench.size.rounds ?? 3)
      return ExperimentResult(
        .backfill, title: "one file into the empty table with its key, two indexes, checks and references",
        rows: sample.rows, bytes: sample.bytes,
        measurements: [
          Measurement("psql_copy", unit: "s", samples: start.takenOff(times[0])),
          Measurement("psql_copy_bare", unit: "s", samples: start.takenOff(times[1]), against: "psql_copy"),
          Measurement("ingest", unit: "s", samples: times[2], against: "psql_copy", target: .ratio(0.4)),
          Measurement("ingest_to_bare", unit: "s", samples: times[2], against: "psql_copy_bare", target: .ratio(1.7)),
          start,
        ],
        notes: [
          "psql_copy_bare loads the same file into an unlogged table without key, index, check or reference",
          Self.startNote,
        ])
    }
  }

  static let startNote =
    "psql's start and connecting (psql_start) are taken off its times: the ingest's connections are open already"
}

extension ScratchShop {
  /// `\copy` of a file into an emptied table.
  func copySide(
    _ name: String, _ file: BenchFile, _ agreed: AgreedState, into table: String? = nil
  ) -> BenchSide {
    BenchSide(name) { _ in
      try await empty(table)
    } work: { _ in
      try await bench.psql(url, [copyCommand(file.path, into: table)])
    } check: { _ in
      try await check(name, holds: file, agreed: agreed, in: table)
    }
  }

  /// The ingest of a file into the emptied table.
  ///
  /// - Parameter path: where the same file lies in another form.
  func ingestSide(
    _ name: String, _ file: BenchFile, _ agreed: AgreedState, path: String? = nil,
    _ setting: IngestSetting = IngestSetting()
  ) -> BenchSide {
    BenchSide(name) { _ in
      try await empty()
    } work: { _ in
      try await ingest(path ?? file.path, setting)
    } check: { _ in
      try await check(name, holds: file, agreed: agreed)
    }
  }

  /// What psql takes to start, connect and ask for nothing.
  func psqlStart() async throws -> Measurement {
    var samples: [Double] = []
    for _ in 0..<7 { samples.append(try await bench.seconds { try await bench.psql(url, ["select 1"]) }) }
    return Measurement("psql_start", unit: "s", samples: samples)
  }
}

extension Measurement {
  /// `samples` without the middle of this measurement, which they contain.
  func takenOff(_ samples: [Double]) -> [Double] {
    let part = Spread(self.samples)?.median ?? 0
    return samples.map { max(0, $0 - part) }
  }
}
