// Nights of one percent, corrections and deletes among it, on a full table: the project's rollups brought up to date from
// the journal, against native materialized views of equal content, refreshed whole and refreshed concurrently.
// Invariant: all three see the same rows after each night, and at the end the rollups equal a recompute row by row.

internal import Definitions
internal import Postgres
internal import Views

struct RollupDeltaExperiment {
  let bench: Workbench

  private static let kinds = ["refresh", "refresh_concurrently"]

  func run() async throws -> ExperimentResult {
    let rounds = bench.size.rounds ?? 3
    let base = try bench.makeSample(rows: bench.size.rows ?? 500_000, customerRows: 50)
    let nightRows = max(20, base.rows / 100)
    bench.told("\(base.rows) rows in the table, \(nightRows) changed in each night")
    return try await bench.withShop { shop in
      let ground = try await RollupGround.make(in: shop, from: base)
      try await makeNative(of: ground)
      var times = Array(repeating: [Double](), count: 3)
      var (told, touched) = ("", "")
      for round in 0..<rounds {
        let night = try await ground.change(rows: nightRows, night: round)
        touched = "\(night.rows) images, of \(night.customers) of \(night.allCustomers) customers"
        for place in BenchOrder.order(of: 3, round: round) {
          try await shop.checkpoint()
          times[place].append(
            try await bench.seconds {
              if place == 2 { told = try await ground.refresh() } else { try await refreshNative(place, ground) }
            })
        }
        bench.told(
          "night \(round + 1) of \(rounds): \(times.map { fixed($0[round]) }.joined(separator: ", ")) s; \(told)")
      }
      try await ground.hold()
      return ExperimentResult(
        named: ViewsExperiment.delta.rawValue,
        title: "\(ground.rollups.count) rollups after a night of \(nightRows) rows, 1% of the table", rows: base.rows,
        bytes: base.bytes,
        measurements: [
          Measurement("refresh", unit: "s", samples: times[0]),
          Measurement("refresh_concurrently", unit: "s", samples: times[1]),
          Measurement("delta", unit: "s", samples: times[2], against: "refresh", target: .ratio(0.125)),
          Measurement(
            "delta_to_concurrently", unit: "s", samples: times[2], against: "refresh_concurrently",
            target: .ratio(0.125)),
        ],
        notes: [
          "refresh: REFRESH MATERIALIZED VIEW of views that hold the same columns; every rollup equalled its recompute",
          "the last night: \(touched); \(told)",
        ])
    }
  }

  private func name(_ view: ViewDefinition, _ kind: Int) -> String {
    "public.\(quoteIdentifier("bench_\(Self.kinds[kind])_\(view.name)"))"
  }

  private func makeNative(of ground: RollupGround) async throws {
    for view in ground.rollups {
      guard let (query, key) = try ground.refresher.recompute(of: view) else { continue }
      for kind in Self.kinds.indices {
        try await ground.shop.execute(
          "SET search_path = \(quoteIdentifier(ground.shop.session.project.database.schema))",
          "CREATE MATERIALIZED VIEW \(name(view, kind)) AS \(query)",
          "CREATE UNIQUE INDEX ON \(name(view, kind)) (\(key.map(quoteIdentifier).joined(separator: ", ")))",
          "RESET search_path")
      }
    }
  }

  private func refreshNative(_ kind: Int, _ ground: RollupGround) async throws {
    for view in ground.rollups {
      try await ground.shop.execute(
        "REFRESH MATERIALIZED VIEW \(kind == 1 ? "CONCURRENTLY " : "")\(name(view, kind))")
    }
  }
}
