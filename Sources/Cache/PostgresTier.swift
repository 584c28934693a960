// The table `daybook.cache`: results that outlive the process, packed, with a digest over key and bytes. It has two
// connections of its own beside the project's pool: one for short calls, and one that holds a key's advisory lock while its
// result is made; so the work never waits for the cache, and the cache never for the work.
// Invariant: bytes whose digest is not theirs are removed and never given; a value whose inputs have moved on, or that is
// older than what is there, is not stored. Every call has a time limit on the server and one of its caller.

public import Ledger
public import Postgres
internal import Synchronization

/// Keeps results in PostgreSQL.
public final class PostgresTier: CacheTier, FlightLock {
  /// How large it may become, and how long it may take.
  public struct Settings: Sendable, Hashable {
    /// Packed bytes of all values; the least recently used go first.
    public var maximumBytes = 256 << 20
    /// Packed bytes of one value; unpacked it may have four times as many. More would not go through in the time that a
    /// call may take, and a call that takes longer keeps the tier from everybody for a while.
    public var largestBytes = 8 << 20
    /// How long a call may take.
    public var patience: Duration = .seconds(1)
    /// How long somebody waits for another process that makes the same result, before making it too.
    public var flightPatience: Duration = .seconds(10)

    /// Creates the usual settings.
    public init() {}
  }

  private struct State {
    var statistics = TierStatistics(tier: "postgresql")
    /// Keys that were hit and not marked as used yet, in order.
    var used: [CacheKey] = []
    /// Whether a key's lock is held on the one connection for that.
    var isFlying = false
  }

  private let pool: PostgresPool
  private let flights: PostgresPool
  private let settings: Settings
  private let state = Mutex(State())

  /// Keys remembered as used before they are written down.
  private static let usedLimit = 256

  /// Connects to nothing yet.
  ///
  /// - Parameter configuration: where the ledger is.
  /// - Throws: `misuse` when the settings contradict each other.
  public init(configuration: PostgresConfiguration, settings: Settings = Settings()) throws(PostgresError) {
    self.settings = settings
    var configuration = configuration
    configuration.connectTimeout = settings.patience
    configuration.cancelTimeout = settings.patience / 4
    // Results are made again when they are lost, so no commit waits for the disk.
    configuration.sessionSettings["synchronous_commit"] = "off"
    var waiting = configuration
    func milliseconds(_ duration: Duration) -> String {
      "\(max(1, duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000))"
    }
    configuration.sessionSettings["statement_timeout"] = milliseconds(settings.patience)
    waiting.sessionSettings["lock_timeout"] = milliseconds(settings.flightPatience)
    pool = try PostgresPool(
      configuration: configuration,
      settings: PoolSettings(min: 0, max: 1, acquireTimeout: settings.patience, maxAge: .seconds(600)))
    flights = try PostgresPool(
      configuration: waiting,
      settings: PoolSettings(min: 0, max: 1, acquireTimeout: settings.patience, maxAge: .seconds(600)))
  }

  /// `postgresql`.
  public var name: String { "postgresql" }
  /// As its settings say, with what it takes to give a call up.
  public var patience: Duration? { settings.patience }

  /// Writes down what was used, and closes the connections.
  public func shutdown() async {
    _ = try? await markUsed()
    await pool.shutdown(within: .seconds(1))
    await flights.shutdown(within: .seconds(1))
  }

  // MARK: Values

  /// The value of a key that has not expired at `now`.
  public func get(_ key: CacheKey, at now: Moment) async throws -> CachedValue? {
    do {
      let value = try await read("key = $1", key.bytes, checking: key)
      let isHit = value.map { $0.expiresAt > now } ?? false
      let isFull = state.withLock { state in
        if isHit {
          state.statistics.hits += 1
          state.used.append(key)
        } else {
          state.statistics.misses += 1
        }
        return state.used.count >= Self.usedLimit
      }
      if isFull { try await markUsed() }
      return isHit ? value : nil
    } catch {
      state.withLock { state in
        state.statistics.misses += 1
        state.statistics.failures += 1
      }
      throw error
    }
  }

  /// The freshest value of a slot, expired or not.
  public func newest(of slot: CacheKey) async throws -> CachedValue? {
    try await read("slot = $1 ORDER BY coalesce(position, 0) DESC, stored_at DESC LIMIT 1", slot.bytes, checking: nil)
  }

  private func read(_ condition: String, _ bytes: [UInt8], checking key: CacheKey?) async throws -> CachedValue? {
    try await pool.withConnection(label: "cache get") { connection in
      let rows = try await connection.query(
        """
        SELECT key, payload, raw_bytes, digest, cost_us, position, stored_at, expires_at FROM daybook.cache
        WHERE \(condition)
        """, [.bytes(bytes)])
      guard let row = rows.first else { return nil }
      let own: [UInt8] = try row.decode(0)
      let value = try Self.value(row, of: own)
      guard let value, key.map({ $0.bytes == own }) ?? true else {
        state.withLock { $0.statistics.failures += 1 }
        try await connection.execute("DELETE FROM daybook.cache WHERE key = $1", [.bytes(own)])
        return nil
      }
      return value
    }
  }

  /// The value of a row; nil when its bytes are not those that were stored.
  private static func value(_ row: PostgresRow, of key: [UInt8]) throws -> CachedValue? {
    let payload: [UInt8] = try row.decode(1)
    let digest: [UInt8] = try row.decode(3)
    guard let bytes = Compression.unpacked(payload, count: try row.decode(2)),
      Digest.sha256(key + bytes) == digest,
      case .timestamptz(let stored) = try row.value(at: 6), case .timestamptz(let expires) = try row.value(at: 7)
    else { return nil }
    return CachedValue(
      bytes: bytes, cost: .microseconds(try row.decode(4, as: Int64.self)),
      storedAt: Moment(microsecondsSince1970: stored), expiresAt: Moment(microsecondsSince1970: expires),
      position: try row.decode(5))
  }

  /// Stores a value, unless a relation that it was made from has changed since.
  @discardableResult
  public func put(_ entry: CacheEntry) async throws -> CacheStoring {
    let key = entry.question.key.bytes
    let largest = min(settings.largestBytes, settings.maximumBytes)
    guard entry.value.bytes.count <= min(Int(Int32.max), 4 * largest),
      let payload = Compression.packed(entry.value.bytes), payload.count <= largest
    else {
      state.withLock { $0.statistics.refused += 1 }
      return .refused
    }
    let parameters: [PostgresValue] = [
      .bytes(key), .bytes(entry.question.slot.bytes), .textArray(entry.question.inputs.map(\.relation)),
      .int8Array(entry.question.inputs.map(\.version)), .text(entry.question.label), .bytes(payload),
      .int8(Int64(entry.value.bytes.count)), .bytes(Digest.sha256(key + entry.value.bytes)),
      .int8(Self.microseconds(entry.value.cost)), .optional(int8: entry.value.position),
      .timestamptz(microsecondsSince1970: entry.value.storedAt.microsecondsSince1970),
      .timestamptz(microsecondsSince1970: entry.value.expiresAt.microsecondsSince1970),
    ]
    let maximum = Int64(settings.maximumBytes)
    do {
      try await markUsed()
      let (stored, evicted) = try await pool.withConnection(label: "cache put") { connection in
        try await connection.withTransaction { transaction in
          let stored = try await transaction.execute(Self.insertion, parameters)
          guard stored > 0 else { return (0, 0) }
          // What the slot held before was made from data that are gone; of other days it may be from the same data.
          try await transaction.execute(
            """
            DELETE FROM daybook.cache
            WHERE slot = $1 AND key <> $2 AND (relations, versions) IS DISTINCT FROM ($4::text[], $5::bigint[])
              OR expires_at <= $3
            """, [parameters[1], parameters[0], parameters[10], parameters[2], parameters[3]])
          return (stored, try await transaction.execute(Self.eviction, [.int8(maximum)]))
        }
      }
      state.withLock { state in
        if stored > 0 { state.statistics.puts += 1 } else { state.statistics.refused += 1 }
        state.statistics.evictions += evicted
      }
      return stored > 0 ? .stored : .overtaken
    } catch {
      state.withLock { $0.statistics.failures += 1 }
      throw error
    }
  }

  private static let insertion = """
    INSERT INTO daybook.cache AS c (key, slot, relations, versions, label, payload, raw_bytes, digest, cost_us, position,
      stored_at, expires_at, used_at)
    SELECT $1, $2, $3, $4, $5, $6, $7::bigint::integer, $8, $9, $10::bigint, $11, $12, clock_timestamp()
    WHERE NOT EXISTS (
      SELECT FROM unnest($3::text[], $4::bigint[]) AS i (relation, version)
      LEFT JOIN daybook.relation_version v ON v.relation = i.relation
      WHERE i.version <> coalesce(v.version, 0))
    ON CONFLICT (key) DO UPDATE SET
      payload = excluded.payload, raw_bytes = excluded.raw_bytes, digest = excluded.digest, cost_us = excluded.cost_us,
      position = excluded.position, stored_at = excluded.stored_at, expires_at = excluded.expires_at,
      used_at = excluded.used_at
    WHERE coalesce(excluded.position, 0) >= coalesce(c.position, 0) OR c.expires_at <= excluded.stored_at
    """

  private static let eviction = """
    DELETE FROM daybook.cache WHERE key IN (
      SELECT key FROM (
        SELECT key, sum(octet_length(payload)) OVER (ORDER BY used_at DESC, key) AS running FROM daybook.cache) AS r
      WHERE running > $1)
    """

  private static func microseconds(_ duration: Duration) -> Int64 {
    let (seconds, attoseconds) = duration.components
    return min(seconds, 1 << 40) * 1_000_000 + attoseconds / 1_000_000_000_000
  }

  /// Writes down which values were used, in the order in which they were.
  private func markUsed() async throws {
    let used = state.withLock { state in
      defer { state.used = [] }
      return state.used
    }
    guard !used.isEmpty else { return }
    var last: [CacheKey: Int] = [:]
    for (place, key) in used.enumerated() { last[key] = place }
    let ordered = last.sorted { $0.value < $1.value }
    // One text of hexadecimal each: there is no array of bytea to send.
    let keys = ordered.map { Optional($0.key.description) }
    _ = try await pool.withConnection(label: "cache use") { connection in
      try await connection.execute(
        """
        UPDATE daybook.cache c
        SET used_at = clock_timestamp() - ($2::integer - u.place) * interval '1 microsecond'
        FROM unnest($1::text[]) WITH ORDINALITY AS u (key, place) WHERE c.key = decode(u.key, 'hex')
        """, [.textArray(keys), .int4(Int32(clamping: keys.count))])
    }
  }

  // MARK: Forgetting

  /// Forgets what was made from any of these relations, or everything when there are none, and what is being made from
  /// them now, by whatever process.
  ///
  /// - Returns: how many values went.
  @discardableResult
  public func forget(_ relations: Set<String>) async throws -> Int {
    try await pool.withConnection(label: "cache clear") { connection in
      try await connection.withTransaction { transaction in
        // Counted before anything goes: what is stored from now on has to know of it.
        let counts = relations.isEmpty ? [CacheInput.forgetting(nil)] : relations.sorted().map(CacheInput.forgetting)
        for count in counts { _ = try await DataVersions.bump(count, on: transaction) }
        return try await transaction.execute(
          "DELETE FROM daybook.cache WHERE relations && $1::text[] OR $1::text[] = '{}'",
          [.textArray(relations.sorted())])
      }
    }
  }

  // MARK: Statistics

  /// What it has done and holds.
  public func statistics() async throws -> TierStatistics {
    var statistics = state.withLock { $0.statistics }
    let rows = try await pool.withConnection(label: "cache statistics") { connection in
      try await connection.query("SELECT count(*), coalesce(sum(octet_length(payload)), 0)::bigint FROM daybook.cache")
    }
    statistics.entries = try rows.first?.decode(0) ?? 0
    statistics.bytes = try rows.first?.decode(1) ?? 0
    return statistics
  }

  // MARK: Flights

  /// Runs `body` once, holding the key's lock where that could be had in time.
  public nonisolated(nonsending) func whileHeld<R: Sendable>(
    _ key: CacheKey, _ body: nonisolated(nonsending) (FlightPermit) async -> R
  ) async -> R {
    var result: R?
    // The connection is busy with another key of this process, or another process makes the same.
    var isBusy = false
    do {
      try await flights.withConnection(label: "cache flight") { connection in
        state.withLock { $0.isFlying = true }
        defer { state.withLock { $0.isFlying = false } }
        try await connection.withTransaction { transaction in
          do {
            _ = try await transaction.query("SELECT pg_advisory_xact_lock($1)", [.int8(key.lockNumber)])
          } catch {
            isBusy = (error as? PostgresError)?.sqlState == "55P03"
            throw error
          }
          result = await body(.held)
        }
      }
    } catch {
      // The lock is a courtesy to others: without it, or when it was lost on the way, the result is as good.
    }
    if let result { return result }
    return await body(isBusy || state.withLock { $0.isFlying } ? .busy : .failed)
  }
}
