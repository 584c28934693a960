// What no version tells of: tables that are no feeds, functions and operators that somebody made, settings that a section
// changes, files that somebody touched. Whatever of it a report shows, a set says one thing, and what holds now.

import Cache
import Definitions
import Finding
import Foundation
import Ledger
import Postgres
import TestSupport
import Testing

@testable import Reports

@Suite struct UntoldTests {
  private static let place = SourcePosition(file: "Jobs/reports/plan.yaml")

  private static func report(
    _ name: String, _ sections: [(title: String, kind: ReportSection.Kind, sql: String)],
    outputs: Set<ReportOutput> = [.html, .csv, .xlsx], isSteady: Bool = false, top: Int? = nil
  ) -> ReportDefinition {
    var report = ReportDefinition(
      name: name, title: name,
      sections: sections.map { title, kind, sql in
        ReportSection(title: title, kind: kind, source: .query(sql), isSteady: isSteady, top: top, position: place)
      }, position: place, definitionHash: name)
    report.outputs = outputs
    return report
  }

  @Test func aTableThatIsNoFeedIsAskedEachTimeAndEveryFileSaysTheSame() async throws {
    try await inFilledShop(customers: 5) { shop, _ in
      try await shop.run(
        """
        create table finance.budget (line text, currency text, amount numeric(14,2));
        insert into finance.budget select chr(64 + i), 'USD', 100 from generate_series(1, 9) i
        """)
      var project = shop.project
      let lines = "select line, currency, amount from budget order by line"
      project.reports += [
        Self.report("plan", [("Plan", .kpi, "select currency, sum(amount) as budget from budget group by currency")]),
        Self.report("lines", [("Lines", .table, lines)], outputs: [.html, .csv, .json], top: 3),
      ]
      func publish() async throws -> (PublishOutcome, ReadSet) {
        let outcome = try await shop.publisher(project: project).publish()
        return (outcome, try ReadSet(outcome))
      }
      #expect(try await publish().1.csv("plan_plan").first?["budget"] == "900.00")
      #expect(try await publish().0.isChanged == false)

      // One of the lines that nobody sees on the page.
      try await shop.run("update finance.budget set amount = 500 where line = 'H'")
      let (moved, second) = try await publish()
      #expect(moved.isChanged)
      #expect(moved.reports.filter { !$0.cached }.map(\.name).sorted().prefix(2) == ["data-quality", "index"])
      #expect(try second.csv("lines_lines").last { $0["line"] == "H" }?["amount"] == "500.00")
      #expect(try second.csv("plan_plan").first?["budget"] == "1300.00")
      for page in ["plan.html", "index.html"] {
        let text = try second.text(page)
        #expect(text.contains("1,300"), "\(page)")
      }
      #expect(try await publish().0.isChanged == false)
    }
  }

  /// What a section sets is set for that section alone.
  @Test func aSectionCannotMakeOthersAnswerFromElsewhere() async throws {
    try await inFilledShop(customers: 5) { shop, _ in
      try await shop.run(
        """
        create schema shadow; create table shadow.products as select * from finance.products limit 0;
        create function public.turn() returns text language sql as $$ select set_config('search_path', 'shadow', true) $$
        """)
      let cache = TieredCache(tiers: [MemoryTier()])
      let count = "select count(*) as n from products"
      var project = shop.project
      for setting in ["set_config('search_path', 'shadow', true)", "public.turn()"] {
        project.reports = [
          Self.report("a", [("Turn", .table, "select \(setting)"), ("Open", .table, count)]),
          Self.report("b", [("Kept", .table, count)], isSteady: true),
        ]
        let set = try ReadSet(try await shop.publisher(project: project, cache: cache).publish())
        for csv in ["a_open", "b_kept"] { #expect(try set.csv(csv).first?["n"] != "0", "\(setting) \(csv)") }
      }
    }
  }

  /// What was kept is not given again after `--force`, whether or not what was asked anew could be kept.
  @Test func whatWasForcedIsNeverGivenAsItWasBefore() async throws {
    try await TemporaryDirectory.with { directory in
      try await TestDatabase.withDatabase { database in
        try await database.withPool(max: 2) { pool in
          let shop = try SampleShop(output: directory.appending("Output"), pool: pool)
          try await shop.prepare(configuration: database.configuration, customers: 5, orders: 50)
          var settings = PostgresTier.Settings()
          settings.patience = .milliseconds(200)
          let tier = try PostgresTier(configuration: database.configuration, settings: settings)
          func names(_ force: Bool) async throws -> [String] {
            let cache = TieredCache(tiers: [tier], lock: tier)
            let set = try ReadSet(try await shop.publisher(cache: cache).publish(.named(["customers"]), force: force))
            return try set.csv("customers_by_country").compactMap { $0["country"] }
          }
          #expect(try await names(false).contains("ZZ") == false)
          // Nobody watches this table.
          try await shop.run("update finance.customers set country = 'ZZ'")
          try await database.withConnection { other in
            try await other.withTransaction { other in
              try await other.execute("lock table daybook.cache in access exclusive mode")
              #expect(try await names(true).contains("ZZ"))
            }
          }
          // The page is made again for another reason, from what is kept.
          _ = try await pool.withConnection { try await DataVersions.bump("orders", on: $0) }
          #expect(try await names(false).contains("ZZ"))
          await tier.shutdown()
        }
      }
    }
  }

  @Test func aFunctionThatIsMadeOrTakenAwayLaterIsMeantFromThenOn() async throws {
    try await TestDatabase.withDatabase { database in
      try await database.withPool(max: 2) { pool in
        try await TemporaryDirectory.with { folder in
          let shop = try SampleShop(output: folder.appending("Output"), pool: pool)
          try await shop.prepare(configuration: database.configuration, customers: 5, orders: 40)
          var project = shop.project
          let sql = "select date_trunc('year', date '2026-05-05')::text as year, count(*) from orders"
          var report = Self.report("late", [("Late", .table, sql)], isSteady: true)
          report.sections[0].inputs = ["orders"]
          project.reports += [report]
          let tier = try PostgresTier(configuration: database.configuration)
          func year() async throws -> (Bool, String?) {
            let cache = TieredCache(tiers: [tier], lock: tier)
            let outcome = try await shop.publisher(project: project, cache: cache).publish()
            let year = try ReadSet(outcome).csv("late_late").first?["year"]
            return (outcome.isChanged, year.map { String($0.prefix(4)) })
          }
          #expect(try await year() == (true, "2026"))
          #expect(try await year() == (false, "2026"))
          // It fits better than the server's own, which take moments.
          try await shop.run(
            """
            create function finance.date_trunc(text, date) returns date immutable language sql
            as $$ select date '1999-09-09' $$
            """)
          #expect(try await year() == (true, "1999"))
          #expect(try await year() == (false, "1999"))
          try await shop.run("drop function finance.date_trunc(text, date)")
          #expect(try await year() == (true, "2026"))
          await tier.shutdown()
        }
      }
    }
  }

  @Test func aFileThatWasChangedInPlaceIsMadeAnew() async throws {
    try await inFilledShop(customers: 5) { shop, _ in
      let first = try ReadSet(try await shop.publisher().publish())
      let path = "\(first.directory)/data/revenue_months.csv"
      let text = try String(contentsOfFile: path, encoding: .utf8)
      let other = String(text.map { $0 == "7" ? "8" : $0 })
      #expect(other != text && other.utf8.count == text.utf8.count)
      try other.write(toFile: path, atomically: true, encoding: .utf8)
      let mended = try await shop.publisher().publish()
      #expect(mended.isChanged)
      #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
    }
  }

  @Test func aFileWhoseTimeWasPutBackAndAPageThatNobodyMayReadAreMadeAnew() async throws {
    try await inFilledShop(customers: 5) { shop, _ in
      let first = try ReadSet(try await shop.publisher().publish())
      let path = "\(first.directory)/data/revenue_months.csv"
      let text = try String(contentsOfFile: path, encoding: .utf8)
      let time = try #require(try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date)
      try Data(text.replacing("7", with: "8").utf8).write(to: URL(filePath: path))
      try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: path)
      #expect(try await shop.publisher().publish().isChanged)
      #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
      #expect(try await shop.publisher().publish().isChanged == false)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
      #expect(try await shop.publisher().publish().isChanged)
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(mode.map { $0 & 0o044 } == 0o044)
    }
  }

  @Test func aFolderInThePlaceOfAPageIsNamed() async throws {
    try await inFilledShop(customers: 5) { shop, _ in
      let path = "\(try await shop.publisher().publish().directory)/revenue.html"
      try FileManager.default.removeItem(atPath: path)
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      let error = await #expect(throws: ReportError.self) { try await shop.publisher().publish() }
      #expect(error?.diagnostic.message.contains(path) == true, "\(String(describing: error))")
      #expect(error?.diagnostic.fix?.hasPrefix("move \(path) away") == true)
      try FileManager.default.removeItem(atPath: path)
      #expect(try await shop.publisher().publish().isChanged)
    }
  }

  @Test func aTableThatHoldsOtherRowsThanItsFilesMakesADraft() async throws {
    try await inFilledShop(customers: 5) { shop, _ in
      #expect(try ReadSet(try await shop.publisher().publish()).json["state"] as? String == "COMPLETE")
      try await shop.run(
        "delete from finance.transactions where transaction_id = (select max(transaction_id) from finance.transactions)"
      )
      try await shop.refresh()
      let set = try ReadSet(try await shop.publisher().publish(force: true))
      #expect(set.json["state"] as? String == "DRAFT")
      let reasons = set.json["draft_reasons"] as? [String] ?? []
      #expect(reasons.contains { $0.hasPrefix("Tables: ") && $0.contains("transactions") }, "\(reasons)")
    }
  }

  @Test func aPromiseOverNoRowsIsComparedToo() async throws {
    try await inFilledShop(customers: 5) { shop, _ in
      var (wrong, report, section) = try shop.projectThatDoesNotTie()
      wrong.reports[report].sections[section].source = .query(
        "select business_month, currency, net from revenue_monthly where false")
      let set = try ReadSet(try await shop.publisher(project: wrong).publish())
      #expect(set.json["state"] as? String == "DRAFT")
      #expect(try set.csv("report_totals").contains { $0["report_total"] == "0" && $0["difference"] != "0.00" })
    }
  }
}
