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

  /// How many of the newest rows stand beside a chart.
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

  /// A column that is named like another one with `_prior…`, `_previous…` or `_last…` behind it is what the other
  /// one compares to; its label says what it is.
  private func comparisons(of column: DatasetColumn, in dataset: Dataset) -> [Int] {
    dataset.columns.indices.filter { Self.isComparison(dataset.columns[$0].name, of: column.name) }
  }

  static func isComparison(_ name: String, of base: String) -> Bool {
    ["_prior", "_previous", "_last"].contains { name.hasPrefix(base + $0) }
  }

  private func tiles(_ dataset: Dataset) -> [TileGroup] {
    let compared = Set(dataset.columns.flatMap { comparisons(of: $0, in: dataset) })
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
      let words = named.map { dataset.text(row, $0) }.filter { !$0.isEmpty }
      let name = words.map { isolated(shortened($0, to: 100)) }.joined(separator: ", ")
      return TileGroup(name: name, tiles: tiles)
    }
  }

  private func tile(_ index: Int, row: [Figure], dataset: Dataset, lines: [Int]) -> Tile {
    let column = dataset.columns[index]
    let currency = dataset.currency(of: index, in: row)
    return Tile(
      label: column.label, value: column.format.text(row[index], currency: currency), unit: currency ?? "",
      comparisons: comparisons(of: column, in: dataset).map { other in
        let change = FigureChange(
          from: row[other].number, to: row[index].number, format: column.format, currency: currency,
          better: column.better)
        return Tile.Comparison(
          label: dataset.columns[other].label,
          base: row[other].number.map { column.format.figureFormat(currency: currency).spelled($0) } ?? "",
          change: change.ratio, delta: change.delta, judgement: change.judgement)
      },
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
              + "The chart can be of type bar, or a section for each currency."))
      }
    }
    var points = ChartPoints(dataset: dataset, x: x, ys: ys, by: by)
    let notes = [
      Self.cutNote(dataset),
      points.keepLargest(Chart.maximumSeries, csv: dataset.csvPath),
      points.repeated > 0
        ? "Several rows for one place, \(points.repeated) in all, are not drawn: the last of each is; all in "
          + "\(dataset.csvPath)." : nil,
    ].compactMap { $0 }
    let format = dataset.columns[ys.first ?? x].format.figureFormat
    let unit = by == nil ? points.commonCurrency : ""
    guard
      let chart = Chart(
        identifier: "\(report.name)-\(index + 1)", title: section.title,
        finding: ChartFinding(axis: points.axis, series: points.series, format: format, unit: unit).text,
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
        dataset: dataset))
  }

  /// The block with no more rows than stand beside a chart.
  private func besideChart(_ block: ContentBlock) -> ContentBlock {
    guard var dataset = block.dataset else { return block }
    dataset.rows = Array(dataset.rows.suffix(Self.rowsBesideChart))
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
  static func check(_ section: ReportSection, of report: ReportDefinition, among names: [String]) throws(ReportError) {
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

/// The rows of a chart turned into series over one axis.
struct ChartPoints {
  var axis: ChartAxis
  var series: [ChartSeries]
  /// The one currency of all rows, or empty.
  var commonCurrency: String
  /// How many figures have a place that another row has too; only the last is drawn.
  var repeated = 0

  init(dataset: Dataset, x: Int, ys: [Int], by: Int?) {
    var positions: [Figure: Int] = [:]
    var order: [Figure] = []
    for row in dataset.rows where positions[row[x]] == nil && row[x] != .missing {
      positions[row[x]] = order.count
      order.append(row[x])
    }
    let dates = order.compactMap(\.day)
    if dates.count == order.count, !order.isEmpty {
      let sorted = order.indices.sorted { dates[$0] < dates[$1] }
      for (place, index) in sorted.enumerated() { positions[order[index]] = place }
      let ascending = sorted.map { dates[$0] }
      axis = ascending.count > 1 && ascending.allSatisfy { $0.day == 1 } ? .months(ascending) : .days(ascending)
    } else {
      axis = .categories(order.map { dataset.columns[x].format.text($0) })
    }
    var names: [String] = []
    var values: [String: [ExactDecimal?]] = [:]
    var repeats = 0
    func add(_ name: String, _ place: Int, _ value: ExactDecimal?) {
      if values[name]?[place] != nil { repeats += 1 }
      if values[name] == nil {
        names.append(name)
        values[name] = Array(repeating: nil, count: order.count)
      }
      values[name]?[place] = value
    }
    for row in dataset.rows {
      guard let place = positions[row[x]] else { continue }
      for y in ys {
        let label = dataset.columns[y].label
        add(by.map { dataset.text(row, $0) } ?? (ys.count > 1 ? label : ""), place, row[y].number)
      }
    }
    repeated = repeats
    // By name, so that a currency has the same colour in every chart of a page.
    if by != nil { names.sort() }
    series = names.map { ChartSeries(name: $0, values: values[$0] ?? []) }
    let currencies = Set(dataset.rows.compactMap { row in ys.first.flatMap { dataset.currency(of: $0, in: row) } })
    commonCurrency = currencies.count == 1 ? currencies.first ?? "" : ""
  }

  /// Keeps the series with the largest totals; a sentence says so when any had to go. Nothing is added up into an
  /// "other", because series may be currencies.
  mutating func keepLargest(_ limit: Int, csv: String) -> String? {
    guard series.count > limit else { return nil }
    func size(_ series: ChartSeries) -> ExactDecimal {
      series.values.compactMap { $0 }.reduce(.zero) { $0.adding($1.isNegative ? -$1 : $1) ?? $0 }
    }
    let sizes = series.map(size)
    let kept = Set(series.indices.sorted { sizes[$0] > sizes[$1] }.prefix(limit))
    let note = "The \(limit) largest of \(series.count) series are drawn; all in \(csv)."
    series = series.indices.filter(kept.contains).map { series[$0] }
    return note
  }
}

/// What a chart shows, in a sentence or two for each series.
struct ChartFinding {
  let axis: ChartAxis
  let series: [ChartSeries]
  let format: FigureFormat
  let unit: String

  var text: String {
    let sentences = series.prefix(3).compactMap(sentence)
    if sentences.isEmpty { return "No data." }
    let rest = series.count - 3
    return (sentences + (rest > 0 ? ["\(rest) more series."] : [])).joined(separator: " ")
  }

  private func figure(_ value: ExactDecimal) -> String {
    format.spelled(value) + (unit.isEmpty ? "" : " \(unit)")
  }

  private func label(_ index: Int) -> String { isolated(shortened(axis.label(index), to: 60)) }

  private func sentence(_ series: ChartSeries) -> String? {
    let present = series.values.indices.compactMap { index in series.values[index].map { (index, $0) } }
    guard let last = present.last, let high = present.max(by: { $0.1 < $1.1 }),
      let low = present.min(by: { $0.1 < $1.1 })
    else { return nil }
    let name = series.name.isEmpty ? "" : "\(isolated(shortened(series.name, to: 60))): "
    if present.count == 1 { return "\(name)\(figure(last.1)), \(label(last.0))." }
    if low.1 == high.1 { return "\(name)\(figure(last.1)) throughout." }
    if case .categories = axis {
      return "\(name.isEmpty ? "Highest" : name + "highest") \(label(high.0)) with \(figure(high.1)), "
        + "lowest \(label(low.0)) with \(figure(low.1))."
    }
    let on = if case .days = axis { "on" } else { "in" }
    return "\(name)\(figure(last.1)) \(on) \(axis.label(last.0)); highest \(figure(high.1)) (\(axis.label(high.0))), "
      + "lowest \(figure(low.1)) (\(axis.label(low.0)))."
  }
}
