// Closing a month: figures are kept to the digit and never changed, and nothing is closed that is not whole.

import Definitions
import Finding
import Ledger
import Money
import Postgres
import Testing
import Views

@Suite struct PeriodClosingTests {
  private static let monthly = Shop.rollup(
    "monthly",
    groups: [
      RollupGroup(name: "month", source: .month("sold_at")), RollupGroup(name: "kind", source: .column("kind")),
    ],
    measures: [
      RollupMeasure(name: "n", function: .count), RollupMeasure(name: "paid", function: .sum("amount")),
      RollupMeasure(name: "mean", function: .average("amount")),
      RollupMeasure(name: "spread", function: .variance("amount")),
      RollupMeasure(name: "latest", function: .max("sold_at")),
      // A name that an alias in the engine's SQL might have, too.
      RollupMeasure(name: "v", function: .min("amount")),
    ], derived: [DerivedMeasure(name: "twice", expression: "paid * 2")])
  /// Not kept: its groups are not the months of the accounting date alone.
  private static let weekly = Shop.rollup(
    "weekly", groups: [RollupGroup(name: "week", source: .week("sold_at"))],
    measures: [RollupMeasure(name: "n", function: .count)])
  private static let reader = Shop.native(
    "closed", "select period, state from daybook.period", inputs: ["daybook.period"], unique: ["period"])

  private static let april = CivilDate(daysSince1970: 20_544)
  private static let today = CivilDate(daysSince1970: 20_777)

  /// A shop with sales from March on, whose sales name their accounting date and whose views are current.
  private static func with(
    views: [ViewDefinition] = [monthly, weekly], _ body: (Shop, PeriodClosing) async throws -> Void
  ) async throws {
    try await Shop.with(views: views) { shop in
      var shop = shop
      shop.project.feeds[0].periodColumn = "sold_at"
      try await shop.addSales(1...600)
      _ = try await shop.refresher.refresh(.all)
      try await body(shop, PeriodClosing(project: shop.project, pool: shop.pool, actor: "ann@desk"))
    }
  }

  private static func frozen(_ version: Int) -> String {
    """
    select key ->> 'kind' as kind, figures from daybook.period_figure
    where period = '2026-04-01' and version = \(version) and view = 'monthly'
    """
  }

  private static let shown =
    "select kind, to_jsonb(m) - array['month', 'kind'] as figures from shop.monthly m where month = '2026-04-01'"

  @Test func theDatesOfThisFileAreWhatTheyAreMeantToBe() {
    #expect(Self.april == CivilDate("2026-04-01"))
    #expect(Self.today == CivilDate("2026-11-20"))
  }

  @Test func closingKeepsTheRowsOfRollupsByMonthToTheLastDigit() async throws {
    try await Self.with { shop, closing in
      let outcome = try await closing.close(Self.april, .soft, today: Self.today)
      #expect(outcome.action == .closed)
      #expect(outcome.month?.figures == 3)
      #expect(outcome.month?.closedBy == "ann@desk")
      #expect(outcome.month?.timeZone == "America/New_York")
      #expect(try await shop.difference(Self.frozen(1), Self.shown) == 0)
      #expect(try await shop.rows("select distinct view from daybook.period_figure") == ["monthly"])
      // A variance has more digits than any floating-point number.
      #expect(
        try await shop.rows(
          "select bool_and(scale((figures ->> 'spread')::numeric) > 10)::text from daybook.period_figure") == ["true"])
    }
  }

  @Test func whatWasReportedStaysWhateverComesLaterAndEachCloseAddsAVersion() async throws {
    try await Self.with { shop, closing in
      _ = try await closing.close(Self.april, .soft, today: Self.today)
      let first = try await shop.rows(Self.frozen(1))
      try await shop.change("update shop.sales set amount = amount + 1 where sold_at >= '2026-04-05'")
      _ = try await shop.refresher.refresh(.all)
      #expect(try await shop.rows(Self.frozen(1)) == first)
      #expect(try await shop.difference(Self.frozen(1), Self.shown) > 0)
      // Closing again what is closed changes nothing.
      #expect(try await closing.close(Self.april, .soft, today: Self.today).action == .unchanged)
      #expect(try await closing.reopen(Self.april, isHard: false).action == .reopened)
      #expect(try await closing.reopen(Self.april, isHard: false).action == .unchanged)
      let again = try await closing.close(Self.april, .soft, today: Self.today)
      #expect(again.month?.version == 2)
      #expect(try await shop.rows(Self.frozen(1)) == first)
      #expect(try await shop.difference(Self.frozen(2), Self.shown) == 0)
      #expect(
        try await shop.rows(
          "select action || ' ' || version || ' ' || state || ' ' || actor from daybook.period_log order by log_id")
          == ["close 1 soft ann@desk", "reopen 1 open ann@desk", "close 2 soft ann@desk"])
    }
  }

  @Test func aSoftCloseIsHardenedWithoutItsFiguresAndAHardOneIsOnlyOpenedWhenToldSo() async throws {
    try await Self.with { shop, closing in
      _ = try await closing.close(Self.april, .soft, today: Self.today)
      let first = try await shop.rows(Self.frozen(1))
      try await shop.change("delete from shop.sales where id % 5 = 0")
      let hardened = try await closing.close(Self.april, .hard, today: Self.today)
      #expect(hardened.action == .hardened)
      #expect(hardened.month?.state == .hard)
      #expect(try await shop.rows(Self.frozen(1)) == first)
      #expect(try await shop.rows("select count(*)::text from daybook.period_figure") == ["3"])
      // A soft close does not soften it.
      #expect(try await closing.close(Self.april, .soft, today: Self.today).month?.state == .hard)
      let error = await #expect(throws: PeriodRefusal.self) { try await closing.reopen(Self.april, isHard: false) }
      #expect(error?.diagnostic.fix == "to open it all the same: daybook close --hard --reopen 2026-04")
      #expect(try await closing.reopen(Self.april, isHard: true).action == .reopened)
    }
  }

  @Test func aMonthThatHasNotEndedIsNotClosed() async throws {
    try await Self.with { _, closing in
      let november = Self.today.startOfMonth
      let error = await #expect(throws: PeriodRefusal.self) {
        try await closing.close(november, .soft, today: november.adding(days: 29))
      }
      #expect(error?.diagnostic.message == "2026-11 has not ended: it is 2026-11-30")
      let closed = try await closing.close(november, .soft, today: november.adding(days: 30))
      #expect(closed.action == .closed)
    }
  }

  @Test func earlierMonthsThatAreStillOpenAreNamed() async throws {
    try await Self.with { _, closing in
      let may = Self.april.adding(months: 1)
      let outcome = try await closing.close(may, .soft, today: Self.today)
      #expect(outcome.findings.map(\.message) == ["3 earlier months with data are still open, from 2026-02 on"])
      for month in [Self.april, Self.april.adding(months: -1)] {
        _ = try await closing.close(month, .soft, today: Self.today)
      }
      let february = try await closing.close(Self.april.adding(months: -2), .soft, today: Self.today)
      #expect(february.findings.isEmpty)
    }
  }

  @Test func figuresThatAreBehindTheirTableAreNotFrozen() async throws {
    try await Self.with { shop, closing in
      try await shop.change("delete from shop.sales where id = 300")
      let error = await #expect(throws: PeriodRefusal.self) {
        try await closing.close(Self.april, .soft, today: Self.today)
      }
      #expect(error?.kind == .notReady)
      #expect(
        error?.diagnostic.message
          == "the view monthly is behind what it reads, so the figures of 2026-04 would be too")
      #expect(error?.diagnostic.fix == "bring it up to date first: daybook refresh")
      #expect(try await shop.rows("select period::text from daybook.period") == [])
      _ = try await shop.refresher.refresh(.all)
      #expect(try await closing.close(Self.april, .soft, today: Self.today).action == .closed)
    }
  }

  @Test func aFileThatIsPartWayInKeepsItsMonthOpen() async throws {
    try await Self.with { shop, closing in
      try await shop.run(
        """
        insert into daybook.file (feed, name, sha256, bytes, run_id, as_of, status, rows_read, rows_inserted,
          rows_updated, rows_unchanged, rows_deleted, rows_duplicate, rows_rejected)
        values ('sales', 'sales_9.csv', sha256('x'), 1, gen_random_uuid(), '2026-05-01', 'loading', 0, 0, 0, 0, 0, 0, 0);
        insert into daybook.chunk_plan select file_id, 100, 1 from daybook.file;
        insert into daybook.chunk select file_id, 0, 0, 0, 1, null, 1, 1, 0, 0, 0, 0 from daybook.file
        """)
      let error = await #expect(throws: PeriodRefusal.self) {
        try await closing.close(Self.april, .soft, today: Self.today)
      }
      #expect(error?.diagnostic.message.hasPrefix("sales_9.csv of the feed sales is part way in") == true)
    }
  }

  @Test func aProjectWithoutAnAccountingDateHasNothingToClose() async throws {
    try await Shop.with(views: [Self.monthly]) { shop in
      let closing = PeriodClosing(project: shop.project, pool: shop.pool, actor: "ann@desk")
      let error = await #expect(throws: PeriodRefusal.self) {
        try await closing.close(Self.april, .soft, today: Self.today)
      }
      #expect(error?.kind == .definition)
    }
    try await Self.with(views: [Self.weekly]) { _, closing in
      let outcome = try await closing.close(Self.april, .soft, today: Self.today)
      #expect(outcome.findings.map(\.code) == ["no_figures"])
      #expect(outcome.month?.figures == 0)
    }
  }

  @Test func reopeningTakesBackWhatWasPostedElsewhereUnlessAClosedMonthHasReportedIt() async throws {
    try await Self.with { shop, closing in
      _ = try await closing.close(Self.april, .soft, today: Self.today)
      try await shop.run(
        """
        insert into daybook.adjustment (batch_id, feed, period, posted_to, weight, image)
        select 1, 'sales', '2026-04-01', '2026-05-01', 1, to_jsonb(s) from shop.sales s where id in (1, 2)
        """)
      let may = Self.april.adding(months: 1)
      _ = try await closing.close(may, .hard, today: Self.today)
      let error = await #expect(throws: PeriodRefusal.self) { try await closing.reopen(Self.april, isHard: false) }
      #expect(error?.diagnostic.fix == "reopen that month first: daybook close --hard --reopen 2026-05")
      _ = try await closing.reopen(may, isHard: true)
      let outcome = try await closing.reopen(Self.april, isHard: false)
      #expect(outcome.withdrawn == 2)
      #expect(
        try await shop.rows("select count(withdrawn_at)::text || ' of ' || count(*) from daybook.adjustment")
          == ["2 of 2"])
    }
  }

  @Test func aViewOfClosedMonthsFollowsEachClosing() async throws {
    try await Self.with(views: [Self.monthly, Self.reader]) { shop, closing in
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
      _ = try await closing.close(Self.april, .soft, today: Self.today)
      let outcomes = try await shop.refresher.refresh(.all)
      #expect(outcomes.filter(\.isChanged).map(\.view) == ["closed"])
      #expect(try await shop.rows("select state from shop.closed") == ["soft"])
      _ = try await closing.close(Self.april, .hard, today: Self.today)
      _ = try await shop.refresher.refresh(.all)
      #expect(try await shop.rows("select state from shop.closed") == ["hard"])
      _ = try await closing.reopen(Self.april, isHard: true)
      _ = try await shop.refresher.refresh(.all)
      #expect(try await shop.rows("select state from shop.closed") == [])
    }
  }

  @Test func closingWaitsForAWriterOfTheFeed() async throws {
    try await Self.with { shop, closing in
      let pool = shop.pool
      async let outcome = pool.withConnection { connection in
        try await connection.withTransaction { writer in
          try await writer.execute("lock table shop.sales in share row exclusive mode")
          try await writer.execute("delete from shop.sales where id = 300")
          // Long enough for the closing to come and wait.
          try await Task.sleep(for: .milliseconds(400))
          try await DataVersions.bump("sales", on: writer)
        }
      }
      try await Task.sleep(for: .milliseconds(150))
      // It sees the writer's change, and that its figures are behind.
      let error = await #expect(throws: PeriodRefusal.self) {
        try await closing.close(Self.april, .soft, today: Self.today)
      }
      #expect(error?.kind == .notReady)
      _ = try await outcome
    }
  }

  @Test func aViewOfAJournalIsMadeBeforeAnythingWasJournaled() async throws {
    let moved = Shop.native(
      "moved", "select _daybook_batch, sum(_daybook_weight * amount) as amount from daybook.journal_sales group by 1",
      inputs: ["sales"])
    try await Shop.with(views: [moved]) { shop in
      try await shop.addSales(1...5)
      #expect(try await shop.refresher.refresh(.all).map(\.status) == [.created])
      #expect(try await shop.rows("select * from shop.moved") == [])
      try await shop.run(
        "insert into daybook.journal_sales (_daybook_batch, _daybook_weight, amount) values (7, 1, 2.50)")
      try await shop.change("update shop.sales set amount = amount + 2.50 where id = 1")
      _ = try await shop.refresher.refresh(.all)
      #expect(try await shop.rows("select * from shop.moved") == ["2.50|7"])
    }
  }
}
