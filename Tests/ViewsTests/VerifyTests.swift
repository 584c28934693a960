// `refresh --verify`: a rollup equals its recompute, or the groups that differ are named.

import Definitions
import Ledger
import Money
import Testing

@testable import Views

@Suite struct VerifyTests {
  @Test func aStateThatWasTamperedWithIsNamedByItsGroups() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.keepJournal()
      try await shop.batch(
        "insert into shop.sales select i, nullif(i % 7, 0), 'payment', i, 1, now() from generate_series(1, 100) as i")
      _ = try await shop.refresher.refresh(.all)
      let equal = try await shop.refresher.verify(.all)
      #expect(equal.map(\.isPassed) == [true])
      #expect(equal.map(\.message) == ["7 groups equal a recompute, difference 0"])
      // Sums of all groups stay equal: the nightly totals would not see it.
      try await shop.run(
        """
        update shop.by_customer__state set paid__sum = paid__sum + 1 where customer = 3;
        update shop.by_customer__state set paid__sum = paid__sum - 1 where customer is null
        """)
      #expect(try await shop.refresher.check(.all).allSatisfy { $0.isPassed })
      let found = try await shop.refresher.verify(.all)
      #expect(
        found.map(\.message) == ["2 of 7 groups differ from a recompute: customer 3; customer null"])
      // What was found to be wrong is not carried on, whoever looks next.
      let mended = try await shop.refresher.refresh(.all)
      #expect(mended.map(\.detail) == ["rebuilt and swapped: nothing proves that it holds what sales does"])
      #expect(try await shop.refresher.verify(.all).map(\.isPassed) == [true])
      try await shop.batch("insert into shop.sales values (1000, 1, 'fee', 1, 1, now())")
      let behind = try await shop.refresher.verify(.all, attempts: 1)
      #expect(behind.map(\.isPassed) == [false])
      #expect(behind.first?.message.hasPrefix("1 batch of sales came in each time") == true)
      #expect(behind.first?.fix == "while nobody writes to sales: daybook refresh --verify by_customer")
      // It is brought up to date, nothing having been found to be wrong with it, and compared again.
      #expect(try await shop.refresher.verify(.all).map(\.message) == ["7 groups equal a recompute, difference 0"])
    }
  }

  @Test func aStateOfAnOlderProgramIsBuiltAnewOnce() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.keepJournal()
      try await shop.batch("insert into shop.sales values (1, 1, 'payment', 1, 1, now())")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("update daybook.view_state set absorbed_batch = null")
      let again = try await shop.refresher.refresh(.all)
      #expect(again.map(\.isChanged) == [true])
      let verified = try await shop.refresher.verify(.all)
      #expect(verified.map(\.isPassed) == [true])
      let third = try await shop.refresher.refresh(.all)
      #expect(third.map(\.isChanged) == [false])
    }
  }

  // MARK: Values of distinct measures

  private static let buyers = RollupMeasure(name: "buyers", function: .distinct("customer"))
  private static let days = Shop.rollup(
    "days", groups: [RollupGroup(name: "period", source: .date("sold_at"))], measures: [buyers])

  /// Months that count by the days' values, or keep their own.
  private static func months(_ finer: String?) -> ViewDefinition {
    let name = finer == nil ? "buyers" : "of_buyers"
    return Shop.rollup(
      "months", groups: [RollupGroup(name: "period", source: .month("sold_at"))],
      measures: [RollupMeasure(name: name, function: .distinct("customer"))], over: finer)
  }

  private static let sales = """
    insert into shop.sales select i, i % 5, 'payment', i, 1, timestamptz '2026-01-10 12:00+00' + i * interval '1 day'
    from generate_series(1, 40) as i
    """

  /// A change by hand of which no journal is told.
  private static func unseen(_ statement: String) -> String {
    "set session_replication_role = replica; \(statement); reset session_replication_role"
  }

  /// A value that is taken out of the table behind the engine's back is told, though the state is still right.
  @Test func valuesThatWereTamperedWithAreToldByVerifyAndByTheirSlice() async throws {
    try await Shop.with(views: [Self.days, Self.months("days")]) { shop in
      try await shop.keepJournal()
      try await shop.batch(Self.sales)
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("delete from shop.days__v0 where period = '2026-01-20'")
      var outcomes: [CheckOutcome] = []
      let first = try #require(CivilDate("2026-01-01"))
      for number in 0..<RollupSlice.count where outcomes.isEmpty {
        let night = CheckedNight(run: .make(), asOf: first.adding(days: number))
        outcomes = try await shop.refresher.check(.all, in: night).filter { !$0.isPassed }
      }
      let told = "the values kept for buyers differ from the table in 1 group: period 2026-01-20"
      #expect(outcomes.map(\.message) == ["\(told); rebuilt from the table"])
      #expect(try await shop.refresher.verify(.all).allSatisfy(\.isPassed))

      try await shop.run("delete from shop.days__v0 where period = '2026-01-20'")
      let found = try await shop.refresher.verify(.named(["days"]))
      #expect(found.map(\.message) == [told])
      // Whoever counts by them is built anew as well, and says so until then.
      let again = try await shop.refresher.verify(.all).map(\.message)
      #expect(again.allSatisfy { $0 == "nothing proves what it holds; its next refresh builds it anew" })
      #expect(try await shop.refresher.refresh(.all).allSatisfy(\.isChanged))
      #expect(try await shop.refresher.verify(.all).allSatisfy(\.isPassed))
    }
  }

  /// What a rollup counted by values of before it does not carry on by others: a change by hand that no journal tells of
  /// would be counted twice, or taken away though it was never counted.
  @Test(arguments: [
    (
      "their source is read anew alone", "delete from shop.sales where customer = 77",
      "insert into shop.sales values (901, 77, 'payment', 1, 1, '2026-01-12 12:00+00')", true
    ),
    (
      "a delta takes away what was never there",
      "insert into shop.sales values (902, 88, 'payment', 1, 1, '2026-01-20 12:00+00')",
      "update shop.sales set customer = 1 where id = 902", false
    ),
  ])
  func aRollupCountsByOneStateOfTheValues(_ what: String, byHand: String, later: String, alone: Bool) async throws {
    try await Shop.with(views: [Self.days, Self.months("days")]) { shop in
      try await shop.keepJournal()
      try await shop.batch(Self.sales)
      try await shop.batch("insert into shop.sales values (900, 77, 'payment', 1, 1, '2026-01-11 12:00+00')")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run(Self.unseen(byHand))
      if alone { _ = try await shop.refresher.refresh(.named(["days"]), full: true) }
      try await shop.batch(later)
      let outcomes = try await shop.refresher.refresh(.all)
      let verified = try await shop.refresher.verify(.all)
      let isEqual = verified.allSatisfy(\.isPassed)
      #expect(isEqual, "\(what): \(outcomes.map(\.detail)), \(verified.map(\.message))")
    }
  }

  /// A rollup that is made while its finer one is carried on begins with what that one has counted.
  @Test func aRollupIsMadeByTheValuesThatItWillCountBy() async throws {
    try await Shop.with(views: [Self.days]) { shop in
      try await shop.keepJournal()
      try await shop.batch(Self.sales)
      _ = try await shop.refresher.refresh(.all)
      // Of this no journal tells, so that days lie from here on.
      try await shop.run(Self.unseen("insert into shop.sales values (900, 77, 'payment', 1, 1, '2026-01-20 12:00+00')"))
      var both = shop
      both.project.views = [Self.days, Self.months("days")]
      _ = try await both.refresher.refresh(.all)
      try await shop.batch("insert into shop.sales values (901, 77, 'payment', 1, 1, '2026-01-12 12:00+00')")
      _ = try await both.refresher.refresh(.all)
      let shown = try await shop.rows("select of_buyers from shop.months where period = '2026-01-01'")
      let counted = "select count(distinct customer) from shop.sales where sold_at < '2026-02-01'"
      #expect(try await shop.rows(counted) == shown)
    }
  }

  /// What a definition of before kept, nobody has kept up since.
  @Test func valuesOfBeforeAreNotTakenUpAgain() async throws {
    try await Shop.with(views: [Self.days, Self.months(nil)]) { shop in
      try await shop.keepJournal()
      try await shop.batch(Self.sales)
      _ = try await shop.refresher.refresh(.all)
      let standing = "select relname from pg_class where relname ~ '^months__v' order by 1"
      #expect(try await shop.rows(standing) == ["months__v0"])
      var over = shop
      over.project.views = [Self.days, Self.months("days")]
      _ = try await over.refresher.refresh(.all)
      #expect(try await shop.rows(standing) == [])
      try await shop.batch("delete from shop.sales where id between 30 and 36")
      _ = try await over.refresher.refresh(.all)
      _ = try await shop.refresher.refresh(.all)
      try await shop.batch("delete from shop.sales where id = 37")
      _ = try await shop.refresher.refresh(.all)
      #expect(try await shop.refresher.verify(.all).allSatisfy(\.isPassed))
    }
  }
}
