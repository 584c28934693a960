// The same data on two servers give the same bytes of every file: in a database that compares text by other rules, writes
// dates and numbers in another way, keeps another clock and holds its rows in another order.

import Foundation
import Postgres
import TestSupport
import Testing

@testable import Reports

/// A report whose sections show feeds and views as they are, with no order of their own or one that leaves rows equal.
private let plain = """
  report: plain
  title: As they are
  sections:
    - table: Products
      view: products
      top: 7
    - table: Countries
      view: customers
      order_by: country
      top: 9
    - table: Days
      view: revenue_daily
      top: 5
    - table: Words
      view: words
      top: 12
    - table: Asked
      query: select name, country, signed_up_on from customers
      order_by: country desc
      top: 6
    - chart: First letters
      view: words
      type: bar
      x: name
      y: orders

  """

/// A view whose rows nothing tells apart: of mixed case, with signs, and with a type that has no order.
private let words = """
  select upper(left(name, 1)) || substr(name, 2, 3) as name, segment, json_build_object('n', customer_id) as made,
    customer_id % 3 as orders
  from customers

  """

@Suite struct SameBytesTests {
  @Test func anotherServerWithTheSameDataWritesTheSameBytes() async throws {
    try await TemporaryDirectory.with { folder in
      try FileManager.default.copyItem(atPath: SampleShop.root + "/Jobs", toPath: folder.appending("Jobs"))
      try folder.write(plain, to: "Jobs/reports/plain.yaml")
      try folder.write(words, to: "Jobs/views/words.sql")
      let output = folder.appending("Output")
      let one = try await publish(icuLocale: nil, root: folder.path, output: output)
      try FileManager.default.removeItem(atPath: output)
      let two = try await publish(icuLocale: "en-US", root: folder.path, output: output)
      #expect(one.keys.sorted() == two.keys.sorted() && one.count > 40)
      for (name, bytes) in one where bytes != two[name] {
        let lines = [bytes, two[name] ?? []].map { String(decoding: $0, as: UTF8.self).split(separator: "\n") }
        let difference = zip(lines[0], lines[1]).first { $0 != $1 }
        Issue.record("\(name): \(difference.map { "\($0.0.prefix(300)) / \($0.1.prefix(300))" } ?? "")")
      }
      for name in Self.golden {
        try expectGolden(try page(name, of: one), "Night/\(name)")
      }
      let json = Self.excerpt(
        of: try #require(one["report.json"]), dividedBy: "\n    {\n",
        keeping: [#""name": "plain""#, #""name": "data-quality""#])
      try expectGolden(json, "Night/report.json")
      let views = Self.excerpt(
        of: try page("definitions/all.views.html", of: one), dividedBy: "\n<section",
        keeping: ["id=\"words\"", "id=\"revenue_concentration\""])
      try expectGolden(views, "Night/definitions/all.views.html")
      // What a file is depends on the libraries that compress the workbook, and on the folder that the summary names.
      let manifest = String(decoding: try #require(one[SetManifest.fileName]), as: UTF8.self)
      let shape = manifest.replacing(/"bytes": [0-9]+, "sha256": "[0-9a-f]+"/, with: #""bytes": 0, "sha256": """#)
        .replacing(/"content": "[0-9a-f]+"/, with: #""content": """#)
      try expectGolden(Array(shape.utf8), "Night/\(SetManifest.fileName)")
      let bytes = try #require(one[WorkbookRendering.fileName])
      let book = try await SpreadsheetReader.read(try folder.write(bytes, to: "read.xlsx"))
      let lines = book.lines(ofSheets: ["Overview", "As they are", "Reconciliation"])
      try expectGolden(Array(lines.utf8), "Night/\(WorkbookRendering.fileName).txt")
    }
  }

  /// The pages that no report defines, as they are held byte by byte; those of reports are in RenderingTests.
  private static let golden = [
    "index.html", "reconciliation.html", "data-quality.html", "run.html", "definitions/plain.html",
  ]

  /// A text without the parts that hold none of some words: its head and the parts that do, so that a change of what is
  /// shipped, whose figures ContentsTests compare with SQL, is no change of its form.
  private static func excerpt(of bytes: [UInt8], dividedBy mark: String, keeping words: [String]) -> [UInt8] {
    let parts = String(decoding: bytes, as: UTF8.self).components(separatedBy: mark)
    let kept = parts.prefix(1) + parts.dropFirst().filter { part in words.contains { part.contains($0) } }
    return Array(kept.joined(separator: mark).utf8)
  }

  /// A page without its style, which is that of every page and which RenderingTests hold.
  private func page(_ name: String, of files: [String: [UInt8]]) throws -> [UInt8] {
    let page = String(decoding: try #require(files[name]), as: UTF8.self)
    let start = try #require(page.firstRange(of: "<style>")).upperBound
    let end = try #require(page.firstRange(of: "</style>")).lowerBound
    return Array((page[..<start] + page[end...]).utf8)
  }

  private static func withoutFingerprints(_ manifest: [UInt8]) -> [UInt8] {
    Array(
      String(decoding: manifest, as: UTF8.self).replacing(/"(fingerprint|ledger)": "[0-9a-f-]*"/, with: "").utf8)
  }

  /// The files of a set by path.
  private func publish(icuLocale: String?, root: String, output: String) async throws -> [String: [UInt8]] {
    try await TestDatabase.withDatabase(icuLocale: icuLocale) { database in
      if icuLocale != nil {
        let settings = [
          "DateStyle = 'German, DMY'", "TimeZone = 'Asia/Tokyo'", "extra_float_digits = 0", "bytea_output = 'escape'",
          "IntervalStyle = 'sql_standard'",
        ]
        let told = try await database.psql("SELECT 'a' < 'B', current_database()").split(separator: "|")
        #expect(told.first == "t")
        let name = try #require(told.last?.dropLast())
        for setting in settings {
          try await database.psql("ALTER DATABASE \(name) SET \(setting)")
        }
      }
      return try await database.withPool(max: 2) { pool in
        let shop = try SampleShop(root: root, output: output, pool: pool)
        try await shop.prepare(configuration: database.configuration, customers: 20, orders: 160)
        if icuLocale != nil {
          for table in ["customers", "products", "orders", "transactions"] {
            try await shop.run(
              """
              CREATE TEMP TABLE held AS TABLE finance.\(table);
              TRUNCATE finance.\(table);
              INSERT INTO finance.\(table) SELECT * FROM held ORDER BY 1 DESC;
              DROP TABLE held;
              """)
          }
          try await shop.refresh()
        }
        // When files were loaded is an input, too.
        try await shop.run("UPDATE daybook.file SET recorded_at = '2026-11-21 04:00+00'")
        let outcome = try await shop.publisher().publish()
        var files: [String: [UInt8]] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: outcome.directory) where name.contains(".") {
          let bytes = [UInt8](try Data(contentsOf: URL(filePath: "\(outcome.directory)/\(name)")))
          // What a fingerprint is of belongs to one ledger.
          let isManifest = name == SetManifest.fileName
          files[name] = isManifest ? Self.withoutFingerprints(bytes) : bytes
        }
        return files
      }
    }
  }
}
