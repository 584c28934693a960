// What a stage cost the server: write-ahead log, buffers, temporary files.
// Read as the difference of two snapshots. The log position is the whole cluster's, the other counters are
// the database's, so other work on the same server shows up here; nightly runs are alone by the run lock.
// Backends report their counters at most once a second: `pg_stat_force_next_flush()` on the connection
// that did the work makes them current.

public import Postgres

/// What a stage cost the server.
public struct ServerCost: Sendable, Hashable {
  /// Bytes of write-ahead log.
  public var walBytes: Int
  /// Blocks found in shared buffers.
  public var sharedHit: Int
  /// Blocks read from disk or the system's cache.
  public var sharedRead: Int
  /// Blocks written to disk.
  public var sharedWritten: Int
  /// Bytes of temporary files.
  public var temporaryBytes: Int

  /// Creates a cost.
  public init(walBytes: Int, sharedHit: Int, sharedRead: Int, sharedWritten: Int, temporaryBytes: Int) {
    self.walBytes = walBytes
    self.sharedHit = sharedHit
    self.sharedRead = sharedRead
    self.sharedWritten = sharedWritten
    self.temporaryBytes = temporaryBytes
  }
}

/// The server's counters at one moment.
public struct ServerCounters: Sendable, Hashable {
  private var values: ServerCost

  /// Reads the counters: one statement, well under a millisecond.
  public static func read(on connection: PostgresConnection) async throws(PostgresError) -> ServerCounters {
    let rows = try await connection.query(
      """
      SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint, d.blks_hit, d.blks_read,
             b.buffers_checkpoint + b.buffers_clean + b.buffers_backend, d.temp_bytes
      FROM pg_stat_database AS d, pg_stat_bgwriter AS b
      WHERE d.datname = current_database()
      """)
    guard let row = rows.first else {
      return ServerCounters(
        values: ServerCost(walBytes: 0, sharedHit: 0, sharedRead: 0, sharedWritten: 0, temporaryBytes: 0))
    }
    return ServerCounters(
      values: ServerCost(
        walBytes: try row.decode(0), sharedHit: try row.decode(1), sharedRead: try row.decode(2),
        sharedWritten: try row.decode(3), temporaryBytes: try row.decode(4)))
  }

  /// Makes this connection's counters visible to `read(on:)` at once.
  public static func flush(on connection: PostgresConnection) async throws(PostgresError) {
    try await connection.execute("SELECT pg_stat_force_next_flush()")
  }

  /// What was spent since `earlier`; never negative, should the counters have been reset.
  public func since(_ earlier: ServerCounters) -> ServerCost {
    ServerCost(
      walBytes: max(0, values.walBytes - earlier.values.walBytes),
      sharedHit: max(0, values.sharedHit - earlier.values.sharedHit),
      sharedRead: max(0, values.sharedRead - earlier.values.sharedRead),
      sharedWritten: max(0, values.sharedWritten - earlier.values.sharedWritten),
      temporaryBytes: max(0, values.temporaryBytes - earlier.values.temporaryBytes))
  }
}
