// What a section does when there is more than it can show, or what it must not show: charts of very many rows, amounts of
// several currencies, pages that would be too large, names that two sections want.
// No database takes part.

import Definitions
import Finding
import Foundation
import Ledger
import Markup
import Money
import Testing

@testable import Reports

private let place = SourcePosition(file: "Jobs/reports/sales.yaml", line: 7)

private func definition(_ name: String, _ sections: [ReportSection] = []) -> ReportDefinition {
  ReportDefinition(name: name, title: "Sales", sections: sections, position: place, definitionHash: "1")
}

private func section(_ kind: ReportSection.Kind, _ title: String = "By day", csv: String? = nil) -> ReportSection {
  ReportSection(title: title, kind: kind, source: .none, csv: csv, position: place)
}

private func block(_ kind: ReportSection.Kind, _ data: Dataset) throws -> ContentBlock {
  try SectionRendering(report: definition("sales")).block(section(kind), index: 0, dataset: data)
}

private func day(_ number: Int) -> Figure { .date(CivilDate(daysSince1970: 20_000 + number)) }

private func bars(_ type: ChartDefinition.ChartType, series: String? = nil) -> ReportSection.Kind {
  .chart(ChartDefinition(type: type, x: "day", y: ["net"], series: series))
}

/// As the queries of a set make it; the net figure comes first.
private func dataset(_ names: [String], _ rows: [[Figure]], for kind: ReportSection.Kind) throws -> Dataset {
  let section = section(kind)
  return try Dataset(
    names: names, rows: rows,
    described: [ColumnFormat(column: "net", label: "Net", kind: .money(currencyColumn: "currency"))],
    shown: SectionRendering.keptRows(section), newestBy: SectionRendering.axis(section), csvPath: "data/x.csv")
}

@Suite struct SectionLimitTests {
  @Test func chartOfVeryManyDaysIsOfTheNewestOnesAndSaysSo() throws {
    // Newest first, two rows a day but for the first ones, which are three.
    let rows = (0..<10_003).reversed().flatMap { number in
      (0..<(number < 4 ? 3 : 2)).map { [day(number), .text("EUR"), .number(ExactDecimal(number * 10 + $0))] }
    }
    let data = try dataset(["day", "currency", "net"], rows, for: bars(.line, series: "currency"))
    #expect(data.totalRows == 20_010 && data.rows.count == 19_998 && data.keepsNewest)
    #expect(data.csv.count { $0 == 0x0A } == 20_011)
    guard case .chart(let chart, _, let note) = try block(bars(.line, series: "currency"), data).body else {
      Issue.record("no chart")
      return
    }
    // The day that would have been cut in two is left out whole.
    #expect(chart.axis.count == 9_999 && chart.axis.label(0) == DateText.day(CivilDate(daysSince1970: 20_004)))
    #expect(note?.hasPrefix("Drawn from the newest 19,998 of 20,010 rows; all in data/x.csv.") == true, "\(note ?? "")")
  }

  @Test func chartOfVeryManyNamesIsOfTheFirstOnesAndSaysSo() throws {
    let rows = (0..<20_004).map { [Figure.text("n\($0)"), .text("EUR"), .number(ExactDecimal($0))] }
    let data = try dataset(["day", "currency", "net"], rows, for: bars(.bar))
    #expect(data.rows.count == 20_000 && data.rows.first.map { $0[1] } == .text("n0"))
    guard case .chart(_, _, let note) = try block(bars(.bar), data).body else { return }
    #expect(note == "Drawn from the first 20,000 of 20,004 rows; all in data/x.csv.")
  }

  @Test func oneDayOfVeryManyRowsIsCutWithinTheDay() throws {
    let rows = (0..<20_002).map { [day($0 == 0 ? 0 : 1), .text("EUR"), .number(ExactDecimal($0))] }
    let data = try dataset(["day", "currency", "net"], rows, for: bars(.line))
    #expect(data.rows.count == 20_000 && data.rows.allSatisfy { $0[1] == day(1) })
  }

  @Test func tableBesideAChartHasTheNewestDaysAndTheFirstNames() throws {
    let days = (0..<100).reversed().map { [day($0), .text("EUR"), .number(ExactDecimal($0))] }
    let dated = try block(bars(.bar), try dataset(["day", "currency", "net"], days, for: bars(.bar)))
    #expect(dated.dataset?.rows.count == 60 && dated.dataset?.rows.last?[1] == day(40))
    let names = (0..<100).map { [Figure.text("n\($0)"), .text("EUR"), .number(ExactDecimal(100 - $0))] }
    let named = try block(bars(.bar), try dataset(["day", "currency", "net"], names, for: bars(.bar)))
    #expect(named.dataset?.rows.count == 60 && named.dataset?.rows.first?[1] == .text("n0"))
  }

  /// No series holds amounts of two currencies, and each is written with the decimals that its currency has.
  @Test func amountsOfTwoCurrenciesAreSeriesOfTheirOwn() throws {
    func chart(_ rows: [[Figure]], _ kind: ReportSection.Kind) throws -> Chart? {
      guard
        case .chart(let chart, _, nil) = try block(
          kind, try dataset(["day", "currency", "what", "net"], rows, for: kind)
        ).body
      else { return nil }
      return chart
    }
    func row(_ number: Int, _ currency: String, _ net: String) throws -> [Figure] {
      [day(number), .text(currency), .text("A"), .number(try #require(ExactDecimal(net)))]
    }
    let mixed = [try row(0, "KWD", "10.125"), try row(0, "JPY", "6000"), try row(1, "JPY", "7000")]
    let several = try #require(try chart(mixed, bars(.line)))
    #expect(several.series.map(\.name) == ["JPY", "KWD"] && several.unit.isEmpty)
    #expect(several.finding.contains("7,000 on ") && several.finding.contains("KWD: 10.125, "), "\(several.finding)")
    let divided = try #require(try chart(mixed, bars(.bar, series: "what")))
    #expect(divided.series.map(\.name) == ["A, JPY", "A, KWD"])
    // One currency is the unit of all, with its decimals.
    let one = try #require(try chart([try row(0, "KWD", "10.125"), try row(1, "KWD", "20.333")], bars(.line)))
    #expect(
      one.series.map(\.name) == [""] && one.unit == "KWD" && one.finding.contains("20.333 KWD on "), "\(one.finding)")
  }

  @Test func figuresThatCannotBeDrawnAreCounted() throws {
    let rows: [[Figure]] = [
      [day(0), .text("EUR"), .number(1)], [day(1), .text("EUR"), .numeral("NaN")],
      [day(2), .text("EUR"), .numeral("1" + String(repeating: "0", count: 40))], [day(3), .text("EUR"), .missing],
    ]
    guard
      case .chart(_, _, let note) = try block(
        bars(.line), try dataset(["day", "currency", "net"], rows, for: bars(.line))
      ).body
    else { return }
    #expect(
      note == "2 figures are left out: infinite, no number, or of more than 38 digits; all in data/x.csv.",
      "\(note ?? "")")
    let moves = ReportSection.Kind.moves(MovesDefinition(now: "net", before: "before", against: "last year"))
    let data = try Dataset(
      names: ["what", "net", "before"], rows: [[.text("a"), .number(5), .numeral("Infinity")]], described: [], shown: 9,
      csvPath: "data/x.csv")
    guard case .words(let sentences, _) = try block(moves, data).body else { return }
    #expect(sentences == ["a: net is 5, against Infinity in last year; the two cannot be compared exactly."])
    let tiles = try Dataset(
      names: ["net", "net_prior_month"], rows: [[.numeral("NaN"), .number(3)]], described: [], shown: 9,
      csvPath: "data/x.csv")
    guard case .tiles(let groups) = try block(.kpi, tiles).body else { return }
    #expect(groups[0].tiles[0].comparisons.map(\.words) == ["n/m"] && groups[0].tiles[0].value == "NaN")
  }

  @Test func amountsOfTwoCurrenciesAreNeverComparedInTilesAndSentences() throws {
    let data = try Dataset(
      names: ["what", "net", "c", "net_last", "d"],
      rows: [[.text("a"), .number(5), .text("USD"), .number(3), .text("JPY")]],
      described: [
        ColumnFormat(column: "net", kind: .money(currencyColumn: "c")),
        ColumnFormat(column: "net_last", kind: .money(currencyColumn: "d")),
      ], shown: 9, csvPath: "data/x.csv")
    guard case .tiles(let groups) = try block(.kpi, data).body else { return }
    let comparison = try #require(groups[0].tiles[0].comparisons.first)
    #expect(comparison.words == "n/m" && comparison.delta.isEmpty && comparison.base == "3 JPY")
    let moves = ReportSection.Kind.moves(MovesDefinition(now: "net", before: "net_last", against: "May"))
    guard case .words(let sentences, _) = try block(moves, data).body else { return }
    #expect(sentences.first?.contains("is 5.00 USD, against 3 JPY in May; the two cannot be compared") == true)
  }

  @Test func amountsOfTwoCurrenciesAreNeverStacked() throws {
    func rows(_ currency: String) -> [[Figure]] {
      [
        [day(0), .text("EUR"), .text("A"), .number(1)], [day(0), .text(currency), .text("B"), .number(2)],
        [day(1), .text("USD"), .text("A"), .number(3)],
      ]
    }
    let names = ["day", "currency", "what", "net"]
    let kind = bars(.stackedBar, series: "what")
    let mixed = try block(kind, try dataset(names, rows("USD"), for: kind))
    guard case .table = mixed.body else {
      Issue.record("drawn")
      return
    }
    #expect(mixed.lead.hasPrefix("Not drawn: bars that stand upon each other would add amounts in EUR, USD."))
    #expect(mixed.dataset?.rows.count == 3)
    // In one currency for each day nothing is added that should not be.
    guard case .chart(_, .stackedBar, nil) = try block(kind, try dataset(names, rows("EUR"), for: kind)).body else {
      Issue.record("not drawn")
      return
    }
  }

  /// Numbers of which nothing is said, in series that are currencies, are amounts in them; counts are none.
  @Test(arguments: [
    ("2.50", "USD", nil, false), ("2.50", "XQZ", nil, true), ("2", "USD", nil, true),
    ("2.50", "USD", ColumnFormat.Kind.decimal(2), true), ("2.50", "USD", .percent, true), ("2.50", "EUR", nil, true),
    ("2.50", "USD", .text, false),
  ])
  func numbersBySeriesOfCurrenciesAreNotStacked(
    net: String, other: String, format: ColumnFormat.Kind?, isDrawn: Bool
  ) throws {
    let kind = bars(.stackedBar, series: "currency")
    let rows: [[Figure]] = [
      [day(0), .text("EUR"), .number(1)], [day(0), .text(other), .number(try #require(ExactDecimal(net)))],
      [day(1), .missing, .number(3)],
    ]
    let data = try Dataset(
      names: ["day", "currency", "net"], rows: rows,
      described: format.map { [ColumnFormat(column: "net", kind: $0)] } ?? [],
      shown: 100, csvPath: "data/x.csv")
    let block = try block(kind, data)
    if case .chart(_, .stackedBar, _) = block.body { #expect(isDrawn) } else { #expect(!isDrawn) }
    #expect(block.lead.hasPrefix("Not drawn: ") == !isDrawn)
    if !isDrawn { #expect(block.lead.contains("amounts in EUR, USD.")) }
  }

  @Test func tablesGiveUpRowsWhereAPageWouldBeTooLarge() throws {
    let words = String(repeating: "word ", count: 18)
    func table(_ rows: Int, _ name: String) throws -> ContentBlock {
      let figures = (0..<rows).map { [Figure.text("\($0)"), .text(words), .text(words), .text(words), .text(words)] }
      let data = try Dataset(
        names: ["n", "a", "b", "c", "d"], rows: figures, described: [], shown: 100_000, csvPath: "data/\(name).csv")
      return ContentBlock(title: name, body: .table, dataset: data)
    }
    let content = ReportContent(
      name: "hostile", title: "x", description: "",
      blocks: [try table(40, "short"), try table(3_000, "long"), try table(2_500, "other")])
    let page = PageLayout(context: HostilePages.context).page(content)
    #expect(page.count <= 2_000_000 && page.count > 1_900_000)
    let text = String(decoding: page, as: UTF8.self)
    #expect(markupDefect(text) == nil)
    let shown = text.matches(of: /([0-9,]+) of (3,000|2,500); all/).map { "\($0.output.1)" }
    #expect(shown.count == 2 && Set(shown).count == 1, "\(shown)")
    let length = try #require(shown.first.flatMap { Int($0.replacing(",", with: "")) })
    #expect(text.matches(of: /<tr><th scope="row"/).count == 40 + 2 * length)
    #expect(!text.contains("of 40;"))
  }

  @Test func picturesWordsAndTilesGiveWayWhereAPageWouldBeTooLarge() throws {
    let points = (0..<240).flatMap { number in
      (0..<6).map { [day(number), .text("S\($0)"), Figure.number(ExactDecimal(number * 7 + $0))] }
    }
    let data = try Dataset(
      names: ["day", "series", "net"], rows: points, described: [], shown: 20_000, csvPath: "data/x.csv")
    let line = section(.chart(ChartDefinition(type: .line, x: "day", y: ["net"], series: "series")))
    let rendering = SectionRendering(report: definition("sales"))
    let charts = try (0..<25).map { try rendering.block(line, index: $0, dataset: data) }
    let figures = (0..<200).map { [Figure.text("\($0)")] + (0..<40).map { .number(ExactDecimal($0)) } }
    let tiles = try block(
      .kpi,
      try Dataset(
        names: ["name"] + (0..<40).map { "c\($0)" }, rows: figures, described: [], shown: 200, csvPath: "data/t.csv"))
    let words = ContentBlock(title: "Long", body: .words([String(repeating: "<", count: 1_000_000)], isNote: false))
    let content = ReportContent(
      name: "hostile", title: "x", description: "", blocks: charts + [tiles, words])
    let page = PageLayout(context: HostilePages.context).page(content)
    #expect(page.count <= 2_000_000 && page.count > 1_000_000, "\(page.count)")
    let text = String(decoding: page, as: UTF8.self)
    #expect(markupDefect(text) == nil)
    let drawn = text.matches(of: /<svg [^>]*class="chart"/).count
    #expect(drawn > 0 && drawn + text.matches(of: /Not drawn: the page would be larger than 2 MB/).count == 25)
    #expect(text.contains("Cut: the page would be larger than 2 MB; the definition has it whole."))
  }

  @Test func largeFiguresAndSentencesAreNotMoreThanOneReads() {
    var figures = section(.kpi)
    figures.top = 100_000
    var moves = section(.moves(MovesDefinition(now: "a", before: "b", against: "c")))
    moves.top = 100_000
    #expect(SectionRendering.keptRows(figures) == 200 && SectionRendering.keptRows(moves) == 200)
  }

  @Test func noTwoSectionsShareAFile() {
    let reports = [
      definition(
        "sales",
        [
          section(.table, "X"), section(.table, "X"), section(.table, "X 2"), section(.table, "X_2"),
          section(.table, ""),
        ]),
      definition(
        "sales_x", [section(.table, "2"), section(.table, csv: "sales_x_2"), section(.table, csv: "stages")]),
      definition("other", [section(.table, csv: "sales_5")]),
    ]
    let paths = SetRenderer.csvPaths(of: reports)
    let all = paths.values.flatMap { $0 }
    #expect(all.count == 9 && Set(all).count == 9, "\(paths)")
    // What a section calls itself it is called, and no file of the built-in pages is another's.
    #expect(paths["sales_x"]?[1] == "data/sales_x_2.csv" && paths["other"] == ["data/sales_5.csv"])
    #expect(!all.contains("data/stages.csv"))
    #expect(paths["sales"]?.first == "data/sales_x.csv")
  }

  @Test func nameFromRightToLeftIsAnIslandInItsSentence() throws {
    let data = try Dataset(
      names: ["what", "name", "now", "before"],
      rows: [[.text("Product"), .text("שלום 12"), .number(3), .number(1)]], described: [], shown: 9,
      csvPath: "data/x.csv")
    let kind = ReportSection.Kind.moves(MovesDefinition(now: "now", before: "before", against: "the month before"))
    guard case .words(let sentences, _) = try block(kind, data).body else { return }
    #expect(
      sentences == ["Product \u{2068}שלום 12\u{2069}: now rose by 2 (+200.0%) to 3, from 1 in the month before."],
      "\(sentences)")
  }
}
