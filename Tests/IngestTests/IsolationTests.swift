// Rows that only the server can refuse: each costs itself, with the server's words, and the others are loaded.

import Definitions
import Ingest
import Ledger
import TestSupport
import Testing

@Suite struct IsolationTests {
  private static func file(_ ids: ClosedRange<Int>, amount: String = "1.00") -> String {
    paymentsHeader
      + ids.map { "\($0),\($0),payment,\(amount),USD,2026-01-01T00:00:00Z\n" }.joined()
  }

  /// What somebody did to the table, the rows it costs of 2…9001, and the SQLSTATE they are refused with.
  private static let obstacles: [(sql: String, refused: [Int], state: String)] = [
    ("alter table finance.payments add constraint odd check (id not in (5, 4097, 9001))", [5, 4097, 9001], "23514"),
    ("create unique index on finance.payments ((id / 2)) where id between 10 and 13", [11, 13], "23505"),
    (
      """
      create function f() returns trigger language plpgsql as
        $$begin if new.id = 77 then raise exception 'not %', new.id; end if; return new; end$$;
      create trigger t before insert or update on finance.payments for each row execute function f()
      """, [77], "P0001"
    ),
    (
      """
      alter table finance.payments add column half bigint generated always as (1000 / (id - 500)) stored
      """, [500], "22012"
    ),
    (
      """
      create table finance.allowed (id bigint primary key);
      insert into finance.allowed select generate_series(1, 9001) except values (6), (7);
      alter table finance.payments add foreign key (id) references finance.allowed deferrable initially deferred
      """, [6, 7], "23503"
    ),
  ]

  @Test(arguments: obstacles.indices)
  func aRowThatTheServerRefusesCostsThatRowOnly(index: Int) async throws {
    let obstacle = Self.obstacles[index]
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.file(1...1))
      _ = try await fixture.ingest(payments())
      try await fixture.database.psql(obstacle.sql)
      try fixture.deliver("payments_2.csv", Self.file(2...9001))
      let outcome = try await fixture.ingest(payments())
      #expect(
        outcome.rows
          == RowCounts(read: 9000, inserted: 9000 - obstacle.refused.count, rejected: obstacle.refused.count))
      #expect(
        try await fixture.query("select string_agg(line::text, ',' order by line) from daybook.reject")
          == obstacle.refused.map { String($0) }.joined(separator: ","))
      #expect(
        try await fixture.query(
          """
          select count(*) from daybook.reject
          where code = 'server_refused' and reason like '%SQLSTATE \(obstacle.state)%'
            and convert_from(raw, 'utf8') like line || ',%'
          """) == "\(obstacle.refused.count)")
      #expect(try await fixture.query("select count(*) from finance.payments") == "\(9001 - obstacle.refused.count)")
      #expect(
        try await fixture.query("select amount from daybook.file_control_sum where outcome = 'rejected'")
          == "\(obstacle.refused.count).00")
      #expect(try await fixture.stagingTables() == "0")
    }
  }

  @Test func aRefusedCorrectionLeavesTheRowAsItWas() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.file(1...10))
      _ = try await fixture.ingest(payments())
      try await fixture.database.psql("alter table finance.payments add constraint low check (id <> 4 or amount < 2)")
      try fixture.deliver("payments_2.csv", Self.file(3...12, amount: "3.00"))
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.rows == RowCounts(read: 10, inserted: 2, updated: 7, rejected: 1))
      #expect(try await fixture.query("select amount from finance.payments where id = 4") == "1.00")
      #expect(
        try await fixture.query(
          """
          select _daybook_weight, count(*), count(*) filter (where id = 4) from daybook.journal_payments
          group by 1 order by 1
          """) == "-1|7|0\n1|9|0")
    }
  }

  @Test func moreRefusalsThanTheLimitRefuseTheFeed() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.file(1...1))
      _ = try await fixture.ingest(payments())
      try await fixture.database.psql("alter table finance.payments add constraint odd check (id % 10 <> 0)")
      try fixture.deliver("payments_2.csv", Self.file(2...100))
      let outcome = try await fixture.ingest(payments(limit: .count(9)))
      #expect(outcome.status == .refused)
      #expect(try await fixture.query("select count(*) from finance.payments") == "1")
      #expect(try await fixture.query("select count(*) from daybook.reject where code = 'server_refused'") == "10")
    }
  }

  @Test func anEmptiedTableWithAnObstacleIsFilledAroundIt() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.file(1...1))
      _ = try await fixture.ingest(payments())
      try await fixture.database.psql(
        "delete from finance.payments; create unique index on finance.payments ((id % 20000)) where id > 5")
      try fixture.deliver("payments_2.csv", Self.file(1...20_100))
      let outcome = try await fixture.ingest(payments())
      // The first of two rows that cannot both stay is the one that does.
      #expect(outcome.rows == RowCounts(read: 20_100, inserted: 20_005, rejected: 95))
      #expect(try await fixture.query("select max(id) from finance.payments") == "20005")
    }
  }
}
