// A whole table aggregated in the ways that teaching material compares: one query, the same split over connections of the
// pool by partition and merged here, the server's own parallel plan, and float8 and bigint in place of numeric.
// Invariant: every exact way gives the same groups with the same sums in every digit, or no figure is shown; float8 is
// shown beside them with how many of its sums are not the money that came in. Money that comes here is exact.

internal import Money
internal import Postgres
internal import Synchronization

struct AggregationExperiment {
  let bench: Workbench

  private static let table = "public.bench_rows"
  private static let partitions = 4

  /// The sizes up to `rows`, the smallest first.
  static func sizes(upTo rows: Int) -> [Int] {
    let usual = [10_000, 50_000, 200_000, 1_000_000, 5_000_000].filter { $0 < rows }
    return (usual.isEmpty ? [max(1, rows / 10)] : usual) + [rows]
  }

  /// The size from which on `side` takes less than `base`, up to the largest; nil when it does not there.
  static func breakEven(_ sizes: [Int], _ base: [Double], _ side: [Double]) -> Int? {
    var found: Int?
    for place in sizes.indices.reversed() {
      guard side[place] < base[place] else { break }
      found = sizes[place]
    }
    return found
  }

  func run() async throws -> ExperimentResult {
    let rounds = bench.size.rounds ?? 5
    let sizes = Self.sizes(upTo: bench.size.rows ?? 1_000_000)
    return try await bench.withShop(connections: Self.partitions + 1) { shop in
      let ways = Self.ways(shop)
      var measurements: [Measurement] = []
      var middles = Array(repeating: [Double](), count: ways.count)
      var notes: [String] = []
      for size in sizes {
        try await fill(size, shop)
        let sides = Self.sides(ways, size)
        try await bench.seconds(sides, rounds: 1, label: "warming up with \(size) rows")
        let times = try await bench.seconds(sides, rounds: rounds, label: "\(size) rows, round")
        for (place, way) in ways.enumerated() {
          let samples = times[place].map { $0 * 1000 }
          middles[place].append(Spread(samples)?.median ?? 0)
          measurements.append(
            Measurement(
              "\(way.name)_\(size)", unit: "ms", samples: samples, against: way.against.map { "\($0)_\(size)" }))
        }
        notes.append(try await inexact(size, shop))
      }
      let base = ways.firstIndex { $0.name == "workers_0" } ?? 0
      for (place, way) in ways.enumerated() where way.isParallel {
        let size = Self.breakEven(sizes, middles[base], middles[place])
        notes.append(
          "\(way.name) takes less than one process "
            + (size.map { "from \($0) rows on" } ?? "at no size up to \(sizes.last ?? 0)"))
      }
      var result = ExperimentResult(
        named: ViewsExperiment.aggregation.rawValue,
        title: "a whole table aggregated by currency and month, in ms by rows", rows: 0, bytes: 0,
        measurements: measurements,
        notes: [
          "one_query: as the server is set; workers_N: a plan of N workers is forced, whatever the planner thinks of the size",
          "split_N: N connections of the pool, each with its share of \(Self.partitions) partitions, merged exactly",
          "float8 and bigint (cents): by one process, as workers_0",
        ] + notes)
      result.table =
        [["rows"] + ways.map(\.name)]
        + sizes.indices.map { row in [String(sizes[row])] + ways.indices.map { fixed(middles[$0][row]) } }
      return result
    }
  }

  // MARK: Rows

  private func fill(_ rows: Int, _ shop: ScratchShop) async throws {
    let step = (rows + Self.partitions - 1) / Self.partitions
    try await shop.execute(
      "DROP TABLE IF EXISTS \(Self.table)",
      """
      CREATE UNLOGGED TABLE \(Self.table) (
        id bigint NOT NULL, day date NOT NULL, currency text NOT NULL, amount numeric(14,2) NOT NULL,
        amount_float float8 NOT NULL, cents bigint NOT NULL) PARTITION BY RANGE (id)
      """)
    for part in 0..<Self.partitions {
      try await shop.execute(
        """
        CREATE UNLOGGED TABLE \(Self.table)_\(part) PARTITION OF \(Self.table)
        FOR VALUES FROM (\(part * step + 1)) TO (\((part + 1) * step + 1)) WITH (autovacuum_enabled = false)
        """)
    }
    try await shop.execute(
      """
      INSERT INTO \(Self.table) SELECT i, date '2024-01-01' + (i * 31 % 730)::integer,
        (ARRAY['USD', 'EUR', 'GBP'])[1 + i % 3], c::numeric / 100, c / 100.0::float8, c
      FROM (SELECT i, i * 7919 % 10000019 AS c FROM generate_series(1::bigint, \(rows)) AS i) AS s
      """, "VACUUM (ANALYZE) \(Self.table)")
  }

  /// How many sums of float8 are not the exact ones.
  private func inexact(_ rows: Int, _ shop: ScratchShop) async throws -> String {
    try await shop.session.pool.withConnection(label: "bench") { connection in
      let found = try await connection.query(
        """
        SELECT count(*) FILTER (WHERE floating::numeric <> exact), count(*) FROM (
          SELECT sum(amount_float) AS floating, sum(amount) AS exact FROM \(Self.table)
          GROUP BY currency, date_trunc('month', day)) AS g
        """)
      let (wrong, all) =
        try found.first.map { (try $0.decode(0, as: Int.self), try $0.decode(1, as: Int.self)) } ?? (0, 0)
      return "\(rows) rows: \(wrong) of \(all) sums of float8 are not the exact sum"
    }
  }

  // MARK: Ways

  /// A group of the result.
  private struct Group: Hashable, Sendable {
    var currency: String
    var month: String
  }

  /// What is summed up for it; texts of the server, read exactly.
  private struct Totals: Equatable, Sendable {
    var count: Int
    var sum: ExactDecimal
    var minimum: ExactDecimal
    var maximum: ExactDecimal
  }

  private typealias Groups = [Group: Totals]

  private struct Way: Sendable {
    let name: String
    var against: String? = "one_query"
    var isParallel = false
    /// Whether its sums are those of the others in every digit.
    var isExact = true
    let run: @Sendable () async throws -> Groups
  }

  /// An expression for the amount and what its sums are divided by to be money again.
  private static func query(_ column: String = "amount", cents: Bool = false, from source: String = table) -> String {
    func text(_ function: String) -> String {
      cents ? "(\(function)(\(column)) / 100.0::numeric)::numeric(38,2)::text" : "\(function)(\(column))::text"
    }
    return """
      SELECT currency, date_trunc('month', day)::date::text, count(*), \(text("sum")), \(text("min")), \(text("max"))
      FROM \(source) GROUP BY 1, 2
      """
  }

  /// A plan with so many workers, whatever the planner believes of the table's size.
  private static func forced(_ workers: Int) -> String {
    """
    SET LOCAL max_parallel_workers_per_gather = \(workers); SET LOCAL parallel_setup_cost = 0;
    SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL jit = off
    """
  }

  private static func ways(_ shop: ScratchShop) -> [Way] {
    let pool = shop.session.pool
    func single(_ settings: String?, _ query: String) -> @Sendable () async throws -> Groups {
      { try await groups([query], settings, pool) }
    }
    func split(_ connections: Int) -> Way {
      Way(name: "split_\(connections)", isParallel: true) {
        try await withThrowingTaskGroup(of: Groups.self) { tasks in
          for first in 0..<connections {
            let own = stride(from: first, to: partitions, by: connections).map { query(from: "\(table)_\($0)") }
            tasks.addTask { try await groups(own, forced(0), pool) }
          }
          var merged: Groups = [:]
          for try await part in tasks { try merge(part, into: &merged) }
          return merged
        }
      }
    }
    return [
      Way(name: "one_query", against: nil, run: single(nil, query())), split(2), split(partitions),
      Way(name: "workers_0", run: single(forced(0), query())),
      Way(name: "workers_1", against: "workers_0", isParallel: true, run: single(forced(1), query())),
      Way(name: "workers_2", against: "workers_0", isParallel: true, run: single(forced(2), query())),
      Way(name: "float8", against: "workers_0", isExact: false, run: single(forced(0), query("amount_float"))),
      Way(name: "bigint", against: "workers_0", run: single(forced(0), query("cents", cents: true))),
    ]
  }

  private static func groups(_ queries: [String], _ settings: String?, _ pool: PostgresPool) async throws -> Groups {
    try await pool.withConnection(label: "bench") { connection in
      try await connection.withTransaction { transaction in
        if let settings { try await transaction.executeScript(settings) }
        var found: Groups = [:]
        for query in queries {
          var part: Groups = [:]
          for row in try await transaction.query(query) {
            part[Group(currency: try row.decode(0), month: try row.decode(1))] = Totals(
              count: try row.decode(2), sum: try decimal(row, 3), minimum: try decimal(row, 4),
              maximum: try decimal(row, 5))
          }
          try merge(part, into: &found)
        }
        return found
      }
    }
  }

  /// The sums of float8 have an exponent now and then; they are only looked at for their groups.
  private static func decimal(_ row: PostgresRow, _ column: Int) throws -> ExactDecimal {
    ExactDecimal(try row.decode(column, as: String.self)) ?? .zero
  }

  private static func merge(_ part: Groups, into groups: inout Groups) throws {
    for (group, totals) in part {
      guard let known = groups[group] else {
        groups[group] = totals
        continue
      }
      guard let sum = known.sum.adding(totals.sum) else {
        throw StageFailure(.bug, "bug", "a sum of the experiment has more than \(ExactDecimal.maximumDigits) digits")
      }
      groups[group] = Totals(
        count: known.count + totals.count, sum: sum, minimum: min(known.minimum, totals.minimum),
        maximum: max(known.maximum, totals.maximum))
    }
  }

  /// Holds what was found, so that comparing it is not in the time.
  private final class Found: Sendable {
    let groups = Mutex<Groups>([:])
  }

  private static func sides(_ ways: [Way], _ rows: Int) -> [BenchSide] {
    let agreed = Found()
    return ways.map { way in
      let found = Found()
      return BenchSide(way.name) { _ in
      } work: { _ in
        let groups = try await way.run()
        found.groups.withLock { $0 = groups }
      } check: { _ in
        let own = found.groups.withLock { $0 }
        guard own.values.reduce(0, { $0 + $1.count }) == rows else {
          throw ScratchShop.unequal("\(way.name) counted other than \(rows) rows")
        }
        guard way.isExact else { return }
        let known = agreed.groups.withLock { groups in
          if groups.isEmpty { groups = own }
          return groups
        }
        guard known == own else { throw ScratchShop.unequal("\(way.name) found other sums of \(rows) rows") }
      }
    }
  }
}
