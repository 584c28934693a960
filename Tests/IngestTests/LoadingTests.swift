// Files into the base table: inserts, updates, repeats, keys that come twice, snapshots, keyless feeds.

import Definitions
import Finding
import Glibc
import Ledger
import Money
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Ingest

@Suite struct LoadingTests {
  /// Counts the descriptors that lead to files of an inbox.
  private final class OpenFiles: ProgressSink {
    let inbox: String
    let most = Mutex(0)

    init(_ inbox: String) { self.inbox = inbox }

    func progress(_ update: ProgressUpdate) {
      let open = (0..<4096).count { number in
        var target = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/fd/\(number)", &target, target.count)
        return length > 0
          && String(decoding: target[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self).hasPrefix(inbox)
      }
      most.withLock { $0 = max($0, open) }
    }
  }

  @Test(arguments: [LoadStrategy.copy, .insert])
  func aDirectoryOfFilesIsNeverOpenAllAtOnce(load: LoadStrategy) async throws {
    var notes = feed("notes", [column("id", .bigint), column("note", .text)])
    notes.load = load
    try await FeedFixture.with { [notes] fixture in
      for number in 10...39 { try fixture.deliver("notes_\(number).csv", "id,note\n\(number),new\n1,\(number)\n") }
      for number in 1...5 { try fixture.deliver("notes_\(number).csv", "id,note\n\(number),\(number),bad\n") }
      let open = OpenFiles(fixture.directory.appending("inbox") + "/")
      var ingestion = FeedIngestion(
        project: fixture.project([notes]), feed: notes, pool: fixture.pool, runID: .make(), asOf: FeedFixture.asOf,
        progress: open)
      ingestion.filesTogether = 4
      let outcome = try await ingestion.run()
      #expect(outcome.status == .loaded)
      #expect(outcome.files.map(\.name) == (1...5).map { "notes_\($0).csv" } + (10...39).map { "notes_\($0).csv" })
      #expect(outcome.rows == RowCounts(read: 65, inserted: 31, updated: 29, rejected: 5))
      let most = open.most.withLock { $0 }
      #expect((1...5).contains(most), "the four that are loaded, and the one that is read")
      #expect(try await fixture.query("select note from finance.notes where id = 1") == "39")
      #expect(try await ingestion.run().status == .nothingNew)
    }
  }

  @Test func moreFilesThanOneTransactionTakesAreLoadedInGroupsTheOldestFirst() async throws {
    let notes = feed("notes", limit: .count(0), [column("id", .bigint), column("note", .text)])
    try await FeedFixture.with { fixture in
      func ingest(_ feed: FeedDefinition) async throws -> IngestOutcome {
        var ingestion = FeedIngestion(
          project: fixture.project([feed]), feed: feed, pool: fixture.pool, runID: .make(), asOf: FeedFixture.asOf)
        ingestion.filesTogether = 3
        return try await ingestion.run()
      }
      for day in 1...8 {
        try fixture.deliver("notes_2026-11-0\(day).csv", "id,note\n1,day \(day)\n\(day == 5 ? "x" : "1\(day)"),new\n")
      }
      let outcome = try await ingest(notes)
      #expect(outcome.status == .refused)
      #expect(outcome.rows.inserted == 4)
      #expect(outcome.rows.updated == 2)
      let states = outcome.findings.flatMap(\.notes).filter { $0.hasPrefix("state: ") }
      #expect(
        states == [
          "state: the 3 files before it are committed, and nothing behind them; the refused records are in the ledger"
        ])
      #expect(
        try await fixture.query("select id, note from finance.notes order by 1") == "1|day 3\n11|new\n12|new\n13|new")
      #expect(try await fixture.query("select count(*) from daybook.file where status = 'loaded'") == "3")
      #expect(try await fixture.stagingTables() == "0")
      try fixture.deliver("notes_2026-11-05.csv", "id,note\n1,day 5\n15,new\n")
      let again = try await ingest(notes)
      #expect(again.status == .loaded)
      #expect(again.files.count == 5)
      #expect(again.rows == RowCounts(read: 10, inserted: 5, updated: 5))
      #expect(try await fixture.query("select note from finance.notes where id = 1") == "day 8")
      #expect(try await ingest(notes).status == .nothingNew)
    }
  }

  @Test func theLimitCountsWhatEarlierGroupsRefused() async throws {
    let notes = feed("notes", limit: .count(1), [column("id", .bigint), column("note", .text)])
    try await FeedFixture.with { fixture in
      for day in 1...4 {
        try fixture.deliver("notes_\(day).csv", "id,note\n\(day),new\n" + (day % 2 == 0 ? "x,bad\n" : ""))
      }
      var ingestion = FeedIngestion(
        project: fixture.project([notes]), feed: notes, pool: fixture.pool, runID: .make(), asOf: FeedFixture.asOf)
      ingestion.filesTogether = 2
      let outcome = try await ingestion.run()
      #expect(outcome.status == .refused)
      #expect(outcome.findings.contains { $0.message.contains("2 of 6 records were refused, the limit is 1") })
      #expect(try await fixture.query("select string_agg(id::text, ',' order by id) from finance.notes") == "1,2")
    }
  }

  static let first =
    paymentsHeader + """
      1,10,payment,10.50,USD,2026-11-19 10:00:00
      2,,refund,2.25,EUR,2026-11-19T11:00:00Z
      3,11,payment,7,USD,2026-11-19 12:00:00+02:00

      """

  @Test func aFirstFileFillsANewTableWithKeyIndexAndChecks() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_2026-11-19.csv", Self.first)
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.status == .loaded)
      #expect(outcome.rows == RowCounts(read: 3, inserted: 3))
      #expect(outcome.findings.isEmpty)
      let rows = try await fixture.query(
        "select id, customer, kind, amount, currency, at at time zone 'UTC' from finance.payments order by id")
      #expect(
        rows == """
          1|10|payment|10.50|USD|2026-11-19 15:00:00
          2||refund|2.25|EUR|2026-11-19 11:00:00
          3|11|payment|7.00|USD|2026-11-19 10:00:00
          """)
      let constraints = try await fixture.query(
        "select string_agg(conname, ',' order by conname) from pg_constraint where conrelid = 'finance.payments'::regclass"
      )
      #expect(
        constraints == "payments_amount_minimum,payments_currency_matches,payments_kind_one_of,payments_pkey")
      let index = try await fixture.query("select count(*) from pg_indexes where indexname = 'payments_at_idx'")
      #expect(index == "1")
      let sums = try await fixture.query(
        "select currency, outcome, amount from daybook.file_control_sum order by 1, 2")
      #expect(sums == "EUR|inserted|2.25\nEUR|read|2.25\nUSD|inserted|17.50\nUSD|read|17.50")
      #expect(try await fixture.query("select version from daybook.data_version where relation = 'payments'") == "1")
      #expect(try await fixture.stagingTables() == "0")
    }
  }

  @Test func theSameContentIsLoadedOnceWhateverItsName() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_2026-11-19.csv", Self.first)
      _ = try await fixture.ingest(payments())
      try fixture.deliver("payments_2026-11-20.csv", Self.first)
      let again = try await fixture.ingest(payments())
      #expect(again.status == .nothingNew)
      #expect(try await fixture.query("select count(*) from daybook.file") == "1")
      #expect(try await fixture.query("select version from daybook.data_version where relation = 'payments'") == "1")
    }
  }

  @Test func aLaterFileInsertsUpdatesAndLeavesUnchangedRowsAlone() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_2026-11-19.csv", Self.first)
      _ = try await fixture.ingest(payments())
      let before = try await fixture.query("select ctid, xmin from finance.payments where id = 1")
      try fixture.deliver(
        "payments_2026-11-20.csv",
        paymentsHeader + """
          4,12,payment,1.00,GBP,2026-11-20 10:00:00
          1,10,payment,10.5,USD,2026-11-19 10:00:00
          3,11,payment,8.00,USD,2026-11-19 12:00:00+02:00

          """)
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.rows == RowCounts(read: 3, inserted: 1, updated: 1, unchanged: 1))
      #expect(try await fixture.query("select amount from finance.payments where id = 3") == "8.00")
      #expect(try await fixture.query("select ctid, xmin from finance.payments where id = 1") == before)
      let sums = try await fixture.query(
        """
        select currency, outcome, amount from daybook.file_control_sum
        where file_id = (select max(file_id) from daybook.file) order by 1, 2
        """)
      #expect(
        sums == "GBP|inserted|1.00\nGBP|read|1.00\nUSD|read|18.50\nUSD|unchanged|10.50\nUSD|updated|8.00")
    }
  }

  @Test func severalFilesLoadInTheOrderOfTheirNames() async throws {
    try await FeedFixture.with { fixture in
      for (day, amount) in [("2026-11-20", "3"), ("2026-11-18", "1"), ("2026-11-19", "2")] {
        try fixture.deliver(
          "payments_\(day).csv", paymentsHeader + "1,,payment,\(amount),USD,2026-11-18 10:00:00\n")
      }
      let outcome = try await fixture.ingest(payments())
      #expect(
        outcome.files.map(\.name).map { $0.suffix(14) } == ["2026-11-18.csv", "2026-11-19.csv", "2026-11-20.csv"])
      #expect(outcome.rows == RowCounts(read: 3, inserted: 1, updated: 2))
      #expect(try await fixture.query("select amount from finance.payments") == "3.00")
    }
  }

  @Test func theLastValidRecordOfAKeyWinsAndTheOthersAreListed() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver(
        "payments_2026-11-19.csv",
        paymentsHeader + """
          1,,payment,1.00,USD,2026-11-19 10:00:00
          2,,payment,5.00,USD,2026-11-19 10:00:00
          1,,payment,2.00,USD,2026-11-19 10:00:00
          1,,payment,oops,USD,2026-11-19 10:00:00

          """)
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.rows == RowCounts(read: 4, inserted: 2, duplicate: 1, rejected: 1))
      #expect(try await fixture.query("select id, amount from finance.payments order by 1") == "1|2.00\n2|5.00")
      let listed = try await fixture.query("select line, record, key, kept_line from daybook.duplicate_row")
      #expect(listed == "2|2|1|4")
      #expect(outcome.findings.contains { $0.code == "duplicate_keys" && $0.severity == .note })
    }
  }

  @Test func aKeyOfSeveralColumnsIsOneKey() async throws {
    try await FeedFixture.with { fixture in
      let rates = feed(
        "rates", key: ["day", "currency"],
        [column("day", .date), column("currency", .text), column("rate", .decimal(precision: 10, scale: 4))])
      try fixture.deliver(
        "rates_1.csv", "day,currency,rate\n2026-11-19,USD,1\n2026-11-19,EUR,1.1\n2026-11-19,USD,1.2\n")
      try fixture.deliver("rates_2.csv", "rate,currency,day\n1.1,EUR,2026-11-19\n1.3,USD,2026-11-19\n")
      let outcome = try await fixture.ingest(rates)
      #expect(outcome.rows == RowCounts(read: 5, inserted: 2, updated: 1, unchanged: 1, duplicate: 1))
      #expect(
        try await fixture.query("select currency, rate from finance.rates order by 1") == "EUR|1.1000\nUSD|1.3000")
      #expect(try await fixture.query("select key from daybook.duplicate_row") == "2026-11-19,USD")
    }
  }

  @Test func aFeedWithoutAKeyAppendsEveryFileOnce() async throws {
    try await FeedFixture.with { fixture in
      let lines = feed(
        "lines", key: [],
        [
          column("item", .text), column("customer", .bigint, optional: true, integralDecimal: true),
          column("price", .decimal(precision: 10, scale: 2), control: "currency"),
          column("currency", .text, constant: "GBP"),
        ])
      try fixture.deliver("lines_1.csv", "item,customer,price\nA,12923.0,1.25\nA,12923.0,1.25\n")
      _ = try await fixture.ingest(lines)
      try fixture.deliver("lines_2.csv", "item,customer,price\nA,,1.25\n")
      let outcome = try await fixture.ingest(lines)
      #expect(outcome.rows == RowCounts(read: 1, inserted: 1))
      #expect(
        try await fixture.query("select count(*), sum(price), min(customer), min(currency) from finance.lines")
          == "3|3.75|12923|GBP")
      #expect(try await fixture.ingest(lines).status == .nothingNew)
      let file = fixture.directory.appending("inbox/lines_1.csv")
      await #expect(throws: IngestError.self) { try await fixture.ingest(lines, .file(file, reload: true)) }
      #expect(try await fixture.query("select count(*) from finance.lines") == "3")
    }
  }

  @Test func aSnapshotDeletesWhatItNoLongerHoldsWithinItsLimit() async throws {
    try await FeedFixture.with { fixture in
      let snapshot = payments(mode: .snapshot(maxDeletes: .count(1)))
      try fixture.deliver("payments_2026-11-19.csv", Self.first)
      _ = try await fixture.ingest(snapshot)
      try fixture.deliver(
        "payments_2026-11-20.csv",
        paymentsHeader + "1,10,payment,10.50,USD,2026-11-19 10:00:00\n3,11,payment,7,USD,2026-11-19 12:00:00+02:00\n")
      let outcome = try await fixture.ingest(snapshot)
      #expect(outcome.findings.isEmpty)
      #expect(outcome.rows == RowCounts(read: 2, unchanged: 2, deleted: 1))
      #expect(try await fixture.query("select string_agg(id::text, ',' order by id) from finance.payments") == "1,3")

      try fixture.deliver("payments_2026-11-21.csv", paymentsHeader)
      let refused = try await fixture.ingest(snapshot)
      #expect(refused.status == .refused)
      #expect(refused.findings.first?.code == "delete_limit")
      #expect(try await fixture.query("select count(*) from finance.payments") == "2")
    }
  }

  @Test func aSnapshotWithRefusedRecordsDeletesNothingAndSaysSo() async throws {
    try await FeedFixture.with { fixture in
      let snapshot = payments(mode: .snapshot(maxDeletes: .count(1)))
      try fixture.deliver("payments_2026-11-19.csv", Self.first)
      _ = try await fixture.ingest(snapshot)
      try fixture.deliver(
        "payments_2026-11-20.csv",
        paymentsHeader + "1,10,payment,10.50,USD,2026-11-19 10:00:00\n3,11,payment,oops,USD,2026-11-19 12:00:00\n")
      let outcome = try await fixture.ingest(snapshot)
      #expect(outcome.rows == RowCounts(read: 2, unchanged: 1, rejected: 1))
      #expect(try await fixture.query("select count(*) from finance.payments") == "3")
      let said = outcome.findings.first { $0.code == "nothing_deleted" }
      #expect(said?.severity == .warning)
      #expect(
        said?.message
          == "2 of the table's 3 rows are not in the file, and none was deleted: "
          + "1 of its records were refused, which may stand for them")
    }
  }

  @Test func aConstantTimeIsOnTheProjectsClockUnlessItNamesItsOffset() async throws {
    try await FeedFixture.with { fixture in
      let events = feed(
        "events", key: ["id"],
        [
          column("id", .bigint), column("since", .timestamptz, constant: "2026-07-01 08:00"),
          column("until", .timestamptz, constant: "2026-07-01T08:00:00+02:00"),
          column("day", .timestamptz, constant: "2026-12-01"),
        ])
      try fixture.deliver("events_1.csv", "id\n1\n")
      _ = try await fixture.ingest(events, timeZone: "America/New_York")
      let times = ["since", "until", "day"].map { "\($0) at time zone 'UTC'" }.joined(separator: ", ")
      #expect(
        try await fixture.query("select \(times) from finance.events")
          == "2026-07-01 12:00:00|2026-07-01 06:00:00|2026-12-01 05:00:00")
    }
  }

  @Test(arguments: [ConflictRule.ignore, .reject])
  func aKeptRowIsUnchangedOrAReject(rule: ConflictRule) async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_2026-11-19.csv", Self.first)
      _ = try await fixture.ingest(payments(onConflict: rule))
      try fixture.deliver(
        "payments_2026-11-20.csv",
        paymentsHeader + """
          1,10,payment,99.00,USD,2026-11-19 10:00:00
          2,,refund,2.25,EUR,2026-11-19T11:00:00Z
          5,10,payment,1.00,USD,2026-11-19 10:00:00

          """)
      let outcome = try await fixture.ingest(payments(onConflict: rule))
      let isIgnore = rule == .ignore
      #expect(
        outcome.rows == RowCounts(read: 3, inserted: 1, unchanged: isIgnore ? 2 : 1, rejected: isIgnore ? 0 : 1))
      #expect(try await fixture.query("select amount from finance.payments where id = 1") == "10.50")
      let rejects = try await fixture.query("select line, code, convert_from(raw, 'UTF8') from daybook.reject")
      #expect(rejects == (isIgnore ? "" : "2|key_conflict|1,10,payment,99.00,USD,2026-11-19 10:00:00"))
    }
  }

  @Test func reloadMergesAFileAgainAndSupersedesItsEntry() async throws {
    try await FeedFixture.with { fixture in
      let path = try fixture.deliver("payments_2026-11-19.csv", Self.first)
      _ = try await fixture.ingest(payments())
      try await fixture.database.psql("update finance.payments set amount = 0 where id = 1")
      #expect(try await fixture.ingest(payments(), .file(path, reload: false)).status == .nothingNew)
      let outcome = try await fixture.ingest(payments(), .file(path, reload: true))
      #expect(outcome.rows == RowCounts(read: 3, updated: 1, unchanged: 2))
      #expect(try await fixture.query("select amount from finance.payments where id = 1") == "10.50")
      #expect(
        try await fixture.query("select status, count(*) from daybook.file group by 1 order by 1")
          == "loaded|1\nsuperseded|1")
    }
  }

  @Test func aRequiredFeedWithoutAnyFileIsAnErrorAndAnOptionalOneGetsAnEmptyTable() async throws {
    try await FeedFixture.with { fixture in
      let error = await #expect(throws: IngestError.self) { try await fixture.ingest(payments()) }
      #expect(error?.kind == .missingFeed)
      let optional = feed("notes", required: false, [column("id", .bigint), column("note", .text)])
      let outcome = try await fixture.ingest(optional)
      #expect(outcome.status == .nothingNew)
      #expect(try await fixture.query("select count(*) from finance.notes") == "0")
    }
  }

  @Test func anEmptyFileAndAHeaderOnlyFileCountAsNoRows() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", "")
      try fixture.deliver("payments_2.csv", paymentsHeader)
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.status == .loaded)
      #expect(outcome.rows == RowCounts())
      #expect(outcome.findings.map(\.code) == ["empty_file"])
      #expect(try await fixture.query("select count(*) from daybook.file where status = 'loaded'") == "2")
      #expect(try await fixture.query("select count(*) from daybook.data_version") == "0")
      #expect(try await fixture.ingest(payments()).status == .nothingNew)
    }
  }

  @Test func progressIsReportedInBytesOfTheFileAndNotTooOften() async throws {
    try await FeedFixture.with { fixture in
      let progress = RecordedProgress()
      let start = ContinuousClock.now
      try fixture.deliver(
        "payments_1.csv",
        paymentsHeader + (1...50_000).map { "\($0),,payment,1.00,USD,2026-11-19 10:00:00\n" }.joined())
      _ = try await fixture.ingest(payments(), progress: progress)
      let elapsed = ContinuousClock.now - start
      let updates = progress.updates.withLock { $0 }
      #expect(!updates.isEmpty)
      #expect(updates.count <= Int(elapsed / .milliseconds(100)) + 1)
      #expect(
        updates.allSatisfy {
          $0.stage == "ingest" && $0.name == "payments" && $0.unit == "bytes" && $0.done <= ($0.total ?? 0)
        })
    }
  }
}
