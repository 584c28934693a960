// What must never happen quietly: money that changes on the way, tables that drift, files that change or escape,
// half-done work after a cancel or a kill.

import Definitions
import Finding
import Glibc
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@testable import Ingest

@Suite struct SafetyTests {
  static let line = "2026-11-19 10:00:00"
  static func file(_ ids: ClosedRange<Int>, amount: String = "1.00") -> String {
    paymentsHeader + ids.map { "\($0),,payment,\(amount),USD,\(line)\n" }.joined()
  }

  static let faults: [String] = [
    // A trigger that changes an amount on its way in.
    "create function f() returns trigger language plpgsql as $$begin new.amount := new.amount + 0.01; return new; end$$;"
      + "create trigger t before insert on finance.payments for each row execute function f()",
    // One that swallows a row.
    "create function f() returns trigger language plpgsql as $$begin if new.id = 5 then return null; end if; return new; end$$;"
      + "create trigger t before insert on finance.payments for each row execute function f()",
    // One that changes another row afterwards.
    "create function f() returns trigger language plpgsql as $$begin update finance.payments set amount = 0 where id = 1; return null; end$$;"
      + "create trigger t after insert on finance.payments for each statement execute function f()",
    // One that changes an amount when a row is corrected.
    "create function f() returns trigger language plpgsql as $$begin new.amount := 3; return new; end$$;"
      + "create trigger t before update on finance.payments for each row execute function f()",
  ]

  @Test(arguments: faults)
  func aTableThatDoesNotKeepWhatItIsGivenFailsReconciliation(fault: String) async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.file(1...3))
      _ = try await fixture.ingest(payments())
      let before = try await fixture.query("select * from finance.payments order by id")
      try await fixture.database.psql(fault)
      try fixture.deliver(
        "payments_2.csv",
        paymentsHeader
          + "3,,payment,2.00,USD,\(Self.line)\n4,,payment,2.00,USD,\(Self.line)\n5,,payment,2.00,USD,\(Self.line)\n")
      let error = await #expect(throws: IngestError.self) { try await fixture.ingest(payments()) }
      #expect(error?.kind == .reconciliation)
      #expect(try await fixture.query("select * from finance.payments order by id") == before)
      #expect(try await fixture.query("select count(*) from daybook.file") == "1")
      #expect(try await fixture.query("select version from daybook.data_version where relation = 'payments'") == "1")
      #expect(try await fixture.stagingTables() == "0")
    }
  }

  @Test func draftsOfKilledProcessesAreRemovedAndThoseOfLivingOnesAreNot() throws {
    try TemporaryDirectory.with { directory in
      // No process has the greatest number that there can be.
      let dead = try directory.write("half", to: "orders.csv.4194305.tmp")
      let living = try directory.write("half", to: "orders.csv.1.tmp")
      let other = try directory.write("half", to: "orders.csv.old.tmp")
      let path = directory.appending("orders.csv")
      #expect(leftOverDrafts(of: path) == [dead])
      #expect(replaceFile(path, with: Array("whole".utf8)) == 0)
      #expect([dead, living, other, path].map(isPresent) == [false, true, true, true])
    }
  }

  @Test func aServerErrorNamesTheFeedAndLeavesNothing() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.file(1...3))
      _ = try await fixture.ingest(payments())
      try await fixture.database.psql(
        """
        create function g() returns trigger language plpgsql as
          $$begin raise exception 'closed' using errcode = '42501'; end$$;
        create trigger t before insert on finance.payments for each row execute function g()
        """)
      try fixture.deliver("payments_2.csv", Self.file(4...6))
      let error = await #expect(throws: IngestError.self) { try await fixture.ingest(payments()) }
      #expect(error?.kind == .database)
      #expect(error?.underlying?.sqlState == "42501")
      #expect(error?.isTransient == false)
      #expect(error?.description.contains("feed payments") == true)
      #expect(try await fixture.query("select count(*) from finance.payments") == "3")
      #expect(try await fixture.stagingTables() == "0")
    }
  }

  @Test func aNewOptionalColumnIsAddedEvenOnANightWithoutFiles() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.file(1...1))
      _ = try await fixture.ingest(payments())
      let wider = payments(hash: "2", extra: [column("note", .text, optional: true, oneOf: ["a", "b"])])
      #expect(try await fixture.ingest(wider).status == .nothingNew)
      #expect(
        try await fixture.query(
          "select count(*) from information_schema.columns where table_name = 'payments' and column_name = 'note'")
          == "1")
      try fixture.deliver("payments_2.csv", "note,id,kind,amount,currency,at\na,1,payment,1.00,USD,\(Self.line)\n")
      let outcome = try await fixture.ingest(wider)
      #expect(outcome.rows == RowCounts(read: 1, updated: 1))
      #expect(outcome.findings.map(\.code) == ["column_absent"])
      // A file of the old shape leaves the new column as it is.
      try fixture.deliver("payments_3.csv", Self.file(1...1, amount: "2.00"))
      _ = try await fixture.ingest(wider)
      #expect(try await fixture.query("select amount, note from finance.payments") == "2.00|a")
    }
  }

  @Test(arguments: [
    ("alter table finance.payments alter column amount type numeric(14,1)", "numeric(14,1)"),
    ("alter table finance.payments alter column currency drop not null", "may be null"),
    ("alter table finance.payments drop constraint payments_kind_one_of", "has no check"),
    (
      "alter table finance.payments drop constraint payments_amount_minimum, add constraint payments_amount_minimum check (amount >= -5)",
      "'-5'"
    ),
    ("alter table finance.payments drop constraint payments_pkey", "primary key"),
    ("alter table finance.payments drop column currency", "has no column"),
    ("alter table finance.payments add column x int not null", "needs a value"),
  ])
  func aTableThatDriftedIsRefusedWithTheStatementToRun(change: String, says: String) async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", paymentsHeader + "1,7,payment,9.00,USD,\(Self.line)\n")
      _ = try await fixture.ingest(payments())
      if change.contains("add column") { try await fixture.database.psql("truncate finance.payments") }
      try await fixture.database.psql(change)
      try fixture.deliver("payments_2.csv", Self.file(2...2))
      let error = await #expect(throws: IngestError.self) { try await fixture.ingest(payments()) }
      #expect(error?.kind == .tableDrift)
      #expect(error?.description.contains(says) == true, "\(String(describing: error))")
      #expect(error?.description.contains("alter table \"finance\".\"payments\"") == true)
    }
  }

  @Test func headersAreMatchedByNameAndBadOnesRefuseTheFile() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", "extra,at,currency,amount,kind,id\nx,\(Self.line),USD,1.00,payment,1\n")
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.rows == RowCounts(read: 1, inserted: 1))
      #expect(Set(outcome.findings.map(\.code)) == ["column_extra", "column_absent"])
      try fixture.deliver("payments_2.csv", "id,kind,amuont,currency,at\n2,payment,1.00,USD,\(Self.line)\n")
      let refused = try await fixture.ingest(payments())
      #expect(refused.status == .refused)
      #expect(refused.findings.first?.code == "column_missing")
      #expect(refused.findings.first?.fix?.contains("amuont") == true)
      try fixture.deliver("payments_2.csv", "id,id,kind,amount,currency,at\n2,2,payment,1.00,USD,\(Self.line)\n")
      #expect(try await fixture.ingest(payments()).findings.first?.code == "duplicate_header")
      #expect(try await fixture.query("select count(*) from finance.payments") == "1")
      // Nothing of the header is known: the format is wrong, not the names.
      try fixture.deliver("payments_2.csv", "id;kind;amount;currency;at\n2;payment;1.00;USD;\(Self.line)\n")
      let foreign = try await fixture.ingest(payments())
      #expect(foreign.findings.map(\.message) == ["the header has none of the feed's columns"])
      #expect(foreign.findings.first?.fix?.contains("daybook feed infer inbox/payments_2.csv") == true)
    }
  }

  @Test(arguments: [
    ["a_2.csv", "a_9.csv", "a_10.csv", "a_100.csv"], ["a_2025-12-31.csv", "a_2026-1-5.csv", "a_2026-01-31.csv"],
    ["a_2026-11-9.csv", "a_2026-11-10.csv", "a_2026-11-10_2.csv", "a_2026-11-20.csv"],
    ["a_20251231.csv", "a_20260101.csv", "a_20260101.csv.gz"], ["a_007.csv", "a_07.csv", "a_7.csv", "a_08.csv"],
    ["B_1.csv", "a_1.csv", "ä_1.csv"], ["a", "a1", "a1b", "a1b0", "a1b1", "a2"],
    ["a_1.csv", "a_99999999999999999999999998.csv", "a_99999999999999999999999999.csv"],
  ])
  func filesAreLoadedInTheOrderOfTheirNumbers(names: [String]) {
    for (place, name) in names.enumerated() {
      for (other, another) in names.enumerated() {
        #expect(FileOrder.precedes(name, another) == (place < other), "\(name) \(another)")
      }
    }
  }

  @Test func linksOutOfTheInboxAreNotFollowedAndFoldersPassedOver() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.file(1...1))
      let secret = try fixture.directory.write(Self.file(2...9), to: "elsewhere/secret.csv")
      let inbox = fixture.directory.appending("inbox")
      #expect(symlink(secret, inbox + "/payments_2.csv") == 0)
      #expect(symlink(inbox + "/payments_1.csv", inbox + "/payments_3.csv") == 0)
      #expect(mkdir(inbox + "/payments_4.csv", 0o755) == 0)
      #expect(mkfifo(inbox + "/payments_5.csv", 0o644) == 0)
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.rows.inserted == 1)
      #expect(outcome.findings.map(\.code) == ["outside_inbox", "not_a_file", "not_a_file"])
    }
  }

  @Test(arguments: ["gz", "zst"])
  func compressedFilesLoadAndTheirRejectsHaveTheirBytes(suffix: String) async throws {
    try await FeedFixture.with { fixture in
      let people = feed(
        "people",
        [
          column("id", .bigint),
          column("boss", .bigint, optional: true, references: ColumnReference(feed: "people", column: "id")),
        ])
      let plain = try fixture.directory.write(
        "id,boss\n" + (1...20_000).map { "\($0),\($0 == 15_000 ? "777777" : "")\n" }.joined(), to: "people_1.csv")
      let target = fixture.directory.appending("inbox/people_1.csv.\(suffix)")
      let command = suffix == "gz" ? "gzip -c \(plain) > \(target)" : "zstd -q \(plain) -o \(target)"
      try #require(systemCommand(command) == 0)
      let outcome = try await fixture.ingest(people)
      #expect(outcome.rows == RowCounts(read: 20_000, inserted: 19_999, rejected: 1))
      #expect(
        try await fixture.query("select line, convert_from(raw, 'UTF8') from daybook.reject") == "15001|15000,777777")
      // Cut short, it is refused.
      try #require(
        systemCommand("head -c -20 \(target) > \(fixture.directory.appending("inbox/people_2.csv.\(suffix)"))") == 0)
      #expect(try await fixture.ingest(people).findings.first?.code == "unreadable_file")
    }
  }

  @Test func cancellingLeavesNothing() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.file(1...1))
      _ = try await fixture.ingest(payments())
      try fixture.deliver("payments_2.csv", Self.file(2...120_000))
      // A reader of the table holds the publication up until it is cancelled, with staging full.
      let result = try await fixture.database.withConnection { reader in
        try await reader.execute("begin")
        try await reader.execute("lock table finance.payments in share mode")
        let task = Task { try await fixture.ingest(payments()) }
        while try await fixture.query("select count(*) from pg_locks where not granted") == "0" {}
        task.cancel()
        let result = await task.result
        try await reader.execute("rollback")
        return result
      }
      let error = #expect(throws: IngestError.self) { try result.get() }
      #expect(error?.kind == .cancelled)
      #expect(try await fixture.query("select count(*) from finance.payments") == "1")
      #expect(try await fixture.query("select count(*) from daybook.file") == "1")
      #expect(try await fixture.stagingTables() == "0")
      let again = try await fixture.ingest(payments())
      #expect(again.rows == RowCounts(read: 119_999, inserted: 119_999))
    }
  }

  /// The data is in, and a staging table that stays behind makes no failure of that.
  @Test func whatIsCommittedIsToldSoWhenItsStagingCannotBeDropped() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.database.psql(
        """
        create function public.keep() returns event_trigger language plpgsql as $$begin
          if exists (select from pg_event_trigger_dropped_objects() where object_name like 'staging%') then
            raise 'kept';
          end if;
        end$$
        """, "create event trigger keep on sql_drop execute function public.keep()")
      try fixture.deliver("payments_1.csv", Self.file(1...3) + "x,,payment,1.00,USD,\(Self.line)\n")
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.status == .loaded)
      #expect(outcome.rows == RowCounts(read: 4, inserted: 3, rejected: 1))
      #expect(try await fixture.stagingTables() == "1")
      let path = try fixture.directory.write(
        "_reject_id,id,kind,amount,currency,at\n1,9,payment,1,USD,\(Self.line)\n", to: "good.csv")
      try await fixture.database.psql("alter event trigger keep disable")
      #expect(try await fixture.ingest(payments(), .correction(path)).rows == RowCounts(read: 1, inserted: 1))
      #expect(try await fixture.stagingTables() == "0")
    }
  }

  /// The list of refused records cannot be read any more, right behind the commit.
  @Test(arguments: [LoadStrategy.copy, .insert])
  func whatIsCommittedIsToldSoWhenItsRejectsCannotBeListed(_ load: LoadStrategy) async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try await fixture.database.psql(
        """
        create function f() returns trigger language plpgsql as $$begin
          alter table daybook.reject rename column raw to raw_bytes; return null; end$$
        """,
        """
        create constraint trigger t after insert or update on daybook.file deferrable initially deferred
          for each row when (new.status = 'loaded') execute function f()
        """)
      try fixture.deliver("payments_1.csv", Self.file(1...3) + "x,,payment,1.00,USD,\(Self.line)\n")
      let outcome = try await fixture.ingest(payments().loaded(by: load))
      #expect(outcome.status == .loaded)
      #expect(outcome.rows == RowCounts(read: 4, inserted: 3, rejected: 1))
      let told = outcome.outputProblem.first
      #expect(told?.message.contains("42703") == true, "\(outcome.outputProblem)")
      #expect(told?.notes == ["state: the ledger holds them; what was loaded stays loaded"])
      #expect(try await fixture.query("select count(*) from finance.payments") == "3")
    }
  }

  @Test func stagingOfAKilledRunIsSweptAndThatOfALivingOneIsKept() async throws {
    try await FeedFixture.with { fixture in
      let dead = "staging_\(String(repeating: "a", count: 32))_1f_0"
      let living = StagingArea(runID: .make(), feed: "other")
      let name = living.table(0)
      try await fixture.database.psql(
        "create unlogged table daybook.\(dead) (x int)", "create unlogged table \(name.quoted) (x int)")
      try fixture.deliver("payments_1.csv", Self.file(1...1))
      try await fixture.database.withConnection { owner in
        try await living.lock(on: owner)
        _ = try await fixture.ingest(payments())
      }
      #expect(try await fixture.query("select relname from pg_class where relname like 'staging%'") == name.name)
      // Its owner is gone now.
      try fixture.deliver("payments_2.csv", Self.file(2...2))
      _ = try await fixture.ingest(payments())
      #expect(try await fixture.stagingTables() == "0")
    }
  }

  @Test func aNightWithNothingNewOpensNoFileAndAnotherContentUnderTheSameNameIsSeen() async throws {
    try await FeedFixture.with { fixture in
      let path = try fixture.deliver("payments_1.csv", Self.file(1...1))
      // At rest long enough for the hash to be remembered.
      var times = [timespec(tv_sec: 1_000_000, tv_nsec: 0), timespec(tv_sec: 1_000_000, tv_nsec: 0)]
      try #require(utimensat(AT_FDCWD, path, &times, 0) == 0)
      _ = try await fixture.ingest(payments())
      #expect(try await fixture.ingest(payments()).status == .nothingNew)
      // The same size and modification time, other bytes: the change time gives it away.
      try fixture.deliver("payments_1.csv", Self.file(1...1, amount: "2.00"))
      try #require(utimensat(AT_FDCWD, path, &times, 0) == 0)
      #expect(try await fixture.ingest(payments()).rows == RowCounts(read: 1, updated: 1))
    }
  }

  private func systemCommand(_ command: String) -> Int32 {
    guard let pipe = popen(command, "r") else { return -1 }
    return pclose(pipe)
  }

  @Test func aTableThatIsGoneIsNoticedOnANightWithoutNewFiles() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.file(1...3))
      _ = try await fixture.ingest(payments())
      #expect(try await fixture.ingest(payments()).status == .nothingNew)
      try await fixture.database.psql("drop table finance.payments")
      let error = await #expect(throws: IngestError.self) { try await fixture.ingest(payments()) }
      #expect(error?.kind == .tableDrift)
      #expect(error?.description.contains("is gone, and with it 3 rows") == true)
    }
  }

}
