// What a view of SQL reads is what PostgreSQL's catalog says, through views made by hand: it is refreshed when one of
// those things moved, and skipped with the reason when none did.

import Definitions
import Finding
import Ledger
import Postgres
import Testing
import Views

@Suite struct NativeDependencyTests {
  private static let busy = "select customer, sales_count as n from by_hand where customer is not null"

  /// Counts a change of another table than `sales`.
  private func move(_ relation: String, in shop: Shop) async throws {
    try await shop.pool.withConnection { connection in _ = try await DataVersions.bump(relation, on: connection) }
  }

  private func busiest(_ shop: Shop) async throws -> [String] {
    try await shop.rows("select n::text as a from shop.busy order by n desc, customer limit 1")
  }

  @Test(arguments: ["shop.by_customer", "(select customer, count(*) as sales_count from shop.sales group by 1)"])
  func aViewThroughAViewMadeByHandFollowsWhatThatOneReads(_ source: String) async throws {
    // Its text names nothing of ours.
    let busy = Shop.native("busy", Self.busy, inputs: [], unique: ["customer"])
    try await Shop.with(views: [busy, Shop.byCustomer]) { shop in
      try await shop.addSales(1...50)
      // What is made by hand reads what Daybook made.
      _ = try await shop.refresher.refresh(.named(["by_customer"]))
      try await shop.run("create view shop.by_hand as select * from \(source) as s")
      #expect(try await shop.refresher.refresh(.all).map(\.status).first == .created)
      let read = source.hasPrefix("(") ? "sales" : "by_customer"
      let again = try await shop.refresher.refresh(.all)
      let skipped = try #require(again.first { $0.view == "busy" })
      #expect(!skipped.isChanged && skipped.detail.contains("\(read) at version "), "\(skipped)")
      #expect(skipped.detail.contains("by_hand as it is"))
      try await move("elsewhere", in: shop)
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
      try await shop.change("insert into shop.sales select i, 3, 'fee', 1, 1, now() from generate_series(100, 199) i")
      let moved = try await shop.refresher.refresh(.all)
      #expect(moved.first { $0.view == "busy" }?.detail == "refreshed concurrently: \(read) changed")
      #expect(try await busiest(shop) == ["107"])
    }
  }

  @Test func aViewWithoutItsIndexOrItsDataIsMended() async throws {
    let few = Shop.native(
      "few", "select customer, count(*) as n from sales group by 1", inputs: ["sales"], unique: ["customer"])
    try await Shop.with(views: [few]) { shop in
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      for damage in ["drop index shop.few_customer_idx", "refresh materialized view shop.few with no data"] {
        try await shop.run(damage)
        let outcomes = try await shop.refresher.refresh(.all)
        #expect(
          outcomes.map(\.detail) == ["refreshed, readers wait: it held no data, or its unique index was gone"])
        #expect(try await shop.rows("select count(*) from shop.few") == ["7"])
        #expect(try await shop.rows("select indexname from pg_indexes where tablename = 'few'") == ["few_customer_idx"])
        #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
      }
    }
  }

  @Test func aViewIsRefreshedBehindTheRollupThatOnlyTheCatalogKnows() async throws {
    let busy = Shop.native("a_busy", Self.busy, inputs: [])
    try await Shop.with(views: [busy, Shop.byCustomer]) { shop in
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.named(["by_customer"]))
      try await shop.run("create view shop.by_hand as select * from shop.by_customer")
      _ = try await shop.refresher.refresh(.all)
      let schedule = try await shop.refresher.schedule(.all)
      #expect(schedule.units.map(\.views) == [["a_busy"], ["by_customer"]])
      #expect(schedule.needs == [[1], []])
    }
  }

  @Test func aCommonTableNamedLikeAFeedIsNotThatFeedOnceTheCatalogIsKnown() async throws {
    var other = Shop.sales
    other.name = "goods"
    let view = Shop.native(
      "few", "with goods as (select customer from sales where kind = 'fee') select count(*) as n from goods",
      inputs: ["goods", "sales"])
    try await Shop.with(views: [view]) { shop in
      var shop = shop
      shop.project.feeds.append(other)
      try await shop.run("create table shop.goods (like shop.sales)")
      try await shop.addSales(1...9)
      #expect(try await shop.refresher.refresh(.all).map(\.status) == [.created])
      try await move("goods", in: shop)
      #expect(
        try await shop.refresher.refresh(.all).map(\.status) == [.skipped(reason: "up to date with sales at version 1")]
      )
      try await shop.addSales(10...19)
      #expect(try await shop.refresher.refresh(.all).map(\.detail) == ["refreshed, readers wait: sales changed"])
    }
  }

  @Test func aViewWhoseHandMadeDependencyWasDroppedAndMadeAgainIsMadeAgain() async throws {
    let busy = Shop.native("busy", Self.busy, inputs: [])
    try await Shop.with(views: [Shop.byCustomer, busy]) { shop in
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.named(["by_customer"]))
      try await shop.run("create view shop.by_hand as select * from shop.by_customer")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("drop view shop.by_hand cascade")
      let refresher = shop.refresher
      let error = await #expect(throws: ViewError.self) { try await refresher.refresh(.all) }
      #expect(error?.view == "busy")
      #expect(error?.diagnostic.message.contains("by_hand") == true, "\(String(describing: error))")
      try await shop.run(
        "create view shop.by_hand as select customer, 1000 + sales_count as sales_count from shop.by_customer")
      let made = try await shop.refresher.refresh(.all)
      #expect(made.map(\.isChanged) == [false, true])
      #expect(made[1].status == .created)
      #expect(try await busiest(shop) == ["1008"])
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
    }
  }

  @Test func aViewWhoseHandMadeDependencySaysSomethingElseNowIsRefreshed() async throws {
    let busy = Shop.native("busy", Self.busy, inputs: [])
    try await Shop.with(views: [Shop.byCustomer, busy]) { shop in
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.named(["by_customer"]))
      try await shop.run("create view shop.by_hand as select customer, sales_count from shop.by_customer")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run(
        """
        create or replace view shop.by_hand as
        select customer, 1000 + sales_count as sales_count from shop.by_customer
        """)
      let replaced = try await shop.refresher.refresh(.all)
      #expect(replaced.map(\.isChanged) == [false, true])
      #expect(replaced[1].detail == "refreshed, readers wait: by_hand changed")
      #expect(try await busiest(shop) == ["1008"])
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
      // Another table behind it is another thing read.
      try await shop.run(
        """
        create or replace view shop.by_hand as
        select customer, 2000 + count(*) as sales_count from shop.sales group by 1
        """)
      _ = try await shop.refresher.refresh(.all)
      #expect(try await busiest(shop) == ["2008"])
    }
  }

  @Test(arguments: ["table shop.rates (rate int)", "materialized view shop.rates as select 1 as rate"])
  func aViewOfSomethingWhoseChangesNobodyCountsIsRefreshedEveryTime(_ rates: String) async throws {
    let view = Shop.native("priced", "select s.id, r.rate from sales s cross join rates r", inputs: ["sales"])
    try await Shop.with(views: [view]) { shop in
      try await shop.run("create \(rates)")
      try await shop.addSales(1...5)
      #expect(try await shop.refresher.refresh(.all).map(\.status) == [.created])
      #expect(
        try await shop.refresher.refresh(.all).map(\.detail) == [
          "refreshed, readers wait: nobody counts changes of rates"
        ])
      try await shop.addSales(6...7)
      #expect(try await shop.refresher.refresh(.all).map(\.detail) == ["refreshed, readers wait: sales changed"])
    }
  }

  @Test func aViewThatAsksAFunctionOrTheMomentIsRefreshedEveryTime() async throws {
    let views = [
      Shop.native("asking", "select count(*) as n from big2()", inputs: []),
      Shop.native("by_way", "select n from by_hand", inputs: []),
      Shop.native("recent", "select count(*) as n from sales where sold_at < current_date", inputs: ["sales"]),
      Shop.native("worded", "select kind as now from sales -- now()", inputs: ["sales"]),
    ]
    try await Shop.with(views: views) { shop in
      try await shop.run(
        """
        create function shop.big2() returns setof shop.sales language sql stable as
          'select * from shop.sales where amount > 5';
        create view shop.by_hand as select count(*) as n from shop.big2()
        """)
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("delete from shop.sales where amount > 5")
      let details = try await shop.refresher.refresh(.all).map(\.detail)
      #expect(
        details == [
          "refreshed, readers wait: nobody counts changes of big2()",
          "refreshed, readers wait: nobody counts changes of big2()",
          "refreshed, readers wait: \"current_date\" in its SQL is more than what it reads tells",
          "up to date with sales at version 1",
        ])
      #expect(try await shop.rows("select a.n, b.n as m from shop.asking a, shop.by_way b") == ["0|0"])
    }
  }

  @Test func aCircleByWayOfAViewMadeByHandIsRefusedWithItsPath() async throws {
    let first = Shop.native("first", "select n from by_hand", inputs: [])
    let second = Shop.native("second", "select n + 1 as n from first", inputs: ["first"])
    try await Shop.with(views: [first, second]) { shop in
      try await shop.run("create view shop.by_hand as select 1::bigint as n")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("create or replace view shop.by_hand as select n from shop.second")
      for full in [false, true] {
        let error = await #expect(throws: ViewError.self) { try await shop.refresher.refresh(.all, full: full) }
        #expect(error?.diagnostic.message == "the views read each other in a circle: first → by_hand → second → first")
        #expect(error?.view == "first")
      }
      #expect(try await shop.rows("select n from shop.first") == ["1"])
      // A new definition that leaves the circle is not held back by the old one.
      var new = shop
      new.project.views[0] = Shop.native("first", "select 5::bigint as n", inputs: [], hash: "2")
      let refresher = new.refresher
      let error = await #expect(throws: ViewError.self) { try await refresher.refresh(.all) }
      let text = error?.description ?? ""
      #expect(text.contains("drop materialized view first; drop view by_hand;"), "\(text)")
      try await shop.run("create or replace view shop.by_hand as select 1::bigint as n")
      _ = try await refresher.refresh(.all)
      #expect(try await shop.rows("select n from shop.second") == ["6"])
    }
  }

  @Test(arguments: [
    ("now()", "now() in by_hand"), ("current_date", "current_date in by_hand"), ("timestamp '2026-01-01'", nil),
  ])
  func aViewOverOneMadeByHandThatAsksForTheMomentIsRefreshedEveryTime(_ moment: String, _ asked: String?) async throws {
    let view = Shop.native("due", "select n from by_hand", inputs: [])
    try await Shop.with(views: [view]) { shop in
      try await shop.run(
        """
        create view shop.by_hand as select count(*) as n from shop.sales where sold_at < \(moment)
          and kind <> '{SQLVALUEFUNCTION :op 1' and date_trunc('day', sold_at) <> age(sold_at, sold_at) + sold_at
        """)
      try await shop.addSales(1...5)
      _ = try await shop.refresher.refresh(.all)
      let details = try await shop.refresher.refresh(.all).map(\.detail)
      #expect(
        details == [
          asked.map { "refreshed, readers wait: nobody counts changes of \($0)" }
            ?? "up to date with by_hand as it is, sales at version 1"
        ])
    }
  }

  @Test func aViewOfTheLedgersTablesIsRefreshedEveryTimeAlsoBesideAFeed() async throws {
    let view = Shop.native(
      "refused", "select count(*) as n, (select count(*) from sales) as m from daybook.reject", inputs: ["sales"])
    try await Shop.with(views: [view]) { shop in
      try await shop.addSales(1...5)
      _ = try await shop.refresher.refresh(.all)
      #expect(
        try await shop.refresher.refresh(.all).map(\.detail) == [
          "refreshed, readers wait: nobody counts changes of daybook.reject"
        ])
    }
  }

  @Test(.timeLimit(.minutes(10)))
  func aViewMadeByHandThatLeadsBackToWhereItBeganIsNamed() async throws {
    let first = Shop.native("first", "select n from by_hand", inputs: [])
    let second = Shop.native("second", "select n + 1 as n from first", inputs: ["first"])
    try await Shop.with(views: [first, second]) { shop in
      try await shop.addSales(1...3)
      try await shop.run("create view shop.by_hand as select count(*) as n from shop.sales")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("create or replace view shop.by_hand as select n from shop.second")
      var changed = shop
      changed.project.views[0] = Shop.native("first", "select n + 0 as n from by_hand", inputs: [], hash: "2")
      let refresher = changed.refresher
      let error = await #expect(throws: ViewError.self) { _ = try await refresher.refresh(.all) }
      let text = error?.description ?? ""
      #expect(text.contains("second has to be made anew, but view by_hand, "), "\(text)")
    }
  }

  @Test func viewsThatWaitForEachOtherByWayOfAViewMadeByHandAreBothRefreshed() async throws {
    // The first reads the second by its text, and the second the first by way of what is made by hand.
    let first = Shop.native("first", "select 1 as x from sales", inputs: ["second"])
    let second = Shop.native("second", "select count(*) as n from by_hand", inputs: [])
    try await Shop.with(views: [first, second]) { shop in
      try await shop.addSales(1...3)
      try await shop.run("create view shop.by_hand as select 1 as x from shop.sales")
      _ = try await shop.refresher.refresh(.named(["second"]))
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("create or replace view shop.by_hand as select x from shop.first")
      _ = try await shop.refresher.refresh(.all)
      let schedule = try await shop.refresher.schedule(.all)
      #expect(schedule.needs == [[1], [0]])
      try await shop.addSales(4...9)
      #expect(try await shop.refresher.refresh(.all).count == 2)
      #expect(try await shop.rows("select count(*)::text as n from shop.first") == ["9"])
    }
  }
}
