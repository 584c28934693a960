// Values: text → binary → table, against PostgreSQL reading the same text itself; time zones against PostgreSQL's.

import Definitions
import Glibc
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@testable import Ingest

@Suite struct ValueTests {
  @Test func randomValuesArriveAsPostgreSQLReadsThemItself() async throws {
    try await FeedFixture.with { fixture in
      var random = SeededRandom(seed: 0x5EED_0001)
      var text = "id,i,b,d,w,s,t,ok,day,local,at,u,j\n"
      for id in 1...3000 { text += Self.record(id, &random) }
      var values = feed(
        "values", format: FeedFormat(),
        [
          column("id", .bigint), column("i", .integer, optional: true), column("b", .bigint, optional: true),
          column("d", .decimal(precision: 14, scale: 2), optional: true),
          column("w", .decimal(precision: 38, scale: 11), optional: true),
          column("s", .decimal(precision: 7, scale: 7), optional: true), column("t", .text, optional: true),
          column("ok", .boolean, optional: true), column("day", .date, optional: true),
          column("local", .timestamp, optional: true), column("at", .timestamptz, optional: true),
          column("u", .uuid, optional: true), column("j", .json, optional: true),
        ])
      values.keepsProvenance = false
      try fixture.deliver("values_1.csv", text)
      let outcome = try await fixture.ingest(values)
      #expect(outcome.rows == RowCounts(read: 3000, inserted: 3000))
      let bytes = Array(text.utf8)
      try await fixture.database.withConnection { connection in
        try await connection.executeScript(
          "set timezone = 'America/New_York'; create table finance.oracle (like finance.values)")
        try await connection.copyIn("copy finance.oracle from stdin (format csv, header)") { writer in
          try await writer.write(bytes)
        }
        for tables in [("values", "oracle"), ("oracle", "values")] {
          let rows = try await connection.query(
            "select mine::text from finance.\(tables.0) mine where not exists (select from finance.\(tables.1) theirs where theirs::text = mine::text) limit 3"
          )
          for row in rows { Issue.record("\(tables.0) alone has \(try row.decode(0, as: String.self))") }
        }
      }
    }
  }

  private static func record(_ id: Int, _ random: inout SeededRandom) -> String {
    func pick<T>(_ values: [T]) -> T { values[Int(random.next() % UInt64(values.count))] }
    func digits(_ most: Int) -> String {
      let count = 1 + Int(random.next() % UInt64(most))
      return String((0..<count).map { _ in Character(String(random.next() % 10)) })
    }
    func number(_ whole: Int, _ fraction: Int) -> String {
      let sign = pick(["", "-", "+", ""])
      let head = digits(whole)
      return random.next() % 3 == 0 ? "\(sign)\(head)" : "\(sign)\(head).\(digits(fraction))"
    }
    func two(_ number: UInt64) -> String { (number < 10 ? "0" : "") + String(number) }
    let year = pick(["0001", "1583", "1900", "1969", "1970", "1999", "2000", "2024", "2026", "2038", "2400", "9999"])
    let day = "\(year)-\(two(1 + random.next() % 12))-\(two(1 + random.next() % 28))"
    let moment =
      "\(two(random.next() % 24)):\(two(random.next() % 60))" + pick(["", ":07", ":59.5", ":00.000001", ":30.123456"])
    let zone = pick(["", "", "Z", "+02:00", "-0330", "+14"])
    let recent =
      "\(pick(["1918", "1974", "2007", "2026", "2077"]))-\(two(1 + random.next() % 12))-\(two(1 + random.next() % 28))"
    let hexadecimal = (0..<32).map { _ in String(random.next() % 16, radix: 16) }.joined()
    let words = [
      "plain", "\"quo\"\"ted\"", "\"with, comma\"", "\"two\nlines\"", "\"\"", " spaces ", "żółć 数 🙂", "NULL",
    ]
    let fields = [
      pick(["", digits(9), "-" + digits(9), "2147483647", "-2147483648"]),
      pick(["", digits(18), "-" + digits(18), "9223372036854775807", "-9223372036854775808"]),
      pick(["", number(12, 2), "0", "-0.00", "999999999999.99"]),
      pick(["", number(27, 11), number(3, 11), "0.00000000001", "-99999999999999999999999999.99999999999", "10000"]),
      pick(["", "0." + digits(7), "-.1234567", "0"]), pick(words),
      pick(["", "true", "F", "yes", "no", "1", "0", "On", "off", "t"]), pick(["", day]),
      pick(["", "\(day) \(moment)", "\(day)T\(moment)"]), pick(["", "\(recent) \(moment)\(zone)"]),
      pick(["", hexadecimal]),
      pick(["", "\"{\"\"a\"\": [1, 2.50, null, \"\"\\u00e9\"\"]}\"", "[]", "12e3", "true", "\"\"\"x\"\"\""]),
    ]
    let j = fields[11]
    return "\(id)," + fields.dropLast().joined(separator: ",") + ",\(j)\n"
  }

  @Test func localTimesMeetPostgreSQLsInGapsAndFoldsOfEveryKindOfZone() async throws {
    let names = [
      "America/New_York", "Europe/London", "Europe/Dublin", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca",
      "America/Sao_Paulo", "Pacific/Apia", "Asia/Tokyo", "UTC", "America/St_Johns",
    ]
    var random = SeededRandom(seed: 0x5EED_0002)
    try await TestDatabase.withDatabase { database in
      try await database.withConnection { connection in
        for name in names {
          let zone = try #require(TimeZoneRules(named: name))
          var locals: [Int64] = []
          for _ in 0..<1500 {
            // 1950 to 2120, on half hours so that changes are hit often, and around the usual hours of change.
            let day = Int64(random.next() % 62_000) - 7300
            locals.append(day * 86_400 + Int64(random.next() % 10) * 1800)
          }
          for year in 1970...2090 {
            for (month, first) in [(3, 1), (3, 25), (4, 1), (10, 1), (10, 25), (11, 1)] {
              guard let start = dayNumber(year: year, month: month, day: first) else { continue }
              for step in 0..<7 {
                locals.append((start + Int64(step)) * 86_400 + 5400 + Int64(random.next() % 4) * 1800)
              }
            }
          }
          let rows = try await connection.query(
            """
            select extract(epoch from (timestamp '1970-01-01' + l * interval '1 second') at time zone $2)::bigint
            from unnest($1::bigint[]) with ordinality as t(l, n) order by n
            """, [.int8Array(locals), .text(name)])
          var wrong = 0
          for (row, local) in zip(rows, locals) where try row.decode(0, as: Int64.self) != zone.instant(ofLocal: local)
          {
            wrong += 1
            if wrong < 3 {
              Issue.record(
                "\(name) \(local): \(try row.decode(0, as: Int64.self)) against \(zone.instant(ofLocal: local))")
            }
          }
          #expect(wrong == 0)
        }
      }
    }
  }

  @Test func steadyStretchesGiveTheSameInstants() throws {
    let zone = try #require(TimeZoneRules(named: "America/New_York"))
    var random = SeededRandom(seed: 0x5EED_0003)
    for _ in 0..<20_000 {
      let local = Int64(random.next() % 6_000_000_000) - 1_000_000_000
      guard let stretch = zone.steadyStretch(around: local) else { continue }
      let other = stretch.start + Int64(random.next() % UInt64(max(1, min(stretch.end - stretch.start, 1 << 40))))
      #expect(other - stretch.offset == zone.instant(ofLocal: other))
    }
    #expect(TimeZoneRules(named: "../../etc/passwd") == nil)
    #expect(TimeZoneRules(named: "Mars/Olympus") == nil)
  }

  /// The client refuses what the server's check would refuse, and nothing else.
  @Test(arguments: ["^.{3}$", "^[äöü]{2,3}$", "^[^x]{3}$", "^(äö|x)ü?$"])
  func aPatternIsAboutCharactersAsTheServersCheckIs(pattern: String) async throws {
    let words = feed("words", [column("id", .bigint), column("word", .text, matches: pattern)])
    let values = ["äöü", "äö", "abc", "äöüß", "€😀é", "x", "äxü", "é", "Zé", "x\u{308}"]
    try await FeedFixture.with { fixture in
      try fixture.deliver("words_1.csv", "id,word\n" + values.enumerated().map { "\($0),\($1)\n" }.joined())
      _ = try await fixture.ingest(words)
      let loaded = try await fixture.query(
        "select coalesce(string_agg(id::text, ',' order by id), '') from finance.words")
      let list = values.enumerated().map { "(\($0), '\($1)')" }.joined(separator: ", ")
      let wanted = try await fixture.query(
        "select string_agg(id::text, ',' order by id) from (values \(list)) as v (id, word) where word ~ '\(pattern)'")
      #expect(loaded == wanted)
      #expect(try await fixture.query("select count(*) from daybook.reject where code <> 'pattern_mismatch'") == "0")
    }
  }

  @Test func stepsAgreeWithTheRegularExpressionsOfTheCLibrary() throws {
    var random = SeededRandom(seed: 0x5EED_0004)
    for pattern in [
      "^[A-Z]{3}$", "^[A-Z]{2}[0-9]+$", "^C?[0-9]{6}$", "^[a-c]*-[0-9]{1,3}$", "^$", "^x[a-z_]+@[a-z]{2,}$",
    ] {
      let steps = PatternStep.compile(pattern)
      var expression = regex_t()
      try #require(compile(pattern, into: &expression))
      defer { regfree(&expression) }
      for _ in 0..<3000 {
        let bytes = (0..<Int(random.next() % 8)).flatMap { _ in
          Array(String(Array("ABC019abcx-_@é")[Int(random.next() % 14)]).utf8)
        }
        bytes.withUnsafeBufferPointer { buffer in
          let empty = UnsafePointer<UInt8>(bitPattern: 8)
          guard let base = buffer.baseAddress ?? empty else { return }
          guard let steps else { return }
          let fast = steps.withUnsafeBufferPointer {
            $0.baseAddress.map { matches(base, buffer.count, $0, steps.count) } ?? buffer.isEmpty
          }
          #expect(fast == matches(base, buffer.count, &expression), "\(pattern) on \(bytes)")
        }
      }
    }
    #expect(PatternStep.compile("^[A-Z]{3}$") != nil)
    #expect(PatternStep.compile("^[0-9]*[0-9]$") == nil)
    #expect(PatternStep.compile("^(a|b)$") == nil)
    #expect(PatternStep.compile("[0-9]") == nil)
  }

  @Test(arguments: [
    ("1,203.50", "1203.50"), ("1,203,000", "1203000"), ("203", "203"), ("-12,345.6", "-12345.6"), ("1,20", nil),
    ("1203,500", nil), (",203", nil), ("1,2034", nil), ("1,203,", nil),
  ])
  func groupsHaveThreeDigits(text: String, expected: String?) {
    var scratch = [UInt8](repeating: 0, count: 32)
    let bytes = Array(text.utf8)
    let count = removeGrouping(bytes, bytes.count, mark: 0x2C, decimalMark: 0x2E, into: &scratch)
    #expect((count < 0 ? nil : String(decoding: scratch[0..<count], as: UTF8.self)) == expected)
  }

  @Test(arguments: [
    ("", false), ("é", true), ("\u{10FFFF}", true),
  ])
  func goodTextIsGood(text: String, isMultiByte: Bool) {
    #expect(Array(text.utf8).withUnsafeBytes { verdict(onText: $0) } == .good)
  }

  @Test(
    arguments: [
      [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC3], [0x80], [0xF5],
    ] as [[UInt8]])
  func brokenUTF8IsSeenAtEveryAlignment(bytes: [UInt8]) {
    for lead in 0..<17 {
      let text = [UInt8](repeating: 0x61, count: lead) + bytes + [UInt8](repeating: 0x62, count: 9)
      #expect(text.withUnsafeBytes { verdict(onText: $0) } == .notUTF8)
      #expect((text + [0]).withUnsafeBytes { verdict(onText: $0) } == .hasNUL)
    }
  }
}
