// The ends of every type, and decimals of every precision: text → binary → table → text, against PostgreSQL reading the
// same file itself. Ordinary random values are in ValueTests.

import Definitions
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@testable import Ingest

@Suite struct ExtremeValueTests {
  /// Loads `text` both ways and reports each row that one of the two tables has alone.
  private nonisolated(nonsending) func compare(
    _ definition: FeedDefinition, _ text: String, rows: Int, _ fixture: FeedFixture
  ) async throws {
    try fixture.deliver("\(definition.name)_1.csv", text)
    let outcome = try await fixture.ingest(definition)
    #expect(outcome.rows == RowCounts(read: rows, inserted: rows))
    let (table, bytes) = ("finance.\(definition.name)", Array(text.utf8))
    let names = definition.columns.map(\.name).joined(separator: ", ")
    try await fixture.database.withConnection { connection in
      try await connection.executeScript(
        "set timezone = 'America/New_York'; create table finance.oracle (like \(table))")
      try await connection.copyIn("copy finance.oracle (\(names)) from stdin (format csv, header)") { writer in
        try await writer.write(bytes)
      }
      // By their text, so that 1.50 and 1.5 are not the same.
      let rows = try await connection.query(
        """
        (select left((mine)::text, 300) || ' is Daybook''s' from (select \(names) from \(table)) mine
         except all select left((theirs)::text, 300) || ' is Daybook''s' from (select \(names) from finance.oracle) theirs)
        union all
        (select left((theirs)::text, 300) || ' is PostgreSQL''s' from (select \(names) from finance.oracle) theirs
         except all select left((mine)::text, 300) || ' is PostgreSQL''s' from (select \(names) from \(table)) mine)
        order by 1 limit 8
        """)
      for row in rows { Issue.record("\(try row.decode(0, as: String.self))") }
    }
  }

  @Test func decimalsOfEveryPrecisionKeepEveryDigit() async throws {
    try await FeedFixture.with { fixture in
      var random = SeededRandom(seed: 0x5EED_0201)
      var columns = [column("id", .bigint)]
      var shapes: [(precision: Int, scale: Int)] = []
      for precision in 1...38 {
        let middle = Int(random.next() % UInt64(precision + 1))
        for scale in Set([0, 1, precision, middle]).sorted() where scale <= precision {
          shapes.append((precision, scale))
          columns.append(
            column("d\(precision)_\(scale)", .decimal(precision: precision, scale: scale), optional: true))
        }
      }
      func digits(_ count: Int, _ digit: Character?) -> String {
        String((0..<count).map { _ in digit ?? Character(String(random.next() % 10)) })
      }
      func number(_ whole: String, _ fraction: String) -> String {
        fraction.isEmpty
          ? whole : (whole.isEmpty && random.next() % 2 == 0 ? "" : whole.isEmpty ? "0" : whole) + ".\(fraction)"
      }
      var text = columns.map(\.name).joined(separator: ",") + "\n"
      let rows = 40
      for id in 0..<rows {
        let fields = shapes.map { shape -> String in
          let whole = shape.precision - shape.scale
          switch id {
          case 0, 1:  // The greatest and the least.
            return (id == 0 ? "" : "-") + number(digits(whole, "9"), digits(shape.scale, "9"))
          case 2, 3:  // Nearest to nothing.
            let least = shape.scale == 0 ? "1" : "0." + digits(shape.scale - 1, "0") + "1"
            return (id == 2 ? "" : "-") + least
          case 4: return "0"
          case 5: return "-0"
          case 6: return ""
          case 7: return "000" + number(digits(whole, "1"), digits(shape.scale, "0") + "000")
          default:
            return (random.next() % 2 == 0 ? "" : "-")
              + number(
                digits(whole == 0 ? 0 : 1 + Int(random.next() % UInt64(whole)), nil),
                digits(shape.scale == 0 ? 0 : 1 + Int(random.next() % UInt64(shape.scale)), nil))
          }
        }
        // A whole part of no digits at all needs one when there is no fraction either.
        text += "\(id)," + fields.joined(separator: ",") + "\n"
      }
      try await compare(feed("decimals", format: FeedFormat(), columns), text, rows: rows, fixture)
    }
  }

  @Test func theEndsOfEveryTypeArrive() async throws {
    try await FeedFixture.with { fixture in
      let ends = feed(
        "ends", format: FeedFormat(),
        [
          column("id", .bigint), column("i", .integer, optional: true), column("day", .date, optional: true),
          column("local", .timestamp, optional: true), column("at", .timestamptz, optional: true),
          column("u", .uuid, optional: true), column("ok", .boolean, optional: true),
          column("t", .text, optional: true), column("j", .json, optional: true),
        ])
      let values = [
        ["-9223372036854775808", "9223372036854775807", "0", "-1", "+1"],
        ["-2147483648", "2147483647", "", "-0", "007"],
        ["0001-01-01", "9999-12-31", "1582-10-05", "1600-02-29", "2000-01-01", "1999-12-31", "1970-01-01", ""],
        [
          "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "2000-01-01 00:00:00", "1999-12-31 23:59:59.999999",
          "1969-12-31T23:59:59.000001", "2000-02-29 12:00", "",
        ],
        [
          "0001-01-01 00:00:00Z", "0001-01-01 00:00:00+15:59", "9999-12-31 23:59:59.999999-15:59",
          "9999-12-31 23:59:59Z", "1883-11-18 12:03:57", "2026-03-08 02:30:00", "2026-11-01 01:30:00", "",
        ],
        [
          "00000000-0000-0000-0000-000000000000", "ffffffffffffffffffffffffffffffff",
          "FFFFFFFF-ffff-0000-FFFF-ffffffffffff", "",
        ],
        ["true", "FALSE", "t", "no", ""],
        [
          "\"\"", "\u{1}", "\"\u{10FFFF}\u{E000}\u{7F}\"", "\"a\r\nb\"", String(repeating: "é", count: 20_000),
          "\u{FEFF}x",
          "\"\"\"\"", "\\N", "\\.", "",
        ],
        [
          "null", "\"\"\"\\u0041\\ud83d\\ude42\"\"\"", "-0.0", "1e30", "\"{\"\"a\"\": 1, \"\"a\"\": 2}\"",
          "99999999999999999999999999999999999999999999.000000000001", "",
        ],
      ]
      var text = "id,i,day,local,at,u,ok,t,j\n"
      let rows = 200
      var random = SeededRandom(seed: 0x5EED_0202)
      for id in 0..<rows {
        let key = id < values[0].count ? values[0][id] : "\(id + 1000)"
        let fields = values.dropFirst().map { list in
          id < list.count ? list[id] : list[Int(random.next() % UInt64(list.count))]
        }
        text += "\(key)," + fields.joined(separator: ",") + "\n"
      }
      try await compare(ends, text, rows: rows, fixture)
    }
  }

  private static let impossible: [(column: String, text: String)] = [
    ("day", "0000-12-31"), ("day", "10000-01-01"), ("day", "0001-01-01 BC"), ("day", "-0001-01-01"),
    ("day", "2023-02-29"),
    ("day", "2100-02-29"), ("day", "2026-06-31"), ("day", "infinity"), ("day", "2026-11-20 00:00:00"),
    ("day", "20261120"),
    ("local", "2026-11-20 24:00:00"), ("local", "2026-11-20 23:59:60"), ("local", "2026-11-20 10:00:00Z"),
    ("local", "2026-11-20 10:00:00.1234567"), ("local", "now"), ("at", "2026-11-20 10:00:00+16:00"),
    ("at", "2026-11-20 10:00:00+02:"), ("at", "2026-11-20 10:00:00+2"), ("at", "2026-11-20 10:00:00 EST"),
    ("i", "2147483648"), ("i", "-2147483649"),
    ("i", "1e3"), ("i", "0x10"), ("i", "1_000"), ("d", "NaN"), ("d", "Infinity"), ("d", "1e2"), ("d", "."), ("d", "-"),
    ("d", "+-1"), ("d", "١"), ("u", "{00000000-0000-0000-0000-000000000000}"),
    ("u", "00000000-0000-0000-0000-00000000000g"),
    ("ok", "ja"), ("ok", "2"), ("j", "{'a': 1}"), ("j", "\"[1,]\""), ("j", "NaN"), ("j", "\"\"\"\\u0000\"\"\""),
    ("j", "\"\"\"\\ud800\"\"\""),
  ]

  @Test func whatATypeDoesNotHaveIsARejectAndNeverAFailedCopy() async throws {
    try await FeedFixture.with { fixture in
      let types: [(String, ColumnType)] = [
        ("i", .integer), ("d", .decimal(precision: 14, scale: 2)), ("day", .date), ("local", .timestamp),
        ("at", .timestamptz), ("u", .uuid), ("ok", .boolean), ("j", .json),
      ]
      let probe = feed(
        "probe", [column("id", .bigint)] + types.map { column($0.0, $0.1, optional: true) })
      var text = "id," + types.map(\.0).joined(separator: ",") + "\n"
      for (index, value) in Self.impossible.enumerated() {
        text += "\(index)," + types.map { $0.0 == value.column ? value.text : "" }.joined(separator: ",") + "\n"
      }
      try fixture.deliver("probe_1.csv", text)
      let outcome = try await fixture.ingest(probe)
      #expect(outcome.rows == RowCounts(read: Self.impossible.count, rejected: Self.impossible.count))
      #expect(
        try await fixture.query(
          "select string_agg(column_name, ',' order by line) from daybook.reject where code in ('wrong_type', 'out_of_range')"
        ) == Self.impossible.map(\.column).joined(separator: ","))
    }
  }
}
