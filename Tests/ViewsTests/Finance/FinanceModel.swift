// The figures of the financial views, computed from the rows in whole cents by plain loops: the second opinion.
// Invariant: nothing here asks the database, and no figure is a floating-point number.
// The views that look at customers are in FinanceModel+Customers.

import Definitions
import Money

struct FinanceModel {
  let sales: [Sale]
  let orders: [Order]
  let fiscal: FiscalCalendar
  private let zone: TimeZoneRules

  init(_ sales: [Sale], orders: [Order], calendar: CalendarSettings) {
    self.sales = sales
    self.orders = orders
    fiscal = FiscalCalendar(yearStartMonth: calendar.fiscalYearStartMonth, weekStart: calendar.weekStart)
    zone = TimeZoneRules(named: calendar.timeZone)!
  }

  // MARK: Days and periods

  enum Grain: String, CaseIterable {
    case day, week, month
    case fiscalQuarter = "fiscal_quarter"
    case fiscalYear = "fiscal_year"
  }

  func day(of sale: Sale) -> CivilDate { zone.day(at: sale.instant) }
  func month(of sale: Sale) -> CivilDate { day(of: sale).startOfMonth }
  var firstDay: CivilDate { sales.map(day).min()! }
  var lastDay: CivilDate { sales.map(day).max()! }
  var lastMonth: CivilDate { lastDay.startOfMonth }
  var currencies: [String] { Set(sales.map(\.currency)).sorted() }

  func start(_ grain: Grain, of day: CivilDate) -> CivilDate {
    switch grain {
    case .day: day
    case .week: fiscal.startOfWeek(of: day)
    case .month: day.startOfMonth
    case .fiscalQuarter: fiscal.startOfFiscalYear(of: day).adding(months: 3 * (fiscal.fiscalQuarter(of: day) - 1))
    case .fiscalYear: fiscal.startOfFiscalYear(of: day)
    }
  }

  func next(_ grain: Grain, after start: CivilDate, by count: Int = 1) -> CivilDate {
    switch grain {
    case .day: start.adding(days: count)
    case .week: start.adding(days: 7 * count)
    case .month: start.adding(months: count)
    case .fiscalQuarter: start.adding(months: 3 * count)
    case .fiscalYear: start.adding(months: 12 * count)
    }
  }

  // MARK: Revenue

  /// What some sales add up to.
  struct Figures {
    var gross = 0, refunds = 0, chargebacks = 0, fees = 0, onOrders = 0, payments = 0, rows = 0
    var orders: Set<Int> = []

    init(_ sales: some Sequence<Sale>) {
      for sale in sales {
        rows += 1
        switch sale.type {
        case "payment":
          gross += sale.cents
          payments += 1
          if let order = sale.order {
            onOrders += sale.cents
            orders.insert(order)
          }
        case "refund": refunds += sale.cents
        case "chargeback": chargebacks += sale.cents
        default: fees += sale.cents
        }
      }
    }

    var net: Int { gross - refunds - chargebacks }
    var perOrder: String { orders.isEmpty ? "∅" : decimal(quotient(onOrders, orders.count)) }
  }

  /// The figures of each period with a transaction, by currency and first day.
  func figures(_ grain: Grain) -> [String: [CivilDate: Figures]] {
    Dictionary(grouping: sales, by: \.currency).mapValues { sales in
      Dictionary(grouping: sales) { start(grain, of: day(of: $0)) }.mapValues { Figures($0) }
    }
  }

  static let revenueColumns = [
    "currency", "gross", "refunds", "chargebacks", "fees", "net", "net_after_fees", "orders", "paid_on_orders",
    "average_order_value", "payment_count", "transaction_count",
  ]
  static let revenueMoney: Set = [
    "gross", "refunds", "chargebacks", "fees", "net", "net_after_fees", "paid_on_orders",
  ]

  /// A revenue rollup: the period's first day, then `revenueColumns`.
  func revenue(_ grain: Grain) -> [String] {
    figures(grain).flatMap { currency, periods in
      periods.map { start, f in
        let money = [f.gross, f.refunds, f.chargebacks, f.fees, f.net, f.net - f.fees].map(decimal)
        return
          (["\(start)", currency] + money
          + ["\(f.orders.count)", decimal(f.onOrders), f.perOrder, "\(f.payments)", "\(f.rows)"])
          .joined(separator: "|")
      }
    }
  }

  static let growthColumns = [
    "grain", "period_start", "currency", "fiscal_year", "period_number", "is_complete", "gross", "net", "orders",
    "average_order_value", "net_before", "growth", "net_year_before", "year_over_year", "net_fiscal_year_before",
    "fiscal_year_over_year",
  ]
  static let growthMoney: Set = ["gross", "net", "net_before", "net_year_before", "net_fiscal_year_before"]

  /// The view revenue_growth: `growthColumns`.
  var growth: [String] {
    var lines: [String] = []
    for grain in Grain.allCases.dropFirst() {
      for (currency, found) in figures(grain) {
        var starts: [CivilDate] = []
        var start = found.keys.min()!
        while start <= self.start(grain, of: lastDay) {
          starts.append(start)
          start = next(grain, after: start)
        }
        lines += starts.map { growth($0, grain, currency, found, among: starts) }
      }
    }
    return lines
  }

  private func growth(
    _ start: CivilDate, _ grain: Grain, _ currency: String, _ found: [CivilDate: Figures], among starts: [CivilDate]
  ) -> String {
    func position(_ start: CivilDate) -> (year: Int, number: Int) {
      let yearStart = fiscal.startOfFiscalYear(of: start)
      var number = 1
      // Count the periods that begin in the fiscal year before this one.
      var earlier = next(grain, after: start, by: -1)
      while earlier >= yearStart {
        number += 1
        earlier = next(grain, after: earlier, by: -1)
      }
      return (fiscal.fiscalYear(of: start), number)
    }
    func isComplete(_ start: CivilDate) -> Bool {
      start >= firstDay && next(grain, after: start).adding(days: -1) <= lastDay
    }
    func compared(_ base: CivilDate?) -> [String] {
      guard let base, starts.contains(base) else { return ["∅", "∅"] }
      let net = found[base]?.net ?? 0
      let isFair = isComplete(start) && isComplete(base)
      return [decimal(net), isFair ? ratioOfGrowth(found[start]?.net ?? 0, net) : "∅"]
    }
    let figures = found[start] ?? Figures([])
    let place = position(start)
    let steps = [Grain.week: 52, .month: 12, .fiscalQuarter: 4, .fiscalYear: 1]
    let sameNumber = starts.first { position($0) == (place.year - 1, place.number) }
    return
      ([grain.rawValue, "\(start)", currency, "\(place.year)", "\(place.number)", "\(isComplete(start))"]
      + [decimal(figures.gross), decimal(figures.net), "\(figures.orders.count)", figures.perOrder]
      + compared(next(grain, after: start, by: -1)) + compared(next(grain, after: start, by: -steps[grain]!))
      + compared(sameNumber)).joined(separator: "|")
  }

  // MARK: Trend

  static let trendColumns = [
    "business_date", "currency", "net", "average_7d", "average_28d", "month_to_date", "month_over_month",
    "year_over_year", "year_over_year_weekday", "year_to_date", "fiscal_quarter_to_date", "fiscal_quarter_over_year",
    "fiscal_year_to_date", "fiscal_year_over_year", "trailing_12_months",
  ]
  static let trendMoney: Set = [
    "net", "month_to_date", "year_to_date", "fiscal_quarter_to_date", "fiscal_year_to_date", "trailing_12_months",
  ]

  /// The view revenue_trend: `trendColumns`.
  var trend: [String] {
    figures(.day).flatMap { currency, found -> [String] in
      let first = found.keys.min()!
      func net(_ from: CivilDate, _ through: CivilDate) -> Int {
        found.reduce(0) { $1.key >= from && $1.key <= through ? $0 + $1.value.net : $0 }
      }
      func mean(_ days: Int, _ day: CivilDate) -> String {
        let from = day.adding(days: 1 - days)
        return first <= from ? decimal(quotient(net(from, day), days)) : "∅"
      }
      /// Growth of a sum since the first day of a period against the same up to `base`.
      func growth(_ start: (CivilDate) -> CivilDate, _ day: CivilDate, _ base: CivilDate) -> String {
        let baseStart = start(base)
        return first <= baseStart ? ratioOfGrowth(net(start(day), day), net(baseStart, base)) : "∅"
      }
      func change(_ day: CivilDate, _ base: CivilDate) -> String {
        base >= first ? ratioOfGrowth(net(day, day), net(base, base)) : "∅"
      }
      let quarter = { start(.fiscalQuarter, of: $0) }
      let year = { start(.fiscalYear, of: $0) }
      return (first.daysSince1970...lastDay.daysSince1970).map { number in
        let day = CivilDate(daysSince1970: number)
        let yearBefore = day.adding(months: -12)
        let dayAfterYearBefore = yearBefore.adding(days: 1)
        let january = day.adding(months: 1 - day.month).startOfMonth
        return [
          "\(day)", currency, decimal(net(day, day)), mean(7, day), mean(28, day),
          decimal(net(day.startOfMonth, day)), growth(\.startOfMonth, day, day.adding(months: -1)),
          change(day, yearBefore), change(day, day.adding(days: -364)), decimal(net(january, day)),
          decimal(net(quarter(day), day)), growth(quarter, day, yearBefore),
          decimal(net(year(day), day)), growth(year, day, yearBefore),
          first <= dayAfterYearBefore ? decimal(net(dayAfterYearBefore, day)) : "∅",
        ].joined(separator: "|")
      }
    }
  }

  // MARK: Products

  /// `category|currency|order_count|units|revenue|returned_units`, with a product's category by its number.
  func categories(_ category: (Int) -> String) -> [String] {
    Dictionary(grouping: orders) { "\(category($0.product))|\($0.currency)" }.map { key, orders in
      let sold = orders.filter { $0.status != "cancelled" }
      let revenue = sold.reduce(0) { $0 + $1.quantity * $1.priceCents }
      let returned = sold.filter { $0.status == "returned" }.reduce(0) { $0 + $1.quantity }
      return "\(key)|\(sold.count)|\(sold.reduce(0) { $0 + $1.quantity })|\(decimal(revenue))|\(returned)"
    }
  }
}

/// `a / b`, to the nearest whole number, a half away from zero; `b` is positive.
func quotient(_ a: Int, _ b: Int) -> Int { (a.signum() >= 0 ? 1 : -1) * ((2 * abs(a) + b) / (2 * b)) }

/// `a / b` with four decimals, or null where `b` is not positive.
func ratio(_ a: Int, _ b: Int) -> String {
  guard b > 0 else { return "∅" }
  let parts = quotient(a * 10_000, b)
  let digits = String(abs(parts) % 10_000)
  return "\(parts < 0 ? "-" : "")\(abs(parts) / 10_000).\(String(repeating: "0", count: 4 - digits.count))\(digits)"
}

/// `a / b - 1` with four decimals, or null where `b` is not positive.
func ratioOfGrowth(_ a: Int, _ b: Int) -> String { ratio(a - b, b) }
