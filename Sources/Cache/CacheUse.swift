// What the tiers were good for, written down when a program that used them ends, and read by people afterwards.
// Invariant: a program that asked nothing writes nothing; the last few hundred uses are kept.

public import Ledger
public import Postgres

/// What one tier did, for one program or for several.
public struct CacheUse: Sendable, Hashable {
  /// When the newest of these programs ended.
  public var usedAt: Moment
  /// What the newest of them was doing.
  public var purpose: String
  /// How many programs.
  public var programs: Int
  /// What the tier did for them; entries and bytes are those at the end of the newest.
  public var statistics: TierStatistics

  /// Uses of one tier that are kept.
  private static let kept = 500

  /// Writes down what tiers did; nothing when nothing was asked or stored.
  public static func record(
    _ statistics: [TierStatistics], purpose: String, on connection: PostgresConnection
  ) async throws(PostgresError) {
    for tier in statistics where tier.gets + tier.puts + tier.refused > 0 {
      try await connection.execute(
        """
        INSERT INTO daybook.cache_use (purpose, tier, gets, hits, misses, puts, refused, evictions, failures, entries, bytes)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        [
          .text(purpose), .text(tier.tier), .integer(tier.gets), .integer(tier.hits), .integer(tier.misses),
          .integer(tier.puts), .integer(tier.refused), .integer(tier.evictions), .integer(tier.failures),
          .integer(tier.entries), .integer(tier.bytes),
        ])
      try await connection.execute(
        """
        DELETE FROM daybook.cache_use WHERE tier = $1 AND use_id <= (
          SELECT use_id FROM daybook.cache_use WHERE tier = $1 ORDER BY use_id DESC OFFSET $2 LIMIT 1)
        """, [.text(tier.tier), .integer(kept)])
    }
  }

  /// What each tier did for all programs that are remembered, and for the last one.
  public static func summary(on connection: PostgresConnection) async throws(PostgresError)
    -> [(all: CacheUse, last: CacheUse)]
  {
    let newest = ["hits", "misses", "puts", "refused", "evictions", "failures", "entries", "bytes"].map {
      "(sum(\($0)) FILTER (WHERE rank = 1))::bigint"
    }.joined(separator: ", ")
    let rows = try await connection.query(
      """
      WITH ranked AS (SELECT *, row_number() OVER (PARTITION BY tier ORDER BY use_id DESC) AS rank FROM daybook.cache_use)
      SELECT tier, count(*), max(used_at), max(purpose) FILTER (WHERE rank = 1),
        sum(hits)::bigint, sum(misses)::bigint, sum(puts)::bigint, sum(refused)::bigint, sum(evictions)::bigint,
        sum(failures)::bigint,
        \(newest)
      FROM ranked GROUP BY tier ORDER BY tier
      """)
    var summary: [(all: CacheUse, last: CacheUse)] = []
    for row in rows {
      var last = TierStatistics(tier: try row.decode(0))
      var all = last
      guard case .timestamptz(let moment) = try row.value(at: 2) else { continue }
      (all.hits, all.misses, all.puts) = (try row.decode(4), try row.decode(5), try row.decode(6))
      (all.refused, all.evictions, all.failures) = (try row.decode(7), try row.decode(8), try row.decode(9))
      (last.hits, last.misses, last.puts) = (try row.decode(10), try row.decode(11), try row.decode(12))
      (last.refused, last.evictions, last.failures) = (try row.decode(13), try row.decode(14), try row.decode(15))
      (last.entries, last.bytes) = (try row.decode(16), try row.decode(17))
      (all.entries, all.bytes) = (last.entries, last.bytes)
      let usedAt = Moment(microsecondsSince1970: moment)
      let purpose: String = try row.decode(3)
      summary.append(
        (
          all: CacheUse(usedAt: usedAt, purpose: purpose, programs: try row.decode(1), statistics: all),
          last: CacheUse(usedAt: usedAt, purpose: purpose, programs: 1, statistics: last)
        ))
    }
    return summary
  }
}
