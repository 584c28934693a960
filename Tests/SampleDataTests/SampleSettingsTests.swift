// Settings that describe no shop are refused, by the name of the option to change.

import Money
import SampleData
import Testing

@Suite struct SampleSettingsTests {
  @Test(arguments: [
    ("--customers", 0, 1, "2024-01-01", "2024-02-01", 1, "0"),
    ("--orders", 1, -5, "2024-01-01", "2024-02-01", 1, "0"),
    ("--end", 1, 1, "2024-01-01", "2024-01-01", 0, "0"),
    ("--start", 1, 1, "1969-01-01", "2024-01-01", 0, "0"),
    ("--nights", 1, 1, "2024-01-01", "2024-02-01", 31, "0"),
    ("--nights", 1, 1, "2024-01-01", "2024-02-01", -1, "0"),
    ("--dirty", 1, 1, "2024-01-01", "2024-02-01", 1, "-0.001"),
    ("--dirty", 1, 1, "2024-01-01", "2024-02-01", 1, "0.51"),
  ])
  func impossibleSettingIsNamed(
    option: String, customers: Int, orders: Int, start: String, end: String, nights: Int, dirty: String
  ) throws {
    let (first, last, rate) = (
      try #require(CivilDate(start)), try #require(CivilDate(end)), try #require(ExactDecimal(dirty))
    )
    let error = #expect(throws: SampleError.self) {
      try SampleSettings(
        customers: customers, products: 1, orders: orders, transactions: 1, seed: 1, start: first, end: last,
        nights: nights, dirty: rate)
    }
    #expect(error?.kind == .setting(name: option))
    #expect(error?.description.hasPrefix("\(option): ") == true)
  }

  @Test func smallestShopIsAccepted() throws {
    let settings = try makeSettings(customers: 1, products: 1, orders: 1, transactions: 1, nights: 0, dirty: "0.5")
    #expect(settings.nights == 0)
  }
}

/// Settings for a small shop of two years.
func makeSettings(
  customers: Int = 300, products: Int = 80, orders: Int = 1_500, transactions: Int = 5_000, seed: UInt64 = 7,
  start: String = "2023-01-01", end: String = "2024-12-31", nights: Int = 5, dirty: String = "0"
) throws -> SampleSettings {
  try SampleSettings(
    customers: customers, products: products, orders: orders, transactions: transactions, seed: seed,
    start: try #require(CivilDate(start)), end: try #require(CivilDate(end)), nights: nights,
    dirty: try #require(ExactDecimal(dirty)))
}
