// Closed months: which they are, what was reported for them, and changes that were posted to another month.
// Written on the caller's connection, so that a closing commits with its figures, and an adjustment with its rows.
// Invariant: the log and the figures are only ever added to. What may be closed, and which figures are frozen, is decided
// elsewhere; months are given by their first day.

public import Money
public import Postgres

/// A month that is closed.
public struct ClosedMonth: Sendable, Hashable {
  /// How firmly.
  public enum State: String, Sendable, Hashable {
    /// A late change follows the project's rule.
    case soft
    /// No change gets in.
    case hard
  }

  /// Its first day.
  public var period: CivilDate
  /// How firmly it is closed.
  public var state: State
  /// How often it has been closed.
  public var version: Int
  /// When.
  public var closedAt: Moment
  /// By whom.
  public var closedBy: String
  /// The rows of figures that were frozen.
  public var figures: Int
  /// The time zone that moments had their month by when it was closed; nil where an older program closed it.
  public var timeZone: String?

  /// Creates a month.
  public init(
    period: CivilDate, state: State, version: Int, closedAt: Moment, closedBy: String, figures: Int,
    timeZone: String? = nil
  ) {
    self.period = period
    self.state = state
    self.version = version
    self.closedAt = closedAt
    self.closedBy = closedBy
    self.figures = figures
    self.timeZone = timeZone
  }
}

/// What is known about closed months.
public enum PeriodLedger {
  /// The months that are closed now, in order.
  public static func closed(on connection: PostgresConnection) async throws(PostgresError) -> [ClosedMonth] {
    let rows = try await connection.query(
      """
      SELECT p.period, p.state, p.version, p.closed_at, p.closed_by,
        (SELECT count(*) FROM daybook.period_figure f WHERE f.period = p.period AND f.version = p.version), p.time_zone
      FROM daybook.period p ORDER BY p.period
      """)
    var months: [ClosedMonth] = []
    for row in rows {
      months.append(
        ClosedMonth(
          period: try row.date(0), state: try row.decode(1, as: String.self) == "hard" ? .hard : .soft,
          version: try row.decode(2), closedAt: try row.moment(3), closedBy: try row.decode(4),
          figures: try row.decode(5), timeZone: try row.decode(6)))
    }
    return months
  }

  /// The months that are closed now, and how firmly; one look at a small table.
  public static func states(on connection: PostgresConnection)
    async throws(PostgresError) -> [(period: CivilDate, state: ClosedMonth.State)]
  {
    var months: [(period: CivilDate, state: ClosedMonth.State)] = []
    for row in try await connection.query("SELECT period, state FROM daybook.period ORDER BY period") {
      months.append((try row.date(0), try row.decode(1, as: String.self) == "hard" ? .hard : .soft))
    }
    return months
  }

  /// Keeps other sessions from closing and reopening until the transaction ends.
  public static func lock(on connection: PostgresConnection) async throws(PostgresError) {
    try await connection.execute("LOCK TABLE daybook.period IN SHARE ROW EXCLUSIVE MODE")
  }

  /// The month of a value as SQL: its first day.
  ///
  /// - Parameters:
  ///   - value: SQL of a date, a timestamp or a moment.
  ///   - timeZone: where a moment has its day; nil for what is no moment.
  public static func month(of value: String, in timeZone: String?) -> String {
    let local = timeZone.map { "\(value) at time zone \(quoteLiteral($0))" } ?? value
    return "date_trunc('month', (\(local))::timestamp)::date"
  }

  /// Closes an open month.
  ///
  /// - Parameters:
  ///   - timeZone: the zone in which moments have their month.
  ///   - batches: for each feed the last batch that the figures contain.
  /// - Returns: the number of this closing, under which its figures are kept.
  public static func close(
    _ period: CivilDate, _ state: ClosedMonth.State, by actor: String, in timeZone: String, batches: [String: Int64],
    on connection: PostgresConnection
  ) async throws(PostgresError) -> Int {
    let feeds = batches.sorted { $0.key < $1.key }
    let rows = try await connection.query(
      """
      INSERT INTO daybook.period (period, state, version, closed_by, time_zone, batches)
      SELECT $1, $2, 1 + (SELECT count(*) FROM daybook.period_log WHERE period = $1 AND action = 'close'), $3, $4,
        (SELECT coalesce(jsonb_object_agg(f, b), '{}') FROM unnest($5::text[], $6::bigint[]) AS t(f, b))
      RETURNING version
      """,
      [
        .date(period), .text(state.rawValue), .text(actor), .text(timeZone), .textArray(feeds.map(\.key)),
        .int8Array(feeds.map(\.value)),
      ])
    guard let row = rows.first else { throw PostgresError(.decoding, "closing a month returned no version") }
    try await log(period, "close", by: actor, on: connection)
    return try row.decode(0)
  }

  /// Writes down the time zone of a project for months that were closed when nobody did.
  public static func adopt(_ timeZone: String, on connection: PostgresConnection) async throws(PostgresError) {
    try await connection.execute(
      "UPDATE daybook.period SET time_zone = $1 WHERE time_zone IS NULL", [.text(timeZone)])
  }

  /// Makes a soft close a hard one; the figures stay those that were reported.
  public static func harden(_ period: CivilDate, by actor: String, on connection: PostgresConnection)
    async throws(PostgresError)
  {
    try await connection.execute("UPDATE daybook.period SET state = 'hard' WHERE period = $1", [.date(period)])
    try await log(period, "harden", by: actor, on: connection)
  }

  /// Opens a closed month. What was posted to other months for it is withdrawn there: it shows it itself again.
  ///
  /// - Returns: how many adjustments were withdrawn.
  public static func reopen(_ period: CivilDate, by actor: String, on connection: PostgresConnection)
    async throws(PostgresError) -> Int
  {
    try await log(period, "reopen", by: actor, on: connection)
    try await connection.execute("DELETE FROM daybook.period WHERE period = $1", [.date(period)])
    return try await connection.execute(
      "UPDATE daybook.adjustment SET withdrawn_at = clock_timestamp() WHERE period = $1 AND withdrawn_at IS NULL",
      [.date(period)])
  }

  private static func log(_ period: CivilDate, _ action: String, by actor: String, on connection: PostgresConnection)
    async throws(PostgresError)
  {
    try await connection.execute(
      """
      INSERT INTO daybook.period_log (period, version, action, state, actor, batches)
      SELECT period, version, $2, CASE WHEN $2 = 'reopen' THEN 'open' ELSE state END, $3, batches
      FROM daybook.period WHERE period = $1
      """, [.date(period), .text(action), .text(actor)])
  }

  /// The closed months in which adjustments of a month were reported.
  public static func closedMonthsShowing(_ period: CivilDate, on connection: PostgresConnection)
    async throws(PostgresError) -> [CivilDate]
  {
    let rows = try await connection.query(
      """
      SELECT DISTINCT a.posted_to FROM daybook.adjustment a JOIN daybook.period p ON p.period = a.posted_to
      WHERE a.period = $1 AND a.withdrawn_at IS NULL ORDER BY 1
      """, [.date(period)])
    var months: [CivilDate] = []
    for row in rows { months.append(try row.date(0)) }
    return months
  }
}
