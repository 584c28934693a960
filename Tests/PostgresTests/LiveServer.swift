// What the live tests share: a connection to a fresh database, and waiting for something the server shows.

import Postgres
import TestSupport
import Testing

/// Lends a connection to a database of its own.
func withConnection<R>(_ body: (PostgresConnection) async throws -> R) async throws -> R {
  try await TestDatabase.withDatabase { database in
    var configuration = database.configuration
    // Beside all other tests the server may take longer to confirm a cancel than a user would wait.
    configuration.cancelTimeout = .seconds(60)
    let connection = try await PostgresConnection.connect(configuration)
    do {
      let value = try await body(connection)
      await connection.close()
      return value
    } catch {
      await connection.close()
      throw error
    }
  }
}

/// Whether a backend is running a statement.
func isActive(_ backend: Int32, _ observer: PostgresConnection) async throws -> Bool {
  let rows = try await observer.query(
    "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND wait_event = 'PgSleep'", [.int4(backend)])
  return !rows.isEmpty
}

/// Polls a condition that no event announces; fails the test after five minutes.
func waitUntil(
  _ condition: () async throws -> Bool, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  let limit = ContinuousClock.now + .seconds(300)
  while try await !condition() {
    guard ContinuousClock.now < limit else {
      Issue.record("the condition did not come true", sourceLocation: sourceLocation)
      return
    }
    try await Task.sleep(for: .milliseconds(5))
  }
}

extension PostgresConnection {
  /// The one number a query returns.
  func number(_ sql: String) async throws -> Int {
    try await query(sql)[0].decode(0, as: Int.self)
  }
}

/// Whether a connection still answers what it is asked.
func expectUsable(
  _ connection: PostgresConnection, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  let answer = try await connection.number("SELECT 7")
  #expect(answer == 7, sourceLocation: sourceLocation)
}
