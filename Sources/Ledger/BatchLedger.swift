// Batches: the committed changes of each base table, numbered, for views that follow the journal.
// Written on the caller's connection, so that a batch exists exactly when its rows do. The signed images themselves are
// in a table for each feed, which the room Ingest makes and fills.

public import Postgres

/// Who wrote to a watched table by hand.
public struct HandWriter: Sendable, Hashable {
  /// The role that was logged in.
  public var role: String
  /// What the session called itself.
  public var application: String?

  /// Creates a writer.
  public init(role: String, application: String?) {
    self.role = role
    self.application = application
  }
}

/// One committed change of a base table.
public struct BatchEntry: Sendable, Hashable {
  /// What a reader of the journal finds.
  public enum Kind: String, Sendable, Hashable {
    /// Signed images in the feed's journal.
    case delta
    /// Nothing: too much changed at once, or its images were taken out since, and the table is to be read instead.
    case rebuild
  }

  /// Its number, drawn by `BatchLedger.drawNumber`.
  public var batchID: Int64
  /// The feed whose table changed.
  public var feed: String
  /// What a reader of the journal finds.
  public var kind: Kind
  /// The run that changed it; nil for a change by hand.
  public var runID: RunID?
  /// Who changed it by hand.
  public var writer: HandWriter?
  /// The file whose rows did, if one did.
  public var fileID: Int64?
  /// Images with weight +1.
  public var rowsPlus: Int
  /// Images with weight -1.
  public var rowsMinus: Int

  /// Creates an entry.
  public init(
    batchID: Int64, feed: String, kind: Kind, runID: RunID?, writer: HandWriter? = nil, fileID: Int64?,
    rowsPlus: Int = 0, rowsMinus: Int = 0
  ) {
    self.batchID = batchID
    self.feed = feed
    self.kind = kind
    self.runID = runID
    self.writer = writer
    self.fileID = fileID
    self.rowsPlus = rowsPlus
    self.rowsMinus = rowsMinus
  }
}

/// The batches of every feed.
public enum BatchLedger {
  /// Draws the number of the next batch; one that is never recorded leaves a gap.
  public static func drawNumber(on connection: PostgresConnection) async throws(PostgresError) -> Int64 {
    let rows = try await connection.query(
      "SELECT nextval(pg_get_serial_sequence('daybook.batch', 'batch_id'))")
    guard let row = rows.first else { throw PostgresError(.decoding, "the server drew no number for a batch") }
    return try row.decode(0)
  }

  /// Records a batch.
  public static func record(_ entry: BatchEntry, on connection: PostgresConnection) async throws(PostgresError) {
    try await connection.execute(
      """
      INSERT INTO daybook.batch (batch_id, feed, kind, run_id, file_id, rows_plus, rows_minus, made_by, application)
      OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
      """,
      [
        .int8(entry.batchID), .text(entry.feed), .text(entry.kind.rawValue),
        .optional(entry.runID), entry.fileID.map { .int8($0) } ?? .null, .int8(Int64(entry.rowsPlus)),
        .int8(Int64(entry.rowsMinus)),
        .optional(entry.writer?.role), .optional(entry.writer?.application),
      ])
  }

  /// The number of a feed's newest batch; nil before the first.
  ///
  /// Certain only while the caller holds a lock on the base table that keeps writers out.
  public static func lastNumber(of feed: String, on connection: PostgresConnection)
    async throws(PostgresError) -> Int64?
  {
    let rows = try await connection.query("SELECT max(batch_id) FROM daybook.batch WHERE feed = $1", [.text(feed)])
    return try rows.first?.decode(0, as: Int64?.self) ?? nil
  }

  /// The batches of a feed behind a number, in order.
  ///
  /// Complete only while the caller holds a lock on the base table that keeps writers out. Batches whose images were
  /// taken out of the journal since count as rebuilds, so that nobody takes them for changes of nothing.
  public static func batches(of feed: String, after number: Int64, on connection: PostgresConnection)
    async throws(PostgresError) -> [BatchEntry]
  {
    let rows = try await connection.query(
      """
      SELECT batch_id,
        CASE WHEN batch_id <= (SELECT h.batch_id FROM daybook.journal_horizon h WHERE h.feed = $1) THEN 'rebuild'
          ELSE kind END,
        run_id::text, file_id, rows_plus, rows_minus, made_by, application
      FROM daybook.batch WHERE feed = $1 AND batch_id > $2 ORDER BY batch_id
      """, [.text(feed), .int8(number)])
    var entries: [BatchEntry] = []
    for row in rows {
      let role: String? = try row.decode(6)
      let application: String? = try row.decode(7)
      entries.append(
        BatchEntry(
          batchID: try row.decode(0), feed: feed,
          kind: try row.decode(1, as: String.self) == BatchEntry.Kind.delta.rawValue ? .delta : .rebuild,
          runID: try row.optionalRunID(2),
          writer: role.map { HandWriter(role: $0, application: application) }, fileID: try row.decode(3),
          rowsPlus: try row.decode(4),
          rowsMinus: try row.decode(5)))
    }
    return entries
  }
}
