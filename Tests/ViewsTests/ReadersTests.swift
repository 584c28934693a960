// People who read some views in a transaction that stays open while the same and other views are swapped or made anew:
// nobody waits behind them for longer than a moment, and nobody is the victim of a deadlock.

import Definitions
import Postgres
import Testing
import Views

@Suite struct ReadersTests {
  private static func views(_ hash: String = "1") -> [ViewDefinition] {
    let rollups = ["first_view", "second_view"].map {
      Shop.rollup(
        $0, groups: [RollupGroup(name: "kind", source: .column("kind"))],
        measures: [RollupMeasure(name: "n", function: .count)], hash: hash)
    }
    return rollups + [
      Shop.native("third_view", "select n from second_view", inputs: ["second_view"]),
      Shop.native("fourth_view", "select kind from sales", inputs: ["sales"], hash: hash),
    ]
  }

  private static func with(_ body: (Shop) async throws -> Void) async throws {
    try await Shop.with(views: views()) { shop in
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
      _ = try await shop.refresher.refresh(.all)
      try await body(shop)
    }
  }

  /// Refreshes while somebody stays in a transaction in which they read `held`, and meanwhile reads `read` several times,
  /// each time in the order in which it says, all in one transaction.
  private static func refresh(
    _ refresher: ViewRefresher, full: Bool = false, of shop: Shop, whileReading held: String, then read: [String]
  ) async throws -> [RefreshOutcome] {
    try await shop.withOtherPool(max: 2) { others in
      try await others.withConnection { holder in
        try await holder.execute("begin")
        _ = try await holder.query("select * from shop.\(held)")
        let refresh = Task { try await refresher.refresh(.all, full: full) }
        do {
          try await shop.waitForWaiting(where: "mode = 'AccessExclusiveLock'")
          try await others.withConnection { reader in
            try await reader.execute("set statement_timeout = '1s'")
            for _ in 0..<4 {
              try await reader.withTransaction { reader in
                for view in read {
                  _ = try await reader.query("select * from shop.\(view)")
                  try await Task.sleep(for: .milliseconds(150))
                }
              }
            }
          }
        } catch {
          try await holder.execute("rollback")
          _ = await refresh.result
          throw error
        }
        try await holder.execute("commit")
        return try await refresh.value
      }
    }
  }

  @Test func aReaderOfOneViewKeepsNobodyFromAnotherWhileBothAreSwapped() async throws {
    try await Self.with { shop in
      let outcomes = try await Self.refresh(
        shop.refresher, full: true, of: shop, whileReading: "second_view", then: ["first_view", "second_view"])
      #expect(outcomes.map(\.status) == Array(repeating: .refreshed, count: 4))
    }
  }

  @Test func whoReadsViewsInTheOtherOrderIsNoVictimOfTheSwap() async throws {
    try await Self.with { shop in
      _ = try await Self.refresh(
        shop.refresher, full: true, of: shop, whileReading: "second_view", then: ["second_view", "first_view"])
    }
  }

  @Test(arguments: [
    ("second_view", ["third_view", "first_view", "second_view"]), ("third_view", ["second_view", "third_view"]),
    ("fourth_view", ["fourth_view"]),
  ])
  func aReaderOfWhatIsMadeAnewKeepsNobodyWaiting(held: String, read: [String]) async throws {
    try await Self.with { shop in
      var new = shop
      new.project.views = Self.views("2")
      let outcomes = try await Self.refresh(
        new.refresher, of: shop, whileReading: held, then: read)
      #expect(outcomes.map(\.status) == Array(repeating: .created, count: 4))
    }
  }
}
