// Files as they come: every key of `format:` and of a column's notation, from the file to the table.
// What a definition may say is tested in DefinitionsTests, the rules of single values in NotationTests.

import Finding
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@testable import Definitions
@testable import Ingest

@Suite struct FormatTests {
  private static func amounts(_ format: FeedFormat, _ edit: (inout [ColumnDefinition]) -> Void = { _ in })
    -> FeedDefinition
  {
    var columns = [
      column("id", .bigint), column("amount", .decimal(precision: 14, scale: 2), optional: true, control: "currency"),
      column("currency", .text), column("note", .text, optional: true),
    ]
    edit(&columns)
    return feed("amounts", format: format, columns)
  }

  @Test func negativesGroupsAndTheDecimalCommaArriveAndReconcile() async throws {
    try await FeedFixture.with { fixture in
      let amounts = Self.amounts(
        FeedFormat(
          delimiter: UInt8(ascii: ";"), decimalMark: UInt8(ascii: ","), groupingMark: UInt8(ascii: "."),
          negatives: [.parentheses, .trailingMinus]))
      try fixture.deliver(
        "amounts_1.csv",
        """
        id;amount;currency;note
        1;(1.203,50);EUR;(5)
        2;12,5-;EUR;5-
        1.003;-1;USD;
        4;1.2;EUR;bad group
        5;-(5);EUR;two signs
        6;();EUR;nothing

        """)
      let outcome = try await fixture.ingest(amounts)
      #expect(outcome.rows == RowCounts(read: 6, inserted: 3, rejected: 3))
      #expect(
        try await fixture.query("select id, amount, note from finance.amounts order by id")
          == "1|-1203.50|(5)\n2|-12.50|5-\n1003|-1.00|")
      #expect(
        try await fixture.query("select line, column_name, code from daybook.reject order by line")
          == "5|amount|wrong_type\n6|amount|wrong_type\n7|amount|wrong_type")
      #expect(
        try await fixture.query(
          "select currency, amount from daybook.file_control_sum where outcome = 'read' order by 1")
          == "EUR|-1216.00\nUSD|-1.00")
    }
  }

  @Test func aTrimmedColumnLosesTheBlanksAroundUnquotedValuesAlone() async throws {
    try await FeedFixture.with { fixture in
      let amounts = Self.amounts(FeedFormat(nullTokens: ["", "NULL"])) { columns in
        for index in columns.indices { columns[index].isTrimmed = true }
      }
      try fixture.deliver(
        "amounts_1.csv",
        "id,amount,currency,note\n 1 ,\t2.50 , USD ,  two  words \t\n2, NULL ,USD,\" kept \"\n3,   ,USD,   \n\" 4\",1,USD,\n"
      )
      let outcome = try await fixture.ingest(amounts)
      #expect(outcome.rows == RowCounts(read: 4, inserted: 3, rejected: 1))
      #expect(
        try await fixture.query(
          "select id, amount, currency, note is null, '<' || note || '>' from finance.amounts order by id")
          == "1|2.50|USD|f|<two  words>\n2||USD|f|< kept >\n3||USD|t|")
      #expect(
        try await fixture.query(
          "select sum(amount), currency from daybook.file_control_sum group by 2, outcome order by outcome")
          == "2.50|USD\n3.50|USD\n1.00|USD")
      #expect(
        try await fixture.query("select line, reason from daybook.reject")
          == "5|\" 4\" is not a bigint")
    }
  }

  @Test func withoutTrimTextKeepsItsBlanksAndOtherTypesRefuseThem() async throws {
    try await FeedFixture.with { fixture in
      let mixed = feed(
        "mixed",
        [
          column("id", .bigint), column("t", .text, optional: true), column("d", .date, optional: true),
          column("ok", .boolean, optional: true), column("u", .uuid, optional: true),
          column("j", .json, optional: true),
        ])
      let uuid = "00000000-0000-0000-0000-000000000001"
      try fixture.deliver(
        "mixed_1.csv",
        "id,t,d,ok,u,j\n1, a ,2026-11-20,true,\(uuid), [1] \n2,, 2026-11-20,,,\n3,,,true ,,\n4,,,,\(uuid) ,\n5 ,,,,,\n")
      let outcome = try await fixture.ingest(mixed)
      #expect(outcome.rows == RowCounts(read: 5, inserted: 1, rejected: 4))
      #expect(try await fixture.query("select '<' || t || '>', j from finance.mixed") == "< a >|[1]")
      #expect(
        try await fixture.query("select column_name, code from daybook.reject order by line")
          == "d|wrong_type\nok|wrong_type\nu|wrong_type\nid|wrong_type")
    }
  }

  @Test func aColumnsOwnNullTokensReplaceThoseOfTheFormat() async throws {
    try await FeedFixture.with { fixture in
      let amounts = Self.amounts(FeedFormat(nullTokens: ["", "NULL"])) { columns in
        columns[1].nullTokens = ["-", "n/a"]
        columns[3].nullTokens = []
      }
      try fixture.deliver(
        "amounts_1.csv",
        "id,amount,currency,note\n1,-,USD,NULL\n2,n/a,USD,\n3,,USD,x\n4,NULL,USD,x\n5,1,NULL,x\n6,\"-\",USD,\"\"\n")
      let outcome = try await fixture.ingest(amounts)
      #expect(outcome.rows == RowCounts(read: 6, inserted: 3, rejected: 3))
      #expect(
        try await fixture.query("select id, amount is null, '<' || note || '>' from finance.amounts order by id")
          == "1|t|<NULL>\n2|t|<>\n6|t|<>")
      #expect(
        try await fixture.query("select line, column_name, code from daybook.reject order by line")
          == "4|amount|wrong_type\n5|amount|wrong_type\n6|currency|missing_value")
    }
  }

  @Test(
    arguments: [
      (UInt8(0x01), UInt8(ascii: "\"")), (0x09, 0x27), (0x1F, 0x02), (UInt8(ascii: "|"), UInt8(ascii: "~")),
      (UInt8(ascii: " "), UInt8(ascii: "\"")), (0x7F, UInt8(ascii: "'")),
    ] as [(UInt8, UInt8)])
  func anySingleByteSeparatesAndQuotes(delimiter: UInt8, quote: UInt8) async throws {
    try await FeedFixture.with { fixture in
      let amounts = Self.amounts(FeedFormat(delimiter: delimiter, quote: quote))
      let (d, q) = ([delimiter], [quote])
      func line(_ fields: [[UInt8]]) -> [UInt8] { Array(fields.joined(separator: d)) + [0x0A] }
      let file =
        line(["id", "amount", "currency", "note"].map { Array($0.utf8) })
        + line([Array("1".utf8), Array("2.50".utf8), Array("USD".utf8), q + d + q + q + Array("x".utf8) + q])
      try fixture.deliver("amounts_1.csv", file)
      #expect(try await fixture.ingest(amounts).rows == RowCounts(read: 1, inserted: 1))
      let note = String(decoding: d + q + Array("x".utf8), as: UTF8.self).utf8
        .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      #expect(try await fixture.query("select encode(note::bytea, 'hex') from finance.amounts") == note)
    }
  }

  @Test func aRecordBeyondTheFeedsOwnLimitsIsARejectThatNamesThem() async throws {
    try await FeedFixture.with { fixture in
      var format = FeedFormat(maxRecordBytes: 64, maxRecordLines: 3)
      format.nullTokens = [""]
      let long = String(repeating: "x", count: 80)
      try fixture.deliver(
        "amounts_1.csv",
        "id,amount,currency,note\n1,1,USD,\"two\nlines\"\n2,1,USD,\(long)\n3,1,USD,\"a\nb\nc\nd\"\n4,1,USD,\n")
      let outcome = try await fixture.ingest(Self.amounts(format))
      #expect(try await fixture.query("select id from finance.amounts order by id") == "1\n4")
      #expect(outcome.rows.read == outcome.rows.inserted + outcome.rows.rejected)
      #expect(
        try await fixture.query("select reason from daybook.reject where code = 'record_too_long'")
          == "the record is longer than 64 bytes (format.max_record_bytes)")
      #expect(try await fixture.query("select line from daybook.reject where code = 'unterminated_quote'") == "5")
    }
  }

  @Test func timesInEveryNotationArriveAsTheMomentsTheyMean() async throws {
    try await FeedFixture.with { fixture in
      func at(_ name: String, _ type: ColumnType, _ pattern: String) throws -> ColumnDefinition {
        column(name, type, optional: true, format: try DateTimeFormat.parse(pattern, for: type))
      }
      let events = feed(
        "events",
        [
          column("id", .bigint), try at("us", .timestamptz, "M/d/yy h:mm a"), try at("epoch", .timestamptz, "epoch"),
          try at("ms", .timestamptz, "epoch_ms"), try at("day", .date, "d MMMM yyyy"),
          try at("net", .timestamp, "yyyy-MM-dd'T'HH:mm:ss.SSSSSSS"),
          try at("iso", .timestamptz, "yyyy-MM-dd'T'HH:mm:ssXXX"),
        ])
      try fixture.deliver(
        "events_1.csv",
        """
        id,us,epoch,ms,day,net,iso
        1,11/20/26 12:05 AM,1795132800.5,1795132800250,1 May 2026,2026-11-20T10:00:00.1234567,2026-11-20T10:00:00+02:00
        2,2/29/26 1:00 PM,,,,,
        3,,,,31 April 2026,,
        4,,1e9,,,,

        """)
      let outcome = try await fixture.ingest(events, timeZone: "America/New_York")
      #expect(outcome.rows == RowCounts(read: 4, inserted: 1, rejected: 3))
      #expect(
        try await fixture.query(
          """
          select us at time zone 'UTC', epoch at time zone 'UTC', ms at time zone 'UTC', day, net, iso at time zone 'UTC'
          from finance.events
          """)
          == "2026-11-20 05:05:00|2026-11-20 00:00:00.5|2026-11-20 00:00:00.25|2026-05-01|2026-11-20 10:00:00.123456"
          + "|2026-11-20 08:00:00")
      #expect(
        try await fixture.query("select column_name, reason from daybook.reject order by line limit 1")
          == "us|\"2/29/26 1:00 PM\" is not a timestamptz written as M/d/yy h:mm a")
    }
  }

  @Test func aLocalTimeThatTheClockSkipsOrShowsTwiceIsReadAsPostgreSQLReadsIt() async throws {
    try await FeedFixture.with { fixture in
      let events = feed("events", [column("id", .bigint), column("at", .timestamptz)])
      let times = [
        "2026-03-08 01:59:59", "2026-03-08 02:00:00", "2026-03-08 02:30:00", "2026-03-08 03:00:00",
        "2026-11-01 00:59:59", "2026-11-01 01:00:00", "2026-11-01 01:30:00", "2026-11-01 02:00:00",
      ]
      try fixture.deliver(
        "events_1.csv", "id,at\n" + times.enumerated().map { "\($0.offset),\($0.element)\n" }.joined())
      #expect(try await fixture.ingest(events, timeZone: "America/New_York").rows.inserted == times.count)
      let values = times.enumerated().map {
        "(\($0.offset), timestamp '\($0.element)' at time zone 'America/New_York')"
      }
      #expect(
        try await fixture.query(
          "select count(*) from finance.events join (values \(values.joined(separator: ", "))) as w (id, at) using (id, at)"
        )
          == "\(times.count)")
      // Forward over the gap, and the later of the two.
      #expect(
        try await fixture.query("select at at time zone 'UTC' from finance.events where id in (2, 6) order by id")
          == "2026-03-08 07:30:00\n2026-11-01 06:30:00")
    }
  }

  @Test(arguments: [
    "format: { delimiter: \"\\u0000\" }", "format: { encoding: \"\" }", "format: { negatives: [[]] }",
    "format: { max_record_bytes: {} }", "format: { max_record_lines: 9223372036854775808 }",
    "format: { max_file_bytes: 0 }", "format: []", "drift: []", "drift: { extra: { a: b } }", "trailer: []",
    "trailer: { marker: [], rows: -1, sums: {} }", "trailer: { marker: x, sums: [ [ ] ] }", "control_file: []",
    "provenance: 1", "control_file: true", "trailer: { marker: x, rows: 99999999999999999999 }",
    "format: { nulls: [ [ ] ] }", "format: { nulls: {} }", "format: { quote: \"\\r\" }", "format: { delimiter: 🧾 }",
  ])
  func garbageInEveryNewKeyIsAnErrorWithItsLine(key: String) throws {
    try TemporaryDirectory.with { directory in
      _ = try directory.write("project: p\n", to: "Jobs/daybook.yaml")
      _ = try directory.write(
        "feed: a\nfiles: a_*.csv\n\(key)\ncolumns:\n  id: { type: bigint }\n", to: "Jobs/feeds/a.yaml")
      let (project, diagnostics) = Project.check(root: directory.path, environment: [:])
      #expect(project == nil)
      let errors = diagnostics.filter { $0.severity == .error && $0.position?.file == "Jobs/feeds/a.yaml" }
      #expect(!errors.isEmpty)
      for error in errors { #expect(error.position?.line == 3, "\(error)") }
    }
  }
}
