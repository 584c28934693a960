// The nightly proof of rollups: slices that together are all groups, differences that are found, mended and told, totals
// that follow the journal as long as it tells everything.

import Definitions
import Ledger
import Money
import Postgres
import Testing

@testable import Views

@Suite struct ProofTests {
  private static let first = CivilDate("2026-03-01")!

  private static func night(_ number: Int) -> CheckedNight {
    CheckedNight(run: .make(), asOf: first.adding(days: number))
  }

  /// One rollup for each way of slicing: by hash, and by each kind of period.
  private static let sliced: [ViewDefinition] = {
    let periods: [(String, RollupGroup.Source)] = [
      ("day", .date("sold_at")), ("week", .week("sold_at")), ("month", .month("sold_at")),
      ("quarter", .quarter("sold_at")), ("year", .year("sold_at")), ("fiscal_quarter", .fiscalQuarter("sold_at")),
      ("fiscal_year", .fiscalYear("sold_at")),
    ]
    let measures = [
      RollupMeasure(name: "n", function: .count), RollupMeasure(name: "total", function: .sum("amount")),
      RollupMeasure(name: "most", function: .max("amount")),
    ]
    return periods.map { name, source in
      Shop.rollup(
        "by_\(name)",
        groups: [
          RollupGroup(name: "customer", source: .column("customer")), RollupGroup(name: "period", source: source),
        ],
        measures: measures)
    } + [
      Shop.rollup(
        "by_hash",
        groups: [
          RollupGroup(name: "customer", source: .column("customer")),
          RollupGroup(name: "kind", source: .expression("upper(kind)")),
        ], measures: measures)
    ]
  }()

  /// Sales over five years, some at midnights of New York around changes of its clock, and some without an end.
  private static let history = """
    insert into shop.sales
    select i, nullif(i % 7, 0), (array['payment', 'refund', 'fee'])[1 + i % 3], (i * 7919 % 100000)::numeric / 100, 1,
      timestamptz '2022-01-01 05:00+00' + i * interval '9 hours 17 minutes' from generate_series(1, 4000) as i;
    insert into shop.sales select 5000 + i, 1, 'fee', 1, 1, moment from unnest(array[
      timestamptz '2026-03-08 00:00 America/New_York', '2026-03-07 23:59:59.999999 America/New_York',
      '2025-11-02 00:00 America/New_York', '2025-11-02 01:30 -4', '2025-11-02 01:30 -5', 'infinity', '-infinity'])
      with ordinality as t(moment, i)
    """

  @Test(arguments: [true, false])
  func slicesAreTogetherAllGroupsAndEachEqualsItsRecompute(isIndexed: Bool) async throws {
    try await Shop.with(views: Self.sliced, fiscalYearStartMonth: 4) { shop in
      var shop = shop
      if isIndexed {
        shop.project.feeds[0].columns[5].isIndexed = true
        try await shop.run("create index on shop.sales (sold_at)")
      }
      try await shop.keepJournal()
      try await shop.batch(Self.history)
      _ = try await shop.refresher.refresh(.all)
      var groups: [String: Int] = [:]
      for number in 0..<32 {
        for outcome in try await shop.refresher.check(.all, in: Self.night(number)) {
          #expect(outcome.isPassed, "\(outcome)")
          guard outcome.name.contains(": slice "), let count = Int(outcome.message.prefix { $0 != " " }) else {
            continue
          }
          groups[String(outcome.name.prefix { $0 != ":" }), default: 0] += count
        }
      }
      for view in Self.sliced {
        let counted = try await shop.rows("select count(*) from shop.\(view.name)")
        #expect(counted == ["\(groups[view.name] ?? 0)"], "\(view.name)")
      }
      // All 32 were proven at this version: nothing is read again.
      let again = try await shop.refresher.check(.all, in: Self.night(32))
      #expect(again.allSatisfy { $0.status == .skipped })
    }
  }

  @Test(arguments: RandomSales.clockChanges.keys.sorted())
  func daysOfAZoneThatSetItsClockAreProvenAsTheyAre(zone: String) async throws {
    try await Shop.with(views: [Self.sliced[0]], timeZone: zone) { shop in
      var shop = shop
      shop.project.feeds[0].columns[5].isIndexed = true
      try await shop.run("create index on shop.sales (sold_at)")
      try await shop.keepJournal()
      let changes = (RandomSales.clockChanges[zone] ?? []).map { "'\($0)+00'" }.joined(separator: ", ")
      try await shop.batch(
        """
        insert into shop.sales
        select row_number() over (), 1, 'fee', 1, 1, change + i * interval '10 minutes'
        from unnest(array[\(changes)]::timestamptz[]) as change, generate_series(-400, 400) as i
        """)
      _ = try await shop.refresher.refresh(.all)
      var groups = 0
      for number in 0..<32 {
        for outcome in try await shop.refresher.check(.all, in: Self.night(number)) {
          #expect(outcome.isPassed, "\(outcome)")
          if outcome.name.contains(": slice ") { groups += Int(outcome.message.prefix { $0 != " " }) ?? 0 }
        }
      }
      #expect(try await shop.rows("select count(*) from shop.by_day") == ["\(groups)"])
    }
  }

  struct Tampering: CustomTestStringConvertible {
    let what: String
    let statement: String
    var testDescription: String { what }
  }

  @Test(arguments: [
    Tampering(
      what: "an extreme", statement: "update shop.by_day__state set most__max = 1e9 where period = '2025-05-05'"),
    Tampering(what: "a missing group", statement: "delete from shop.by_day__state where period = '2025-05-05'"),
    Tampering(
      what: "a group too many",
      statement: "insert into shop.by_day__state select 77, period, 1, 1, 1, 1 from shop.by_day__state limit 1"),
    Tampering(
      what: "sums that cancel out",
      statement: """
        update shop.by_day__state set total__sum = total__sum + 1 where period = '2025-05-05';
        update shop.by_day__state set total__sum = total__sum - 1 where period = '2025-05-06'
        """),
  ])
  func aTamperedStateIsFoundWithinItsSliceMendedAndTold(_ tampering: Tampering) async throws {
    try await Shop.with(views: [Self.sliced[0], Self.sliced[7]]) { shop in
      var shop = shop
      shop.project.feeds[0].columns[5].isIndexed = true
      try await shop.run("create index on shop.sales (sold_at)")
      try await shop.keepJournal()
      try await shop.batch(Self.history)
      _ = try await shop.refresher.refresh(.all)
      _ = try await shop.refresher.check(.all)
      try await shop.run(tampering.statement)
      var found: [CheckOutcome] = []
      var night = Self.night(0)
      for number in 0..<32 where found.isEmpty {
        night = Self.night(number)
        found = try await shop.refresher.check(.all, in: night).filter { !$0.isPassed }
      }
      let outcome = try #require(found.first)
      #expect(found.count == 1)
      #expect(outcome.name.hasPrefix("by_day: slice "))
      #expect(outcome.message.contains("differ from a recompute: customer "))
      #expect(outcome.message.hasSuffix("; rebuilt from the table"))
      let recorded = try await shop.pool.withConnection { try await CheckLedger.failures(run: night.run, on: $0) }
      #expect(recorded == [outcome.failure])
      #expect(recorded.first?.isRepaired == true)
      #expect(recorded.first?.examples.isEmpty == false)
      let verified = try await shop.refresher.verify(.all)
      #expect(verified.allSatisfy { $0.isPassed })
      let after = try await shop.refresher.check(.all, in: night)
      #expect(after.allSatisfy { $0.isPassed })
    }
  }

  @Test(arguments: [2, 7, 30])
  func nightsThatAreDaysApartProveEverySliceWithinThirtyTwo(days: Int) async throws {
    try await Shop.with(views: [Self.sliced[0], Self.sliced[7], Shop.byCustomer]) { shop in
      try await shop.keepJournal()
      try await shop.batch(Self.history)
      var next = 0
      /// One night behind a change of the first customer's fees.
      func night() async throws -> [CheckOutcome] {
        try await shop.batch("insert into shop.sales values (\(9000 + next), 1, 'fee', 2, 1, '2026-03-01', 'EUR')")
        _ = try await shop.refresher.refresh(.all)
        let outcomes = try await shop.refresher.check(.all, in: Self.night(next * days))
        if outcomes.allSatisfy(\.isPassed) {
          let again = try await shop.refresher.check(.all, in: Self.night(next * days))
          #expect(again.count == 6 && again.allSatisfy { $0.message == "unchanged since it was checked" }, "\(again)")
        }
        next += 1
        return outcomes
      }
      var slices: Set<String> = []
      for _ in 0..<RollupSlice.count {
        let outcomes = try await night()
        #expect(outcomes.allSatisfy { $0.status == .passed })
        slices.formUnion(outcomes.map(\.name).filter { $0.contains(": slice ") })
      }
      #expect(slices.count == 3 * RollupSlice.count)

      try await shop.run(
        """
        update shop.by_day__state set most__max = 1e9 where period = '2025-05-05';
        update shop.by_hash__state set most__max = 1e9 where customer = 3;
        update shop.by_customer__v0 set __n = __n + 1 where customer = 3
        """)
      var found: [String] = []
      for _ in 0..<RollupSlice.count {
        found += try await night().filter { !$0.isPassed }.map { String($0.name.prefix { $0 != ":" }) }
      }
      #expect(found.contains("by_day") && found.contains("by_hash") && found.contains("by_customer"), "\(found)")
    }
  }

  @Test func totalsThatDifferAreMendedToo() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      try await shop.run(#"update shop.by_customer__state set "paid__sum" = "paid__sum" + 0.01 where customer = 1"#)
      let failed = try await shop.refresher.check(.all, in: Self.night(0)).filter { $0.status == .failed }
      #expect(failed.contains { $0.name == "by_customer: sum of paid" && $0.failure?.isRepaired == true })
      let verified = try await shop.refresher.verify(.all)
      #expect(verified.map(\.isPassed) == [true])
    }
  }

  @Test func errorsOfTwoCurrenciesDoNotCancelOut() async throws {
    let view = Shop.rollup(
      "by_currency", groups: [RollupGroup(name: "money", source: .column("currency"))],
      measures: [RollupMeasure(name: "total", function: .sum("amount"))])
    try await Shop.with(views: [view]) { shop in
      try await shop.keepJournal()
      try await shop.batch(Self.history)
      try await shop.batch("update shop.sales set currency = 'USD', amount = 10 where id % 2 = 0")
      _ = try await shop.refresher.refresh(.all)
      #expect(try await witness(shop) == "table")
      // Another currency comes, one goes: the journal tells both.
      try await shop.batch("update shop.sales set currency = 'JPY', amount = 3 where currency = 'USD'")
      _ = try await shop.refresher.refresh(.all)
      #expect(try await witness(shop) == "journal")
      try await shop.batch("update shop.sales set amount = 4 where id = 2")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run(
        """
        update shop.by_currency__state set total__sum = 100.00 where money = 'JPY';
        update shop.by_currency__state set total__sum = total__sum + 5910 where money = 'EUR'
        """)
      let failed = try await shop.refresher.check(.all).filter { !$0.isPassed }
      #expect(failed.map(\.name) == ["by_currency: sum of total"])
      let told = failed.first?.message ?? ""
      #expect(told.contains("100.00 JPY in the view, 6010.00 JPY in sales"), "\(told)")
      #expect(told.contains(" EUR in the view, "))
    }
  }

  /// How the totals were compared: by `the journal of sales`, by `sales`, or not.
  private func witness(_ shop: Shop) async throws -> String {
    let outcomes = try await shop.refresher.check(.all)
    #expect(outcomes.allSatisfy { $0.isPassed }, "\(outcomes)")
    let message = outcomes.first?.message ?? ""
    return message.contains("in the journal of sales") || message.contains("and in the journal")
      ? "journal" : message.contains("in sales") ? "table" : message
  }

  @Test func totalsFollowTheJournalAndFallBackToTheTable() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.keepJournal()
      try await shop.batch(Self.history)
      _ = try await shop.refresher.refresh(.all)
      #expect(try await witness(shop) == "table")
      try await shop.batch("update shop.sales set amount = amount + 0.01, customer = 3 where id % 50 = 0")
      try await shop.batch("delete from shop.sales where id % 70 = 0")
      _ = try await shop.refresher.refresh(.all)
      #expect(try await witness(shop) == "journal")
      #expect(try await witness(shop) == "unchanged since it was checked")
      // A rollup that was rebuilt is still told of by its journal.
      try await shop.batch("update shop.sales set quantity = 5 where id % 60 = 0")
      _ = try await shop.refresher.refresh(.all, full: true)
      #expect(try await witness(shop) == "journal")
      // Images that were pruned are not.
      try await shop.batch("update shop.sales set quantity = 6 where id % 60 = 0")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("delete from daybook.journal_sales")
      #expect(try await witness(shop) == "table")
      try await shop.batch("update shop.sales set quantity = 7", kind: .rebuild)
      _ = try await shop.refresher.refresh(.all)
      #expect(try await witness(shop) == "table")
      try await shop.batch("update shop.sales set quantity = 8 where id = 60")
      _ = try await shop.refresher.refresh(.all)
      #expect(try await witness(shop) == "journal")
    }
  }

  @Test func aStateThatDiffersFromItsJournalIsComparedWithTheTable() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.keepJournal()
      try await shop.batch(Self.history)
      _ = try await shop.refresher.refresh(.all)
      _ = try await shop.refresher.check(.all)
      try await shop.batch("update shop.sales set amount = amount + 1 where id % 50 = 0")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run(#"update shop.by_customer__state set "units__sum" = "units__sum" + 1 where customer = 1"#)
      let failed = try await shop.refresher.check(.all).filter { !$0.isPassed }
      #expect(failed.map(\.name) == ["by_customer: sum of units"])
      #expect(failed.first?.message.hasSuffix(" in sales") == true)
    }
  }

  @Test func aRollupThatIsBehindItsJournalIsNotJudged() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.keepJournal()
      try await shop.batch(Self.history)
      _ = try await shop.refresher.refresh(.all)
      try await shop.batch("delete from shop.sales where id < 100")
      let night = try await shop.refresher.check(.all, in: Self.night(0))
      #expect(night.map(\.message) == ["1 batch of sales came in since its refresh"])
      #expect(night.allSatisfy { $0.status == .unjudged && $0.isPassed })
      _ = try await shop.refresher.refresh(.all)
      let after = try await shop.refresher.check(.all, in: Self.night(0))
      #expect(after.count == 8)
      #expect(after.allSatisfy { $0.status == .passed })
    }
  }
}
