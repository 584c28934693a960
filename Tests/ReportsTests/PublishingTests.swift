// The shipped reports against a live database: figures equal to SQL computed apart, nothing written when nothing has
// changed, one page rewritten when one input has, errors at the line of their section.
// Each test has its own database and its own folder.

import Cache
import Definitions
import Finding
import Foundation
import Glibc
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@testable import Reports

func inShop(
  customers: Int = 60, _ body: nonisolated(nonsending) (SampleShop, TemporaryDirectory) async throws -> Void
) async throws {
  try await TemporaryDirectory.with { directory in
    try await TestDatabase.withDatabase { database in
      try await database.withPool(max: 2) { pool in
        let shop = try SampleShop(output: directory.appending("Output"), pool: pool)
        try await shop.prepare(configuration: database.configuration, customers: customers, orders: customers * 10)
        try await body(shop, directory)
      }
    }
  }
}

func stamps(_ folder: String) throws -> [String: String] {
  var result: [String: String] = [:]
  for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
    var status = stat()
    lstat("\(folder)/\(name)", &status)
    if status.st_mode & S_IFMT == S_IFREG {
      result[name] = "\(status.st_ino) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
    }
  }
  return result
}

func object(_ file: String) throws -> [String: Any] {
  let data = try Data(contentsOf: URL(filePath: file))
  return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
}

/// Numbers as a reader sees them.
private enum FigureFormatting {
  static func grouped(_ number: Int) -> String {
    let digits = Array(String(number))
    return digits.enumerated().map { index, digit in
      (index > 0 && (digits.count - index) % 3 == 0 ? "," : "") + String(digit)
    }.joined()
  }
}

@Suite struct PublishingTests {
  @Test func shippedReportsHoldTheFiguresOfTheDatabase() async throws {
    try await inShop { shop, _ in
      let outcome = try await shop.publisher().publish()
      #expect(outcome.isChanged && outcome.reports.map(\.cached) == [false, false, false, false, false, false])
      #expect(
        outcome.reports.map(\.name) == ["index", "customers", "revenue", "reconciliation", "data-quality", "run"])
      let json = try object("\(outcome.directory)/report.json")
      #expect(json["schema_version"] as? Int == 1)
      #expect(json["state"] as? String == "COMPLETE")
      let reports = try #require(json["reports"] as? [[String: Any]])
      let customers = try #require(reports.first { $0["name"] as? String == "customers" })
      let tiles = try #require((customers["sections"] as? [[String: Any]])?.first?["rows"] as? [[String: Any]])
      let expected = try await shop.pool.withConnection { connection in
        try await connection.query(
          """
          SELECT currency, count(DISTINCT customer_id)::int,
            sum(CASE type WHEN 'payment' THEN amount WHEN 'fee' THEN 0 ELSE -amount END)::text
          FROM finance.transactions t
          WHERE EXISTS (SELECT FROM finance.transactions p
            WHERE p.customer_id = t.customer_id AND p.currency = t.currency AND p.type = 'payment')
          GROUP BY 1
          """
        ).map { row in
          (try row.decode(0, as: String.self), try row.decode(1, as: Int.self), try row.decode(2, as: String.self))
        }
      }
      #expect(tiles.count == expected.count && !expected.isEmpty)
      for (currency, count, net) in expected {
        let tile = try #require(tiles.first { $0["currency"] as? String == currency })
        #expect(tile["customers"] as? Int == count)
        #expect(tile["net_paid"] as? String == net)
      }
    }
  }

  @Test func everyPageIsValidAndStandsAlone() async throws {
    try await inShop { shop, _ in
      let outcome = try await shop.publisher().publish()
      for report in outcome.reports {
        let page = String(decoding: try Data(contentsOf: URL(filePath: report.path)), as: UTF8.self)
        #expect(page.contains("COMPLETE") && page.contains("As of") && page.contains(shop.run.description))
        #expect(!page.contains("<script") && !page.contains("src=") && !page.contains("http-equiv=\"refresh\""))
        #expect(!page.contains("\u{202E}"))
        #expect(markupDefect(page) == nil, "\(report.name)")
        #expect(page.utf8.count < 2_000_000)
      }
      let proof = String(decoding: try Data(contentsOf: URL(filePath: outcome.reports[3].path)), as: UTF8.self)
      #expect(
        proof.contains("Every amount is accounted for: EUR difference 0.00, GBP difference 0.00, USD difference 0.00."))
      #expect(proof.contains("rejected. Difference 0."))
      #expect(proof.contains("The views agree with their tables"))
      let csv = try String(contentsOfFile: "\(outcome.directory)/data/rejects.csv", encoding: .utf8)
      #expect(csv.contains("transactions,transactions_2026-11-20.csv,100,amount,wrong_type,"))
    }
  }

  @Test func whatTheSendersStatedStandsBesideWhatWasRead() async throws {
    try await inShop { shop, _ in
      try await shop.pool.withConnection { connection in
        try await connection.executeScript(
          """
          insert into daybook.file_statement
          select file_id, 'control_file', '', '', rows_read, rows_read from daybook.file where feed = 'transactions'
          union all select file_id, 'control_file', 'amount', currency, amount, amount
          from daybook.file_control_sum where outcome = 'read'
          """)
      }
      let first = try await shop.publisher().publish()
      let good = String(decoding: try Data(contentsOf: URL(filePath: first.reports[3].path)), as: UTF8.self)
      #expect(good.contains("What was read is what the senders stated: 4 figures compared, difference 0."))
      let json = try object("\(first.directory)/report.json")
      let reports = try #require(json["reports"] as? [[String: Any]])
      let page = try #require(reports.first { $0["name"] as? String == "reconciliation" })
      let sections = try #require(page["sections"] as? [[String: Any]])
      let sums = try #require(sections.first { $0["title"] as? String == "Money as stated by the senders" })
      let rows = try #require(sums["rows"] as? [[String: Any]])
      #expect(rows.count == 3 && rows.allSatisfy { $0["difference"] as? String == "0.00" }, "\(rows)")
      #expect(rows.allSatisfy { $0["stated"] as? String == $0["read"] as? String })
      #expect(rows.allSatisfy { $0["source"] as? String == "control file" })

      // A refused file: its name and its currency are the sender's words.
      try await shop.pool.withConnection { connection in
        try await connection.executeScript(
          """
          insert into daybook.file (feed, name, sha256, bytes, run_id, as_of, status, rows_read, rows_inserted,
            rows_updated, rows_unchanged, rows_deleted, rows_duplicate, rows_rejected)
          select feed, '<b>evil</b>.csv', sha256, bytes, run_id, as_of, 'refused', 3, 0, 0, 0, 0, 0, 0
          from daybook.file where feed = 'transactions';
          insert into daybook.file_statement
          select file_id, 'trailer', '', '', 4, 3 from daybook.file where status = 'refused'
          union all select file_id, 'trailer', 'amount', 'E&R', 10.50, 10.00 from daybook.file where status = 'refused';
          """)
      }
      let second = try await shop.publisher().publish(force: true)
      let bad = String(decoding: try Data(contentsOf: URL(filePath: second.reports[3].path)), as: UTF8.self)
      #expect(bad.contains("What was read is not what the senders stated: 2 of 6 figures differ"))
      #expect(bad.contains("&lt;b&gt;evil&lt;/b&gt;.csv") && !bad.contains("<b>evil"))
      #expect(bad.contains("E&amp;R") && bad.contains("(0.50)"))
      #expect(markupDefect(bad) == nil)
      let csv = try String(contentsOfFile: "\(second.directory)/data/stated_sums.csv", encoding: .utf8)
      #expect(csv.hasPrefix("feed,file,status,source,column,currency,stated,read,difference\n"))
      #expect(csv.contains("transactions,<b>evil</b>.csv,refused,trailer,amount,E&R,10.50,10.00,-0.50\n"), "\(csv)")
    }
  }

  /// Three deliveries of one name, of which two were refused, and one of another name: what is said must add up.
  @Test func aRefusedFileIsNotInTheEquationAndOneThatCameAgainCountsOnce() async throws {
    try await inShop { shop, _ in
      let before = try await shop.pool.withConnection { connection in
        let read = try await connection.query("select sum(rows_read)::bigint from daybook.file")[0].decode(
          0, as: Int.self)
        func refuse(_ name: String, _ count: Int) async throws {
          try await connection.executeScript(
            """
            insert into daybook.file (feed, name, sha256, bytes, run_id, as_of, status, rows_read, rows_inserted,
              rows_updated, rows_unchanged, rows_deleted, rows_duplicate, rows_rejected)
            select feed, '\(name)', sha256, bytes, run_id, as_of, 'refused', 13, 0, 0, 0, 0, 0, 2
            from daybook.file, generate_series(1, \(count)) where feed = 'orders' and status = 'loaded'
            """)
        }
        try await refuse("again.csv", 2)
        try await connection.executeScript(
          """
          insert into daybook.file (feed, name, sha256, bytes, run_id, as_of, status, rows_read, rows_inserted,
            rows_updated, rows_unchanged, rows_deleted, rows_duplicate, rows_rejected)
          select feed, 'again.csv', decode(repeat('ab', 32), 'hex'), bytes, run_id, as_of, 'loaded', 13, 13, 0, 0, 0, 0, 0
          from daybook.file where feed = 'orders' and status = 'loaded'
          """)
        try await refuse("never.csv", 2)
        return read
      }
      let outcome = try await shop.publisher().publish(force: true)
      let page = String(decoding: try Data(contentsOf: URL(filePath: outcome.reports[3].path)), as: UTF8.self)
      let total = FigureFormatting.grouped(before + 13)
      #expect(page.contains("\(total) rows read = "), "\(total)")
      #expect(page.contains("1 file was refused as a whole: its 13 rows are not in these figures."))
      #expect(page.contains("rejected. Difference 0."))
      let files = try String(contentsOfFile: "\(outcome.directory)/data/files.csv", encoding: .utf8)
      #expect(
        files.components(separatedBy: "again.csv").count == 2 && files.components(separatedBy: "never.csv").count == 2)
      let feeds = try String(contentsOfFile: "\(outcome.directory)/data/feeds.csv", encoding: .utf8)
      #expect(feeds.hasPrefix("feed,files,refused,read,"))
      #expect(feeds.contains("\norders,3,1,"), "\(feeds)")
      let summary = try String(contentsOfFile: "\(outcome.directory)/summary.txt", encoding: .utf8)
      #expect(summary.contains("Rejected: 5 rows"), "\(summary)")
    }
  }

  @Test func secondPublicationWritesNothing() async throws {
    try await inShop { shop, _ in
      let first = try await shop.publisher().publish()
      let before = try stamps(shop.project.output)
      let other = try #require(RunID("01020304-0506-7000-8000-00000000000a"))
      let second = try await shop.publisher(run: other).publish()
      #expect(!second.isChanged && second.bytesWritten == 0 && second.reports.allSatisfy(\.cached))
      #expect(second.directory == first.directory)
      #expect(try stamps(shop.project.output) == before)
      let forced = try await shop.publisher(run: other).publish(force: true)
      #expect(forced.isChanged && forced.reports.allSatisfy { !$0.cached })
      let after = try stamps(shop.project.output)
      // Pages name the run that rendered them; the figures are the same files.
      #expect(after["2026-11-20/revenue.html"] != before["2026-11-20/revenue.html"])
      #expect(after["2026-11-20/data/products.csv"] == before["2026-11-20/data/products.csv"])
    }
  }

  @Test func viewThatDiffersFromItsTableMakesTheSetADraft() async throws {
    try await inShop { shop, _ in
      try await shop.pool.withConnection { connection in
        try await connection.executeScript(
          "update finance.revenue_daily__state set gross__sum = gross__sum + 0.01 where gross__sum > 0")
      }
      let outcome = try await shop.publisher().publish()
      let json = try object("\(outcome.directory)/report.json")
      #expect(json["state"] as? String == "DRAFT")
      let reasons = try #require(json["draft_reasons"] as? [String])
      #expect(reasons.contains { $0.contains("view totals differ from their tables") })
    }
  }

  @Test func pageThatReadsNothingNewKeepsItsFile() async throws {
    try await inShop { shop, _ in
      _ = try await shop.publisher().publish()
      let before = try stamps(shop.project.output)
      var changed = shop.project
      let place = try #require(changed.reports.firstIndex { $0.name == "customers" })
      changed.reports[place].definitionHash += "x"
      let outcome = try await shop.publisher(project: changed).publish()
      let cached = Dictionary(uniqueKeysWithValues: outcome.reports.map { ($0.name, $0.cached) })
      #expect(
        cached == [
          "index": false, "customers": false, "revenue": true, "reconciliation": false, "data-quality": false,
          "run": false,
        ])
      let after = try stamps(shop.project.output)
      #expect(after["2026-11-20/revenue.html"] == before["2026-11-20/revenue.html"])
      let json = try object("\(outcome.directory)/report.json")
      #expect((json["reports"] as? [[String: Any]])?.count == 6)
    }
  }

  @Test func changedDataRendersThePagesThatReadThem() async throws {
    try await inShop { shop, _ in
      _ = try await shop.publisher().publish()
      _ = try await shop.pool.withConnection { try await DataVersions.bump("products", on: $0) }
      let outcome = try await shop.publisher().publish()
      let cached = outcome.reports.filter(\.cached).map(\.name)
      // The view that reads products is behind now, which every page has to say.
      #expect(cached.isEmpty)
      let page = try String(contentsOfFile: outcome.indexPath, encoding: .utf8)
      #expect(page.contains("DRAFT") && page.contains("The view product_revenue is behind products."))
    }
  }

  @Test func emptyShopRendersDecently() async throws {
    try await inShop(customers: 0) { shop, _ in
      let outcome = try await shop.publisher().publish()
      let page = try String(contentsOfFile: outcome.indexPath, encoding: .utf8)
      #expect(page.contains("DRAFT") && page.contains("No file of the feed orders has been loaded yet."))
      for report in outcome.reports {
        #expect(markupDefect(try String(contentsOfFile: report.path, encoding: .utf8)) == nil, "\(report.name)")
      }
      let summary = try String(contentsOfFile: "\(outcome.directory)/summary.txt", encoding: .utf8)
      #expect(summary.contains("Rejected: none."))
    }
  }

  @Test func manifestHashesAreThoseOfTheFiles() async throws {
    try await inShop(customers: 5) { shop, _ in
      let outcome = try await shop.publisher().publish()
      let manifest = try #require(OutputFolder(path: shop.project.output).intactManifest(for: shop.asOf))
      for file in manifest.files {
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: "\(outcome.directory)/\(file.path)")))
        #expect(ContentHash.sha256(bytes) == file.sha256 && bytes.count == file.bytes, "\(file.path)")
        #expect((file.rows != nil) == file.path.hasSuffix(".csv"), "\(file.path)")
      }
      let set = try ReadSet(outcome)
      for name in ["revenue_months", "steps", "rejects"] {
        let count = try set.csv(name).count
        #expect(manifest.file(at: "data/\(name).csv")?.rows == count, "\(name)")
      }
      let onDisk = Set(try stamps(outcome.directory).keys)
      #expect(onDisk == Set(manifest.files.map(\.path)).union(["manifest.json"]))
    }
  }

  @Test func refusedStatementIsReportedAtItsSection() async throws {
    try await inShop(customers: 5) { shop, _ in
      _ = try await shop.publisher().publish()
      let before = try stamps(shop.project.output)
      var broken = shop.project
      broken.reports[0].sections[0].source = .query("select\n  nett from revenue_daily where 1 = :as_of")
      broken.reports[0].definitionHash += "x"
      let error = await #expect(throws: ReportError.self) {
        try await shop.publisher(project: broken).publish()
      }
      let diagnostic = try #require(error?.diagnostic)
      #expect(diagnostic.position?.file == "Jobs/reports/customers.yaml")
      #expect(diagnostic.position?.line == broken.reports[0].sections[0].position.line)
      #expect(diagnostic.notes.contains { $0.hasPrefix("SQLSTATE 42") })
      // A type that is not read is the statement's mistake too, kept rows or not, wherever the column comes from.
      for cache in [nil, TieredCache(tiers: [MemoryTier()])] {
        broken.reports[0].sections[0].source = .query("select 1 as net, array[interval '1 day'] as \"iv X\"")
        let error = await #expect(throws: ReportError.self) {
          try await shop.publisher(project: broken, cache: cache).publish()
        }
        guard case .statement(let diagnostic)? = error else { throw TestSupportError("\(String(describing: error))") }
        #expect(diagnostic.position == broken.reports[0].sections[0].position)
        #expect(
          diagnostic.message
            == "report customers, \"\(broken.reports[0].sections[0].title)\": the column \"iv X\" is of "
            + "type interval[], which reports do not read")
        #expect(diagnostic.fix == "write \"iv X\"::text in the query")
      }
      // So is a column that the definition speaks of and the rows do not have, whether there are rows or not.
      let misspelt: [(ColumnFormat, String, String)] = [
        (ColumnFormat(column: "nett", kind: .integer), "nett", "did you mean \"net\"?"),
        (ColumnFormat(column: "net", kind: .money(currencyColumn: "curency")), "curency", "did you mean \"currency\"?"),
        (ColumnFormat(column: "elsewhere", kind: .text), "elsewhere", "add it to the query"),
      ]
      for (format, name, fix) in misspelt {
        broken.reports[0].sections[0].source = .query("select net, currency from revenue_daily where false")
        broken.reports[0].sections[0].columns = [format]
        let error = await #expect(throws: ReportError.self) { try await shop.publisher(project: broken).publish() }
        #expect(error?.diagnostic.message.hasSuffix(": the query gives no column \"\(name)\"") == true, "\(name)")
        #expect(error?.diagnostic.notes == ["it gives net, currency"] && error?.diagnostic.fix == fix)
        #expect(error?.diagnostic.position == broken.reports[0].sections[0].position)
      }
      #expect(try stamps(shop.project.output) == before)
    }
  }

  @Test func unknownReportHasAHint() async throws {
    try await inShop(customers: 0) { shop, _ in
      let error = await #expect(throws: ReportError.self) { try await shop.publisher().publish(.named(["revenu"])) }
      #expect(error?.diagnostic.fix == "did you mean \"revenue\"?")
    }
  }

  @Test func selectionNarrowsWhatIsListedAndNotTheSet() async throws {
    try await inShop(customers: 5) { shop, _ in
      let outcome = try await shop.publisher().publish(.named(["revenue"]))
      #expect(outcome.reports.map(\.name) == ["revenue"])
      #expect(FileManager.default.fileExists(atPath: "\(outcome.directory)/customers.html"))
    }
  }
}
