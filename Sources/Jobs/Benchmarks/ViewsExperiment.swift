// Nights of one percent, one tenth of it corrections, on a full table: the project's rollups brought up to date from the
// journal, against native materialized views of equal content, refreshed whole and refreshed concurrently.
// Invariant: all three see the same rows after each night, and at the end the rollups equal a recompute row by row.

public import Definitions
internal import Ledger
internal import Postgres
internal import Views

/// Measures views.
public struct ViewsBenchmark: Sendable {
  let project: Project
  let size: BenchmarkSize
  let program: IngestBenchmark.Program

  /// - Parameters:
  ///   - project: whose server, feeds and rollups are used.
  ///   - size: how large; rows are those of the table before the first night.
  ///   - program: runs nothing yet; the same as of `IngestBenchmark`.
  public init(project: Project, size: BenchmarkSize, program: @escaping IngestBenchmark.Program) {
    self.project = project
    self.size = size
    self.program = program
  }

  /// Runs the experiment.
  ///
  /// - Parameter told: called with one line for each step.
  /// - Throws: `StageFailure`, also when a rollup differs from its recompute.
  public func run(told: @escaping @Sendable (String) -> Void) async throws -> ExperimentResult {
    try await Workbench.with(project, size, program, told) { bench in
      try await ViewsExperiment(bench: bench).run()
    }
  }
}

struct ViewsExperiment {
  let bench: Workbench

  private static let kinds = ["refresh", "refresh_concurrently"]

  func run() async throws -> ExperimentResult {
    let rounds = bench.size.rounds ?? 3
    let night = try NightlyFiles(bench: bench, tableRows: bench.size.rows ?? 500_000, count: rounds)
    bench.told("\(night.base.rows) rows in the table, \(night.files[0].rows) in each nightly file")
    return try await bench.withShop { shop in
      try await shop.makeTables(from: night.base)
      try await shop.ingest(night.base.path)
      try await shop.execute("VACUUM (ANALYZE) \(shop.table)")
      let refresher = ViewRefresher(project: shop.session.project, pool: shop.session.pool)
      let rollups = shop.session.project.views.filter { view in
        if case .rollup(let rollup) = view.kind { return rollup.source == shop.transactions.name }
        return false
      }
      guard !rollups.isEmpty else {
        throw StageFailure(.usage, "usage", "the project has no rollup of \(shop.transactions.name)")
      }
      let selection = StageDefinition.Selection.named(rollups.map(\.name))
      _ = try await refresher.refresh(selection)
      try await makeNative(of: rollups, refresher, in: shop)
      var times = Array(repeating: [Double](), count: 3)
      var told = ""
      for round in 0..<rounds {
        try await shop.ingest(night.files[round].path)
        for place in BenchOrder.order(of: 3, round: round) {
          try await shop.checkpoint()
          times[place].append(
            try await bench.seconds {
              if place == 2 {
                told = try await refresher.refresh(selection).map { "\($0.view) \($0.detail)" }.joined(separator: "; ")
              } else {
                try await refreshNative(rollups, place, in: shop)
              }
            })
        }
        bench.told(
          "night \(round + 1) of \(rounds): \(times.map { fixed($0[round]) }.joined(separator: ", ")) s; \(told)")
      }
      try await hold(refresher, selection)
      return ExperimentResult(
        named: "views", title: "\(rollups.count) rollups after a night of \(night.files[0].rows) rows, 1% of the table",
        rows: night.base.rows, bytes: night.base.bytes,
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
          "the last night: \(told)",
        ])
    }
  }

  private func name(_ view: ViewDefinition, _ kind: Int) -> String {
    "public.\(quoteIdentifier("bench_\(Self.kinds[kind])_\(view.name)"))"
  }

  private func makeNative(
    of rollups: [ViewDefinition], _ refresher: ViewRefresher, in shop: ScratchShop
  ) async throws {
    for view in rollups {
      guard let (query, key) = try refresher.recompute(of: view) else { continue }
      for kind in Self.kinds.indices {
        try await shop.execute(
          "SET search_path = \(quoteIdentifier(shop.session.project.database.schema))",
          "CREATE MATERIALIZED VIEW \(name(view, kind)) AS \(query)",
          "CREATE UNIQUE INDEX ON \(name(view, kind)) (\(key.map(quoteIdentifier).joined(separator: ", ")))",
          "RESET search_path")
      }
    }
  }

  private func refreshNative(_ rollups: [ViewDefinition], _ kind: Int, in shop: ScratchShop) async throws {
    for view in rollups {
      try await shop.execute("REFRESH MATERIALIZED VIEW \(kind == 1 ? "CONCURRENTLY " : "")\(name(view, kind))")
    }
  }

  private func hold(_ refresher: ViewRefresher, _ selection: StageDefinition.Selection) async throws {
    let wrong = try await refresher.verify(selection).filter { !$0.isPassed }
    guard let first = wrong.first else { return }
    throw ScratchShop.unequal("\(first.name): \(first.message)")
  }
}
