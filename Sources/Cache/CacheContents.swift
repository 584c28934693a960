// What the table of results holds, for people. Nothing of it is decoded.

public import Ledger
public import Postgres

/// The results that PostgreSQL holds.
public struct CacheContents: Sendable, Hashable {
  /// One result.
  public struct Entry: Sendable, Hashable {
    /// What asks.
    public var label: String
    /// Its size in the table.
    public var packedBytes: Int
  }

  /// How many there are.
  public var entries = 0
  /// Bytes of all when they are unpacked.
  public var bytes = 0
  /// Bytes of all in the table.
  public var packedBytes = 0
  /// When the oldest was stored.
  public var oldest: Moment?
  /// The largest, in order.
  public var largest: [Entry] = []

  /// Reads them.
  public static func read(on connection: PostgresConnection) async throws(PostgresError) -> CacheContents {
    var contents = CacheContents()
    let rows = try await connection.query(
      """
      SELECT count(*), coalesce(sum(raw_bytes), 0)::bigint, coalesce(sum(octet_length(payload)), 0)::bigint, min(stored_at)
      FROM daybook.cache
      """)
    if let row = rows.first {
      (contents.entries, contents.bytes, contents.packedBytes) =
        (try row.decode(0), try row.decode(1), try row.decode(2))
      if case .timestamptz(let moment) = try row.value(at: 3) {
        contents.oldest = Moment(microsecondsSince1970: moment)
      }
    }
    let largest = try await connection.query(
      "SELECT label, octet_length(payload) FROM daybook.cache ORDER BY 2 DESC, 1 LIMIT 20")
    for row in largest {
      contents.largest.append(Entry(label: try row.decode(0), packedBytes: try row.decode(1)))
    }
    return contents
  }
}
