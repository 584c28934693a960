// Files, rejects and duplicates, written on the caller's connection so that they commit with the data.
// Invariant: a file is loaded once by its content; the unique index holds it when two sessions race.
// Runs and stages are elsewhere (`LedgerStore`): they must survive the caller's rollback.

public import Money
public import Postgres

/// Which rejects to list.
public enum RejectSelection: Sendable, Hashable {
  /// Those of one run.
  case run(RunID)
  /// All of one feed.
  case feed(String)
  /// Those not yet replaced by a corrected file; of all feeds, or of one.
  case open(feed: String?)
}

/// What is known about the files of the feeds.
public enum FileLedger {
  /// The file of this content, if it is part of the data.
  public static func isLoaded(feed: String, sha256: [UInt8], on connection: PostgresConnection)
    async throws(PostgresError) -> LoadedFile?
  {
    let rows = try await connection.query(
      loadedFileQuery + " AND sha256 = $2", [.text(feed), .bytes(sha256)])
    guard let row = rows.first else { return nil }
    return try loadedFile(row)
  }

  /// Every file that is part of the feed's data, oldest first.
  public static func loaded(feed: String, on connection: PostgresConnection)
    async throws(PostgresError) -> [LoadedFile]
  {
    let rows = try await connection.query(loadedFileQuery + " ORDER BY file_id", [.text(feed)])
    var files: [LoadedFile] = []
    files.reserveCapacity(rows.count)
    for row in rows { files.append(try loadedFile(row)) }
    return files
  }

  /// For each business date of a feed whose files were recorded, or rejects of theirs closed, later than `moment`: when
  /// that last happened.
  ///
  /// - Parameter moment: microseconds since 1970 by the server's clock; nil for all files.
  public static func lastChanged(feed: String, after moment: Int64?, on connection: PostgresConnection)
    async throws(PostgresError) -> [(asOf: CivilDate, microseconds: Int64)]
  {
    let rows = try await connection.query(
      """
      SELECT as_of - date '1970-01-01', (extract(epoch FROM max(at)) * 1000000)::bigint FROM (
        SELECT as_of, recorded_at AS at FROM daybook.file WHERE feed = $1
        UNION ALL
        SELECT f.as_of, r.at FROM (
          SELECT file_id, max(resolved_at) AS at FROM daybook.reject
          -- A little earlier, because a moment was rounded; what is too early is left out below.
          WHERE feed = $1 AND resolved_at >= coalesce(to_timestamp($2::bigint / 1000000.0) - interval '1 second', '-infinity')
          GROUP BY file_id
        ) AS r JOIN daybook.file AS f USING (file_id)
      ) AS changes
      GROUP BY as_of
      HAVING $2::bigint IS NULL OR (extract(epoch FROM max(at)) * 1000000)::bigint > $2 ORDER BY as_of
      """, [.text(feed), .optional(int8: moment)])
    var dates: [(asOf: CivilDate, microseconds: Int64)] = []
    for row in rows { dates.append((CivilDate(daysSince1970: try row.decode(0, as: Int.self)), try row.decode(1))) }
    return dates
  }

  /// Takes a loaded file out of the data's record, because the same content is loaded again on request. Its open rejects
  /// are closed: those of its records that are refused again are the new file's.
  ///
  /// - Parameter fileID: the number under which it is loaded again.
  /// - Returns: whether there was one.
  @discardableResult
  public static func supersede(feed: String, sha256: [UInt8], by fileID: Int64, on connection: PostgresConnection)
    async throws(PostgresError) -> Bool
  {
    let rows = try await connection.query(
      """
      UPDATE daybook.file SET status = 'superseded' WHERE feed = $1 AND sha256 = $2 AND status = 'loaded'
      RETURNING file_id
      """, [.text(feed), .bytes(sha256)])
    guard let row = rows.first else { return false }
    try await connection.execute(
      """
      UPDATE daybook.reject SET resolved_at = clock_timestamp(), resolved_by = $2
      WHERE file_id = $1 AND resolved_at IS NULL
      """, [.int8(try row.decode(0)), .int8(fileID)])
    return true
  }

  /// Draws the number of a file that is to be recorded later, so that its rows can carry it.
  ///
  /// A number that is never recorded leaves a gap.
  public static func drawNumber(on connection: PostgresConnection) async throws(PostgresError) -> Int64 {
    let rows = try await connection.query(
      "SELECT nextval(pg_get_serial_sequence('daybook.file', 'file_id'))")
    guard let row = rows.first else { throw PostgresError(.decoding, "the server drew no number for a file") }
    return try row.decode(0)
  }

  /// Records a file. Open rejects of earlier refused files of the same feed and name are resolved by it.
  ///
  /// - Returns: the ledger's number of the file.
  /// - Throws: SQLSTATE 23505 when the content is loaded already; 23514 when the rows do not add up.
  public static func record(_ entry: FileEntry, on connection: PostgresConnection)
    async throws(PostgresError) -> Int64
  {
    var number = entry.fileID
    if number == nil { number = try await drawNumber(on: connection) }
    if entry.replacesNamesakes {
      try await connection.execute(
        """
        UPDATE daybook.reject SET resolved_at = clock_timestamp(), resolved_by = $3
        WHERE resolved_at IS NULL AND feed = $1 AND file_id IN (
          SELECT file_id FROM daybook.file WHERE feed = $1 AND name = $2 AND status = 'refused')
        """,
        [.text(entry.feed), .text(entry.name), number.map { .int8($0) } ?? .null])
    }
    let rows = try await connection.query(
      """
      INSERT INTO daybook.file (feed, name, sha256, bytes, run_id, as_of, status, rows_read, rows_inserted,
        rows_updated, rows_unchanged, rows_deleted, rows_duplicate, rows_rejected, file_id, path, wall_ms, header)
      OVERRIDING SYSTEM VALUE
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
      RETURNING file_id
      """,
      [
        .text(entry.feed), .text(entry.name), .bytes(entry.sha256), .int8(Int64(entry.bytes)),
        .uuid(entry.runID.bytes), .date(daysSince1970: Int32(clamping: entry.asOf.daysSince1970)),
        .text(entry.status.rawValue),
      ] + entry.rows.parameters
        + [
          number.map { .int8($0) } ?? .null, .optional(entry.path?.rawValue), .optional(entry.wallMs),
          entry.header.map { .textArray($0) } ?? .null,
        ])
    guard let row = rows.first else {
      throw PostgresError(.decoding, "recording a file returned no number")
    }
    let fileID: Int64 = try row.decode(0)
    if !entry.controlSums.isEmpty {
      try await connection.execute(
        """
        INSERT INTO daybook.file_control_sum (file_id, column_name, currency, outcome, amount)
        SELECT $1, c, k, o, a::numeric FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS t(c, k, o, a)
        """,
        [.int8(fileID)] + entry.controlSums.parameters)
    }
    if !entry.statements.isEmpty { try await record(entry.statements, of: fileID, on: connection) }
    return fileID
  }

  private static func record(_ statements: [StatementEntry], of fileID: Int64, on connection: PostgresConnection)
    async throws(PostgresError)
  {
    try await connection.execute(
      """
      INSERT INTO daybook.file_statement (file_id, source, column_name, currency, stated, read)
      SELECT $1, s, c, k, a::numeric, b::numeric
      FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS t(s, c, k, a, b)
      """,
      [
        .int8(fileID), .textArray(statements.map(\.source.rawValue)), .textArray(statements.map(\.column)),
        .textArray(statements.map(\.currency)), .textArray(statements.map(\.stated.description)),
        .textArray(statements.map(\.read.description)),
      ])
  }

  /// Records refused records, in the order given.
  public static func recordRejects(_ entries: [RejectEntry], on connection: PostgresConnection)
    async throws(PostgresError)
  {
    // A record may have a megabyte, and a parameter is held several times over until the server has it.
    for batch in entries.batches(of: 1000, bytes: 1 << 20, { $0.raw.count + $0.reason.utf8.count }) {
      try await connection.execute(
        """
        INSERT INTO daybook.reject (file_id, run_id, feed, file, line, record, byte_offset, column_name, code,
          reason, raw)
        SELECT f, r::uuid, feed, file, line, record, byte_offset, column_name, code, reason, decode(raw, 'hex')
        FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
          $8::text[], $9::text[], $10::text[], $11::text[])
          WITH ORDINALITY AS t(f, r, feed, file, line, record, byte_offset, column_name, code, reason, raw, n)
        ORDER BY n
        """,
        [
          .int8Array(batch.map(\.fileID)), .textArray(batch.map(\.runID.description)),
          .textArray(batch.map(\.feed)), .textArray(batch.map(\.file)), .int8Array(batch.map { Int64($0.line) }),
          .int8Array(batch.map { Int64($0.record) }), .int8Array(batch.map { Int64($0.byteOffset) }),
          .textArray(batch.map(\.column)), .textArray(batch.map(\.code.rawValue)), .textArray(batch.map(\.reason)),
          .textArray(batch.map { hexadecimal($0.raw) }),
        ])
    }
  }

  /// Records the losers of keys that one file holds more than once, in the order given.
  public static func recordDuplicates(_ entries: [DuplicateEntry], on connection: PostgresConnection)
    async throws(PostgresError)
  {
    for batch in entries.batches(of: 1000) {
      try await connection.execute(
        """
        INSERT INTO daybook.duplicate_row (file_id, run_id, feed, file, line, record, byte_offset, key, kept_line)
        SELECT f, r::uuid, feed, file, line, record, byte_offset, key, kept_line
        FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
          $8::text[], $9::bigint[])
          WITH ORDINALITY AS t(f, r, feed, file, line, record, byte_offset, key, kept_line, n)
        ORDER BY n
        """,
        [
          .int8Array(batch.map(\.fileID)), .textArray(batch.map(\.runID.description)),
          .textArray(batch.map(\.feed)), .textArray(batch.map(\.file)), .int8Array(batch.map { Int64($0.line) }),
          .int8Array(batch.map { Int64($0.record) }), .int8Array(batch.map { Int64($0.byteOffset) }),
          .textArray(batch.map(\.key)), .int8Array(batch.map { $0.keptLine.map(Int64.init) }),
        ])
    }
  }

  /// The rejects of a selection, by file and record; at most `limit`.
  public static func rejects(_ selection: RejectSelection, limit: Int = 100_000, on connection: PostgresConnection)
    async throws(PostgresError) -> [RejectEntry]
  {
    let (condition, parameters) = selection.condition
    let rows = try await connection.query(
      """
      SELECT file_id, run_id::text, feed, file, line, record, byte_offset, column_name, code, reason, raw, reject_id
      FROM daybook.reject WHERE \(condition)
      ORDER BY file_id, record, reject_id LIMIT \(limit)
      """, parameters)
    var entries: [RejectEntry] = []
    entries.reserveCapacity(rows.count)
    for row in rows { entries.append(try reject(row)) }
    return entries
  }

  /// How many rejects a selection has.
  public static func countRejects(_ selection: RejectSelection, on connection: PostgresConnection)
    async throws(PostgresError) -> Int
  {
    let (condition, parameters) = selection.condition
    let rows = try await connection.query("SELECT count(*) FROM daybook.reject WHERE \(condition)", parameters)
    return try rows.first?.decode(0) ?? 0
  }

  private static let loadedFileQuery = """
    SELECT file_id, feed, name, sha256, bytes, run_id::text, recorded_at, rows_read, rows_inserted, rows_updated,
      rows_unchanged, rows_deleted, rows_duplicate, rows_rejected
    FROM daybook.file WHERE feed = $1 AND status = 'loaded'
    """

  private static func loadedFile(_ row: PostgresRow) throws(PostgresError) -> LoadedFile {
    LoadedFile(
      fileID: try row.decode(0), feed: try row.decode(1), name: try row.decode(2), sha256: try row.decode(3),
      bytes: try row.decode(4),
      runID: try row.runID(5), recordedAt: try row.moment(6), rows: try row.rowCounts(from: 7))
  }

  private static func reject(_ row: PostgresRow) throws(PostgresError) -> RejectEntry {
    let code: String = try row.decode(8)
    guard let known = RejectCode(rawValue: code) else {
      throw PostgresError(.decoding, "the ledger holds a reject with the unknown code \"\(code)\"")
    }
    return RejectEntry(
      rejectID: try row.decode(11), fileID: try row.decode(0), runID: try row.runID(1), feed: try row.decode(2),
      file: try row.decode(3),
      line: try row.decode(4), record: try row.decode(5), byteOffset: try row.decode(6), column: try row.decode(7),
      code: known, reason: try row.decode(9), raw: try row.decode(10))
  }
}

extension RejectSelection {
  var condition: (sql: String, parameters: [PostgresValue]) {
    switch self {
    case .run(let run): ("run_id = $1", [.uuid(run.bytes)])
    case .feed(let feed): ("feed = $1", [.text(feed)])
    case .open(nil): ("resolved_at IS NULL", [])
    case .open(let feed?): ("resolved_at IS NULL AND feed = $1", [.text(feed)])
    }
  }
}

/// Two lower-case digits for each byte.
func hexadecimal(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
    for (index, byte) in bytes.enumerated() {
      buffer[index * 2] = digits[Int(byte >> 4)]
      buffer[index * 2 + 1] = digits[Int(byte & 0xF)]
    }
    return bytes.count * 2
  }
}

extension Array {
  /// Consecutive slices of at most `size` elements.
  func batches(of size: Int) -> [ArraySlice<Element>] {
    stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
  }

  /// Consecutive slices of at most `size` elements, each of which ends with the element that fills `bytes`.
  func batches(of size: Int, bytes: Int, _ measure: (Element) -> Int) -> [ArraySlice<Element>] {
    var slices: [ArraySlice<Element>] = []
    var (start, filled) = (0, 0)
    for index in indices {
      filled += measure(self[index])
      guard filled >= bytes || index - start + 1 == size else { continue }
      slices.append(self[start...index])
      (start, filled) = (index + 1, 0)
    }
    if start < count { slices.append(self[start...]) }
    return slices
  }
}
