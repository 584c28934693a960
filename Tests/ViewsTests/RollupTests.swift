import Definitions
import Money
import Postgres
import Testing
import Views

@Suite struct RollupTests {
  @Test func everyMeasureEqualsPostgreSQLsOwnAggregateDigitForDigit() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.addSales(1...500)
      let outcome = try #require(try await shop.refresher.refresh(.all).first)
      #expect(outcome.status == .created)
      #expect(outcome.rows == 7)
      let recomputed = """
        select customer, count(*) as sales_count,
          coalesce(sum(amount) filter (where kind = 'payment'), 0) as paid, sum(quantity)::numeric as units,
          avg(amount) filter (where kind = 'payment') as mean, var_samp(amount) as spread,
          stddev_samp(amount) as deviation, min(amount) as least, max(amount) as most,
          (array_agg(amount order by sold_at, id))[1] as opening,
          (array_agg(amount order by sold_at desc, id desc) filter (where kind = 'payment'))[1] as closing,
          count(distinct kind) as kinds,
          coalesce(sum(amount) filter (where kind = 'payment'), 0) + sum(quantity) as paid_and_units
        from shop.sales group by customer
        """
      #expect(try await shop.difference("select * from shop.by_customer", recomputed) == 0)
      // Equality of numerics ignores trailing zeros; the text does not.
      let asText = "mean::text, spread::text, deviation::text"
      let kept = try await shop.rows("select \(asText) from shop.by_customer order by customer")
      let computed = try await shop.rows("select \(asText) from (\(recomputed)) as r order by customer")
      #expect(kept == computed)
    }
  }

  @Test func aGroupOfOneHasNoVarianceAndAConditionThatNeverHoldsSumsToZero() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.change("insert into shop.sales values (1, 5, 'fee', 2.50, 1, '2026-01-01 12:00+00')")
      _ = try await shop.refresher.refresh(.all)
      #expect(
        try await shop.rows(
          "select paid::text as a, mean::text as b, spread::text as c, closing::text as d from shop.by_customer")
          == ["0|∅|∅|∅"])
    }
  }

  struct PeriodCase: Sendable, CustomTestStringConvertible {
    let source: RollupGroup.Source
    let zone: String
    let weekStart: Weekday
    let fiscalMonth: Int
    let instant: String
    let expected: String
    var testDescription: String { "\(source) of \(instant) in \(zone)" }
  }

  @Test(arguments: [
    PeriodCase(
      source: .date("sold_at"), zone: "America/New_York", weekStart: .monday, fiscalMonth: 1,
      instant: "2026-03-01 04:59+00", expected: "2026-02-28"),
    PeriodCase(
      source: .month("sold_at"), zone: "America/New_York", weekStart: .monday, fiscalMonth: 1,
      instant: "2026-03-01 04:59+00", expected: "2026-02-01"),
    PeriodCase(
      source: .date("sold_at"), zone: "Asia/Kolkata", weekStart: .monday, fiscalMonth: 1,
      instant: "2026-03-01 18:30+00", expected: "2026-03-02"),
    // The night clocks go forward: 03:00 EDT is 07:00 UTC.
    PeriodCase(
      source: .date("sold_at"), zone: "America/New_York", weekStart: .monday, fiscalMonth: 1,
      instant: "2026-03-09 03:59+00", expected: "2026-03-08"),
    PeriodCase(
      source: .week("sold_at"), zone: "UTC", weekStart: .monday, fiscalMonth: 1, instant: "2026-11-22 12:00+00",
      expected: "2026-11-16"),
    PeriodCase(
      source: .week("sold_at"), zone: "UTC", weekStart: .sunday, fiscalMonth: 1, instant: "2026-11-22 12:00+00",
      expected: "2026-11-22"),
    PeriodCase(
      source: .week("sold_at"), zone: "UTC", weekStart: .saturday, fiscalMonth: 1, instant: "2026-11-20 12:00+00",
      expected: "2026-11-14"),
    PeriodCase(
      source: .quarter("sold_at"), zone: "UTC", weekStart: .monday, fiscalMonth: 7, instant: "2026-11-22 12:00+00",
      expected: "2026-10-01"),
    PeriodCase(
      source: .year("sold_at"), zone: "UTC", weekStart: .monday, fiscalMonth: 7, instant: "2026-11-22 12:00+00",
      expected: "2026-01-01"),
    PeriodCase(
      source: .fiscalYear("sold_at"), zone: "UTC", weekStart: .monday, fiscalMonth: 7,
      instant: "2026-06-30 12:00+00", expected: "2025-07-01"),
    PeriodCase(
      source: .fiscalQuarter("sold_at"), zone: "UTC", weekStart: .monday, fiscalMonth: 2,
      instant: "2026-01-31 12:00+00", expected: "2025-11-01"),
    PeriodCase(
      source: .fiscalQuarter("sold_at"), zone: "UTC", weekStart: .monday, fiscalMonth: 2,
      instant: "2026-05-31 12:00+00", expected: "2026-05-01"),
    PeriodCase(
      source: .expression("kind || '!'"), zone: "UTC", weekStart: .monday, fiscalMonth: 1,
      instant: "2026-05-31 12:00+00", expected: "fee!"),
  ])
  func periodsFollowTheProjectsZoneWeekAndFiscalYear(_ period: PeriodCase) async throws {
    let view = Shop.rollup(
      "periods", groups: [RollupGroup(name: "period", source: period.source)],
      measures: [RollupMeasure(name: "n", function: .count)])
    try await Shop.with(
      views: [view], timeZone: period.zone, weekStart: period.weekStart, fiscalYearStartMonth: period.fiscalMonth
    ) { shop in
      try await shop.change("insert into shop.sales values (1, 5, 'fee', 2.50, 1, '\(period.instant)')")
      _ = try await shop.refresher.refresh(.all)
      #expect(try await shop.rows("select period::text from shop.periods") == [period.expected])
    }
  }
}
