// Two nights, a closed month, and a third night that corrects it late: what each rule makes of that, to the cent.

import Foundation
import TestSupport
import Testing

@Suite struct ClosedNights {
  private static let header = "transaction_id,order_id,customer_id,type,amount,currency,method,occurred_at\n"

  /// A transaction at a time of New York.
  private static func line(_ id: Int, _ type: String, _ amount: String, _ currency: String, _ at: String) -> String {
    "\(id),,1,\(type),\(amount),\(currency),card,\(at)\n"
  }

  private static let first =
    header + line(1, "payment", "100.00", "USD", "2024-09-10 10:00")
    + line(2, "payment", "50.00", "EUR", "2024-09-11 10:00")
    + line(3, "refund", "10.00", "USD", "2024-09-20 10:00") + line(4, "fee", "1.50", "USD", "2024-09-20 10:00")
  private static let second = header + line(5, "payment", "70.00", "USD", "2024-10-01 00:00")
  /// A correction, a refund that was October's, a payment half an hour before the month ended, and one of October.
  private static let third =
    header + line(1, "payment", "120.00", "USD", "2024-09-10 10:00")
    + line(3, "refund", "10.00", "USD", "2024-10-02 10:00")
    + line(6, "payment", "5.00", "GBP", "2024-09-30 23:30") + line(7, "payment", "1.00", "USD", "2024-10-02 11:00")

  /// A project in which September 2024 was closed behind the second night.
  private static func with(
    _ rule: String, _ body: @Sendable (NightProject, TestDatabase) async throws -> Void
  ) async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
        let settings = project.root + "/Jobs/daybook.yaml"
        try String(contentsOfFile: settings, encoding: .utf8).replacing("late: restate", with: "late: \(rule)")
          .write(toFile: settings, atomically: true, encoding: .utf8)
        try deliver(
          "customers_1.csv", "customer_id,name,email,country,segment,signed_up_on\n1,Ann,,US,consumer,2024-01-01\n",
          project)
        try deliver("products_1.csv", "product_id,sku,name,category,unit_price,currency,is_active\n", project)
        try deliver(
          "orders_1.csv", "order_id,customer_id,product_id,quantity,unit_price,currency,status,ordered_at\n", project)
        try deliver("transactions_1.csv", first, project)
        try await succeed(project, "run", "--as-of", "2024-09-30")
        try deliver("transactions_2.csv", second, project)
        try await succeed(project, "run", "--as-of", "2024-10-01")
        let closed = try await succeed(project, "close", "2024-09")
        #expect(closed.stderr.contains("closed 2024-09 (soft): 4 rows of figures kept as reported"), "\(closed.stderr)")
        try await body(project, database)
      }
    }
  }

  private static func deliver(_ name: String, _ text: String, _ project: NightProject) throws {
    try TemporaryDirectory.write(Array(text.utf8), toFile: project.inbox + "/" + name)
  }

  @discardableResult
  private static func succeed(_ project: NightProject, _ arguments: String...) async throws -> ProgramOutcome {
    let outcome = try await project.daybook(arguments)
    #expect(outcome.status == 0, "\(arguments)\n\(outcome.stderr)")
    return outcome
  }

  private static func query(_ sql: String, _ database: TestDatabase) async throws -> [String] {
    try await database.psql(sql).split(separator: "\n").map(String.init)
  }

  private static let reported =
    "select business_month, currency, net, fees, is_closed from finance.revenue_reported order by 1, 2"
  /// Every sum of all months as it is reported against the true one.
  private static let missing = """
    select currency, sum(gross), sum(refunds), sum(fees), sum(chargebacks), sum(net) from finance.revenue_reported group by 1
    except select currency, sum(gross), sum(refunds), sum(fees), sum(chargebacks), sum(net)
    from finance.revenue_monthly group by 1
    """

  @Test func restatingShowsWhatWasReportedWhatIsTrueAndWhichBatchesMovedIt() async throws {
    try await Self.with("restate") { project, database in
      try Self.deliver("transactions_3.csv", Self.third, project)
      let night = try await Self.succeed(project, "run", "--as-of", "2024-10-02")
      #expect(night.stderr.contains("which are restated by them"), "\(night.stderr)")
      #expect(
        try await Self.query(
          """
          select currency, figure, originally_reported, reported, true_now, difference from finance.restatements
          where period = '2024-09-01' and difference <> 0 and figure in ('gross', 'refunds', 'fees', 'net') order by 1, 2
          """, database)
          == [
            "GBP|gross|||5.00|5.00", "GBP|net|||5.00|5.00", "USD|gross|100.00|100.00|120.00|20.00",
            "USD|net|90.00|90.00|120.00|30.00", "USD|refunds|10.00|10.00|0|-10.00",
          ])
      #expect(
        try await Self.query(
          """
          select file, type, currency, rows_in, rows_out, amount, since_last_close from finance.restatement_batches
          where period = '2024-09-01' order by 2, 3
          """, database)
          == [
            "transactions_3.csv|payment|GBP|1|0|5.00|t", "transactions_3.csv|payment|USD|1|1|20.00|t",
            "transactions_3.csv|refund|USD|0|1|-10.00|t",
          ])
      // The reports of the night mark the month and say what moved it, and so does a comparison with the night before.
      let months = try project.published("latest/data/revenue_months.csv").split(separator: "\n")
      let states = months.filter { $0.hasPrefix("2024-09-01,") }.map { line in
        "\(line.split(separator: ",")[1]) \(line.split(separator: ",").last ?? "")"
      }
      #expect(states == ["EUR closed", "GBP restated", "USD restated"])
      #expect(try project.published("latest/revenue.html").contains("<bdi>restated</bdi>"))
      let restated = try project.published("latest/data/restatements.csv")
      #expect(restated.contains("2024-09-01,USD,net,90.00,90.00,120.00,30.00\n"), "\(restated)")
      #expect(restated.contains("2024-09-01,GBP,net,,,5.00,5.00\n"), "\(restated)")
      // When nothing is true any more, what was reported stands against nothing.
      let sql = try String(contentsOfFile: NightProject.repository + "/Jobs/views/restatements.sql", encoding: .utf8)
      let emptied = sql.replacing(
        "from revenue_monthly r", with: "from (select * from finance.revenue_monthly limit 0) r")
      #expect(emptied != sql)
      #expect(
        try await Self.query(
          "select true_now, difference from (\(emptied)) as t where currency = 'USD' and figure = 'gross'", database)
          == ["|-100.00"])
      let moved = try project.published("latest/data/restatement_batches.csv")
      #expect(moved.contains("2024-09-01,USD,payment,20.00,1,1,transactions_3.csv,"), "\(moved)")
      let diff = try await Self.succeed(project, "report", "diff", "2024-10-01", "latest")
      #expect(diff.stdout.contains("closed month 2024-09 restated: USD payment 20.00, batch "), "\(diff.stdout)")
      #expect(diff.stdout.contains("  business_month 2024-09-01, currency USD: net 90.00 -> 120.00  (+30.00)"))
      // What is reported of September stands until it is closed again.
      #expect(
        try await Self.query(Self.reported, database).prefix(2) == [
          "2024-09-01|EUR|50.00|0|t", "2024-09-01|USD|90.00|1.50|t",
        ])
      try await Self.succeed(project, "close", "--reopen", "2024-09")
      try await Self.succeed(project, "close", "2024-09", "--hard")
      try await Self.succeed(project, "refresh")
      #expect(
        try await Self.query(
          "select originally_reported, reported, true_now, difference from finance.restatements where currency = 'USD' and figure = 'gross'",
          database) == ["100.00|120.00|120.00|0.00"])
      #expect(
        try await Self.query("select distinct since_last_close from finance.restatement_batches", database) == ["f"])
      #expect(try await Self.query(Self.missing, database) == [])
    }
  }

  @Test(arguments: ["copy", "insert"])
  func adjustingTiesOutToTheCentWhileWhatWasReportedStands(_ load: String) async throws {
    try await Self.with("adjust") { project, database in
      let feed = project.root + "/Jobs/feeds/transactions.yaml"
      try String(contentsOfFile: feed, encoding: .utf8).replacing("load: auto", with: "load: \(load)")
        .write(toFile: feed, atomically: true, encoding: .utf8)
      try Self.deliver("transactions_3.csv", Self.third, project)
      let night = try await Self.succeed(project, "run", "--as-of", "2024-10-02")
      #expect(night.stderr.contains("were posted to 2024-10 as adjustments"), "\(night.stderr)")
      // October has 71 of its own, 20 more for September's correction, and the refund once, as its own.
      #expect(
        try await Self.query(Self.reported, database)
          == [
            "2024-09-01|EUR|50.00|0|t", "2024-09-01|USD|90.00|1.50|t", "2024-10-01|GBP|5.00|0|f",
            "2024-10-01|USD|91.00|0|f",
          ])
      #expect(try await Self.query(Self.missing, database) == [])
      // October, closed with what was posted to it, keeps September from being opened behind its back.
      try await Self.succeed(project, "close", "2024-10")
      let refused = try await project.daybook("close", "--reopen", "2024-09")
      refused.expectFailure(
        1, saying: "adjustments of 2024-09 are part of what was reported of 2024-10", "nothing was changed",
        "daybook close --reopen 2024-10")
      try await Self.succeed(project, "refresh")
      #expect(try await Self.query(Self.missing, database) == [])
      try await Self.succeed(project, "close", "--reopen", "2024-10")
      let opened = try await Self.succeed(project, "close", "--reopen", "2024-09")
      #expect(opened.stderr.contains("opened 2024-09 again; 4 adjustments of it withdrawn"), "\(opened.stderr)")
      try await Self.succeed(project, "refresh")
      #expect(
        try await Self.query(
          """
          select business_month, currency, gross, refunds, fees, chargebacks, net from finance.revenue_reported
          except select business_month, currency, gross, refunds, fees, chargebacks, net from finance.revenue_monthly
          """, database) == [])
    }
  }

  @Test func quarantineHoldsBackUntilTheMonthIsOpenedAndTheRowsAreRequeued() async throws {
    try await Self.with("quarantine") { project, database in
      try Self.deliver("transactions_3.csv", Self.third, project)
      // Three of four records wait, the limit is 1%, and the night goes on: the message says which and what to do.
      let night = try await Self.succeed(project, "run", "--as-of", "2024-10-02")
      #expect(
        night.stderr.contains("3 records were held back: they fall into closed months (3 of 2024-09)"),
        "\(night.stderr)")
      #expect(night.stderr.contains("3 rejected, 3 of them held back for closed months"), "\(night.stderr)")
      #expect(try project.published("latest/data-quality.html").contains("3 rows are held back for closed months."))
      #expect(
        try await Self.query("select count(*) from finance.restatements where difference <> 0", database) == ["0"])
      #expect(try await Self.query(Self.missing, database) == [])
      let list = try await Self.succeed(project, "rejects", "list", "--feed", "transactions")
      #expect(list.stdout.contains("column \"occurred_at\"  closed_period  it would change 2024-09, which is closed"))
      try await Self.succeed(project, "close", "--reopen", "2024-09")
      let path = project.root + "/held.csv"
      try await Self.succeed(project, "rejects", "export", "--feed", "transactions", "--output", path)
      try await Self.succeed(project, "rejects", "requeue", path)
      try await Self.succeed(project, "run", "--as-of", "2024-10-02")
      let json = try await Self.succeed(project, "close", "2024-09", "--json")
      #expect(json.stdout.contains("\"version\": 2"), "\(json.stdout)")
      #expect(
        try await Self.query(
          "select version, key ->> 'currency', figures ->> 'gross' from daybook.period_figure where view = 'revenue_monthly' order by 1, 2",
          database)
          == ["1|EUR|50.00", "1|USD|100.00", "2|EUR|50.00", "2|GBP|5.00", "2|USD|120.00"])
    }
  }

  @Test func whatCannotBeClosedIsRefusedWithTheNextCommand() async throws {
    try await Self.with("restate") { project, _ in
      #expect(try await Self.succeed(project, "close", "2024-09").stderr.contains("is closed already (soft)"))
      try await project.daybook("close", "9999-01").expectFailure(64, saying: "9999-01 has not ended")
      try await project.daybook("close", "2024-9").expectFailure(64, saying: "\"2024-9\" is no month")
      try await project.daybook("close").expectFailure(64, saying: "name the month")
      try Self.deliver("transactions_3.csv", Self.third, project)
      try await Self.succeed(project, "ingest", "transactions", "--as-of", "2024-10-02")
      try await project.daybook("close", "2024-10").expectFailure(
        1, saying: "is behind what it reads, so the figures of 2024-10 would be too", "daybook refresh")
      try await Self.succeed(project, "close", "2024-09", "--hard")
      try await project.daybook("close", "--reopen", "2024-09").expectFailure(
        64, saying: "2024-09 is closed hard", "daybook close --hard --reopen 2024-09")
      #expect(try await Self.succeed(project, "status").stdout.contains("closed     2024-09, 1 hard\n"))
      let list = try await Self.succeed(project, "close", "--list", "--json")
      #expect(list.stdout.contains("\"period\": \"2024-09\", \"state\": \"hard\", \"version\": 1, \"figures\": 4"))
    }
  }
}
