// Where each feed stands, for `status`: how many files, the newest one, rejects still open.

public import Postgres

/// Where one feed stands.
public struct FeedSummary: Sendable, Hashable {
  /// The feed.
  public var feed: String
  /// How many files are part of its data.
  public var files: Int
  /// The name of the file recorded last.
  public var lastFile: String
  /// When it was recorded.
  public var lastRecordedAt: Moment
  /// Rejects that no corrected file has replaced.
  public var openRejects: Int

  /// Every feed that ever had a file loaded, by name.
  public static func all(on connection: PostgresConnection) async throws(PostgresError) -> [FeedSummary] {
    let rows = try await connection.query(
      """
      SELECT f.feed, count(*), (array_agg(f.name ORDER BY f.file_id DESC))[1], max(f.recorded_at),
        (SELECT count(*) FROM daybook.reject AS r WHERE r.feed = f.feed AND r.resolved_at IS NULL)
      FROM daybook.file AS f WHERE f.status = 'loaded' GROUP BY f.feed ORDER BY f.feed
      """)
    var feeds: [FeedSummary] = []
    for row in rows {
      feeds.append(
        FeedSummary(
          feed: try row.decode(0), files: try row.decode(1), lastFile: try row.decode(2),
          lastRecordedAt: try row.moment(3), openRejects: try row.decode(4)))
    }
    return feeds
  }
}

extension LedgerStore {
  /// Where each feed stands.
  public func feeds() async throws(LedgerError) -> [FeedSummary] {
    try await perform { connection async throws(PostgresError) in try await FeedSummary.all(on: connection) }
  }
}
