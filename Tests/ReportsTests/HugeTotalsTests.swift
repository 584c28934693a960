// Totals that no exact decimal holds: of more than 38 digits, and those that are no number. The proof compares them all the
// same, and never calls two equal that it has not compared.

import Definitions
import Foundation
import Ledger
import Money
import Postgres
import TestSupport
import Testing
import Views

@testable import Reports

@Suite struct HugeTotalsTests {
  private static let huge = "1" + String(repeating: "0", count: 39)

  private static let pairs: [(expected: String, found: String?, difference: String, isEqual: Bool)] = [
    ("1.50", "1.5", "0.00", true), ("1.50", "1.51", "0.01", false), (huge, huge, "0", true),
    (huge, "3" + huge.dropFirst(), "2" + huge.dropFirst(), false), (huge, huge.dropLast() + "1", "1", false),
    ("0", "0." + String(repeating: "0", count: 49) + "1", "0." + String(repeating: "0", count: 49) + "1", false),
    ("NaN", "NaN", "0", true), ("0", "NaN", "NaN", false), ("Infinity", "Infinity", "0", true),
    ("Infinity", "-Infinity", "-Infinity", false), ("5", nil, "", false),
  ]

  @Test func totalsAreComparedToTheLastDigitWhateverTheyAre() async throws {
    let pairs = Self.pairs.map { TotalPair(labels: [], expected: $0.expected, found: $0.found) }
    let lines = try await TestDatabase.withDatabase { database in
      try await database.withConnection { try await TotalPair.lines(pairs, on: $0) }
    }
    #expect(lines.map { $0[2].plainText } == Self.pairs.map(\.difference))
    let columns = ["expected", "found", "difference"].map { DatasetColumn(name: $0, label: $0, format: .plain) }
    for (pair, line) in zip(Self.pairs, lines) {
      let compared = try Comparison(
        columns: columns, lines: [line], shown: 1, csvPath: "data/x.csv", statement: RanStatement(of: []))
      #expect(compared.isEqual == pair.isEqual, "\(pair)")
      if pair.found?.count != 52 { #expect(line[1].plainText == pair.found ?? "", "\(pair)") }
    }
  }

  private static let files = [
    "Jobs/daybook.yaml": """
    project: huge
    database: { url: embedded, schema: finance }
    inbox: .daybook/inbox
    output: Output
    calendar: { time_zone: UTC, fiscal_year_starts: january, week_starts: monday }

    """,
    "Jobs/feeds/sales.yaml": """
    feed: sales
    files: sales_*.csv
    mode: delta
    key: [id]
    columns:
      id: { type: bigint }
      amount: { type: "decimal(38,0)" }
      currency: { type: text }
      at: { type: timestamptz, index: true }

    """,
    "Jobs/views/sales_daily.yaml": """
    view: sales_daily
    from: sales
    group_by:
      day: { date: at }
      currency: currency
    measures:
      total: { sum: amount }

    """,
    "Jobs/reports/totals.yaml": """
    report: totals
    title: Totals
    sections:
      - table: Days
        view: sales_daily
        columns:
          total: { format: money(currency), ties_to: sales_daily.total }

    """,
  ]

  @Test func aRollupThatLiesAboutSumsBeyond38DigitsIsFound() async throws {
    try await TemporaryDirectory.with { folder in
      for (path, text) in Self.files { try folder.write(text, to: path) }
      try await TestDatabase.withDatabase { database in
        let ledger = LedgerStore(configuration: database.configuration)
        try await ledger.open()
        await ledger.close()
        try await database.psql(
          """
          CREATE SCHEMA finance;
          CREATE TABLE finance.sales (id bigint PRIMARY KEY, amount numeric(38,0), currency text, at timestamptz);
          INSERT INTO finance.sales SELECT i, repeat('9', 38)::numeric, 'USD', '2026-11-01'::timestamptz + i * '1 day'::interval
          FROM generate_series(1, 12) i;
          INSERT INTO finance.sales VALUES (13, 0, 'EUR', '2026-11-02');
          """)
        try await database.withPool(max: 2) { pool in
          let shop = try SampleShop(root: folder.path, output: folder.appending("Output"), pool: pool)
          _ = try await ViewRefresher(project: shop.project, pool: pool).refresh(.all)
          func total(_ currency: String) async throws -> (row: [String: String], isGood: Bool, reasons: [String]) {
            let set = try ReadSet(try await shop.publisher().publish(force: true))
            let row = try #require(try set.csv("view_totals").first { $0["currency"] == currency })
            let tie = try #require(try set.csv("report_totals").first { $0["currency"] == currency })
            #expect(tie["view_total"] == row["view_total"])
            let verdict = try set.section("reconciliation", "Views")["passed"] as? Bool
            return (row, verdict == true, try #require(set.json["draft_reasons"] as? [String]))
          }
          let sum = "11" + String(repeating: "9", count: 36) + "88"
          let right = try await total("USD")
          #expect(right.row["table_total"] == sum && right.row["view_total"] == sum && right.row["difference"] == "0")
          #expect(right.isGood)

          try await shop.run("UPDATE finance.sales_daily__state SET total__sum = total__sum * 3 WHERE currency = 'USD'")
          let three = try await total("USD")
          #expect(three.row["difference"] == "23" + String(repeating: "9", count: 36) + "76")
          let said = "1 of 2 view totals differ from their tables; Reconciliation lists them."
          #expect(!three.isGood && three.reasons.contains(said), "\(three.reasons)")

          try await shop.run(
            """
            UPDATE finance.sales_daily__state SET total__sum = total__sum / 3 WHERE currency = 'USD';
            UPDATE finance.sales_daily__state SET total__sum = 'NaN' WHERE currency = 'EUR'
            """)
          let none = try await total("EUR")
          #expect(none.row["table_total"] == "0" && none.row["view_total"] == "NaN" && none.row["difference"] == "NaN")
          #expect(!none.isGood && none.reasons.contains(said), "\(none.reasons)")
        }
      }
    }
  }
}
