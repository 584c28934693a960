// Files that are not in UTF-8, from the file to the table and to the rejects, and files that are too large.
// How bytes become characters is tested in CSVTests; here it matters that a declared encoding reaches every pass.

import Finding
import Glibc
import Ledger
import Postgres
import TestSupport
import Testing

@testable import Definitions
@testable import Ingest

@Suite struct EncodedFileTests {
  private func people(_ encoding: TextEncoding) -> FeedDefinition {
    feed(
      "people", format: FeedFormat(delimiter: UInt8(ascii: ";"), encoding: encoding),
      [
        column("id", .bigint), column("name", .text, from: "Prénom", optional: true),
        column("boss", .bigint, optional: true, references: ColumnReference(feed: "people", column: "id")),
      ])
  }

  private func bytes(_ text: String, _ encoding: TextEncoding) -> [UInt8] {
    switch encoding {
    case .utf8: Array(text.utf8)
    case .utf16LittleEndian: text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
    case .utf16BigEndian: text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    case .windows1252, .latin1: text.unicodeScalars.map { $0 == "€" ? 0x80 : UInt8(truncatingIfNeeded: $0.value) }
    }
  }

  @Test(arguments: TextEncoding.allCases, [false, true])
  func aFileInItsDeclaredEncodingLoadsAndItsRejectsKeepTheirBytes(encoding: TextEncoding, hasMark: Bool) async throws {
    if hasMark, encoding == .windows1252 || encoding == .latin1 { return }
    try await FeedFixture.with { fixture in
      let invalid: [UInt8] =
        switch encoding {
        case .utf8: [0xFF]
        case .utf16LittleEndian: [0x00, 0xD8]
        case .utf16BigEndian: [0xD8, 0x00]
        case .windows1252: [0x81]
        case .latin1: [0x00]
        }
      let orphan = bytes("2;\"Zoë; Müller\";777", encoding)
      let broken = bytes("3;x", encoding) + invalid + bytes("y;", encoding)
      let file =
        bytes((hasMark ? "\u{FEFF}" : "") + "id;Prénom;boss\r\n1;André;\r\n", encoding) + orphan
        + bytes("\r\n", encoding) + broken + bytes("\r\n4;\"two\nlines\";1\r\n", encoding)
      try fixture.deliver("people_1.csv", file)
      let outcome = try await fixture.ingest(people(encoding))
      #expect(outcome.rows == RowCounts(read: 4, inserted: 2, rejected: 2))
      #expect(
        try await fixture.query("select id, replace(name, chr(10), '/') from finance.people order by id")
          == "1|André\n4|two/lines")
      func hex(_ bytes: [UInt8]) -> String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
      let first = file.count - bytes("\r\n4;\"two\nlines\";1\r\n", encoding).count - broken.count
      let code = encoding == .latin1 ? "nul_byte" : "not_utf8"
      #expect(
        try await fixture.query("select line, code, byte_offset, encode(raw, 'hex') from daybook.reject order by line")
          == "3|orphan_reference|\(first - orphan.count - bytes("\r\n", encoding).count)|\(hex(orphan))\n"
          + "4|\(code)|\(first)|\(hex(broken))")
      if encoding != .latin1 {
        #expect(
          try await fixture.query("select reason from daybook.reject where line = 4")
            == "the record is not valid \(encoding.shown)")
      }
    }
  }

  @Test func theEuroOfWindowsIsNoControlCharacter() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("people_1.csv", bytes("id;Prénom;boss\n1;5 €;\n", .windows1252))
      _ = try await fixture.ingest(people(.windows1252))
      #expect(try await fixture.query("select name from finance.people") == "5 €")
    }
  }

  @Test(arguments: [TextEncoding.utf8, .windows1252, .utf16BigEndian])
  func aFileInAnotherEncodingThanDeclaredIsNeverLoadedAsGarbage(declared: TextEncoding) async throws {
    try await FeedFixture.with { fixture in
      let file = [0xFF, 0xFE] + bytes("id;Prénom;boss\n1;André;\n", .utf16LittleEndian)
      try fixture.deliver("people_1.csv", file)
      let outcome = try await fixture.ingest(people(declared))
      #expect(outcome.status == .refused)
      #expect(outcome.findings.contains { $0.severity == .error && $0.fix != nil }, "\(outcome.findings)")
    }
  }

  @Test(arguments: ["", ".gz"])
  func aFileBeyondItsLimitIsRefusedWithTheLimitsName(suffix: String) async throws {
    try await FeedFixture.with { fixture in
      var people = people(.utf8)
      people.format.maxFileBytes = 4000
      let text = "id;Prénom;boss\n" + (1...1000).map { "\($0);aaaaaaaaaa;\n" }.joined()
      let plain = try fixture.directory.write(text, to: "people.csv")
      let target = fixture.directory.appending("inbox/people_1.csv\(suffix)")
      try #require(system("\(suffix.isEmpty ? "cat" : "gzip -c") \(plain) > \(target)"))
      let outcome = try await fixture.ingest(people)
      #expect(outcome.status == .refused)
      #expect(outcome.findings.first?.message.contains("4000 bytes") == true, "\(outcome.findings)")
      #expect(outcome.findings.first?.fix?.contains("format.max_file_bytes") == true)
      #expect(try await fixture.query("select to_regclass('finance.people') is null") == "t")
      people.format.maxFileBytes = text.utf8.count
      #expect(try await fixture.ingest(people).rows.inserted == 1000)
    }
  }

  @Test func aGoodRowBehindAnOpenQuoteIsFoundByTheHeadersFieldsInEveryPass() async throws {
    try await FeedFixture.with { fixture in
      let text = "id;Prénom;boss\n1;a;\n2;\"open;\n3;\"c\";\n4;d;777\n5;e;1\n"
      try fixture.deliver("people_1.csv", text)
      let outcome = try await fixture.ingest(people(.utf8))
      #expect(try await fixture.query("select string_agg(id::text, ',' order by id) from finance.people") == "1,3,5")
      #expect(outcome.rows == RowCounts(read: 5, inserted: 3, rejected: 2))
      #expect(
        try await fixture.query("select line, code, convert_from(raw, 'UTF8') from daybook.reject order by line")
          == "3|unterminated_quote|2;\"open;\n5|orphan_reference|4;d;777")
    }
  }

  private func system(_ command: String) -> Bool {
    guard let pipe = popen(command, "r") else { return false }
    return pclose(pipe) == 0
  }
}
