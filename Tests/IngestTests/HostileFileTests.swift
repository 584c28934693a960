// Files made to be lost, to stop the night, or to be written through: each must be named, and nothing go missing.

import Definitions
import Finding
import Glibc
import Ledger
import Postgres
import TestSupport
import Testing

@testable import Ingest

@Suite struct HostileFileTests {
  static let line = "2026-11-19 10:00:00"

  @Test func aMatchingFileWhoseNameIsNoUTF8FailsInsteadOfBeingPassedOver() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", paymentsHeader + "1,,payment,1.00,USD,\(Self.line)\n")
      let from = fixture.directory.appending("inbox/payments_1.csv")
      let name: [CChar] =
        fixture.directory.appending("inbox/payments_").utf8.map { CChar(bitPattern: $0) }
        + [-1, 0x2E, 0x63, 0x73, 0x76, 0]
      try #require(rename(from, name) == 0)
      let error = await #expect(throws: IngestError.self) { try await fixture.ingest(payments()) }
      #expect(error?.kind == .unreadable)
      #expect(error?.diagnostics.first?.fix == "rename the file, then run again")
      #expect(error?.diagnostics.first?.position?.file == "inbox/payments_\u{FFFD}.csv")
      try #require(rename(name, from) == 0)
      #expect(try await fixture.ingest(payments()).rows.inserted == 1)
    }
  }

  @Test func aControlSumBeyond38DigitsRefusesTheFileAndIsNoBug() async throws {
    try await FeedFixture.with { fixture in
      let wide = feed(
        "wide",
        [
          column("id", .bigint), column("amount", .decimal(precision: 38, scale: 0), control: "currency"),
          column("currency", .text),
        ])
      let nines = String(repeating: "9", count: 38)
      for rows in [2, 30] {
        try fixture.deliver(
          "wide_1.csv", "id,amount,currency\n" + (1...rows).map { "\($0),\(nines),USD\n" }.joined())
        let error = await #expect(throws: IngestError.self) { try await fixture.ingest(wide) }
        #expect(error?.kind == .reconciliation)
        #expect(error?.diagnostics.first?.notes.first?.contains("38 digits") == true)
        #expect(error?.diagnostics.first?.fix?.contains("trigger") == false)
        #expect(try await fixture.query("select to_regclass('finance.wide') is null") == "t")
      }
    }
  }

  @Test(arguments: [
    (String(repeating: "1", count: 131_072), true), (String(repeating: "1", count: 131_073), false),
    ("0." + String(repeating: "1", count: 16_383), true), ("0." + String(repeating: "1", count: 16_384), false),
    ("1e9999", true), (String(repeating: "1", count: 130_000) + "e9999", false), ("1e-9999", true),
    ("0." + String(repeating: "1", count: 10_000) + "e-9999", false), ("-0.0E+5", true),
  ])
  func aJSONNumberThatNoNumericHoldsIsOneRejectAndNotAFailedCopy(number: String, isGood: Bool) async throws {
    try await FeedFixture.with { fixture in
      let documents = feed("documents", [column("id", .bigint), column("j", .json)])
      try fixture.deliver("documents_1.csv", "id,j\n1,{}\n2,\(number)\n")
      let outcome = try await fixture.ingest(documents)
      #expect(outcome.rows == RowCounts(read: 2, inserted: isGood ? 2 : 1, rejected: isGood ? 0 : 1))
    }
  }

  @Test func aHeaderWithAMillionEmptyNamesIsRefusedInFewWords() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver(
        "payments_1.csv", paymentsHeader.dropLast() + String(repeating: ",", count: 1_000_000) + "\n")
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.status == .refused)
      #expect(outcome.findings.count <= HeaderMatch.maximumErrors + 1)
      #expect(outcome.findings.first?.code == "duplicate_header")
    }
  }

  @Test func aSnapshotWithRefusedRecordsSaysThatItsDeletesWereWithheld() async throws {
    try await FeedFixture.with { fixture in
      let snapshot = payments(mode: .snapshot(maxDeletes: .count(9)))
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...3))
      _ = try await fixture.ingest(snapshot)
      try fixture.deliver("payments_2.csv", SafetyTests.file(1...1) + "x,,payment,1.00,USD,\(Self.line)\n")
      let outcome = try await fixture.ingest(snapshot)
      #expect(outcome.rows.deleted == 0)
      #expect(outcome.findings.first { $0.code == "nothing_deleted" }?.message.hasPrefix("2 of the table") == true)
    }
  }

  @Test(arguments: ["id", ""])
  func aTableThatIsGoneWithLoadedRowsStopsTheFeedInsteadOfBeginningAnew(key: String) async throws {
    try await FeedFixture.with { fixture in
      let plain = feed("plain", key: key.isEmpty ? [] : [key], [column("id", .bigint)])
      try fixture.deliver("plain_1.csv", "id\n1\n2\n")
      _ = try await fixture.ingest(plain)
      try await fixture.database.psql("drop table finance.plain")
      try fixture.deliver("plain_2.csv", "id\n3\n")
      let error = await #expect(throws: IngestError.self) { try await fixture.ingest(plain) }
      #expect(error?.kind == .tableDrift)
      #expect(error?.diagnostics.first?.message.contains("2 rows of 1 loaded files") == true)
      #expect(try await fixture.query("select to_regclass('finance.plain') is null") == "t")
      // What it says to type is what helps.
      let fix = try #require(error?.diagnostics.first?.fix)
      let update = try #require(fix.split(separator: "then ").last)
      try await fixture.database.psql(String(update))
      #expect(try await fixture.ingest(plain).rows.inserted == 3)
    }
  }

  @Test func theStagingOfAKilledRunGoesAlsoOnANightWithoutFiles() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...3))
      _ = try await fixture.ingest(payments())
      let run = String(repeating: "0", count: 32)
      try await fixture.database.psql("create unlogged table daybook.staging_\(run)_1_0 (n int)")
      #expect(try await fixture.ingest(payments()).status == .nothingNew)
      #expect(try await fixture.stagingTables() == "0")
    }
  }

  private static let headers = [
    (String(repeating: "id,", count: 400_000), "longer than format.max_record_bytes"), ("\"id,at", "never closed"),
    ("i\"d,at", "a quote stands inside"),
  ]

  @Test(arguments: headers)
  func aHeaderThatIsNoRecordIsRefusedInWords(header: String, words: String) async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", header + "\n1,2\n")
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.status == .refused)
      #expect(outcome.findings.first?.message.contains(words) == true)
      #expect(outcome.findings.first?.fix?.contains("max_record_bytes") == words.contains("max_record_bytes"))
    }
  }

  @Test func aLinkThatLeadsNowhereIsNamedWithWhatToDo() async throws {
    try await FeedFixture.with { fixture in
      try #require(symlink("nothing.csv", fixture.directory.appending("inbox/payments_1.csv")) == 0)
      let error = await #expect(throws: IngestError.self) { try await fixture.ingest(payments()) }
      #expect(error?.diagnostics.first?.fix?.contains("take it out of the inbox") == true)
    }
  }

  @Test func rejectsAreNotWrittenThroughALinkOutOfOutput() async throws {
    try await FeedFixture.with { fixture in
      let victim = fixture.directory.appending("victim")
      for folder in [victim, fixture.directory.appending("Output")] { try #require(mkdir(folder, 0o755) == 0) }
      try #require(symlink(victim, fixture.directory.appending("Output/rejects")) == 0)
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...1) + "x,,payment,1.00,USD,\(Self.line)\n")
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.outputProblem.first?.code == "rejects_file")
      #expect(outcome.rows == RowCounts(read: 2, inserted: 1, rejected: 1))
      #expect(rmdir(victim) == 0)
      // With the link gone, running again writes the list although no file is new.
      #expect(unlink(fixture.directory.appending("Output/rejects")) == 0)
      #expect(try await fixture.ingest(payments()).status == .nothingNew)
      #expect(try fixture.directory.read("Output/rejects/2026-11-20/payments.csv").contains("wrong_type"))
    }
  }

  @Test func aFileOfRejectsThatIsCutSaysSo() async throws {
    try await FeedFixture.with { fixture in
      let bad = (1...3).map { "x\($0),,payment,1.00,USD,\(Self.line)\n" }.joined()
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...1) + bad)
      _ = try await fixture.ingest(payments())
      let file = RejectsFile(
        output: fixture.directory.appending("Output"), feed: "payments", asOf: FeedFixture.asOf)
      let whole = try await fixture.pool.withConnection { try await file.write(on: $0, atMost: 3).isCut }
      let cut = try await fixture.pool.withConnection { try await file.write(on: $0, atMost: 2).isCut }
      #expect(!whole && cut)
    }
  }

  @Test func theFileOfRejectsIsNotWrittenThroughALinkInItsPlace() throws {
    try TemporaryDirectory.with { directory in
      let victim = try directory.write("keep", to: "victim")
      let path = directory.appending("out.csv")
      try #require(symlink(victim, "\(path).\(getpid()).tmp") == 0)
      #expect(replaceFile(path, with: Array("new".utf8)) == 0)
      #expect(try directory.read("victim") == "keep")
      #expect(try directory.read("out.csv") == "new")
    }
  }
}
