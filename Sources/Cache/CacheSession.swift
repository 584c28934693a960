// What of a session decides how a statement is answered: the role, the settings that shape values and names, and whether
// the session sees something that nobody else does (rows of its own transaction, temporary tables).
// Invariant: a setting that can change a row of a result is in the list below, and so in every key.

public import Postgres

/// Who asks, and how their session is set.
public struct CacheSession: Sendable, Hashable {
  /// One setting.
  public struct Setting: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Its value.
    public var value: String

    /// Creates a setting.
    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// The role whose rights and policies apply.
  public var role: String
  /// The database.
  public var database: String
  /// The settings, in the order of `settingNames`.
  public var settings: [Setting]
  /// Why this session's answers are its own and go past the cache; nil for a session like any other.
  public var ownSight: String?
  /// Whether the transaction may still write, so that it has to be asked again whether it has.
  public var mayWrite: Bool

  /// Creates a session.
  public init(
    role: String, database: String, settings: [Setting], ownSight: String? = nil, mayWrite: Bool = false
  ) {
    self.role = role
    self.database = database
    self.settings = settings
    self.ownSight = ownSight
    self.mayWrite = mayWrite
  }

  /// What decides how names are found, how values are written and read, and what a role may see.
  public static let settingNames = [
    "search_path", "TimeZone", "timezone_abbreviations", "DateStyle", "IntervalStyle", "extra_float_digits",
    "bytea_output", "lc_monetary", "lc_numeric", "lc_time", "default_text_search_config", "array_nulls",
    "transform_null_equals", "standard_conforming_strings", "backslash_quote", "xmlbinary", "xmloption",
    "row_security", "quote_all_identifiers", "server_version_num",
  ]

  /// All of it that decides what a statement gives in a transaction that sets its own search path and time zone.
  public var mark: String {
    let own = ["search_path", "TimeZone"]
    return ([role, database] + settings.filter { !own.contains($0.name) }.map { "\($0.name)=\($0.value)" })
      .joined(separator: "\u{0}")
  }

  /// Reads them from the session of `connection`, inside the transaction that will ask.
  public static func read(on connection: PostgresConnection) async throws(PostgresError) -> CacheSession {
    let rows = try await connection.query(
      """
      SELECT current_user::text, current_database()::text,
        ARRAY(SELECT coalesce(current_setting(name, true), '') FROM unnest($1::text[]) WITH ORDINALITY AS s (name, place)
          ORDER BY place),
        pg_current_xact_id_if_assigned() IS NOT NULL,
        pg_my_temp_schema() <> 0 AND EXISTS (SELECT FROM pg_class WHERE relnamespace = pg_my_temp_schema()),
        current_setting('transaction_read_only') = 'off'
      """, [.textArray(settingNames)])
    guard let row = rows.first else { throw PostgresError(.decoding, "the session told nothing of itself") }
    let values: [String] = try row.decode(2)
    let hasWritten: Bool = try row.decode(3)
    let hasTemporaryTables: Bool = try row.decode(4)
    return CacheSession(
      role: try row.decode(0), database: try row.decode(1), settings: zip(settingNames, values).map { Setting($0, $1) },
      ownSight: hasWritten
        ? "its transaction has written" : hasTemporaryTables ? "it has temporary tables" : nil,
      mayWrite: try row.decode(5))
  }

  /// Whether the transaction of `connection` has written by now.
  static func hasWritten(on connection: PostgresConnection) async throws(PostgresError) -> Bool {
    let rows = try await connection.query("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
    return try rows.first?.decode(0) ?? true
  }
}

/// How far the log of a server has come.
public enum LogPosition {
  /// What has been written, or on a replica what it has replayed; nil where the server does not say. Asked before a
  /// snapshot is taken, it is no more than what that snapshot holds.
  public static func current(on connection: PostgresConnection) async throws(PostgresError) -> Int64? {
    let rows = try await connection.query(
      """
      SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END
        - '0/0')::bigint
      """)
    return try rows.first?.decode(0)
  }
}
