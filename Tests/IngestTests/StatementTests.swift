// What senders say about their files: control files and trailers are compared before anything is published, kept with
// the file, and a difference or a statement that cannot be understood refuses the file.

import Definitions
import Finding
import Glibc
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@testable import Ingest

@Suite struct StatementTests {
  static let at = "2026-11-19 10:00:00"
  static let three =
    paymentsHeader + "1,,payment,1.00,USD,\(at)\n2,,payment,2.50,USD,\(at)\n3,,refund,4.00,EUR,\(at)\n"
  static let right = "# from the bank\r\n\r\nrows,3\r\namount,USD,3.5\r\namount, EUR ,4.00"

  private func payments(
    _ rule: ControlFileRule = .optional, trailer: TrailerRule? = nil, limit: Limit = .count(1000)
  ) -> FeedDefinition {
    var feed = IngestTests.payments(limit: limit)
    feed.controlFile = rule
    feed.trailer = trailer
    return feed
  }

  @Test func aControlFileThatAgreesIsKeptWithTheFileAndIsNoFeedFile() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.three)
      try fixture.deliver("payments_1.csv.ctl", [0xEF, 0xBB, 0xBF] + Array(Self.right.utf8))
      let outcome = try await fixture.ingest(payments(.required))
      #expect(outcome.status == .loaded)
      #expect(outcome.rows == RowCounts(read: 3, inserted: 3))
      let kept = try await fixture.query(
        "select source, column_name, currency, stated, read from daybook.file_statement order by 2, 3")
      #expect(kept == "control_file|||3|3\ncontrol_file|amount|EUR|4.00|4.00\ncontrol_file|amount|USD|3.5|3.50")
      #expect(try await fixture.query("select name, header[2] from daybook.file") == "payments_1.csv|customer")
    }
  }

  @Test(arguments: [
    ("rows,4\n", "rows: the control file states 4, 3 read, difference -1", 1),
    ("\nrows,3\namount,USD,3.51\n", "amount USD: the control file states 3.51, 3.50 read, difference -0.01", 3),
    ("amount,USD,3.50\n", "amount EUR: the control file states nothing, 4.00 read, difference 4.00", 0),
    (
      "amount,USD,3.50\namount,EUR,4\namount,GBP,1\n", "amount GBP: the control file states 1, 0 read, difference -1", 3
    ),
    ("rows,many\n", "\"many\" is not a number of rows", 1),
    ("rows,-3\n", "\"-3\" is not a number of rows", 1),
    ("rows,3\nrows,3\n", "\"rows\" is stated before, on line 1", 2),
    ("amuont,USD,3.50\n", "\"amuont\" is not a control column of feed payments", 1),
    ("amount,USD,3.5e0\n", "\"3.5e0\" is not an exact sum, such as -123.45", 1),
    ("amount;USD;3.5\n", "the line has 1 field and is no figure", 1),
    ("# nothing\n", "the control file states nothing", 0),
  ])
  func aControlFileThatDiffersRefusesTheFile(text: String, says: String, line: Int) async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.three)
      try fixture.deliver("payments_1.csv.ctl", text)
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.status == .refused)
      let finding = try #require(outcome.findings.first { $0.severity == .error })
      #expect(finding.message.hasSuffix(says), "\(finding)")
      #expect(
        finding.position == SourcePosition(file: "inbox/payments_1.csv.ctl", line: line == 0 ? nil : line))
      #expect(finding.notes.contains { $0.hasPrefix("state: nothing of feed payments is committed") })
      #expect(try await fixture.query("select status, rows_read from daybook.file") == "refused|3")
      // With its figures corrected the same file loads.
      try fixture.deliver("payments_1.csv.ctl", Self.right)
      #expect(try await fixture.ingest(payments()).rows.inserted == 3)
    }
  }

  @Test func aCompressedFileMayHaveItsControlFileUnderEitherName() async throws {
    for name in ["payments_1.csv.gz.ctl", "payments_1.csv.ctl"] {
      try await FeedFixture.with { fixture in
        let plain = try fixture.directory.write(Self.three, to: "plain.csv")
        try #require(shell("gzip -c \(plain) > \(fixture.directory.appending("inbox/payments_1.csv.gz"))") == 0)
        try fixture.deliver(name, "rows,5\n")
        #expect(try await fixture.ingest(payments(.required)).status == .refused)
        #expect(try await fixture.ingest(payments(ControlFileRule.none)).status == .loaded)
      }
    }
  }

  @Test func aFileWaitsForARequiredControlFile() async throws {
    try await FeedFixture.with { fixture in
      let path = try fixture.deliver("payments_1.csv", Self.three)
      // A required feed that has nothing else is missing.
      let missing = await #expect(throws: IngestError.self) { try await fixture.ingest(payments(.required)) }
      #expect(missing?.kind == .missingFeed)
      #expect(missing?.description.contains("payments_1.csv.ctl is not there") == true)
      let named = await #expect(throws: IngestError.self) {
        try await fixture.ingest(payments(.required), .file(path, reload: false))
      }
      #expect(named?.kind == .fileRefused)
      try fixture.deliver("payments_1.csv.ctl", Self.right)
      #expect(try await fixture.ingest(payments(.required)).status == .loaded)
      // On a later night it waits, and the files beside it are loaded.
      try fixture.deliver("payments_2.csv", paymentsHeader + "8,,payment,1.00,USD,\(Self.at)\n")
      try fixture.deliver("payments_3.csv", paymentsHeader + "9,,payment,1.00,USD,\(Self.at)\n")
      try fixture.deliver("payments_3.csv.ctl", "rows,1\n")
      let outcome = try await fixture.ingest(payments(.required))
      #expect(outcome.rows.inserted == 1)
      #expect(outcome.findings.map(\.code) == ["control_file_absent"])
      #expect(outcome.findings.first?.severity == .warning)
      let quiet = try await fixture.ingest(payments(.required))
      #expect(quiet.status == .nothingNew)
      #expect(quiet.findings.map(\.code) == ["control_file_absent"])
    }
  }

  @Test func aControlFileIsBoundedAndALinkOutOfTheInboxIsNotFollowed() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.three)
      let secret = try fixture.directory.write("rows,3\n", to: "elsewhere/secret")
      let link = fixture.directory.appending("inbox/payments_1.csv.ctl")
      #expect(symlink(secret, link) == 0)
      #expect(try await fixture.ingest(payments()).findings.first?.message.contains("a link out of the inbox") == true)
      unlink(link)
      try fixture.deliver("payments_1.csv.ctl", [UInt8](repeating: 0x0A, count: ControlFile.maximumBytes + 1))
      #expect(try await fixture.ingest(payments()).findings.first?.message.contains("more than 1048576 bytes") == true)
      #expect(try await fixture.query("select to_regclass('finance.payments') is null") == "t")
    }
  }

  // MARK: Trailers

  static let trailer = TrailerRule(
    marker: "TRL", rowsField: 2,
    sums: [
      TrailerRule.Sum(column: "amount", group: "USD", field: 3),
      TrailerRule.Sum(column: "amount", group: "EUR", field: 4),
    ])

  @Test(arguments: ["TRL,0003,3.50,4.00\n", "\"TRL\",3,3.5,4,and,more,fields,than,columns", "TRL,3,3.50,4.00\r\n\r\n"])
  func aTrailerThatAgreesIsNoRow(trailer: String) async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.three + trailer)
      let outcome = try await fixture.ingest(payments(trailer: Self.trailer, limit: .count(0)))
      #expect(outcome.rows == RowCounts(read: 3, inserted: 3), "\(outcome.findings)")
      #expect(
        try await fixture.query("select source, count(*) from daybook.file_statement group by 1") == "trailer|3")
    }
  }

  @Test(arguments: [
    ("", "no record begins with \"TRL\", so its end is missing"),
    ("TRL,3,3.50,4.00\n9,,payment,1.00,USD,2026-11-19 10:00:00\n", "1 record stands behind the trailer"),
    ("TRL,3,3.50,4.00\nTRL,3,3.50,4.00\n", "1 record stands behind the trailer"),
    ("TRL,2,3.50,4.00\n", "rows: the trailer states 2, 3 read, difference 1"),
    ("TRL,3,3.50,4.01\n", "amount EUR: the trailer states 4.01, 4.00 read, difference -0.01"),
    ("TRL,3,3.50\n", "the trailer has 3 fields, and the sum of amount is to be in field 4"),
    ("TRL,x,3.50,4.00\n", "\"x\" in field 2 of the trailer is not the number of rows"),
  ])
  func aTrailerThatIsMissingMisplacedOrDiffersRefusesTheFile(end: String, says: String) async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.three + end)
      let outcome = try await fixture.ingest(payments(trailer: Self.trailer))
      #expect(outcome.status == .refused)
      #expect(outcome.findings.first?.message.hasSuffix(says) == true, "\(outcome.findings)")
      #expect(try await fixture.query("select to_regclass('finance.payments') is null") == "t")
    }
  }

  @Test func aTrailerWithoutGroupSpeaksOfAFileWithOne() async throws {
    let rule = TrailerRule(
      marker: "T", rowsField: nil, sums: [TrailerRule.Sum(column: "amount", group: nil, field: 2)])
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", paymentsHeader + "1,,payment,1.50,USD,\(Self.at)\nT,1.5\n")
      #expect(try await fixture.ingest(payments(trailer: rule)).status == .loaded)
      try fixture.deliver("payments_2.csv", Self.three + "T,7.5\n")
      let outcome = try await fixture.ingest(payments(trailer: rule))
      #expect(outcome.findings.first?.message.contains("states one sum, and the file has 2 groups: EUR, USD") == true)
    }
  }

  @Test func aTrailerIsReadAsTheFeedWritesNumbers() {
    let format = FeedFormat(decimalMark: 0x2C, groupingMark: 0x2E, negatives: [.parentheses, .trailingMinus])
    var feed = payments(trailer: TrailerRule(marker: "T", rowsField: nil))
    feed.format = format
    for (text, value) in [("1.234,50", "1234.50"), ("(7,5)", "-7.5"), ("7,5-", "-7.5"), ("12", "12")] {
      #expect(FileTail.number(text, format) == ExactDecimal(value))
    }
    for text in ["", "-", "(-5)", "1,2,3", "x"] { #expect(FileTail.number(text, format) == nil) }
  }

  // MARK: Cut files

  @Test(arguments: [
    ("4,,payment,1.0", true), ("4,,\"pay", true), ("4,,payment,1.00,USD,\(at)", false),
    ("4,,payment,1.00,USD,2026", false),
    ("4,,payment,1.0\n", false), ("4,,payment,1.00,USD,\(at),x,y", false), ("\u{1A}", false),
  ])
  func aFileThatEndsInTheMiddleOfARecordIsRefused(end: String, isCut: Bool) async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.three + end)
      let outcome = try await fixture.ingest(payments())
      #expect((outcome.status == .refused) == isCut, "\(outcome.findings)")
      #expect(outcome.rows.read == 4)
      if isCut {
        #expect(outcome.findings.first?.code == "truncated_file")
        #expect(outcome.findings.first?.position == SourcePosition(file: "inbox/payments_1.csv", line: 5))
        #expect(try await fixture.query("select line, encode(raw, 'escape') from daybook.reject") == "5|\(end)")
      }
    }
  }

  @Test(arguments: [TextEncoding.utf8, .utf16LittleEndian, .utf16BigEndian])
  func aFileThatEndsInsideACharacterIsRefused(encoding: TextEncoding) async throws {
    let notes = feed(
      "notes", format: FeedFormat(encoding: encoding), [column("id", .bigint), column("note", .text, optional: true)])
    func bytes(_ text: String) -> [UInt8] {
      switch encoding {
      case .utf16LittleEndian: text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
      case .utf16BigEndian: text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
      default: Array(text.utf8)
      }
    }
    let whole = bytes("id,note\n1,a\n2,€")
    try await FeedFixture.with { fixture in
      try fixture.deliver("notes_1.csv", Array(whole.dropLast()))
      let outcome = try await fixture.ingest(notes)
      #expect(outcome.status == .refused)
      #expect(outcome.findings.first?.code == "truncated_file")
      #expect(outcome.findings.first?.position == SourcePosition(file: "inbox/notes_1.csv", line: 3))
      try fixture.deliver("notes_1.csv", whole)
      #expect(try await fixture.ingest(notes).rows == RowCounts(read: 2, inserted: 2))
    }
  }

  private func shell(_ command: String) -> Int32 {
    guard let pipe = popen(command, "r") else { return -1 }
    return pclose(pipe)
  }
}
