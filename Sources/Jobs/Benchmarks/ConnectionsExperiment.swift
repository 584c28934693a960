// The same backfill by several connections, and from plain, gzip and zstd files.

struct ConnectionsExperiment {
  let bench: Workbench

  func run() async throws -> ExperimentResult {
    let sample = try bench.makeSample(rows: bench.size.rows ?? 200_000)
    try await bench.start(["gzip", "-k", "-f", sample.path], package: "gzip")
    try await bench.start(["zstd", "-q", "-k", "-f", sample.path], package: "zstd")
    bench.told("\(sample.rows) transactions, \(sample.bytes) bytes")
    // One more than the most: the transaction that publishes may hold its own.
    let connections = (IngestSetting.connectionCounts.max() ?? 1) + 1
    return try await bench.withShop(connections: connections) { shop in
      try await shop.makeTables(from: sample)
      let agreed = AgreedState()
      var sides = [shop.copySide("psql_copy", sample, agreed)]
      for count in IngestSetting.connectionCounts {
        sides.append(shop.ingestSide("connections_\(count)", sample, agreed, IngestSetting(connections: count)))
      }
      sides.append(shop.ingestSide("plain", sample, agreed))
      sides.append(shop.ingestSide("gzip", sample, agreed, path: "\(sample.path).gz"))
      sides.append(shop.ingestSide("zstd", sample, agreed, path: "\(sample.path).zst"))
      let start = try await shop.psqlStart()
      var times = try await bench.seconds(sides, rounds: bench.size.rounds ?? 3)
      times[0] = start.takenOff(times[0])
      return ExperimentResult(
        .connections, title: "the backfill by several connections, and from compressed files", rows: sample.rows,
        bytes: sample.bytes,
        measurements: zip(sides, times).map { side, samples in
          Measurement(
            side.name, unit: "s", samples: samples, against: side.name == "psql_copy" ? nil : "psql_copy")
        } + [start],
        notes: [
          BackfillExperiment.startNote,
          "psql_copy reads the plain file; plain, gzip and zstd load with the number of connections the ingest chooses",
        ])
    }
  }
}
