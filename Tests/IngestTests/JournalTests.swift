// The journal and the provenance of rows: the weighted images of all batches are the table.

import Definitions
import Ingest
import Ledger
import TestSupport
import Testing

@Suite struct JournalTests {
  private static func line(_ id: Int, _ amount: Int) -> String {
    "\(id),\(id),payment,\(amount).00,USD,2026-01-01T00:00:00Z\n"
  }

  /// The table as the journal tells it, from the newest rebuild on, against the table itself.
  private static let difference = """
    with told as (
      select id, customer, kind, amount, currency, at, _daybook_file, _daybook_line, sum(_daybook_weight) as n
      from daybook.journal_payments group by 1, 2, 3, 4, 5, 6, 7, 8 having sum(_daybook_weight) <> 0
    )
    select count(*) from (
      (select id, customer, kind, amount, currency, at, _daybook_file, _daybook_line from told
        except all select id, customer, kind, amount, currency, at, _daybook_file, _daybook_line from finance.payments
        where id < 1000)
      union all
      (select id, customer, kind, amount, currency, at, _daybook_file, _daybook_line from finance.payments where id < 1000
        except all select id, customer, kind, amount, currency, at, _daybook_file, _daybook_line from told)
    ) as d
    """

  @Test func everyRowSaysWhichFileAndLineItCameFrom() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", paymentsHeader + "1,1,payment,1.00,USD,2026-01-01\n\n" + Self.line(2, 2))
      let first = try await fixture.ingest(payments())
      try fixture.deliver("payments_2.csv", paymentsHeader + Self.line(2, 2) + Self.line(1, 5) + Self.line(3, 3))
      let second = try await fixture.ingest(payments())
      let (one, two) = (first.files[0].fileID, second.files[0].fileID)
      #expect(
        try await fixture.query("select id, _daybook_file, _daybook_line from finance.payments order by id")
          == "1|\(two)|3\n2|\(one)|4\n3|\(two)|4")
      #expect(
        try await fixture.query(
          """
          select kind, rows_plus, rows_minus, file_id from daybook.batch where feed = 'payments' order by batch_id
          """) == "rebuild|0|0|\(one)\ndelta|2|1|\(two)")
      #expect(
        try await fixture.query(
          """
          select id, _daybook_weight, amount, _daybook_file, _daybook_line from daybook.journal_payments order by id, 2
          """) == "1|-1|1.00|\(one)|2\n1|1|5.00|\(two)|3\n3|1|3.00|\(two)|4")
    }
  }

  @Test func theImagesAddUpToTheTableWhateverTheFilesDo() async throws {
    try await FeedFixture.with { fixture in
      // A base of rows that the test does not look at, so that the others count as a delta.
      try fixture.deliver(
        "payments_0.csv", paymentsHeader + (1000...1400).map { Self.line($0, 1) }.joined())
      _ = try await fixture.ingest(payments())
      var random = SeededRandom(seed: 11)
      for night in 1...12 {
        let isSnapshot = night % 4 == 0
        var text = paymentsHeader
        if isSnapshot { text += (1000...1400).map { Self.line($0, 1) }.joined() }
        for _ in 0..<40 {
          text += Self.line(1 + Int(random.next() % 60), 1 + Int(random.next() % 3))
        }
        try fixture.deliver("payments_\(night).csv", text)
        let outcome = try await fixture.ingest(
          payments(mode: isSnapshot ? .snapshot(maxDeletes: .count(1000)) : .delta))
        #expect(outcome.status == .loaded)
        #expect(try await fixture.query(Self.difference) == "0", "night \(night)")
      }
      #expect(
        try await fixture.query(
          """
          select bool_and(rows_plus = p and rows_minus = m) from (
            select b.rows_plus, b.rows_minus, count(*) filter (where j._daybook_weight = 1) as p,
              count(*) filter (where j._daybook_weight = -1) as m
            from daybook.batch b left join daybook.journal_payments j on j._daybook_batch = b.batch_id
            group by b.batch_id) as t
          """) == "t")
    }
  }

  @Test func aMostlyReplacedTableIsRebuiltUnderItsOldIndexes() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", paymentsHeader + (1...30_000).map { Self.line($0, 1) }.joined())
      _ = try await fixture.ingest(payments())
      let indexes = "select string_agg(indexdef, ';' order by indexdef) from pg_indexes where tablename = 'payments'"
      let before = try await fixture.query(indexes)
      try fixture.deliver("payments_2.csv", paymentsHeader + (10_001...45_000).map { Self.line($0, 2) }.joined())
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.rows == RowCounts(read: 35_000, inserted: 15_000, updated: 20_000))
      #expect(try await fixture.query(indexes) == before)
      #expect(try await fixture.query("select sum(amount) from finance.payments") == "80000.00")
      #expect(
        try await fixture.query(
          "select kind, path from daybook.batch join daybook.file using (file_id) order by 1, batch_id")
          == "rebuild|bulk\nrebuild|bulk")
      #expect(try await fixture.query("select count(*) from daybook.journal_payments") == "0")
    }
  }

  @Test func aFeedThatKeepsNoProvenanceHasATableWithoutItsColumns() async throws {
    try await FeedFixture.with { fixture in
      var feed = payments()
      feed.keepsProvenance = false
      try fixture.deliver("payments_1.csv", paymentsHeader + Self.line(1, 1))
      _ = try await fixture.ingest(feed)
      #expect(
        try await fixture.query(
          "select count(*) from information_schema.columns where column_name like '\\_daybook%' and table_name = 'payments'"
        )
          == "0")
      try fixture.deliver("payments_2.csv", paymentsHeader + Self.line(1, 2))
      _ = try await fixture.ingest(feed)
      #expect(
        try await fixture.query("select amount, _daybook_weight from daybook.journal_payments order by 2")
          == "1.00|-1\n2.00|1")
      // Turned on later, the columns come, and are empty for rows that were there.
      try fixture.deliver("payments_3.csv", paymentsHeader + Self.line(2, 2))
      _ = try await fixture.ingest(payments(hash: "2"))
      #expect(try await fixture.query("select id, _daybook_line from finance.payments order by id") == "1|\n2|2")
    }
  }
}
