// Rejects on their way out as CSV and back corrected: what is right is loaded once and closes its reject, what is wrong
// stays open, and nothing is changed on the way that nobody corrected.

import Definitions
import Finding
import Glibc
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@testable import Ingest

@Suite struct RequeueTests {
  static let at = "2026-11-19 10:00:00"

  private func notes() -> FeedDefinition {
    feed(
      "notes", format: FeedFormat(delimiter: 0x3B, nullTokens: ["", "NULL"], decimalMark: 0x2C),
      [
        column("id", .bigint), column("note", .text, from: "Free text", optional: true),
        column("amount", .decimal(precision: 10, scale: 2), optional: true),
      ])
  }

  /// Exports the open rejects of a feed.
  private func export(_ feed: FeedDefinition, _ fixture: FeedFixture, to name: String) async throws -> String {
    let path = fixture.directory.appending(name)
    try await fixture.pool.withConnection { connection in
      let entries = try await FileLedger.rejects(.open(feed: feed.name), on: connection)
      let files = try await FileLedger.headers(ofFiles: Set(entries.map(\.fileID)).sorted(), on: connection)
      _ = try RejectsExport(feed: feed).write(entries, files: files, to: path)
    }
    return try fixture.directory.read(name)
  }

  @Test func correctedRecordsAreLoadedAndCloseTheirRejects() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver(
        "notes_1.csv",
        "amount;Free text;id\n1,5;=1+1;x1\n2,5;\"NULL\";x2\n3,5;a, \"\"b;x3\n4,5;\"\";4x\n5,5;fine;5\n6,5;\"two\nlines\";6x\n"
      )
      let outcome = try await fixture.ingest(notes())
      #expect(outcome.rows == RowCounts(read: 6, inserted: 1, rejected: 5))
      let text = try await export(notes(), fixture, to: "bad.csv")
      // The third record has a stray quote and is no record; the others are taken apart, quoted where they were.
      #expect(text.hasPrefix("_reject_id,_file,_line,_code,_column,_reason,amount,Free text,id,_raw\n"), "\(text)")
      #expect(text.contains(",\"1,5\",=1+1,x1,\n"))
      #expect(text.contains(",\"2,5\",\"NULL\",x2,\n"))
      #expect(text.contains(",\"4,5\",\"\",4x,\n"))
      #expect(text.contains(",\"6,5\",\"two\nlines\",6x,\n"))
      let corrected = text.replacing("x1", with: "1").replacing("x2", with: "2").replacing("4x", with: "4")
        .replacing("6x,", with: "6y,")
      let path = try fixture.directory.write(corrected, to: "good.csv")
      let again = try await fixture.ingest(notes(), .correction(path))
      #expect(again.rows == RowCounts(read: 4, inserted: 3, rejected: 1), "\(again.findings)")
      #expect(Set(again.findings.map(\.code)) == ["not_corrected", "refused_again"])
      #expect(
        try await fixture.query("select id, note, amount from finance.notes order by 1")
          == "1|=1+1|1.50\n2|NULL|2.50\n4||4.50\n5|fine|5.50")
      #expect(try await fixture.query("select count(*) from finance.notes where note is null") == "0")
      #expect(
        try await fixture.query("select line, code, reason from daybook.reject where resolved_at is null order by 1")
          == "4|stray_quote|a quote stands inside an unquoted field, or text behind a closing quote\n"
          + "7|wrong_type|\"6y\" is not a bigint (corrected in good.csv:6)")
      #expect(try await fixture.query("select count(*) from daybook.reject") == "5")
      // Rows say which line of the corrected file they came from.
      #expect(
        try await fixture.query(
          """
          select f.name, n._daybook_line, r.line from finance.notes n join daybook.file f on f.file_id = n._daybook_file
          join daybook.reject r on r.resolved_by = f.file_id and r.line = n._daybook_line
          where n.id in (1, 2) order by 2
          """) == "good.csv|2|2\ngood.csv|3|3")
      // The same file once more: only what is still open is looked at.
      let third = try await fixture.ingest(notes(), .correction(path))
      #expect(third.rows == RowCounts(read: 1, rejected: 1))
      let mended = try fixture.directory.write(corrected.replacing("6y,", with: "6,"), to: "good.csv")
      #expect(try await fixture.ingest(notes(), .correction(mended)).rows == RowCounts(read: 1, inserted: 1))
      #expect(try await fixture.query("select _daybook_line from finance.notes where id = 6") == "6")
      let last = try await fixture.ingest(notes(), .correction(mended))
      #expect(last.status == .nothingNew)
      #expect(try await fixture.query("select count(*) from finance.notes") == "5")
      #expect(try await fixture.query("select count(*) from daybook.reject where resolved_at is null") == "1")
      #expect(try await fixture.stagingTables() == "0")
    }
  }

  @Test func aLineThatIsTakenOutStaysOpenAndAFeedWithoutKeyGetsNoRowTwice() async throws {
    let log = feed("log", key: [], [column("n", .integer), column("word", .text)])
    try await FeedFixture.with { fixture in
      try fixture.deliver("log_1.csv", "n,word\nx,a\ny,b\nz,c\n1,d\n")
      #expect(try await fixture.ingest(log).rows.rejected == 3)
      let text = try await export(log, fixture, to: "bad.csv")
      let lines = text.split(separator: "\n")
      let kept = [lines[0], lines[1], lines[3]].joined(separator: "\n").replacing(",x,a", with: ",7,a")
        .replacing(",z,c", with: ",9,c")
      let path = try fixture.directory.write(kept + "\n", to: "bad.csv")
      for _ in 0..<3 { _ = try await fixture.ingest(log, .correction(path)) }
      #expect(try await fixture.query("select n, word from finance.log order by 1") == "1|d\n7|a\n9|c")
      #expect(try await fixture.query("select line from daybook.reject where resolved_at is null") == "3")
    }
  }

  @Test func bytesThatAreNoTextAreShownAndNotLoadedUntilTheyAreCorrected() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver(
        "notes_1.csv", Array("id;Free text;amount\n1;caf".utf8) + [0xE9] + Array(" \\xE9 é;1\n".utf8))
      #expect(try await fixture.ingest(notes()).rows.rejected == 1)
      let text = try await export(notes(), fixture, to: "bad.csv")
      #expect(text.contains(",1,caf\\xE9 \\xE9 é,1,"), "\(text)")
      let path = fixture.directory.appending("bad.csv")
      let untouched = try await fixture.ingest(notes(), .correction(path))
      #expect(untouched.status == .nothingNew)
      #expect(untouched.findings.map(\.code) == ["not_corrected", "nothing_to_requeue"])
      try fixture.directory.write(text.replacing("caf\\xE9", with: "café"), to: "bad.csv")
      #expect(try await fixture.ingest(notes(), .correction(path)).rows.inserted == 1)
      #expect(try await fixture.query("select note from finance.notes") == "café \\xE9 é")
    }
  }

  @Test(arguments: [TextEncoding.utf16LittleEndian, .utf16BigEndian, .windows1252])
  func rejectsOfOtherEncodingsAreExportedAsTextAndCorrectedInUTF8(encoding: TextEncoding) async throws {
    @Sendable func bytes(_ text: String) -> [UInt8] {
      switch encoding {
      case .utf16LittleEndian: text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
      case .utf16BigEndian: text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
      default: text.unicodeScalars.map { $0 == "€" ? 0x80 : UInt8(truncatingIfNeeded: $0.value) }
      }
    }
    let (nothing, shown): ([UInt8], String) =
      switch encoding {
      case .utf16LittleEndian: ([0x01, 0xD8], "\\x01\\xD8")
      case .utf16BigEndian: ([0xD8, 0x01], "\\xD8\\x01")
      default: ([0x81], "\\x81")
      }
    let notes = feed(
      "notes", format: FeedFormat(delimiter: 0x3B, encoding: encoding),
      [column("id", .bigint), column("note", .text, from: "Größe", optional: true)])
    try await FeedFixture.with { fixture in
      let file = bytes("id;Größe\n1;fine\nx2;\"5 €; äß\"\n3;a") + nothing + bytes("b\n4;\"stray\" é\n")
      try fixture.deliver("notes_1.csv", file)
      #expect(try await fixture.ingest(notes).rows == RowCounts(read: 4, inserted: 1, rejected: 3))
      let text = try await export(notes, fixture, to: "bad.csv")
      #expect(text.contains(",x2,\"5 €; äß\",\n"), "\(text)")
      #expect(text.contains(",3,a\(shown)b,\n"), "\(text)")
      #expect(text.contains(",,,\"4;\"\"stray\"\" é\"\n"), "\(text)")
      let people = try fixture.directory.read("Output/rejects/2026-11-20/notes.csv")
      #expect(people.contains(",\"x2;\"\"5 €; äß\"\"\"\n"), "\(people)")
      #expect(people.contains(",\"3;a\(shown)b\"\n"), "\(people)")
      let untouched = try await fixture.ingest(
        notes, .correction(try fixture.directory.write(text.replacing("x2", with: "2"), to: "good.csv")))
      #expect(untouched.rows == RowCounts(read: 1, inserted: 1), "\(untouched.findings)")
      // What is still open is listed in the words of the feed's files, though the correction is in UTF-8.
      let rest = try fixture.directory.read("Output/rejects/2026-11-20/notes.csv")
      #expect(rest == people.split(separator: "\n").filter { !$0.contains("x2;") }.joined(separator: "\n") + "\n")
      let corrected = text.replacing("x2", with: "2").replacing(shown, with: "ü")
      let outcome = try await fixture.ingest(
        notes, .correction(try fixture.directory.write(corrected, to: "good.csv")))
      #expect(outcome.rows == RowCounts(read: 1, inserted: 1), "\(outcome.findings)")
      #expect(try await fixture.query("select id, note from finance.notes order by 1") == "1|fine\n2|5 €; äß\n3|aüb")
    }
  }

  @Test func orphansThatHaveFoundTheirParentAreRequeuedAsTheyAre() async throws {
    let parent = feed("parents", [column("id", .bigint)])
    let child = feed(
      "children",
      [column("id", .bigint), column("parent", .bigint, references: ColumnReference(feed: "parents", column: "id"))])
    try await FeedFixture.with { fixture in
      try fixture.deliver("parents_1.csv", "id\n1\n")
      _ = try await fixture.ingest(parent)
      try fixture.deliver("children_1.csv", "id,parent\n10,1\n11,2\n")
      #expect(try await fixture.ingest(child).rows.rejected == 1)
      _ = try await export(child, fixture, to: "orphans.csv")
      let path = fixture.directory.appending("orphans.csv")
      #expect(try await fixture.ingest(child, .correction(path)).rows == RowCounts(read: 1, rejected: 1))
      try fixture.deliver("parents_2.csv", "id\n2\n")
      _ = try await fixture.ingest(parent)
      #expect(try await fixture.ingest(child, .correction(path)).rows == RowCounts(read: 1, inserted: 1))
      #expect(try await fixture.query("select count(*) from daybook.reject where resolved_at is null") == "0")
    }
  }

  /// A record that was refused, a later file with the same key, and then the correction of the record.
  @Test func aCorrectionDoesNotUndoWhatALaterFileHasSaid() async throws {
    try await FeedFixture.with { fixture in
      func records(_ amounts: [String]) -> String {
        paymentsHeader + amounts.enumerated().map { "\($0 + 1),,payment,\($1),USD,\(Self.at)\n" }.joined()
      }
      try fixture.deliver("payments_1.csv", records(["1.00", "1.00", "1.00", "1.00"]))
      _ = try await fixture.ingest(payments())
      try fixture.deliver("payments_2.csv", records(["x", "y", "z", "2.00"]))
      #expect(try await fixture.ingest(payments()).rows == RowCounts(read: 4, updated: 1, rejected: 3))
      // Later the first is told otherwise, the second the same again, and the third not at all.
      try fixture.deliver("payments_3.csv", records(["3.00", "1.00"]))
      #expect(try await fixture.ingest(payments()).rows == RowCounts(read: 2, updated: 1, unchanged: 1))
      let path = try fixture.directory.write(
        "_reject_id,id,kind,amount,currency,at\n"
          + (1...3).map { "\($0),\($0),payment,2.50,USD,\(Self.at)\n" }.joined(), to: "good.csv")
      let outcome = try await fixture.ingest(payments(), .correction(path))
      #expect(outcome.rows == RowCounts(read: 3, updated: 2, rejected: 1), "\(outcome.findings)")
      let told = try #require(outcome.findings.first { $0.code == FeedIngestion.refusedAgain })
      #expect(told.severity == .warning && told.notes == ["state: 2 are loaded, and their rejects closed"])
      #expect(
        try await fixture.query("select amount from finance.payments order by id") == "3.00\n2.50\n2.50\n2.00")
      #expect(
        try await fixture.query(
          "select line, code, column_name is null, reason from daybook.reject where resolved_at is null")
          == "2|key_conflict|t|id 1 has got other values since, from payments_3.csv, which is newer "
          + "(corrected in good.csv:2)")
      #expect(
        try await fixture.query(
          "select outcome, amount from daybook.file_control_sum where outcome <> 'read' order by file_id desc, 1 limit 2"
        )
          == "rejected|2.50\nupdated|5.00")
    }
  }

  @Test(arguments: [
    (Limit.count(0), 2, true), (.count(1), 2, false), (.count(9), 1, true), (.ratio(ExactDecimal("0.4") ?? 0), 2, true),
  ])
  func moreThanTheLimitRefusedAgainIsAnErrorThoughTheRestIsLoaded(
    _ limit: Limit, _ read: Int, _ isError: Bool
  ) async throws {
    @Sendable func words(_ limit: Limit) -> FeedDefinition {
      feed("words", limit: limit, [column("id", .bigint), column("n", .integer)])
    }
    try await FeedFixture.with { fixture in
      try fixture.deliver("words_1.csv", "id,n\n1,x\n2,y\n3,3\n")
      #expect(try await fixture.ingest(words(.count(9))).rows.rejected == 2)
      let good = read == 2 ? "2,2,20\n" : ""
      let path = try fixture.directory.write("_reject_id,id,n\n1,1,z\n\(good)", to: "good.csv")
      let outcome = try await fixture.ingest(words(limit), .correction(path))
      #expect(outcome.rows == RowCounts(read: read, inserted: read - 1, rejected: 1))
      #expect(outcome.findings.map(\.code) == [FeedIngestion.refusedAgain])
      #expect(outcome.findings.first?.severity == (isError ? .error : .warning))
    }
  }

  /// Two refused records of one file with the same key, corrected one after the other.
  @Test func aLaterRecordOfTheSameFileReplacesAnEarlierOneThatWasCorrected() async throws {
    let words = feed("words", [column("id", .bigint), column("n", .integer)])
    try await FeedFixture.with { fixture in
      try fixture.deliver("words_1.csv", "id,n\n1,x\n1,y\n2,2\n")
      #expect(try await fixture.ingest(words).rows.rejected == 2)
      for reject in 1...2 {
        let path = try fixture.directory.write("_reject_id,id,n\n\(reject),1,\(reject)0\n", to: "good\(reject).csv")
        let outcome = try await fixture.ingest(words, .correction(path))
        #expect(outcome.rows.rejected == 0, "\(outcome.findings)")
      }
      #expect(try await fixture.query("select id, n from finance.words order by 1") == "1|20\n2|2")
    }
  }

  @Test func aSnapshotLosesNoRowsByACorrection() async throws {
    var snapshot = feed(
      "list", mode: .snapshot(maxDeletes: .ratio(ExactDecimal(1))), [column("id", .bigint), column("n", .integer)])
    snapshot.trailer = TrailerRule(marker: "END", rowsField: 2)
    let list = snapshot
    try await FeedFixture.with { fixture in
      try fixture.deliver("list_1.csv", "id,n\n1,1\n2,2\nx,3\nEND,3\n")
      #expect(try await fixture.ingest(list).rows.rejected == 1)
      let text = try await export(list, fixture, to: "bad.csv")
      let path = try fixture.directory.write(text.replacing(",x,3", with: ",3,3"), to: "bad.csv")
      #expect(try await fixture.ingest(list, .correction(path)).rows == RowCounts(read: 1, inserted: 1))
      #expect(try await fixture.query("select count(*) from finance.list") == "3")
    }
  }

  @Test func filesThatAreNoCorrectionAreRefusedWithTheLine() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("notes_1.csv", "id;Free text;amount\n1;a;1\nx;b;2\n")
      _ = try await fixture.ingest(notes())
      let strict = payments(limit: .count(0))
      try fixture.deliver("payments_1.csv", paymentsHeader + "x,,payment,1.00,USD,\(Self.at)\n")
      #expect(try await fixture.ingest(strict).status == .refused)
      let refused = try await fixture.query("select reject_id from daybook.reject where feed = 'payments'")
      let cases: [(FeedDefinition, String, String, Int?)] = [
        (notes(), "id;note\n1;2\n", "has no column _reject_id", 1),
        (notes(), "_reject_id,id\n,1\n", "has no number in _reject_id", 2),
        (notes(), "_reject_id,id\n99,1\n", "there is no reject 99", 2),
        (notes(), "_reject_id,id\n\(refused),1\n", "belongs to feed payments", 2),
        (notes(), "_reject_id,id\n1,\"1\n", "quotes are not closed properly", 2),
        (strict, "_reject_id,id\n\(refused),1\n", "was refused as a whole", 2),
      ]
      for (feed, text, says, line) in cases {
        let path = try fixture.directory.write(text, to: "bad.csv")
        let error = await #expect(throws: IngestError.self) { try await fixture.ingest(feed, .correction(path)) }
        #expect(error?.kind == .fileRefused)
        #expect(error?.diagnostics.first?.message.contains(says) == true, "\(String(describing: error))")
        #expect(error?.diagnostics.first?.position == SourcePosition(file: "bad.csv", line: line))
      }
      #expect(try await fixture.query("select count(*) from daybook.file") == "2")
    }
  }

  @Test func whatIsDismissedKeepsTheReasonAndAFileDoneWithoutIsNoDraft() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver(
        "payments_1.csv", paymentsHeader + "x,,payment,1,USD,\(Self.at)\ny,,payment,1,USD,\(Self.at)\n")
      #expect(try await fixture.ingest(payments(limit: .count(0))).status == .refused)
      try await fixture.pool.withConnection { connection in
        let first = try await FileLedger.dismiss(.these([1, 99]), reason: "a test row", on: connection)
        #expect(first.rejects == 1 && first.files == 0)
        let second = try await FileLedger.dismiss(
          .file(feed: "payments", name: "payments_1.csv"), reason: "sent by mistake", on: connection)
        #expect(second.rejects == 1 && second.files == 1)
      }
      #expect(
        try await fixture.query("select reject_id, dismissal, resolved_by is null from daybook.reject order by 1")
          == "1|a test row|t\n2|sent by mistake|t")
      #expect(try await fixture.query("select dismissal from daybook.file") == "sent by mistake")
    }
  }

  @Test func anyBytesAreShownAndTextIsLeftAsItIs() {
    #expect(legible(Array("a\\x00é😀".utf8)) == "a\\x00é😀")
    #expect(legible([0x61, 0, 0xC3, 0xA9, 0xE9, 0xF0, 0x9F]) == "a\\x00é\\xE9\\xF0\\x9F")
    #expect(legible(Array("e\u{301}".utf8) + [0xFF]) == "e\u{301}\\xFF")
  }
}
