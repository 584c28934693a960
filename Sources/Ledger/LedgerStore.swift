// The record of runs and stages, on one connection of its own in autocommit.
// Invariant: what is recorded here survives the rollback of any stage, a cancelled task and a dead server
// (then by the mirror). Recording is shielded from cancellation: a cancelled run must still be written down.
// Files, rejects and versions commit with the data instead: see FileLedger and DataVersions.
// Commits here do not wait for the disk, so that a night with nothing new stays cheap: what was recorded before a
// durable commit of data is durable with it, the mirror holds the rest, and the end of a run does wait.

public import Postgres

/// Writes down runs and stages, and holds the lock that keeps two runs apart.
public actor LedgerStore {
  /// The key of the run lock; "daybookR" in ASCII. Advisory locks belong to one database.
  static let runLockKey: Int64 = 0x6461_7962_6F6F_6B52

  private let configuration: PostgresConfiguration
  private let migrations: [Migration]
  private var connection: PostgresConnection?
  private var holdsRunLock = false
  private var sequences: [RunID: Int] = [:]
  private var turn: Task<Void, Never>?
  var mirror: RunMirror

  /// - Parameters:
  ///   - configuration: where the ledger is.
  ///   - mirrorDirectory: where each run is copied to as `<run_id>.jsonl`; nil keeps no copy.
  public init(configuration: PostgresConfiguration, mirrorDirectory: String? = nil) {
    self.init(configuration: configuration, mirrorDirectory: mirrorDirectory, migrations: Migrations.all)
  }

  init(configuration: PostgresConfiguration, mirrorDirectory: String?, migrations: [Migration]) {
    self.configuration = configuration
    self.migrations = migrations
    mirror = RunMirror(directory: mirrorDirectory)
  }

  /// Connects, and brings the schema `daybook` up to date under an advisory lock.
  public func open() async throws(LedgerError) {
    guard connection == nil else { return }
    let configuration = configuration
    let opened = try await database { () async throws(PostgresError) in
      try await PostgresConnection.connect(configuration)
    }
    do {
      try await database { () async throws(PostgresError) in
        try await opened.execute("SET synchronous_commit = off")
      }
      try await Migrations.apply(migrations, on: opened)
    } catch {
      await opened.close()
      throw error
    }
    connection = opened
  }

  /// Gives up the lock and the connection.
  public func close() async {
    await turn?.value
    let closing = connection
    connection = nil
    holdsRunLock = false
    await closing?.close()
  }

  /// The newest schema version this program knows.
  public static var schemaVersion: Int { Migrations.all.count }

  /// Why the last event could not be copied to a file; nil when all were.
  public var mirrorFailure: String? { mirror.lastFailure }

  /// Says whose data this ledger describes; the first project to say so owns the database's ledger.
  ///
  /// A changed schema name would make loaded files look loaded where their rows are not.
  public func claim(project: String, schema: String) async throws(LedgerError) {
    let rows = try await perform { connection async throws(PostgresError) in
      let found = try await connection.query("SELECT project, schema_name FROM daybook.owner")
      if !found.isEmpty { return found }
      try await connection.execute(
        "INSERT INTO daybook.owner (project, schema_name) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        [.text(project), .text(schema)])
      return try await connection.query("SELECT project, schema_name FROM daybook.owner")
    }
    guard let row = rows.first else { return }
    let owner = try await database { () async throws(PostgresError) -> (project: String, schema: String) in
      (try row.decode(0), try row.decode(1))
    }
    if owner.schema != schema {
      throw .foreignOwner(project: owner.project, schema: owner.schema, wanted: schema)
    }
  }

  /// Takes the lock that keeps two runs on one database apart, without waiting.
  ///
  /// - Returns: whether this session holds it now. It ends with `close()`, or with the session.
  public func acquireRunLock() async throws(LedgerError) -> Bool {
    let locked = try await perform { connection async throws(PostgresError) in
      let rows = try await connection.query("SELECT pg_try_advisory_lock($1)", [.int8(Self.runLockKey)])
      return try rows.first?.decode(0, as: Bool.self) ?? false
    }
    holdsRunLock = locked
    return locked
  }

  /// Gives up the lock.
  public func releaseRunLock() async throws(LedgerError) {
    guard holdsRunLock else { return }
    holdsRunLock = false
    try await perform { connection async throws(PostgresError) in
      _ = try await connection.query("SELECT pg_advisory_unlock($1)", [.int8(Self.runLockKey)])
    }
  }

  /// The next place in a run's sequence of stages.
  func nextSequence(_ run: RunID) -> Int {
    let next = (sequences[run] ?? 0) + 1
    sequences[run] = next
    return next
  }

  /// Runs `body` on the ledger's connection, one at a time, and to its end even when the caller is cancelled.
  ///
  /// A lost connection is opened again once, and the run lock taken again: every statement here may be repeated.
  @discardableResult
  func perform<R: Sendable>(
    _ body: @escaping @Sendable (PostgresConnection) async throws(PostgresError) -> R
  ) async throws(LedgerError) -> R {
    let before = turn
    let work = Task { () -> Result<R, LedgerError> in
      await before?.value
      return await self.attempt(body)
    }
    turn = Task { _ = await work.value }
    return try await work.value.get()
  }

  private func attempt<R: Sendable>(
    _ body: @Sendable (PostgresConnection) async throws(PostgresError) -> R
  ) async -> Result<R, LedgerError> {
    guard let connection else { return .failure(.notOpen) }
    do {
      return .success(try await body(connection))
    } catch {
      // A server that ends a session says so with class 57P before the connection breaks.
      guard error.kind == .connectionLost || error.sqlState?.hasPrefix("57P") == true else {
        return .failure(.database(error))
      }
      do {
        let reopened = try await reopen()
        return .success(try await body(reopened))
      } catch {
        return .failure(.database(error))
      }
    }
  }

  private func reopen() async throws(PostgresError) -> PostgresConnection {
    await connection?.close()
    let reopened = try await PostgresConnection.connect(configuration)
    try await reopened.execute("SET synchronous_commit = off")
    connection = reopened
    guard holdsRunLock else { return reopened }
    let rows = try await reopened.query("SELECT pg_try_advisory_lock($1)", [.int8(Self.runLockKey)])
    holdsRunLock = try rows.first?.decode(0, as: Bool.self) ?? false
    guard holdsRunLock else {
      throw PostgresError(
        .connectionLost, "the ledger's connection was lost, and another run took the lock meanwhile")
    }
    return reopened
  }
}
