// Waterfalls, heat maps and sparklines from rows: one picture for each row or series, nothing added up, and what is
// left out is said.
// No database takes part: datasets are made in memory. How they are drawn is tested with the room Markup.

import Definitions
import Finding
import Foundation
import Ledger
import Markup
import Money
import Testing

@testable import Reports

private let place = SourcePosition(file: "Jobs/reports/sales.yaml", line: 7)

private func number(_ text: String) -> Figure { ExactDecimal(text).map { .number($0) } ?? .missing }

private func block(_ kind: ReportSection.Kind, _ data: Dataset) throws -> ContentBlock {
  try SectionRendering(
    report: ReportDefinition(name: "sales", title: "Sales", sections: [], position: place, definitionHash: "1")
  ).block(
    ReportSection(title: "By <month>", kind: kind, source: .none, position: place), index: 3, dataset: data)
}

private func bridge(_ rows: [[String]]) throws -> Dataset {
  try Dataset(
    names: ["month", "currency", "opening", "new", "churn", "closing"],
    rows: rows.map { [.text($0[0]), .text($0[1])] + $0.dropFirst(2).map(number) },
    described: [
      ColumnFormat(column: "opening", label: "Before", kind: .money(currencyColumn: "currency")),
      ColumnFormat(column: "churn", label: "Lost", kind: .money(currencyColumn: "currency")),
    ], shown: 100, csvPath: "data/bridge.csv")
}

private let waterfall = ReportSection.Kind.chart(
  ChartDefinition(type: .waterfall, x: "month", y: ["opening", "new", "churn", "closing"]))

private func text(_ block: ContentBlock) -> String {
  let context = PageContext(
    project: "p", asOf: CivilDate(daysSince1970: 20_000), timeZone: "UTC", runID: "r", job: "nightly", generatedAt: "",
    generatedLocal: "", feeds: [], pages: [], draftReasons: [], rejectedRows: 0)
  let content = ReportContent(name: "sales", title: "Sales", description: "", blocks: [block])
  return String(decoding: PageLayout(context: context).page(content), as: UTF8.self)
}

@Suite struct PanelRenderingTests {
  @Test func everyRowIsAWaterfallInItsOwnCurrency() throws {
    let data = try bridge([
      ["October, EUR", "EUR", "10.00", "5.5", "-2.25", "13.25"], ["October, JPY", "JPY", "1000", "", "-1", "998"],
    ])
    let block = try block(waterfall, data)
    guard case .panels(let panels, nil) = block.body else {
      Issue.record("not panels, or something was left out")
      return
    }
    #expect(panels.map(\.name) == ["October, EUR", "October, JPY"])
    #expect(
      panels[0].finding == "From 10.00 EUR to 13.25 EUR; largest steps +5.50 (New), −2.25 (Lost). "
        + "Opening and steps make the closing: difference 0.00.")
    // Yen have no cents, and a step that is missing counts for nothing.
    #expect(panels[1].finding.contains("From 1,000 JPY to 998 JPY"))
    #expect(panels[1].finding.contains("do not make the closing: difference (1) JPY"))
    let page = text(block)
    #expect(markupDefect(page) == nil)
    #expect(page.contains("id=\"sales-4-1-title\"") && page.contains("id=\"sales-4-2-title\""))
    #expect(page.contains("! does not tie, difference (1)") && page.contains("✓ difference 0.00"))
    #expect(page.contains("<a href=\"data/bridge.csv\">CSV</a>"))
    let json = block.json.text(openLevels: 1)
    #expect(json.contains("October, JPY: From 1,000 JPY") && json.contains("\"chart\""))
  }

  /// Steps in two currencies would be added up.
  @Test func rowOfTwoCurrenciesIsNoWaterfall() throws {
    let data = try Dataset(
      names: ["month", "c1", "c2", "opening", "new", "churn", "closing"],
      rows: [
        [.text("a"), .text("USD"), .text("JPY"), number("10"), number("5"), number("0"), number("15")],
        [.text("b"), .text("USD"), .text("USD"), number("10"), number("5"), number("0"), number("15")],
      ],
      described: [
        ColumnFormat(column: "opening", kind: .money(currencyColumn: "c1")),
        ColumnFormat(column: "new", kind: .money(currencyColumn: "c2")),
      ], shown: 100, csvPath: "data/bridge.csv")
    guard case .panels(let panels, let note) = try block(waterfall, data).body else { return }
    #expect(panels.map(\.name) == ["b"])
    #expect(note == "Not drawn: 1 of 2, whose steps would add amounts in JPY, USD.")
  }

  @Test func moreRowsThanPicturesAreSaid() throws {
    let data = try bridge((0..<9).map { ["m\($0)", "EUR", "1", "1", "0", "2"] })
    guard case .panels(let panels, let note) = try block(waterfall, data).body else { return }
    #expect(panels.count == 6)
    #expect(note == "The first 6 of 9 are drawn; all in data/bridge.csv.")
    #expect(text(try block(waterfall, try bridge([]))).contains("No rows."))
  }

  private func cohorts(_ rows: [(String, Int, Int, String)]) throws -> Dataset {
    try Dataset(
      names: ["currency", "cohort_month", "months_since", "retained"],
      rows: rows.map { currency, month, since, value in
        [
          .text(currency), .date(CivilDate(year: 2026, month: month, day: 1) ?? CivilDate(daysSince1970: 0)),
          .number(ExactDecimal(since)), number(value),
        ]
      },
      described: [
        ColumnFormat(column: "cohort_month", label: "First paid in", kind: .date),
        ColumnFormat(column: "months_since", label: "Months later", kind: .integer),
        ColumnFormat(column: "retained", kind: .percent),
      ], shown: 20_000, csvPath: "data/cohorts.csv")
  }

  @Test func cohortsAreMapsInTheOrderOfTime() throws {
    let map = ReportSection.Kind.chart(
      ChartDefinition(type: .heatMap, x: "months_since", y: ["cohort_month"], series: "currency", value: "retained"))
    let block = try block(
      map,
      cohorts([
        ("USD", 3, 1, "0.25"), ("USD", 1, 2, "0.125"), ("USD", 1, 1, "0.5"), ("EUR", 2, 10, "0"), ("EUR", 2, 9, ""),
        ("EUR", 2, 10, "0.1"),
      ]))
    guard case .panels(let panels, let note) = block.body else {
      Issue.record("not panels")
      return
    }
    #expect(panels.map(\.name) == ["USD", "EUR"])
    #expect(note == "Several rows for one cell, 1 in all, are not drawn: the last of each is.")
    guard case .heatMap(let first) = panels[0].drawing, case .heatMap(let second) = panels[1].drawing else { return }
    #expect(first.rows == ["Jan 2026", "Mar 2026"] && first.columns == ["1", "2"])
    #expect(first.cells == [[ExactDecimal("0.5"), ExactDecimal("0.125")], [ExactDecimal("0.25"), nil]])
    #expect(
      first.finding == "3 figures: highest 50.0% (First paid in Jan 2026, Months later 1), "
        + "lowest 12.5% (First paid in Jan 2026, Months later 2).")
    #expect(second.cells == [[nil, ExactDecimal("0.1")]])
    #expect(second.finding == "One figure: 10.0% (First paid in Feb 2026, Months later 10).")
    let page = text(block)
    #expect(markupDefect(page) == nil)
    #expect(page.contains("role=\"region\" aria-label=\"By &lt;month&gt;: USD\""))
  }

  /// Every row with names of its own, both ways: what is kept are the rows and what is drawn, and not a square of them.
  @Test func aPictureOfAsManyNamesAsRowsHoldsNoMoreCellsThanItDraws() throws {
    let data = try Dataset(
      names: ["x", "y", "v"], rows: (0..<10_000).map { [.text("x\($0)"), .text("y\($0)"), .number(ExactDecimal($0))] },
      described: [], shown: 20_000, csvPath: "data/v.csv")
    let map = try block(.chart(ChartDefinition(type: .heatMap, x: "x", y: ["y"], value: "v")), data)
    guard case .panels(let panels, _) = map.body, case .heatMap(let drawn)? = panels.first?.drawing else {
      Issue.record("no map")
      return
    }
    #expect(drawn.rows.count == 10_000 && drawn.columns.count == 10_000)
    #expect(drawn.cells.count == HeatMap.maximumRows)
    #expect(drawn.cells.allSatisfy { $0.count == HeatMap.maximumColumns })
    #expect(drawn.cells[7][7] == ExactDecimal(7) && drawn.cells[7][8] == nil)
    #expect(drawn.finding == "10,000 figures: highest 9,999 (Y y9999, X x9999), lowest 0 (Y y0, X x0).")
    #expect(drawn.thinningNote == "Drawn: the first 60 of 10000 rows, the first 36 of 10000 columns.")

    let points = ChartPoints(dataset: data, x: 0, ys: [2], by: 1)
    #expect(points.seriesCount == 10_000 && points.series.map(\.name) == (9_994..<10_000).map { "y\($0)" })
    #expect(points.series.allSatisfy { $0.values.count == 10_000 && $0.values.count { $0 != nil } == 1 })
    #expect(points.largestNote(csv: data.csvPath) == "The 6 largest of 10000 series are drawn; all in data/v.csv.")
  }

  @Test func columnThatTheQueryDoesNotGiveIsAnErrorAtItsLine() throws {
    let map = ReportSection.Kind.chart(
      ChartDefinition(type: .heatMap, x: "months_since", y: ["cohort_month"], value: "retaind"))
    let data = try cohorts([])
    let error = #expect(throws: ReportError.self) { try block(map, data) }
    #expect(error?.diagnostic.position == place && error?.diagnostic.fix == "did you mean \"retained\"?")
  }

  @Test func listOfNumbersIsALineOnItsTileAndInItsCell() throws {
    let data = try Dataset(
      names: ["currency", "net", "net_trend", "odd_line"],
      rows: [
        [.text("EUR"), number("3.5"), .text("1, 2.25, , -3"), .text("1,2")],
        [.text("USD"), number("4"), .text("1, two"), .missing],
      ],
      described: [
        ColumnFormat(column: "net", label: "Net", kind: .money(currencyColumn: "currency")),
        ColumnFormat(column: "net_trend", label: "Net by month", kind: .sparkline),
        ColumnFormat(column: "odd_line", label: "Odd", kind: .sparkline),
      ], shown: 100, csvPath: "data/x.csv")
    guard case .tiles(let groups) = try block(.kpi, data).body else {
      Issue.record("not tiles")
      return
    }
    #expect(groups.map(\.name) == ["EUR", "USD"])
    #expect(
      groups[0].tiles.map { $0.sparkline?.title } == [
        "Net by month: 3 values from 1.00 EUR to (3.00) EUR, lowest (3.00) EUR, highest 2.25 EUR",
        "Odd: 2 values from 1 to 2, lowest 1, highest 2",
      ])
    // What is no list of numbers is no line, and not drawn as one.
    #expect(groups[1].tiles.map { $0.sparkline?.title } == [nil])
    let table = text(try block(.table, data))
    #expect(table.matches(of: /<svg[^>]*class="sparkline"/).count == 2)
    #expect(table.contains("<bdi>1, two</bdi>"))
    #expect(markupDefect(table) == nil)
    #expect(String(decoding: data.csv, as: UTF8.self).contains("3.5,\"1, 2.25, , -3\",\"1,2\",EUR"))
  }

  @Test func aListOfNumbersIsNumbersInCSVAndOtherTextOfItsColumnIsInert() throws {
    let lists = ["-5.0000, -10.0000, 0", "-0.0001", "-1, two", "-1+2", "=1"]
    let data = try Dataset(
      names: ["trend", "words"], rows: lists.map { [.text($0), .text($0)] },
      described: [ColumnFormat(column: "trend", kind: .sparkline)], shown: 9, csvPath: "data/x.csv")
    #expect(
      String(decoding: data.csv, as: UTF8.self).split(separator: "\n").dropFirst() == [
        "\"-5.0000, -10.0000, 0\",\"'-5.0000, -10.0000, 0\"", "-0.0001,'-0.0001", "\"'-1, two\",\"'-1, two\"",
        "'-1+2,'-1+2", "'=1,'=1",
      ])
  }

  @Test func dateBesideANameFromRightToLeftStaysThatDate() throws {
    let data = try Dataset(
      names: ["name", "day", "net"],
      rows: [[.text("مرحبا 3,5"), .date(CivilDate(daysSince1970: 20_000)), number("1")]], described: [], shown: 9,
      csvPath: "data/x.csv")
    guard case .tiles(let groups) = try block(.kpi, data).body else { return }
    #expect(groups.map(\.name) == ["\u{2068}مرحبا 3,5\u{2069}, Day: 2024-10-04"])
    #expect(text(try block(.kpi, data)).contains("<bdi>\u{2068}مرحبا 3,5\u{2069}, Day: 2024-10-04</bdi>"))
  }

  @Test func sourcesStandUnderTheHeading() throws {
    var block = ContentBlock(title: "A", body: .words(["x"], isNote: false))
    block.sources = [
      SourceLink(words: "Definition", path: "definitions/sales.html", fragment: "section-4"),
      SourceLink(words: "SQL", path: "definitions/sales.html", fragment: "sql-4"),
    ]
    let page = text(block)
    #expect(page.contains("<a href=\"definitions/sales.html#section-4\">Definition</a>"))
    #expect(page.contains("<a href=\"definitions/sales.html#sql-4\">SQL</a>"))
    #expect(markupDefect(page) == nil)
  }
}
