// Changes that fall into closed months: held back, posted or let in, by every way of loading, and never by halves.

import Definitions
import Finding
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@testable import Ingest

@Suite struct ClosedMonthTests {
  enum Path: String, CaseIterable, Sendable { case copy, insert }

  static let september = "2026-09"

  /// Payments that name their accounting date.
  static func dated(limit: Limit = .count(0), mode: FeedMode = .delta) -> FeedDefinition {
    var feed = payments(limit: limit, mode: mode)
    feed.periodColumn = "at"
    return feed
  }

  static func line(_ id: Int, _ amount: String, _ at: String) -> String { "\(id),1,payment,\(amount),USD,\(at)\n" }

  /// Rows on both sides of the end of September in New York.
  static let before =
    paymentsHeader + line(1, "10.00", "2026-09-10") + line(2, "20.00", "2026-10-05")
    + line(3, "30.00", "2026-10-01T03:30:00Z") + line(4, "40.00", "2026-10-01T04:00:00Z")
    + line(7, "70.00", "2026-09-07")

  /// A correction within September, one into it, one out of it, one beside it, a new row in it, one beside it, and one
  /// that says what the table has.
  static let late =
    paymentsHeader + line(1, "11.00", "2026-09-10") + line(2, "20.00", "2026-09-20") + line(3, "30.00", "2026-10-02")
    + line(4, "41.00", "2026-10-01T04:00:00Z") + line(5, "50.00", "2026-09-30T23:59:59-04:00")
    + line(6, "60.00", "2026-10-06") + line(7, "70.00", "2026-09-07")

  private nonisolated(nonsending) static func close(
    _ month: String = september, _ state: ClosedMonth.State = .soft, in fixture: FeedFixture
  ) async throws {
    let first = try #require(CivilDate("\(month)-01"))
    try await fixture.pool.withConnection { connection in
      _ = try await PeriodLedger.close(first, state, by: "test", in: "America/New_York", batches: [:], on: connection)
    }
  }

  private nonisolated(nonsending) static func load(
    _ text: String, as name: String, _ feed: FeedDefinition = dated(), by path: Path, _ late: LateChangeRule,
    _ fixture: FeedFixture
  ) async throws -> IngestOutcome {
    try fixture.deliver(name, text)
    switch path {
    case .copy: return try await fixture.ingest(feed.loaded(by: .copy), late: late)
    // Small chunks, so that several pieces have rows of closed months.
    case .insert: return try await fixture.ingestInChunks(feed, chunkBytes: 120, shareBytes: 60, late: late)
    }
  }

  private static let table =
    "select id, amount, to_char(at at time zone 'America/New_York', 'MM-DD') from finance.payments order by 1"

  // MARK: Each rule by each way

  @Test(arguments: Path.allCases, [LateChangeRule.quarantine, .adjust, .restate])
  func aHardCloseLetsNothingInAndQuarantineIsASoftOneThatDoesTheSame(_ path: Path, _ rule: LateChangeRule) async throws
  {
    try await FeedFixture.with { fixture in
      _ = try await Self.load(Self.before, as: "payments_1.csv", by: .copy, rule, fixture)
      try await Self.close(Self.september, rule == .quarantine ? .soft : .hard, in: fixture)
      let outcome = try await Self.load(Self.late, as: "payments_2.csv", by: path, rule, fixture)
      // The limit is 0, and rows that wait for their month do not count.
      #expect(outcome.status == .loaded)
      #expect(outcome.rows == RowCounts(read: 7, inserted: 1, updated: 1, unchanged: 1, rejected: 4), "\(outcome.rows)")
      #expect(outcome.files.map(\.held) == [4])
      let finding = try #require(outcome.findings.first { $0.code == "closed_period" })
      #expect(finding.severity == .warning)
      #expect(finding.message.hasPrefix("4 records were held back: they fall into closed months"))
      #expect(!outcome.findings.contains { $0.code == "rejects" })
      #expect(
        try await fixture.query(Self.table)
          == "1|10.00|09-10\n2|20.00|10-05\n3|30.00|09-30\n4|41.00|10-01\n6|60.00|10-06\n7|70.00|09-07")
      let hard = rule == .quarantine ? "" : " hard"
      let command = rule == .quarantine ? "" : "--hard "
      let reason =
        "it would change 2026-09, which is closed\(hard): correct its date, or requeue it behind: "
        + "daybook close \(command)--reopen 2026-09"
      #expect(
        try await fixture.query("select line, column_name, code, reason from daybook.reject order by line")
          == [2, 3, 4, 6].map { "\($0)|at|closed_period|\(reason)" }.joined(separator: "\n"))
      #expect(
        try await fixture.query(
          """
          select outcome, sum(amount) from daybook.file_control_sum join daybook.file using (file_id)
          where name = 'payments_2.csv' group by 1 order by 1
          """) == "inserted|60.00\nread|282.00\nrejected|111.00\nunchanged|70.00\nupdated|41.00")
      #expect(try await fixture.query("select count(*) from daybook.adjustment") == "0")
    }
  }

  @Test(arguments: Path.allCases, [LateChangeRule.adjust, .restate])
  func theTableTakesTheTruthAndAdjustPostsItToTheOpenMonth(_ path: Path, _ rule: LateChangeRule) async throws {
    try await FeedFixture.with { fixture in
      _ = try await Self.load(Self.before, as: "payments_1.csv", by: .copy, rule, fixture)
      try await Self.close(Self.september, .soft, in: fixture)
      let outcome = try await Self.load(Self.late, as: "payments_2.csv", by: path, rule, fixture)
      #expect(outcome.rows == RowCounts(read: 7, inserted: 2, updated: 4, unchanged: 1), "\(outcome.rows)")
      #expect(
        try await fixture.query(Self.table)
          == "1|11.00|09-10\n2|20.00|09-20\n3|30.00|10-02\n4|41.00|10-01\n5|50.00|09-30\n6|60.00|10-06\n7|70.00|09-07")
      let code = rule == .adjust ? "closed_period_adjusted" : "closed_period_restated"
      let finding = try #require(outcome.findings.first { $0.code == code })
      #expect(finding.message.contains("5 of 2026-09"), "\(finding.message)")
      // Out of September goes what row 1 was and all of row 3; into it come what rows 1 and 2 are, and row 5.
      #expect(
        try await fixture.query(
          """
          select period, posted_to, image ->> 'id', weight, image ->> 'amount', b.feed from daybook.adjustment
          join daybook.batch b using (batch_id) order by 3, 4
          """)
          == (rule == .restate
            ? ""
            : [(1, -1, "10.00"), (1, 1, "11.00"), (2, 1, "20.00"), (3, -1, "30.00"), (5, 1, "50.00")].map {
              "2026-09-01|2026-11-01|\($0)|\($1)|\($2)|payments"
            }.joined(separator: "\n")))
    }
  }

  @Test func anAdjustmentIsPostedToTheFirstMonthThatIsOpen() async throws {
    try await FeedFixture.with { fixture in
      _ = try await Self.load(Self.before, as: "payments_1.csv", by: .copy, .adjust, fixture)
      for month in ["2026-09", "2026-11", "2026-12"] { try await Self.close(month, in: fixture) }
      _ = try await Self.load(
        paymentsHeader + Self.line(1, "12.00", "2026-09-10"), as: "payments_2.csv", by: .copy, .adjust, fixture)
      #expect(try await fixture.query("select distinct posted_to from daybook.adjustment") == "2027-01-01")
    }
  }

  /// Months end at midnight where the project is, whatever the clocks do there.
  @Test(
    arguments: Path.allCases,
    [
      // Winter: five hours behind.
      ("2026-02", "2026-03-01T04:30:00Z", "2026-03-01T05:00:00Z"),
      // Summer, four hours; and October, which ends on the eve of the change back.
      ("2026-03", "2026-04-01T03:30:00Z", "2026-04-01T04:00:00Z"),
      ("2026-10", "2026-11-01T03:30:00Z", "2026-11-01T04:00:00Z"),
    ])
  func aMonthEndsAtMidnightOfTheProjectsTimeZone(_ path: Path, _ edge: (month: String, last: String, next: String))
    async throws
  {
    try await FeedFixture.with { fixture in
      _ = try await Self.load(
        paymentsHeader + Self.line(1, "1.00", "2026-01-01"), as: "payments_1.csv", by: .copy, .quarantine, fixture)
      try await Self.close(edge.month, in: fixture)
      let outcome = try await Self.load(
        paymentsHeader + Self.line(2, "2.00", edge.last) + Self.line(3, "3.00", edge.next), as: "payments_2.csv",
        by: path, .quarantine, fixture)
      #expect(outcome.rows == RowCounts(read: 2, inserted: 1, rejected: 1))
      #expect(try await fixture.query("select id from finance.payments order by 1") == "1\n3")
    }
  }

  // MARK: Other feeds

  @Test func aSnapshotLeavesClosedMonthsAloneAndGoesOnDeletingElsewhere() async throws {
    try await FeedFixture.with { fixture in
      let feed = Self.dated(mode: .snapshot(maxDeletes: .count(1)))
      _ = try await Self.load(Self.before, as: "payments_1.csv", feed, by: .copy, .quarantine, fixture)
      try await Self.close(Self.september, in: fixture)
      // Rows 1 and 7 of September are gone, 2 of October is too, and 4 moves into September.
      let outcome = try await Self.load(
        paymentsHeader + Self.line(3, "30.00", "2026-10-01T03:30:00Z") + Self.line(4, "40.00", "2026-09-02"),
        as: "payments_2.csv", feed, by: .copy, .quarantine, fixture)
      #expect(outcome.rows == RowCounts(read: 2, unchanged: 1, deleted: 1, rejected: 1), "\(outcome.findings)")
      #expect(
        try await fixture.query("select string_agg(id::text, ' ' order by id) from finance.payments") == "1 3 4 7")
      let finding = try #require(outcome.findings.first { $0.code == "closed_period_kept" })
      #expect(finding.message == "2 rows of closed months are not in the file and stay in the table")
    }
  }

  @Test func whatASnapshotDeletesFromAClosedMonthIsPostedElsewhere() async throws {
    try await FeedFixture.with { fixture in
      let feed = Self.dated(mode: .snapshot(maxDeletes: .count(4)))
      _ = try await Self.load(Self.before, as: "payments_1.csv", feed, by: .copy, .adjust, fixture)
      try await Self.close(Self.september, in: fixture)
      let outcome = try await Self.load(
        paymentsHeader + Self.line(2, "20.00", "2026-10-05"), as: "payments_2.csv", feed, by: .copy, .adjust, fixture)
      #expect(outcome.rows == RowCounts(read: 1, unchanged: 1, deleted: 4))
      #expect(
        try await fixture.query("select sum(weight * (image ->> 'amount')::numeric), count(*) from daybook.adjustment")
          == "-110.00|3")
    }
  }

  @Test func aFeedWithoutAKeyHoldsBackToo() async throws {
    try await FeedFixture.with { fixture in
      var feed = Self.dated()
      feed.key = []
      _ = try await Self.load(Self.before, as: "payments_1.csv", feed, by: .copy, .quarantine, fixture)
      try await Self.close(Self.september, in: fixture)
      for (number, path) in Path.allCases.enumerated() {
        let outcome = try await Self.load(
          paymentsHeader + Self.line(8, "8.00", "2026-09-30") + Self.line(9 + number, "9.00", "2026-10-30"),
          as: "payments_\(2 + number).csv", feed, by: path, .quarantine, fixture)
        #expect(outcome.rows == RowCounts(read: 2, inserted: 1, rejected: 1))
      }
    }
  }

  @Test func aRowThatRefersToAHeldRowOfItsOwnFileIsAnOrphan() async throws {
    try await FeedFixture.with { fixture in
      var nodes = feed(
        "nodes", limit: .count(10),
        [
          column("id", .bigint),
          column("parent", .bigint, optional: true, references: ColumnReference(feed: "nodes", column: "id")),
          column("day", .date),
        ])
      nodes.periodColumn = "day"
      try fixture.deliver("nodes_1.csv", "id,parent,day\n1,,2026-08-01\n")
      _ = try await fixture.ingest(nodes, late: .quarantine)
      try await Self.close(Self.september, in: fixture)
      try fixture.deliver(
        "nodes_2.csv", "id,parent,day\n2,,2026-09-01\n3,2,2026-10-01\n4,3,2026-10-01\n5,1,2026-10-01\n1,2,2026-08-01\n")
      let outcome = try await fixture.ingest(nodes, late: .quarantine)
      #expect(outcome.rows == RowCounts(read: 5, inserted: 1, rejected: 4), "\(outcome.findings)")
      #expect(
        try await fixture.query("select line, code from daybook.reject order by 1")
          == "2|closed_period\n3|orphan_reference\n4|orphan_reference\n6|orphan_reference")
      #expect(try await fixture.query("select id, parent from finance.nodes order by 1") == "1|\n5|1")
    }
  }

  // MARK: Beside other refusals

  @Test(arguments: Path.allCases)
  func otherRefusalsGoOnCountingTowardTheLimit(_ path: Path) async throws {
    try await FeedFixture.with { fixture in
      _ = try await Self.load(Self.before, as: "payments_1.csv", by: .copy, .quarantine, fixture)
      try await Self.close(Self.september, in: fixture)
      let outcome = try await Self.load(
        Self.late + "x,1,payment,1.00,USD,2026-10-01\n", as: "payments_2.csv", by: path, .quarantine, fixture)
      #expect(outcome.status == .refused)
      let error = try #require(outcome.findings.first { $0.code == "reject_limit" })
      #expect(error.message == "feed payments: 1 of 8 records was refused, the limit is 0", "\(error.message)")
    }
  }

  @Test(arguments: Path.allCases)
  func aRowThatTheServerRefusesCostsItselfBesideHeldOnes(_ path: Path) async throws {
    try await FeedFixture.with { fixture in
      let feed = Self.dated(limit: .count(1))
      _ = try await Self.load(Self.before, as: "payments_1.csv", feed, by: .copy, .quarantine, fixture)
      _ = try await fixture.database.psql(
        """
        create function finance.dislike() returns trigger language plpgsql as
          $$ begin if new.amount = 60 then raise exception 'no sixties'; end if; return new; end $$;
        create trigger dislike before insert or update on finance.payments for each row execute function finance.dislike()
        """)
      try await Self.close(Self.september, in: fixture)
      let outcome = try await Self.load(Self.late, as: "payments_2.csv", feed, by: path, .quarantine, fixture)
      #expect(outcome.rows == RowCounts(read: 7, updated: 1, unchanged: 1, rejected: 5), "\(outcome.findings)")
      #expect(
        try await fixture.query("select code, count(*) from daybook.reject group by 1 order by 1")
          == "closed_period|4\nserver_refused|1")
      let told = outcome.findings.first { $0.code == "rejects" }
      #expect(told?.message == "1 of 7 records of feed payments was refused, the limit is 1")
    }
  }

  // MARK: Afterwards

  @Test func aHeldRowIsRequeuedOnceItsMonthIsOpen() async throws {
    try await FeedFixture.with { fixture in
      _ = try await Self.load(Self.before, as: "payments_1.csv", by: .copy, .quarantine, fixture)
      try await Self.close(Self.september, in: fixture)
      _ = try await Self.load(Self.late, as: "payments_2.csv", by: .copy, .quarantine, fixture)
      let path = fixture.directory.appending("held.csv")
      try await fixture.pool.withConnection { connection in
        let entries = try await FileLedger.rejects(.open(feed: "payments"), on: connection)
        let files = try await FileLedger.headers(ofFiles: Set(entries.map(\.fileID)).sorted(), on: connection)
        _ = try RejectsExport(feed: Self.dated()).write(entries, files: files, to: path)
      }
      // While the month is closed they are refused again, and stay open.
      let early = try await fixture.ingest(Self.dated(), .correction(path), late: .quarantine)
      #expect(early.rows == RowCounts(read: 4, rejected: 4))
      #expect(early.findings.contains { $0.code == "refused_again" })
      #expect(try await fixture.query("select count(*) from daybook.reject where resolved_at is null") == "4")
      _ = try await fixture.pool.withConnection { connection in
        try await PeriodLedger.reopen(CivilDate("2026-09-01")!, by: "test", on: connection)
      }
      let outcome = try await fixture.ingest(Self.dated(), .correction(path), late: .quarantine)
      #expect(outcome.rows == RowCounts(read: 4, inserted: 1, updated: 3), "\(outcome.findings)")
      #expect(try await fixture.query("select count(*) from daybook.reject where resolved_at is null") == "0")
      #expect(try await fixture.query("select sum(amount) from finance.payments") == "282.00")
    }
  }

  @Test func whileAMonthIsClosedNoChangeIsTooLargeToBeToldByImages() async throws {
    try await FeedFixture.with { fixture in
      try await Self.close(Self.september, in: fixture)
      // Large enough to go straight into the empty table, were nothing closed.
      let rows = (1...25_000).map { Self.line($0, "1.00", $0 <= 10 ? "2026-09-10" : "2026-10-10") }.joined()
      let first = try await Self.load(paymentsHeader + rows, as: "payments_1.csv", by: .copy, .adjust, fixture)
      #expect(first.rows == RowCounts(read: 25_000, inserted: 25_000))
      let again = (1...25_000).map { Self.line($0, "2.00", $0 <= 10 ? "2026-09-10" : "2026-10-10") }.joined()
      _ = try await Self.load(paymentsHeader + again, as: "payments_2.csv", by: .copy, .adjust, fixture)
      #expect(
        try await fixture.query("select kind, rows_plus, rows_minus from daybook.batch order by batch_id")
          == "delta|25000|0\ndelta|25000|25000")
      #expect(
        try await fixture.query("select count(*), sum(weight * (image ->> 'amount')::numeric) from daybook.adjustment")
          == "30|20.00")
      #expect(
        try await fixture.query(
          "select count(*) from pg_indexes where tablename = 'payments' and schemaname = 'finance'")
          == "2")
    }
  }

  @Test(arguments: Path.allCases)
  func anAdjustmentCommitsWithItsRowsOrNotAtAll(_ path: Path) async throws {
    try await FeedFixture.with { fixture in
      _ = try await Self.load(Self.before, as: "payments_1.csv", by: .copy, .adjust, fixture)
      try await Self.close(Self.september, in: fixture)
      // Fails at the COMMIT, as a lost server would.
      _ = try await fixture.database.psql(
        """
        create function finance.lose() returns trigger language plpgsql as
          $$ begin raise exception 'lost' using errcode = '57014'; end $$;
        create constraint trigger lose after insert on daybook.adjustment deferrable initially deferred
          for each row execute function finance.lose()
        """)
      await #expect(throws: (any Error).self) {
        _ = try await Self.load(Self.late, as: "payments_2.csv", by: path, .adjust, fixture)
      }
      #expect(try await fixture.query("select count(*) from daybook.adjustment") == "0")
      #expect(try await fixture.query("select amount from finance.payments where id = 1") == "10.00")
      _ = try await fixture.database.psql("drop trigger lose on daybook.adjustment")
      _ = try await Self.load(Self.late, as: "payments_2.csv", by: path, .adjust, fixture)
      #expect(
        try await fixture.query("select count(*), sum(weight * (image ->> 'amount')::numeric) from daybook.adjustment")
          == "5|41.00")
      #expect(try await fixture.query("select sum(amount) from finance.payments") == "282.00")
    }
  }

  @Test func aFeedThatNamesNoPeriodIsNotAskedAboutClosedMonths() async throws {
    try await FeedFixture.with { fixture in
      let feed = payments(limit: .count(0))
      _ = try await Self.load(Self.before, as: "payments_1.csv", feed, by: .copy, .quarantine, fixture)
      try await Self.close(Self.september, .hard, in: fixture)
      let outcome = try await Self.load(Self.late, as: "payments_2.csv", feed, by: .copy, .quarantine, fixture)
      #expect(outcome.rows == RowCounts(read: 7, inserted: 2, updated: 4, unchanged: 1))
    }
  }

  // MARK: Any nights

  /// Whatever nights bring, and however months are closed and opened between them: a closed month has moved by its
  /// adjustments and by nothing else, and one that is closed hard has not moved.
  @Test(arguments: [UInt64(1), 2, 3], Path.allCases)
  func aClosedMonthMovesByItsAdjustmentsAndByNothingElse(_ seed: UInt64, _ path: Path) async throws {
    try await FeedFixture.with { fixture in
      var random = SeededRandom(seed: seed)
      let months = (1...6).map { "2026-0\($0)" }
      var closed: [String: ClosedMonth.State] = [:]
      _ = try await fixture.database.psql("create table kept (month text primary key, amount numeric)")
      for night in 1...12 {
        var text = paymentsHeader
        for _ in 0..<30 {
          let month = months[Int(random.next() % 6)]
          // The first and the last half hour of a month among others.
          let time = ["01 00:10", "15 12:00", "\(month == "2026-02" ? 28 : 30) 23:40"][Int(random.next() % 3)]
          text += Self.line(
            1 + Int(random.next() % 40), "\(1 + random.next() % 500).\(10 + random.next() % 90)", "\(month)-\(time)")
        }
        let feed = Self.dated(
          limit: .count(1000), mode: night % 5 == 0 && path == .copy ? .snapshot(maxDeletes: .count(100)) : .delta)
        let outcome = try await Self.load(text, as: "payments_\(night).csv", feed, by: path, .adjust, fixture)
        #expect(outcome.status == .loaded, "\(outcome.findings)")
        let moved = """
          with true_now as (
            select to_char(at at time zone 'America/New_York', 'YYYY-MM') as month, sum(amount) as amount
            from finance.payments group by 1),
          posted as (
            select to_char(period, 'YYYY-MM') as month, sum(weight * (image ->> 'amount')::numeric) as amount
            from daybook.adjustment where withdrawn_at is null group by 1)
          select k.month from kept k left join true_now t using (month) left join posted p using (month)
          where coalesce(t.amount, 0) <> k.amount + coalesce(p.amount, 0)
          """
        #expect(try await fixture.query(moved) == "", "seed \(seed), night \(night)")
        for _ in 0..<2 {
          let month = months[Int(random.next() % 6)]
          if closed.removeValue(forKey: month) != nil {
            let first = try #require(CivilDate("\(month)-01"))
            _ = try await fixture.pool.withConnection { try await PeriodLedger.reopen(first, by: "test", on: $0) }
            _ = try await fixture.database.psql("delete from kept where month = '\(month)'")
          } else {
            let state: ClosedMonth.State = random.next() % 3 == 0 ? .hard : .soft
            closed[month] = state
            try await Self.close(month, state, in: fixture)
            _ = try await fixture.database.psql(
              """
              insert into kept select '\(month)', coalesce(sum(amount), 0) from finance.payments
              where to_char(at at time zone 'America/New_York', 'YYYY-MM') = '\(month)'
              """)
          }
        }
      }
      #expect(try await fixture.query("select count(*) > 20 from daybook.adjustment") == "t")
      #expect(try await fixture.query("select count(*) > 20 from daybook.reject where code = 'closed_period'") == "t")
    }
  }
}
