// One file by several workers: whoever reads which part of it, what comes out is what one pass gives.

import CSV
import Definitions
import Finding
import Glibc
import Ledger
import Money
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import Ingest

@Suite struct WorkerTests {
  /// Quoted line ends, refused records of several kinds, keys out of order and twice, three currencies.
  private static func dirtyFile(records: Int) -> String {
    var text = "id,customer,kind,amount,currency,at,note\r\n"
    for number in 1...records {
      let id = number % 97 == 0 ? number - 50 : number
      let amount = number % 101 == 0 ? "much" : "\(number % 900).5\(number % 10)"
      let currency = ["USD", "EUR", "GBP"][number % 3]
      let note = number % 7 == 0 ? "\"two\nlines, \"\"\(number)\"\"\"" : "note \(number)"
      let line = "\(id),\(number % 50),payment,\(amount),\(currency),2026-11-19 10:00:00,\(note)"
      switch number % 211 {
      case 0: text += line + ",too many\n"
      case 1: text += line.replacing("note", with: "no\"te") + "\n"
      case 2: text += "\"open," + line + "\n"
      case 3: text += line + "\n\n"
      default: text += line + "\n"
      }
    }
    return text
  }

  private static let dirtyFeed = payments(extra: [column("note", .text, optional: true)])

  /// What a pass over the dirty file gave, and what it put into staging.
  private struct Pass: Equatable {
    var recordsRead: Int
    var accepted: Int
    var rejects: [String]
    var controls: [ControlSumEntry]
    var controlProblem: String?
    var keysAscend: Bool
    var lateKeys: LateKeys
    var staged: String
  }

  private static func pass(
    over path: String, workers: Int, chunkBytes: Int, in database: TestDatabase
  ) async throws -> (Pass, filledTables: Int) {
    let zone = try #require(TimeZoneRules(named: "UTC"))
    let loader = StagingLoader(
      feed: dirtyFeed, dialect: try FileDialect(FeedFormat()), zone: zone,
      meter: ProgressMeter(NullProgress(), feed: "payments"),
      chunkBytes: chunkBytes)
    let file = try OpenFile(path)
    let (header, plan) = try loader.plan(
      DiscoveredFile(name: "f", displayPath: "f", file: file, sha256: [], isReload: false, control: nil))
    let staging = QualifiedName(schema: "public", name: "staging_\(workers)_\(chunkBytes)")
    var tables: [(QualifiedName, PostgresConnection)] = []
    for worker in 0..<workers {
      let connection = try await PostgresConnection.connect(database.configuration)
      let table = worker == 0 ? staging : StagingArea.child(worker, of: staging)
      try await connection.execute(
        worker == 0
          ? MergeStatements.createStaging(staging, columns: header.columns, timeZone: "UTC")
          : MergeStatements.createChild(table, of: staging))
      tables.append((table, connection))
    }
    let summary = try await loader.copy(file, plan, into: tables, places: .staging)
    var filled = 0
    for (table, connection) in tables {
      let rows = try await connection.query("select exists(select from only \(table.quoted))")
      if try rows.first?.decode(0, as: Bool.self) == true { filled += 1 }
      await connection.close()
    }
    let staged = try await database.psql(
      "select count(*), md5(string_agg(s::text, e'\\n' order by _daybook_offset)) from \(staging.quoted) s")
    return (
      Pass(
        recordsRead: summary.recordsRead, accepted: summary.accepted,
        rejects: summary.rejects.records.map {
          "\($0.line) \($0.record) \($0.byteOffset) \($0.column ?? "") \($0.code) \($0.reason) \($0.raw)"
        }, controls: summary.controls.entries, controlProblem: summary.controlProblem,
        keysAscend: summary.keysAscend, lateKeys: summary.lateKeys, staged: staged), filled
    )
  }

  @Test func everyNumberOfWorkersAndEverySizeOfChunkGivesWhatOnePassGives() async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let path = try directory.write(Self.dirtyFile(records: 3_000), to: "payments_1.csv")
        let (reference, _) = try await Self.pass(over: path, workers: 1, chunkBytes: 1 << 30, in: database)
        #expect(reference.recordsRead == reference.accepted + reference.rejects.count)
        #expect(reference.rejects.count > 60)
        #expect(!reference.keysAscend)
        guard case .known(let late) = reference.lateKeys else {
          Issue.record("the keys are followed")
          return
        }
        #expect(late.count == 30)
        for (workers, chunkBytes) in [(1, 1), (1, 700), (2, 90), (2, 4_096), (4, 1), (4, 333), (4, 20_000)] {
          let (pass, _) = try await Self.pass(over: path, workers: workers, chunkBytes: chunkBytes, in: database)
          #expect(pass == reference, "\(workers) workers, chunks of \(chunkBytes) bytes")
        }
      }
    }
  }

  @Test func aLargeFileIsSharedAmongTheWorkers() async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let path = try directory.write(Self.dirtyFile(records: 150_000), to: "payments_1.csv")
        let (one, _) = try await Self.pass(over: path, workers: 1, chunkBytes: 1 << 20, in: database)
        let (three, filled) = try await Self.pass(over: path, workers: 3, chunkBytes: 1 << 18, in: database)
        #expect(one == three)
        #expect(filled > 1)
      }
    }
  }

  @Test func helpersFillChildrenThatGoWithTheRest() async throws {
    try await FeedFixture.with { fixture in
      try await Self.begin(fixture)
      try fixture.deliver("payments_1.csv", Self.cleanFile(1...60_000))
      let outcome = try await fixture.ingest(payments(), workers: 3)
      #expect(outcome.rows == RowCounts(read: 60_000, inserted: 60_000))
      #expect(
        try await fixture.query("select count(*), count(distinct id), sum(id) from finance.payments")
          == "60001|60001|1800030000")
      #expect(try await fixture.stagingTables() == "0")
    }
  }

  @Test func helpersOfAKilledRunAreSweptWithTheirTable() async throws {
    try await FeedFixture.with { fixture in
      let dead = QualifiedName(schema: "daybook", name: "staging_\(String(repeating: "a", count: 32))_1f_0")
      let child = StagingArea.child(1, of: dead)
      try await fixture.database.psql(
        "create unlogged table \(dead.quoted) (x int)", MergeStatements.createChild(child, of: dead))
      try fixture.deliver("payments_1.csv", Self.cleanFile(1...10))
      _ = try await fixture.ingest(payments())
      #expect(try await fixture.stagingTables() == "0")
    }
  }

  @Test(arguments: [1, 2])
  func twoFeedsWithHardlyAnyConnectionsDoNotWaitForEachOther(connections: Int) async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.cleanFile(1...30_000))
      try fixture.deliver("receipts_1.csv", "id\n" + (1...100_000).map { "\($0)\n" }.joined())
      let receipts = feed("receipts", [column("id", .bigint)])
      try await fixture.database.psql("create schema finance")
      let pool = try PostgresPool(
        configuration: fixture.database.configuration,
        settings: PoolSettings(min: 0, max: connections, acquireTimeout: .seconds(120)))
      async let first = fixture.ingest(payments(), workers: 4, lentBy: pool)
      async let second = fixture.ingest(receipts, workers: 4, lentBy: pool)
      let rows = try await (first.rows, second.rows)
      #expect(rows.0 == RowCounts(read: 30_000, inserted: 30_000))
      #expect(rows.1 == RowCounts(read: 100_000, inserted: 100_000))
      await pool.shutdown(within: .seconds(5))
    }
  }

  @Test func theEndOfOneWritersBackendEndsTheWholeAndLeavesNothing() async throws {
    try await FeedFixture.with { fixture in
      try await Self.begin(fixture)
      try fixture.deliver("payments_1.csv", Self.cleanFile(1...150_000))
      let task = Task { try await fixture.ingest(payments(), workers: 3) }
      let killed = """
        select count(*) from (
          select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and query like 'copy %staging%' and state = 'active' limit 1
        ) as ended
        """
      while try await fixture.query(killed) == "0" {}
      let error = await #expect(throws: IngestError.self) { try await task.value }
      #expect(error?.kind == .database)
      #expect(error?.underlying?.sqlState == "57P01" || error?.underlying?.kind == .connectionLost)
      #expect(error?.description.contains("nothing of this feed is committed") == true)
      #expect(try await fixture.stagingTables() == "0")
      let again = try await fixture.ingest(payments(), workers: 3)
      #expect(again.rows == RowCounts(read: 150_000, inserted: 150_000))
    }
  }

  @Test func cancellingDuringStagingEndsEveryWriter() async throws {
    try await FeedFixture.with { fixture in
      try await Self.begin(fixture)
      try fixture.deliver("payments_1.csv", Self.cleanFile(1...150_000))
      let task = Task { try await fixture.ingest(payments(), workers: 3) }
      let copies = """
        select count(*) from pg_stat_activity
        where datname = current_database() and query like 'copy %staging%' and state = 'active'
        """
      while try await fixture.query(copies) == "0" {}
      task.cancel()
      let error = await #expect(throws: IngestError.self) { try await task.value }
      #expect(error?.kind == .cancelled)
      #expect(try await fixture.query(copies) == "0")
      #expect(try await fixture.stagingTables() == "0")
      #expect(fixture.pool.statistics.active == 0)
    }
  }

  @Test func aDamagedFileEndsEveryWriter() async throws {
    try await FeedFixture.with { fixture in
      try await Self.begin(fixture)
      let path = try fixture.deliver("payments_1.csv", Self.cleanFile(1...60_000))
      guard let pipe = popen("gzip \(path) && truncate -s -100 \(path).gz", "r") else { throw NoThread() }
      try #require(pclose(pipe) == 0)
      let outcome = try await fixture.ingest(payments(), workers: 3)
      #expect(outcome.status == .refused)
      #expect(outcome.findings.first?.code == "unreadable_file")
      #expect(try await fixture.stagingTables() == "0")
    }
  }

  /// Puts one row into the table: a first file goes into an empty table without staging.
  private static func begin(_ fixture: FeedFixture) async throws {
    try fixture.deliver("payments_0.csv", cleanFile(0...0))
    _ = try await fixture.ingest(payments())
  }

  private static func cleanFile(_ ids: ClosedRange<Int>) -> String {
    var text = paymentsHeader
    for id in ids { text += "\(id),10,payment,\(id % 900).50,USD,2026-11-19 10:00:00\n" }
    return text
  }
}
