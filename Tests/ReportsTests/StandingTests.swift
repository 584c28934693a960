// What a set says of its own proof stays true: a page that is kept says the state that the set has now, counters that come
// again after a restored dump are not taken for the same data, a test is called passed only when it was made of these data,
// differences count also beyond the lines that a page shows, and a stage is seen beside its history.

import Definitions
import Foundation
import Ledger
import Money
import Postgres
import TestSupport
import Testing
import Views

@testable import Reports

@Suite struct StandingTests {
  // MARK: Which data

  /// As after a restored dump and a corrected file: every count and every hash comes again, and the amounts are others.
  @Test func countersThatComeAgainAreNotTakenForTheSameData() async throws {
    try await inFilledShop(customers: 5) { shop, _ in
      let first = try ReadSet(try await shop.publisher().publish())
      let before = try first.sums("revenue_months", "net")
      try await shop.run(
        """
        create table public.versions as select * from daybook.data_version;
        create table public.states as select * from daybook.view_state;
        update finance.transactions set amount = amount + 1 where type = 'payment';
        """)
      try await shop.refresh()
      try await shop.run(
        """
        update daybook.data_version v set version = o.version from public.versions o where o.relation = v.relation;
        update daybook.view_state s set input_versions = o.input_versions, checked_version = o.checked_version
        from public.states o where o.view = s.view;
        """)
      let outcome = try await shop.publisher().publish()
      #expect(outcome.isChanged && outcome.reports.contains { $0.name == "revenue" && !$0.cached })
      let second = try ReadSet(outcome)
      #expect(try second.sums("revenue_months", "net") != before)
      #expect(try await shop.publisher().publish().isChanged == false)

      // Another database that came to the same counts.
      try await shop.run("update daybook.ledger set identity = gen_random_uuid()")
      let elsewhere = try await shop.publisher().publish()
      #expect(elsewhere.isChanged && elsewhere.reports.allSatisfy { !$0.cached })
    }
  }

  // MARK: Banners

  @Test func aKeptPageSaysTheStateThatTheSetHas() async throws {
    try await inFilledShop(customers: 5) { shop, _ in
      let (wrong, _, _) = try shop.projectThatDoesNotTie()
      let pages = ["customers.html", "definitions/customers.html", "index.html", "definitions/all.views.html"]
      func expect(_ word: String, _ set: ReadSet) throws {
        #expect(set.json["state"] as? String == word)
        for page in pages { #expect(try set.text(page).contains("<strong>\(word)</strong>"), "\(page)") }
      }
      let good = try await shop.publisher().publish()
      try expect("COMPLETE", try ReadSet(good))
      let figures = try stamps(good.directory)["data/customers.csv"]

      // A report that does not tie makes every page a draft, also those whose figures are the same.
      let bad = try await shop.publisher(project: wrong).publish()
      try expect("DRAFT", try ReadSet(bad))
      #expect(bad.reports.first { $0.name == "customers" }?.cached == false)
      // And when it ties again none says so any more.
      let mended = try await shop.publisher().publish()
      try expect("COMPLETE", try ReadSet(mended))
      #expect(try stamps(mended.directory)["data/customers.csv"] == figures)
      let manifest = try #require(OutputFolder(path: shop.project.output).intactManifest(for: shop.asOf))
      #expect(Set(manifest.reports.map(\.banner)).count == 1)
      #expect(try await shop.publisher().publish().isChanged == false)
    }
  }

  // MARK: Currencies

  /// A view of SQL keeps amounts apart, too: a promise about all of them together is no promise.
  @Test func aTieThatWouldAddUpCurrenciesIsRefused() async throws {
    try await inFilledShop(customers: 5) { shop, _ in
      var (wrong, report, section) = try shop.projectThatDoesNotTie()
      wrong.reports[report].sections[section].source = .query("select name, revenue from product_revenue")
      wrong.reports[report].sections[section].columns = [
        ColumnFormat(
          column: "revenue", kind: .decimal(2), tie: FigureTie(relation: "product_revenue", column: "revenue"))
      ]
      let publisher = shop.publisher(project: wrong)
      let error = await #expect(throws: ReportError.self) { try await publisher.publish() }
      let text = error?.description ?? ""
      #expect(text.contains("product_revenue keeps its amounts by currency, and revenue would be added up over all"))
      // Shown without its cents it is an amount all the same.
      wrong.reports[report].sections[section].columns[0].kind = .integer
      let whole = shop.publisher(project: wrong)
      let same = await #expect(throws: ReportError.self) { try await whole.publish() }
      #expect(same?.description == text)

      // Of two columns of one name a file for programs would hold one.
      wrong.reports[report].sections[section].source = .query("select 1 as a, 2 as a")
      wrong.reports[report].sections[section].columns = []
      let twice = shop.publisher(project: wrong)
      let refusal = await #expect(throws: ReportError.self) { try await twice.publish() }
      #expect(refusal?.description.contains("the query gives two columns named \"a\"") == true)
    }
  }

  /// How the session writes values is as much an input as the rows.
  @Test func aChangedSettingOfTheSessionRendersAnew() async throws {
    try await TemporaryDirectory.with { directory in
      try await TestDatabase.withDatabase { database in
        func published(_ prepare: Bool) async throws -> PublishOutcome {
          try await database.withPool(max: 2) { pool in
            let shop = try SampleShop(root: SampleShop.root, output: directory.appending("Output"), pool: pool)
            if prepare { try await shop.prepare(configuration: database.configuration, customers: 5, orders: 50) }
            return try await shop.publisher().publish()
          }
        }
        #expect(try await published(true).isChanged)
        #expect(try await published(false).isChanged == false)
        let name = try await database.psql("SELECT current_database()").trimmingCharacters(in: .whitespacesAndNewlines)
        try await database.psql("ALTER DATABASE \(name) SET extra_float_digits = -3")
        #expect(try await published(false).reports.allSatisfy { !$0.cached })
      }
    }
  }

  // MARK: Differences

  @Test func differencesCountAlsoBeyondTheLinesThatAPageShows() async throws {
    try await inFilledShop(customers: 6) { shop, _ in
      let rows = (0..<260).map { number -> String in
        let code = String(UnicodeScalar(65 + UInt8(number / 26))) + String(UnicodeScalar(65 + UInt8(number % 26))) + "Z"
        return "(\(number + 1), NULL, 6, 'payment', 10.00, '\(code)', 'card', '2026-11-10 12:00+00')"
      }
      try await shop.run("TRUNCATE finance.transactions")
      try await shop.run("INSERT INTO finance.transactions VALUES \(rows.joined(separator: ", "))")
      try await shop.refresh()
      // The last currency: none of the first 200 totals has it.
      try await shop.run(
        "update finance.revenue_daily__state set gross__sum = gross__sum + 0.01 where currency = 'JZZ'")
      let set = try ReadSet(try await shop.publisher().publish())
      #expect(set.json["state"] as? String == "DRAFT")
      let totals = try set.csv("view_totals")
      #expect(totals.count > 200)
      let reasons = try #require(set.json["draft_reasons"] as? [String])
      #expect(
        reasons.contains("1 of \(totals.count) view totals differ from their tables; Reconciliation lists them."),
        "\(reasons)")
      #expect(totals.first?["currency"] == "JZZ" && totals.first?["difference"] == "0.01")
      let shown = try set.rows("reconciliation", "Tables against views")
      #expect(shown.count == 200 && shown.first?["currency"] as? String == "JZZ")
      let verdict = try set.section("reconciliation", "Views")
      #expect(verdict["passed"] as? Bool == false)
      // The reports are made from views that say one thing and another, over more lines than are shown.
      let ties = try set.csv("report_totals").filter { $0["difference"] != "0.00" }
      #expect(!ties.isEmpty && ties.allSatisfy { $0["currency"] == "JZZ" })
      #expect(try set.section("reconciliation", "Reports")["passed"] as? Bool == false)
      #expect(
        try set.rows("reconciliation", "Views against reports").prefix(ties.count).allSatisfy {
          $0["currency"] as? String == "JZZ"
        })
    }
  }

  @Test func eachTableIsReadInOnePass() async throws {
    try await inFilledShop(customers: 5) { shop, _ in
      let set = try ReadSet(try await shop.publisher().publish())
      let page = try set.text("definitions/reconciliation.html")
      let start = try #require(page.range(of: "SQL of Rows, step by step"))
      let section = page[start.upperBound...].components(separatedBy: "</pre>")[0]
      for feed in shop.project.feeds {
        let table = "FROM &quot;finance&quot;.&quot;\(feed.name)&quot;"
        #expect(section.components(separatedBy: table).count == 2, "\(feed.name)")
      }
      #expect(try set.csv("steps").allSatisfy { $0["table_difference"] == "0" })
    }
  }

  // MARK: Checks and what waits

  @Test func nothingIsCalledPassedThatWasNotMadeOfTheseData() async throws {
    try await inFilledShop(customers: 5) { shop, _ in
      func outcomes(_ set: ReadSet) throws -> [String: String] {
        Dictionary(
          try set.csv("check_outcomes").map { ("\($0["check"] ?? "")/\($0["test"] ?? "")", $0["outcome"] ?? "") },
          uniquingKeysWith: { first, _ in first })
      }
      func words(_ set: ReadSet) throws -> Set<String> { Set(try outcomes(set).values) }
      func verdict(_ set: ReadSet) throws -> (Bool?, String?) {
        let section = try set.section("data-quality", "Checks")
        return (section["passed"] as? Bool, section["text"] as? String)
      }
      func check(_ project: Project, only names: Set<String>? = nil) async throws {
        let chosen = project.checks.filter { names?.contains($0.name) ?? true }
        _ = try await CheckRunner(project: project, pool: shop.pool, asOf: shop.asOf).run(chosen, run: .make())
        if names == nil {
          let night = CheckedNight(run: .make(), asOf: shop.asOf)
          _ = try await ViewRefresher(project: project, pool: shop.pool).check(.all, in: night)
        }
      }
      let never = try ReadSet(try await shop.publisher().publish())
      #expect(try words(never) == ["not made"])
      #expect(try verdict(never) == (false, "No check has been made of these data yet."))

      // Made by hand after the set was published: no data have changed, and what is said of the checks has.
      try await check(shop.project)
      let made = try ReadSet(try await shop.publisher().publish())
      #expect(try words(made) == ["passed"])
      #expect(try verdict(made).0 == true)
      #expect(try await shop.publisher().publish().isChanged == false)
      // Made again, and nothing else came of it: nothing is written.
      try await check(shop.project)
      #expect(try await shop.publisher().publish().isChanged == false)

      // A test that was added since, and one that fails while others are not made.
      var more = shop.project
      more.checks[0].tests.append(
        CheckTest(
          kind: .noRow(query: "select product_id from product_revenue"), inputs: ["product_revenue"], isSteady: true,
          hash: "added", position: more.checks[0].position))
      let added = try ReadSet(try await shop.publisher(project: more).publish(force: true))
      #expect(try outcomes(added).filter { $0.value == "not made" }.count == 1)
      #expect(try verdict(added).0 == false)
      #expect(try verdict(added).1?.hasSuffix("1 was not made of these data.") == true)
      try await check(more, only: [more.checks[0].name])
      let failed = try ReadSet(try await shop.publisher(project: more).publish())
      #expect(try outcomes(failed).filter { $0.value == "failed" }.count == 1)
      // Another check alone does not make it good.
      try await check(more, only: [more.checks[1].name])
      let later = try ReadSet(try await shop.publisher(project: more).publish(force: true))
      #expect(try outcomes(later).filter { $0.value == "failed" }.count == 1)
      #expect(try later.text("data/check_examples.csv").contains("product_id"))

      // Data that came in since: what reads them is not proven, nor are rollups that are behind.
      _ = try await shop.pool.withConnection { try await DataVersions.bump("transactions", on: $0) }
      let behind = try ReadSet(try await shop.publisher().publish())
      #expect(try outcomes(behind)["revenue_daily/equal to its table"] == "not made")
      #expect(try behind.csv("check_outcomes").contains { $0["found"] == "transactions changed since its refresh" })
      let unproven = try behind.csv("check_outcomes").filter { $0["check"] == "transactions_are_sound" }
      #expect(!unproven.isEmpty && unproven.allSatisfy { $0["found"] == "the data changed since it passed" })
      #expect(try verdict(behind).0 == false)

      // A rollup that differs is said to have failed, until it is found equal.
      try await shop.refresh()
      try await shop.run("update finance.revenue_daily__state set gross__sum = gross__sum + 0.01 where gross__sum > 0")
      try await check(shop.project)
      let lying = try ReadSet(try await shop.publisher().publish())
      #expect(try outcomes(lying)["revenue_daily/equal to its table"] == "failed")
      _ = try await ViewRefresher(project: shop.project, pool: shop.pool).refresh(.all)
      try await check(shop.project)
      let equal = try ReadSet(try await shop.publisher().publish())
      #expect(try words(equal) == ["passed"])

      // What looks at more than data holds for its own date alone.
      let day = shop.asOf.adding(days: 1)
      let next = try ReadSet(try await shop.publisher(asOf: day).publish())
      let dated = try next.csv("check_outcomes").filter { $0["outcome"] == "not made" }
      #expect(Set(dated.map { $0["found"] }) == ["it last passed for 20 Nov 2026"], "\(dated)")
    }
  }

  @Test func aDismissalMakesThePageAboutDataQualityAnew() async throws {
    try await inFilledShop(customers: 5) { shop, _ in
      try await shop.run(
        """
        insert into daybook.file (feed, name, sha256, bytes, run_id, as_of, status, rows_read, rows_inserted,
          rows_updated, rows_unchanged, rows_deleted, rows_duplicate, rows_rejected)
        select feed, 'never.csv', sha256, bytes, run_id, as_of - 1, 'refused', 3, 0, 0, 0, 0, 0, 0
        from daybook.file where feed = 'transactions'
        """)
      let first = try ReadSet(try await shop.publisher().publish())
      let waits = "3 rejected rows wait for their correction; 1 refused file waits to come again."
      #expect(try first.text("data-quality.html").contains(waits))
      try await shop.run("update daybook.reject set resolved_at = now(), dismissal = 'not ours'")
      let second = try await shop.publisher().publish()
      #expect(second.isChanged)
      #expect(try ReadSet(second).text("data-quality.html").contains("1 refused file waits to come again."))
      try await shop.run("update daybook.file set dismissal = 'not ours' where name = 'never.csv'")
      let third = try await shop.publisher().publish()
      #expect(third.isChanged)
      #expect(try ReadSet(third).text("data-quality.html").contains("Nothing waits to be mended"))
      try await expectHistory(shop)
    }
  }

  // MARK: Cost

  /// Earlier nights of 100 ms for each refresh and 400 ms for each ingest; tonight one of each is far from that.
  private func expectHistory(_ shop: SampleShop) async throws {
    try await shop.run(
      """
      update daybook.stage_run set wall_ms = case stage when 'ingest' then 400 else 100 end
      where stage in ('ingest', 'refresh');
      insert into daybook.run (run_id, job, as_of, trigger, status, exit_code, started_at, finished_at, heartbeat_at, host,
        pid, argv, version, config_hash, pg_version)
      select gen_random_uuid(), job, as_of - n, trigger, 'success', 0, started_at - n * interval '1 day',
        started_at - n * interval '1 day', started_at, host, pid, argv, version, config_hash, pg_version
      from daybook.run, generate_series(1, 19) n;
      insert into daybook.stage_run (run_id, seq, stage, name, status, started_at, finished_at, wall_ms, rows_read)
      select r.run_id, s.seq, s.stage, s.name, 'success', r.started_at, r.started_at,
        s.wall_ms + extract(day from r.started_at)::int % 3, s.rows_read
      from daybook.run r, daybook.stage_run s where r.run_id <> s.run_id and s.stage in ('ingest', 'refresh');
      update daybook.stage_run s set wall_ms = 1640 from daybook.run r where r.run_id = s.run_id
        and r.run_id = '\(shop.run)' and s.stage = 'ingest' and s.name = 'orders';
      update daybook.stage_run set wall_ms = 1640, rows_read = 410 where run_id = '\(shop.run)' and stage = 'ingest'
        and name = 'products';
      update daybook.stage_run set wall_ms = 1, status = 'skipped' where run_id = '\(shop.run)' and stage = 'ingest'
        and name = 'customers';
      """)
    let set = try ReadSet(try await shop.publisher().publish(force: true))
    let verdict = try set.section("run", "Cost")
    #expect(verdict["passed"] as? Bool == false)
    let text = try #require(verdict["text"] as? String)
    #expect(text.hasPrefix("Far from their history: "), "\(text)")
    // Four times the rows of products explain its cost, and customers had nothing to do.
    #expect(
      text.contains("ingest orders") && !text.contains("ingest products") && !text.contains("ingest customers"),
      "\(text)")
    #expect(!text.contains("refresh"), "\(text)")
    #expect(text.contains(" took 1.640 seconds, 4.1 times its usual 0.40"), "\(text)")
    let orders = try #require(try set.csv("stage_history").first { $0["stage"] == "ingest" && $0["name"] == "orders" })
    let usual = try await shop.amounts(
      """
      select 'usual', (percentile_disc(0.5) within group (order by wall_ms) / 1000.0)::numeric(10, 3)::text
      from daybook.stage_run where stage = 'ingest' and name = 'orders' and run_id <> '\(shop.run)'
      """)["usual"]
    #expect(ExactDecimal(orders["usual_seconds"] ?? "") == usual && orders["earlier_runs"] == "19")
    #expect(orders["times_usual"].flatMap { ExactDecimal($0) }.map { $0 > 4 && $0 < ExactDecimal("4.2")! } == true)
    // Fewer runs are shown than there are, and the page says so.
    #expect(try set.csv("runs").count == 20)
    #expect(try set.text("run.html").contains("15 of 20; all in "))
  }

  @Test(arguments: [
    (400, 100, 2, 4, "tooLittleHistory"), (400, 100, 2, 5, "slower"), (250, 100, 2, 30, "asUsual"),
    (400, 100, 80, 30, "asUsual"), (10_500, 10_000, 2, 30, "asUsual"), (16_000, 10_000, 2, 30, "slower"),
    (2_000, 10_000, 2, 30, "faster"),
  ])
  func aStageIsFarFromItsHistoryWhenItIsSo(now: Int, usual: Int, spread: Int, runs: Int, judgement: String) {
    var history = StageHistory(stage: "ingest orders", milliseconds: now, usual: usual, spread: spread, runs: runs)
    #expect("\(history.judgement)" == judgement)
    // As long for each row as ever.
    history.perRow = (5, 5)
    if judgement != "tooLittleHistory" { #expect(history.judgement == .asUsual) }
  }
}
