// Files that are part way in, for `status`: a load by chunks that was stopped, or that goes on at this moment.

internal import Money
public import Postgres

/// A file of which some chunks are committed and others are not.
public struct PartWayFile: Sendable, Hashable {
  /// The feed.
  public var feed: String
  /// File name when it was begun.
  public var name: String
  /// Chunks of which something is committed.
  public var chunks: Int
  /// How many chunks there are about, by the size of the file; nil for a compressed one, whose size within is not known.
  public var plannedChunks: Int?
  /// What became of the records of the committed chunks.
  public var rows: RowCounts
  /// How many of the rejected ones are good rows of closed months, which do not count toward the limit.
  public var held = 0
  /// When it was begun.
  public var beganAt: Moment
  /// When the last chunk was committed; nil before the first.
  public var lastCommittedAt: Moment?

  /// The files of all feeds that are part way in, oldest first.
  public static func all(on connection: PostgresConnection) async throws(PostgresError) -> [PartWayFile] {
    let rows = try await connection.query(
      """
      SELECT f.feed, f.name, count(DISTINCT c.chunk),
        CASE WHEN f.name !~ '\\.(gz|zst)$' THEN greatest(1, (f.bytes + p.chunk_bytes - 1) / p.chunk_bytes) END,
        f.recorded_at, max(c.committed_at), coalesce(sum(c.rows_read), 0)::bigint,
        coalesce(sum(c.rows_inserted), 0)::bigint, coalesce(sum(c.rows_updated), 0)::bigint,
        coalesce(sum(c.rows_unchanged), 0)::bigint, 0::bigint, coalesce(sum(c.rows_duplicate), 0)::bigint,
        coalesce(sum(c.rows_rejected), 0)::bigint,
        (SELECT count(*) FROM daybook.reject AS r WHERE r.file_id = f.file_id AND r.code = $1)
      FROM daybook.file AS f JOIN daybook.chunk_plan AS p USING (file_id) LEFT JOIN daybook.chunk AS c USING (file_id)
      WHERE f.status = 'loading' GROUP BY f.file_id, p.file_id ORDER BY f.file_id
      """, [.text(RejectCode.closedPeriod.rawValue)])
    var files: [PartWayFile] = []
    for row in rows {
      files.append(
        PartWayFile(
          feed: try row.decode(0), name: try row.decode(1), chunks: try row.decode(2),
          plannedChunks: try row.decode(3), rows: try row.rowCounts(from: 6), held: try row.decode(13),
          beganAt: try row.moment(4), lastCommittedAt: try row.optionalMoment(5)))
    }
    return files
  }
}

extension LedgerStore {
  /// The files that are part way in.
  public func partWay() async throws(LedgerError) -> [PartWayFile] {
    try await perform { connection async throws(PostgresError) in try await PartWayFile.all(on: connection) }
  }
}
