// Every renderer on fixed datasets: ordinary ones, empty ones, and ones that try to break the page.
// No database takes part: datasets are made in memory.
// Whole pages are golden; what must hold of any page is said apart.

import Cache
import Definitions
import Finding
import Foundation
import Ledger
import Markup
import Money
import Postgres
import Testing

@testable import Reports

private let hostileNames = [
  "<script>alert(1)</script>", "=HYPERLINK(\"http://x\")", "\"; drop table customers; --", "\u{202E}gnp.exe",
  "👩‍👩‍👧 family", "@SUM(A1)", "tab\there", "bell\u{7}", "-1+2", "a,b", "two\nlines",
  String(repeating: "long ", count: 2_000),
]

private let context = PageContext(
  project: "acme & sons", asOf: CivilDate("2026-11-20") ?? CivilDate(daysSince1970: 0), timeZone: "America/New_York",
  runID: "019a9f00-0000-7000-8000-000000000001", job: "nightly", generatedAt: "2026-11-21 04:15",
  generatedLocal: "2026-11-20 23:15",
  feeds: [.init(feed: "orders", through: "2026-11-20"), .init(feed: "products", through: "no data yet")],
  pages: [.init(name: "index", title: "Overview"), .init(name: "sales", title: "Sales <now>")], draftReasons: [],
  rejectedRows: 2)

private func amount(_ text: String) -> Figure { ExactDecimal(text).map { .number($0) } ?? .missing }

private func dataset(_ names: [String], shown: Int = 200) throws -> Dataset {
  try Dataset(
    names: ["currency", "name", "net", "net_prior_month", "share", "customer_id", "day"],
    rows: names.enumerated().map { index, name in
      [
        .text(index % 2 == 0 ? "USD" : "JPY"), .text(name), amount("\(index * 1000 - 500).25"),
        index == 1 ? .missing : amount("\(index)"), amount("0.\(index + 1)"),
        .number(ExactDecimal(index + 100_000)), .date(CivilDate(daysSince1970: 20_000 + index)),
      ]
    },
    described: [
      ColumnFormat(column: "name", label: "Customer", kind: .text),
      ColumnFormat(column: "net", label: "Net", kind: .money(currencyColumn: "currency")),
      ColumnFormat(column: "net_prior_month", label: "the month before", kind: .money(currencyColumn: "currency")),
      ColumnFormat(column: "share", kind: .percent),
    ], shown: shown, csvPath: "data/sales.csv")
}

private let report = ReportDefinition(
  name: "sales", title: "Sales", sections: [], position: SourcePosition(file: "Jobs/reports/sales.yaml", line: 1),
  definitionHash: "1")

private func section(_ kind: ReportSection.Kind, title: String, text: String = "") -> ReportSection {
  ReportSection(
    title: title, kind: kind, source: .none, text: text,
    position: SourcePosition(file: "Jobs/reports/sales.yaml", line: 7))
}

private func content(_ data: Dataset) throws -> ReportContent {
  let rendering = SectionRendering(report: report)
  let chart = ReportSection.Kind.chart(ChartDefinition(type: .line, x: "day", y: ["net"], series: "currency"))
  let bars = ReportSection.Kind.chart(ChartDefinition(type: .bar, x: "name", y: ["net"]))
  return ReportContent(
    name: "sales", title: "Sales <now>", description: "What was sold & returned.",
    blocks: [
      try rendering.block(section(.kpi, title: "Today"), index: 0, dataset: data),
      try rendering.block(section(chart, title: "By day"), index: 1, dataset: data),
      try rendering.block(section(bars, title: "By name"), index: 2, dataset: data),
      try rendering.block(section(.table, title: "All"), index: 3, dataset: data),
      try rendering.block(
        section(.text, title: "Read me", text: "One.\nStill one.\n\nTwo <b>."), index: 4, dataset: nil),
      try rendering.block(section(.note, title: "", text: "A note."), index: 5, dataset: nil),
      ContentBlock(title: "Rows", body: .verdict(isGood: true, "Difference 0.00.")),
    ])
}

@Suite struct RenderingTests {
  @Test func ordinaryPageIsGolden() throws {
    let content = try content(dataset(["Ada", "Bob", "Cy"]))
    try expectGolden(PageLayout(context: context).page(content), "ordinary.html")
    try expectGolden(Array(content.json.text(openLevels: 4).utf8), "ordinary.json")
    try expectGolden(content.datasets[0].csv, "ordinary.csv")
  }

  @Test func hostilePageIsGolden() throws {
    let content = try content(dataset(hostileNames))
    try expectGolden(PageLayout(context: context).page(content), "hostile.html")
    try expectGolden(Array(content.json.text(openLevels: 4).utf8), "hostile.json")
    try expectGolden(content.datasets[0].csv, "hostile.csv")
  }

  @Test func pageOfNothingIsGolden() throws {
    var draft = context
    draft.draftReasons = ["A file was refused and is not in these figures: orders: orders_<x>.csv."]
    draft.feeds = []
    try expectGolden(PageLayout(context: draft).page(try content(dataset([]))), "empty.html")
  }

  /// Sets that are published are kept as they are while nothing they show has changed, so that a renderer that writes
  /// other bytes has to say so: raise `PageFingerprints.rendererVersion`, then write here what this test says.
  @Test func otherBytesHaveAnotherRendererVersion() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
    let files = try names.filter { FileKind(of: folder.appending(path: $0).path) != .directory }.map { name in
      "\(name) " + ContentHash.sha256([UInt8](try Data(contentsOf: folder.appending(path: name))))
    }
    #expect(
      "\(PageFingerprints.rendererVersion) \(ContentHash.fingerprint(files).prefix(16))" == "9 052d8a3b191fb378")
  }

  /// Rows are kept between nights, so that other bytes for the same rows, or other figures of them, have to say so: raise
  /// `SectionCache.codeVersion`, then write here what this test says.
  @Test func otherFiguresOfKeptRowsHaveAnotherCodeVersion() throws {
    let row: [PostgresValue] = [
      .null, .bool(true), .int4(-4), .int8(8), .float8(-0.000_05),
      .numeric(PostgresNumeric(coefficient: -12_350, scale: 3)),
      .text("=x"), .date(daysSince1970: 20_000), .timestamp(microsecondsSince1970: 1), .bytes([1, 255]), .json("{}"),
      .timestamptz(microsecondsSince1970: -1), .uuid([UInt8](0..<16)), .textArray(["a", nil]), .int8Array([1, nil]),
    ]
    let rows = ResultRows(columns: row.indices.map { "c\($0)" }, rows: [row])
    let bytes = try #require(RowCodec.encode(rows))
    #expect(RowCodec.decode(bytes)?.rows == rows)
    let figures = row.map { "\(Figure($0))" }
    #expect(
      "\(SectionCache.codeVersion): \(ContentHash.fingerprint([ContentHash.sha256(bytes)] + figures).prefix(16))"
        == "report rows 5: 96c920f6822b1346")
  }

  @Test func hostileTextNeverBecomesMarkup() throws {
    let page = String(decoding: PageLayout(context: context).page(try content(dataset(hostileNames))), as: UTF8.self)
    #expect(markupDefect(page) == nil)
    #expect(!page.contains("<script"))
    #expect(!page.contains("\u{202E}") && !page.contains("\u{7}"))
    #expect(page.contains("10,000 characters; all in data/sales.csv"))
  }

  @Test func formulasAreInertInTextColumnsAndNumbersStayNumbers() throws {
    let csv = String(decoding: try dataset(hostileNames).csv, as: UTF8.self)
    #expect(csv.contains("'=HYPERLINK"))
    #expect(csv.contains("'@SUM(A1)"))
    #expect(csv.contains("'-1+2"))
    #expect(csv.contains(",-500.25,") || csv.contains(",-499.75,"))
    #expect(!csv.contains("'-5") && !csv.contains("'-4"))
  }

  @Test func jsonHoldsExactFiguresAndParses() throws {
    let text = try content(dataset(hostileNames)).json.text(openLevels: 4)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let sections = try #require(object["sections"] as? [[String: Any]])
    let rows = try #require(sections[3]["rows"] as? [[String: Any]])
    #expect(rows.count == hostileNames.count)
    #expect(rows[2]["net"] as? String == "1500.25")
    #expect(rows[0]["name"] as? String == hostileNames[0])
    #expect(rows[3]["name"] as? String == hostileNames[3])
    #expect(rows[0]["customer_id"] as? Int == 100_000)
    #expect(rows[1]["net_prior_month"] is NSNull)
    #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 || $0 == "\n" })
    #expect(!text.contains("\u{202E}"))
  }

  @Test func cutTablesSayHowManyThereAreAndWhere() throws {
    let names = (0..<4_812).map { "c\($0)" }
    let data = try dataset(names, shown: 25)
    let page = String(
      decoding: PageLayout(context: context).page(
        ReportContent(
          name: "sales", title: "Sales", description: "",
          blocks: [ContentBlock(title: "All", body: .table, dataset: data)])), as: UTF8.self)
    #expect(page.contains("25 of 4,812; all in <a href=\"data/sales.csv\">data/sales.csv</a>"))
    #expect(data.csv.count { $0 == 0x0A } == 4_813)
  }

  @Test func tilesCompareWithTheirNamesakes() throws {
    let block = try SectionRendering(report: report).block(
      section(.kpi, title: "Today"), index: 0, dataset: dataset(["Ada", "Bob", "Cy"]))
    guard case .tiles(let groups) = block.body else {
      Issue.record("not tiles")
      return
    }
    #expect(groups.count == 3)
    #expect(groups[0].tiles.map(\.label) == ["Net", "Share"])
    #expect(groups[2].tiles[0].value == "1,500.25")
    #expect(groups[2].tiles[0].comparisons.map(\.words) == ["up 74,912.5%"])
    #expect(groups[0].tiles[0].comparisons.map(\.words) == ["n/m"])
    #expect(groups[1].tiles[0].comparisons.map(\.words) == ["no figure"])
    // Yen have no cents.
    #expect(groups[1].tiles[0].value == "500")
    #expect(groups[1].tiles[0].unit == "JPY")
  }

  @Test func missingChartColumnIsAnErrorAtItsLine() throws {
    let kind = ReportSection.Kind.chart(ChartDefinition(type: .line, x: "dya", y: ["net"]))
    let error = #expect(throws: ReportError.self) {
      try SectionRendering(report: report).block(
        section(kind, title: "By day"), index: 0, dataset: dataset(["Ada"]))
    }
    #expect(error?.diagnostic.position == SourcePosition(file: "Jobs/reports/sales.yaml", line: 7))
    #expect(error?.diagnostic.fix == "did you mean \"day\"?")
  }

  @Test func summaryFitsAMail() throws {
    let headline = try SectionRendering(report: report).block(
      section(.kpi, title: "Today"), index: 0, dataset: dataset(["Ada", "Bob", "Cy"]))
    let lines = ReportContent(name: "", title: "", description: "", blocks: [headline]).summaryLines
    var draft = context
    draft.draftReasons = ["The view x has not been built yet."]
    try expectGolden(
      SummaryText(context: context, headlines: lines, indexPath: "/srv/acme/Output/2026-11-20/index.html").bytes,
      "summary.txt")
    try expectGolden(
      SummaryText(context: draft, headlines: [], indexPath: "/srv/acme/Output/2026-11-20/index.html").bytes,
      "summary-draft.txt")
  }

  @Test func seriesThatCannotBeToldApartAreNamedNotAdded() throws {
    let rows = (0..<9).map {
      [Figure.text("S\($0)"), .date(CivilDate(daysSince1970: 20_000)), .number(ExactDecimal($0))]
    }
    let data = try Dataset(
      names: ["series", "day", "net"], rows: rows, described: [], shown: 100, csvPath: "data/x.csv")
    let points = ChartPoints(dataset: data, x: 1, ys: [2], by: 0)
    #expect(points.series.map(\.name) == ["S3", "S4", "S5", "S6", "S7", "S8"])
    #expect(points.largestNote(csv: data.csvPath) == "The 6 largest of 9 series are drawn; all in data/x.csv.")
    #expect(points.repeated == 0)
  }

  /// Of one unit the largest are told, not the first by name; amounts of several currencies are not weighed.
  @Test(arguments: [
    (
      ["USD", "USD", "USD", "USD", "USD"],
      "B: 30.00 USD, A day. C: (90.00) USD, A day. E: 40.00 USD, A day. 2 smaller series."
    ),
    (
      ["CHF", "EUR", "GBP", "JPY", "USD"],
      "A, CHF: 1.00, A day. B, EUR: 30.00, A day. C, GBP: (90.00), A day. D, JPY: 2, A day. E, USD: 40.00, A day."
    ),
  ])
  func theFindingOfAChartTellsTheLargestOfWhatCanBeCompared(currencies: [String], words: String) throws {
    let amounts = [1, 30, -90, 2, 40]
    let data = try Dataset(
      names: ["x", "name", "currency", "net"],
      rows: amounts.indices.map { index in
        [
          .text("A day"), .text(["A", "B", "C", "D", "E"][index]), .text(currencies[index]),
          .number(ExactDecimal(amounts[index])),
        ]
      },
      described: [ColumnFormat(column: "net", kind: .money(currencyColumn: "currency"))], shown: 100,
      csvPath: "data/x.csv")
    let kind = ReportSection.Kind.chart(ChartDefinition(type: .bar, x: "x", y: ["net"], series: "name"))
    let block = try SectionRendering(report: report).block(section(kind, title: "Net"), index: 0, dataset: data)
    guard case .chart(let chart, _, _) = block.body else {
      Issue.record("no chart")
      return
    }
    #expect(chart.finding.filter { !"\u{2068}\u{2069}".contains($0) } == words)
  }

  @Test func severalRowsForOnePlaceOfAChartAreSaid() throws {
    let day = Figure.date(CivilDate(daysSince1970: 20_000))
    let data = try Dataset(
      names: ["day", "net"], rows: [[day, amount("1")], [day, .missing], [day, amount("3")]], described: [],
      shown: 100, csvPath: "data/x.csv")
    let kind = ReportSection.Kind.chart(ChartDefinition(type: .bar, x: "day", y: ["net"]))
    let block = try SectionRendering(report: report).block(section(kind, title: "By day"), index: 0, dataset: data)
    guard case .chart(let chart, _, let note) = block.body else {
      Issue.record("no chart")
      return
    }
    #expect(chart.series[0].values == [3])
    #expect(
      note == "Several rows for one place, 1 in all, are not drawn: the last of each is; all in data/x.csv.")
  }

  @Test(arguments: [
    ("Net revenue by month", "net_revenue_by_month"), ("  Ähnlich & so!", "hnlich_so"), ("…", "4"),
  ])
  func sectionTitlesBecomeFileNames(title: String, slug: String) {
    #expect(SetRenderer.slug(title, else: "4") == slug)
  }

  @Test(arguments: [
    "<p>", "<p></b>", "<p class=x></p>", "<p>a & b</p>", "<p a=\"1\" a=\"2\"></p>", "<p>1 > 2</p>",
    "<p id=\"x\"></p><p id=\"x\"></p>", "<p a=\"<\"></p>", "<br",
  ])
  func checkerFindsBrokenMarkup(markup: String) {
    #expect(markupDefect("<!DOCTYPE html>\n\(markup)") != nil)
    #expect(markupDefect("<!DOCTYPE html>\n<p class=\"a\">1 &lt; 2<br/></p>") == nil)
  }
}
