// The pool against a live server: what a lease leaves behind never reaches the next, and every caller gets an answer.
// The decisions themselves are tested without a server in ResourcePoolTests.

import Postgres
import TestSupport
import Testing

@Suite struct PostgresPoolTests {
  @Test func connectionsAreLentAgain() async throws {
    try await TestDatabase.withDatabase { database in
      try await database.withPool(max: 2) { pool in
        var backends: Set<Int32> = []
        for _ in 0..<20 { backends.insert(try await pool.withConnection { $0.backendProcessID }) }
        #expect(backends.count == 1)
        #expect(pool.statistics.leases == 20 && pool.statistics.connects == 1)
      }
    }
  }

  @Test func moreTasksThanConnectionsAllGetTheirTurn() async throws {
    try await TestDatabase.withDatabase { database in
      try await database.withPool(max: 3) { pool in
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
          for number in 0..<100 {
            group.addTask {
              try await pool.withConnection { connection in
                #expect(pool.statistics.total <= 3)
                return try await connection.number("SELECT \(number)")
              }
            }
          }
          return try await group.reduce(0, +)
        }
        #expect(sum == 4_950)
        #expect(pool.statistics.active == 0 && pool.statistics.waiting == 0)
      }
    }
  }

  @Test func aFullPoolRefusesInTimeAndSaysWhoHoldsIt() async throws {
    try await TestDatabase.withDatabase { database in
      let pool = try PostgresPool(
        configuration: database.configuration,
        settings: PoolSettings(min: 0, max: 1, acquireTimeout: .seconds(2)))
      try await pool.withConnection(label: "the hoarder") { _ in
        let began = ContinuousClock.now
        let error = await #expect(throws: PostgresError.self) { try await pool.withConnection { _ in } }
        let waited = began.duration(to: .now)
        #expect(error?.kind == .poolTimeout)
        #expect(waited >= .seconds(2) && waited < .seconds(600), "waited \(waited)")
        for part in ["total 1", "active 1", "idle 0", "waiting 0", "the hoarder", "ms"] {
          #expect(error?.message.contains(part) == true, "\(part) is missing in: \(error?.message ?? "")")
        }
      }
      await pool.shutdown(within: .seconds(5))
    }
  }

  @Test func aWaiterWakesWhenAConnectionComesBack() async throws {
    try await TestDatabase.withDatabase { database in
      try await database.withPool(max: 2) { pool in
        let lent = AsyncStream<Void>.makeStream()
        let brief = Task {
          try await pool.withConnection { _ in
            lent.continuation.yield()
            try await Task.sleep(for: .milliseconds(800))
            return ContinuousClock.now
          }
        }
        let long = Task {
          try await pool.withConnection { _ in
            lent.continuation.yield()
            try await Task.sleep(for: .seconds(900))
          }
        }
        var both = lent.stream.makeAsyncIterator()
        await both.next()
        await both.next()
        let wokeAt = try await pool.withConnection { _ in ContinuousClock.now }
        let pause = try await brief.value.duration(to: wokeAt)
        #expect(pause > .zero && pause < .seconds(600), "woke \(pause) after the release")
        #expect(pool.statistics.active == 1)
        long.cancel()
        _ = await long.result
      }
    }
  }

  @Test func aReleaseInsideATransactionNeverReachesAnotherBorrower() async throws {
    try await TestDatabase.withDatabase { database in
      try await database.withPool(max: 1) { pool in
        for script in ["BEGIN", "BEGIN; SELECT 1 / 0"] {
          let before = try await pool.withConnection { connection in
            try await connection.execute("BEGIN")
            if script != "BEGIN" { _ = try? await connection.execute("SELECT 1 / 0") }
            return connection.backendProcessID
          }
          let after = try await pool.withConnection { $0.backendProcessID }
          #expect(before != after)
        }
      }
    }
  }

  @Test func aReleaseAmidAnExchangeClosesTheConnection() async throws {
    try await TestDatabase.withDatabase { database in
      try await database.withPool(max: 1) { pool in
        try await pool.withConnection { _ = try await $0.executeScript("CREATE TABLE number (n bigint)") }
        let started = AsyncStream<Void>.makeStream()
        let (before, leaked) = try await pool.withConnection { connection in
          let leaked = Task {
            try await connection.copyIn("COPY number FROM STDIN") { writer in
              try await writer.write([49, 10])
              started.continuation.finish()
              try await Task.sleep(for: .seconds(900))
            }
          }
          for await _ in started.stream {}
          return (connection.backendProcessID, leaked)
        }
        let (after, rows) = try await pool.withConnection { connection in
          (connection.backendProcessID, try await connection.number("SELECT count(*) FROM number"))
        }
        #expect(before != after && rows == 0)
        leaked.cancel()
        await #expect(throws: (any Error).self) { try await leaked.value }
      }
    }
  }

  @Test(arguments: [
    "SET statement_timeout = '77s'", "SELECT set_config('statement_timeout', '77s', false)",
    "CREATE TEMP TABLE leftover (n int)", "SELECT pg_advisory_lock(77)", "PREPARE leftover AS SELECT 1",
    "LISTEN leftover",
  ])
  func sessionStateDoesNotCrossLeases(statement: String) async throws {
    try await TestDatabase.withDatabase { database in
      try await database.withPool(max: 1) { pool in
        let before = try await pool.withConnection { connection in
          try await connection.execute(statement)
          return connection.backendProcessID
        }
        let (after, leftovers) = try await pool.withConnection { connection in
          let leftovers = try await connection.number(
            """
            SELECT (current_setting('statement_timeout') <> '0')::int + (to_regclass('leftover') IS NOT NULL)::int
              + (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())
              + (SELECT count(*) FROM pg_prepared_statements) + (SELECT count(*) FROM pg_listening_channels())
            """)
          return (connection.backendProcessID, leftovers)
        }
        #expect(leftovers == 0)
        #expect(before == after, "resetting was enough")
      }
    }
  }

  @Test func aReadOnlyServerIsLeft() async throws {
    try await TestDatabase.withDatabase { database in
      try await database.withPool(max: 1) { pool in
        let before = try await pool.withConnection { connection in
          let error = await #expect(throws: PostgresError.self) {
            try await connection.withTransaction(.init(isReadOnly: true)) { transaction in
              try await transaction.execute("CREATE TABLE one (n int)")
            }
          }
          #expect(error?.sqlState == "25006")
          return connection.backendProcessID
        }
        let after = try await pool.withConnection { $0.backendProcessID }
        #expect(before != after)
      }
    }
  }

  @Test func aConnectionKilledWhileIdleIsReplacedUnseen() async throws {
    try await TestDatabase.withDatabase { database in
      let pool = try PostgresPool(
        configuration: database.configuration, settings: PoolSettings(min: 0, max: 1, validationBypass: .zero))
      let before = try await pool.withConnection { $0.backendProcessID }
      try await database.psql("SELECT pg_terminate_backend(\(before))")
      let after = try await pool.withConnection { try await $0.number("SELECT pg_backend_pid()") }
      #expect(Int(before) != after)
      await pool.shutdown(within: .seconds(5))
    }
  }

  @Test func cancellingACallerReturnsItsConnection() async throws {
    try await TestDatabase.withDatabase { database in
      try await database.withPool(max: 1) { pool in
        let lent = AsyncStream<Void>.makeStream()
        let task = Task {
          try await pool.withConnection { connection in
            lent.continuation.finish()
            try await connection.execute("SELECT pg_sleep(60)")
          }
        }
        for await _ in lent.stream {}
        task.cancel()
        let error = await #expect(throws: PostgresError.self) { try await task.value }
        #expect(error?.kind == .cancelled)
        let answer = try await pool.withConnection { try await $0.number("SELECT 7") }
        #expect(answer == 7)
      }
    }
  }

  @Test func shutdownIsIdempotentRefusesWaitersAndWaitsOnlySoLong() async throws {
    try await TestDatabase.withDatabase { database in
      let pool = try PostgresPool(configuration: database.configuration, settings: PoolSettings(min: 0, max: 1))
      let lent = AsyncStream<Void>.makeStream()
      let holder = Task {
        try await pool.withConnection { connection in
          lent.continuation.finish()
          try await connection.execute("SELECT pg_sleep(900)")
        }
      }
      for await _ in lent.stream {}
      let waiter = Task { try await pool.withConnection { _ in } }
      try await waitUntil { pool.statistics.waiting == 1 }
      let began = ContinuousClock.now
      async let first: Void = pool.shutdown(within: .milliseconds(200))
      async let second: Void = pool.shutdown(within: .milliseconds(200))
      _ = await (first, second)
      #expect(began.duration(to: .now) < .seconds(600))
      let refused = await #expect(throws: PostgresError.self) { try await waiter.value }
      #expect(refused?.kind == .poolClosed)
      #expect(refused?.message.contains("total 1") == true)
      let cut = await #expect(throws: PostgresError.self) { try await holder.value }
      #expect(cut?.kind == .connectionLost)
      let late = await #expect(throws: PostgresError.self) { try await pool.withConnection { _ in } }
      #expect(late?.kind == .poolClosed)
      #expect(pool.statistics.total == 0)
    }
  }

  @Test func anUnreachableServerIsNamedAsTheCause() async throws {
    let configuration = try PostgresConfiguration(url: "postgresql://me:opensesame@/db?host=/nowhere/at/all")
    let pool = try PostgresPool(
      configuration: configuration, settings: PoolSettings(min: 0, acquireTimeout: .seconds(2)))
    let error = await #expect(throws: PostgresError.self) { try await pool.withConnection { _ in } }
    #expect(error?.kind == .unreachable)
    #expect(error?.message.contains("/nowhere/at/all") == true)
    #expect(error?.message.contains("opensesame") == false)
    #expect(pool.statistics.failedConnects >= 1)
    await pool.shutdown(within: .seconds(1))
  }

  @Test func aMissingDatabaseIsToldAtOnce() async throws {
    try await TestDatabase.withDatabase { database in
      let url = database.url.replacing("postgresql:///", with: "postgresql:///no_such_")
      let pool = try PostgresPool(
        configuration: PostgresConfiguration(url: url), settings: PoolSettings(min: 0, acquireTimeout: .seconds(900)))
      let began = ContinuousClock.now
      let error = await #expect(throws: PostgresError.self) { try await pool.withConnection { _ in } }
      #expect(error?.sqlState == "3D000")
      #expect(began.duration(to: .now) < .seconds(600))
      await pool.shutdown(within: .seconds(1))
    }
  }

  @Test func settingsThatContradictEachOtherAreRefused() throws {
    let configuration = try PostgresConfiguration(url: "postgresql:///db")
    for settings in [
      PoolSettings(min: 5, max: 4), PoolSettings(maxAge: .seconds(1), idleTimeout: .seconds(2)),
      PoolSettings(acquireTimeout: .seconds(1), validationTimeout: .seconds(1)),
    ] {
      let error = #expect(throws: PostgresError.self) {
        try PostgresPool(configuration: configuration, settings: settings)
      }
      #expect(error?.kind == .misuse)
    }
  }
}
