// Many rows into a table that exists but is empty: its indexes go and come back exactly as they were.

import Ingest
import Ledger
import TestSupport
import Testing

@Suite struct BulkTests {
  private static func file(rows: Int) -> String {
    var text = paymentsHeader
    for id in 1...rows { text += "\(id),10,payment,\(id % 900).50,USD,2026-11-19 10:00:00\n" }
    return text
  }

  @Test func anEmptiedTableGetsBackEveryIndexAndReferenceThatItHad() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_2026-11-19.csv", LoadingTests.first)
      _ = try await fixture.ingest(payments())
      _ = try await fixture.query(
        """
        create table finance.receipts (payment bigint references finance.payments);
        """)
      _ = try await fixture.query("create index by_hand on finance.payments (lower(kind)) where amount > 5")
      _ = try await fixture.query("create index described on finance.payments (customer)")
      _ = try await fixture.query("comment on index finance.described is 'mine'")
      _ = try await fixture.query(
        "alter table finance.payments add constraint twice unique (id, kind) deferrable initially deferred")
      _ = try await fixture.query("truncate finance.payments cascade")
      let described = """
        select indexname || ' ' || indexdef from pg_indexes where schemaname = 'finance'
        union all
        select conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
        where connamespace = 'finance'::regnamespace
        union all
        select description from pg_description where description = 'mine'
        order by 1
        """
      let before = try await fixture.query(described)
      let byHand = "select oid from pg_class where relname = 'by_hand'"
      let kept =
        "select string_agg(oid::text, ',' order by oid) from pg_class where relname in ('described', 'payments_pkey')"
      let (oldIndex, oldKept) = (try await fixture.query(byHand), try await fixture.query(kept))

      try fixture.deliver("payments_2026-11-20.csv", Self.file(rows: 25_000))
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.rows == RowCounts(read: 25_000, inserted: 25_000))
      #expect(try await fixture.query(described) == before)
      // The index was built anew behind the rows; what others rely on, or what could not be put back whole, stayed.
      #expect(try await fixture.query(byHand) != oldIndex)
      #expect(try await fixture.query(kept) == oldKept)
    }
  }

  @Test func aFewRowsLeaveTheIndexesOfAnEmptyTableInPlace() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_2026-11-19.csv", LoadingTests.first)
      _ = try await fixture.ingest(payments())
      _ = try await fixture.query("truncate finance.payments")
      let index = "select oid from pg_class where relname = 'payments_at_idx'"
      let before = try await fixture.query(index)
      try fixture.deliver("payments_2026-11-20.csv", Self.file(rows: 100))
      #expect(try await fixture.ingest(payments()).rows.inserted == 100)
      #expect(try await fixture.query(index) == before)
    }
  }
}
