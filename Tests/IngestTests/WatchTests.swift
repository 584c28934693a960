// Changes made by hand in a watched table: each is in the journal with who made it, exactly once, in the transaction that
// made it, whoever else writes; Daybook's own loads are there as if nobody watched.

import Definitions
import Ledger
import Postgres
import TestSupport
import Testing

@testable import Ingest

@Suite struct WatchTests {
  private static func line(_ id: Int, _ amount: Int = 1) -> String {
    "\(id),\(id),payment,\(amount).00,USD,2026-01-01T00:00:00Z\n"
  }

  static func watched(_ feed: FeedDefinition) -> FeedDefinition {
    var feed = feed
    feed.isWatched = true
    feed.definitionHash += " watched"
    return feed
  }

  /// Fifty payments, loaded by Daybook and kept beside the table as they were.
  private static func loaded<R: Sendable>(
    _ feed: FeedDefinition = watched(payments()), _ body: @Sendable (FeedFixture) async throws -> R
  ) async throws -> R {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", paymentsHeader + (1...50).map { line($0) }.joined())
      _ = try await fixture.ingest(feed)
      try await fixture.database.psql("create table finance.before as table finance.payments")
      return try await body(fixture)
    }
  }

  /// Rows by which the images since the first load differ from what became of the table since.
  private static let difference = """
    select count(*) from (
      select id, customer, kind, amount, currency, at, _daybook_file, _daybook_line from (
        select id, customer, kind, amount, currency, at, _daybook_file, _daybook_line, _daybook_weight as w
        from daybook.journal_payments
        union all select id, customer, kind, amount, currency, at, _daybook_file, _daybook_line, 1 from finance.before
        union all select id, customer, kind, amount, currency, at, _daybook_file, _daybook_line, -1 from finance.payments
      ) as t group by 1, 2, 3, 4, 5, 6, 7, 8 having sum(w) <> 0) as d
    """

  private static let byHand = """
    select string_agg(kind || ' ' || rows_plus || ' ' || rows_minus, ', ' order by batch_id)
    from daybook.batch where made_by is not null
    """

  private static func version(_ fixture: FeedFixture) async throws -> Int64 {
    try await fixture.pool.withConnection { try await DataVersions.current(on: $0)["payments"] ?? 0 }
  }

  // MARK: What is caught

  private static let changes: [(sql: String, batches: String?)] = [
    ("insert into finance.payments values (100, 1, 'refund', 5, 'EUR', now())", "delta 1 0"),
    (
      "insert into finance.payments select id + 200, customer, kind, amount, currency, at from finance.payments",
      "delta 50 0"
    ),
    ("update finance.payments set amount = amount + 1 where id <= 7", "delta 7 7"),
    ("update finance.payments set id = 1000 where id = 3", "delta 1 1"),
    ("delete from finance.payments where id % 2 = 0", "delta 0 25"),
    ("delete from finance.payments", "delta 0 50"),
    ("update finance.payments set amount = 9 where id = 0", nil),
    ("insert into finance.payments values (1, 1, 'fee', 1, 'USD', now())", nil),
    (
      """
      insert into finance.payments values (1, 1, 'refund', 5, 'EUR', now()), (70, 1, 'refund', 5, 'EUR', now())
      on conflict (id) do update set amount = excluded.amount
      """, "delta 1 0, delta 1 1"
    ),
    (
      """
      merge into finance.payments p using (values (1), (2), (90)) as v (id) on v.id = p.id
      when matched and p.id = 1 then delete when matched then update set amount = 4
      when not matched then insert values (v.id, null, 'payment', 1, 'USD', now())
      """, "delta 0 1, delta 1 0, delta 1 1"
    ),
    (
      "\\copy finance.payments (id, kind, amount, currency, at) from program 'printf \"80,payment,1,USD,2026-01-01\\n81,payment,2,USD,2026-01-01\\n\"' csv",
      "delta 2 0"
    ),
    (
      "with g as (delete from finance.payments where id = 5 returning *) insert into finance.payments select 55, customer, kind, amount, currency, at from g",
      "delta 1 0, delta 0 1"
    ),
    ("truncate finance.payments", "rebuild 0 0"),
    (
      "truncate finance.payments; insert into finance.payments values (1, 1, 'refund', 5, 'EUR', now())",
      "rebuild 0 0, delta 1 0"
    ),
    (
      "begin; delete from finance.payments; insert into finance.payments values (1, 1, 'refund', 5, 'EUR', now()); rollback",
      nil
    ),
    (
      """
      begin; update finance.payments set amount = 2 where id = 1; savepoint s; delete from finance.payments;
      rollback to s; update finance.payments set amount = 3 where id = 1; commit
      """, "delta 1 1, delta 1 1"
    ),
  ]

  @Test func whatHappensUnderAnotherNameIsToldAsARebuildWithoutImages() async throws {
    try await Self.loaded { fixture in
      try await fixture.database.psql(
        "alter table finance.payments rename to payments_2025; delete from finance.payments_2025 where id < 9",
        "delete from finance.payments_2025 where id < 9")
      #expect(try await fixture.query(Self.byHand) == "rebuild 0 0")
      let images = try await fixture.query("select count(*) from daybook.journal_payments where _daybook_weight < 0")
      #expect(images == "0")
      try await fixture.database.psql(
        "alter table finance.payments_2025 rename to payments; delete from finance.payments where id = 20")
      #expect(try await fixture.query(Self.byHand) == "rebuild 0 0, delta 0 1")
      try await fixture.database.psql(
        """
        create schema lab; begin; alter table finance.payments set schema lab; alter table lab.payments drop column amount;
        update lab.payments set kind = 'refund' where id = 21; alter table lab.payments set schema finance; commit
        """)
      #expect(try await fixture.query(Self.byHand) == "rebuild 0 0, delta 0 1, rebuild 0 0")
    }
  }

  @Test(arguments: changes.indices)
  func whatIsChangedByHandIsJournaledAndCounted(_ index: Int) async throws {
    let change = Self.changes[index]
    try await Self.loaded { fixture in
      let before = try await Self.version(fixture)
      // Some are refused by the table, as they would be without triggers.
      for statement in change.sql.contains("copy") ? [change.sql] : [change.sql + ";"] {
        _ = try? await fixture.database.psql(statement)
      }
      let batches = try await fixture.query(Self.byHand)
      let sorted = batches.split(separator: ", ").sorted()
      #expect(sorted == (change.batches ?? "").split(separator: ", ").sorted(), "\(change.sql)")
      if !change.sql.hasPrefix("truncate") {
        let difference = try await fixture.query(Self.difference)
        #expect(difference == "0", "\(change.sql)")
      }
      let after = try await Self.version(fixture)
      #expect((after != before) == (change.batches != nil), "\(change.sql)")
      // Counting moves nothing.
      try await fixture.pool.withConnection { try await DataVersions.settle(on: $0) }
      let settled = try await Self.version(fixture)
      let left = try await fixture.query("select count(*) from daybook.uncounted_change")
      #expect(settled == after && left == "0")
    }
  }

  @Test func moreThanAStatementMayTellIsARebuildWithoutImages() async throws {
    try await Self.loaded { fixture in
      let rows = WatchTriggers.rowsMaximum
      let insert = "insert into finance.payments select i, 1, 'payment', 1, 'USD', now() from generate_series"
      try await fixture.database.psql(
        "\(insert)(1001, \(1000 + rows)) as i", "\(insert)(1000001, \(1_000_001 + rows)) as i")
      let batches = try await fixture.query(Self.byHand)
      #expect(batches == "delta \(rows) 0, rebuild 0 0")
      let images = try await fixture.query("select count(*) from daybook.journal_payments")
      #expect(images == "\(rows)")
    }
  }

  @Test func theJournalSaysWhoChangedARowByHandAndWhere() async throws {
    let feed = Self.watched(payments())
    try await Self.loaded(feed) { fixture in
      try await fixture.database.psql(
        "set application_name = 'month''s end'; update finance.payments set amount = 7 where id = 3")
      let told = try await fixture.query(
        """
        select kind, run_id is null, made_by = session_user, application, recorded_at > now() - interval '1 hour'
        from daybook.batch where made_by is not null
        """)
      #expect(told == "delta|t|t|month's end|t")
      // The row still says which file it came from.
      let places = try await fixture.query(
        "select count(*), count(distinct (_daybook_file, _daybook_line)) from daybook.journal_payments")
      #expect(places == "2|1")
      let project = fixture.project([feed])
      let history = try await fixture.pool.withConnection { connection in
        try await RowTrace(feed: feed, project: project).history(of: ["3"], on: connection)
      }
      #expect(history.events.map(\.kind) == [.loaded, .updated])
      let last = try #require(history.events.last)
      #expect(last.origin.writer?.application == "month's end" && last.origin.writer?.role.isEmpty == false)
      #expect(last.origin.file == nil && last.origin.run == nil && last.origin.at != nil)
      #expect(last.changes == [RowEvent.Change(column: "amount", old: "1.00", new: "7.00")])
      #expect(history.remarks == [])
      let batches = try await fixture.pool.withConnection { connection in
        try await BatchLedger.batches(of: "payments", after: 0, on: connection)
      }
      #expect(batches.last?.runID == nil && batches.last?.writer == last.origin.writer)
      #expect(batches.first?.runID != nil && batches.first?.writer == nil)
    }
  }

  @Test func whoMayOnlyWriteToTheTableCanDoSo() async throws {
    try await Self.loaded { fixture in
      let role = "clerk_" + (try await fixture.query("select current_database()"))
      try await fixture.database.psql(
        """
        create role \(role); grant usage on schema finance to \(role);
        grant select, insert, update on finance.payments to \(role)
        """)
      // What the writer has under the names of Daybook's tables, or of PostgreSQL's functions, is not used.
      try await fixture.database.psql(
        """
        set role \(role); set search_path = pg_temp, finance;
        create temp table batch (n bigint); create temp table journal_payments (n bigint);
        create function pg_temp.nextval(regclass) returns bigint language sql as 'select 1::bigint';
        insert into finance.payments values (100, 1, 'refund', 5, 'EUR', now());
        update finance.payments set amount = 6 where id = 100;
        """)
      let batches = try await fixture.query(Self.byHand)
      #expect(batches == "delta 1 0, delta 1 1")
      // Nobody but Daybook writes unseen: what a session says of itself is believed of the owner's role alone.
      try await fixture.database.psql(
        """
        set role \(role); set daybook.writer = 'payments';
        insert into finance.payments values (101, 1, 'refund', 5, 'EUR', now())
        """)
      let more = try await fixture.query(Self.byHand)
      #expect(more == "delta 1 0, delta 1 1, delta 1 0")
      // Nor may it hang the function on a table of its own, or write the journal itself.
      for forbidden in [
        "create temp table t (n bigint); create trigger t after truncate on t execute function daybook.watch_payments()",
        "insert into daybook.journal_payments (_daybook_batch, _daybook_weight) values (1, 1)",
      ] {
        let refused = await #expect(throws: (any Error).self) {
          try await fixture.database.psql("set role \(role); \(forbidden)")
        }
        #expect("\(refused as Any)".contains("denied"), "\(forbidden)")
      }
      try await fixture.database.psql("drop owned by \(role); drop role \(role)")
    }
  }

  // MARK: Daybook's own loads

  @Test(arguments: [LoadStrategy.copy, .insert])
  func whatDaybookLoadsIsJournaledOnce(_ load: LoadStrategy) async throws {
    let feed = Self.watched(payments()).loaded(by: load)
    try await FeedFixture.with { fixture in
      let plain = payments().loaded(by: load)
      try await fixture.makeTableWithProvenance(plain)
      try await fixture.database.psql(
        "insert into finance.payments select i, 1, 'payment', 1, 'USD', now() from generate_series(1000, 1400) i")
      try await fixture.database.psql("create table finance.before as table finance.payments")
      for (number, seed) in [(1, UInt64(3)), (2, 4), (3, 5)] {
        try fixture.deliver("payments_\(number).csv", dirtyPayments(records: 120, ids: 60, seed: seed))
        let outcome =
          load == .insert ? try await fixture.ingestInChunks(feed) : try await fixture.ingest(feed)
        #expect(outcome.status == .loaded)
      }
      let byHand = try await fixture.query("select count(*) from daybook.batch where made_by is not null")
      #expect(byHand == "0")
      let difference = try await fixture.query(Self.difference)
      #expect(difference == "0")
      let rebuilds = try await fixture.query("select count(*) from daybook.batch where kind = 'rebuild'")
      // The first one told that the table begins to be watched.
      #expect(rebuilds == "1")
      let counted = try await fixture.query(
        "select sum(rows_plus + rows_minus) = (select count(*) from daybook.journal_payments) from daybook.batch")
      #expect(counted == "t")
    }
  }

  @Test func tablesFilledInBulkKeepTheirTriggers() async throws {
    let feed = Self.watched(payments())
    try await FeedFixture.with { fixture in
      // In place into a new table; into one that was emptied; most of a table replaced.
      for (night, range) in [(1, 1...30_000), (2, 1...30_000), (3, 10_001...45_000)] {
        if night == 2 { try await fixture.database.psql("delete from finance.payments") }
        try fixture.deliver("payments_\(night).csv", paymentsHeader + range.map { Self.line($0, night) }.joined())
        let outcome = try await fixture.ingest(feed)
        #expect(outcome.status == .loaded && outcome.files.count == 1)
        let triggers = try await fixture.query(
          "select count(*) from pg_trigger where tgrelid = 'finance.payments'::regclass and tgname like 'daybook_watch%'"
        )
        #expect(triggers == "4", "night \(night)")
      }
      let batches = try await fixture.query(
        "select string_agg(kind, ', ' order by batch_id) from daybook.batch where made_by is null")
      #expect(batches == "rebuild, rebuild, rebuild")
      let images = try await fixture.query("select count(*) from daybook.journal_payments")
      // The rows that were deleted by hand.
      #expect(images == "30000")
      try await fixture.database.psql("update finance.payments set amount = 9 where id = 1")
      let last = try await fixture.query(
        "select kind, rows_plus, made_by is not null from daybook.batch order by batch_id desc limit 1")
      #expect(last == "delta|1|t")
    }
  }

  @Test func referencesOfAWatchedTableAreStillProvenByOneLook() async throws {
    let sales = Self.watched(ReferenceTests.sales)
    try await FeedFixture.with { fixture in
      try fixture.deliver("shops_1.csv", "id,name\n1,North\n2,South\n")
      _ = try await fixture.ingest(ReferenceTests.shops)
      try fixture.deliver("sales_1.csv", "id,shop,partner,amount,currency\n1,2,,1.00,USD\n")
      _ = try await fixture.ingest(sales)
      try fixture.deliver("sales_2.csv", "id,shop,partner,amount,currency\n2,1,,2.00,USD\n3,9,,3.00,USD\n")
      let outcome = try await fixture.ingest(sales)
      #expect(outcome.rows == RowCounts(read: 2, inserted: 1, rejected: 1))
      let isLocked = try await fixture.query("select xmax::text <> '0' from finance.shops where id = 1")
      #expect(isLocked == "f")
      let byHand = try await fixture.query("select count(*) from daybook.batch where made_by is not null")
      #expect(byHand == "0")
    }
  }

  /// Setting the writer is of one feed: what a trigger of somebody's does elsewhere meanwhile is told.
  @Test func whatALoadSetsOffInAnotherWatchedTableIsJournaled() async throws {
    let shops = feed("shops", [column("id", .bigint), column("name", .text)])
    try await Self.loaded { fixture in
      try fixture.deliver("shops_1.csv", "id,name\n1,North\n")
      _ = try await fixture.ingest(shops)
      try await fixture.database.psql(
        """
        create function f() returns trigger language plpgsql as $$begin
          update finance.payments set amount = amount + 1 where id = new.id; return null; end$$;
        create trigger t after insert on finance.shops for each row execute function f()
        """)
      try fixture.deliver("shops_2.csv", "id,name\n2,South\n")
      _ = try await fixture.ingest(shops)
      let batches = try await fixture.query(Self.byHand)
      let difference = try await fixture.query(Self.difference)
      #expect(batches == "delta 1 1" && difference == "0")
    }
  }

  // MARK: At the same time

  @Test(arguments: [LoadStrategy.copy, .insert])
  func handsAndLoadsAtTheSameTimeAreAllTold(_ load: LoadStrategy) async throws {
    let feed = Self.watched(payments()).loaded(by: load)
    try await Self.loaded(Self.watched(payments())) { fixture in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for hand in 0..<3 {
          group.addTask {
            for round in 0..<8 {
              // Each hand has rows of its own, and commits several statements at once.
              try await fixture.database.psql(
                """
                begin;
                insert into finance.payments values (\(10_000 + hand * 100 + round), 1, 'payment', 1, 'EUR', now());
                update finance.payments set amount = amount + 1 where id = \(10_000 + hand * 100 + round);
                delete from finance.payments where id = \(10_000 + hand * 100 + round - 1);
                \(round % 4 == 3 ? "rollback" : "commit")
                """)
            }
          }
        }
        group.addTask {
          for night in 2...4 {
            try fixture.deliver("payments_\(night).csv", dirtyPayments(records: 150, ids: 80, seed: UInt64(night)))
            let outcome =
              load == .insert ? try await fixture.ingestInChunks(feed) : try await fixture.ingest(feed)
            #expect(outcome.status == .loaded)
          }
        }
        try await group.waitForAll()
      }
      let difference = try await fixture.query(Self.difference)
      #expect(difference == "0")
      let counted = try await fixture.query(
        """
        select count(*) filter (where made_by is not null) > 40,
          sum(rows_plus + rows_minus) = (select count(*) from daybook.journal_payments) from daybook.batch
        """)
      #expect(counted == "t|t")
    }
  }

  @Test func handsDoNotWaitForEachOther() async throws {
    try await Self.loaded { fixture in
      try await fixture.database.withConnection { one in
        try await fixture.database.withConnection { other in
          for connection in [one, other] {
            try await connection.executeScript("set lock_timeout = '20s'; begin isolation level repeatable read")
          }
          // Rows of each other's in the opposite order would be a deadlock of theirs; other rows are none.
          try await one.execute("update finance.payments set amount = 5 where id = 1")
          try await other.execute("update finance.payments set amount = 6 where id = 2")
          try await one.execute("update finance.payments set amount = 5 where id = 3")
          try await other.execute("update finance.payments set amount = 6 where id = 4")
          try await one.execute("commit")
          try await other.execute("update finance.payments set amount = 6 where id = 6")
          try await other.execute("commit")
        }
      }
      let difference = try await fixture.query(Self.difference)
      #expect(difference == "0")
    }
  }
}
