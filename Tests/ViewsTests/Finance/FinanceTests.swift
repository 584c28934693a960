// Every figure of the shipped financial views against a second opinion, and the ties between the views.
// The model of the figures is FinanceModel; the rows, with their oddities, are FinanceRows.

import Definitions
import Foundation
import Money
import Testing
import Views

@Suite struct FinanceTests {
  static let calendars = [
    CalendarSettings(),
    CalendarSettings(timeZone: "America/New_York", fiscalYearStartMonth: 7, weekStart: .sunday),
    // From Saturday, February 1st 2020 this year has a 53rd week, which the year before does not have.
    CalendarSettings(timeZone: "Pacific/Auckland", fiscalYearStartMonth: 2, weekStart: .saturday),
    CalendarSettings(timeZone: "Asia/Kolkata", fiscalYearStartMonth: 4, weekStart: .monday),
  ]

  static let revenueViews: [(view: String, period: String, grain: FinanceModel.Grain)] = [
    ("revenue_daily", "business_date", .day), ("revenue_weekly", "business_week", .week),
    ("revenue_monthly", "business_month", .month), ("revenue_fiscal_quarterly", "fiscal_quarter", .fiscalQuarter),
    ("revenue_fiscal_yearly", "fiscal_year", .fiscalYear),
  ]

  /// A product's category by its number.
  static func category(_ product: Int) -> String { ["home", "garden", "toys"][product % 3] }

  static func addProducts(to shop: FinanceShop) async throws {
    let rows = (1...16).map { "(\($0), 'S\($0)', 'Thing \($0)', '\(category($0))', 1, 'USD', true)" }
    try await shop.run("insert into products values \(rows.joined(separator: ", "))")
  }

  @Test(arguments: calendars.indices)
  func everyFigureIsWhatPlainLoopsOverTheRowsGive(_ index: Int) async throws {
    let calendar = Self.calendars[index]
    let rows = FinanceRows(seed: UInt64(index) + 40)
    try await FinanceShop.with(calendar) { shop in
      try await Self.addProducts(to: shop)
      // In two parts, so that the second refreshes what the first made, concurrently.
      let half = rows.sales.count / 2
      try await shop.add(Array(rows.sales[..<half]), orders: rows.orders)
      try await shop.refresh()
      try await Self.expectFigures(
        of: FinanceModel(Array(rows.sales[..<half]), orders: rows.orders, calendar: calendar), in: shop)
      try await shop.add(Array(rows.sales[half...]))
      try await shop.refresh()
      try await Self.expectFigures(of: FinanceModel(rows.sales, orders: rows.orders, calendar: calendar), in: shop)
      try await Self.expectTies(in: shop)
    }
  }

  @Test func theRowsHaveA53rdWeekWithoutACounterpart() {
    let rows = FinanceRows(seed: 42)
    let model = FinanceModel(rows.sales, orders: [], calendar: Self.calendars[2])
    let last = model.growth.filter { $0.hasPrefix("week|2021-01-30|") && $0.contains("|2021|53|true|") }
    #expect(last.count == model.currencies.count - 1)
    #expect(last.allSatisfy { $0.hasSuffix("|∅|∅") })
  }

  @Test func everyFigureOfANativeViewIsExplainedAtItsHeadAndEachHasAKey() async throws {
    try await FinanceShop.with { shop in
      try await shop.refresh()
      for view in shop.project.views {
        guard case .native(let native) = view.kind else { continue }
        #expect(!native.uniqueKey.isEmpty, "\(view.name)")
        let text = try String(contentsOfFile: "\(FinanceShop.repository)/Jobs/views/\(view.name).sql", encoding: .utf8)
        let head = text.split(separator: "\n").prefix { $0.hasPrefix("--") && !$0.hasPrefix("-- unique:") }.joined()
        let words = Set(head.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init))
        let columns = try await shop.columns(of: view.name)
        #expect(columns.filter { !words.contains($0) && !native.uniqueKey.contains($0) } == [], "\(view.name)")
      }
    }
  }

  @Test func aProjectWithoutARowHasViewsWithoutARow() async throws {
    try await FinanceShop.with { shop in
      for _ in 1...2 {
        try await shop.countChanges()
        let outcomes = try await shop.refresh()
        #expect(outcomes.count == shop.project.views.count)
        #expect(outcomes.filter { $0.rows != 0 }.map(\.view) == [])
      }
    }
  }

  @Test(arguments: ["payment", "refund", "fee"])
  func oneRowIsEnough(_ type: String) async throws {
    let sale = Sale(id: 1, order: nil, customer: 7, type: type, cents: 1_999, currency: "USD", instant: 1_582_977_600)
    let calendar = CalendarSettings(timeZone: "America/New_York", fiscalYearStartMonth: 2, weekStart: .sunday)
    try await FinanceShop.with(calendar) { shop in
      try await shop.add([sale])
      try await shop.refresh()
      try await Self.expectFigures(of: FinanceModel([sale], orders: [], calendar: calendar), in: shop)
      try await Self.expectTies(in: shop)
    }
  }

  // MARK: Figures

  static func expectFigures(of model: FinanceModel, in shop: FinanceShop) async throws {
    for (view, period, grain) in revenueViews {
      let found = try await shop.lines(
        [period] + FinanceModel.revenueColumns, money: FinanceModel.revenueMoney, from: view)
      expectSame(found, model.revenue(grain), view)
    }
    let tables: [(view: String, columns: [String], money: Set<String>, expected: [String])] = [
      ("revenue_growth", FinanceModel.growthColumns, FinanceModel.growthMoney, model.growth),
      ("revenue_trend", FinanceModel.trendColumns, FinanceModel.trendMoney, model.trend),
      ("revenue_bridge", FinanceModel.bridgeColumns, FinanceModel.bridgeMoney, model.bridge),
      ("customer_cohorts", FinanceModel.cohortColumns, FinanceModel.cohortMoney, model.cohorts),
      ("customer_rfm", FinanceModel.rfmColumns, ["net_paid"], model.rfm),
      (
        "revenue_concentration", FinanceModel.concentrationColumns, FinanceModel.concentrationMoney,
        model.concentration
      ),
      (
        "revenue_concentration_monthly", ["business_month"] + FinanceModel.concentrationColumns,
        FinanceModel.concentrationMoney, model.monthlyConcentration
      ),
      (
        "category_revenue", ["category", "currency", "order_count", "units", "revenue", "returned_units"], ["revenue"],
        model.categories(category)
      ),
    ]
    for table in tables {
      let found = try await shop.lines(table.columns, money: table.money, from: table.view)
      expectSame(found, table.expected, table.view)
    }
    try await expectAggregates(in: shop)
  }

  /// Means, variances and extremes against PostgreSQL's own aggregates over the rows.
  private static func expectAggregates(in shop: FinanceShop) async throws {
    let ofCustomer = """
      select customer_id, currency, count(*) filter (where type = 'payment'),
        avg(amount) filter (where type = 'payment'), var_samp(amount) filter (where type = 'payment'),
        min(amount) filter (where type = 'payment'), max(amount) filter (where type = 'payment'),
        (array_agg(amount order by occurred_at, transaction_id) filter (where type = 'payment'))[1],
        (array_agg(amount order by occurred_at desc, transaction_id desc) filter (where type = 'payment'))[1],
        sum(case type when 'payment' then amount when 'fee' then 0 else -amount end)
      from transactions group by customer_id, currency
      """
    let customers = try await shop.difference(
      """
      select customer_id, currency, payment_count, average_payment, payment_variance, smallest_payment,
        largest_payment, first_payment, last_payment, net_paid from customer_value
      """, ofCustomer)
    #expect(customers == 0, "customer_value")
    let zone = shop.project.calendar.timeZone
    let days = try await shop.difference(
      """
      select business_date, currency, average_payment, payment_variance, smallest_payment, largest_payment, first_at,
        last_at from revenue_daily
      """,
      """
      select (occurred_at at time zone '\(zone)')::date as d, currency, avg(amount) filter (where type = 'payment'),
        var_samp(amount) filter (where type = 'payment'), min(amount) filter (where type = 'payment'),
        max(amount) filter (where type = 'payment'), min(occurred_at), max(occurred_at)
      from transactions group by d, currency
      """)
    #expect(days == 0, "revenue_daily")
  }

  // MARK: Ties

  /// Differences that must be none, to the cent.
  static let ties: [(what: String, a: String, b: String)] = [
    (
      "the parts of the bridge and its closing",
      "select business_month, currency, opening + new + expansion - contraction - churn - refunds from revenue_bridge",
      "select business_month, currency, closing from revenue_bridge"
    ),
    (
      "the closing of a month and the opening of the next",
      """
      select (business_month + interval '1 month')::date, currency, closing from revenue_bridge
      where business_month < (select max(business_month) from revenue_monthly)
      """,
      """
      select business_month, currency, opening from revenue_bridge b
      where business_month > (select min(business_month) from revenue_monthly m where m.currency = b.currency)
      """
    ),
    (
      "the closing and the month's net", "select business_month, currency, net from revenue_monthly",
      """
      select business_month, currency, closing from revenue_bridge
      join revenue_monthly using (business_month, currency)
      """
    ),
    (
      "closings of months without a row and nothing",
      """
      select closing from revenue_bridge b where not exists (
        select from revenue_monthly m where m.business_month = b.business_month and m.currency = b.currency)
      and closing <> 0
      """, "select 0::numeric where false"
    ),
    (
      "customers of the bridge",
      """
      select business_month, currency, opening_customers + new_customers + reactivated_customers - churned_customers
      from revenue_bridge
      """, "select business_month, currency, closing_customers from revenue_bridge"
    ),
    (
      "parts of the bridge below nothing",
      """
      select 1 from revenue_bridge where least(new, expansion, contraction, churn, refunds, reactivation, recovered) < 0
        or expansion < reactivation + recovered
      """, "select 1 where false"
    ),
    (
      "the months of cohorts and of revenue",
      "select business_month, currency, sum(net) from customer_cohorts group by 1, 2 having sum(net) <> 0",
      "select business_month, currency, net from revenue_monthly where net <> 0"
    ),
    (
      "customers of cohorts and first payers",
      "select currency, sum(cohort_customers) from customer_cohorts where months_since = 0 group by 1",
      "select currency, count(*)::numeric from customer_value where total_paid > 0 and customer_id is not null group by 1"
    ),
    (
      "new customers and the size of their cohort",
      "select business_month, currency, new_customers from revenue_bridge where new_customers > 0",
      "select cohort_month, currency, cohort_customers from customer_cohorts where months_since = 0"
    ),
    (
      "cohorts and customers",
      "select currency, sum(net) from customer_cohorts group by 1",
      "select currency, sum(net_paid) from customer_value group by 1"
    ),
    (
      "customers and days",
      "select currency, sum(net_paid), sum(total_paid), sum(refunded) from customer_value group by 1",
      "select currency, sum(net), sum(gross), sum(refunds + chargebacks) from revenue_daily group by 1"
    ),
    (
      "concentration and days", "select currency, customer_net + other_net from revenue_concentration",
      "select currency, sum(net) from revenue_daily group by 1"
    ),
    (
      "monthly concentration and months",
      "select business_month, currency, customer_net + other_net from revenue_concentration_monthly",
      "select business_month, currency, net from revenue_monthly"
    ),
    (
      "each grain of growth and the days",
      """
      select g.grain, g.currency, sum(gross), sum(refunds), sum(chargebacks), sum(fees), sum(net)
      from revenue_growth g group by 1, 2
      """,
      """
      select grain, currency, sum(gross), sum(refunds), sum(chargebacks), sum(fees), sum(net) from revenue_daily
      cross join (values ('week'), ('month'), ('fiscal_quarter'), ('fiscal_year')) as g (grain) group by 1, 2
      """
    ),
    (
      "categories and products",
      "select currency, sum(revenue), sum(units), sum(order_count), sum(products) from category_revenue group by 1",
      "select currency, sum(revenue), sum(units), sum(order_count), count(*) from product_revenue group by 1"
    ),
    (
      "products and orders",
      "select currency, sum(revenue), sum(units) from product_revenue group by 1",
      """
      select currency, coalesce(sum(quantity * unit_price) filter (where status <> 'cancelled'), 0),
        coalesce(sum(quantity) filter (where status <> 'cancelled'), 0) from orders group by 1
      """
    ),
    (
      "customers with a score and customers who paid",
      "select customer_id, currency, net_paid from customer_rfm",
      """
      select customer_id, currency, net_paid from customer_value
      where payment_count > 0 and customer_id is not null
      """
    ),
  ]

  static func expectTies(in shop: FinanceShop) async throws {
    for tie in ties {
      let differences = try await shop.difference(tie.a, tie.b)
      #expect(differences == 0, "\(tie.what)")
    }
  }
}
