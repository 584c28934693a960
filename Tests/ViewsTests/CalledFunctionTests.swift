// What functions read and say counts, however they are called: by name, by an operator, an aggregate or a cast that
// somebody made, by way of a view made by hand, of a derived figure, or of another function.

import Definitions
import Ledger
import Postgres
import Testing
import Views

@Suite struct CalledFunctionTests {
  /// Functions that read a table, and such that say something; the latter can be replaced. A sign for each of them.
  private static let made = """
    create table shop.bounds (bound numeric);
    insert into shop.bounds values (50);
    create function shop.is_big(numeric, text) returns boolean language sql stable as
      'select $1 > (select bound from shop.bounds)';
    create operator shop.>>> (leftarg = numeric, rightarg = text, function = shop.is_big);
    create type shop.euro as (v numeric);
    create function shop.to_euro(numeric) returns shop.euro language sql stable as
      'select row($1 + (select bound from shop.bounds))::shop.euro';
    create cast (numeric as shop.euro) with function shop.to_euro(numeric);
    create function shop.more(numeric, numeric) returns numeric language sql stable as
      'select coalesce($1, 0) + $2 + (select bound from shop.bounds)';
    create aggregate shop.odd_sum(numeric) (sfunc = shop.more, stype = numeric);
    create function shop.part(numeric) returns numeric language sql immutable as 'select round($1 / 2)';
    create function shop.part(numeric, numeric) returns numeric language sql immutable as 'select shop.part($1)';
    create operator shop.%%> (leftarg = numeric, rightarg = numeric, function = shop.part);
    create function shop.whole(numeric) returns numeric language sql immutable return shop.part($1);
    create function shop.add(numeric, numeric) returns numeric language sql immutable as 'select coalesce($1, 0) + $2';
    create aggregate shop.all_of(numeric) (sfunc = shop.add, stype = numeric);
    """

  /// Makes each of the functions say something else.
  private static let replaced = """
    create or replace function shop.part(numeric) returns numeric language sql immutable as 'select round($1 / 4)';
    create or replace function shop.part(numeric, numeric) returns numeric language sql immutable as
      'select round($1 / 4)';
    create or replace function shop.add(numeric, numeric) returns numeric language sql immutable as
      'select coalesce($1, 0) + $2 * 2';
    """

  private static func amounts(_ condition: String) -> ViewDefinition {
    Shop.rollup(
      "amounts", groups: [RollupGroup(name: "currency", source: .column("currency"))],
      measures: [
        RollupMeasure(name: "n", function: .count),
        RollupMeasure(name: "part", function: .sum("amount"), condition: condition),
      ])
  }

  private static let plain = amounts("kind = 'fee'")

  /// A shop with journaled sales and a rollup of them, refreshed.
  private func withAmounts(_ condition: String, _ body: (Shop) async throws -> Void) async throws {
    try await Shop.with(views: [Self.amounts(condition)]) { shop in
      try await shop.keepJournal()
      try await shop.run(Self.made)
      try await shop.batch(
        "insert into shop.sales select i, 1, 'fee', i, 1, '2026-03-02' from generate_series(1, 100) i")
      _ = try await shop.refresher.refresh(.all)
      try await body(shop)
    }
  }

  private func dissent(_ condition: String, in shop: Shop) async throws -> Int {
    try await shop.difference(
      "select currency, n, part from shop.amounts",
      """
      select currency, count(*), coalesce(sum(amount) filter (where \(condition)), 0) from shop.sales group by 1
      """)
  }

  @Test(arguments: [
    ("amount >>> kind", ">>>"), ("(amount::shop.euro).v > 100", "cast (numeric as euro)"),
    ("shop.is_big(amount, kind)", "is_big"),
  ])
  func aRollupWithAnOperatorThatReadsMoreIsReadAnewEachNight(_ condition: String, _ word: String) async throws {
    try await withAmounts(condition) { shop in
      let qualified = condition.replacing(">>>", with: "operator(shop.>>>)")
      for (bound, isMore) in [(80, true), (20, false)] {
        try await shop.run("update shop.bounds set bound = \(bound)")
        if isMore { try await shop.batch("insert into shop.sales values (101, 1, 'fee', 60, 1, '2026-03-02')") }
        #expect(
          try await shop.refresher.refresh(.all).map(\.detail) == [
            "rebuilt and swapped: \"\(word)\" in its definition is more than the row tells"
          ])
        let dissent = try await dissent(qualified, in: shop)
        #expect(dissent == 0)
      }
    }
  }

  @Test(arguments: ["(amount %%> 1) > 10", "shop.whole(amount) > 10"])
  func aRollupWhoseOperatorSaysSomethingElseIsReadAnew(_ condition: String) async throws {
    try await withAmounts(condition) { shop in
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
      try await shop.run(Self.replaced)
      #expect(
        try await shop.refresher.refresh(.all).map(\.detail) == [
          "rebuilt and swapped: a function that it calls was replaced"
        ])
      let dissent = try await dissent(condition.replacing("%%>", with: "operator(shop.%%>)"), in: shop)
      #expect(dissent == 0)
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
    }
  }

  @Test func aSignOrACastThatTheTextDoesNotMeanIsNothingToARollup() async throws {
    // The sign of its stable operator is that of a remainder, too.
    try await Shop.with(views: [Self.amounts("quantity % 2 = 1")]) { shop in
      // A cast that the text cannot mean is nothing to it, too.
      try await shop.run("create extension pg_trgm; \(Self.made)")
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
    }
  }

  @Test func aDerivedFigureThatSaysSomethingElseIsAChangeOfItsRollup() async throws {
    guard case .rollup(let plain) = Self.plain.kind else { return }
    let view = Shop.rollup(
      "amounts", groups: plain.groups, measures: plain.measures,
      derived: [DerivedMeasure(name: "figure", expression: "n %%> part")])
    let reader = Shop.native("figures", "select sum(figure) as figure from amounts", inputs: ["amounts"])
    try await Shop.with(views: [view, reader]) { shop in
      try await shop.run(Self.made)
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
      try await shop.run(Self.replaced)
      let details = try await shop.refresher.refresh(.all).map(\.detail)
      #expect(details.first == "rebuilt and swapped: a function that it calls was replaced")
      #expect(details.last?.hasPrefix("refreshed, readers wait: amounts") == true, "\(details)")
      let difference = try await shop.difference(
        "select figure from shop.figures", "select sum(figure) from shop.amounts")
      #expect(difference == 0)
    }
  }

  @Test(arguments: [("n >>> 'x'", "is_big()"), ("odd_sum(n) over ()", "more()")])
  func aDerivedFigureWithAnOperatorThatReadsMoreIsRefused(_ expression: String, _ function: String) async throws {
    guard case .rollup(let plain) = Self.plain.kind else { return }
    let view = Shop.rollup(
      "amounts", groups: plain.groups, measures: plain.measures,
      derived: [DerivedMeasure(name: "figure", expression: expression)])
    try await Shop.with(views: [view]) { shop in
      try await shop.run(Self.made)
      try await shop.addSales(1...9)
      let error = await #expect(throws: ViewError.self) { try await shop.refresher.refresh(.all) }
      #expect(error?.description.contains("and \(function) is more than that") == true, "\(String(describing: error))")
    }
  }

  // MARK: Views of SQL

  @Test(arguments: [
    ("select count(*) as n from sales where amount >>> kind", "is_big()"),
    ("select sum((amount::euro).v) as n from sales", "euro, to_euro()"),
    ("select odd_sum(amount) as n from sales", "more()"), ("select n from by_hand", "is_big()"),
    (
      "select count(*) as n from sales, information_schema.tables where table_name = 'other'",
      "information_schema.tables"
    ),
    ("select n from of_schema", "information_schema.columns"), ("select n from of_catalog", "pg_class in of_catalog"),
    ("select count(*) as n from sales, PG_CLASS where relname = 'other'", "pg_class in figures"),
  ])
  func aViewOfSQLThatReadsMoreThanIsCountedIsRefreshedEveryTime(_ sql: String, _ uncounted: String) async throws {
    try await Shop.with(views: [Shop.native("figures", sql, inputs: [])]) { shop in
      try await shop.run(
        Self.made + """
          create view shop.by_hand as select count(*) as n from shop.sales where amount operator(shop.>>>) kind;
          create view shop.of_schema as
            select count(*) as n, (select count(*) from shop.sales) as m from information_schema.columns
            where table_name = 'other';
          create view shop.of_catalog as select count(*) as n, (select count(*) from shop.sales) as m from pg_class
            where relname = 'other';
          """)
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("update shop.bounds set bound = 500; create table shop.other (a int)")
      #expect(
        try await shop.refresher.refresh(.all).map(\.detail) == [
          "refreshed, readers wait: nobody counts changes of \(uncounted)"
        ])
      let isTrue = try await shop.pool.withConnection { connection in
        try await connection.withTransaction { connection in
          try await connection.execute("set local search_path to shop")
          return try await connection.query("select (select n from (\(sql)) as t) = (select n from figures)").first?
            .decode(0, as: Bool.self)
        }
      }
      #expect(isTrue == true)
    }
  }

  @Test(arguments: [
    ("select sum(part(amount)) as n from sales", "part()"), ("select sum(amount %%> 1) as n from sales", "part()"),
    ("select sum(whole(amount)) as n from sales", "part()"), ("select all_of(amount) as n from sales", "add()"),
    ("select n from by_hand", "part()"),
  ])
  func aViewOfSQLIsRefreshedWhenAFunctionSaysSomethingElse(_ sql: String, _ function: String) async throws {
    try await Shop.with(views: [Shop.native("figures", sql, inputs: [])]) { shop in
      try await shop.run(
        Self.made + "create view shop.by_hand as select sum(shop.part(amount)) as n from shop.sales;")
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
      let before = try await shop.rows("select n from shop.figures")
      try await shop.run(Self.replaced)
      #expect(
        try await shop.refresher.refresh(.all).map(\.detail) == [
          "refreshed, readers wait: the function \(function) changed"
        ])
      let after = try await shop.rows("select n from shop.figures")
      #expect(after != before)
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
    }
  }

  // MARK: Checks

  @Test(arguments: [("amount >>> kind", 10), ("(amount::shop.euro).v > 600", 595)])
  func aCheckWithAnOperatorThatSomebodyMadeIsMadeEveryTime(_ condition: String, _ bound: Int) async throws {
    let tests = [
      CheckRunnerTests.test(.noRow(query: "select id from sales where \(condition)")),
      CheckRunnerTests.test(.range(column: "amount", minimum: nil, maximum: "5"), where: condition),
    ]
    try await Shop.with(views: []) { shop in
      try await shop.run(Self.made + "update shop.bounds set bound = 500")
      try await shop.change("insert into shop.sales select i, 1, 'fee', i, 1, now() from generate_series(1, 20) i")
      for expected in [CheckOutcome.Status.passed, .passed, .failed] {
        if expected == .failed { try await shop.run("update shop.bounds set bound = \(bound)") }
        let outcomes = try await shop.checks.run([CheckRunnerTests.check(tests)], run: .make())
        #expect(outcomes.map(\.status) == [expected, expected])
      }
    }
  }
}
