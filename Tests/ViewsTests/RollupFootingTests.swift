// What a rollup stands on beside its feed's rows, changed under it by hand: columns, functions, and what derived figures ask.

import Definitions
import Postgres
import Testing
import Views

@Suite struct RollupFootingTests {
  private static let byKind = Shop.rollup(
    "by_kind", groups: [RollupGroup(name: "kind", source: .column("kind"))],
    measures: [
      RollupMeasure(name: "n", function: .count), RollupMeasure(name: "total", function: .sum("amount")),
      RollupMeasure(name: "who", function: .distinct("customer")),
    ])

  @Test func aKeyThatMayBeNullSinceItsColumnWasAlteredIsAGroup() async throws {
    try await Shop.withSales([Self.byKind]) { shop in
      try await shop.run("alter table shop.sales alter column kind drop not null")
      try await shop.batch(
        "insert into shop.sales select 500 + i, i, null, 5, 1, '2026-03-02' from generate_series(1, 2) as i")
      #expect(
        try await shop.refresher.refresh(.all).map(\.detail) == [
          "rebuilt and swapped: a column of sales that it reads was altered"
        ])
      try await shop.batch("update shop.sales set amount = amount + 100 where kind is null")
      let details = try await shop.refresher.refresh(.all).map(\.detail)
      #expect(details.allSatisfy { $0.hasPrefix("by delta") }, "\(details)")
      #expect(try await shop.rows("select n, total, who from shop.by_kind where kind is null") == ["2|2|210.00"])
      try await shop.expectTrue()
    }
  }

  @Test(arguments: [
    "kind type text collate \"C\"", "kind type varchar(20)", "amount type numeric(14,2) using amount * 2",
  ])
  func aColumnThatWasAlteredIsReadAnew(_ alteration: String) async throws {
    let first = Shop.native("first", "select min(kind) as kind from by_kind", inputs: ["by_kind"])
    try await Shop.withSales([Self.byKind, first]) { shop in
      try await shop.run("alter table shop.sales alter column \(alteration)")
      let details = try await shop.refresher.refresh(.named(["by_kind"])).map(\.detail)
      #expect(details.first == "rebuilt and swapped: a column of sales that it reads was altered")
      try await shop.expectTrue()
      #expect(try await shop.rows("select kind from shop.first") == ["payment"])
      #expect(
        try await shop.difference("select sum(total) from shop.by_kind", "select sum(amount) from shop.sales") == 0)
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
      // What it does not read is nothing to it.
      try await shop.run("alter table shop.sales add column remark text, alter column quantity type bigint")
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
    }
  }

  @Test func rowsOfATableThatInheritsAreReadEachNight() async throws {
    try await Shop.withSales([Self.byKind]) { shop in
      try await shop.run(
        """
        create table shop.old_sales () inherits (shop.sales);
        insert into shop.old_sales select 900 + i, i, 'old', 5, 1, '2026-03-02' from generate_series(1, 3) as i
        """)
      for left in [3, 2] {
        let outcomes = try await shop.refresher.refresh(.all)
        #expect(
          outcomes.map(\.detail) == ["rebuilt and swapped: sales has child tables, and no journal tells of their rows"])
        #expect(try await shop.rows("select n from shop.by_kind where kind = 'old'") == ["\(left)"])
        try await shop.run("delete from only shop.old_sales where customer = \(left)")
      }
      try await shop.run("drop table shop.old_sales")
      #expect(
        try await shop.refresher.refresh(.all).map(\.detail) == [
          "rebuilt and swapped: sales had child tables, and no journal told of their rows"
        ])
      try await shop.expectTrue()
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
    }
  }

  @Test func aFunctionThatWasReplacedIsCalledAnewForEachRow() async throws {
    let big = Shop.rollup(
      "big", groups: [RollupGroup(name: "kind", source: .column("kind"))],
      measures: [RollupMeasure(name: "n", function: .count, condition: "shop.is_big(amount)")])
    try await Shop.with(views: [Self.byKind, big]) { shop in
      func write(_ limit: Int) async throws {
        try await shop.run(
          """
          create or replace function shop.is_big(numeric) returns boolean language sql immutable as 'select $1 > \(limit)'
          """)
      }
      try await write(5)
      try await shop.addSales(1...20)
      _ = try await shop.refresher.refresh(.all)
      try await write(5)
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
      try await write(500)
      let outcomes = try await shop.refresher.refresh(.all)
      #expect(outcomes.map(\.isChanged) == [false, true])
      #expect(outcomes[1].detail == "rebuilt and swapped: a function that it calls was replaced")
      #expect(
        try await shop.difference(
          "select kind, n from shop.big", "select kind, count(*) filter (where amount > 500) from shop.sales group by 1"
        )
          == 0)
    }
  }

  @Test(arguments: [
    ("generate_series(1, n)", "a function that gives several rows"),
    ("(select max(amount) from shop.sales)", "a query"),
    ("n + extract(day from clock_timestamp())", "clock_timestamp()"), ("current_date", "current_date"),
    ("shop.limits()", "limits()"), ("total / nullif(n, 0)", nil), ("sum(n) over ()", nil),
    ("case when kind > 'b' then round(total, 1) end", nil),
  ])
  func aDerivedFigureThatIsMoreThanItsRowTellsIsRefused(_ expression: String, _ more: String?) async throws {
    guard case .rollup(let rollup) = Self.byKind.kind else { return }
    let view = Shop.rollup(
      "by_kind", groups: rollup.groups, measures: rollup.measures,
      derived: [DerivedMeasure(name: "figure", expression: expression)])
    try await Shop.with(views: [view]) { shop in
      try await shop.run("create function shop.limits() returns int language sql stable as 'select 1'")
      try await shop.addSales(1...9)
      guard let more else {
        #expect(try await shop.refresher.refresh(.all).count == 1)
        return
      }
      let error = await #expect(throws: ViewError.self) { try await shop.refresher.refresh(.all) }
      #expect(error?.description.contains("and \(more) is more than that") == true, "\(String(describing: error))")
      #expect(try await shop.rows("select to_regclass('shop.by_kind')::text as a") == ["∅"])
    }
  }

  @Test(arguments: [
    "alter table shop.by_kind__state add mine int", "alter table shop.by_kind__v0 add mine int",
    "alter table shop.by_kind__state rename total__sum to sum",
  ])
  func tablesThatSomebodyAlteredAreMadeAnew(by statement: String) async throws {
    let other = Shop.rollup(
      "other", groups: [RollupGroup(name: "customer", source: .column("customer"))],
      measures: [RollupMeasure(name: "n", function: .count)])
    try await Shop.withSales([Self.byKind, other]) { shop in
      try await shop.run(statement)
      let outcomes = try await shop.refresher.verify(.all)
      #expect(outcomes.map(\.isPassed) == [false, true])
      #expect(outcomes[0].message == "its tables are not as they were made; its next refresh builds it anew")
      _ = try await shop.refresher.refresh(.all)
      try await shop.expectTrue()
    }
  }

  @Test func whatSomebodyMadeOfAStateIsNamed() async throws {
    try await Shop.withSales([Self.byKind]) { shop in
      try await shop.run("create view shop.mine as select * from shop.by_kind__state")
      let error = await #expect(throws: ViewError.self) { try await shop.refresher.refresh(.all, full: true) }
      let text = error?.description ?? ""
      #expect(text.contains("but view mine depends on what is there"), "\(text)")
    }
  }
}
