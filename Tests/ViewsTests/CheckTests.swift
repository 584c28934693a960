import Definitions
import Postgres
import Testing
import Views

@Suite struct CheckTests {
  @Test func aTrueRollupPassesWithBothFigures() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      let outcomes = try await shop.refresher.check(.all)
      #expect(outcomes.count == 7)
      #expect(outcomes.allSatisfy { $0.isPassed })
      #expect(outcomes.first?.message == "50 in the view and in sales, difference 0")
    }
  }

  @Test func aStateTableThatWasTamperedWithIsFound() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      try await shop.run(#"update shop.by_customer__state set "paid__sum" = "paid__sum" + 0.01 where customer = 1"#)
      let failed = try await shop.refresher.check(.all).filter { !$0.isPassed }
      #expect(failed.map(\.name) == ["by_customer: sum of paid"])
      // A failed check is made again, not remembered as done.
      #expect(try await shop.refresher.check(.all).contains { !$0.isPassed })
    }
  }

  @Test func aCheckedVersionIsNotComparedAgain() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      _ = try await shop.refresher.check(.all)
      #expect(try await shop.refresher.check(.all).map(\.message) == ["unchanged since it was checked"])
      try await shop.addSales(51...60)
      _ = try await shop.refresher.refresh(.all)
      #expect(try await shop.refresher.check(.all).count == 7)
    }
  }

  @Test func anEmptyBaseTableAgreesWithItsEmptyRollup() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      _ = try await shop.refresher.refresh(.all)
      #expect(try await shop.refresher.check(.all).allSatisfy { $0.isPassed })
    }
  }
}
