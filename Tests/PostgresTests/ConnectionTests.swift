// The connection against a live server: round trips, errors, transactions, concurrency, cancellation.
// COPY, types and the pool have files of their own.

import Postgres
import TestSupport
import Testing

@Suite struct ConnectionTests {
  @Test func threeSleepsOnThreeConnectionsTakeOneSecond() async throws {
    try await TestDatabase.withDatabase { database in
      var connections: [PostgresConnection] = []
      for _ in 0..<3 { connections.append(try await PostgresConnection.connect(database.configuration)) }
      // The server's clock judges: a busy machine may delay this process, but not make sleeps overlap.
      let spans = try await withThrowingTaskGroup(of: (begun: Double, ended: Double).self) { group in
        for connection in connections {
          group.addTask {
            let row = try await connection.query(
              """
              SELECT extract(epoch FROM begun)::float8, extract(epoch FROM clock_timestamp())::float8
              FROM (SELECT clock_timestamp() AS begun, pg_sleep(1) OFFSET 0) AS slept
              """)[0]
            return (try row.decode(0), try row.decode(1))
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      let begun = try #require(spans.map(\.begun).max())
      let ended = try #require(spans.map(\.ended).min())
      #expect(begun < ended, "the sleeps followed one another: \(spans)")
      for connection in connections { await connection.close() }
    }
  }

  @Test func aServerErrorCarriesItsFieldsAndNeverAParameterValue() async throws {
    try await withConnection { connection in
      try await connection.executeScript(
        "CREATE TABLE account (id bigint CONSTRAINT account_key PRIMARY KEY, owner text NOT NULL)")
      try await connection.execute("INSERT INTO account VALUES ($1, $2)", [1, "ada"])
      let error = await #expect(throws: PostgresError.self) {
        try await connection.execute("INSERT INTO account VALUES ($1, $2)", [1, "sesame-open"])
      }
      #expect(error?.kind == .server)
      #expect(error?.sqlState == "23505")
      #expect(error?.constraint == "account_key")
      #expect(error?.table == "account")
      #expect(error?.detail == "Key (id)=(1) already exists.")
      #expect(error?.statement == "INSERT INTO account VALUES ($1, $2)")
      #expect(String(reflecting: error).contains("sesame-open") == false)
      let missing = await #expect(throws: PostgresError.self) {
        try await connection.query("SELECT * FROM acount")
      }
      #expect(missing?.sqlState == "42P01")
      #expect(missing?.position == 15)
      #expect(try await connection.number("SELECT count(*) FROM account") == 1)
    }
  }

  @Test func overlappingUseIsRefused() async throws {
    try await TestDatabase.withDatabase { database in
      let connection = try await PostgresConnection.connect(database.configuration)
      let observer = try await PostgresConnection.connect(database.configuration)
      let sleeping = Task { try await connection.execute("SELECT pg_sleep(60)") }
      try await waitUntil { try await isActive(connection.backendProcessID, observer) }
      let error = await #expect(throws: PostgresError.self) { try await connection.execute("SELECT 1") }
      #expect(error?.kind == .misuse)
      sleeping.cancel()
      _ = await sleeping.result
      try await expectUsable(connection)
      await connection.close()
      await observer.close()
    }
  }

  @Test func cancellingTheTaskCancelsTheStatementOnTheServer() async throws {
    try await TestDatabase.withDatabase { database in
      let connection = try await PostgresConnection.connect(database.configuration)
      let observer = try await PostgresConnection.connect(database.configuration)
      let pid = connection.backendProcessID
      let sleeping = Task { try await connection.execute("SELECT pg_sleep(60)") }
      try await waitUntil { try await isActive(pid, observer) }
      sleeping.cancel()
      let error = await #expect(throws: PostgresError.self) { try await sleeping.value }
      #expect(error?.kind == .cancelled)
      #expect(error?.sqlState == "57014")
      #expect(try await isActive(pid, observer) == false)
      #expect(try await connection.number("SELECT 42") == 42)
      await connection.close()
      await observer.close()
    }
  }

  @Test func aCancelledTaskSendsNothing() async throws {
    try await withConnection { connection in
      try await connection.executeScript("CREATE TABLE note (text text)")
      let task = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        try await connection.execute("INSERT INTO note VALUES ('written')")
      }
      let error = await #expect(throws: PostgresError.self) { try await task.value }
      #expect(error?.kind == .cancelled)
      #expect(try await connection.query("SELECT * FROM note").isEmpty)
    }
  }

  @Test func aTransactionCommitsOnReturnAndRollsBackOnThrow() async throws {
    struct Stop: Error {}
    try await withConnection { connection in
      try await connection.executeScript("CREATE TABLE entry (id bigint)")
      try await connection.withTransaction { _ = try await $0.execute("INSERT INTO entry VALUES (1)") }
      await #expect(throws: Stop.self) {
        try await connection.withTransaction { transaction in
          try await transaction.execute("INSERT INTO entry VALUES (2)")
          throw Stop()
        }
      }
      #expect(try await ids(connection) == [1])
    }
  }

  @Test func aNestedTransactionIsASavepoint() async throws {
    try await withConnection { connection in
      try await connection.executeScript("CREATE TABLE entry (id bigint)")
      try await connection.withTransaction { outer in
        try await outer.execute("INSERT INTO entry VALUES (1)")
        await #expect(throws: PostgresError.self) {
          try await outer.withTransaction { inner in
            try await inner.execute("INSERT INTO entry VALUES (2)")
            try await inner.execute("SELECT 1 / 0")
          }
        }
        try await outer.withTransaction { _ = try await $0.execute("INSERT INTO entry VALUES (3)") }
      }
      #expect(try await ids(connection) == [1, 3])
    }
  }

  @Test func aTransactionThatSwallowedItsErrorIsReportedAsRolledBack() async throws {
    try await withConnection { connection in
      try await connection.executeScript("CREATE TABLE entry (id bigint)")
      let error = await #expect(throws: PostgresError.self) {
        try await connection.withTransaction { transaction in
          try await transaction.execute("INSERT INTO entry VALUES (1)")
          _ = try? await transaction.execute("SELECT 1 / 0")
        }
      }
      #expect(error?.sqlState == "25P02")
      #expect(try await ids(connection) == [])
      try await connection.withTransaction { _ = try await $0.execute("INSERT INTO entry VALUES (2)") }
      #expect(try await ids(connection) == [2])
    }
  }

  @Test func aCancelledTransactionRollsBack() async throws {
    try await withConnection { connection in
      try await connection.executeScript("CREATE TABLE entry (id bigint)")
      let inside = AsyncStream<Void>.makeStream()
      let task = Task {
        try await connection.withTransaction { transaction in
          try await transaction.execute("INSERT INTO entry VALUES (1)")
          inside.continuation.finish()
          try await transaction.execute("SELECT pg_sleep(60)")
        }
      }
      for await _ in inside.stream {}
      task.cancel()
      await #expect(throws: PostgresError.self) { try await task.value }
      #expect(try await ids(connection) == [])
    }
  }

  @Test func rowsStreamOneByOneAndAThrowStopsThem() async throws {
    struct Enough: Error {}
    try await withConnection { connection in
      var sum = 0
      try await connection.forEachRow("SELECT n FROM generate_series(1, $1::bigint) n", [100_000]) { row in
        sum += try row.decode(0, as: Int.self)
      }
      #expect(sum == 5_000_050_000)
      var seen = 0
      await #expect(throws: Enough.self) {
        try await connection.forEachRow("SELECT n FROM generate_series(1, 10000000) n") { _ in
          seen += 1
          if seen == 10 { throw Enough() }
        }
      }
      #expect(seen == 10)
      try await expectUsable(connection)
    }
  }

  @Test func anErrorAmongStreamedRowsSurfaces() async throws {
    try await withConnection { connection in
      let error = await #expect(throws: PostgresError.self) {
        try await connection.forEachRow("SELECT 1 / (1000 - n) FROM generate_series(1, 2000) n") { _ in }
      }
      #expect(error?.sqlState == "22012")
      try await expectUsable(connection)
    }
  }

  @Test func aKilledBackendIsAConnectionLost() async throws {
    try await TestDatabase.withDatabase { database in
      let connection = try await PostgresConnection.connect(database.configuration)
      let killer = try await PostgresConnection.connect(database.configuration)
      let sleeping = Task { try await connection.execute("SELECT pg_sleep(60)") }
      let pid = connection.backendProcessID
      try await waitUntil { try await isActive(pid, killer) }
      try await killer.execute("SELECT pg_terminate_backend($1)", [.int4(pid)])
      let error = await #expect(throws: PostgresError.self) { try await sleeping.value }
      #expect(error?.kind == .connectionLost)
      #expect(error?.sqlState == "57P01")
      #expect(error?.isTransient == true)
      #expect(await connection.isClosed)
      let after = await #expect(throws: PostgresError.self) { try await connection.execute("SELECT 1") }
      // The next call on it did nothing wrong: it must not look like a mistake in the program.
      #expect(after?.kind == .connectionLost)
      #expect(after?.isTransient == true)
      await killer.close()
    }
  }

  @Test func aScriptRunsSeveralStatementsInOneTransaction() async throws {
    try await withConnection { connection in
      await #expect(throws: PostgresError.self) {
        try await connection.executeScript("CREATE TABLE one (n int); INSERT INTO one VALUES (1); SELECT 1 / 0;")
      }
      let found = try await connection.query("SELECT to_regclass('one') IS NULL AS is_missing")
      #expect(try found[0].decode("is_missing", as: Bool.self))
    }
  }

  @Test func copyWithoutItsOwnCallIsRefusedAndLeavesTheConnectionUsable() async throws {
    try await withConnection { connection in
      try await connection.executeScript("CREATE TABLE one (n int)")
      for sql in ["COPY one FROM STDIN", "COPY one TO STDOUT"] {
        let error = await #expect(throws: PostgresError.self) { try await connection.execute(sql) }
        #expect(error?.kind == .misuse)
        try await expectUsable(connection)
      }
    }
  }

  @Test func sessionSettingsHoldFromTheStart() async throws {
    try await TestDatabase.withDatabase { database in
      var configuration = database.configuration
      configuration.sessionSettings = ["TimeZone": "America/New_York", "application_name": "day book\\"]
      let connection = try await PostgresConnection.connect(configuration)
      let rows = try await connection.query("SELECT current_setting('TimeZone'), current_setting('application_name')")
      #expect(try rows[0].decode(0, as: String.self) == "America/New_York")
      await connection.close()
    }
  }
}

private func ids(_ connection: PostgresConnection) async throws -> [Int] {
  try await connection.query("SELECT id FROM entry ORDER BY id").map { try $0.decode(0) }
}
