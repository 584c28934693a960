// Files, rejects, duplicates and versions commit with the caller's data, or not at all.

import Ledger
import Money
import Postgres
import TestSupport
import Testing

@Suite struct FileLedgerTests {
  static let run = RunID.make()

  static func entry(
    _ name: String = "orders_1.csv", status: FileEntry.Status = .loaded, seed: UInt8 = 1,
    rows: RowCounts = RowCounts(read: 3, inserted: 2, rejected: 1)
  ) throws -> FileEntry {
    FileEntry(
      feed: "orders", name: name, sha256: [UInt8](repeating: seed, count: 32), bytes: 100, runID: run,
      asOf: try #require(CivilDate("2026-11-20")), status: status, rows: rows,
      controlSums: [
        ControlSumEntry(
          column: "amount", currency: "EUR", outcome: .inserted, amount: try #require(ExactDecimal("10.50")))
      ])
  }

  static func reject(_ file: Int64, record: Int = 2) -> RejectEntry {
    RejectEntry(
      fileID: file, runID: run, feed: "orders", file: "orders_1.csv", line: record, record: record, byteOffset: 17,
      column: record == 2 ? "quantity" : nil, code: .wrongType, reason: "\"a\" is not an integer",
      raw: [0x31, 0x2C, 0x00, 0xFF, 0x22])
  }

  static func withSchema(_ body: (TestDatabase, PostgresConnection) async throws -> Void) async throws {
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      let ledger = LedgerStore(configuration: database.configuration)
      try await ledger.open()
      await ledger.close()
      let connection = try await PostgresConnection.connect(database.configuration)
      do {
        try await body(database, connection)
      } catch {
        await connection.close()
        throw error
      }
      await connection.close()
    }
  }

  @Test func aFileIsLoadedOnceByItsContent() async throws {
    try await Self.withSchema { _, connection in
      let entry = try Self.entry()
      #expect(try await FileLedger.isLoaded(feed: "orders", sha256: entry.sha256, on: connection) == nil)
      let id = try await FileLedger.record(entry, on: connection)
      let loaded = try #require(try await FileLedger.isLoaded(feed: "orders", sha256: entry.sha256, on: connection))
      #expect(loaded.fileID == id)
      #expect(loaded.rows == entry.rows)
      #expect(loaded.runID == Self.run)
      #expect(loaded.bytes == 100)
      var again = entry
      again.name = "another_name.csv"
      do {
        _ = try await FileLedger.record(again, on: connection)
        Issue.record("the same content was loaded twice")
      } catch let error as PostgresError {
        #expect(error.sqlState == "23505")
      }
      #expect(try await FileLedger.supersede(feed: "orders", sha256: entry.sha256, by: 99, on: connection))
      _ = try await FileLedger.record(again, on: connection)
      #expect(try await FileLedger.loaded(feed: "orders", on: connection).map(\.name) == ["another_name.csv"])
      #expect(try await FileLedger.isLoaded(feed: "other", sha256: entry.sha256, on: connection) == nil)
    }
  }

  @Test func rowsThatDoNotAddUpAreRefusedByTheTable() async throws {
    try await Self.withSchema { _, connection in
      do {
        _ = try await FileLedger.record(
          try Self.entry(rows: RowCounts(read: 3, inserted: 1)), on: connection)
        Issue.record("rows that do not add up were recorded")
      } catch let error as PostgresError {
        #expect(error.sqlState == "23514")
      }
    }
  }

  @Test func whatIsRecordedGoesWithTheRollback() async throws {
    try await Self.withSchema { _, connection in
      struct Stop: Error {}
      let entry = try Self.entry()
      await #expect(throws: Stop.self) {
        try await connection.withTransaction { connection in
          let id = try await FileLedger.record(entry, on: connection)
          try await FileLedger.recordRejects([Self.reject(id)], on: connection)
          try await DataVersions.bump("orders", on: connection)
          throw Stop()
        }
      }
      #expect(try await FileLedger.loaded(feed: "orders", on: connection).isEmpty)
      #expect(try await FileLedger.countRejects(.feed("orders"), on: connection) == 0)
      #expect(try await DataVersions.current(on: connection).isEmpty)
    }
  }

  @Test func rejectsAreReadBackByteForByteInFileOrder() async throws {
    try await Self.withSchema { database, connection in
      let id = try await FileLedger.record(try Self.entry(), on: connection)
      var entries = (2..<2502).map { Self.reject(id, record: $0) }
      // Long ones end a batch before it has its number of records.
      for index in stride(from: 999, to: 2500, by: 300) { entries[index].raw = Array(repeating: 0xFE, count: 700_000) }
      try await FileLedger.recordRejects(entries, on: connection)
      var found = try await FileLedger.rejects(.run(Self.run), on: connection)
      #expect(Set(found.map(\.rejectID)).count == 2500)
      for index in found.indices { found[index].rejectID = nil }
      #expect(found == entries)
      #expect(try await FileLedger.rejects(.feed("orders"), limit: 2, on: connection).map(\.record) == [2, 3])
      #expect(try await FileLedger.rejects(.feed("customers"), on: connection).isEmpty)
      #expect(try await FileLedger.countRejects(.open(feed: nil), on: connection) == 2500)
      try await FileLedger.recordDuplicates(
        [
          DuplicateEntry(
            fileID: id, runID: Self.run, feed: "orders", file: "orders_1.csv", line: 5, record: 5, byteOffset: 80,
            key: "12", keptLine: 9)
        ], on: connection)
      #expect(
        try await database.psql("SELECT line, key, kept_line FROM daybook.duplicate_row").contains("5|12|9"))
    }
  }

  @Test func aCorrectedFileResolvesTheRejectsOfTheRefusedOne() async throws {
    try await Self.withSchema { _, connection in
      let refused = try await FileLedger.record(
        try Self.entry(status: .refused, rows: RowCounts(read: 3, rejected: 1)), on: connection)
      try await FileLedger.recordRejects([Self.reject(refused)], on: connection)
      let other = try await FileLedger.record(try Self.entry("orders_2.csv", seed: 2), on: connection)
      try await FileLedger.recordRejects([Self.reject(other)], on: connection)
      #expect(try await FileLedger.countRejects(.open(feed: "orders"), on: connection) == 2)
      _ = try await FileLedger.record(
        try Self.entry(seed: 3, rows: RowCounts(read: 3, inserted: 3)), on: connection)
      #expect(
        try await FileLedger.rejects(.open(feed: "orders"), on: connection).map(\.fileID) == [other])
      #expect(try await FileLedger.countRejects(.feed("orders"), on: connection) == 2)
    }
  }

  @Test func versionsCountChangesAndViewsRememberTheirInputs() async throws {
    try await Self.withSchema { _, connection in
      #expect(try await DataVersions.bump("orders", on: connection) == 1)
      #expect(try await DataVersions.bump("orders", on: connection) == 2)
      #expect(try await DataVersions.bump("customers", on: connection) == 1)
      #expect(try await DataVersions.current(on: connection) == ["orders": 2, "customers": 1])
      let state = ViewState(definitionHash: "h", inputVersions: ["orders": 2, "odd \"name,": 1])
      try await ViewStates.record("v", state, on: connection)
      try await ViewStates.record("empty", ViewState(definitionHash: "e", inputVersions: [:]), on: connection)
      #expect(try await ViewStates.current(on: connection)["v"] == state)
      #expect(try await ViewStates.current(on: connection)["empty"]?.inputVersions == [:])
      try await ViewStates.recordCheck("v", version: 7, on: connection)
      #expect(try await ViewStates.current(on: connection)["v"]?.checkedVersion == 7)
    }
  }
}
