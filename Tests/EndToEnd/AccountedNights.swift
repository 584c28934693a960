// Nights that go wrong as they do in practice, read as somebody reads them who was woken by them: what is said must be
// true of the tables, and the command that is named must mend it.

import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct AccountedNights {
  /// Lends a project with an empty database of its own.
  private func withProject(
    _ body: @Sendable (_ project: NightProject, _ url: String) async throws -> Void
  ) async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        try await body(
          NightProject(copying: NightProject.repository, into: directory, database: database), database.url)
      }
    }
  }

  private func write(_ text: String, to path: String) throws {
    try text.write(toFile: path, atomically: true, encoding: .utf8)
  }

  // MARK: What the sender stated

  @Test func aControlFileThatDiffersRefusesItsFileAndTheRightOneMendsTheNight() async throws {
    try await withProject { project, url in
      let feeds = project.root + "/feeds"
      _ = try await project.sample(to: feeds, transactions: 2_000, nights: 1, dirty: "0")
      try project.deliver(from: feeds) { $0.hasSuffix("_2024-12-30.csv") }
      #expect(try await project.daybook("run", "nightly", "--as-of", "2024-12-30").status == 0)
      try project.deliver(from: feeds) { $0.hasSuffix("_2024-12-31.csv") }
      let name = "transactions_2024-12-31.csv"
      let table = "select count(*), sum(amount) from finance.transactions"
      let before = try await lines(table, at: url)
      let records = try String(contentsOfFile: project.inbox + "/" + name, encoding: .utf8)
        .split(whereSeparator: \.isNewline).dropFirst().map {
          $0.split(separator: ",", omittingEmptySubsequences: false)
        }
      var sums: [String: Decimal] = [:]
      for record in records { sums[String(record[5]), default: 0] += Decimal(string: String(record[4])) ?? .nan }
      try #require(sums["USD"] != nil)
      let figures = sums.sorted { $0.key < $1.key }.map { "amount,\($0),\($1)\n" }
      let control = project.inbox + "/\(name).ctl"

      // One cent of one currency.
      try write(
        "rows,\(records.count)\n" + figures.dropLast().joined() + "amount,USD,\(sums["USD", default: 0] + 0.01)\n",
        to: control)
      let refused = try await project.daybook("run", "nightly", "--as-of", "2024-12-31")
      refused.expectFailure(
        65, saying: "\(name).ctl:\(sums.count + 1): feed transactions", "amount USD: the control file states",
        "difference -0.01",
        "nothing of feed transactions is committed",
        "committed: ingest customers, products, orders; nothing of transactions",
        "not run: refresh", "as of 2024-12-30", "next: daybook retry ")
      #expect(try await lines(table, at: url) == before)
      #expect(
        try await lines("select status, count(*) from daybook.file group by 1 order by 1", at: url)
          == ["loaded|7", "refused|1"])

      // The same once more says the same, and the page counts the file once.
      #expect(try await project.daybook("retry").status == 65)
      _ = try await project.daybook("report", "--as-of", "2024-12-31")
      var page = try Self.page(project)
      #expect(page.contains("What was read is not what the senders stated: 1 of \(sums.count + 1) figures differ"))
      #expect(
        page.contains(
          "1 file was refused as a whole: its \(Self.grouped(records.count)) rows are not in these figures."))
      try Self.expectBalance(page)

      try write("rows,\(records.count)\n" + figures.joined(), to: control)
      let mended = try await project.daybook("retry")
      #expect(mended.status == 0, "\(mended.stderr)")
      page = try Self.page(project)
      #expect(
        page.contains("What was read is what the senders stated: \(sums.count + 1) figures compared, difference 0."))
      #expect(
        page.contains(
          "Every amount is accounted for: "
            + sums.keys.sorted().map { "\($0) difference 0.00" }.joined(separator: ", ") + "."))
      #expect(!page.contains("refused as a whole"))
      let read = try Self.expectBalance(page)
      #expect(
        try await lines(
          "select sum(rows_read) from daybook.file where status = 'loaded' and as_of = '2024-12-31'", at: url) == [
            "\(read)"
          ])
      // Each currency by itself: what was read is what the table holds and what is set aside.
      #expect(
        try await lines(
          """
          select currency from daybook.file_control_sum group by file_id, column_name, currency
          having sum(amount) filter (where outcome = 'read') <> sum(amount) filter (where outcome <> 'read')
          """, at: url) == [])
    }
  }

  private static func page(_ project: NightProject) throws -> String {
    try String(contentsOfFile: project.root + "/Output/2024-12-31/reconciliation.html", encoding: .utf8)
  }

  private static func grouped(_ number: Int) -> String {
    number < 1_000 ? "\(number)" : "\(number / 1_000)," + String(String(1_000 + number % 1_000).dropFirst())
  }

  /// Adds up the equation that the page states.
  ///
  /// - Returns: how many rows were read.
  @discardableResult
  private static func expectBalance(_ page: String) throws -> Int {
    let pattern =
      /([\d,]+) rows read = ([\d,]+) inserted \+ ([\d,]+) updated \+ ([\d,]+) unchanged \+ ([\d,]+) duplicate \+ ([\d,]+) rejected\. Difference 0\./
    let found = try #require(page.firstMatch(of: pattern)).output
    func number(_ text: Substring) -> Int { Int(text.filter { $0 != "," }) ?? -1 }
    let parts = [found.2, found.3, found.4, found.5, found.6].map(number)
    #expect(number(found.1) == parts.reduce(0, +), "\(found.0)")
    return number(found.1)
  }

  // MARK: Limits

  private static func prices(_ limit: String) -> String {
    """
    feed: prices
    files: prices_*.csv
    mode: snapshot
    max_deletes: 10%
    key: [sku]
    columns:
      sku:   { type: text }
      price: { type: "decimal(12,2)" }
    rejects: { limit: \(limit) }
    """
  }

  private static func rows(_ range: ClosedRange<Int>, wrong: Int = 0) -> String {
    "sku,price\n" + range.map { "s\($0),\($0).50\n" }.joined() + (0..<wrong).map { "x\($0),wrong\n" }.joined()
  }

  @Test func whatCrossesALimitChangesNothingAndWhatReachesItIsTold() async throws {
    try await withProject { project, url in
      let definition = project.root + "/Jobs/feeds/prices.yaml"
      let table = "select count(*), sum(price) from finance.prices"
      let (first, second) = (project.inbox + "/prices_1.csv", project.inbox + "/prices_2.csv")
      try write(Self.prices("3"), to: definition)
      try write(Self.rows(1...100), to: first)
      #expect(try await project.daybook("ingest", "prices").status == 0)
      let before = try await lines(table, at: url)

      try write(Self.rows(1...49), to: second)
      let shrunken = try await project.daybook("ingest", "prices")
      shrunken.expectFailure(
        65, saying: "prices_2.csv lacks 51 of the table's 100 rows, max_deletes is 10%",
        "nothing of this feed is committed", "committed: nothing")
      #expect(try await lines(table, at: url) == before)

      // By count.
      try write(Self.rows(1...96, wrong: 4), to: second)
      let crossed = try await project.daybook("ingest", "prices")
      crossed.expectFailure(
        65, saying: "prices_2.csv:98: feed prices: 4 of 100 records were refused, the limit is 3", "wrong_type",
        "nothing of this feed is committed", "next: daybook rejects list --feed prices")
      #expect(try await lines(table, at: url) == before)
      try write(Self.rows(1...97, wrong: 3), to: second)
      let reached = try await project.daybook("ingest", "prices")
      #expect(reached.status == 0, "\(reached.stderr)")
      #expect(reached.stderr.contains("3 of 100 records of feed prices were refused, the limit is 3"))

      // By ratio: one of a hundred is 1%, two are more.
      try write(Self.prices("1%"), to: definition)
      let third = project.inbox + "/prices_3.csv"
      try write(Self.rows(1...98, wrong: 2), to: third)
      try await project.daybook("ingest", "prices").expectFailure(65, saying: "2 of 100 records", "the limit is 1%")
      try write(Self.rows(1...99, wrong: 1), to: third)
      #expect(try await project.daybook("ingest", "prices").status == 0)
      // Whoever refused a record deletes nothing: it may stand for one of the absent rows.
      #expect(try await lines(table, at: url) == before)
    }
  }

  // MARK: One row's life

  @Test func aRefusedRecordIsTracedUntilItsCorrectionIsLoaded() async throws {
    try await withProject { project, url in
      try write(
        Self.prices("50%").replacing("mode: snapshot\nmax_deletes: 10%\n", with: ""),
        to: project.root + "/Jobs/feeds/prices.yaml")
      try write("sku,price\ns1,1.50\ns2,\"1,50\"\ns2,wrong\ns3,3.50\ns3,4.50\n", to: project.inbox + "/prices_1.csv")
      #expect(try await project.daybook("ingest", "prices").status == 0)
      let open = try await project.daybook("trace", "prices", "s2")
      #expect(open.status == 1)
      #expect(
        open.stdout.contains(
          "reject     prices_1.csv:4, column \"price\": wrong_type: \"wrong\" is not a decimal(12,2); "
            + "open: daybook rejects export --feed prices\n"), "\(open.stdout)")
      #expect(open.stderr.contains("none is known of") && open.stderr.contains("refused records with that key"))
      // The last of a key counts, and the other one is listed.
      let double = try await project.daybook("trace", "prices", "s3")
      #expect(double.stdout.contains("duplicate  prices_1.csv:5 did not count, line 6 did"), "\(double.stdout)")
      #expect(double.stdout.contains("    price: 4.50"))

      let exported = try await project.daybook("rejects", "export", "--feed", "prices")
      let corrected = exported.stdout.replacing(",s2,\"1,50\",", with: ",s2,1.50,").replacing(
        ",s2,wrong,", with: ",s2,2.50,")
      try write(corrected, to: project.root + "/corrected.csv")
      let requeued = try await project.daybook("rejects", "requeue", "corrected.csv")
      #expect(requeued.status == 0, "\(requeued.stderr)")
      #expect(try await project.daybook("rejects", "list").stdout == "")
      let closed = try await project.daybook("trace", "prices", "s2", "--json")
      let object = try #require(try JSONSerialization.jsonObject(with: Data(closed.stdout.utf8)) as? [String: Any])
      let rejects = try #require(object["rejects"] as? [[String: Any]])
      #expect(rejects.map { $0["line"] as? Int } == [3, 4])
      #expect(
        rejects.allSatisfy { $0["state"] as? String == "closed" && $0["closed_by"] as? String == "corrected.csv" })
      #expect(
        try await lines("select sku, price from finance.prices order by 1", at: url) == [
          "s1|1.50", "s2|2.50", "s3|4.50",
        ])
    }
  }

  // MARK: A run that is gone

  @Test func aRunWhoseProcessIsGoneIsToldAsLostAndNotAsRunning() async throws {
    try await FaultGround.withTrial(.copy, .second) { trial, undisturbed in
      let outcome = try await FaultGate(.merge, at: trial.url).striking(trial.start) { program, _, _ in
        kill(program, SIGKILL)
      }
      #expect(outcome.status == 128 + Int(SIGKILL))
      // The server may need a moment to notice that the program is gone, and its lock is held as long.
      var status = try await trial.project.daybook("status").stdout
      for _ in 0..<300 where status.contains("running    yes") {
        try await Task.sleep(for: .milliseconds(100))
        status = try await trial.project.daybook("status").stdout
      }
      let last = try #require(status.split(separator: "\n").first { $0.hasPrefix("last run ") })
      #expect(last.hasSuffix("  lost"), "\(status)")
      #expect(status.contains("failure    it ended without a word") && status.contains("next       daybook retry "))
      #expect(try await trial.project.daybook("runs", "list", "--limit", "1").stdout.contains("  lost"))
      #expect(try await trial.project.daybook("runs", "show").stdout.contains("status    lost"))
      try await trial.expectMended(as: undisturbed)
    }
  }
}
