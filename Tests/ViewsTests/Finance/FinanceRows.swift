// Rows for the financial views: what a small shop took and gave back in a year and a half that has a leap day, two
// changes of the clock, a 53rd week, a month without sales, and customers who never pay.
// Invariant: amounts are whole cents; the same seed gives the same rows on any machine.

import Money
import TestSupport

/// One row of `transactions`.
struct Sale: Sendable {
  var id: Int
  var order: Int?
  var customer: Int?
  var type: String
  var cents: Int
  var currency: String
  /// Seconds since 1970, UTC.
  var instant: Int64
}

/// One row of `orders`.
struct Order: Sendable {
  var id: Int
  var product: Int
  var quantity: Int
  var priceCents: Int
  var currency: String
  var status: String
}

/// Seeded rows, and the oddities that a shop has sooner or later.
struct FinanceRows {
  private var numbers: SeededRandom
  private(set) var sales: [Sale] = []
  private(set) var orders: [Order] = []

  static let first = CivilDate(year: 2019, month: 9, day: 14)!
  static let last = CivilDate(year: 2021, month: 3, day: 20)!

  init(seed: UInt64, count: Int = 900) {
    numbers = SeededRandom(seed: seed)
    for id in 1...120 {
      orders.append(
        Order(
          id: id, product: draw(1...14), quantity: draw(1...9), priceCents: draw(0...20_000),
          currency: pick(["USD", "USD", "EUR"]), status: pick(["placed", "delivered", "returned", "cancelled"])))
    }
    while sales.count < count { addAny() }
    addOddities()
  }

  private mutating func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &numbers) }
  private mutating func pick<T>(_ values: [T]) -> T { values[draw(0...values.count - 1)] }

  private mutating func addAny() {
    let span = Self.last.daysSince1970 - Self.first.daysSince1970
    let day = CivilDate(daysSince1970: Self.first.daysSince1970 + draw(0...span))
    let currency = pick(["USD", "USD", "EUR", "JPY"])
    // Nobody pays in euros in June 2020.
    if currency == "EUR", day.year == 2020, day.month == 6 { return }
    let type = pick(["payment", "payment", "payment", "payment", "refund", "chargeback", "fee"])
    // Half the moments lie at the edges of a day, where time zones disagree.
    let second = draw(0...1) == 0 ? pick([0, 1, 3_599, 3_600, 18_000, 25_200, 39_599, 86_399]) : draw(0...86_399)
    add(
      on: day, second: second, customer: draw(0...40) == 0 ? nil : draw(1...24), type,
      draw(0...30) == 0 ? 0 : draw(1...9) * 1_250 + draw(0...99),
      currency, order: draw(0...4) == 0 ? nil : draw(1...100))
  }

  private mutating func add(
    on day: CivilDate, second: Int = 43_200, customer: Int?, _ type: String, _ cents: Int, _ currency: String,
    order: Int? = nil
  ) {
    sales.append(
      Sale(
        id: sales.count + 1, order: order, customer: customer, type: type, cents: cents, currency: currency,
        instant: Int64(day.daysSince1970) * 86_400 + Int64(second)))
  }

  private mutating func addOddities() {
    func day(_ text: String) -> CivilDate { CivilDate(text)! }
    // Only ever refunds; and a refund before the first payment.
    add(on: day("2020-05-05"), customer: 100, "refund", 7_700, "EUR")
    add(on: day("2020-01-09"), customer: 101, "refund", 2_500, "USD")
    add(on: day("2020-02-09"), customer: 101, "payment", 1_000, "USD")
    // Pays nothing at all, as a payment.
    add(on: day("2020-03-03"), customer: 102, "payment", 0, "USD")
    // More goes back than came, then a month of silence, then the customer is back.
    add(on: day("2020-07-07"), customer: 103, "payment", 5_000, "EUR")
    add(on: day("2020-07-20"), customer: 103, "chargeback", 9_000, "EUR")
    add(on: day("2020-09-07"), customer: 103, "payment", 100, "EUR")
    // The leap day, and the day it is compared with.
    add(on: day("2020-02-29"), customer: 104, "payment", 12_345, "USD")
    add(on: day("2021-02-28"), customer: 104, "payment", 54_321, "USD")
    // Paid on two days, the second in another month: one order of each period.
    add(on: day("2020-10-31"), customer: 105, "payment", 333, "USD", order: 119)
    add(on: day("2020-11-02"), customer: 105, "payment", 334, "USD", order: 119)
    // Equal in everything but the number.
    for customer in 106...112 { add(on: day("2020-12-28"), customer: customer, "payment", 10_000, "JPY") }
    // The moments at which clocks change in New York and in Auckland, and those before.
    for (number, moment) in [1_583_650_800, 1_604_210_400, 1_586_008_800, 1_601_128_800].enumerated() {
      for second in [0, -1, 3_599, 3_600, -3_600] {
        let instant = Int64(moment + second)
        sales.append(
          Sale(
            id: sales.count + 1, customer: 20 + number, type: "payment", cents: 1_000 + second % 7, currency: "USD",
            instant: instant))
      }
    }
    // A currency that appears on the last day, and one that never sells.
    add(on: Self.last, customer: 5, "payment", 4_200, "CHF")
    add(on: day("2020-08-08"), customer: 6, "refund", 1_100, "SEK")
  }
}
