// A check with every kind of test, read as it is written.

internal import Definitions
internal import Money
internal import Testing

@Suite struct CheckReadingTests {
  @Test func everyKindOfTestIsReadAsWritten() throws {
    let check = try #require(try ProjectFixture(Samples.shop).load().check(named: "sound"))
    #expect(check.relation == "payments")
    #expect(
      check.tests.map(\.kind) == [
        .notNull(["kind", "amount"]), .unique(["paid_at", "amount"]),
        .acceptedValues(column: "kind", values: ["payment", "refund"]),
        .relationship(column: "currency", relation: "daily", toColumn: "currency"),
        .range(column: "amount", minimum: nil, maximum: "5000"),
        .anomaly(AnomalyTest(sum: nil, date: "paid_at", by: "currency", floor: 100, factor: 6, lagDays: 1)),
        .freshness(column: "paid_at", warnAfter: .seconds(86_400), errorAfter: .seconds(3 * 86_400)),
        .equal(left: "select sum(total) from daily", right: "select sum(amount) from shop.payments -- all"),
        .noRow(query: "select net from daily where daily.net < 0 -- never\n"),
        .noRow(query: "select 1 from pg_class where now() < 'yesterday'"),
      ])
    #expect(check.tests.map { $0.severity == .warn }.firstIndex(of: true) == 4)
    #expect(check.tests[2].condition == "amount > 0 and _daybook_line > 1")
    #expect(Set(check.tests.map(\.hash)).count == check.tests.count)
  }

  @Test func whatATestReadsSaysWhenItIsMadeAgain() throws {
    let check = try #require(try ProjectFixture(Samples.shop).load().check(named: "sound"))
    #expect(check.tests[0].inputs == ["payments"])
    #expect(check.tests[3].inputs == ["daily", "payments"])
    #expect(check.tests[7].inputs == ["daily", "payments"])
    // Whatever a test reads, it is about the relation of its check.
    #expect(check.tests[8].inputs == ["daily", "payments"])
    // How fresh data is depends on the date, and what reads the catalog or the clock on more than versions tell.
    #expect(check.tests.indices.filter { !check.tests[$0].isSteady } == [6, 9])
  }

  @Test func whatATestCallsIsKnownAndAColumnIsNoFunction() throws {
    var files = Samples.shop
    files["Jobs/checks/more.yaml"] = """
      check: more
      on: payments
      tests:
        - none: "select * from audit()"
        - none: "select 1 from daily where age > public.Audit (1)"
        - none: "select 1 from daily where age(day) > '1 day'"

      """
    let check = try #require(try ProjectFixture(files).load().check(named: "more"))
    #expect(check.tests.map(\.isSteady) == [false, true, false])
    #expect(check.tests.map(\.calls) == [["audit"], ["audit"], ["age"]])
    #expect(check.tests[0].inputs == ["payments"])
  }
}
