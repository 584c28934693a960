// Each kind of test passing and failing with its examples, what is skipped, and what SQL that is wrong does to the others.

import Definitions
import Finding
import Ledger
import Money
import Postgres
import Testing
import Views

@Suite struct CheckRunnerTests {
  static let asOf = CivilDate("2026-03-31")!

  static func test(
    _ kind: CheckTest.Kind, severity: CheckSeverity = .error, where condition: String? = nil, line: Int = 5,
    isSteady: Bool = true
  ) -> CheckTest {
    CheckTest(
      kind: kind, severity: severity, condition: condition, inputs: ["sales"], isSteady: isSteady,
      hash: "\(kind) \(condition ?? "")",
      position: SourcePosition(file: "Jobs/checks/sound.yaml", line: line, column: 5))
  }

  static func check(_ tests: [CheckTest], on relation: String? = "sales") -> CheckDefinition {
    CheckDefinition(
      name: "sound", relation: relation, tests: tests,
      position: SourcePosition(file: "Jobs/checks/sound.yaml", line: 1), definitionHash: "1")
  }

  /// Runs tests over 100 sales.
  private func run(
    _ tests: [CheckTest], changes: String = "", body: (Shop, [CheckOutcome], RunID) async throws -> Void
  ) async throws {
    try await Shop.with(views: [], timeZone: "America/New_York") { shop in
      try await shop.addSales(1...100)
      if !changes.isEmpty { try await shop.run(changes) }
      let run = RunID.make()
      let outcomes = try await shop.checks.run([Self.check(tests)], run: run)
      try await body(shop, outcomes, run)
    }
  }

  struct Kind: CustomTestStringConvertible {
    let test: CheckTest.Kind
    /// What makes it fail.
    let change: String
    let message: String
    let example: String
    var testDescription: String { message }
  }

  static let kinds: [Kind] = [
    Kind(
      test: .notNull(["kind", "amount"]),
      change: "alter table shop.sales alter kind drop not null; update shop.sales set kind = null where id in (3, 4)",
      message: "2 rows of sales without kind or amount", example: "kind null"),
    Kind(
      test: .unique(["quantity", "amount"]),
      change: "insert into shop.sales select 1000, 1, 'fee', amount, quantity, now() from shop.sales where id = 1",
      message: "1 value of quantity, amount more than once in sales", example: "quantity 2, amount 79.19, rows 2"),
    Kind(
      test: .acceptedValues(column: "kind", values: ["payment", "refund", "fee", "it's"]),
      change: "update shop.sales set kind = '<script>alert(''x'')</script>' where id = 5",
      message: "1 row of sales with another kind", example: "kind <script>alert('x')</script>"),
    Kind(
      test: .relationship(column: "customer", relation: "customers", toColumn: "id"),
      change: "delete from shop.customers where id = 6", message: "14 rows of sales whose customer is not in customers",
      example: "customer 6"),
    Kind(
      test: .range(column: "amount", minimum: "0", maximum: "1000"),
      change: "update shop.sales set amount = case id when 7 then -0.01 else 1000.01 end where id in (7, 8)",
      message: "2 rows of sales with amount below 0 or above 1000", example: "amount -0.01"),
    Kind(
      test: .equal(
        left: "select kind, sum(amount) from sales group by kind -- by kind",
        right:
          "select kind, sum(total) from (select kind, customer, sum(amount) as total from sales where id <> 50 or not exists (select from customers where id = 99) group by 1, 2) as s group by 1"
      ),
      change: "insert into shop.customers values (99)", message: "2 rows in one of the queries alone",
      example: "only_in left"),
    Kind(
      test: .noRow(query: "select id, amount from sales where quantity > 5"),
      change: "update shop.sales set quantity = 6 where id = 9", message: "1 row where none should be",
      example: "id 9, amount 712.71"),
    Kind(
      test: .freshness(column: "sold_at", warnAfter: nil, errorAfter: .seconds(19 * 86_400)),
      change: "delete from shop.sales where id > 80",
      message: "the newest is 2026-03-11 05:20:00-04, 20d 18h before the end of 2026-03-31", example: ""),
  ]

  /// A query that the engine gives a name to is no relation.
  @Test(arguments: ["a", "b", "left_rows", "right_rows", "left_rows_"])
  func aRelationMayHaveAnyName(_ name: String) async throws {
    let sides = [("ours", name), (name, "ours")]
    let tests = sides.map { left, right in
      Self.test(.equal(left: "select sum(v) from \(left)", right: "select sum(v) from \(right)"))
    }
    let changes = "create table shop.ours as select 11 as v; create table shop.\(name) as select 12 as v"
    try await run(tests, changes: changes) { _, outcomes, _ in
      #expect(outcomes.map(\.status) == [.failed, .failed])
      #expect(outcomes.map(\.message) == Array(repeating: "2 rows in one of the queries alone", count: 2))
    }
  }

  /// An alias in the engine's own SQL is no column.
  @Test func aColumnMayHaveAnyName() async throws {
    let columns = ["v", "t", "found", "e"].map { "alter table shop.sales add \($0) int;" }.joined(separator: " ")
    let changes = "\(columns) update shop.sales set v = id - 8"
    try await run([Self.test(.range(column: "v", minimum: "1", maximum: nil))], changes: changes) { _, outcomes, _ in
      #expect(outcomes.map(\.message) == ["8 rows of sales with v below 1"])
      let example = outcomes.first?.failure?.examples.first
      #expect(example?.columns.contains("v") == true && example?.values.contains("-7") == true)
    }
  }

  @Test(arguments: kinds)
  func everyKindPassesAndFailsWithItsExamples(_ kind: Kind) async throws {
    let customers =
      "create table shop.customers (id bigint primary key); insert into shop.customers select generate_series(1, 6)"
    try await run([Self.test(kind.test)], changes: customers) { _, outcomes, _ in
      #expect(outcomes.map(\.status) == [.passed], "\(outcomes)")
    }
    try await run([Self.test(kind.test)], changes: customers + ";" + kind.change) { shop, outcomes, run in
      #expect(outcomes.map(\.status) == [.failed])
      #expect(outcomes.map(\.message) == [kind.message])
      let recorded = try await shop.pool.withConnection { try await CheckLedger.failures(run: run, on: $0) }
      #expect(recorded == outcomes.compactMap(\.failure))
      #expect(recorded.first?.position == "Jobs/checks/sound.yaml:5:5")
      if kind.example.isEmpty {
        #expect(recorded.first?.examples == [])
      } else {
        #expect(recorded.first?.examples.contains { $0.sentence.contains(kind.example) } == true, "\(recorded)")
      }
    }
  }

  @Test(arguments: [
    ("date '2026-03-30'", CheckOutcome.Status.passed, "the newest is 2026-03-30, 1d before the end of 2026-03-31"),
    ("date '2026-03-29'", .warned, "the newest is 2026-03-29, 2d before the end of 2026-03-31"),
    ("timestamp '2026-03-30 00:00'", .warned, "the newest is 2026-03-30 00:00:00, 2d before the end of 2026-03-31"),
    ("timestamp '2026-03-28 12:00'", .failed, "the newest is 2026-03-28 12:00:00, 3d 12h before the end of 2026-03-31"),
    (
      "timestamptz '2026-04-01 03:59+00'", .passed,
      "the newest is 2026-03-31 23:59:00-04, 1m before the end of 2026-03-31"
    ),
    // What comes behind the date says nothing of it.
    ("date '2026-04-01'", .failed, "days holds no row up to the end of 2026-03-31"),
  ])
  func freshnessIsMeasuredAtTheEndOfTheDate(value: String, status: CheckOutcome.Status, message: String) async throws {
    try await Shop.with(views: [], timeZone: "America/New_York") { shop in
      try await shop.run("create table shop.days as select \(value) as at union all select null")
      let test = Self.test(
        .freshness(column: "at", warnAfter: .seconds(86_400 + 3600), errorAfter: .seconds(3 * 86_400)))
      let outcomes = try await shop.checks.run([Self.check([test], on: "days")], run: .make())
      #expect(outcomes.map(\.status) == [status])
      #expect(outcomes.map(\.message) == [message])
    }
  }

  @Test func aConditionLimitsWhatIsLookedAt() async throws {
    let test = Self.test(.range(column: "amount", minimum: nil, maximum: "0"), where: "id < 4 -- the first three")
    try await run([test]) { _, outcomes, _ in #expect(outcomes.first?.failure?.failingRows == 3) }
  }

  @Test func atMostTenExamplesAreKeptAndLongValuesAreCut() async throws {
    let long = "update shop.sales set kind = repeat('\"é;--''', 100000)"
    try await run([Self.test(.acceptedValues(column: "kind", values: ["fee"]))], changes: long) { shop, outcomes, run in
      let recorded = try await shop.pool.withConnection { try await CheckLedger.failures(run: run, on: $0) }
      let failure = try #require(recorded.first)
      #expect(failure.failingRows == 100)
      #expect(failure.examples.count == 10)
      let longest = failure.examples.flatMap(\.values).compactMap { $0?.unicodeScalars.count }.max()
      #expect(longest == CheckRunner.shownCharacters + 1)
      #expect(failure == outcomes.first?.failure)
    }
  }

  @Test func aWarningIsToldAndIsNoFailure() async throws {
    let test = Self.test(.noRow(query: "select 1 as one"), severity: .warn)
    try await run([test]) { _, outcomes, _ in
      #expect(outcomes.map(\.status) == [.warned])
      #expect(outcomes.first?.failure?.isError == false)
    }
    // Beyond warn_after only, a test of severity error warns.
    let fresh = Self.test(.freshness(column: "sold_at", warnAfter: .seconds(60), errorAfter: .seconds(99 * 86_400)))
    try await run([fresh]) { _, outcomes, _ in #expect(outcomes.map(\.status) == [.warned]) }
  }

  @Test func sqlThatIsWrongFailsWithItsPlaceAndDoesNotKeepOthersFromBeingMade() async throws {
    let tests = [
      Self.test(.noRow(query: "select nothing from sales"), line: 7), Self.test(.notNull(["amount"])),
      Self.test(.noRow(query: "select 1 / (id - id) from sales"), line: 9),
      Self.test(.range(column: "amount", minimum: "many", maximum: nil)),
      Self.test(.freshness(column: "kind", warnAfter: nil, errorAfter: .seconds(60))),
      Self.test(.noRow(query: "select 1 where false")),
    ]
    try await run(tests) { _, outcomes, _ in
      #expect(outcomes.map(\.status) == [.broken, .passed, .broken, .broken, .broken, .passed])
      #expect(outcomes.compactMap { $0.failure?.sqlState } == ["42703", "22012", "22P02", "42804"])
      #expect(outcomes.first?.position?.line == 7)
      #expect(outcomes.first?.message == "the server refused it: column \"nothing\" does not exist")
    }
  }

  @Test func nothingCanBeWritten() async throws {
    let test = Self.test(.noRow(query: "with gone as (delete from sales returning id) select * from gone"))
    try await run([test]) { shop, outcomes, _ in
      #expect(outcomes.map(\.status) == [.broken])
      let left = try await shop.rows("select count(*) from shop.sales")
      #expect(left == ["100"])
    }
  }

  @Test func whatReadsNothingNewIsMadeOnce() async throws {
    let fresh = CheckTest(
      kind: .freshness(column: "sold_at", warnAfter: nil, errorAfter: .seconds(99 * 86_400)), inputs: ["sales"],
      isSteady: false, hash: "fresh", position: Shop.position)
    try await run([Self.test(.notNull(["amount"])), fresh]) { shop, outcomes, _ in
      #expect(outcomes.map(\.status) == [.passed, .passed])
      let check = Self.check([Self.test(.notNull(["amount"])), fresh])
      let again = try await shop.checks.run([check], run: .make())
      #expect(again.map(\.status) == [.skipped, .passed])
      let changed = try await shop.checks.run(
        [Self.check([Self.test(.notNull(["amount"]), where: "true"), fresh])], run: .make())
      #expect(changed.map(\.status) == [.passed, .passed])
      try await shop.addSales(101...110)
      let later = try await shop.checks.run([check], run: .make())
      #expect(later.map(\.status) == [.passed, .passed])
    }
  }

  /// What a function reads its caller does not say.
  @Test func whatCallsAFunctionThatSomebodyMadeIsMadeAgain() async throws {
    var test = Self.test(.noRow(query: "select id from sales where exists (select from audit()) and abs(id) > 0"))
    test.calls = ["abs", "audit", "exists"]
    let audit = """
      create table shop.found (id bigint);
      create function shop.audit() returns setof shop.found immutable language sql as 'select * from shop.found'
      """
    try await run([test], changes: audit) { [test] shop, outcomes, _ in
      #expect(outcomes.map(\.status) == [.passed])
      try await shop.run("insert into shop.found values (1)")
      let again = try await shop.checks.run([Self.check([test])], run: .make())
      #expect(again.map(\.status) == [.failed])
      // The server's own functions say what they read.
      var own = Self.test(.noRow(query: "select id from sales where abs(id) < 0"))
      own.calls = ["abs"]
      for expected in [CheckOutcome.Status.passed, .skipped] {
        #expect(try await shop.checks.run([Self.check([own])], run: .make()).map(\.status) == [expected])
      }
    }
  }

  @Test func whatFailedIsMadeAgain() async throws {
    try await run([Self.test(.noRow(query: "select 1 as one"))]) { shop, _, _ in
      let again = try await shop.checks.run([Self.check([Self.test(.noRow(query: "select 1 as one"))])], run: .make())
      #expect(again.map(\.status) == [.failed])
    }
  }

  @Test func manyTestsOverFewConnectionsAllHaveTheirOutcome() async throws {
    let tests = (0..<40).map { Self.test(.noRow(query: "select \($0) as number where \($0) % 4 = 0")) }
    try await run(tests) { shop, outcomes, run in
      #expect(outcomes.map { $0.status == .failed } == (0..<40).map { $0 % 4 == 0 })
      let recorded = try await shop.pool.withConnection { try await CheckLedger.failures(run: run, on: $0) }
      #expect(recorded.count == 10)
    }
  }
}

extension Shop {
  var checks: CheckRunner { CheckRunner(project: project, pool: pool, asOf: CheckRunnerTests.asOf) }
}
