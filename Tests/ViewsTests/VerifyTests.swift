// `refresh --verify`: a rollup equals its recompute, or the groups that differ are named.

import Definitions
import Testing
import Views

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
      try await shop.batch("insert into shop.sales values (1000, 1, 'fee', 1, 1, now())")
      let behind = try await shop.refresher.verify(.all)
      #expect(behind.map(\.isPassed) == [false])
      #expect(behind.first?.message.contains("1 batch of sales came in meanwhile") == true)
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
}
