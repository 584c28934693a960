// From a section's definition and its dataset to a content block: tiles with comparatives, tables, charts with the
// finding in words. Pure; the queries are run elsewhere (ReportQueries).
// Invariant: a column that a definition speaks of and the rows do not have is an error at its section.

internal import Definitions
internal import Finding
internal import Ledger
internal import Markup
internal import Money

/// Builds the blocks of one report.
struct SectionRendering {
  let report: ReportDefinition

  /// How many rows a page shows when the definition says nothing; the CSV has all.
  static let defaultRows = 200
  /// How many rows a chart is drawn from at most.
  static let chartRows = 20_000

  /// How many rows stand beside a chart.
  static let rowsBesideChart = 60

  /// How many rows of a section are kept in memory. Large figures and sentences are for reading, so that there are
  /// never more of them than of rows when nothing is said.
  static func keptRows(_ section: ReportSection) -> Int {
    switch section.kind {
    case .chart: chartRows
    case .moves: min(section.top ?? MoveSentences.shown, defaultRows)
    case .kpi: min(section.top ?? defaultRows, defaultRows)
    default: section.top ?? defaultRows
    }
  }

  /// The column along which a chart of lines or bars runs: where it holds days, the last of them are kept.
  static func axis(_ section: ReportSection) -> String? {
    guard case .chart(let chart) = section.kind else { return nil }
    switch chart.type {
    case .line, .bar, .stackedBar: return chart.x
    case .waterfall, .heatMap: return nil
    }
  }

  /// That a picture is not of all rows; nil when it is.
  static func cutNote(_ dataset: Dataset) -> String? {
    guard let (drawn, total) = dataset.truncation else { return nil }
    return "Drawn from the \(dataset.keepsNewest ? "newest" : "first") \(drawn) of \(total) rows; all in "
      + "\(dataset.csvPath)."
  }

  /// The block of one section.
  func block(_ section: ReportSection, index: Int, dataset: Dataset?) throws(ReportError) -> ContentBlock {
    switch section.kind {
    case .text, .note:
      let paragraphs = section.text.split(separator: "\n\n").map { $0.split(separator: "\n").joined(separator: " ") }
      return ContentBlock(title: section.title, body: .words(paragraphs, isNote: section.kind == .note))
    case .kpi:
      return ContentBlock(title: section.title, body: .tiles(dataset.map(tiles) ?? []), dataset: dataset)
    case .table:
      return ContentBlock(title: section.title, body: .table, dataset: dataset)
    case .moves(let definition):
      guard let dataset else { return ContentBlock(title: section.title, body: .words([], isNote: false)) }
      let sentences = MoveSentences(
        definition: definition, dataset: dataset,
        now: try place(definition.now, section: section, dataset: dataset),
        before: try place(definition.before, section: section, dataset: dataset))
      return ContentBlock(
        title: section.title, body: .words(sentences.paragraphs, isNote: false), dataset: dataset)
    case .chart(let definition):
      guard let dataset else { return ContentBlock(title: section.title, body: .table) }
      return try chart(definition, section: section, index: index, dataset: dataset)
    }
  }

  // MARK: Tiles

  private func tiles(_ dataset: Dataset) -> [TileGroup] {
    let compared = Set(dataset.columns.indices.flatMap(dataset.comparisons))
    let lines = dataset.columns.indices.filter { dataset.columns[$0].format == .sparkline }
    let named = dataset.columns.indices.filter { index in
      !dataset.columns[index].format.isNumeric && !lines.contains(index)
    }
    return dataset.rows.map { row in
      let figures = dataset.columns.indices.filter {
        dataset.columns[$0].format.isNumeric && !compared.contains($0)
      }
      let tiles =
        figures.map { index in tile(index, row: row, dataset: dataset, lines: lines) }
        // A line that belongs to no figure has a tile of its own.
        + lines.filter { dataset.owner(ofSparkline: $0) == nil }.compactMap { index in
          dataset.sparkline(row, index).map {
            Tile(label: dataset.columns[index].label, value: "", unit: "", comparisons: [], sparkline: $0)
          }
        }
      // Each word an island, so that a date beside a name from right to left is still that date.
      let words = named.map { word($0, row: row, dataset: dataset) }.filter { !$0.isEmpty }
      let name = words.map { isolated(shortened($0, to: 100)) }.joined(separator: ", ")
      return TileGroup(name: name, tiles: tiles)
    }
  }

  /// What a column that is no figure says of a row: a text itself, a date or a time with what it is.
  private func word(_ index: Int, row: [Figure], dataset: Dataset) -> String {
    let (column, text) = (dataset.columns[index], dataset.text(row, index))
    switch (column.format, row[index]) {
    case (.date, .missing), (.month, .missing): return "\(column.label): no date"
    case (.date, _), (.month, _), (_, .moment), (_, .clock): return "\(column.label): \(text)"
    default: return text
    }
  }

  private func tile(_ index: Int, row: [Figure], dataset: Dataset, lines: [Int]) -> Tile {
    let column = dataset.columns[index]
    let currency = dataset.currency(of: index, in: row)
    return Tile(
      label: column.label,
      value: row[index].number.map(column.format.figureFormat(currency: currency).spelled) ?? row[index].plainText,
      unit: currency ?? "",
      comparisons: dataset.compared(index, in: row),
      sparkline: lines.first { dataset.owner(ofSparkline: $0) == index }.flatMap { dataset.sparkline(row, $0) })
  }

  // MARK: Charts

  private func chart(
    _ definition: ChartDefinition, section: ReportSection, index: Int, dataset: Dataset
  ) throws(ReportError) -> ContentBlock {
    let x = try place(definition.x, section: section, dataset: dataset)
    var ys: [Int] = []
    for name in definition.y { ys.append(try place(name, section: section, dataset: dataset)) }
    var by: Int?
    if let series = definition.series { by = try place(series, section: section, dataset: dataset) }
    switch definition.type {
    case .waterfall:
      return panels(waterfalls(x: x, ys: ys, section: section, index: index, dataset: dataset), section, dataset)
    case .heatMap:
      let value = try place(definition.value ?? "", section: section, dataset: dataset)
      return panels(
        heatMaps(x: x, y: ys.first ?? x, value: value, by: by, section: section, index: index, dataset: dataset),
        section, dataset)
    case .line, .bar, .stackedBar: break
    }
    if definition.type == .stackedBar {
      let mixed = currenciesTogether(x: x, ys: ys, by: by, dataset: dataset)
      if !mixed.isEmpty {
        return besideChart(
          ContentBlock(
            title: section.title, body: .table, dataset: dataset,
            lead: "Not drawn: bars that stand upon each other would add amounts in \(mixed.joined(separator: ", ")). "
              + "The chart can be of type bar, or a section for each currency."), along: x)
      }
    }
    let points = ChartPoints(dataset: dataset, x: x, ys: ys, by: by)
    let notes = [
      Self.cutNote(dataset), ChartPoints.undrawnNote(points.undrawn, csv: dataset.csvPath),
      points.largestNote(csv: dataset.csvPath),
      points.repeated > 0
        ? "Several rows for one place, \(points.repeated) in all, are not drawn: the last of each is; all in "
          + "\(dataset.csvPath)." : nil,
    ].compactMap { $0 }
    let (format, unit) = (points.format, points.unit)
    guard
      let chart = Chart(
        identifier: "\(report.name)-\(index + 1)", title: section.title,
        finding: ChartFinding(
          axis: points.axis, series: points.series, format: format, unit: unit,
          areOfOneUnit: !points.isOfSeveralCurrencies
        ).text,
        axis: points.axis, series: points.series, format: format, unit: unit)
    else { return ContentBlock(title: section.title, body: .table, dataset: dataset) }
    let kind: Chart.Kind =
      switch definition.type {
      case .bar: .bar
      case .stackedBar: .stackedBar
      case .line, .waterfall, .heatMap: .line
      }
    return besideChart(
      ContentBlock(
        title: section.title, body: .chart(chart, kind, note: notes.isEmpty ? nil : notes.joined(separator: " ")),
        dataset: dataset), along: x)
  }

  /// The block with no more rows than stand beside a chart: those of the newest days, or the first ones.
  private func besideChart(_ block: ContentBlock, along x: Int) -> ContentBlock {
    guard var dataset = block.dataset, dataset.rows.count > Self.rowsBesideChart else { return block }
    let rows = dataset.rows
    let days = rows.compactMap { $0[x].day }
    let order = days.count == rows.count ? rows.indices.sorted { (days[$0], $0) > (days[$1], $1) } : Array(rows.indices)
    dataset.rows = order.prefix(Self.rowsBesideChart).sorted().map { rows[$0] }
    var block = block
    block.dataset = dataset
    return block
  }

  /// The currencies of amounts that would stand upon each other, by name.
  private func currenciesTogether(x: Int, ys: [Int], by: Int?, dataset: Dataset) -> [String] {
    let series = by.flatMap { areAmounts(ys, by: $0, dataset: dataset) ? $0 : nil }
    var places: [Figure: Set<String>] = [:]
    for row in dataset.rows where row[x] != .missing {
      places[row[x], default: []].formUnion(
        ys.compactMap { y in
          row[y].number == nil ? nil : dataset.currency(of: y, in: row) ?? series.map { row[$0].plainText }
        })
    }
    return places.values.filter { $0.count > 1 }.reduce(into: Set()) { $0.formUnion($1) }.sorted()
  }

  /// Whether numbers of which nothing is said are amounts in the currencies of their series: those hold nothing but
  /// currencies, and a number has digits behind the point. Counts by currency may stand upon each other.
  private func areAmounts(_ ys: [Int], by series: Int, dataset: Dataset) -> Bool {
    let silent = ys.filter { y in
      switch dataset.columns[y].format {
      case .integer, .percent, .decimal: false
      default: true
      }
    }
    return dataset.rows.allSatisfy { CurrencyCode($0[series].plainText)?.isListed ?? ($0[series] == .missing) }
      && dataset.rows.contains { row in silent.contains { (row[$0].number?.scale ?? 0) > 0 } }
  }

  private func place(_ name: String, section: ReportSection, dataset: Dataset) throws(ReportError) -> Int {
    if let index = dataset.index(of: name) { return index }
    throw Self.unknown(name, section: section, of: report, among: dataset.columns.map(\.name))
  }

  /// That a definition speaks of columns that the rows do not have: a misspelt name, or money in a currency of no column.
  /// And that two columns have one name, of which files for programs would hold one.
  static func check(_ section: ReportSection, of report: ReportDefinition, among names: [String]) throws(ReportError) {
    if let twice = Dictionary(grouping: names, by: \.self).filter({ $0.value.count > 1 }).keys.min() {
      throw .statement(
        Diagnostic(
          .error, code: "duplicate_name", at: section.position,
          "report \(report.name), \"\(section.title)\": the query gives two columns named \"\(twice)\"",
          fix: "give one of them another name: … as other_name"))
    }
    for format in section.columns {
      var spoken = [format.column]
      if case .money(let currency) = format.kind { spoken.append(currency) }
      for name in spoken where !names.contains(name) { throw unknown(name, section: section, of: report, among: names) }
    }
  }

  private static func unknown(
    _ name: String, section: ReportSection, of report: ReportDefinition, among names: [String]
  ) -> ReportError {
    let (source, remedy) =
      if case .view(let view) = section.source { ("\"\(view)\"", "use one of its columns") } else {
        ("the query", "add it to the query")
      }
    return .statement(
      Diagnostic(
        .error, code: "unknown_column", at: section.position,
        "report \(report.name), \"\(section.title)\": \(source) gives no column \"\(name)\"",
        notes: ["it gives \(names.joined(separator: ", "))"],
        fix: nearestWord(to: name, in: names).map { "did you mean \"\($0)\"?" } ?? remedy))
  }
}
