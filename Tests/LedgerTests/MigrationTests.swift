// The schema is made once, by whoever comes first, and never touched by a program older than it.

import Postgres
import TestSupport
import Testing

@testable import Ledger

@Suite struct MigrationTests {
  @Test func anEmptyDatabaseGetsTheWholeSchemaAndASecondOpeningChangesNothing() async throws {
    try await TestDatabase.withDatabase { database in
      for _ in 0..<2 {
        let ledger = LedgerStore(configuration: database.configuration)
        try await ledger.open()
        await ledger.close()
      }
      let applied = try await database.psql("SELECT version || ' ' || name FROM daybook.migration")
      #expect(applied.contains("1 ledger"))
      let tables = try await database.psql(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'daybook'")
      #expect(tables.contains("33"))
    }
  }

  @Test func manyProgramsThatStartAtOnceMakeTheSchemaOnce() async throws {
    try await TestDatabase.withDatabase { database in
      let configuration = database.configuration
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<6 {
          group.addTask {
            let ledger = LedgerStore(configuration: configuration)
            try await ledger.open()
            await ledger.close()
          }
        }
        try await group.waitForAll()
      }
      #expect(try await database.psql("SELECT count(*) FROM daybook.migration").contains("\(Migrations.all.count)"))
    }
  }

  @Test func aSchemaNewerThanTheProgramIsRefusedAndLeftAlone() async throws {
    try await TestDatabase.withDatabase { database in
      let ledger = LedgerStore(configuration: database.configuration)
      try await ledger.open()
      await ledger.close()
      try await database.psql("INSERT INTO daybook.migration (version, name) VALUES (99, 'from the future')")
      let old = LedgerStore(configuration: database.configuration)
      let error = await #expect(throws: LedgerError.self) { try await old.open() }
      #expect(
        error?.description.contains("has version 99; this program knows versions up to \(Migrations.all.count)") == true
      )
    }
  }

  @Test func aStepThatFailsLeavesTheStepsBeforeIt() async throws {
    try await TestDatabase.withDatabase { database in
      let steps =
        Migrations.all + [
          Migration(
            version: Migrations.all.count + 1, name: "broken", sql: "CREATE TABLE daybook.new (); SELECT 1/0;")
        ]
      let ledger = LedgerStore(configuration: database.configuration, mirrorDirectory: nil, migrations: steps)
      await #expect(throws: LedgerError.self) { try await ledger.open() }
      #expect(try await database.psql("SELECT max(version) FROM daybook.migration").contains("\(Migrations.all.count)"))
      #expect(try await database.psql("SELECT to_regclass('daybook.new') IS NULL").contains("t"))
      let plain = LedgerStore(configuration: database.configuration)
      try await plain.open()
      await plain.close()
    }
  }

  @Test func slicesThatAnOlderProgramProvedStandInTheOrderOfTheirVersions() async throws {
    try await TestDatabase.withDatabase { database in
      for step in Migrations.all.prefix(9) { try await database.psql(step.sql) }
      try await database.psql(
        "INSERT INTO daybook.view_proof (view, definition_hash, slice_versions) VALUES ('v', 'h', '{0,7,3,0,7}')")
      for step in Migrations.all.dropFirst(9) { try await database.psql(step.sql) }
      let slices = try await database.psql(
        "SELECT string_agg(slice || ':' || version, ' ' ORDER BY proof_id) FROM daybook.slice_proof WHERE night IS NULL"
      )
      #expect(slices.contains("2:3 1:7 4:7"))
    }
  }

  @Test func theScriptsRunInPsqlAsTheyStand() async throws {
    try await TestDatabase.withDatabase { database in
      for step in Migrations.all { try await database.psql(step.sql) }
      #expect(try await database.psql("SELECT count(*) FROM daybook.run").contains("0"))
    }
  }
}
