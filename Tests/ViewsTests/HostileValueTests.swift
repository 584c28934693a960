// What a person can write into a table or a definition by hand and no feed would bring: rollups stay true, or refuse.

import Definitions
import Finding
import Ledger
import Postgres
import Testing

@testable import Views

@Suite struct HostileValueTests {
  private static let days = Shop.rollup(
    "days", groups: [RollupGroup(name: "day", source: .date("sold_at"))],
    measures: [
      RollupMeasure(name: "n", function: .count), RollupMeasure(name: "total", function: .sum("amount")),
      RollupMeasure(name: "spread", function: .variance("amount")),
      RollupMeasure(name: "low", function: .min("amount")),
      RollupMeasure(name: "opening", function: .first("amount", by: "sold_at")),
    ])

  @Test func anAmountThatIsNoNumberLeavesNothingBehind() async throws {
    try await Shop.withSales([Self.days]) { shop in
      for change in [
        "insert into shop.sales values (500, 1, 'payment', 'NaN', 1, '2026-03-02 10:00+00')",
        "insert into shop.sales values (501, 1, 'payment', 3, 1, '2026-03-02 10:00+00')",
        "update shop.sales set amount = 4 where id = 500",
      ] {
        try await shop.batch(change)
        _ = try await shop.refresher.refresh(.all)
        try await shop.expectTrue()
      }
    }
  }

  @Test func daysWithoutAnEndAreReadAnewLikeOthers() async throws {
    try await Shop.withSales([Self.days]) { shop in
      try await shop.batch(
        """
        insert into shop.sales values (500, 1, 'payment', 1, 1, 'infinity'), (501, 1, 'payment', 2, 1, 'infinity'),
          (502, 1, 'payment', 1, 1, '-infinity'), (503, 1, 'payment', 2, 1, '-infinity'),
          (504, 1, 'payment', 1, 1, '294276-12-31 20:00+00'), (505, 1, 'payment', 2, 1, '294276-12-31 20:00+00'),
          (506, 1, 'payment', 1, 1, '4713-01-02 BC'), (507, 1, 'payment', 2, 1, '4713-01-02 BC')
        """)
      _ = try await shop.refresher.refresh(.all)
      try await shop.batch("delete from shop.sales where id in (500, 502, 504, 506)")
      let details = try await shop.refresher.refresh(.all).map(\.detail)
      #expect(details.allSatisfy { $0.hasPrefix("by delta") }, "\(details)")
      try await shop.expectTrue()
    }
  }

  @Test(arguments: ["truncate daybook.journal_sales", "delete from daybook.journal_sales where id = 1000"])
  func imagesThatSomebodyTookAwayAreMissed(by statement: String) async throws {
    try await Shop.withSales([Self.days]) { shop in
      try await shop.batch("insert into shop.sales values (1000, 1, 'payment', 5, 1, '2026-03-02 10:00+00')")
      try await shop.run(statement)
      #expect(
        try await shop.refresher.refresh(.all).map(\.detail) == [
          "rebuilt and swapped: the journal of sales does not hold the images of its batches"
        ])
      try await shop.expectTrue()
    }
  }

  @Test func aJournalThatIsGoneIsReadFromTheTable() async throws {
    try await Shop.withSales([Self.days, Shop.byCustomer]) { shop in
      try await shop.batch("insert into shop.sales values (1000, 1, 'payment', 5, 1, '2026-03-02 10:00+00')")
      try await shop.run("drop table daybook.journal_sales")
      _ = try await shop.refresher.refresh(.all)
      try await shop.expectTrue()
    }
  }

  @Test func anExpressionThatMakesSeveralRowsOfOneIsRefused() async throws {
    let several = Shop.rollup(
      "several", groups: [RollupGroup(name: "part", source: .expression("unnest(array[kind, 'all'])"))],
      measures: [RollupMeasure(name: "n", function: .count)])
    try await Shop.with(views: [Self.days, several]) { shop in
      try await shop.keepJournal()
      let error = await #expect(throws: ViewError.self) { _ = try await shop.refresher.refresh(.all) }
      let text = error?.diagnostic.message ?? ""
      #expect(text.contains("several") && text.contains("set-returning"), "\(text)")
    }
  }

  @Test(arguments: [true, false])
  func aFinerRollupThatIsGoneOrMadeAnewStopsNoCoarserOne(isDropped: Bool) async throws {
    let coarse = Shop.rollup(
      "months", groups: [RollupGroup(name: "day", source: .month("sold_at"))],
      measures: [
        RollupMeasure(name: "of_n", function: .count), RollupMeasure(name: "of_total", function: .sum("amount")),
      ], over: "days")
    try await Shop.withSales([Self.days, coarse]) { shop in
      try await shop.batch("insert into shop.sales values (500, 1, 'payment', 5, 1, '2026-03-02 10:00+00')")
      var changed = shop
      if isDropped {
        try await shop.run("drop table shop.days__state cascade")
      } else if case .rollup(var rollup) = Self.days.kind {
        rollup.measures.append(RollupMeasure(name: "high", function: .max("amount")))
        changed.project.views = [
          Shop.rollup("days", groups: rollup.groups, measures: rollup.measures, hash: "2"), coarse,
        ]
      }
      let outcomes = try await changed.refresher.refresh(.all)
      #expect(outcomes.map(\.view) == ["days", "months"])
      try await changed.expectTrue()
    }
  }

  @Test func whatAFunctionReadsElsewhereIsReadAnewEachTime() async throws {
    let big = Shop.rollup(
      "big", groups: [RollupGroup(name: "kind", source: .column("kind"))],
      measures: [RollupMeasure(name: "n", function: .count, condition: "shop.is_big(amount)")])
    try await Shop.with(views: [big]) { shop in
      try await shop.run(
        """
        create table shop.limits as select 5::numeric as amount;
        create function shop.is_big(numeric) returns boolean language sql stable as
          'select $1 > (select amount from shop.limits)'
        """)
      try await shop.keepJournal()
      try await shop.batch(
        "insert into shop.sales select i, 1, 'payment', i, 1, '2026-03-02' from generate_series(1, 100) as i")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("update pg_class set reltuples = 1000000 where oid = 'shop.sales'::regclass")
      try await shop.run("update shop.limits set amount = 50")
      try await shop.batch("update shop.sales set quantity = 2 where id = 1")
      #expect(
        try await shop.refresher.refresh(.all).map(\.detail) == [
          "rebuilt and swapped: \"is_big\" in its definition is more than the row tells"
        ])
      try await shop.expectTrue()
    }
  }

  @Test func whatReadsMoreThanItsFeedIsReadAnewThoughTheFeedStandsStill() async throws {
    func counted(_ name: String, _ condition: String) -> ViewDefinition {
      Shop.rollup(
        name, groups: [RollupGroup(name: "kind", source: .column("kind"))],
        measures: [RollupMeasure(name: "n", function: .count, condition: condition)])
    }
    let views = [
      counted("known", "customer in (select v.customer from vip v)"),
      counted("due", "sold_at < timestamptz ' Tomorrow'"),
    ]
    try await Shop.with(views: views) { shop in
      try await shop.run("create table shop.vip (customer bigint)")
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-03-02')")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("insert into shop.vip values (1)")
      let details = try await shop.refresher.refresh(.all).map(\.detail)
      let reason = "in its definition is more than the row tells"
      #expect(details == ["select", "tomorrow"].map { "rebuilt and swapped: \"\($0)\" \(reason)" })
      #expect(try await shop.rows("select n from shop.known") == ["1"])
    }
  }

  @Test(arguments: [true, false])
  func aRowThatNoExpressionBearsIsForgottenOnceItIsGone(isAlone: Bool) async throws {
    let ratio = Shop.rollup(
      "ratio", groups: [RollupGroup(name: "kind", source: .column("kind"))],
      measures: [RollupMeasure(name: "n", function: .count, condition: "100 / (quantity - 7) > 1")])
    try await Shop.withSales(isAlone ? [ratio] : [Self.days, ratio]) { shop in
      try await shop.batch("insert into shop.sales values (500, 1, 'payment', 5, 7, '2026-03-02 10:00+00')")
      let error = await #expect(throws: ViewError.self) { _ = try await shop.refresher.refresh(.all) }
      #expect(error?.view == "ratio")
      try await shop.batch("delete from shop.sales where id = 500")
      let details = try await shop.refresher.refresh(.all).map(\.detail)
      #expect(
        details.last
          == "rebuilt and swapped: over the images \(isAlone ? "" : "of sales ")the server says: division by zero")
      try await shop.expectTrue()
      try await shop.batch("insert into shop.sales values (501, 1, 'payment', 5, 8, '2026-03-02 10:00+00')")
      #expect(try await shop.refresher.refresh(.all).allSatisfy { $0.detail.hasPrefix("by delta") })
      try await shop.expectTrue()
    }
  }

  @Test func whatTheJournalWouldRoundIsReadFromTheTable() async throws {
    try await Shop.withSales([Self.days]) { shop in
      try await shop.run("alter table shop.sales alter column amount type numeric")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("update pg_class set reltuples = 1000000 where oid = 'shop.sales'::regclass")
      try await shop.batch("update shop.sales set amount = 1.004 where id = 7")
      #expect(
        try await shop.refresher.refresh(.all).map(\.detail) == [
          "rebuilt and swapped: the journal of sales keeps amount in another type than the table"
        ])
      try await shop.expectTrue()
    }
  }

  /// By the journal's collation other texts are first, or equal.
  @Test(arguments: [
    ("\"en-x-icu\"", false, "in another collation than the table"),
    ("shop.ci", false, "in another collation than the table"),
    ("shop.ci", true, "by a collation for which different texts are equal"),
  ])
  func textsOfAnotherCollationAreReadFromTheTable(_ collation: String, isJournals: Bool, _ how: String) async throws {
    func kinds(_ name: String, by column: String) -> ViewDefinition {
      Shop.rollup(
        name, groups: [RollupGroup(name: column, source: .column(column))],
        measures: [
          RollupMeasure(name: "n", function: .count), RollupMeasure(name: "total", function: .sum("amount")),
          RollupMeasure(name: "lowest", function: .min("kind")), RollupMeasure(name: "highest", function: .max("kind")),
          RollupMeasure(name: "kinds", function: .distinct("kind")),
        ])
    }
    try await Shop.withSales([kinds("by_kind", by: "kind"), kinds("by_currency", by: "currency"), Self.days]) { shop in
      try await shop.run(
        """
        create collation shop.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        alter table shop.sales alter column kind type text collate \(collation)
        """)
      if isJournals {
        try await shop.run("alter table daybook.journal_sales alter kind type text collate \(collation)")
      }
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("update pg_class set reltuples = 1000000 where oid = 'shop.sales'::regclass")
      for (first, kinds) in [(500, "B, a, A, y, X"), (600, "b, B, x"), (700, "PAYMENT, a, C")] {
        try await shop.batch(
          """
          insert into shop.sales select \(first) + place, 1, kind, 5, 1, '2026-03-02'
          from string_to_table('\(kinds)', ', ') with ordinality as k (kind, place);
          delete from shop.sales where id = \(first) - 99
          """)
        let details = try await shop.refresher.refresh(.all).map(\.detail)
        let read = "rebuilt and swapped: the journal of sales keeps kind \(how)"
        #expect(details.map { $0.hasPrefix("by delta") ? "by delta" : $0 } == [read, read, "by delta"])
        for name in ["kind", "currency"] {
          #expect(
            try await shop.difference(
              "select * from shop.by_\(name)",
              """
              select \(name), count(*), sum(amount), min(kind), max(kind), count(distinct kind)
              from shop.sales group by 1
              """) == 0)
        }
        try await shop.expectTrue()
      }
    }
  }

  @Test func spreadsAreTheServersDigitForDigit() async throws {
    let view = Shop.rollup(
      "spreads", groups: [RollupGroup(name: "kind", source: .column("kind"))],
      measures: [
        RollupMeasure(name: "spread", function: .variance("amount")),
        RollupMeasure(name: "deviation", function: .stddev("amount")),
        // A root so near a half that it must not be rounded to it first.
        RollupMeasure(name: "large", function: .stddev("quantity")),
      ])
    try await Shop.with(views: [view]) { shop in
      try await shop.change(
        """
        insert into shop.sales select row_number() over (), 1, kind, amount, 1, '2026-03-02'
        from (values ('equal', 5.10), ('equal', 5.10), ('odd', 'NaN'), ('odd', 1), ('odd', 2), ('one', 3),
          ('usual', 1), ('usual', 2.50), ('usual', 999999.99)) as v (kind, amount);
        alter table shop.sales alter column quantity type bigint;
        insert into shop.sales select 100 + i, 1, 'large', 1, case when i = 0 then 10000000001 else 0 end, '2026-03-02'
        from generate_series(0, 3) as i
        """)
      _ = try await shop.refresher.refresh(.all)
      let different = try await shop.difference(
        "select kind, spread::text, deviation::text, large::text from shop.spreads",
        """
        select kind, var_samp(amount)::text, stddev_samp(amount)::text, stddev_samp(quantity)::text
        from shop.sales group by kind
        """)
      #expect(different == 0)
    }
  }

  @Test func anotherTableUnderTheNameOfAFeedIsNotFollowedByTheJournalOfTheLastOne() async throws {
    let counted = Shop.native("counted", "select count(*) as n from sales", inputs: ["sales"])
    let twice = Shop.native("twice", "select 2 * n as n from counted", inputs: ["counted"])
    try await Shop.withSales([Self.days, counted, twice]) { shop in
      try await shop.run(
        """
        alter table shop.sales rename to sales_old;
        create table shop.sales (like shop.sales_old including all);
        insert into shop.sales select * from shop.sales_old where id <= 3
        """)
      #expect(
        try await shop.refresher.refresh(.named(["counted"])).map(\.detail) == [
          "made anew: sales is another relation than before", "made anew: it was gone, or went with what it reads",
        ])
      #expect(try await shop.rows("select n from shop.twice") == ["6"])
      let days = try await shop.refresher.refresh(.named(["days"]))
      #expect(days.map(\.detail) == ["rebuilt and swapped: sales is another table than before"])
      try await shop.expectTrue()
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
    }
  }

  @Test func keysOfJSONThatNoIndexHoldsAreGroupsLikeOthers() async throws {
    var views = ["tags", "marks"].map {
      Shop.rollup(
        "by_\($0)", groups: [RollupGroup(name: "key", source: .column($0))],
        measures: [RollupMeasure(name: "n", function: .count)])
    }
    views[1] = Shop.rollup(
      "by_marks", groups: [RollupGroup(name: "key", source: .expression("string_to_array(marks, ',')::bigint[]"))],
      measures: [RollupMeasure(name: "n", function: .count)])
    try await Shop.with(views: views) { shop in
      var shop = shop
      shop.project.feeds[0].columns += [
        ColumnDefinition(name: "tags", type: .json, isOptional: true, position: Shop.position),
        ColumnDefinition(name: "marks", type: .text, isOptional: true, position: Shop.position),
      ]
      try await shop.run("alter table shop.sales add tags jsonb, add marks text")
      try await shop.addSales(1...3)
      // Longer in the index than as text, and not to be compressed.
      try await shop.change(
        """
        update shop.sales set
          tags = (select jsonb_agg(md5(i::text)) from generate_series(1, 400) i),
          marks = (select string_agg((hashint4(i) & 9)::text, ',') from generate_series(1, 990) i)
        where id = 1
        """)
      let outcomes = try await shop.refresher.refresh(.all)
      #expect(outcomes.map(\.rows) == [2, 2])
    }
  }

  @Test func aDateThatWasNeverADayOfTheSessionsTimeZoneIsInItsOwnPeriod() async throws {
    try await Shop.withSales([Self.days]) { shop in
      guard case .rollup(let rollup) = Self.days.kind else { return }
      let sql = try shop.refresher.rollupSQL(rollup, of: Self.days)
      let periods: [RollupGroup.Source] = [
        .week(""), .month(""), .quarter(""), .year(""), .fiscalQuarter(""), .fiscalYear(""),
      ]
      let first = try await shop.pool.withConnection { connection in
        try await connection.execute("set time zone 'Pacific/Kiritimati'")
        let list = periods.map { "\(sql.periodExpression($0, day: "date '1994-12-31'"))::text" }
        let row = try await connection.query("select \(list.joined(separator: ", "))").first
        return try periods.indices.map { try row?.decode($0, as: String.self) ?? "" }
      }
      #expect(first == ["1994-12-26", "1994-12-01", "1994-10-01", "1994-01-01", "1994-10-01", "1994-01-01"])
    }
  }

  @Test func aViewOfSQLFollowsTheProjectsTimeZone() async throws {
    let native = Shop.native("by_day", "select sold_at::date as day from sales", inputs: ["sales"])
    try await Shop.with(views: [native]) { shop in
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-03-02 23:00+00')")
      _ = try await shop.refresher.refresh(.all)
      var moved = shop
      moved.project.calendar.timeZone = "Asia/Tokyo"
      let outcomes = try await moved.refresher.refresh(.all)
      #expect(outcomes.map(\.detail) == ["refreshed, readers wait: the time zone Asia/Tokyo changed"])
      let again = try await moved.refresher.refresh(.all)
      #expect(again.map(\.detail) == ["up to date with sales at version 1"])
    }
  }

  @Test func equalKeysThatAreWrittenDifferentlyAreInOneSlice() async throws {
    let view = Shop.rollup(
      "levels",
      groups: [RollupGroup(name: "level", source: .expression("case when id % 2 = 0 then 0 else amount * 0 end"))],
      measures: [RollupMeasure(name: "n", function: .count)])
    try await Shop.withSales([view]) { shop in
      guard case .rollup(let rollup) = view.kind else { return }
      let sql = try shop.refresher.rollupSQL(rollup, of: view)
      for number in 0..<RollupSlice.count {
        let slice = RollupSlice(sql: sql, number: number)
        #expect(try await shop.difference(slice.held, slice.recomputed) == 0)
      }
    }
  }
}
