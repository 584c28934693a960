// How often the data of each base table and view has changed, and what each view was built from.
// Written on the caller's connection, so that a version moves exactly when the change commits.
// Keys are the unqualified names of feeds and views; beside them, under names that are none, how often kept results were
// forgotten (the room Cache).

public import Postgres

/// The version of each relation's data.
public enum DataVersions {
  /// Every relation that ever changed; one that is absent stands at 0.
  public static func current(on connection: PostgresConnection) async throws(PostgresError) -> [String: Int64] {
    // One statement: what was counted meanwhile is in one of both tables and never in neither.
    let rows = try await connection.query("SELECT relation, version FROM daybook.relation_version")
    var versions: [String: Int64] = [:]
    for row in rows { versions[try row.decode(0, as: String.self)] = try row.decode(1, as: Int64.self) }
    return versions
  }

  /// When the data of each relation last changed, in microseconds since 1970. A count may come again after a dump was
  /// restored; this moment does not.
  public static func lastChanges(on connection: PostgresConnection) async throws(PostgresError) -> [String: Int64] {
    let rows = try await connection.query(
      "SELECT relation, (extract(epoch FROM changed_at) * 1000000)::bigint FROM daybook.relation_version")
    var changes: [String: Int64] = [:]
    for row in rows { changes[try row.decode(0, as: String.self)] = try row.decode(1, as: Int64.self) }
    return changes
  }

  /// The random name of the ledger, which no other database has but a copy of this one.
  public static func ledgerIdentity(on connection: PostgresConnection) async throws(PostgresError) -> String {
    let rows = try await connection.query("SELECT identity::text FROM daybook.ledger")
    return try rows.first?.decode(0) ?? ""
  }

  /// Counts one change of a relation.
  ///
  /// - Returns: how many changes are counted, the first being 1, those by hand only once they are settled. The row stays
  ///   locked until the caller commits.
  @discardableResult
  public static func bump(_ relation: String, on connection: PostgresConnection)
    async throws(PostgresError) -> Int64
  {
    let rows = try await connection.query(
      """
      INSERT INTO daybook.data_version AS v (relation, version) VALUES ($1, 1)
      ON CONFLICT (relation) DO UPDATE SET version = v.version + 1, changed_at = clock_timestamp()
      RETURNING version
      """, [.text(relation)])
    guard let row = rows.first else {
      throw PostgresError(.decoding, "counting a change of \"\(relation)\" returned no version")
    }
    return try row.decode(0)
  }

  /// Counts what was changed by hand; no version moves by that. Rows that another session is counting are left to it.
  public static func settle(on connection: PostgresConnection) async throws(PostgresError) {
    try await connection.execute(
      """
      WITH counted AS (
        DELETE FROM daybook.uncounted_change WHERE batch_id = ANY (ARRAY(
          SELECT batch_id FROM daybook.uncounted_change LIMIT 1000000 FOR UPDATE SKIP LOCKED))
        RETURNING relation, changed_at)
      INSERT INTO daybook.data_version AS v (relation, version, changed_at)
      SELECT relation, count(*), max(changed_at) FROM counted GROUP BY relation ORDER BY relation
      ON CONFLICT (relation) DO UPDATE SET version = v.version + excluded.version,
        changed_at = greatest(v.changed_at, excluded.changed_at)
      """)
  }
}

/// What a view was last built from.
public struct ViewState: Sendable, Hashable {
  /// The hash of its definition.
  public var definitionHash: String
  /// The version of each relation it reads.
  public var inputVersions: [String: Int64]
  /// The view's own data version at which its totals were last found equal to its source; nil before that.
  public var checkedVersion: Int64?
  /// The last batch of its source that its state contains; nil for what is not maintained from the journal.
  public var absorbedBatch: Int64?
  /// The rows of a rollup's state; nil for what is not maintained from the journal, or where an older program did not say.
  public var rowCount: Int?

  /// Creates a state.
  public init(
    definitionHash: String, inputVersions: [String: Int64], checkedVersion: Int64? = nil,
    absorbedBatch: Int64? = nil, rowCount: Int? = nil
  ) {
    self.definitionHash = definitionHash
    self.inputVersions = inputVersions
    self.checkedVersion = checkedVersion
    self.absorbedBatch = absorbedBatch
    self.rowCount = rowCount
  }
}

/// What each view was last built from.
public enum ViewStates {
  /// Every view that was ever built.
  public static func current(on connection: PostgresConnection) async throws(PostgresError) -> [String: ViewState] {
    let rows = try await connection.query(
      """
      SELECT view, definition_hash,
        ARRAY(SELECT key FROM jsonb_each_text(input_versions) ORDER BY key),
        ARRAY(SELECT value::bigint FROM jsonb_each_text(input_versions) ORDER BY key),
        checked_version, absorbed_batch, row_count
      FROM daybook.view_state
      """)
    var states: [String: ViewState] = [:]
    for row in rows {
      let names: [String] = try row.decode(2)
      let versions: [Int64] = try row.decode(3)
      states[try row.decode(0, as: String.self)] = ViewState(
        definitionHash: try row.decode(1),
        inputVersions: Dictionary(zip(names, versions), uniquingKeysWith: { _, last in last }),
        checkedVersion: try row.decode(4), absorbedBatch: try row.decode(5), rowCount: try row.decode(6))
    }
    return states
  }

  /// Runs `body` while no other session does so for rollups over the same feed.
  ///
  /// The lock is the session's, not a transaction's: taking it inside one would fix what that transaction sees before the
  /// lock is had. A session that ends gives it back.
  public nonisolated(nonsending) static func withLock<R: Sendable>(
    ofRollupsOver feed: String, on connection: PostgresConnection,
    _ body: nonisolated(nonsending) (PostgresConnection) async throws -> R
  ) async throws -> R {
    let key: [PostgresValue] = [.text("rollups over " + feed)]
    try await connection.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", key)
    do {
      let result = try await body(connection)
      try await connection.execute("SELECT pg_advisory_unlock(hashtextextended($1, 0))", key)
      return result
    } catch {
      // A connection that cannot give it back is reset or closed before it is lent again, and that gives it back.
      _ = try? await connection.execute("SELECT pg_advisory_unlock(hashtextextended($1, 0))", key)
      throw error
    }
  }

  /// Records what `view` was built from.
  public static func record(_ view: String, _ state: ViewState, on connection: PostgresConnection)
    async throws(PostgresError)
  {
    let inputs = state.inputVersions.sorted { $0.key < $1.key }
    try await connection.execute(
      """
      INSERT INTO daybook.view_state (view, definition_hash, input_versions, absorbed_batch, row_count)
      SELECT $1, $2, coalesce(jsonb_object_agg(k, v), '{}'), $5::bigint, $6::bigint FROM unnest($3::text[], $4::bigint[]) AS t(k, v)
      ON CONFLICT (view) DO UPDATE SET definition_hash = excluded.definition_hash,
        input_versions = excluded.input_versions, absorbed_batch = excluded.absorbed_batch, row_count = excluded.row_count, refreshed_at = clock_timestamp()
      """,
      [
        .text(view), .text(state.definitionHash), .textArray(inputs.map(\.key)), .int8Array(inputs.map(\.value)),
        .optional(int8: state.absorbedBatch), .optional(int8: state.rowCount.map(Int64.init)),
      ])
  }

  /// Records that the totals of `view` were found equal to its source when its data stood at `version`.
  public static func recordCheck(_ view: String, version: Int64, on connection: PostgresConnection)
    async throws(PostgresError)
  {
    try await connection.execute(
      "UPDATE daybook.view_state SET checked_version = $2 WHERE view = $1", [.text(view), .int8(version)])
  }

  /// Records that `view` was found to differ from its source: nothing that was proven of it holds, and no delta may build
  /// on it.
  public static func distrust(_ view: String, on connection: PostgresConnection) async throws(PostgresError) {
    try await connection.execute(
      """
      WITH proof AS (DELETE FROM daybook.view_proof WHERE view = $1)
      UPDATE daybook.view_state SET checked_version = NULL, absorbed_batch = NULL WHERE view = $1
      """, [.text(view)])
  }
}
