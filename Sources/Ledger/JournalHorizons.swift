// Up to which batch the images of each feed were taken out of its journal.
// Invariant: a horizon only moves forward, and commits before the first image goes; the batches up to it stay, and count as
// rebuilds from then on (`BatchLedger.batches`), whatever of their images is still there. What moved a month behind its first
// close is never taken out: it tells why the month is not what was reported. What may go is decided elsewhere.

public import Postgres

/// How far one feed's journal could be cut.
public struct JournalCut: Sendable, Hashable {
  /// The last batch whose images are old and not needed; nil when there is none behind the horizon.
  public var batchID: Int64?
  /// How many images there are between the horizon and that batch.
  public var images: Int

  /// Creates a cut.
  public init(batchID: Int64?, images: Int) {
    self.batchID = batchID
    self.images = images
  }
}

/// The horizons of the journals.
public enum JournalHorizons {
  /// The horizon of a feed's journal; nil while nothing was taken out.
  public static func current(of feed: String, on connection: PostgresConnection) async throws(PostgresError) -> Int64? {
    let rows = try await connection.query("SELECT batch_id FROM daybook.journal_horizon WHERE feed = $1", [.text(feed)])
    return try rows.first?.decode(0)
  }

  /// What is older than so many days up to the first batch that is not, and not behind `needed`.
  ///
  /// - Complexity: the batches behind the horizon that are old, by an index.
  public static func cut(
    of feed: String, olderThanDays days: Int, needed: Int64?, on connection: PostgresConnection
  ) async throws(PostgresError) -> JournalCut {
    let rows = try await connection.query(
      """
      WITH horizon AS (SELECT coalesce(max(batch_id), 0) AS at FROM daybook.journal_horizon WHERE feed = $1),
      young AS (
        SELECT batch_id FROM daybook.batch
        WHERE feed = $1 AND batch_id > (SELECT at FROM horizon)
          AND recorded_at >= clock_timestamp() - make_interval(days => $2::integer)
        ORDER BY batch_id LIMIT 1)
      SELECT max(batch_id), coalesce(sum(rows_plus + rows_minus), 0)::bigint FROM daybook.batch
      WHERE feed = $1 AND batch_id > (SELECT at FROM horizon) AND ($3::bigint IS NULL OR batch_id <= $3)
        AND batch_id < coalesce((SELECT batch_id FROM young), 9223372036854775807)
      """, [.text(feed), .int4(Int32(clamping: days)), .optional(int8: needed)])
    guard let row = rows.first else { return JournalCut(batchID: nil, images: 0) }
    return JournalCut(batchID: try row.decode(0), images: try row.decode(1))
  }

  /// Keeps other sessions from moving a horizon, and from taking images out up to it, until the transaction ends.
  ///
  /// - Throws: `PostgresError` 55P03 when another session is at it.
  public static func claim(_ feed: String, on connection: PostgresConnection) async throws(PostgresError) {
    try await connection.execute(
      "SELECT FROM daybook.journal_horizon WHERE feed = $1 FOR UPDATE NOWAIT", [.text(feed)])
  }

  /// Moves a horizon forward; nobody follows the batches up to it from then on.
  public static func move(_ feed: String, to batch: Int64, on connection: PostgresConnection)
    async throws(PostgresError)
  {
    try await connection.execute(
      """
      INSERT INTO daybook.journal_horizon AS h (feed, batch_id) VALUES ($1, $2)
      ON CONFLICT (feed) DO UPDATE SET batch_id = greatest(h.batch_id, excluded.batch_id), moved_at = clock_timestamp()
      """, [.text(feed), .int8(batch)])
  }

  /// The next batches up to the horizon whose images are still to go: behind the first number, up to the second one.
  ///
  /// - Parameter images: about so many images at once, but one batch at least, which was written in one transaction too.
  /// - Returns: nil when all are gone.
  public static func nextSweep(
    of feed: String, images: Int, on connection: PostgresConnection
  ) async throws(PostgresError) -> (after: Int64, through: Int64)? {
    let rows = try await connection.query(
      """
      SELECT h.swept_through, coalesce(
        (SELECT max(batch_id) FROM (
          SELECT batch_id, sum(rows_plus + rows_minus) OVER (ORDER BY batch_id) - (rows_plus + rows_minus) AS before
          FROM daybook.batch WHERE feed = $1 AND batch_id > h.swept_through AND batch_id <= h.batch_id) AS b
        WHERE before < $2), h.batch_id)
      FROM daybook.journal_horizon h WHERE feed = $1 AND swept_through < batch_id
      """, [.text(feed), .int8(Int64(images))])
    guard let row = rows.first else { return nil }
    return (try row.decode(0), try row.decode(1))
  }

  /// Takes the images of batches out of the journal, up to the horizon at most.
  ///
  /// - Parameter month: SQL of the month of an image `j`, as its first day; nil when the feed's rows belong to none.
  public static func sweep(
    _ feed: String, after: Int64, through: Int64, month: String?, on connection: PostgresConnection
  ) async throws(PostgresError) {
    let journal = JournalTable.name(of: feed)
    let batch = "j.\(quoteIdentifier(JournalTable.batch))"
    // A month that is open just now keeps its images too: closed again, it is compared with its first close.
    let isMove = month.map {
      """
      EXISTS (
        SELECT FROM (
          SELECT DISTINCT ON (period) period, coalesce((batches ->> $1)::bigint, 0) AS last_batch
          FROM daybook.period_log WHERE action = 'close' ORDER BY period, log_id) AS c
        WHERE c.period = \($0) AND c.last_batch < \(batch))
      """
    }
    try await connection.execute(
      """
      DELETE FROM \(journal.quoted) j WHERE \(batch) > $2 AND \(batch) <= least($3,
        (SELECT batch_id FROM daybook.journal_horizon WHERE feed = $1)) AND NOT \(isMove ?? "false")
      """, [.text(feed), .int8(after), .int8(through)])
    try await connection.execute(
      """
      UPDATE daybook.journal_horizon SET swept_through = least(batch_id, greatest(swept_through, $2)) WHERE feed = $1
      """, [.text(feed), .int8(through)])
  }
}
