// The ledger's schema, as numbered steps that are applied once and in order.
// Invariant: a database is never touched by a program older than its schema.
// Each step is a file of Sources/Ledger/SQL that also runs in psql; its number is in the name of the file.

internal import Postgres

/// One step of the schema.
struct Migration: Sendable {
  /// Its number; steps are numbered from 1 without gaps.
  let version: Int
  /// What it is called.
  let name: String
  /// Its statements.
  let sql: String
}

enum Migrations {
  /// All steps, in order. A new step is a new line here and a new file.
  static let all: [Migration] = [
    Migration(version: 1, name: "ledger", sql: String(decoding: PackageResources.ledger_0001_sql, as: UTF8.self)),
    Migration(version: 2, name: "journal", sql: String(decoding: PackageResources.ledger_0002_sql, as: UTF8.self)),
    Migration(version: 3, name: "views", sql: String(decoding: PackageResources.ledger_0003_sql, as: UTF8.self)),
    Migration(version: 4, name: "checks", sql: String(decoding: PackageResources.ledger_0004_sql, as: UTF8.self)),
    Migration(version: 5, name: "watch", sql: String(decoding: PackageResources.ledger_0005_sql, as: UTF8.self)),
    Migration(version: 6, name: "periods", sql: String(decoding: PackageResources.ledger_0006_sql, as: UTF8.self)),
    Migration(version: 7, name: "timings", sql: String(decoding: PackageResources.ledger_0007_sql, as: UTF8.self)),
    Migration(version: 8, name: "cache", sql: String(decoding: PackageResources.ledger_0008_sql, as: UTF8.self)),
    Migration(version: 9, name: "identity", sql: String(decoding: PackageResources.ledger_0009_sql, as: UTF8.self)),
    Migration(version: 10, name: "slices", sql: String(decoding: PackageResources.ledger_0010_sql, as: UTF8.self)),
    Migration(version: 11, name: "keepsakes", sql: String(decoding: PackageResources.ledger_0011_sql, as: UTF8.self)),
  ]

  /// The key of the advisory lock under which steps are applied; "daybookM" in ASCII.
  static let lockKey: Int64 = 0x6461_7962_6F6F_6B4D

  /// Brings the schema to the newest step.
  ///
  /// One statement when nothing is to be done.
  static func apply(_ steps: [Migration] = all, on connection: PostgresConnection) async throws(LedgerError) {
    let known = steps.count
    guard steps.map(\.version) == Array(1...max(1, known)) else {
      throw .badMigrations("they are not numbered 1 to \(known)")
    }
    var current = try await currentVersion(on: connection)
    if current == known { return }
    if current > known { throw .newerSchema(found: current, known: known) }
    try await database { () async throws(PostgresError) in
      try await connection.execute("SELECT pg_advisory_lock($1)", [.int8(lockKey)])
    }
    let outcome = await attempt(steps, on: connection)
    try await database { () async throws(PostgresError) in
      try await connection.execute("SELECT pg_advisory_unlock($1)", [.int8(lockKey)])
    }
    try outcome.get()
    current = try await currentVersion(on: connection)
    if current > known { throw .newerSchema(found: current, known: known) }
  }

  private static func attempt(_ steps: [Migration], on connection: PostgresConnection) async
    -> Result<Void, LedgerError>
  {
    do {
      // Another process may have been faster while this one waited for the lock.
      let current = try await currentVersion(on: connection)
      for step in steps where step.version > current {
        do {
          try await connection.withTransaction { transaction in
            try await transaction.executeScript(step.sql)
            try await transaction.execute(
              "INSERT INTO daybook.migration (version, name) VALUES ($1, $2)",
              [.int8(Int64(step.version)), .text(step.name)])
          }
        } catch {
          throw LedgerError(error)
        }
      }
      return .success(())
    } catch {
      return .failure(LedgerError(error))
    }
  }

  /// The newest step applied; 0 in a database without the schema.
  static func currentVersion(on connection: PostgresConnection) async throws(LedgerError) -> Int {
    do {
      let rows = try await connection.query("SELECT coalesce(max(version), 0) FROM daybook.migration")
      return try rows.first?.decode(0) ?? 0
    } catch {
      if error.sqlState == "42P01" || error.sqlState == "3F000" { return 0 }
      throw .database(error)
    }
  }
}

extension LedgerError {
  /// The ledger's view of an error of a connection.
  init(_ error: any Error) {
    switch error {
    case let error as LedgerError: self = error
    case let error as PostgresError: self = .database(error)
    case is CancellationError: self = .database(PostgresError(.cancelled, "cancelled"))
    default: self = .database(PostgresError(.misuse, String(describing: error)))
    }
  }
}

/// Runs `body`, and says that a failure came from the database.
@discardableResult
func database<R>(_ body: () async throws(PostgresError) -> R) async throws(LedgerError) -> R {
  do { return try await body() } catch { throw .database(error) }
}
