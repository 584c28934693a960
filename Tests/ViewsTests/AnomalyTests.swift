// A day is an anomaly only when its weekdays and its days of the month both say so.

import Definitions
import Finding
import Ledger
import Money
import Testing
import Views

@Suite struct AnomalyTests {
  /// Two years of days: 100 sales a day, 40 on Sundays, 400 at the end of a month, with a little noise. The newest day is
  /// 2026-03-31, in New York.
  private static let history = """
    insert into shop.sales
    select row_number() over (), 1, currency, 1.5, 1, (day + time '23:30') at time zone 'America/New_York'
    from generate_series(timestamp '2024-03-01', timestamp '2026-03-31', interval '1 day') as day,
      (values ('payment', 0), ('fee', 0)) as k(currency, more),
      generate_series(1, (case when extract(month from day + interval '1 day') <> extract(month from day) then 400
        when extract(isodow from day) = 7 then 40 else 100 end) + extract(day from day)::integer % 3)
    """

  private func outcome(
    _ anomaly: AnomalyTest, asOf: String, changes: String = "select 1", on relation: String = "sales"
  ) async throws -> CheckOutcome? {
    var result: CheckOutcome?
    try await Shop.with(views: []) { shop in
      try await shop.run(Self.history)
      try await shop.run(changes)
      let runner = CheckRunner(project: shop.project, pool: shop.pool, asOf: CivilDate(asOf)!)
      let check = CheckRunnerTests.check([CheckRunnerTests.test(.anomaly(anomaly))], on: relation)
      result = try await runner.run([check], run: .make()).first
    }
    return result
  }

  private let counted = AnomalyTest(sum: nil, date: "sold_at", by: "kind", floor: 20)

  @Test func endsOfMonthsAndSundaysAreNoAnomalies() async throws {
    for date in ["2026-03-31", "2026-03-29", "2026-02-28", "2026-03-30"] {
      let found = try await outcome(
        counted, asOf: date,
        changes:
          "delete from shop.sales where sold_at >= (timestamp '\(date)' + interval '1 day') at time zone 'America/New_York'"
      )
      #expect(found?.status == .passed)
      #expect(found?.message == "no anomaly in 2 groups")
    }
  }

  @Test func aDayThatIsUnlikeBothIsFoundWithItsFigures() async throws {
    let found = try await outcome(
      counted, asOf: "2026-03-24",
      changes: """
        delete from shop.sales where sold_at >= timestamptz '2026-03-25 00:00 America/New_York'
          or kind = 'fee' and sold_at >= timestamptz '2026-03-24 00:00 America/New_York' and id % 4 <> 0
        """)
    #expect(found?.status == .failed)
    #expect(found?.message.contains("in 1 of kind") == true)
    let example = try #require(found?.failure?.examples.first)
    #expect(example.columns.prefix(3) == ["kind", "sold_at", "figure"])
    #expect(example.values.prefix(2) == ["fee", "2026-03-24"])
  }

  @Test func aGroupThatIsMissingOnTheNewestDayCountsAsZero() async throws {
    let found = try await outcome(
      AnomalyTest(sum: "amount", date: "sold_at", by: "kind", floor: 20), asOf: "2026-03-24",
      changes: """
        delete from shop.sales where sold_at >= timestamptz '2026-03-25 00:00 America/New_York'
          or kind = 'fee' and sold_at >= timestamptz '2026-03-24 00:00 America/New_York'
        """)
    #expect(found?.failure?.examples.map { $0.values[2] } == ["0"])
  }

  @Test func whatIsBelowTheFloorIsNeverAnAnomaly() async throws {
    var test = counted
    test.floor = 1000
    let found = try await outcome(
      test, asOf: "2026-03-24",
      changes:
        "delete from shop.sales where sold_at >= timestamptz '2026-03-24 00:00 America/New_York' and id % 40 <> 0")
    #expect(found?.status == .passed)
  }

  @Test func tooLittleHistoryPassesAndSaysSo() async throws {
    let found = try await outcome(
      counted, asOf: "2026-03-31", changes: "delete from shop.sales where sold_at < timestamptz '2026-03-01 00:00+00'")
    #expect(found?.status == .passed)
    #expect(found?.message.hasPrefix("too little history") == true)
    let empty = try await outcome(counted, asOf: "2026-03-31", changes: "delete from shop.sales")
    #expect(empty?.message == "no row within 400 days")
  }

  @Test func aLagLeavesOutDaysThatAreNotComplete() async throws {
    var test = counted
    let partly =
      "delete from shop.sales where sold_at >= timestamptz '2026-03-24 00:00 America/New_York' and id % 4 <> 0"
    let today = try await outcome(test, asOf: "2026-03-24", changes: partly)
    #expect(today?.status == .failed)
    test.lagDays = 1
    let yesterday = try await outcome(test, asOf: "2026-03-24", changes: partly)
    #expect(yesterday?.status == .passed)
  }
  @Test func aDayOnWhichNoRowCameIsTestedWhereALagSaysWhichDayIsComplete() async throws {
    var test = AnomalyTest(sum: nil, date: "sold_at", by: nil, floor: 20)
    let stopped = "delete from shop.sales where sold_at >= timestamptz '2026-03-20 00:00 America/New_York'"
    let newest = try await outcome(test, asOf: "2026-03-25", changes: stopped)
    #expect(newest?.message == "no anomaly in 1 groups")
    test.lagDays = 1
    let named = try await outcome(test, asOf: "2026-03-25", changes: stopped)
    #expect(named?.failure?.examples.map { Array($0.values[1...2]) } == [["2026-03-24", "0"]])
  }
}
