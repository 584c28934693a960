// Loads by chunks that are stopped part way, raced and gone on with: nothing lost, nothing twice, and it is said.
// Where a load stops is not guessed at: a trigger refuses one record, a lock holds up another.

import Definitions
import Finding
import Glibc
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@testable import Ingest

@Suite struct ChunkedFaultTests {
  private static let stopAt150 =
    "create function f() returns trigger language plpgsql as $$begin if new.id = 150 "
    + "then raise 'enough' using errcode = 'XX000'; end if; "
    + "return new; end$$; create trigger t before insert on finance.payments for each row execute function f()"
  private static let goOn = "drop function f() cascade"

  /// Lends a project in which a load of 200 records stopped at record 150, some chunks committed.
  private func withStoppedLoad(
    _ feed: FeedDefinition = payments(), _ body: @Sendable (FeedFixture) async throws -> Void
  ) async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(feed)
      try await fixture.database.psql(Self.stopAt150)
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...200))
      let error = await #expect(throws: IngestError.self) { try await fixture.ingestInChunks(feed, chunkBytes: 1200) }
      #expect(error?.kind == .database)
      #expect(error?.description.contains("the chunks that are committed stay") == true)
      let state = try await fixture.query("select status from daybook.file where name = 'payments_1.csv'")
      #expect(state == "loading")
      let committed = Int(try await fixture.query("select count(*) from finance.payments")) ?? 0
      #expect(committed > 20 && committed < 200)
      try await fixture.database.psql(Self.goOn)
      try await body(fixture)
    }
  }

  @Test(arguments: [true, false])
  func aStoppedLoadGoesOnInTheSamePlacesWhateverTheChunkSizeIsNow(hasKey: Bool) async throws {
    var feed = payments()
    if !hasKey { feed.key = [] }
    try await withStoppedLoad(feed) { [feed] fixture in
      let before = try await fixture.query("select count(*), min(committed_at) from daybook.chunk")
      let outcome = try await fixture.ingestInChunks(feed, chunkBytes: 777, shareBytes: 777)
      #expect(outcome.status == .loaded)
      #expect(outcome.rows == RowCounts(read: 200, inserted: 200))
      #expect(outcome.findings.map(\.code).contains("resumed"))
      #expect(outcome.choice?.path == .insert)
      #expect(try await fixture.query("select count(*), count(distinct id) from finance.payments") == "200|200")
      #expect(try await fixture.journalDifference() == "")
      #expect(
        try await fixture.query(
          "select chunk_bytes, parts, status, path, wall_ms is null from daybook.file join daybook.chunk_plan using (file_id)"
        )
          == "1200|3|loaded|insert|t")
      let first = before.split(separator: "|").last.map(String.init) ?? ""
      #expect(try await fixture.query("select min(committed_at) from daybook.chunk") == first)
      #expect(try await fixture.ingestInChunks(feed).status == .nothingNew)
    }
  }

  @Test func aFilePartWayInThatIsGoneIsNamedEveryNight() async throws {
    try await withStoppedLoad { fixture in
      unlink(fixture.directory.appending("inbox/payments_1.csv"))
      for _ in 1...2 {
        let outcome = try await fixture.ingestInChunks(payments())
        #expect(outcome.status == .nothingNew)
        #expect(outcome.findings.map(\.code) == ["half_loaded"])
        #expect(outcome.findings.first?.position?.file.hasSuffix("payments_1.csv") == true)
      }
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...200))
      #expect(try await fixture.ingestInChunks(payments()).rows == RowCounts(read: 200, inserted: 200))
    }
  }

  @Test func aCorrectedFileTakesThePlaceOfOneThatIsPartWayIn() async throws {
    try await withStoppedLoad { fixture in
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...190, amount: "2.00"))
      let outcome = try await fixture.ingestInChunks(payments())
      #expect(outcome.status == .loaded)
      #expect(outcome.rows.inserted + outcome.rows.updated == 190)
      #expect(outcome.findings.map(\.code).contains("load_abandoned"))
      #expect(try await fixture.query("select sum(amount) from finance.payments where id <= 190") == "380.00")
      #expect(try await fixture.journalDifference() == "")
      #expect(try await fixture.ingestInChunks(payments()).findings.isEmpty)
    }
  }

  @Test func aCorrectedFileOfAFeedWithoutAKeyIsRefusedWithTheWayOut() async throws {
    var feed = payments()
    feed.key = []
    try await withStoppedLoad(feed) { [feed] fixture in
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...190, amount: "2.00"))
      let error = await #expect(throws: IngestError.self) { try await fixture.ingestInChunks(feed) }
      #expect(error?.diagnostics.first?.code == "partly_loaded")
      // The way out as it is printed.
      let fix = error?.diagnostics.first?.fix ?? ""
      let sql = fix.split(separator: "daybook db psql, then ").last.map(String.init) ?? ""
      try await fixture.database.psql(sql)
      #expect(try await fixture.ingestInChunks(feed).rows == RowCounts(read: 190, inserted: 190))
      #expect(try await fixture.query("select count(*) from finance.payments") == "190")
    }
  }

  @Test func reloadStartsAFilePartWayInFromItsStart() async throws {
    try await withStoppedLoad { fixture in
      let before = Int(try await fixture.query("select count(*) from finance.payments")) ?? 0
      let outcome = try await fixture.ingestInChunks(payments(), .reloadInbox)
      #expect(outcome.status == .loaded)
      let file = outcome.files.first { $0.name == "payments_1.csv" }
      #expect(file?.rows == RowCounts(read: 200, inserted: 200 - before, unchanged: before))
      #expect(
        try await fixture.query(
          "select status, count(*) from daybook.file where name = 'payments_1.csv' group by 1 order by 1")
          == "loaded|1\nsuperseded|1")
    }
  }

  @Test func theFileIsRefusedAsByCopyWhenNothingOfItIsCommitted() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", dirtyPayments(records: 200, ids: 500, seed: 3))
      let outcome = try await fixture.ingestInChunks(
        payments(limit: .count(1)), chunkBytes: 1 << 20, shareBytes: 1 << 20)
      #expect(outcome.status == .refused)
      #expect(outcome.findings.map(\.code) == ["reject_limit"])
      #expect(try await fixture.query("select count(*) from finance.payments") == "0")
      #expect(try await fixture.query("select status, rows_read from daybook.file") == "refused|\(outcome.rows.read)")
      #expect(try await fixture.query("select count(*) from daybook.reject") == "\(outcome.rows.rejected)")
      let error = outcome.findings.first?.notes.last
      #expect(error == "state: nothing of payments_1.csv is committed")
    }
  }

  @Test func behindTheLimitCommittedChunksStayAndAHigherLimitGoesOn() async throws {
    try await FeedFixture.with { fixture in
      let bad = "x,,payment,1.00,USD,\(SafetyTests.line)\n"
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...150) + bad + bad + bad)
      let refused = try await fixture.ingestInChunks(payments(limit: .count(2)), chunkBytes: 900, shareBytes: 900)
      #expect(refused.status == .refused)
      let finding = refused.findings.first { $0.code == "reject_limit" }
      #expect(finding?.position?.line == 152)
      #expect(finding?.notes.last?.contains("pieces of the file are committed") == true)
      #expect(try await fixture.query("select status from daybook.file") == "loading")
      #expect(try await fixture.query("select count(*) from daybook.reject") == "3")
      // Nothing has changed: the same answer, and nothing is listed twice.
      #expect(try await fixture.ingestInChunks(payments(limit: .count(2))).status == .refused)
      #expect(try await fixture.query("select count(*) from daybook.reject") == "3")
      let outcome = try await fixture.ingestInChunks(payments(limit: .count(3)))
      #expect(outcome.status == .loaded)
      #expect(outcome.rows == RowCounts(read: 153, inserted: 150, rejected: 3))
    }
  }

  @Test func aShareIsJudgedByTheWholeFileAndNotByItsStart() async throws {
    try await FeedFixture.with { fixture in
      let bad = "x,,payment,1.00,USD,\(SafetyTests.line)\n"
      let rows = SafetyTests.file(1...300).dropFirst(paymentsHeader.utf8.count)
      try fixture.deliver("payments_1.csv", paymentsHeader + bad + bad + rows)
      let limit = Limit.ratio(ExactDecimal("0.01") ?? .zero)
      #expect(try await fixture.ingestInChunks(payments(limit: limit), chunkBytes: 2000).status == .loaded)
    }
  }

  @Test func twoLoadsOfOneFileDoEveryChunkOnce() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...400))
      async let first = fixture.ingestInChunks(payments(), chunkBytes: 1500)
      async let second = fixture.ingestInChunks(payments(), chunkBytes: 1100)
      let outcomes = try await [first, second]
      #expect(Set(outcomes.map(\.status)) == [.loaded, .nothingNew])
      #expect(outcomes.map(\.rows.inserted).reduce(0, +) == 400)
      #expect(try await fixture.query("select count(*) from finance.payments") == "400")
      #expect(try await fixture.journalDifference() == "")
    }
  }

  @Test func endedSessionsAreGoneOnWith() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...3000))
      let load = Task { try await fixture.ingestInChunks(payments(), chunkBytes: 6000) }
      for _ in 1...3 {
        try await until(
          fixture, "select count(*) > 0 from daybook.chunk where committed_at > now() - interval '1 second'")
        try await fixture.database.psql(
          """
          select count(pg_terminate_backend(pid)) from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid() and query ilike '%finance%'
          """)
      }
      let outcome = try await load.value
      #expect(outcome.rows == RowCounts(read: 3000, inserted: 3000))
      #expect(try await fixture.query("select count(*), sum(amount) from finance.payments") == "3000|3000.00")
      #expect(try await fixture.journalDifference() == "")
    }
  }

  @Test func aKeyThatAnotherWriterPutsInMeanwhileIsNotLost() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...30))
      let outcome = try await fixture.database.withConnection { other in
        try await other.execute("begin")
        try await other.execute(
          "insert into finance.payments (id, kind, amount, currency, at) values (7, 'refund', 3, 'EUR', '2026-01-01')")
        let load = Task { try await fixture.ingestInChunks(payments(), chunkBytes: 1 << 20) }
        try await until(fixture, "select count(*) > 0 from pg_locks where not granted and locktype = 'transactionid'")
        try await other.execute("commit")
        return try await load.value
      }
      #expect(outcome.rows == RowCounts(read: 30, inserted: 29, updated: 1))
      #expect(
        try await fixture.query("select kind, amount, currency from finance.payments where id = 7")
          == "payment|1.00|USD")
    }
  }

  @Test func aCancelledLoadGoesOnTheNextTime() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...2000))
      let load = Task { try await fixture.ingestInChunks(payments(), chunkBytes: 4000) }
      try await until(fixture, "select count(*) > 2 from daybook.chunk")
      load.cancel()
      let error = await #expect(throws: IngestError.self) { try await load.value }
      #expect(error?.kind == .cancelled)
      let outcome = try await fixture.ingestInChunks(payments())
      #expect(outcome.rows == RowCounts(read: 2000, inserted: 2000))
      #expect(try await fixture.journalDifference() == "")
    }
  }

  @Test func aReloadThatStoppedPartWayGoesOnTheNextNight() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...200))
      _ = try await fixture.ingestInChunks(payments())
      try await fixture.database.psql("delete from finance.payments where id >= 100", Self.stopAt150)
      _ = await #expect(throws: IngestError.self) {
        try await fixture.ingestInChunks(payments(), .reloadInbox, chunkBytes: 1200)
      }
      try await fixture.database.psql(Self.goOn)
      let outcome = try await fixture.ingestInChunks(payments())
      #expect(outcome.rows == RowCounts(read: 200, inserted: 101, unchanged: 99))
      #expect(
        try await fixture.query(
          "select status, count(*) from daybook.file where name = 'payments_1.csv' group by 1 order by 1")
          == "loaded|1\nsuperseded|1")
      #expect(try await fixture.ingestInChunks(payments()).findings.isEmpty)
    }
  }

  @Test func aPoolWithoutMoreConnectionsHoldsNobodyUp() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...300))
      try await fixture.database.withPool(max: 2) { pool in
        let outcome = try await pool.withConnection { _ in
          try await fixture.ingestInChunks(payments(), chunkBytes: 2000, pool: pool)
        }
        #expect(outcome.rows == RowCounts(read: 300, inserted: 300))
      }
    }
  }

  /// Waits until a query says true.
  private nonisolated(nonsending) func until(_ fixture: FeedFixture, _ sql: String) async throws {
    let deadline = ContinuousClock.now + .seconds(300)
    while try await fixture.query(sql) != "t" {
      try #require(ContinuousClock.now < deadline, "\(sql) did not come true within five minutes")
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}
