// When one look over a file's rows stands in for the server's check of each, and when it must not. A row that the
// server checked is known by its parent: the check leaves its lock there (xmax).

import Ledger
import Postgres
import TestSupport
import Testing

@testable import Ingest

@Suite struct ReferenceProofTests {
  private static let header = "id,shop,partner,amount,currency\n"

  /// Two shops, of which the second has a sale, and the rows of a second file of sales.
  private static func secondNight<R: Sendable>(
    after sql: String, _ rows: String = "2,1,,2.00,USD\n3,9,,3.00,USD\n",
    _ body: @Sendable (FeedFixture, IngestOutcome) async throws -> R
  ) async throws -> R {
    try await FeedFixture.with { fixture in
      try fixture.deliver("shops_1.csv", "id,name\n1,North\n2,South\n")
      _ = try await fixture.ingest(ReferenceTests.shops)
      try fixture.deliver("sales_1.csv", header + "1,2,,1.00,USD\n")
      _ = try await fixture.ingest(ReferenceTests.sales)
      try await fixture.database.psql(sql)
      try fixture.deliver("sales_2.csv", header + rows)
      return try await body(fixture, try await fixture.ingest(ReferenceTests.sales))
    }
  }

  private static let isNorthLocked = "select xmax::text <> '0' from finance.shops where id = 1"

  @Test func parentsAreLookedUpOnceAndNotLockedRowByRow() async throws {
    try await Self.secondNight(after: "select 1") { fixture, outcome in
      #expect(outcome.rows == RowCounts(read: 2, inserted: 1, rejected: 1))
      #expect(try await fixture.query(Self.isNorthLocked) == "f")
      #expect(
        try await fixture.query("select line || code from daybook.reject") == "3orphan_reference")
      // Whoever writes by hand meets the server's checks as ever.
      let refused = try await fixture.query(
        """
        do $$begin
          insert into finance.sales (id, shop, amount, currency) values (9, 99, 1, 'USD');
        exception when foreign_key_violation then null;
        end$$; select count(*) from finance.sales where id = 9
        """)
      #expect(refused.hasSuffix("0"))
    }
  }

  private static let doubts = [
    "create function f() returns trigger language plpgsql as $$begin return new; end$$; "
      + "create trigger t before insert on finance.sales for each row execute function f()",
    "create table finance.other (id bigint primary key); insert into finance.other values (1); "
      + "alter table finance.sales add column o bigint default 1 references finance.other",
    "create rule r as on delete to finance.sales where false do instead nothing",
    "alter table finance.sales add unique (amount) deferrable",
    // What the parent shows is not all its own.
    "create table finance.closed_shops () inherits (finance.shops); insert into finance.closed_shops values (9, 'Old')",
  ]

  @Test(arguments: doubts)
  func theServerChecksEachRowWhereSomebodyChangedTheTable(sql: String) async throws {
    try await Self.secondNight(after: sql) { fixture, outcome in
      #expect(outcome.rows == RowCounts(read: 2, inserted: 1, rejected: 1))
      let isLocked = try await fixture.query(Self.isNorthLocked)
      #expect(isLocked == "t")
    }
  }

  /// The server checks such a key by a trigger, which would be left out together with those of the references.
  @Test(arguments: ["deferrable", "deferrable initially deferred"])
  func aKeyThatMayBeDeferredIsStillHeld(_ when: String) async throws {
    let sql = "alter table finance.sales add constraint once unique (amount) \(when)"
    try await Self.secondNight(after: sql, "2,1,,2.00,USD\n3,2,,2.00,USD\n4,2,,1.00,USD\n") { fixture, outcome in
      #expect(outcome.rows == RowCounts(read: 3, inserted: 1, rejected: 2))
      let rows = try await fixture.query("select id, amount from finance.sales order by 1")
      #expect(rows == "1|1.00\n2|2.00")
      let refused = try await fixture.query("select count(*) from daybook.reject where reason like '%23505%'")
      #expect(refused == "2")
    }
  }

  /// Who may leave triggers out, and has no right to lock the parents.
  @Test func aRoleThatMayNotLockTheParentsHasItsRowsChecked() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("shops_1.csv", "id,name\n1,North\n2,South\n")
      _ = try await fixture.ingest(ReferenceTests.shops)
      try fixture.deliver("sales_1.csv", Self.header + "1,2,,1.00,USD\n")
      _ = try await fixture.ingest(ReferenceTests.sales)
      let role = "loader_" + (try await fixture.query("select current_database()"))
      try await fixture.database.psql(
        """
        create role \(role); grant set on parameter session_replication_role to \(role);
        grant select, references on finance.shops to \(role);
        grant usage, create on schema finance to \(role); alter table finance.sales owner to \(role)
        """)
      let design = TableDesign(feed: ReferenceTests.sales, schema: "finance", timeZone: "UTC")
      let proof = try await fixture.pool.withConnection { connection in
        try await connection.withTransaction { transaction in
          try await transaction.execute("set local role \(role)")
          let proof = try await ReferenceProof.prepare(design, on: transaction)
          // The transaction goes on.
          try await transaction.execute("select 1")
          return proof == nil
        }
      }
      try await fixture.database.psql("drop owned by \(role); drop role \(role)")
      #expect(proof)
    }
  }

  /// A trigger that moves rows to a parent that is not there would go unseen by a look at the file.
  @Test func aTriggerCannotSmuggleAnOrphanIn() async throws {
    let sql = """
      create function f() returns trigger language plpgsql as $$begin new.shop = 77; return new; end$$;
      create trigger t before insert on finance.sales for each row execute function f()
      """
    try await Self.secondNight(after: sql, "2,1,,2.00,USD\n") { fixture, outcome in
      #expect(outcome.rows == RowCounts(read: 1, rejected: 1))
      let orphans = try await fixture.query("select count(*) from finance.sales where shop = 77")
      #expect(orphans == "0")
    }
  }

  /// A deferrable key is checked by a trigger, as references are.
  @Test func aDeferrableKeyIsNotLeftOutWithTheReferences() async throws {
    let sql = "alter table finance.sales add unique (amount) deferrable"
    try await Self.secondNight(after: sql, "2,1,,1.00,USD\n3,1,,3.00,USD\n") { fixture, outcome in
      #expect(outcome.rows == RowCounts(read: 2, inserted: 1, rejected: 1))
      let ids = try await fixture.query("select string_agg(id::text, ',' order by id) from finance.sales")
      #expect(ids == "1,3")
    }
  }

  private static let lender = """
    create role lender nologin;
    grant set on parameter session_replication_role to lender;
    grant usage, create on schema finance to lender; grant usage, create on schema daybook to lender;
    grant select, references on finance.shops to lender; alter table finance.sales owner to lender;
    do $$declare name text; begin
      for name in select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'daybook' loop
        execute 'alter table ' || name || ' owner to lender';
      end loop;
      for name in select format('%I.%I', schemaname, sequencename) from pg_sequences where schemaname = 'daybook' loop
        execute 'grant all on sequence ' || name || ' to lender';
      end loop;
    end$$
    """

  @Test func aRoleThatMayReferToParentsAndNotLockThemLoadsRowByRow() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("shops_1.csv", "id,name\n1,North\n2,South\n")
      _ = try await fixture.ingest(ReferenceTests.shops)
      try fixture.deliver("sales_1.csv", Self.header + "1,2,,1.00,USD\n")
      _ = try await fixture.ingest(ReferenceTests.sales)
      // Roles belong to the server, which other tests use too.
      let role = "lender_" + (try await fixture.query("select current_database()"))
      try await fixture.database.psql(Self.lender.replacing("lender", with: role))
      let configuration = try PostgresConfiguration(url: "\(fixture.database.url)&options=-crole%3D\(role)")
      let pool = try PostgresPool(configuration: configuration, settings: PoolSettings(min: 0, max: 2))
      try fixture.deliver("sales_2.csv", Self.header + "2,1,,2.00,USD\n3,9,,3.00,USD\n")
      let outcome = try? await fixture.ingest(ReferenceTests.sales, lentBy: pool)
      await pool.shutdown(within: .seconds(5))
      try await fixture.database.psql("reassign owned by \(role) to current_user", "drop owned by \(role)")
      try await fixture.database.psql("drop role \(role)")
      #expect(outcome?.rows == RowCounts(read: 2, inserted: 1, rejected: 1))
    }
  }

  @Test func aParentThatIsBeingWrittenIsNotWaitedFor() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("shops_1.csv", "id,name\n1,North\n2,South\n")
      _ = try await fixture.ingest(ReferenceTests.shops)
      try fixture.deliver("sales_1.csv", Self.header + "1,2,,1.00,USD\n")
      _ = try await fixture.ingest(ReferenceTests.sales)
      try fixture.deliver("sales_2.csv", Self.header + "2,1,,2.00,USD\n3,9,,3.00,USD\n")
      try await fixture.pool.withConnection { writer in
        try await writer.withTransaction { open in
          try await open.execute("insert into finance.shops values (3, 'West')")
          let outcome = try await fixture.ingest(ReferenceTests.sales)
          #expect(outcome.rows == RowCounts(read: 2, inserted: 1, rejected: 1))
        }
      }
      #expect(try await fixture.query(Self.isNorthLocked) == "t")
    }
  }

  /// Ingests while somebody deletes parents: each delete waits or fails, or its sale is refused; never an orphan.
  @Test func parentsThatAreDeletedMeanwhileLeaveNoOrphan() async throws {
    try await FeedFixture.with { fixture in
      let count = 3_000
      try fixture.deliver("shops_1.csv", "id,name\n" + (1...count).map { "\($0),S\n" }.joined())
      _ = try await fixture.ingest(ReferenceTests.shops)
      try fixture.deliver("sales_1.csv", Self.header + "0,1,,1.00,USD\n")
      _ = try await fixture.ingest(ReferenceTests.sales)
      for night in 2...6 {
        let rows = (1...count).map { "\(night * 10_000 + $0),\($0),,1.00,USD\n" }
        try fixture.deliver("sales_\(night).csv", Self.header + rows.joined())
      }
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          for shop in stride(from: 20, through: count, by: 20) {
            try await fixture.pool.withConnection { other in
              do {
                try await other.execute("delete from finance.shops where id = \(shop)")
              } catch let error as PostgresError where error.sqlState == "23503" {
              }
            }
          }
        }
        group.addTask { _ = try await fixture.ingest(ReferenceTests.sales) }
        try await group.waitForAll()
      }
      #expect(
        try await fixture.query(
          """
          select count(*) from finance.sales s
          where not exists (select from finance.shops p where p.id = s.shop)
          """) == "0")
      #expect(try await fixture.query("select count(*) > 14000 from finance.sales") == "t")
    }
  }
}
