// What the shipped reports and the pages of every set say, against SQL computed apart: totals of every file, promises
// that tie, movements in words, what was wrong with the data, and the odd shops: one row, one day, a currency of today.
// One shop for everything that only reads it.

import Definitions
import Finding
import Foundation
import Ledger
import Money
import Postgres
import TestSupport
import Testing
import Views

@testable import Reports

private let net = "sum(CASE type WHEN 'payment' THEN amount WHEN 'fee' THEN 0 ELSE -amount END)"
private let localDay = "(occurred_at AT TIME ZONE 'America/New_York')::date"

@Suite struct ContentsTests {
  @Test func everyTotalOfEveryFileIsThatOfSQLComputedApart() async throws {
    try await inFilledShop { shop, _ in
      let outcome = try await shop.publisher().publish()
      let set = try ReadSet(outcome)
      let byCurrency = try await shop.amounts("SELECT currency, \(net)::text FROM transactions GROUP BY 1")
      #expect(byCurrency.count == 3)
      #expect(try set.sums("revenue_months", "net") == byCurrency)
      #expect(try set.sums("revenue_bridge", "closing") == byCurrency)
      #expect(try set.sums("customers", "net_paid") == byCurrency)
      for (column, type) in [
        ("gross", "payment"), ("refunds", "refund"), ("chargebacks", "chargeback"), ("fees", "fee"),
      ] {
        let sums = try await shop.amounts(
          "SELECT currency, coalesce(sum(amount) FILTER (WHERE type = '\(type)'), 0)::text FROM transactions GROUP BY 1"
        )
        #expect(try set.sums("revenue_months", column) == sums, "\(column)")
      }
      let ordered = try await shop.amounts(
        "SELECT currency, sum(quantity * unit_price)::text FROM orders WHERE status <> 'cancelled' GROUP BY 1")
      #expect(try set.sums("products", "revenue") == ordered)
      #expect(try set.sums("categories", "revenue") == ordered)
      let thisYear = try await shop.amounts(
        """
        SELECT currency, sum(quantity * unit_price)::text FROM orders WHERE status <> 'cancelled'
          AND (ordered_at AT TIME ZONE 'America/New_York')::date BETWEEN '2026-01-01' AND '2026-11-20' GROUP BY 1
        """)
      #expect(try set.sums("product_mix", "ordered") == thisYear)
      let yearBefore = try await shop.amounts(
        """
        SELECT currency, sum(quantity * unit_price)::text FROM orders WHERE status <> 'cancelled'
          AND (ordered_at AT TIME ZONE 'America/New_York')::date BETWEEN '2025-01-01' AND '2025-11-20' GROUP BY 1
        """)
      #expect(try set.sums("product_mix", "ordered_year_before") == yearBefore)

      // Page one against the same days of the month before and of the year before.
      let windows = [
        ("net", "2026-11-01", "2026-11-20"), ("net_prior_month", "2026-10-01", "2026-10-20"),
        ("net_prior_year", "2025-11-01", "2025-11-20"), ("year_to_date", "2026-01-01", "2026-11-20"),
        ("year_to_date_prior_year", "2025-01-01", "2025-11-20"),
      ]
      for (column, first, last) in windows {
        let expected = try await shop.amounts(
          "SELECT currency, \(net)::text FROM transactions WHERE \(localDay) BETWEEN '\(first)' AND '\(last)' GROUP BY 1"
        )
        let shown = try set.sums("revenue_month_to_date", column)
        for (currency, amount) in expected { #expect(shown[currency] == amount, "\(column) \(currency)") }
        for row in try set.rows("index", "Revenue: Month to date") {
          let currency = try #require(row["currency"] as? String)
          #expect(
            (row[column] as? String).flatMap { ExactDecimal($0) } == expected[currency] ?? .zero,
            "\(column) \(currency)")
        }
      }
      // The same figure, as a reader sees it, on page one, in the report and in the mail.
      let usd = try #require(try set.csv("revenue_month_to_date").first { $0["currency"] == "USD" })
      let seen = CellFormat.money(currencyColumn: nil).text(
        ExactDecimal(usd["net"] ?? "").map { .number($0) } ?? .missing)
      for file in ["index.html", "revenue.html", "summary.txt"] {
        #expect(try set.text(file).contains(seen), "\(file)")
      }
      #expect(try set.text("index.html").contains("favourable") || set.text("index.html").contains("adverse"))

      try await shop.expectDataFigures(set, through: "2026-11-20", isLast: true)
      try await expectReconciled(set, shop, byCurrency)
      try await expectMovements(set, shop)
      try expectDefinitions(set)
      try await expectQuality(set, shop)
      try await expectEarlierDate(shop)
    }
  }

  /// A set of an earlier date holds what was so then, and says where it cannot.
  private func expectEarlierDate(_ shop: SampleShop) async throws {
    let set = try ReadSet(try await shop.publisher(asOf: CivilDate("2026-10-10")).publish())
    try await shop.expectDataFigures(set, through: "2026-10-10", isLast: false)
    let months = try set.csv("revenue_months").filter { $0["business_month"] == "2026-10-01" }
    let soFar = Dictionary(uniqueKeysWithValues: months.map { ($0["currency"] ?? "", ExactDecimal($0["net"] ?? "")) })
    for row in try set.csv("revenue_month_to_date") where row["net"]?.isEmpty == false {
      #expect(soFar[row["currency"] ?? ""] ?? .zero == ExactDecimal(row["net"] ?? ""), "\(row)")
    }
    let words = "Data of later days than 10 Oct 2026 are loaded: "
    for file in ["index.html", "revenue.html", "customers.html", "summary.txt"] {
      #expect(try set.text(file).contains(words), "\(file)")
    }
    for (report, section) in [
      ("revenue", "Best-selling products"), ("revenue", "Restated months"), ("customers", "How much depends on a few"),
      ("customers", "Segments"),
    ] {
      let lead = try set.section(report, section)["lead"] as? String
      #expect(lead?.hasPrefix("As of the last load, not of 10 Oct 2026") == true, "\(section)")
    }
    #expect(try set.section("customers", "By country")["lead"] == nil)
    let newest = try String(contentsOfFile: "\(shop.project.output)/2026-11-20/customers.html", encoding: .utf8)
    #expect(!newest.contains("As of the last load") && !newest.contains("Data of later days"))
  }

  private func expectReconciled(_ set: ReadSet, _ shop: SampleShop, _ byCurrency: [String: ExactDecimal]) async throws {
    let page = try set.text("reconciliation.html")
    let agrees = page.contains("The reports agree with their views: 15 totals compared, difference 0.00.")
    #expect(agrees)
    #expect(page.contains("The tables hold what the files brought: 4 tables counted, difference 0."))
    let totals = try set.csv("report_totals")
    #expect(totals.allSatisfy { ExactDecimal($0["difference"] ?? "") == .zero })
    for row in totals where row["ties_to"] == "revenue_daily.net" {
      #expect(ExactDecimal(row["report_total"] ?? "") == byCurrency[row["currency"] ?? ""])
    }
    #expect(totals.contains { $0["ties_to"] == "revenue_daily.net" })
    let steps = try set.csv("steps")
    let inTable = try await shop.amounts(
      """
      SELECT 'customers', count(*)::text FROM customers UNION ALL SELECT 'orders', count(*)::text FROM orders
      UNION ALL SELECT 'products', count(*)::text FROM products
      UNION ALL SELECT 'transactions', count(*)::text FROM transactions
      """)
    #expect(steps.count == 4)
    for row in steps {
      let table = inTable[row["feed"] ?? ""]
      #expect(ExactDecimal(row["in_table"] ?? "") == table && ExactDecimal(row["by_files"] ?? "") == table)
      #expect(row["difference"] == "0" && row["table_difference"] == "0")
      #expect(ExactDecimal(row["loaded"] ?? "") == table)
    }
    let sums = try await shop.amounts("SELECT currency, sum(amount)::text FROM transactions GROUP BY 1")
    #expect(try set.sums("control_sums", "loaded") == sums)
  }

  private func expectMovements(_ set: ReadSet, _ shop: SampleShop) async throws {
    let section = try set.section("revenue", "What moved")
    let sentences = try #require(section["text"] as? [String])
    let total = try #require(section["rows_total"] as? Int)
    #expect(sentences.count == 7 && sentences.last == "6 of \(total) movements; all in data/revenue_moves.csv")
    let now = try await shop.amounts(
      "SELECT currency, \(net)::text FROM transactions WHERE \(localDay) BETWEEN '2026-11-01' AND '2026-11-20' GROUP BY 1"
    )
    let before = try await shop.amounts(
      "SELECT currency, \(net)::text FROM transactions WHERE \(localDay) BETWEEN '2026-10-01' AND '2026-10-20' GROUP BY 1"
    )
    let rows = try set.csv("revenue_moves")
    for row in rows where row["what"] == "Currency" {
      #expect(ExactDecimal(row["net"] ?? "") == now[row["name"] ?? ""] ?? .zero)
      #expect(ExactDecimal(row["net_before"] ?? "") == before[row["name"] ?? ""] ?? .zero)
    }
    // Customers together are their currency; every transaction has one.
    var customers: [String: ExactDecimal] = [:]
    var currencies: [String: ExactDecimal] = [:]
    for row in rows {
      let change = try #require(ExactDecimal(row["change"] ?? ""))
      let currency = row["currency"] ?? ""
      if row["what"] == "Customer" { customers[currency] = (customers[currency] ?? .zero).adding(change) }
      if row["what"] == "Currency" { currencies[currency] = (currencies[currency] ?? .zero).adding(change) }
    }
    #expect(customers == currencies && !currencies.isEmpty)
    let first = try #require(sentences.first)
    #expect(first.hasPrefix("Currency USD: net revenue "), "\(first)")
    for file in ["index.html", "revenue.html", "summary.txt"] {
      #expect(try set.text(file).contains(first.replacing("'", with: "&#39;")), "\(file)")
    }
  }

  private func expectDefinitions(_ set: ReadSet) throws {
    let page = try set.text("definitions/revenue.html")
    #expect(markupDefect(page) == nil)
    #expect(page.contains("from revenue_daily d") && page.contains("$1 is 2026-11-20"))
    #expect(page.contains("all.views.html#of-revenue_daily") && page.contains("../data/revenue_months.csv"))
    #expect(page.contains("Declared in Jobs/reports/revenue.yaml:"))
    let views = try set.text("definitions/all.views.html")
    #expect(markupDefect(views) == nil)
    #expect(views.contains("id=\"of-revenue_daily\"") && views.contains("gross less refunds and chargebacks"))
    #expect(!views.contains("DATABASE_URL"))
    for text in [page, views] {
      #expect(text.contains("<strong>COMPLETE</strong>") && text.contains(">As of<") && text.contains(">Run<"))
    }
    let heads = [("revenue", "EUR, GBP, USD"), ("reconciliation", "EUR, GBP, USD"), ("run", "no amounts")]
    for (name, currencies) in heads {
      let text = try set.text("\(name).html")
      #expect(text.contains("<span class=\"term\">Currency</span><bdi>\(currencies)</bdi>"), "\(name)")
    }
    let proof = try set.text("reconciliation.html")
    let verdict = try #require(
      proof.components(separatedBy: "<section class=\"verdict").first { $0.contains("The views agree") })
    for link in ["definitions/reconciliation.html#section-", "-sql", "data/view_totals.csv"] {
      #expect(verdict.contains(link), "\(link)")
    }
    // Every section with figures leads to its definition and its SQL, and both are there.
    for report in ["index", "revenue", "customers", "reconciliation", "data-quality", "run"] {
      let text = try set.text("definitions/\(report).html")
      let pages = try #require(set.json["reports"] as? [[String: Any]])
      let sections = try #require(pages.first { $0["name"] as? String == report }?["sections"] as? [[String: Any]])
      // A sentence of the proof, or a picture, is a figure too.
      for section in sections where ["verdict", "chart"].contains(section["kind"] as? String) {
        #expect((section["sources"] as? [Any])?.isEmpty == false, "\(section["title"] ?? "")")
      }
      for section in sections where section["csv"] != nil {
        let links = try #require(section["sources"] as? [[String: String]], "\(section["title"] ?? "")")
        #expect(links.map { $0["words"] } == ["Definition", "SQL"])
        for link in links {
          let text = report == "index" ? try set.text(link["path"] ?? "") : text
          if report != "index" { #expect(link["path"] == "definitions/\(report).html") }
          #expect(text.contains("id=\"\(link["fragment"] ?? "?")\""), "\(link)")
        }
        #expect(FileManager.default.fileExists(atPath: "\(set.directory)/\(section["csv"] as? String ?? "?")"))
      }
    }
  }

  private func expectQuality(_ set: ReadSet, _ shop: SampleShop) async throws {
    let page = try set.text("data-quality.html")
    let read = try await shop.amounts("SELECT 'read', sum(rows_read)::text FROM daybook.file")["read"] ?? .zero
    #expect(page.contains("3 of \(CellFormat.integer.text(.number(read))) rows read"))
    #expect(
      page.contains("3 rejected rows wait for their correction. To see and mend what waits: daybook rejects list"))
    #expect(page.contains("transactions_2026-11-20.csv:100"))
    let causes = try set.csv("reject_causes")
    #expect(
      causes.map { $0["rows"] } == ["2", "1"] && causes.map { $0["reason_code"] } == ["wrong_type", "field_count"])
    #expect(try set.csv("feed_quality").map { $0["rejected"] } == ["0", "0", "0", "3"])
    #expect(
      try set.text("data/rejects.csv").contains("transactions,transactions_2026-11-20.csv,100,amount,wrong_type,"))
    let fresh = try set.csv("freshness")
    #expect(fresh.count == 4 && fresh.allSatisfy { $0["as_of"] == "2026-11-20" })
    let behind = try await shop.amounts(
      "SELECT 'days', ('2026-11-20'::date - max(\(localDay)))::text FROM transactions")["days"]
    #expect(fresh.first { $0["feed"] == "transactions" }?["days_behind"].flatMap { ExactDecimal($0) } == behind)
    #expect(page.contains("No check has been made of these data yet."))
  }
}
