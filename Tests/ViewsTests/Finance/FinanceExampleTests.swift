// Small examples whose figures a person can check by hand, and the ties that a seeded shop seldom has.

import Definitions
import Money
import Testing

@Suite struct FinanceExampleTests {
  private static func sale(
    _ id: Int, _ day: String, _ customer: Int?, _ cents: Int, _ type: String = "payment", currency: String = "USD"
  ) -> Sale {
    let noon = Int64(CivilDate(day)!.daysSince1970) * 86_400 + 43_200
    return Sale(id: id, order: nil, customer: customer, type: type, cents: cents, currency: currency, instant: noon)
  }

  @Test func theBridgeOfAShopWithThreeCustomers() async throws {
    try await FinanceShop.with { shop in
      try await shop.add([
        // Grows by 20.00, then shrinks by 30.00.
        Self.sale(1, "2025-01-10", 1, 100_00), Self.sale(2, "2025-02-10", 1, 120_00),
        Self.sale(3, "2025-03-10", 1, 90_00),
        // Goes in February, gets 5.00 back then, and is back in March.
        Self.sale(4, "2025-01-11", 2, 40_00), Self.sale(5, "2025-02-11", 2, 5_00, "refund"),
        Self.sale(6, "2025-03-11", 2, 60_00),
        // New in March.
        Self.sale(7, "2025-03-12", 3, 7_00),
        // Another currency has a bridge of its own, and one that ends in January goes on with nothing.
        Self.sale(8, "2025-01-12", 1, 3_00, currency: "EUR"),
      ])
      try await shop.refresh()
      let found = try await shop.lines(
        FinanceModel.bridgeColumns, money: FinanceModel.bridgeMoney, from: "revenue_bridge")
      #expect(
        found == [
          "2025-01-01|EUR|0.00|3.00|0.00|0.00|0.00|0.00|0.00|0.00|3.00|0|1|0|0|1",
          "2025-01-01|USD|0.00|140.00|0.00|0.00|0.00|0.00|0.00|0.00|140.00|0|2|0|0|2",
          "2025-02-01|EUR|3.00|0.00|0.00|0.00|0.00|0.00|3.00|0.00|0.00|1|0|0|1|0",
          "2025-02-01|USD|140.00|0.00|20.00|0.00|0.00|0.00|40.00|5.00|115.00|2|0|0|1|1",
          "2025-03-01|EUR|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0|0|0|0|0",
          // Expansion is the 60.00 that came back and the 5.00 by which the customer's opening was below zero.
          "2025-03-01|USD|115.00|7.00|65.00|60.00|5.00|30.00|0.00|0.00|157.00|1|1|1|0|3",
        ])
    }
  }

  @Test func exactlyEightyPercentIsEnoughForPareto() async throws {
    try await FinanceShop.with { shop in
      try await shop.add((1...5).map { Self.sale($0, "2025-01-10", $0, 20_00) })
      try await shop.refresh()
      for view in ["revenue_concentration", "revenue_concentration_monthly"] {
        let found = try await shop.lines(
          FinanceModel.concentrationColumns, money: FinanceModel.concentrationMoney, from: view)
        #expect(found == ["USD|5|100.00|0.00|0.2000|1.0000|1.0000|4|0.8000|2000.00"], "\(view)")
      }
    }
  }

  @Test func aCurrencyWithOnlyRefundsHasNoSharesAndNoScores() async throws {
    try await FinanceShop.with { shop in
      try await shop.add([
        Self.sale(1, "2025-01-10", 1, 9_00, "refund"), Self.sale(2, "2025-01-10", nil, 4_00),
      ])
      try await shop.refresh()
      let found = try await shop.lines(
        FinanceModel.concentrationColumns, money: FinanceModel.concentrationMoney, from: "revenue_concentration")
      #expect(found == ["USD|0|0.00|-5.00|∅|∅|∅|∅|∅|∅"])
      #expect(try await shop.lines(FinanceModel.rfmColumns, from: "customer_rfm") == [])
      let cohorts = try await shop.lines(["cohort_month", "net"], from: "customer_cohorts")
      #expect(cohorts == ["∅|-5.00"])
    }
  }

  @Test func equalScoresAreDecidedByTheOtherFiguresAndThenByTheNumber() async throws {
    try await FinanceShop.with { shop in
      // All five paid 20.00 in all and last on the same day; 4 and 2 did it in two payments.
      var sales = (1...5).map { Self.sale($0, "2025-01-10", $0, $0 % 2 == 0 ? 10_00 : 20_00) }
      sales += [Self.sale(6, "2025-01-09", 4, 10_00), Self.sale(7, "2025-01-09", 2, 10_00)]
      try await shop.add(sales)
      try await shop.refresh()
      let found = try await shop.lines(["customer_id", "recency", "frequency", "monetary"], from: "customer_rfm")
      #expect(found == ["1|3|3|3", "2|5|5|5", "3|2|2|2", "4|4|4|4", "5|1|1|1"])
    }
  }

  @Test func theTrendOfAYearAfterALeapDay() async throws {
    try await FinanceShop.with(CalendarSettings(fiscalYearStartMonth: 2)) { shop in
      try await shop.add([
        Self.sale(1, "2023-02-01", 1, 50_00), Self.sale(2, "2023-02-28", 1, 10_00),
        Self.sale(3, "2024-02-01", 1, 60_00), Self.sale(4, "2024-02-29", 1, 15_00),
      ])
      try await shop.refresh()
      let found = try await shop.lines(
        FinanceModel.trendColumns, money: FinanceModel.trendMoney, from: "revenue_trend",
        where: "business_date = '2024-02-29'")
      // The leap day against February 28th, 52 weeks against March 2nd, which sold nothing; the fiscal year begins in
      // February: 75.00 against 60.00; and the year that ends on the leap day begins on March 1st.
      #expect(
        found == [
          "2024-02-29|USD|15.00|2.14|0.54|75.00|∅|0.5000|∅|75.00|75.00|0.2500|75.00|0.2500|75.00"
        ])
    }
  }
}
