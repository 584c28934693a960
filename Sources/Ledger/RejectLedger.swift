// The later life of rejects: what is needed to correct one, closing those whose corrected rows were taken, and closing
// those that a person does without. Written on the caller's connection, so that closing commits with the rows.
// Invariant: a reject is closed once; what is closed is never opened again.

public import Postgres

/// What a correction needs to know about one reject.
public struct RejectStanding: Sendable, Hashable {
  /// The reject.
  public var rejectID: Int64
  /// The feed it belongs to.
  public var feed: String
  /// The file that held the record.
  public var file: String
  /// What became of that file.
  public var fileStatus: String
  /// Whether it waits for a correction.
  public var isOpen: Bool
  /// Why it was refused.
  public var code: String
  /// The record's bytes, of those rejects whose bytes are no text.
  public var raw: [UInt8]?
  /// The names in the file's header, when known.
  public var header: [String]?
}

extension FileLedger {
  /// Where rejects stand, by number; those that do not exist are not in the result.
  ///
  /// - Parameter rawCodes: the kinds of which the bytes are wanted too.
  public static func standing(
    of rejects: [Int64], rawOf rawCodes: [RejectCode], on connection: PostgresConnection
  ) async throws(PostgresError) -> [Int64: RejectStanding] {
    var result: [Int64: RejectStanding] = [:]
    for batch in rejects.batches(of: 10_000) {
      let rows = try await connection.query(
        """
        SELECT r.reject_id, r.feed, r.file, f.status, r.resolved_at IS NULL, r.code,
          CASE WHEN r.code = ANY ($2::text[]) THEN r.raw END, f.header
        FROM daybook.reject r JOIN daybook.file f USING (file_id) WHERE r.reject_id = ANY ($1::bigint[])
        """, [.int8Array(Array(batch)), .textArray(rawCodes.map(\.rawValue))])
      for row in rows {
        let id: Int64 = try row.decode(0)
        result[id] = RejectStanding(
          rejectID: id, feed: try row.decode(1), file: try row.decode(2), fileStatus: try row.decode(3),
          isOpen: try row.decode(4), code: try row.decode(5), raw: try row.decode(6), header: try header(row, 7))
      }
    }
    return result
  }

  /// The headers and states of the files that rejects came from, by the number of the file.
  public static func headers(ofFiles files: [Int64], on connection: PostgresConnection)
    async throws(PostgresError) -> [Int64: (status: String, header: [String]?)]
  {
    let rows = try await connection.query(
      "SELECT file_id, status, header FROM daybook.file WHERE file_id = ANY ($1::bigint[])",
      [.int8Array(files)])
    var result: [Int64: (status: String, header: [String]?)] = [:]
    for row in rows { result[try row.decode(0)] = (try row.decode(1), try header(row, 2)) }
    return result
  }

  private static func header(_ row: PostgresRow, _ column: Int) throws(PostgresError) -> [String]? {
    guard case .textArray(let names) = try row.value(at: column) else { return nil }
    return names.map { $0 ?? "" }
  }

  /// Closes rejects whose corrected rows a file brought.
  ///
  /// - Returns: how many were open until now.
  public static func resolve(_ rejects: [Int64], by fileID: Int64, on connection: PostgresConnection)
    async throws(PostgresError) -> Int
  {
    try await connection.execute(
      """
      UPDATE daybook.reject SET resolved_at = clock_timestamp(), resolved_by = $2
      WHERE reject_id = ANY ($1::bigint[]) AND resolved_at IS NULL
      """, [.int8Array(rejects), .int8(fileID)])
  }

  /// Gives open rejects the reason why their corrections were refused; their own bytes and place stay.
  public static func refuseAgain(
    _ rejects: [(id: Int64, column: String?, code: RejectCode, reason: String)], on connection: PostgresConnection
  ) async throws(PostgresError) {
    for batch in rejects.batches(of: 1000) {
      try await connection.execute(
        """
        UPDATE daybook.reject r SET column_name = t.c, code = t.k, reason = t.w
        FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS t(id, c, k, w)
        WHERE r.reject_id = t.id AND r.resolved_at IS NULL
        """,
        [
          .int8Array(batch.map(\.id)), .textArray(batch.map(\.column)), .textArray(batch.map(\.code.rawValue)),
          .textArray(batch.map(\.reason)),
        ])
    }
  }

  /// Which rejects to close without rows.
  public enum DismissedRejects: Sendable, Hashable {
    /// These, by number.
    case these([Int64])
    /// All of one file, and the file itself when it was refused.
    case file(feed: String, name: String)
  }

  /// Closes open rejects with a reason and without rows. A refused file that has no open reject left is done without.
  ///
  /// - Returns: how many rejects were closed, and how many files are done without.
  public static func dismiss(
    _ rejects: DismissedRejects, reason: String, on connection: PostgresConnection
  ) async throws(PostgresError) -> (rejects: Int, files: Int) {
    let (condition, values): (String, [PostgresValue]) =
      switch rejects {
      case .these(let ids): ("r.reject_id = ANY ($1::bigint[])", [.int8Array(ids)])
      case .file(let feed, _): ("r.feed = $1 AND r.file = $3", [.text(feed)])
      }
    let behind: [PostgresValue] =
      if case .file(_, let name) = rejects { [.text(reason), .text(name)] } else { [.text(reason)] }
    let closed = try await connection.query(
      """
      UPDATE daybook.reject r SET resolved_at = clock_timestamp(), dismissal = $2
      WHERE \(condition) AND r.resolved_at IS NULL RETURNING r.file_id
      """, values + behind)
    var touched: Set<Int64> = []
    for row in closed { touched.insert(try row.decode(0)) }
    let files: Int
    switch rejects {
    case .these:
      files = try await connection.execute(
        """
        UPDATE daybook.file f SET dismissal = $2
        WHERE f.file_id = ANY ($1::bigint[]) AND f.status = 'refused' AND f.dismissal IS NULL
          AND NOT EXISTS (SELECT FROM daybook.reject r WHERE r.file_id = f.file_id AND r.resolved_at IS NULL)
        """, [.int8Array(touched.sorted()), .text(reason)])
    case .file(let feed, let name):
      files = try await connection.execute(
        """
        UPDATE daybook.file f SET dismissal = $3
        WHERE f.feed = $1 AND f.name = $2 AND f.status = 'refused' AND f.dismissal IS NULL
        """, [.text(feed), .text(name), .text(reason)])
    }
    return (closed.count, files)
  }
}
