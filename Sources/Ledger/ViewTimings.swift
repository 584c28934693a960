// What it took to bring each rollup up to date, remembered so that the cheaper of its two ways is known.
// Invariant: a time commits with the work it was taken of. Small work says nothing of the cost of large work, and is left out.

public import Postgres

/// What the two ways of bringing a rollup up to date cost, in microseconds.
public struct RefreshCost: Sendable, Hashable {
  /// For each image that is applied.
  public var perImage: Double
  /// For each row that is read anew.
  public var perRow: Double

  /// Creates a cost; by default the one measured on 3 M rows with three rollups, which serves until there is a record.
  public init(perImage: Double = 7, perRow: Double = 0.7) {
    self.perImage = perImage
    self.perRow = perRow
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

    /// Fewer units than this are mostly the cost of asking.
    public var minimum: Int { self == .delta ? 1_000 : 10_000 }
  }

  /// How many times are kept of each view and way.
  private static let kept = 9
  /// Older times say nothing. The way that a slow night made look dear is not taken again, so that nothing else would
  /// ever set its record right.
  private static let rememberedDays = 30

  /// The medians of the last times of each view.
  public static func costs(on connection: PostgresConnection) async throws(PostgresError) -> [String: RefreshCost] {
    let rows = try await connection.query(
      """
      SELECT view, percentile_disc(0.5) WITHIN GROUP (ORDER BY wall_us::float8 / units) FILTER (WHERE how = 'delta'),
        percentile_disc(0.5) WITHIN GROUP (ORDER BY wall_us::float8 / units) FILTER (WHERE how = 'rebuild')
      FROM daybook.view_timing WHERE recorded_at > clock_timestamp() - make_interval(days => $1) GROUP BY view
      """, [.int4(Int32(rememberedDays))])
    var costs: [String: RefreshCost] = [:]
    for row in rows {
      var cost = RefreshCost()
      if let perImage = try row.decode(1, as: Double?.self) { cost.perImage = perImage }
      if let perRow = try row.decode(2, as: Double?.self) { cost.perRow = perRow }
      costs[try row.decode(0, as: String.self)] = cost
    }
    return costs
  }

  /// Remembers one refresh, if it was large enough to tell something.
  public static func record(
    _ view: String, _ way: Way, units: Int, wall: Duration, on connection: PostgresConnection
  ) async throws(PostgresError) {
    guard units >= way.minimum else { return }
    try await connection.execute(
      "INSERT INTO daybook.view_timing (view, how, units, wall_us) VALUES ($1, $2, $3, $4)",
      [.text(view), .text(way.rawValue), .int8(Int64(units)), .int8(Int64(wall / .microseconds(1)))])
    try await connection.execute(
      """
      DELETE FROM daybook.view_timing WHERE view = $1 AND how = $2 AND recorded_at < (
        SELECT recorded_at FROM daybook.view_timing WHERE view = $1 AND how = $2
        ORDER BY recorded_at DESC OFFSET \(kept - 1) LIMIT 1)
      """, [.text(view), .text(way.rawValue)])
  }
}
