// The program ended by kill -9 anywhere in a refresh, and the server's process taken from it amid the transaction in which
// the rollups of a feed change together: the next refresh finishes it, and every rollup equals its recompute.
// Trials at random moments are drawn from a seed that a failure prints; DAYBOOK_FAULT_TRIALS says how many there are of
// each kind. Every trial begins with corrections of its own, so that what is applied twice or not at all shows.

import Foundation
import Glibc
import Postgres
import TestSupport
import Testing

@Suite struct KilledRefresh {
  private static let environment = ProcessInfo.processInfo.environment
  private static let trials = environment["DAYBOOK_FAULT_TRIALS"].flatMap { Int($0) } ?? 6
  private static let seed =
    environment["DAYBOOK_FAULT_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...UInt64(UInt32.max))

  /// How the rollups are brought up to date.
  enum Way: String, Sendable, CaseIterable {
    case delta, rebuild

    var words: [String] { self == .delta ? ["refresh", "-v"] : ["refresh", "--full", "-v"] }
    /// What is said of a rollup that was done so.
    var says: String { self == .delta ? "by delta: " : "rebuilt and swapped: " }
  }

  private static let feed = """
    feed: transactions
    files: transactions_*.csv
    key: [transaction_id]
    watch: true
    columns:
      transaction_id: { type: bigint }
      order_id: { type: bigint, optional: true }
      customer_id: { type: bigint, optional: true }
      type: { type: text }
      amount: { type: "decimal(14,2)" }
      currency: { type: text }
      method: { type: text, optional: true }
      occurred_at: { type: timestamptz, index: true }

    """
  /// Days and months of them, distinct orders, extremes, and a view of SQL behind.
  private static let views = [
    "revenue_daily.yaml", "revenue_monthly.yaml", "customer_value.yaml", "customer_monthly.yaml", "revenue_bridge.sql",
  ]

  /// Lends a project with one watched feed and some of the shipped views, refreshed once.
  private static func withProject(
    _ body: @Sendable (NightProject, TestDatabase) async throws -> Void
  ) async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
        let jobs = project.root + "/Jobs"
        for folder in ["checks", "reports"] { try FileManager.default.removeItem(atPath: "\(jobs)/\(folder)") }
        for name in try FileManager.default.contentsOfDirectory(atPath: jobs + "/views") where !views.contains(name) {
          try FileManager.default.removeItem(atPath: "\(jobs)/views/\(name)")
        }
        for name in ["customers", "orders", "products"] {
          try FileManager.default.removeItem(atPath: "\(jobs)/feeds/\(name).yaml")
        }
        try feed.write(toFile: jobs + "/feeds/transactions.yaml", atomically: true, encoding: .utf8)
        try "job: nightly\nstages: [ { ingest: all }, { refresh: all } ]\n".write(
          toFile: jobs + "/nightly.yaml", atomically: true, encoding: .utf8)
        _ = try await project.sample(to: project.root + "/feeds", transactions: 3_000, nights: 1, dirty: "0")
        try project.deliver(from: project.root + "/feeds") { $0.hasPrefix("transactions_") }
        let first = try await project.daybook("run", "nightly", "--as-of", "2024-12-31")
        try #require(first.status == 0, "\(first.stderr)")
        try await body(project, database)
      }
    }
  }

  /// Changes by hand whose loss or repetition every rollup would show.
  private static func correct(_ number: Int, in database: TestDatabase) async throws {
    try await database.psql(
      """
      update finance.transactions set amount = amount + \(number).01 where transaction_id % 97 = \(number % 97);
      """,
      """
      begin; delete from finance.transactions where transaction_id % 1009 = \(number);
      insert into finance.transactions (transaction_id, order_id, customer_id, type, amount, currency, method, occurred_at)
      select 90000000 + \(number) * 100 + i, i, i, 'payment', i, 'EUR', 'card', '2024-11-01 12:00+00'
      from generate_series(1, 5) as i; commit
      """)
  }

  /// Refreshes once more, undisturbed, and has every rollup compared with its recompute.
  private static func expectMended(_ project: NightProject, _ database: TestDatabase, _ comment: String) async throws {
    var outcome = try await project.daybook("refresh", "--verify", "-v")
    // The run that was killed a moment ago may still be missed by the server.
    for _ in 0..<300 where outcome.status == 75 {
      try await Task.sleep(for: .milliseconds(100))
      outcome = try await project.daybook("refresh", "--verify", "-v")
    }
    #expect(outcome.status == 0, "\(comment): \(outcome.stderr)")
    let left = try await database.psql(
      """
      select 'behind: ' || view from daybook.view_state where absorbed_batch <> (select max(batch_id) from daybook.batch)
      union all
      select 'left over: ' || relname from pg_class where relnamespace = 'finance'::regnamespace
        and relname ~ '__(next|old|w[0-9]+)$'
      union all
      select 'bridge: ' || count(*) from finance.revenue_bridge b left join finance.revenue_monthly m
        using (business_month, currency) where b.closing <> coalesce(m.net, 0) having count(*) > 0
      """)
    #expect(left == "", "\(comment)")
  }

  @Test(arguments: Way.allCases)
  func killedAnywhereItIsFinishedByTheNextRefresh(_ way: Way) async throws {
    try await Self.withProject { project, database in
      try await Self.correct(1, in: database)
      let undisturbed = try await project.daybook(way.words)
      try #require(undisturbed.status == 0 && undisturbed.stderr.contains(way.says), "\(undisturbed.stderr)")
      var wall = undisturbed.wall
      var dice = SeededRandom(seed: Self.seed)
      var (killed, number) = (0, 1)
      // A run that ended before its moment is no trial; it tells how fast the machine is by now.
      while killed < Self.trials, number < 10 * Self.trials {
        number += 1
        try await Self.correct(number, in: database)
        let moment = wall * Double.random(in: 0.1..<1, using: &dice)
        let outcome = try await project.daybook(way.words, timeout: moment)
        if outcome.status == 128 + Int(SIGKILL) { killed += 1 } else { wall = min(wall, outcome.wall) }
        try await Self.expectMended(
          project, database, "DAYBOOK_FAULT_SEED=\(Self.seed), trial \(number), \(way), killed after \(moment)")
      }
      #expect(killed >= Self.trials, "DAYBOOK_FAULT_SEED=\(Self.seed): \(killed) kills in \(number) trials")
    }
  }

  /// Stops where the state of the last rollup of the feed is recorded, all others being done in the same transaction.
  private static let gate = """
    create trigger gate before insert or update on daybook.view_state for each row
      when (new.view = 'revenue_monthly') execute function gate.wait()
    """

  @Test(arguments: Way.allCases)
  func killedAmidTheTransactionOfAFeedItLeavesNothingOfItBehind(_ way: Way) async throws {
    try await Self.withProject { project, database in
      try await Self.correct(1, in: database)
      let before = try await lines(Self.picture, at: database.url)
      let gate = try await FaultGate(at: database.url, statement: Self.gate)
      let outcome = try await gate.striking(
        { started in try await project.daybook(way.words, started: started) },
        { program, _, _ in kill(program, SIGKILL) })
      #expect(outcome.status == 128 + Int(SIGKILL))
      #expect(try await lines(Self.picture, at: database.url) == before)
      try await Self.expectMended(project, database, "\(way)")
      #expect(try await lines(Self.picture, at: database.url) != before)
    }
  }

  @Test(arguments: Way.allCases)
  func aServersProcessLostAmidTheTransactionIsMadeGoodByTheRunItself(_ way: Way) async throws {
    try await Self.withProject { project, database in
      try await Self.correct(1, in: database)
      let gate = try await FaultGate(at: database.url, statement: Self.gate)
      let outcome = try await gate.striking({ started in try await project.daybook(way.words, started: started) }) {
        _, backend, holder in
        try await Psql.run(["select pg_terminate_backend(\(backend))"], at: database.url)
        await holder.open()
      }
      #expect(outcome.status == 0 && outcome.stderr.contains(way.says), "\(outcome.stderr)")
      let attempts = try await lines(
        "select max(attempt) from daybook.stage_run where name = 'revenue_monthly'", at: database.url)
      #expect(attempts == ["2"])
      try await Self.expectMended(project, database, "\(way)")
    }
  }

  /// States and watermarks as they are.
  private static let picture = """
    select view || ' ' || absorbed_batch from daybook.view_state
    union all select md5(string_agg(t::text, chr(10) order by t::text)) from finance.revenue_daily t
    union all select md5(string_agg(t::text, chr(10) order by t::text)) from finance.customer_value t
    """
}
