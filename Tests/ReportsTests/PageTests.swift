// Whole pages as other programs see them: two parsers that are not ours, and a browser.
// The pages are the shipped reports over made-up data with all that is said of where their figures come from, the same as
// a draft and marked as stale, rendered once for all tests of this file, and one of hostile words.
// With DAYBOOK_PAGES=<a published set> its pages are looked at instead; with DAYBOOK_PICTURES=<a directory> every look
// leaves a picture there.

import Definitions
import Foundation
import Glibc
import Ledger
import TestSupport
import Testing

@testable import Reports

/// The pages under test, by name without `.html`.
private enum SamplePages {
  static let shared = Task { try await rendered() }

  /// What a browser finds of them.
  static let tours = Task {
    let pictures = ProcessInfo.processInfo.environment["DAYBOOK_PICTURES"]
    return try await withFiles { files in
      try await Browser.with { browser in try files.map { try browser.tour($0, pictures: pictures) } }
    }
  }

  private static func rendered() async throws -> [String: [UInt8]] {
    if let folder = ProcessInfo.processInfo.environment["DAYBOOK_PAGES"] {
      return try read(folder)
    }
    var pages = try await TemporaryDirectory.with { directory in
      try await TestDatabase.withDatabase { database in
        try await database.withPool(max: 2) { pool in
          let shop = try SampleShop(output: directory.appending("Output"), pool: pool)
          try await shop.prepare(configuration: database.configuration, customers: 120, orders: 2_400)
          var pages = try read(try await shop.publisher().publish().directory)
          try await shop.run(
            """
            INSERT INTO daybook.file (feed, name, sha256, bytes, run_id, as_of, status, rows_read, rows_inserted,
              rows_updated, rows_unchanged, rows_deleted, rows_duplicate, rows_rejected)
            SELECT feed, 'late <&>.csv', decode(repeat('cd', 32), 'hex'), bytes, run_id, as_of, 'refused', 9, 0, 0, 0, 0, 0, 9
            FROM daybook.file WHERE feed = 'orders'
            """)
          let draft = try await shop.publisher().publish().directory
          pages.merge(try read(draft, as: "draft-", ["index", "revenue", "reconciliation"])) { $1 }
          _ = try PublishedSets(output: shop.project.output).markStale(
            failedAsOf: shop.asOf, at: Moment(microsecondsSince1970: 1_795_320_900_000_000), run: shop.run,
            reason: "ingest orders: <no> server & \"none\"", next: "daybook doctor")
          pages.merge(try read(draft, as: "stale-", ["index", "revenue"])) { $1 }
          return pages
        }
      }
    }
    pages["hostile"] = try HostilePages.page()
    return pages
  }

  /// The pages below a folder; those of `definitions/` get its name in front.
  private static func read(
    _ folder: String, as prefix: String = "", _ chosen: Set<String> = []
  ) throws -> [String: [UInt8]] {
    let files = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".html") }
    let names = files.map { String($0.dropLast(5)).replacing("/", with: "-") }
    return try Dictionary(
      uniqueKeysWithValues: zip(names, files).filter { chosen.isEmpty || chosen.contains($0.0) }.map { name, file in
        (prefix + name, [UInt8](try Data(contentsOf: URL(filePath: "\(folder)/\(file)"))))
      })
  }

  /// Lends the pages as files.
  static func withFiles<R>(_ body: ([String]) async throws -> R) async throws -> R {
    let pages = try await shared.value
    return try await TemporaryDirectory.with { directory in
      let files = try pages.sorted { $0.key < $1.key }.map { name, bytes in
        try directory.write(bytes, to: "\(name).html")
      }
      return try await body(files)
    }
  }
}

/// What tidy may warn of, and why that is no defect.
private let acceptedWarnings = [
  // Good HTML 5: tidy 5.6 takes the title of a picture for that of a page, and does not know this name for the current
  // one of several links.
  "<title> proprietary attribute \"id\"", "<a> proprietary attribute \"aria-current\"",
]

@Suite struct PageTests {
  @Test func tidyFindsNoErrorInAnyPage() async throws {
    try await SamplePages.withFiles { files in
      for file in files {
        let outcome = try await tool("/usr/bin/tidy", "tidy", ["-e", "-q", "-utf8", file])
        let lines = outcome.stderr.split(separator: "\n").map(String.init)
        let unexpected = lines.filter { line in !acceptedWarnings.contains { line.contains($0) } }
        #expect(unexpected == [], "\(file)")
        #expect(outcome.status < 2, "\(file)")
      }
    }
  }

  /// The pages are XML too, so that a parser that forgives nothing can read them.
  @Test func xmllintReadsEveryPage() async throws {
    try await SamplePages.withFiles { files in
      let outcome = try await tool("/usr/bin/xmllint", "libxml2-utils", ["--noout", "--nonet"] + files)
      #expect(outcome.stderr == "" && outcome.status == 0)
    }
  }

  @Test func everyPageIsBelowTwoMegabytes() async throws {
    let pages = try await SamplePages.shared.value
    // What is looked at are the pages of all kinds that a set can have.
    if ProcessInfo.processInfo.environment["DAYBOOK_PAGES"] == nil {
      for (name, word) in [
        ("definitions-revenue", "SQL as it ran"), ("definitions-all.views", "Feeds, views and checks"),
        ("draft-revenue", "<strong>DRAFT</strong>"), ("draft-index", "late &lt;&amp;&gt;.csv"),
        ("stale-index", "<strong>STALE</strong>"), ("stale-revenue", "STALE"),
      ] {
        let page = String(decoding: try #require(pages[name]), as: UTF8.self)
        #expect(page.contains(word), "\(name)")
      }
    }
    for (name, bytes) in pages { #expect(bytes.count < 2_000_000, "\(name)") }
  }

  @Test(.enabled(if: Browser.absence == nil, "\(Browser.absence ?? "")"), .timeLimit(.minutes(5)))
  func everyPageHoldsInABrowserOnDeskPhoneAndPaperInLightAndDark() async throws {
    for tour in try await SamplePages.tours.value {
      #expect(tour.events == [], "\(tour.page)")
      #expect(tour.visits.count == PageView.all.count)
      for visit in tour.visits {
        #expect(visit.scrollWidth == visit.view.width, "\(tour.page) \(visit.view)")
        #expect(visit.defects == [], "\(tour.page) \(visit.view)")
      }
    }
  }

  @Test(.enabled(if: Browser.absence == nil, "\(Browser.absence ?? "")"), .timeLimit(.minutes(5)))
  func everyPagePrintsToItsEndWithItsDetailsOpened() async throws {
    let tours = try await SamplePages.tours.value
    #expect(!tours.isEmpty)
    try await TemporaryDirectory.with { directory in
      for tour in tours {
        #expect(tour.pdf.starts(with: Data("%PDF".utf8)), "\(tour.page)")
        let file = try directory.write([UInt8](tour.pdf), to: "\(tour.page).pdf")
        let text = try await tool(Browser.pdfReader, "poppler-utils", [file, "-"]).stdout
        let foot = tour.page.hasPrefix("definitions-") ? "as they were read for it" : "no meaningful base"
        #expect(text.contains(foot), "the foot of \(tour.page)")
        #expect(!text.contains("Skip to the content"), "\(tour.page)")
        // The heading of a table that is folded on the screen and goes over several sheets.
        if tour.page == "revenue" { #expect(text.ranges(of: "Average of 28 days").count > 2) }
      }
    }
  }

  /// The harness itself: each of these pages has one defect, which must be found.
  @Test(.enabled(if: Browser.absence == nil, "\(Browser.absence ?? "")"), .timeLimit(.minutes(5)))
  func theBrowserFindsWhatIsWrong() async throws {
    let head = "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>t</title>"
    let broken: [(String, String)] = [
      ("dialog", "<body><script>alert(1)</script>"), ("console", "<body><script>console.log('x')</script>"),
      ("error", "<body><script>nothing()</script>"), ("request", "<body><img src='missing.png'>"),
      ("wide", "<body><div style='width:2000px'>x</div>"),
      ("contrast", "<body style='background:#fff;color:#999'>pale"),
      ("label", "<body><svg viewBox='0 0 10 10' width='10'><text x='5' y='5'>long label</text></svg>"),
    ]
    let said = try await TemporaryDirectory.with { directory in
      let files = try broken.map { try directory.write(head + $0.1, to: "\($0.0).html") }
      return try await Browser.with { browser in try files.map { try browser.tour($0, views: [.phone]) } }
    }
    func find(_ name: String) throws -> PageTour { try #require(said.first { $0.page == name }) }
    #expect(try find("dialog").events.contains { $0.hasPrefix("Page.javascriptDialogOpening") })
    #expect(try find("console").events.contains { $0.hasPrefix("Runtime.consoleAPICalled") })
    #expect(try find("error").events.contains { $0.hasPrefix("Runtime.exceptionThrown") })
    #expect(try find("request").events.contains { $0.hasSuffix("missing.png") })
    #expect(try find("wide").visits[0].scrollWidth > 360)
    #expect(try find("contrast").visits[0].defects.contains { $0.hasPrefix("is hard to read") })
    #expect(try find("label").visits[0].defects.contains { $0.hasPrefix("leaves its picture") })
  }

  private func tool(_ path: String, _ package: String, _ arguments: [String]) async throws -> ProgramOutcome {
    guard access(path, X_OK) == 0 else {
      throw TestSupportError("there is no \(path); Debian's package \(package) brings it, make test installs it")
    }
    return try await ProgramRun.run(
      path, arguments, environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"], timeout: .seconds(120))
  }
}
