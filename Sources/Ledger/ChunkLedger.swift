// Files that are loaded in chunks: the plan by which each is cut, and the pieces of it that are committed.
// Written on the caller's connection: a piece is on record exactly when its rows are in the base table, so a load that
// was killed goes on behind the last of them. A piece is one part (by hash of the key) of one chunk.
// Invariant: a piece commits once; the key of `daybook.chunk` holds it when two sessions race (SQLSTATE 23505).

public import Money
public import Postgres

/// How a file is cut into pieces; kept with the file, so that a resumed load cuts it in the same places.
public struct ChunkPlan: Sendable, Hashable {
  /// Bytes read for one chunk.
  public var chunkBytes: Int
  /// Into how many parts the rows of a chunk are dealt.
  public var parts: Int

  /// Creates a plan.
  public init(chunkBytes: Int, parts: Int) {
    self.chunkBytes = chunkBytes
    self.parts = parts
  }
}

/// Which piece of a file.
public struct PieceID: Sendable, Hashable, Comparable {
  /// The chunk, from 0.
  public var chunk: Int
  /// The part of it, from 0.
  public var part: Int

  /// Names a piece.
  public init(chunk: Int, part: Int) {
    self.chunk = chunk
    self.part = part
  }

  /// In the order of the file.
  public static func < (a: PieceID, b: PieceID) -> Bool { (a.chunk, a.part) < (b.chunk, b.part) }
}

/// A committed piece.
public struct ChunkEntry: Sendable, Hashable {
  /// Which piece.
  public var piece: PieceID
  /// Where its chunk starts in the decompressed file, 0-based.
  public var byteOffset: Int
  /// The number of the chunk's first record; the header is 1.
  public var firstRecord: Int
  /// The batch that holds its images; nil where nothing changed.
  public var batchID: Int64?
  /// What became of its rows.
  public var rows: RowCounts
  /// What became of its money.
  public var controlSums: [ControlSumEntry]

  /// Creates an entry.
  public init(
    piece: PieceID, byteOffset: Int, firstRecord: Int, batchID: Int64?, rows: RowCounts,
    controlSums: [ControlSumEntry] = []
  ) {
    self.piece = piece
    self.byteOffset = byteOffset
    self.firstRecord = firstRecord
    self.batchID = batchID
    self.rows = rows
    self.controlSums = controlSums
  }
}

/// A file that is part way into its table.
public struct LoadingFile: Sendable, Hashable {
  /// Its number in the ledger.
  public var fileID: Int64
  /// File name when it was begun.
  public var name: String
  /// Hash of its bytes.
  public var sha256: [UInt8]
  /// The plan by which it is cut.
  public var plan: ChunkPlan
  /// How many of its pieces are committed.
  public var pieces: Int
  /// What became of their rows.
  public var rows: RowCounts
}

/// The chunks of files under way.
public enum ChunkLedger {
  /// Records how a file, recorded as `loading` in the same transaction, is cut.
  public static func record(_ plan: ChunkPlan, of fileID: Int64, on connection: PostgresConnection)
    async throws(PostgresError)
  {
    try await connection.execute(
      "INSERT INTO daybook.chunk_plan (file_id, chunk_bytes, parts) VALUES ($1, $2, $3)",
      [.int8(fileID), .int8(Int64(plan.chunkBytes)), .int8(Int64(plan.parts))])
  }

  /// The files of a feed that are part way in, oldest first.
  public static func loading(feed: String, on connection: PostgresConnection)
    async throws(PostgresError) -> [LoadingFile]
  {
    let rows = try await connection.query(
      """
      SELECT f.file_id, f.name, f.sha256, p.chunk_bytes::bigint, p.parts::bigint, count(c.chunk),
        coalesce(sum(c.rows_read), 0)::bigint, coalesce(sum(c.rows_inserted), 0)::bigint,
        coalesce(sum(c.rows_updated), 0)::bigint, coalesce(sum(c.rows_unchanged), 0)::bigint, 0::bigint,
        coalesce(sum(c.rows_duplicate), 0)::bigint, coalesce(sum(c.rows_rejected), 0)::bigint
      FROM daybook.file AS f JOIN daybook.chunk_plan AS p USING (file_id) LEFT JOIN daybook.chunk AS c USING (file_id)
      WHERE f.feed = $1 AND f.status = 'loading' GROUP BY f.file_id, p.file_id ORDER BY f.file_id
      """, [.text(feed)])
    var files: [LoadingFile] = []
    for row in rows {
      files.append(
        LoadingFile(
          fileID: try row.decode(0), name: try row.decode(1), sha256: try row.decode(2),
          plan: ChunkPlan(chunkBytes: try row.decode(3), parts: try row.decode(4)), pieces: try row.decode(5),
          rows: try row.rowCounts(from: 6)))
    }
    return files
  }

  /// Hands a file that is part way in to another run.
  public static func adopt(_ fileID: Int64, runID: RunID, asOf: CivilDate, on connection: PostgresConnection)
    async throws(PostgresError)
  {
    try await connection.execute(
      """
      UPDATE daybook.file SET run_id = $2, as_of = $3, recorded_at = clock_timestamp()
      WHERE file_id = $1 AND status = 'loading'
      """,
      [.int8(fileID), .uuid(runID.bytes), .date(asOf)])
  }

  /// The committed pieces of a file, without their sums.
  public static func pieces(of fileID: Int64, on connection: PostgresConnection)
    async throws(PostgresError) -> [PieceID: ChunkEntry]
  {
    let rows = try await connection.query(
      """
      SELECT chunk::bigint, part::bigint, byte_offset, first_record, batch_id, rows_read, rows_inserted, rows_updated,
        rows_unchanged, 0::bigint, rows_duplicate, rows_rejected
      FROM daybook.chunk WHERE file_id = $1
      """, [.int8(fileID)])
    var pieces: [PieceID: ChunkEntry] = [:]
    for row in rows {
      let piece = PieceID(chunk: try row.decode(0), part: try row.decode(1))
      pieces[piece] = ChunkEntry(
        piece: piece, byteOffset: try row.decode(2), firstRecord: try row.decode(3), batchID: try row.decode(4),
        rows: try row.rowCounts(from: 5))
    }
    return pieces
  }

  /// Records a piece, in the transaction that changes the base table.
  public static func record(_ entry: ChunkEntry, of fileID: Int64, on connection: PostgresConnection)
    async throws(PostgresError)
  {
    let rows = entry.rows
    try await connection.execute(
      """
      INSERT INTO daybook.chunk (file_id, chunk, part, byte_offset, first_record, batch_id, rows_read, rows_inserted,
        rows_updated, rows_unchanged, rows_duplicate, rows_rejected)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
      """,
      [
        .int8(fileID), .int8(Int64(entry.piece.chunk)), .int8(Int64(entry.piece.part)), .int8(Int64(entry.byteOffset)),
        .int8(Int64(entry.firstRecord)), entry.batchID.map { .int8($0) } ?? .null,
      ]
        + [rows.read, rows.inserted, rows.updated, rows.unchanged, rows.duplicate, rows.rejected].map {
          .int8(Int64($0))
        })
    guard !entry.controlSums.isEmpty else { return }
    try await connection.execute(
      """
      INSERT INTO daybook.chunk_control_sum (file_id, chunk, part, column_name, currency, outcome, amount)
      SELECT $1, $2, $3, c, k, o, a::numeric
      FROM unnest($4::text[], $5::text[], $6::text[], $7::text[]) AS t(c, k, o, a)
      """,
      [.int8(fileID), .int8(Int64(entry.piece.chunk)), .int8(Int64(entry.piece.part))] + entry.controlSums.parameters)
  }

  /// The sums of a file's committed pieces.
  public static func controlSums(of fileID: Int64, on connection: PostgresConnection)
    async throws(PostgresError) -> [ControlSumEntry]
  {
    let rows = try await connection.query(
      """
      SELECT column_name, currency, outcome, sum(amount)::text FROM daybook.chunk_control_sum
      WHERE file_id = $1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
      """, [.int8(fileID)])
    var entries: [ControlSumEntry] = []
    for row in rows {
      let (outcome, amount): (String, String) = (try row.decode(2), try row.decode(3))
      guard let known = ControlSumEntry.Outcome(rawValue: outcome), let exact = ExactDecimal(amount) else {
        throw PostgresError(.decoding, "a control sum of a chunk cannot be read: \(outcome) with more than 38 digits")
      }
      entries.append(
        ControlSumEntry(column: try row.decode(0), currency: try row.decode(1), outcome: known, amount: exact))
    }
    return entries
  }

  /// Makes a file whose pieces are all committed part of the data, with the counts and sums of its pieces.
  ///
  /// - Parameter wallMs: nil when the file came in by more than one attempt.
  /// - Throws: SQLSTATE 23505 when the content is loaded already; 23514 when the rows do not add up.
  public static func finish(_ fileID: Int64, rows: RowCounts, wallMs: Int?, on connection: PostgresConnection)
    async throws(PostgresError)
  {
    try await connection.execute(
      """
      UPDATE daybook.file SET status = 'loaded', recorded_at = clock_timestamp(), path = 'insert', wall_ms = $2,
        rows_read = $3, rows_inserted = $4, rows_updated = $5, rows_unchanged = $6, rows_deleted = $7,
        rows_duplicate = $8, rows_rejected = $9
      WHERE file_id = $1 AND status = 'loading'
      """, [.int8(fileID), .optional(wallMs)] + rows.parameters)
    try await connection.execute(
      """
      INSERT INTO daybook.file_control_sum (file_id, column_name, currency, outcome, amount)
      SELECT file_id, column_name, currency, outcome, sum(amount) FROM daybook.chunk_control_sum
      WHERE file_id = $1 GROUP BY 1, 2, 3, 4
      """, [.int8(fileID)])
  }

  /// Ends a load that is not gone on with: its committed rows stay in the table, under the file's number.
  public static func supersede(_ fileID: Int64, on connection: PostgresConnection) async throws(PostgresError) {
    try await connection.execute(
      """
      UPDATE daybook.file AS f SET status = 'superseded', (rows_read, rows_inserted, rows_updated, rows_unchanged,
        rows_duplicate, rows_rejected) = (SELECT coalesce(sum(rows_read), 0), coalesce(sum(rows_inserted), 0),
          coalesce(sum(rows_updated), 0), coalesce(sum(rows_unchanged), 0), coalesce(sum(rows_duplicate), 0),
          coalesce(sum(rows_rejected), 0) FROM daybook.chunk WHERE file_id = $1)
      WHERE f.file_id = $1 AND f.status = 'loading'
      """, [.int8(fileID)])
    try await connection.execute(
      "UPDATE daybook.reject SET resolved_at = clock_timestamp() WHERE file_id = $1 AND resolved_at IS NULL",
      [.int8(fileID)])
  }

  /// Forgets a load of which nothing is committed.
  public static func forget(_ fileID: Int64, on connection: PostgresConnection) async throws(PostgresError) {
    try await connection.execute(
      """
      DELETE FROM daybook.file WHERE file_id = $1 AND status = 'loading'
        AND NOT EXISTS (SELECT FROM daybook.chunk WHERE file_id = $1)
      """, [.int8(fileID)])
  }
}
