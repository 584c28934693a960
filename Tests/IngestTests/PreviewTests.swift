// The preview against the ingest: what it shows is what psql shows after loading, and what it refuses is refused.

import CSV
import Definitions
import Finding
import Glibc
import Ingest
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@Suite struct PreviewTests {
  private static let everyType = feed(
    "every",
    [
      column("id", .bigint), column("small", .integer, integralDecimal: true),
      column("amount", .decimal(precision: 38, scale: 4), optional: true), column("flag", .boolean, optional: true),
      column("day", .date, optional: true), column("local", .timestamp, optional: true),
      column("moment", .timestamptz, optional: true), column("token", .uuid, optional: true),
      column("document", .json, optional: true), column("words", .text, from: "Free text", optional: true),
      column("fee", .decimal(precision: 10, scale: 3), constant: "1.5"), column("channel", .text, constant: "web"),
      column("later", .text, optional: true),
    ])

  private static let everyFile =
    "Free text,id,small,amount,flag,day,local,moment,token,document\n"
    + "Zoë,1,12.0,1203.5,yes,2026-11-20,2026-11-20 08:00:00,2026-07-01 08:00:00,"
    + "6F1E7B52-30A8-4D5E-9C7A-1F2B3C4D5E6F,\"{\"\"a\"\": 1}\"\n"
    + "\"a, b\",2,-7,-0.0001,f,0001-01-01,1999-12-31 23:59:59.9,2026-11-20T08:00:00.125Z,,\n"
    + "NULL,3,0,12345678901234567890123456789012.1234,,9999-12-31,2000-01-01 00:00,2026-03-08 02:30:00,,\n"
    + "\"\",4,1,0,0,1970-01-01,1969-12-31 23:59:59.000001,1883-11-18 12:00:00,,\n"

  @Test func rowsAreShownAsPostgreSQLShowsThemAfterLoading() async throws {
    try await FeedFixture.with { fixture in
      let path = try fixture.deliver("every_1.csv", Self.everyFile)
      let preview = try FeedPreview(feed: Self.everyType, timeZone: "America/New_York").read(path, rows: 10)
      _ = try await fixture.ingest(Self.everyType)
      // A cast spells booleans out; psql does not.
      let names = Self.everyType.columns.map { column in
        let text = "\(column.name)::text"
        return "coalesce(\(column.type == .boolean ? "left(\(text), 1)" : text), '∅')"
      }.joined(separator: ", ")
      let found = try await fixture.database.psql(
        "set timezone to 'America/New_York'", "select \(names) from finance.every order by id")
      let shown = preview.rows.map { $0.values.map { $0 ?? "∅" }.joined(separator: "|") }.joined(separator: "\n")
      #expect(shown == found.trimmingLineEnd())
      #expect(preview.rows.map(\.line) == [2, 3, 4, 5])
      #expect(preview.recordsRead == 4)
      #expect(preview.rejects.isEmpty)
      #expect(preview.findings.map(\.code) == ["column_absent"])
    }
  }

  @Test func rejectsAreThoseOfTheIngest() async throws {
    try await FeedFixture.with { fixture in
      let file =
        paymentsHeader + "1,,payment,1.00,USD,2026-11-19 10:00:00\nx,,payment,1.00,USD,2026-11-19 10:00:00\n"
        + "3,,payment,1.00\n4,,\"payment,1.00,USD,2026-11-19 10:00:00\n5,,gift,1.00,USD,2026-11-19 10:00:00\n"
      let path = try fixture.deliver("payments_1.csv", file)
      let preview = try FeedPreview(feed: payments(), timeZone: "America/New_York").read(path, rows: 10)
      _ = try await fixture.ingest(payments())
      let found = try await fixture.query(
        "select line, record, byte_offset, coalesce(column_name, ''), code, reason from daybook.reject order by record")
      let shown = preview.rejects.map {
        "\($0.line)|\($0.record)|\($0.byteOffset)|\($0.column ?? "")|\($0.code.rawValue)|\($0.reason)"
      }
      #expect(shown == found.split(separator: "\n").map(String.init))
      #expect(preview.recordsRead == 5)
      #expect(preview.recordsRefused == 4)
      #expect(preview.rows.map(\.values[0]) == ["1"])
      let one = try FeedPreview(feed: payments(), timeZone: "America/New_York").read(path, rows: 0, rejects: 1)
      #expect(one.rows.isEmpty)
      #expect(one.rejects.count == 1)
      #expect(one.recordsRefused == 4)
    }
  }

  @Test func filesThatCannotBeUsedAreRefused() throws {
    try TemporaryDirectory.with { directory in
      let preview = FeedPreview(feed: payments(), timeZone: "America/New_York")
      func failure(_ path: String) -> (IngestError.Kind, [String])? {
        do throws(IngestError) {
          _ = try preview.read(path, rows: 10)
          return nil
        } catch {
          return (error.kind, error.diagnostics.map(\.code))
        }
      }
      let missing = try #require(failure(directory.appending("none.csv")))
      #expect(missing == (.missingFeed, ["unreadable_file"]))
      let folder = try #require(failure(directory.path))
      #expect(folder == (.unreadable, ["unreadable_file"]))
      let header = try #require(failure(try directory.write("id,id\n1,2\n", to: "a.csv")))
      #expect(header.0 == .fileRefused)
      #expect(header.1.contains("duplicate_header"))
      let cut = try #require(failure(try directory.write([0x1F, 0x8B, 8, 0, 0], to: "b.csv.gz")))
      #expect(cut == (.fileRefused, ["unreadable_file"]))
      let empty = try preview.read(try directory.write("", to: "c.csv"), rows: 10)
      #expect(empty.findings.map(\.code) == ["empty_file"])
      #expect(empty.recordsRead == 0)
    }
  }

  @Test func recordsAreWrittenAsStandardCSV() throws {
    try TemporaryDirectory.with { directory in
      let odd = feed(
        "odd", format: FeedFormat(delimiter: UInt8(ascii: ";"), quote: UInt8(ascii: "'")), [column("id", .bigint)])
      let path = try directory.write(
        "id;note;more\n1;'a;b';\n2;say \"no\";''\n3;'two\nlines';x, y\n4;'bad\n5;ok;\n", to: "odd.csv")
      func written(_ rows: Int?) throws -> (String, FeedPreview.Conversion) {
        let descriptor = open(directory.appending("out.csv"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        let conversion = try FeedPreview(feed: odd, timeZone: "UTC").writeCSV(path, rows: rows, to: descriptor)
        return (try directory.read("out.csv"), conversion)
      }
      let (all, conversion) = try written(nil)
      #expect(
        all == "id,note,more\r\n1,a;b,\r\n2,\"say \"\"no\"\"\",\"\"\r\n3,\"two\nlines\",\"x, y\"\r\n5,ok,\r\n")
      #expect(conversion.records == 4)
      #expect(conversion.refused == 1)
      #expect(conversion.rejects.map(\.line) == [6])
      #expect(try written(1).0 == "id,note,more\r\n1,a;b,\r\n")
    }
  }
}
