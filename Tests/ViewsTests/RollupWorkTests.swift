// The choice between following the journal and reading the table, and what it is taken from.

import Definitions
import Ledger
import Postgres
import Testing

@testable import Views

@Suite struct RollupWorkTests {
  private func choose(
    images: Int, rows: Int?, cost: RefreshCost = RefreshCost(), kind: BatchEntry.Kind = .delta, absorbed: Int64? = 1
  ) -> RollupWork {
    let batch = BatchEntry(batchID: 7, feed: "sales", kind: kind, runID: .make(), fileID: nil, rowsPlus: images)
    return RollupWork.choose(
      source: "sales", absorbed: absorbed, batches: [batch], hasMoved: true, readRows: rows, cost: cost)
  }

  @Test func theCheaperWayIsTakenAndSaysWhatWasExpected() {
    #expect(
      choose(images: 50_000, rows: 5_000_000)
        == .delta(
          after: 1, through: 7, batches: 1, images: 50_000, why: "about 0.35 s expected, about 3.50 s for a rebuild"))
    #expect(
      choose(images: 600_000, rows: 5_000_000)
        == .rebuild(reason: "600000 images would take about 4.20 s, 5000000 rows about 3.50 s"))
    // Nothing to explain where neither takes time.
    #expect(choose(images: 5, rows: 1_000) == .delta(after: 1, through: 7, batches: 1, images: 5, why: nil))
    #expect(choose(images: 5, rows: nil) == .delta(after: 1, through: 7, batches: 1, images: 5, why: nil))
  }

  @Test func whatItTookBeforeDecides() {
    let slow = RefreshCost(perImage: 100, perRow: 0.7)
    #expect(
      choose(images: 50_000, rows: 5_000_000, cost: slow)
        == .rebuild(reason: "50000 images would take about 5.00 s, 5000000 rows about 3.50 s"))
  }

  @Test func whatTheJournalDoesNotTellIsRead() {
    #expect(choose(images: 0, rows: 10, kind: .rebuild) == .rebuild(reason: "sales was loaded in bulk"))
    let reason = "nothing proves that it holds what sales does"
    #expect(choose(images: 1, rows: 10, absorbed: nil) == .rebuild(reason: reason))
  }

  @Test func theCostOfAnImageIsTheSlopeBetweenNightsOfDifferentSizes() {
    // Nights of one size have no slope: what the usual cost of an image does not explain is the cost of every delta.
    let alike = RefreshCost(deltas: [(1_000, 90_000), (1_100, 90_700), (1_200, 500_000)], rebuilds: [])
    #expect(alike.perDelta == 83_000 && alike.perImage == 7 && alike.perRow == 0.7)
    let different = RefreshCost(
      deltas: [(1_000, 52_000), (2_000, 54_000), (10_000, 70_000), (100_000, 250_000)], rebuilds: [(1_000_000, 900_000)]
    )
    #expect(different.perDelta == 50_000 && different.perImage == 2 && different.perRow == 0.9)
    // A slope that is none.
    #expect(RefreshCost(deltas: [(1_000, 90_000), (1_000, 90_000), (9_000, 40_000)], rebuilds: []).perImage == 7)
  }

  @Test func aLargeDeltaThatWasSlowDoesNotMakeASmallOneLookDear() {
    // One may have been slow, and is not measured again when its way is not taken again.
    #expect(RefreshCost(deltas: [(18_000, 2_000_000)], rebuilds: []) == RefreshCost())
    let nights = Array(repeating: (units: 18_000.0, wall: 2_000_000.0), count: 3)
    let large = RefreshCost(deltas: nights, rebuilds: [(1_000_000, 1_100_000)])
    #expect(abs(large.ofDelta(images: 18_000) - 2_000_000) < 1)
    #expect(choose(images: 2, rows: 1_000_000, cost: large).isDelta)
    #expect(choose(images: 18_000, rows: 1_000_000, cost: large).isRebuild)
    // Nor where nights of different sizes tell what each costs beside its images.
    let different = RefreshCost(deltas: nights + [(72_000, 2_400_000)], rebuilds: [(1_000_000, 1_100_000)])
    #expect(different.perDelta > 1_100_000 && different.ofDelta(images: 36_000) > different.perDelta)
    #expect(choose(images: 2, rows: 1_000_000, cost: different).isDelta)
  }

  @Test func whatSmallRefreshesTakeIsExpectedOfTheNext() {
    let small = RefreshCost(
      deltas: [(700, 90_000), (3, 110_000), (20, 800_000)], rebuilds: [(8_000, 250_000), (8_100, 900_000)])
    #expect(small.leastDelta == 110_000 && small.leastRebuild == 900_000)
    #expect(
      choose(images: 2_695, rows: 200_000, cost: small)
        == .delta(
          after: 1, through: 7, batches: 1, images: 2_695, why: "about 0.11 s expected, about 0.90 s for a rebuild"))
    #expect(choose(images: 2_695, rows: 8_472, cost: small).isDelta)
    // Neither tells what an image or a row costs, and two deltas tell nothing yet.
    #expect(small.perImage == 7 && small.perRow == 0.7)
    #expect(RefreshCost(deltas: [(700, 90_000), (3, 110_000)], rebuilds: []) == RefreshCost())
    let other = RefreshCost(deltas: Array(repeating: (10, 90_000), count: 3), rebuilds: [(900, 20_000)])
    #expect(
      choose(images: 2_695, rows: 8_472, cost: other)
        == .rebuild(reason: "2695 images would take about 0.09 s, 8472 rows about 0.02 s"))
    #expect(choose(images: 10, rows: 900, cost: other).isDelta)
  }

  @Test func theCostIsTheMedianOfTheLastLargeRefreshes() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      let costs = try await shop.pool.withConnection { connection in
        // Too small to tell, too long ago, and one that was out of the ordinary.
        try await ViewTimings.record("v", .delta, units: 10, wall: .seconds(10), on: connection)
        for _ in 1...5 { try await ViewTimings.record("v", .rebuild, units: 10_000, wall: .seconds(9), on: connection) }
        for _ in 1...9 {
          try await ViewTimings.record("v", .rebuild, units: 1_000_000, wall: .seconds(2), on: connection)
        }
        for wall in [3, 3, 90] {
          try await ViewTimings.record("v", .delta, units: 1_000_000, wall: .seconds(wall), on: connection)
        }
        return try await ViewTimings.costs(on: connection)
      }
      let cost = try #require(costs["v"])
      #expect(cost.perDelta == 0 && cost.perImage == 3 && cost.perRow == 2)
      #expect(try await shop.rows("select count(*) from daybook.view_timing where how = 'rebuild'") == ["9"])
    }
  }

  @Test func aSlowNightIsForgottenAfterAMonth() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.pool.withConnection { connection in
        for _ in 1...3 {
          try await ViewTimings.record("v", .delta, units: 1_000, wall: .seconds(900), on: connection)
        }
      }
      try await shop.run("update daybook.view_timing set recorded_at = recorded_at - interval '31 days'")
      let costs = try await shop.pool.withConnection { connection in try await ViewTimings.costs(on: connection) }
      #expect(costs["v"] == nil)
    }
  }

  @Test func aRefreshLeavesItsTimeBehind() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.keepJournal()
      try await shop.batch(
        "insert into shop.sales select i, i % 9, 'payment', i % 7, 1, now() from generate_series(1, 20000) as i")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("analyze shop.sales")
      try await shop.batch(
        "insert into shop.sales select i, i % 9, 'payment', 1, 1, now() from generate_series(20001, 21500) as i")
      #expect(try await shop.refresher.refresh(.all).first?.detail.hasPrefix("by delta: 1500 images") == true)
      _ = try await shop.refresher.refresh(.all, full: true)
      let rows = try await shop.rows("select how, units::text from daybook.view_timing order by how")
      #expect(rows == ["delta|1500", "rebuild|20000", "rebuild|21500"])
    }
  }

  @Test(arguments: [
    ("age >= 18 and random > 2", nil), ("age(sold_at) > interval '1 day'", "age"), ("Random () > 0.5", "random"),
    ("\"age\"(sold_at) > x", "age"), ("nextval /* ( */ (x) > 1", "nextval"), ("sold_at > now()", "now"),
    ("sold_at > current_date", "current_date"), ("margin > 1", nil), ("margin(amount) > 1", "margin"),
    ("x in (select 1)", "select"),
  ])
  func aColumnNamedLikeAFunctionDependsOnNothing(_ condition: String, _ word: String?) {
    let view = Shop.rollup(
      "v", groups: [], measures: [RollupMeasure(name: "n", function: .count, condition: condition)])
    guard case .rollup(let rollup) = view.kind else { return }
    let margin = CalledFunctions.Function(
      word: "margin", isOwn: false, isOfExtension: false, volatility: "s", number: 1)
    #expect(rollup.unsteadyWord(CalledFunctions(functions: [margin])) == word)
  }
}
