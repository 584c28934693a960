// Feeds that begin at the same time in a database in which nothing is there yet: each makes what it needs, and none of
// them fails because another one was a moment faster.

import Definitions
import Ledger
import Postgres
import TestSupport
import Testing

@testable import Ingest

@Suite struct FirstStartTests {
  @Test func feedsThatBeginTogetherInAFreshDatabaseAreAllLoaded() async throws {
    try await FeedFixture.with { fixture in
      let names = (1...8).map { "words\($0)" }
      for name in names { try fixture.deliver("\(name)_1.csv", "id,word\n1,a\n2,b\n") }
      try await fixture.database.withPool(max: 8) { pool in
        for _ in 0..<5 {
          let loaded = try await withThrowingTaskGroup(of: Int.self) { group in
            for name in names {
              group.addTask {
                let words = feed(name, [column("id", .bigint), column("word", .text)])
                return try await fixture.ingest(words, lentBy: pool).rows.inserted
              }
            }
            return try await group.reduce(0, +)
          }
          #expect(loaded == 16)
          try await fixture.database.psql("drop schema finance cascade", "truncate daybook.file cascade")
        }
      }
    }
  }

  @Test func aSchemaThatManyMakeAtOnceIsMadeOnce() async throws {
    try await TestDatabase.withDatabase { database in
      try await database.withPool(max: 12) { pool in
        for round in 0..<10 {
          try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<12 {
              group.addTask {
                try await pool.withConnection { connection in
                  try await TableChanges.makeSchema("s \(round)", on: connection)
                }
              }
            }
            try await group.waitForAll()
          }
        }
      }
      #expect(try await database.psql("select count(*) from pg_namespace where nspname like 's %'") == "10\n")
    }
  }

  @Test func aSchemaThatATransactionIsMakingIsWaitedForAndNothingElseOfTheOwnOneIsLost() async throws {
    try await TestDatabase.withDatabase { database in
      try await database.withConnection { first in
        try await first.execute("begin")
        try await first.execute("create schema finance")
        let second = Task {
          try await database.withConnection { connection in
            try await connection.withTransaction { transaction in
              try await transaction.execute("create table public.kept (id int)")
              try await TableChanges.makeSchema("finance", on: transaction)
              try await transaction.execute("create table finance.t (id int)")
            }
          }
        }
        let waits = "select count(*) from pg_locks where not granted and locktype = 'transactionid'"
        for _ in 0..<3_000 {
          guard try await database.psql(waits) == "0\n" else { break }
          try await Task.sleep(for: .milliseconds(10))
        }
        try await first.execute("commit")
        try await second.value
      }
      #expect(
        try await database.psql("select to_regclass('public.kept'), to_regclass('finance.t')") == "kept|finance.t\n")
    }
  }

  /// Someone else made the schema, and gave the role no right to make others.
  @Test func aSchemaThatIsThereNeedsNoRightToMakeOne() async throws {
    try await TestDatabase.withDatabase { database in
      try await database.withConnection { connection in
        let role = try await connection.query("select 'reader_' || current_database()")[0].decode(0, as: String.self)
        try await connection.execute("create schema finance")
        try await connection.execute("create role \(role)")
        try await connection.execute("set role \(role)")
        try await TableChanges.makeSchema("finance", on: connection)
        let error = await #expect(throws: PostgresError.self) {
          try await TableChanges.makeSchema("other", on: connection)
        }
        #expect(error?.sqlState == "42501")
        try await connection.execute("reset role")
        try await connection.execute("drop role \(role)")
      }
    }
  }
}
