// Foreign keys between feeds: rows that refer to nothing are refused with their bytes.

import Definitions
import Ingest
import Ledger
import TestSupport
import Testing

@Suite struct ReferenceTests {
  static let shops = feed("shops", [column("id", .bigint), column("name", .text)])
  static let sales = feed(
    "sales",
    [
      column("id", .bigint), column("shop", .bigint, references: ColumnReference(feed: "shops", column: "id")),
      column("partner", .bigint, optional: true, references: ColumnReference(feed: "shops", column: "id")),
      column("amount", .decimal(precision: 8, scale: 2), control: "currency"), column("currency", .text),
    ])

  @Test(arguments: [false, true])
  func orphansAreRefusedWithTheirFirstBadColumnAndTheirBytes(isSecondLoad: Bool) async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("shops_1.csv", "id,name\n1,North\n2,South\n")
      _ = try await fixture.ingest(Self.shops)
      if isSecondLoad {
        try fixture.deliver("sales_0.csv", "id,shop,partner,amount,currency\n100,1,2,1,USD\n")
        _ = try await fixture.ingest(Self.sales)
      }
      // The columns of the file come in another order than in the definition: partner is the first bad one.
      try fixture.deliver(
        "sales_1.csv", "partner,id,shop,amount,currency\n,1,1,5.00,USD\n2,2,9,6.00,EUR\n8,3,9,7.00,\"USD\"\n")
      let outcome = try await fixture.ingest(Self.sales)
      #expect(outcome.rows == RowCounts(read: 3, inserted: 1, rejected: 2))
      let rejects = try await fixture.query(
        """
        select line, record, byte_offset, column_name, code, reason, convert_from(raw, 'UTF8')
        from daybook.reject order by line
        """)
      #expect(
        rejects == """
          3|3|46|shop|orphan_reference|"9" is not in shops.id|2,2,9,6.00,EUR
          4|4|61|partner|orphan_reference|"8" is not in shops.id|8,3,9,7.00,"USD"
          """)
      let sums = try await fixture.query(
        """
        select currency, amount from daybook.file_control_sum
        where outcome = 'rejected' order by 1
        """)
      #expect(sums == "EUR|6.00\nUSD|7.00")
      #expect(
        try await fixture.query(
          "select count(*) from pg_constraint where contype = 'f' and conrelid = 'finance.sales'::regclass") == "2")
    }
  }

  @Test func aDuplicateThatIsAnOrphanIsARejectAndTheEarlierRecordWins() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("shops_1.csv", "id,name\n1,North\n")
      _ = try await fixture.ingest(Self.shops)
      try fixture.deliver(
        "sales_1.csv", "id,shop,partner,amount,currency\n1,1,,1.00,USD\n1,1,,2.00,USD\n1,7,,3.00,USD\n")
      let outcome = try await fixture.ingest(Self.sales)
      #expect(outcome.rows == RowCounts(read: 3, inserted: 1, duplicate: 1, rejected: 1))
      #expect(try await fixture.query("select amount from finance.sales") == "2.00")
    }
  }

  @Test func rowsMayReferToRowsOfTheirOwnFileAndFallWithThem() async throws {
    try await FeedFixture.with { fixture in
      let people = feed(
        "people",
        [
          column("id", .bigint),
          column("boss", .bigint, optional: true, references: ColumnReference(feed: "people", column: "id")),
        ])
      try fixture.deliver("people_1.csv", "id,boss\n2,1\n1,\n3,99\n4,3\n5,4\n")
      let outcome = try await fixture.ingest(people)
      #expect(outcome.rows == RowCounts(read: 5, inserted: 2, rejected: 3))
      #expect(try await fixture.query("select string_agg(id::text, ',' order by id) from finance.people") == "1,2")
    }
  }

  @Test func aFeedThatRefersToAnUnloadedOneSaysWhatToLoadFirst() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("sales_1.csv", "id,shop,partner,amount,currency\n1,1,,1.00,USD\n")
      let error = await #expect(throws: IngestError.self) { try await fixture.ingest(Self.sales) }
      #expect(error?.kind == .tableDrift)
      #expect(error?.description.contains("daybook ingest shops") == true)
      #expect(try await fixture.stagingTables() == "0")
    }
  }
}
