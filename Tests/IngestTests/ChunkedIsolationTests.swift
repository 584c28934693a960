// Rows that only the server can refuse, loaded by chunks: each costs itself, whichever chunk it is in, and counts.
// What is expected is what `IsolationTests` expects of the way by copy.

import Definitions
import Finding
import Ledger
import Money
import TestSupport
import Testing

@testable import Ingest

@Suite struct ChunkedIsolationTests {
  /// Refuses two rows close together, one far behind them, and the last one.
  private static let refused = [40, 41, 300, 500]
  private static let raising = """
    create function f() returns trigger language plpgsql as
      $$begin if new.id in (40, 41, 300, 500) then raise exception 'not %', new.id; end if; return new; end$$;
    create trigger t before insert or update on finance.payments for each row execute function f()
    """

  private func expectRefused(
    _ ids: [Int], state: String, _ fixture: FeedFixture,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    var expected: [String] = []
    for id in ids {
      let line = "\(id),,payment,1.00,USD,\(SafetyTests.line)"
      let offset = SafetyTests.file(1...(id - 1)).utf8.count
      expected.append("\(id + 1)|\(id + 1)|\(offset)||server_refused|t|\(line)")
    }
    let found = try await fixture.query(
      """
      select line, record, byte_offset, column_name, code, reason like '%SQLSTATE \(state)%', convert_from(raw, 'utf8')
      from daybook.reject order by record
      """)
    #expect(found == expected.joined(separator: "\n"), sourceLocation: sourceLocation)
  }

  @Test(arguments: [0, 1, 2, 3])
  func rowsThatTheServerRefusesCostThemselvesInEveryChunk(_ index: Int) async throws {
    let obstacle: (sql: String, ids: [Int], state: String) = [
      (Self.raising, Self.refused, "P0001"),
      ("alter table finance.payments add constraint odd check (id not in (2, 3, 499))", [2, 3, 499], "23514"),
      (
        """
        create function g() returns trigger language plpgsql as
          $$begin if new.id in (9, 450) then raise exception 'late %', new.id; end if; return new; end$$;
        create constraint trigger t after insert on finance.payments deferrable initially deferred
          for each row execute function g()
        """, [9, 450], "P0001"
      ),
      (
        """
        create table finance.allowed (id bigint primary key);
        insert into finance.allowed select generate_series(1, 500) except values (6), (7);
        alter table finance.payments add foreign key (id) references finance.allowed deferrable initially deferred
        """, [6, 7], "23503"
      ),
    ][index]
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try await fixture.database.psql(obstacle.sql)
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...500))
      let outcome = try await fixture.ingestInChunks(payments(), chunkBytes: 2_000, shareBytes: 600)
      let count = obstacle.ids.count
      #expect(outcome.rows == RowCounts(read: 500, inserted: 500 - count, rejected: count))
      #expect(try await fixture.query("select count(*) from finance.payments") == "\(500 - count)")
      try await expectRefused(obstacle.ids, state: obstacle.state, fixture)
      #expect(
        try await fixture.query("select amount from daybook.file_control_sum where outcome = 'rejected'")
          == "\(count).00")
      #expect(try await fixture.journalDifference() == "")
      #expect(
        try await fixture.query(
          "select count(*) from daybook.chunk where rows_rejected > 0 group by file_id having sum(rows_rejected) = \(count)"
        ) != "")
    }
  }

  /// The ledger has a table of that name, too.
  @Test func theTableOfAFeedMayBeCalledChunk() async throws {
    let chunk = feed("chunk", [column("id", .bigint), column("word", .text)])
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(chunk)
      try await fixture.database.psql("alter table finance.chunk add constraint by_hand unique (word)")
      try fixture.deliver("chunk_1.csv", "id,word\n1,a\n2,b\n3,a\n4,c\n")
      let outcome = try await fixture.ingestInChunks(chunk)
      #expect(outcome.rows == RowCounts(read: 4, inserted: 3, rejected: 1))
    }
  }

  @Test func aRefusedCorrectionLeavesTheRowAsItWas() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...20))
      _ = try await fixture.ingestInChunks(payments())
      try await fixture.database.psql("alter table finance.payments add constraint low check (id <> 4 or amount < 2)")
      try fixture.deliver("payments_2.csv", SafetyTests.file(3...24, amount: "3.00"))
      let outcome = try await fixture.ingestInChunks(payments(), chunkBytes: 1 << 20, shareBytes: 1 << 20)
      #expect(outcome.rows == RowCounts(read: 22, inserted: 4, updated: 17, rejected: 1))
      #expect(try await fixture.query("select amount from finance.payments where id = 4") == "1.00")
      #expect(try await fixture.journalDifference() == "")
    }
  }

  @Test func ofTwoRowsOfOneChunkThatCannotBothStayTheFirstDoes() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try await fixture.database.psql(
        "create unique index on finance.payments ((id / 2)) where id between 10 and 13")
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...100))
      let outcome = try await fixture.ingestInChunks(payments(), chunkBytes: 1 << 20, shareBytes: 1 << 20)
      #expect(outcome.rows == RowCounts(read: 100, inserted: 98, rejected: 2))
      try await expectRefused([11, 13], state: "23505", fixture)
    }
  }

  @Test func aLoadWithRefusedRowsThatStoppedGoesOnAndRefusesNoneTwice() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      let stop = """
        create function s() returns trigger language plpgsql as
          $$begin if new.id = 320 then raise 'enough' using errcode = 'XX000'; end if; return new; end$$;
        create trigger s before insert on finance.payments for each row execute function s()
        """
      try await fixture.database.psql(Self.raising, stop)
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...500))
      let error = await #expect(throws: IngestError.self) {
        try await fixture.ingestInChunks(payments(), chunkBytes: 2_000, shareBytes: 600)
      }
      #expect(error?.kind == .database)
      let before = Int(try await fixture.query("select count(*) from daybook.reject")) ?? 0
      #expect(before >= 2 && before < 4)
      try await fixture.database.psql("drop function s() cascade")
      let outcome = try await fixture.ingestInChunks(payments())
      #expect(outcome.rows == RowCounts(read: 500, inserted: 496, rejected: 4))
      try await expectRefused(Self.refused, state: "P0001", fixture)
      #expect(try await fixture.journalDifference() == "")
    }
  }

  @Test func refusalsOfTheServerCountTowardTheLimit() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try await fixture.database.psql(Self.raising)
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...1500))
      let strict = payments(limit: .count(2))
      let refused = try await fixture.ingestInChunks(strict, chunkBytes: 2_000, shareBytes: 2_000)
      #expect(refused.status == .refused)
      #expect(refused.findings.map(\.code) == ["reject_limit"])
      // A few chunks may have been parsed by then; no more are begun, now or by the next run.
      let state = "select max(id) < 1000, count(*) from finance.payments"
      let stopped = try await fixture.query(state)
      #expect(stopped.hasPrefix("t|"))
      #expect(try await fixture.query("select count(*) > 2 from daybook.reject") == "t")
      #expect(try await fixture.ingestInChunks(strict).status == .refused)
      #expect(try await fixture.query(state) == stopped)
      let outcome = try await fixture.ingestInChunks(payments(limit: .count(4)))
      #expect(outcome.rows == RowCounts(read: 1500, inserted: 1496, rejected: 4))
    }
  }

  @Test func theFirstChunkThatCrossesTheLimitRefusesTheFileAsByCopy() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try await fixture.database.psql(Self.raising)
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...500))
      let outcome = try await fixture.ingestInChunks(
        payments(limit: .count(3)), chunkBytes: 1 << 20, shareBytes: 1 << 20)
      #expect(outcome.status == .refused)
      #expect(try await fixture.query("select count(*) from finance.payments") == "0")
      #expect(try await fixture.query("select status from daybook.file where name = 'payments_1.csv'") == "refused")
      #expect(try await fixture.query("select count(*) from daybook.reject where code = 'server_refused'") == "4")
    }
  }

  @Test func aFailedCommitIsDoneAgainAndItsRefusalsAreCountedOnce() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      // Orphans are refused before the rows are written; the commit then fails for one row.
      try fixture.deliver("shops_1.csv", "id,name\n1,North\n")
      _ = try await fixture.ingest(ReferenceTests.shops)
      var sales = ReferenceTests.sales
      sales.rejectLimit = .count(3)
      try fixture.deliver("sales_1.csv", "partner,id,shop,amount,currency\n")
      _ = try await fixture.ingest(sales)
      try await fixture.database.psql(
        """
        create function g() returns trigger language plpgsql as
          $$begin if new.id = 4 then raise exception 'late'; end if; return new; end$$;
        create constraint trigger t after insert on finance.sales deferrable initially deferred
          for each row execute function g()
        """)
      try fixture.deliver(
        "sales_2.csv",
        "partner,id,shop,amount,currency\n,1,1,5.00,USD\n,2,9,6.00,EUR\n,3,8,7.00,USD\n,4,1,1.00,USD\n")
      let outcome = try await fixture.ingestInChunks(sales)
      #expect(outcome.status == .loaded)
      #expect(outcome.rows == RowCounts(read: 4, inserted: 1, rejected: 3))
    }
  }

  @Test func theRejectsOfALoadByChunksAreCorrectedByTheirColumns() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver(
        "payments_1.csv", "at,id,kind,amount,currency,customer\n\(SafetyTests.line),x,payment,1,USD,\n")
      _ = try await fixture.ingestInChunks(payments())
      #expect(
        try await fixture.query("select header from daybook.file") == "{at,id,kind,amount,currency,customer}")
    }
  }
}
