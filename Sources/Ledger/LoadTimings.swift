// What the loads of a feed have cost so far, by the way the rows took: what `load: auto` learns from.

public import Postgres

/// Rows and time of the newest files of a feed that took one way into the table.
public struct LoadTiming: Sendable, Hashable {
  /// The way.
  public var path: FileEntry.LoadPath
  /// Records of those files.
  public var rows: Int
  /// Their wall time in milliseconds.
  public var wallMs: Int

  /// Creates a timing.
  public init(path: FileEntry.LoadPath, rows: Int, wallMs: Int) {
    self.path = path
    self.rows = rows
    self.wallMs = wallMs
  }

  /// Microseconds for a row, at least 1; nil for too few rows to tell.
  public var microsecondsPerRow: Int? { rows >= 1_000 ? max(1, wallMs * 1_000 / rows) : nil }

  /// The timings of a feed over the five newest measured files of each way.
  public static func of(feed: String, on connection: PostgresConnection) async throws(PostgresError) -> [LoadTiming] {
    let rows = try await connection.query(
      """
      SELECT path, sum(rows_read)::bigint, sum(wall_ms)::bigint FROM (
        SELECT path, rows_read, wall_ms, row_number() OVER (PARTITION BY path ORDER BY file_id DESC) AS place
        FROM daybook.file WHERE feed = $1 AND status IN ('loaded', 'superseded') AND wall_ms IS NOT NULL
          AND path IS NOT NULL AND rows_read > 0
      ) AS f WHERE place <= 5 GROUP BY path ORDER BY path
      """, [.text(feed)])
    var timings: [LoadTiming] = []
    for row in rows {
      guard let path = FileEntry.LoadPath(rawValue: try row.decode(0)) else { continue }
      timings.append(LoadTiming(path: path, rows: try row.decode(1), wallMs: try row.decode(2)))
    }
    return timings
  }
}
