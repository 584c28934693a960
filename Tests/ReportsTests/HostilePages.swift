// A page on which every place that shows foreign words shows hostile ones: names in cells, charts, tooltips, legends,
// tiles and headings, files in the banner, links.
// No database takes part: what PostgreSQL could not even hold, a zero character, is tried too.

import Definitions
import Finding
import Ledger
import Markup
import Money

@testable import Reports

enum HostilePages {
  static let names = [
    "<script>alert(1)</script>", "\"><svg onload=alert(2)>", "'; drop table customers; --", "&amp; &lt;b&gt; &#x3C;",
    "\u{202E}gnp.tnemyap\u{202C}", "\u{2067}\u{2066}isolates\u{2069}", "שלום עולם (12)", "مرحبا بالعالم 3,5",
    "👩‍👩‍👧‍👦 👨🏿‍🚀 🇪🇺 emoji", "Z" + String(repeating: "\u{335}\u{489}", count: 2_000) + "algo",
    String(repeating: "word", count: 2_500), String(repeating: "漢", count: 10_000),
    String(repeating: "👩\u{200D}", count: 5_000), (0..<32).map { String(Unicode.Scalar($0)) }.joined(),
    "\u{7F}\u{80}\u{9F}\u{FEFF}\u{FFFE}\u{FFFF}", "]]> <!-- --> <![CDATA[", "javascript:alert(3)", "",
    "\u{200B}\u{200D}\u{AD}", String(repeating: "\n", count: 500), String(repeating: "W", count: 40),
  ]

  /// The same, short enough for places that have a limit of their own: names of files and of pages.
  static let short = names.map { shortened($0, to: 250) }.filter { !$0.allSatisfy(\.isWhitespace) }

  static let context = PageContext(
    project: names[0] + short[9], asOf: CivilDate("2026-11-20") ?? CivilDate(daysSince1970: 0), timeZone: "UTC",
    runID: "019a9f00-0000-7000-8000-000000000001", job: names[1], generatedAt: "2026-11-21 04:15",
    generatedLocal: "2026-11-21 04:15", feeds: short.map { .init(feed: $0, through: "2026-11-20") },
    pages: [.init(name: "hostile", title: names[3]), .init(name: "javascript:alert(4)", title: short[10])],
    draftReasons: short, rejectedRows: 2)

  private static func dataset() throws -> Dataset {
    try Dataset(
      names: [
        "name", "other", "day", "currency", "net", "net_prior_year", "net_trend", "share", "up", "down", "closing",
      ],
      rows: names.enumerated().map { index, name in
        let net = ExactDecimal(coefficient: Int128(index * 70_001 - 99_999), scale: 2) ?? .zero
        return [
          .text(name), .text(names[(index + 5) % names.count]), .date(CivilDate(daysSince1970: 20_000 + index / 4)),
          .text("EUR"), index == 3 ? .missing : .number(net), .number(1), .text("1, 2,, -3.5"),
          .text(name), .number(ExactDecimal(index)), .number(-7), .number(net),
        ]
      },
      described: [
        ColumnFormat(column: "name", label: names[1], kind: .text),
        ColumnFormat(column: "other", label: names[10], kind: .text),
        ColumnFormat(column: "net", label: names[0], kind: .money(currencyColumn: "currency")),
        ColumnFormat(column: "net_prior_year", label: names[6], kind: .money(currencyColumn: "currency")),
        ColumnFormat(column: "net_trend", label: names[4], kind: .sparkline),
        ColumnFormat(column: "up", label: names[9], kind: .money(currencyColumn: "currency")),
        ColumnFormat(column: "down", label: names[11], kind: .money(currencyColumn: "currency")),
        ColumnFormat(column: "closing", label: names[13], kind: .money(currencyColumn: "currency")),
      ], shown: 100, csvPath: "data/\(names[0]).csv")
  }

  /// The bytes of the page.
  static func page() throws -> [UInt8] {
    let data = try dataset()
    let rendering = SectionRendering(
      report: ReportDefinition(
        name: "hostile", title: "", sections: [], position: SourcePosition(file: "x", line: 1), definitionHash: "1"))
    let charts: [ChartDefinition] = [
      ChartDefinition(type: .line, x: "day", y: ["net"], series: "name"),
      ChartDefinition(type: .stackedBar, x: "day", y: ["net"], series: "other"),
      ChartDefinition(type: .bar, x: "name", y: ["net", "up"]),
      ChartDefinition(type: .bar, x: "day", y: ["net"]),
      ChartDefinition(type: .waterfall, x: "name", y: ["net", "up", "down", "closing"]),
      ChartDefinition(type: .heatMap, x: "name", y: ["other"], value: "net"),
      ChartDefinition(type: .heatMap, x: "day", y: ["other"], series: "name", value: "net"),
    ]
    let kinds: [ReportSection.Kind] = [.kpi, .table] + charts.map { .chart($0) }
    var blocks: [ContentBlock] = []
    for (index, kind) in kinds.enumerated() {
      let section = ReportSection(
        title: short[index], kind: kind, source: .none, position: SourcePosition(file: "x", line: 1))
      var block = try rendering.block(section, index: index, dataset: data)
      block.lead = short[(index + 4) % short.count]
      block.sources = [
        SourceLink(words: names[0], path: "javascript:alert(5)", fragment: "\"><script>"),
        SourceLink(words: short[10], path: "//evil.example/\(names[4])"),
      ]
      blocks.append(block)
    }
    let words = names.filter { !$0.allSatisfy(\.isWhitespace) }
    blocks.append(ContentBlock(title: short[10], body: .words(words, isNote: false)))
    blocks.append(ContentBlock(title: names[0], body: .words(short, isNote: true)))
    blocks.append(ContentBlock(title: names[1], body: .verdict(isGood: false, names[10])))
    blocks.append(
      ContentBlock(
        title: short[11], body: .links(short.map { PageLink(name: $0, title: "x" + $0, description: $0) })))
    let content = ReportContent(name: "hostile", title: names[0] + short[6], description: short[10], blocks: blocks)
    return PageLayout(context: context).page(content)
  }
}
