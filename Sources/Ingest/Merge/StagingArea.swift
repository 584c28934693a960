// The staging tables of one feed's ingest, and those that killed runs left behind.
// Invariant: whoever has staging tables holds a session lock named after them; a table whose lock is free belongs
// to nobody and is dropped by the next ingest. Names: staging_<run>_<feed's hash>_<number>, and behind that _<worker>
// for the children that more than one worker makes, which inherit the file's table and are dropped before it.

internal import Ledger
internal import Postgres

/// Names, creates and drops staging tables in the schema `daybook`.
struct StagingArea: Sendable {
  private static let schema = "daybook"
  private static let lockClass: Int32 = 0x6461_7962  // "dayb"
  private let prefix: String

  init(runID: RunID, feed: String) {
    prefix = "staging_\(hex(runID.bytes))_\(String(shortHash(feed), radix: 16))"
  }

  func table(_ number: Int) -> QualifiedName { QualifiedName(schema: Self.schema, name: "\(prefix)_\(number)") }

  /// The table of one more worker.
  static func child(_ worker: Int, of table: QualifiedName) -> QualifiedName {
    QualifiedName(schema: table.schema, name: "\(table.name)_\(worker)")
  }

  private static func lock(of prefix: String) -> PostgresValue { .int4(Int32(bitPattern: shortHash(prefix))) }

  nonisolated(nonsending) func lock(on connection: PostgresConnection) async throws {
    try await connection.execute(
      "select pg_advisory_lock($1, $2)", [.int4(Self.lockClass), Self.lock(of: prefix)])
  }

  nonisolated(nonsending) func unlock(on connection: PostgresConnection) async throws {
    try await connection.execute(
      "select pg_advisory_unlock($1, $2)", [.int4(Self.lockClass), Self.lock(of: prefix)])
  }

  /// Drops the tables of this area.
  nonisolated(nonsending) func drop(on connection: PostgresConnection) async throws {
    for name in try await Self.tables(like: prefix + "_", on: connection) { try await Self.drop(name, on: connection) }
  }

  /// Drops staging tables that nobody holds.
  /// - Returns: how many there were.
  @discardableResult
  static func sweep(on connection: PostgresConnection) async throws -> Int {
    var dropped = 0
    for name in try await tables(like: "staging_", on: connection) {
      let parts = name.split(separator: "_")
      guard parts.count == 4 || parts.count == 5, parts[1].count == 32 else { continue }
      let owner = lock(of: parts.prefix(3).joined(separator: "_"))
      let rows = try await connection.query("select pg_try_advisory_lock($1, $2)", [.int4(lockClass), owner])
      guard try rows.first?.decode(0, as: Bool.self) == true else { continue }
      try await drop(name, on: connection)
      try await connection.execute("select pg_advisory_unlock($1, $2)", [.int4(lockClass), owner])
      dropped += 1
    }
    return dropped
  }

  /// Children first: their names are the longer ones.
  private static func tables(like prefix: String, on connection: PostgresConnection) async throws -> [String] {
    let rows = try await connection.query(
      """
      select relname::text from pg_class
      where relnamespace = to_regnamespace($1) and relkind = 'r' and starts_with(relname, $2)
      order by length(relname) desc, relname
      """,
      [.text(schema), .text(prefix)])
    return try rows.map { try $0.decode(0, as: String.self) }
  }

  private static func drop(_ name: String, on connection: PostgresConnection) async throws {
    try await connection.execute("drop table if exists \(QualifiedName(schema: schema, name: name).quoted)")
  }
}
