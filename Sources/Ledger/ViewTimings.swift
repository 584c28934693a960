// What it took to bring each rollup up to date, remembered so that the cheaper of its two ways is known.
// Invariant: a time commits with the work it was taken of. Small work says nothing of what an image or a row costs, only of
// what it takes at least, and is kept apart from large work.

public import Postgres

/// What the two ways of bringing a rollup up to date cost, in microseconds.
public struct RefreshCost: Sendable, Hashable {
  /// Whatever number of images is applied.
  public var perDelta: Double
  /// For each image that is applied.
  public var perImage: Double
  /// The most that a delta is expected to cost for each of its images.
  public var perImageMaximum = Double.infinity
  /// For each row that is read anew.
  public var perRow: Double
  /// What a delta takes however few its images are; 0 until it is on record.
  public var leastDelta = 0.0
  /// What a rebuild takes however few its rows are; 0 until it is on record.
  public var leastRebuild = 0.0

  /// Creates a cost; by default the one measured on 3 M rows with three rollups, which serves until there is a record.
  public init(perDelta: Double = 0, perImage: Double = 7, perRow: Double = 0.7) {
    self.perDelta = perDelta
    self.perImage = perImage
    self.perRow = perRow
  }

  /// What follows from records, each of units (images or rows) and microseconds.
  ///
  /// A row costs the median. An image costs the slope between the records (the median of the slopes of all pairs: Theil and
  /// Sen) where they differ enough to have one; what the images do not explain is the cost of a delta. Of that, fewer images
  /// than are on record are expected to cost their share at most: what large nights cost beside their images would be held
  /// against each correction, which would then never be measured. Fewer than three deltas tell nothing, because one may
  /// have been slow. Those of less than `ViewTimings.Way.minimum` tell what the way takes at least.
  public init(deltas all: [(units: Double, wall: Double)], rebuilds allRebuilds: [(units: Double, wall: Double)]) {
    self.init()
    let (small, deltas) = Self.divided(all, at: .delta)
    let (smallRebuilds, rebuilds) = Self.divided(allRebuilds, at: .rebuild)
    if small.count >= 3, let median = Self.median(small.map(\.wall)) { leastDelta = median }
    if let median = Self.median(smallRebuilds.map(\.wall)) { leastRebuild = median }
    if let median = Self.median(rebuilds.map { $0.wall / $0.units }) { perRow = median }
    guard deltas.count >= 3 else { return }
    var slopes: [Double] = []
    for (index, one) in deltas.enumerated() {
      for other in deltas[..<index] where max(one.units, other.units) >= 3 * min(one.units, other.units) {
        slopes.append((one.wall - other.wall) / (one.units - other.units))
      }
    }
    perImageMaximum = Self.median(deltas.map { $0.wall / $0.units }) ?? .infinity
    if let slope = Self.median(slopes), slope > 0 {
      perImage = slope
    } else {
      perImage = min(perImage, perImageMaximum)
    }
    if let rest = Self.median(deltas.map { $0.wall - $0.units * perImage }) { perDelta = max(0, rest) }
  }

  /// What a delta of so many images is expected to cost beyond the least.
  public func ofDelta(images: Int) -> Double {
    min(perDelta + Double(images) * perImage, Double(images) * perImageMaximum)
  }

  private static func divided(
    _ records: [(units: Double, wall: Double)], at way: ViewTimings.Way
  ) -> (small: [(units: Double, wall: Double)], large: [(units: Double, wall: Double)]) {
    let minimum = Double(way.minimum)
    return (records.filter { $0.units < minimum }, records.filter { $0.units >= minimum })
  }

  private static func median(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.sorted()[values.count / 2]
  }
}

/// The record of refreshes.
public enum ViewTimings {
  /// How a rollup was brought up to date.
  public enum Way: String, Sendable {
    /// By images; the units are images.
    case delta
    /// By reading what it sums up; the units are rows.
    case rebuild

    /// Fewer units than this take what asking takes.
    public var minimum: Int { self == .delta ? 1_000 : 10_000 }
  }

  /// How many times are kept of each view and way, of small work and of large.
  private static let kept = 9
  /// Older times say nothing. The way that a slow night made look dear is not taken again, so that nothing else would
  /// ever set its record right.
  private static let rememberedDays = 30

  /// What the last times of each view come to.
  public static func costs(on connection: PostgresConnection) async throws(PostgresError) -> [String: RefreshCost] {
    let rows = try await connection.query(
      """
      SELECT view, how = 'delta', units::float8, wall_us::float8 FROM daybook.view_timing
      WHERE recorded_at > clock_timestamp() - make_interval(days => $1)
      """, [.int4(Int32(rememberedDays))])
    var deltas: [String: [(units: Double, wall: Double)]] = [:]
    var rebuilds: [String: [(units: Double, wall: Double)]] = [:]
    for row in rows {
      let view: String = try row.decode(0)
      let record = (units: try row.decode(2, as: Double.self), wall: try row.decode(3, as: Double.self))
      if try row.decode(1, as: Bool.self) {
        deltas[view, default: []].append(record)
      } else {
        rebuilds[view, default: []].append(record)
      }
    }
    var costs: [String: RefreshCost] = [:]
    for view in Set(deltas.keys).union(rebuilds.keys) {
      costs[view] = RefreshCost(deltas: deltas[view] ?? [], rebuilds: rebuilds[view] ?? [])
    }
    return costs
  }

  /// Remembers one refresh.
  public static func record(
    _ view: String, _ way: Way, units: Int, wall: Duration, on connection: PostgresConnection
  ) async throws(PostgresError) {
    guard units > 0 else { return }
    // The row that comes is not among those that are counted.
    let alike = "view = $1 AND how = $2 AND (units < \(way.minimum)) = ($3 < \(way.minimum))"
    try await connection.execute(
      """
      WITH remembered AS (INSERT INTO daybook.view_timing (view, how, units, wall_us) VALUES ($1, $2, $3, $4))
      DELETE FROM daybook.view_timing WHERE \(alike) AND recorded_at <= (
        SELECT recorded_at FROM daybook.view_timing WHERE \(alike)
        ORDER BY recorded_at DESC OFFSET \(kept - 1) LIMIT 1)
      """, [.text(view), .text(way.rawValue), .int8(Int64(units)), .int8(Int64(wall / .microseconds(1)))])
  }
}
