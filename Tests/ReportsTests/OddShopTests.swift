// Shops and projects that are not like others: one row, a currency of today, a base below zero; a report of the user's own;
// a figure that does not tie; a night that failed; two sets that differ.

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

@Suite struct OddShopTests {
  /// One shop that becomes one of each kind: one row, a currency that appears today, a base below zero, no row.
  @Test func oddShopsSayNothingFalse() async throws {
    try await inFilledShop(customers: 6) { shop, _ in
      func insert(_ rows: [(type: String, amount: String, currency: String, at: String)]) async throws {
        let values = rows.enumerated().map { index, row in
          "(\(index + 1), NULL, 6, '\(row.type)', \(row.amount), '\(row.currency)', 'card', '\(row.at) 12:00+00')"
        }
        try await shop.run("TRUNCATE finance.transactions")
        if !values.isEmpty {
          try await shop.run("INSERT INTO finance.transactions VALUES \(values.joined(separator: ", "))")
        }
        try await shop.refresh()
      }
      func publish() async throws -> ReadSet {
        let outcome = try await shop.publisher().publish(force: true)
        for report in outcome.reports {
          #expect(markupDefect(try String(contentsOfFile: report.path, encoding: .utf8)) == nil, "\(report.name)")
        }
        return try ReadSet(outcome)
      }
      // One row, so one day, and nothing before it.
      try await insert([("payment", "10.00", "USD", "2026-11-20")])
      let one = try await publish()
      #expect(try one.csv("revenue_months").map { $0["net"] } == ["10.00"])
      #expect(try one.csv("revenue_bridge").map { $0["closing"] } == ["10.00"])
      let page = try one.text("index.html")
      #expect(page.contains("<strong>no figure</strong> for the month before"))
      #expect(!page.contains("favourable on") && !page.contains("adverse on"))
      let sentences = try #require(try one.section("revenue", "What moved")["text"] as? [String])
      #expect(
        sentences.first
          == "Currency USD: net revenue rose by 10.00 USD (n/m) to 10.00, from 0.00 in the same days of the month before: "
          + "favourable.")
      #expect(sentences.count == 2 && sentences[1].hasPrefix("Customer "))

      // A currency that appears today beside one with a past; a month before that is below zero.
      try await insert([
        ("payment", "100.00", "USD", "2025-11-10"), ("refund", "40.00", "USD", "2026-10-05"),
        ("payment", "60.00", "USD", "2026-11-10"), ("payment", "500", "JPY", "2026-11-20"),
        ("payment", "7.00", "USD", "2025-11-25"), ("payment", "50.00", "GBP", "2026-10-05"),
      ])
      try await shop.run(
        """
        INSERT INTO daybook.period VALUES ('2026-10-01', 'soft', 1, now(), 'test', '{}');
        INSERT INTO daybook.period_figure (period, version, view, key, figures) VALUES ('2026-10-01', 1,
          'revenue_monthly', '{"business_month": "2026-10-01", "currency": "USD"}', '{"net": -30.00}')
        """)
      try await shop.refresh()
      let two = try await publish()
      let tiles = try two.rows("revenue", "Month to date")
      let yen = try #require(tiles.first { $0["currency"] as? String == "JPY" })
      #expect(yen["net"] as? String == "500.00" && yen["payments_prior_month"] as? Int == 0)
      #expect(yen["net_prior_month"] as? String == "0" && yen["net_prior_year"] as? String == "0")
      // Nothing yet this month is nought, and a fall; the year before has the same days everywhere.
      let pounds = try #require(tiles.first { $0["currency"] as? String == "GBP" })
      #expect(pounds["net"] as? String == "0" && pounds["payments"] as? Int == 0)
      #expect(
        try two.text("summary.txt").contains(
          "Revenue: Month to date, GBP, months before restated since their close: 2026-10\n"
            + "  Net revenue: 0.00 GBP – down 100.0% (−50.00) on the month before, adverse; unchanged on the year before\n"
        ))
      let november = try two.csv("revenue_months").filter { $0["business_month"] == "2026-11-01" }
      #expect(
        november.map { $0["net_year_before"] } == ["", "100.00"] && november.allSatisfy { $0["state"] == "so far" })
      #expect(try two.csv("revenue_against_year_before").last?["net_year_before"] == "100.00")
      // The picture of one currency says which it leaves out; a month that moved after its close is told beside it.
      let lead = try two.section("revenue", "Net revenue against the year before")["lead"] as? String
      #expect(lead == "Here in USD only, without EUR, GBP, JPY.")
      #expect(
        try two.text("summary.txt").contains(
          "Revenue: Month to date, USD, months before restated since their close: 2026-10\n"))
      let html = try two.text("revenue.html")
      #expect(html.contains("<strong>n/m</strong> (+100.00) on (40.00) the month before, favourable"), "\(html.count)")
      #expect(html.contains("<strong>down 40.0%</strong> (−40.00) on 100.00 the year before, adverse"))
      let moves = try #require(try two.section("revenue", "What moved")["text"] as? [String])
      #expect(
        moves.contains(
          "Currency USD: net revenue rose by 100.00 USD (n/m) to 60.00, from (40.00) in the same days of the month before: "
            + "favourable."))
      #expect(moves.contains { $0.hasPrefix("Currency JPY: net revenue rose by 500 JPY (n/m) to 500, from 0 in ") })
      #expect(try two.text("reconciliation.html").contains("The reports agree with their views"))

      // No row at all.
      try await insert([])
      let none = try await publish()
      #expect(try none.rows("revenue", "Months").isEmpty)
      #expect(
        try none.section("revenue", "What moved")["text"] as? [String]
          == ["Nothing moved: there are no figures to compare."])
      #expect(try none.text("reconciliation.html").contains("(10.00)") == false)
    }
  }

  @Test func aMarkedSetLosesItsMarkInTheNextGoodNightAlsoWhenNothingChanged() async throws {
    try await inFilledShop(customers: 5) { shop, _ in
      let first = try await shop.publisher().publish()
      let before = try String(contentsOfFile: first.indexPath, encoding: .utf8)
      let sets = PublishedSets(output: shop.project.output)
      let moment = Moment(microsecondsSince1970: 1_795_320_900_000_000)
      let marked = try sets.markStale(
        failedAsOf: shop.asOf.adding(days: 1), at: moment, run: shop.run, reason: "no server", next: "daybook doctor")
      #expect(marked == .marked("2026-11-20"))
      #expect(
        sets.set(for: shop.asOf)?.state == "STALE" && sets.set(for: shop.asOf)?.staleness?.contains("no server") == true
      )
      let page = try String(contentsOfFile: first.indexPath, encoding: .utf8)
      #expect(markupDefect(page) == nil && page.contains("<strong>STALE</strong>"))
      // The night that failed is not mended by a set of the day before: nothing is written.
      let same = try await shop.publisher().publish()
      #expect(!same.isChanged && same.bytesWritten == 0 && same.staleness == sets.set(for: shop.asOf)?.staleness)
      let forced = try await shop.publisher().publish(force: true)
      #expect(forced.isChanged && forced.staleness == same.staleness)
      #expect(try String(contentsOfFile: first.indexPath, encoding: .utf8) == page)
      // A later night of the same date that failed is mended by a good one: nothing changed, and the set says so.
      _ = try await shop.publisher(asOf: shop.asOf.adding(days: 1)).publish()
      #expect(try String(contentsOfFile: first.indexPath, encoding: .utf8) == before)
      try FileManager.default.removeItem(atPath: "\(shop.project.output)/\(shop.asOf.adding(days: 1))")
      _ = try await shop.publisher().publish()
      _ = try sets.markStale(
        failedAsOf: shop.asOf, at: moment, run: shop.run, reason: "no server", next: "daybook doctor")
      #expect(sets.set(for: shop.asOf)?.state == "STALE")
      let second = try await shop.publisher().publish()
      #expect(second.isChanged && second.staleness == nil && second.reports.allSatisfy(\.cached))
      #expect(try String(contentsOfFile: first.indexPath, encoding: .utf8) == before)
      #expect(try await shop.publisher().publish().isChanged == false)
      // The night after: the older set is no longer the newest, so it is what it was.
      _ = try sets.markStale(
        failedAsOf: shop.asOf.adding(days: 1), at: moment, run: nil, reason: "no server", next: "daybook doctor")
      _ = try await shop.publisher(asOf: shop.asOf.adding(days: 1)).publish()
      #expect(sets.latest == shop.asOf.adding(days: 1))
      #expect(try String(contentsOfFile: first.indexPath, encoding: .utf8) == before)
    }
  }

  /// A report that somebody adds to their project, and how it is written where they live: no Swift takes part.
  @Test func aUsersNewReportNeedsNoSwift() async throws {
    try await TemporaryDirectory.with { folder in
      try FileManager.default.copyItem(atPath: SampleShop.root + "/Jobs", toPath: folder.appending("Jobs"))
      let settings = try folder.read("Jobs/daybook.yaml")
      try folder.write(
        settings + "locale: { decimal_mark: \",\", grouping_mark: space, dates: dd.MM.yyyy }\n", to: "Jobs/daybook.yaml"
      )
      try folder.write(
        """
        report: views
        title: The front desk
        outputs: [html, csv]
        sections:
          - kpi: Yesterday and today
            query: |
              select currency, sum(net) filter (where business_date = :as_of) as net,
                sum(net) filter (where business_date = :as_of - 1) as net_prior_day
              from revenue_daily where business_date >= :as_of - 1 group by currency order by currency
            columns:
              net: { label: Net, format: money(currency), better: down }
              net_prior_day: { label: the day before, format: money(currency) }
          - moves: Segments
            query: |
              select 'Segment' as what, segment as name, currency, count(*) as customers, count(*) - 1 as customers_before
              from customer_rfm where segment <> '${DESK_WORD}' group by segment, currency order by count(*) desc, 2, 3
            now: customers
            before: customers_before
            against: the list of the last party
            top: 2
          - table: All days
            view: revenue_daily
            order_by: business_date desc
            top: 3
            csv: desk_days
            columns:
              business_date: date
              currency: text
              net: { format: money(currency), ties_to: revenue_monthly.net }
          - kpi: Nothing yet
            query: select 'EUR' as currency, null::numeric as tomorrow, null::date as newest
          - table: Compared
            query: select 'EUR' as currency, 10 as net, 8 as net_prior_month, 10.005 as cents
            columns:
              net: { format: money(currency), better: up }
              net_prior_month: { label: the month before, format: money(currency) }
              cents: { label: Cents, format: money(currency) }

        """, to: "Jobs/reports/views.yaml")
      try await inFilledShop(root: folder.path) { shop, _ in
        let outcome = try await shop.publisher().publish()
        let set = try ReadSet(outcome)
        let page = try set.text("views.html")
        #expect(markupDefect(page) == nil)
        #expect(page.contains("<h1><bdi>The front desk</bdi></h1>") && page.contains("Segment "))
        // Dates and numbers as the project writes them; files for programs stay plain.
        let day = try #require(try set.csv("desk_days").first?["business_date"])
        let written = day.split(separator: "-").reversed().joined(separator: ".")
        #expect(page.contains(">\(written)<") && !page.contains(">\(day)<") && day.hasPrefix("20"))
        // A figure that is nothing tonight is still said, with the format of its type.
        #expect(page.contains("<span class=\"label\">Tomorrow</span><span class=\"value\">no figure</span>"))
        #expect(page.contains(", Newest: no date"))
        #expect(page.contains("<small class=\"change\">up 25,0% (+2,00) on the month before, favourable</small>"))
        #expect(page.contains("Rounded to the digits of the currency: Cents; all digits in data/views_compared.csv."))
        let revenue = try set.text("revenue.html")
        #expect(
          revenue.contains("(1,00) is negative") && revenue.contains("in 11.2026") && !revenue.contains(" Nov 2026"))
        #expect(try set.text("summary.txt").split(separator: "\n").first?.contains(": 20.11.2026 – ") == true)
        let quality = try set.text("data-quality.html")
        #expect(quality.contains(/>[0-9]{2}\.[0-9]{2}\.[0-9]{4} [0-9]{2}:[0-9]{2}</))
        let customers = try set.text("customers.html")
        let paid = try #require(try set.csv("customers").first?["net_paid"])
        #expect(customers.contains("\u{A0}") && customers.contains("," + paid.suffix(2)))
        #expect(!FileManager.default.fileExists(atPath: "\(set.directory)/data/views.json"))
        #expect((set.json["reports"] as? [[String: Any]])?.contains { $0["name"] as? String == "views" } == false)
        #expect(try set.text("index.html").contains("href=\"views.html\""))
        #expect(try set.text("index.html").contains("favourable"))
        let head = try set.text("index.html").split(separator: "\n").first { $0.contains("class=\"reach\"") } ?? ""
        #expect(head.contains(".2026") && !head.contains("2026-"), "\(head)")
        // Its definitions do not take the place of those of feeds and views, whatever it is called.
        let definitions = try set.text("definitions/views.html")
        #expect(definitions.contains("from customer_rfm where segment &lt;&gt; &#39;${DESK_WORD}&#39; group by"))
        // What the environment brought into SQL is on no page: it may be a password.
        #expect(!definitions.contains("finance-desk") && definitions.contains("The front desk"))
        #expect(try set.text("definitions/all.views.html").contains("customer_rfm, view (Jobs/views/"))
        let ties = try set.csv("report_totals").filter { $0["report"] == "views" }
        #expect(ties.count == 3 && ties.allSatisfy { $0["difference"] == "0.00" }, "\(ties)")
      }
    }
  }

  @Test func aReportThatDoesNotTieSaysSoAndMakesTheSetADraft() async throws {
    try await inFilledShop(customers: 5) { shop, _ in
      var (wrong, place, section) = try shop.projectThatDoesNotTie()
      let set = try ReadSet(try await shop.publisher(project: wrong).publish())
      #expect(set.json["state"] as? String == "DRAFT")
      let reasons = try #require(set.json["draft_reasons"] as? [String])
      #expect(
        reasons.contains { $0.hasSuffix("totals of reports differ from their views; Reconciliation lists them.") })
      #expect(try set.text("reconciliation.html").contains("totals of reports differ from their views."))
      // A tie that is no SQL is the definition's mistake.
      wrong.reports[place].sections[section].columns[0].tie = FigureTie(
        relation: "revenue_daily", column: "net", condition: "business_day < :as_of")
      wrong.reports[place].sections[section].columns[0].kind = .money(currencyColumn: "currency")
      wrong.reports[place].definitionHash += "x"
      let error = await #expect(throws: ReportError.self) { try await shop.publisher(project: wrong).publish() }
      #expect(error?.diagnostic.message.contains("ties to revenue_daily.net, which cannot be added up") == true)
      #expect(error?.diagnostic.position?.file == "Jobs/reports/revenue.yaml")
    }
  }

  /// Digits that name something, or stand in a text, are not figures.
  @Test func anotherTextIsAChangeAlsoWhereBothAreDigits() throws {
    func set(_ folder: OutputFolder, _ date: CivilDate, _ csv: String) throws -> PublishedSet {
      let json = """
        {"reports": [{"name": "sales", "sections": [{"title": "All", "csv": "data/x.csv", "columns": [
          {"name": "day", "format": "date"}, {"name": "code", "format": "text"}, {"name": "net", "format": "money"},
          {"name": "share", "format": "decimal"}]}]}]}
        """
      let files = [("report.json", json), ("data/x.csv", csv)].map { ($0.0, Array($0.1.utf8)) }
      let manifest = SetManifest(
        project: "p", asOf: date.description, state: "COMPLETE", runID: "r", generatedAt: "g", reports: [],
        files: files.map { .init(path: $0.0, bytes: $0.1.count, sha256: ContentHash.sha256($0.1)) })
      _ = try folder.publishNewest(
        files.map { ($0.0, .bytes($0.1)) } + [(SetManifest.fileName, .bytes(manifest.json))], asOf: date, replacing: nil
      )
      return try #require(PublishedSets(output: folder.path).set(for: date))
    }
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      let day = CivilDate(daysSince1970: 20_000)
      let one = try set(folder, day, "day,code,net,share\n2026-11-20,007,1.50,0.5\n")
      let two = try set(folder, day.adding(days: 1), "day,code,net,share\n2026-11-20,7,1.5,0.75\n")
      let changes = try SetComparison(from: one, to: two).changes
      #expect(
        changes.map { [$0.column, $0.before, $0.after, $0.delta ?? "-"] } == [
          ["code", "007", "7", "-"], ["share", "0.5", "0.75", "0.25"],
        ])
    }
  }

  /// One row is told apart by nothing; its amount is still not the one that it was in another currency.
  @Test(arguments: [", \"currency\": \"unit\"", "", nil])
  func amountsOfTwoCurrenciesAreNeverComparedWithEachOther(named: String?) throws {
    let column = named?.isEmpty == false ? "unit" : "currency"
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      let day = CivilDate(daysSince1970: 20_000)
      func set(_ date: CivilDate, _ row: String) throws -> PublishedSet {
        let report = """
          {"name": "r", "sections": [{"title": "T", "csv": "data/t.csv", "columns": [
            {"name": "customer_id", "format": "identifier"}, {"name": "\(column)", "format": "text"},
            {"name": "total", "format": "money"\(named ?? "")}]}]}
          """
        // A report without JSON among its outputs is compared by its files.
        let json = "{\"reports\": [\(named == nil ? "" : report)]}"
        let files = [
          ("report.json", Array(json.utf8)), ("data/t.csv", Array("customer_id,\(column),total\n\(row)\n".utf8)),
        ]
        let manifest = SetManifest(
          project: "p", asOf: date.description, state: "COMPLETE", runID: "r", generatedAt: "g",
          reports: [.init(name: "r", fingerprint: "", runID: "r", files: ["data/t.csv"])],
          files: files.map { .init(path: $0.0, bytes: $0.1.count, sha256: ContentHash.sha256($0.1)) })
        _ = try folder.publishNewest(
          files.map { ($0.0, .bytes($0.1)) } + [(SetManifest.fileName, .bytes(manifest.json))], asOf: date,
          replacing: nil)
        return try #require(PublishedSets(output: folder.path).set(for: date))
      }
      let one = try set(day, "7,USD,999.00")
      let other = try SetComparison(from: one, to: set(day.adding(days: 1), "7,JPY,150000.00")).changes
      #expect(other.map(\.kind) == [.added, .removed] && other.allSatisfy { $0.delta == nil })
      #expect(other.map(\.row) == [["\(column) JPY"], ["\(column) USD"]])
      let same = try SetComparison(from: one, to: set(day.adding(days: 2), "7,USD,1000.00")).changes
      #expect(same.map(\.delta) == [named == nil ? nil : "1.00"] && same.map(\.after) == ["1000.00"])
    }
  }

  @Test func whatChangedBetweenTwoSetsIsTold() async throws {
    try await inFilledShop(customers: 8) { shop, _ in
      _ = try await shop.publisher().publish()
      let day = shop.asOf.adding(days: 1)
      _ = try await shop.publisher(asOf: day).publish()
      let sets = PublishedSets(output: shop.project.output)
      #expect(sets.dates == [shop.asOf, day])
      let (one, two) = (try #require(sets.set(for: shop.asOf)), try #require(sets.set(for: day)))
      #expect(try SetComparison(from: one, to: one).changes.isEmpty)
      _ = try SetComparison(from: one, to: two)
      // A payment of today in USD, and a customer under another name.
      try await shop.run(
        """
        INSERT INTO finance.transactions SELECT max(transaction_id) + 1, NULL, 6, 'payment', 12.50, 'USD', 'card',
          '2026-11-20 15:00+00' FROM finance.transactions;
        UPDATE finance.customers SET name = 'Renamed' WHERE customer_id = 6;
        """)
      try await shop.refresh()
      _ = try await shop.pool.withConnection { try await DataVersions.bump("customers", on: $0) }
      _ = try await ViewRefresher(project: shop.project, pool: shop.pool).refresh(.all)
      _ = try await shop.publisher(asOf: day).publish(force: true)
      let comparison = try SetComparison(from: one, to: try #require(sets.set(for: day)))
      let month = try #require(
        comparison.changes.first {
          $0.section == "Months" && $0.column == "net" && $0.row == ["business_month 2026-11-01", "currency USD"]
        })
      #expect(month.delta == "12.50" && month.kind == .changed && month.report == "revenue")
      let renamed = comparison.changes.filter { $0.section == "Top customers" && $0.column == "name" }
      #expect(renamed.allSatisfy { $0.after == "Renamed" && $0.row.contains("customer_id 6") } && !renamed.isEmpty)
      #expect(comparison.unmatched.isEmpty)
      // Where no name tells rows apart the share that a row is about does.
      let best = comparison.changes.filter { $0.section == "What the best customers bring" }
      #expect(best.allSatisfy { $0.row.count == 2 && $0.row[1].hasPrefix("part ") } && !best.isEmpty)
      // By which batches: what the ledger recorded between the two publications.
      let between = try await shop.pool.withConnection { connection in
        try await connection.executeScript(
          """
          INSERT INTO daybook.file (feed, name, sha256, bytes, run_id, as_of, status, recorded_at, rows_read,
            rows_inserted, rows_updated, rows_unchanged, rows_deleted, rows_duplicate, rows_rejected)
          SELECT feed, 'late.csv', decode(repeat('ab', 32), 'hex'), bytes, run_id, as_of, 'loaded',
            '\(one.generatedAt)'::timestamptz + interval '1 minute', 1, 1, 0, 0, 0, 0, 0
          FROM daybook.file WHERE feed = 'transactions'
          """)
        let later = try #require(sets.set(for: day))
        var moved = later
        moved.overrideGeneratedAt("2099-01-01T00:00:00Z")
        return try await BatchesBetween(
          try SetComparison(from: one, to: moved), project: shop.project, on: connection)
      }
      #expect(between.batches.contains { $0.source == "late.csv" && $0.rows == 1 && $0.status == "loaded" })
      #expect(between.restatements.isEmpty)
    }
  }
}

extension PublishedSet {
  /// All sets of a test are published at one moment. This one is as of a program that did not say what it holds.
  fileprivate mutating func overrideGeneratedAt(_ moment: String) {
    var changed = manifest
    changed.generatedAt = moment
    changed.holds = nil
    self = PublishedSet(manifest: changed, asOf: asOf, directory: directory, folder: folder)
  }
}
