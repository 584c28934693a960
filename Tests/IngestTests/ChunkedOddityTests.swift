// What surrounds a load by chunks and could break it: feeds beside it, definitions and settings that change while a file
// is part way in, keys that come again in other chunks. And that the server parses its statements once.

import Definitions
import Finding
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@testable import Ingest

@Suite struct ChunkedOddityTests {
  private static let stopAt150 = """
    create function f() returns trigger language plpgsql as
      $$begin if new.id = 150 then raise 'enough' using errcode = 'XX000'; end if; return new; end$$;
    create trigger t before insert on finance.payments for each row execute function f()
    """

  /// Lends a project in which a load of 200 records stopped at record 150, some chunks committed.
  private func withStoppedLoad(_ body: @Sendable (FeedFixture) async throws -> Void) async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try await fixture.database.psql(Self.stopAt150)
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...200))
      let error = await #expect(throws: IngestError.self) {
        try await fixture.ingestInChunks(payments(), chunkBytes: 1200)
      }
      #expect(error?.kind == .database)
      try await fixture.database.psql("drop function f() cascade")
      try await body(fixture)
    }
  }

  @Test func theStatementsOfChunksAreParsedOnceForAConnection() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try await fixture.database.psql(
        """
        create table public.seen (pid int, kept bigint, used bigint);
        create function public.see() returns trigger language plpgsql as $$begin
          insert into public.seen select pg_backend_pid(), count(*), sum(generic_plans + custom_plans)
            from pg_prepared_statements; return new; end$$;
        create trigger see after insert on daybook.chunk for each row execute function public.see()
        """)
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...600))
      try await fixture.database.withPool(max: 1) { pool in
        let outcome = try await fixture.ingestInChunks(payments(), chunkBytes: 2000, shareBytes: 2000, pool: pool)
        #expect(outcome.rows == RowCounts(read: 600, inserted: 600))
      }
      // Two statements, what is present and what is new, however many pieces there are.
      #expect(
        try await fixture.query(
          "select count(distinct pid), max(kept), max(used) = 2 * count(*), count(*) > 5 from public.seen")
          == "1|2|t|t")
    }
  }

  @Test(arguments: [1, 2, 6])
  func aStoppedLoadGoesOnWithAnotherNumberOfConnections(_ connections: Int) async throws {
    try await withStoppedLoad { fixture in
      try await fixture.database.withPool(max: connections) { pool in
        let feed = payments().loaded(by: .insert)
        var project = fixture.project([feed])
        project.database.pool.max = connections
        let outcome = try await FeedIngestion(
          project: project, feed: feed, pool: pool, runID: .make(), asOf: FeedFixture.asOf
        ).run(.inbox)
        #expect(outcome.rows == RowCounts(read: 200, inserted: 200))
        #expect(try await fixture.query("select parts from daybook.chunk_plan") == "3")
        #expect(try await fixture.journalDifference() == "")
      }
    }
  }

  /// An optional column more: the file does not have it, the table gets it, and the chunks go on.
  @Test func aStoppedLoadGoesOnUnderAWiderDefinition() async throws {
    try await withStoppedLoad { fixture in
      let wider = payments(hash: "2", extra: [column("note", .text, optional: true)])
      let outcome = try await fixture.ingestInChunks(wider)
      #expect(outcome.rows == RowCounts(read: 200, inserted: 200))
      #expect(try await fixture.query("select count(*), count(note) from finance.payments") == "200|0")
    }
  }

  @Test func aStoppedLoadGoesOnUnderAnotherDialectThatCutsTheSame() async throws {
    try await withStoppedLoad { fixture in
      var other = payments(hash: "2")
      other.format.quote = 0x27
      // The same bytes are the same records, as there are no quotes in them.
      let outcome = try await fixture.ingestInChunks(other)
      #expect(outcome.rows == RowCounts(read: 200, inserted: 200))
    }
  }

  /// Parts of the chunk in the middle are committed and others are not.
  @Test(arguments: [0, 1])
  func aDefinitionUnderWhichRecordsChangeTheirPartIsNotGoneOnWith(_ change: Int) async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try await fixture.database.psql(Self.stopAt150)
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...200))
      _ = await #expect(throws: IngestError.self) {
        try await fixture.ingestInChunks(payments(), chunkBytes: 1 << 20, shareBytes: 2500)
      }
      try await fixture.database.psql("drop function f() cascade")
      let state = "select count(*), (select count(*) from daybook.chunk) from finance.payments"
      let before = try await fixture.query(state)
      try #require(before.hasSuffix("|1") || before.hasSuffix("|2"), "\(before)")
      var changed = payments(hash: "2")
      if change == 0 {
        changed.format.nullTokens = ["", "NULL", "USD"]
      } else {
        changed.key = ["id", "kind"]
        try await fixture.database.psql(
          "alter table finance.payments drop constraint payments_pkey, add primary key (id, kind)")
      }
      let error = await #expect(throws: IngestError.self) { try await fixture.ingestInChunks(changed) }
      #expect(error?.diagnostics.first?.code == "cuts_moved", "\(String(describing: error))")
      #expect(try await fixture.query(state) == before)
    }
  }

  @Test func aFormatUnderWhichTheFileIsCutOtherwiseIsNotGoneOnWith() async throws {
    try await FeedFixture.with { fixture in
      let feed = payments(extra: [column("note", .text, optional: true)])
      try await fixture.makeTableWithProvenance(feed)
      try await fixture.database.psql(Self.stopAt150)
      let rows = (1...200).map { "\($0),,payment,1.00,USD,\(SafetyTests.line),\"two\nlines\"\n" }.joined()
      try fixture.deliver("payments_1.csv", "id,customer,kind,amount,currency,at,note\n" + rows)
      _ = await #expect(throws: IngestError.self) { try await fixture.ingestInChunks(feed, chunkBytes: 1200) }
      try await fixture.database.psql("drop function f() cascade")
      var other = feed
      other.format.quote = 0x27
      let error = await #expect(throws: IngestError.self) { try await fixture.ingestInChunks(other) }
      #expect(error?.diagnostics.first?.code == "cuts_moved", "\(String(describing: error))")
      #expect(try await fixture.ingestInChunks(feed).rows == RowCounts(read: 200, inserted: 200))
    }
  }

  @Test func withoutProvenanceOnlyUpdatesAreLoadedByChunks() async throws {
    for rule in ConflictRule.allCases {
      try await FeedFixture.with { fixture in
        var feed = payments(onConflict: rule)
        feed.keepsProvenance = false
        let at = SafetyTests.line
        let text =
          SafetyTests.file(1...60) + "1,,payment,9.00,USD,\(at)\n"
        try fixture.deliver("payments_1.csv", text)
        let outcome = try await fixture.ingestInChunks(feed)
        #expect(outcome.choice?.path == (rule == .update ? .insert : .bulk))
        #expect(try await fixture.query("select count(*), max(amount) from finance.payments") == "60|9.00")
      }
    }
  }

  @Test func aLimitThatIsLoweredBelowWhatIsCommittedStopsTheLoadBeforeAnyOtherChunk() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try await fixture.database.psql(Self.stopAt150)
      let bad = "x,,payment,1.00,USD,\(SafetyTests.line)\n"
      let rows = SafetyTests.file(1...400).dropFirst(paymentsHeader.utf8.count)
      try fixture.deliver("payments_1.csv", paymentsHeader + bad + bad + rows)
      _ = await #expect(throws: IngestError.self) { try await fixture.ingestInChunks(payments(), chunkBytes: 1200) }
      try await fixture.database.psql("drop function f() cascade")
      let before = try await fixture.query("select count(*) from finance.payments")
      let outcome = try await fixture.ingestInChunks(payments(limit: .count(1)))
      #expect(outcome.status == .refused)
      #expect(try await fixture.query("select count(*) from finance.payments") == before)
      let last = try await fixture.ingestInChunks(payments(limit: .count(2)))
      #expect(last.rows == RowCounts(read: 402, inserted: 400, rejected: 2))
    }
  }

  @Test func twoFeedsAtOnceOneOfWhichRefersToTheOther() async throws {
    try await FeedFixture.with { fixture in
      let shops = ReferenceTests.shops
      let sales = ReferenceTests.sales
      let first = "id,name\n" + (1...300).map { "\($0),North\n" }.joined()
      try fixture.deliver("shops_1.csv", first)
      _ = try await fixture.ingestInChunks(shops)
      _ = try await {
        try fixture.deliver("sales_1.csv", "partner,id,shop,amount,currency\n")
        return try await fixture.ingestInChunks(sales)
      }()
      // Every shop is renamed while sales that refer to it come in.
      try fixture.deliver("shops_2.csv", "id,name\n" + (1...300).map { "\($0),South\n" }.joined())
      try fixture.deliver(
        "sales_2.csv",
        "partner,id,shop,amount,currency\n" + (1...900).map { ",\($0),\($0 % 301),5.00,USD\n" }.joined())
      async let renamed = fixture.ingestInChunks(shops)
      async let sold = fixture.ingestInChunks(sales)
      let outcomes = try await (renamed, sold)
      #expect(outcomes.0.rows == RowCounts(read: 300, updated: 300))
      // Shop 0 is nowhere.
      #expect(outcomes.1.rows == RowCounts(read: 900, inserted: 898, rejected: 2))
      #expect(try await fixture.query("select count(*) from finance.shops where name = 'South'") == "300")
    }
  }

  @Test(arguments: [2, 7, 40])
  func ofAKeyInManyChunksTheLastRecordCountsAndEveryOtherIsListed(_ times: Int) async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      var text = paymentsHeader
      for round in 1...times {
        for id in 1...20 { text += "\(id),,payment,\(round).00,USD,\(SafetyTests.line)\n" }
      }
      try fixture.deliver("payments_1.csv", text)
      let outcome = try await fixture.ingestInChunks(payments())
      #expect(outcome.rows.isReconciled)
      #expect(try await fixture.query("select count(*), sum(amount) from finance.payments") == "20|\(20 * times).00")
      #expect(try await fixture.query("select count(*) from daybook.duplicate_row") == "\(20 * (times - 1))")
      #expect(try await fixture.journalDifference() == "")
    }
  }

  @Test func aFileWithoutRecordsAndOneWithoutAnythingAreLoaded() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", "")
      try fixture.deliver("payments_2.csv", paymentsHeader)
      let outcome = try await fixture.ingestInChunks(payments())
      #expect(outcome.status == .loaded)
      #expect(outcome.rows == RowCounts())
      #expect(try await fixture.ingestInChunks(payments()).status == .nothingNew)
    }
  }
}
