// The last sheet: what charts are drawn from, one native table for each, and the charts themselves on their pages.
// Invariant: a chart shows cells of the workbook, so whoever doubts it can look; a value that no cell can hold as a number
// is a gap and is said.

internal import Markup
internal import Money
internal import Workbook

extension WorkbookSheet {
  static let chartSheetTitle = "Chart data"

  static func addCharts(
    _ charts: [PendingChart], context: PageContext, to writer: inout WorkbookWriter
  ) throws(WorkbookError) {
    if charts.isEmpty { return }
    let sheet = try writer.addSheet(chartSheetTitle)
    var widths = SheetWidths()
    try writer.write(
      .text("\(legible(context.project)) – \(chartSheetTitle)"), at: CellPlace(0, 0), style: CellStyle(.title),
      on: sheet)
    try writer.write(
      .text(banner(context)), at: CellPlace(1, 0), style: CellStyle(context.isComplete ? .good : .warning), on: sheet)
    var row = 3
    for pending in charts { row = try addChart(pending, on: sheet, from: row, &widths, &writer) + 1 }
    try writer.set(setup(context, title: chartSheetTitle, widths: widths), on: sheet)
  }

  /// - Returns: the row behind the table.
  private static func addChart(
    _ pending: PendingChart, on sheet: SheetID, from start: Int, _ widths: inout SheetWidths,
    _ writer: inout WorkbookWriter
  ) throws(WorkbookError) -> Int {
    let chart = pending.chart
    let drawn = drawn(pending)
    try writer.write(
      .text(legible(chart.title)), at: CellPlace(start, 0), style: CellStyle(.heading), on: sheet)
    let head = CellPlace(start + 1, 0)
    let names = chart.series.map { $0.name.isEmpty ? (chart.unit.isEmpty ? "Value" : chart.unit) : $0.name }
    let (_, body) = try writer.addTable(
      pending.name, at: head, headers: [axisName(chart.axis)] + names.map(legible),
      figureColumns: Set(1...max(1, names.count)), rows: chart.axis.count, on: sheet)
    for (column, name) in names.enumerated() { widths.widen(column + 1, characters: min(name.count, 20) + 3) }
    widths.widen(0, characters: 16)
    var gaps = 0
    for index in 0..<chart.axis.count {
      let row = head.row + 1 + index
      let category = axisCell(chart.axis, index)
      try writer.write(category.value, at: CellPlace(row, 0), style: CellStyle(.body, category.format), on: sheet)
      if index < 200, case .categories(let labels) = chart.axis {
        widths.widen(0, characters: labels[index].prefix(60).count + 2)
      }
      for (column, series) in chart.series.enumerated() {
        guard index < series.values.count, let value = series.values[index] else { continue }
        let format = series.format ?? chart.format
        let cell = SheetCell(value, format)
        guard cell.isDrawable else {
          gaps += 1
          continue
        }
        try writer.write(cell.value, at: CellPlace(row, column + 1), style: CellStyle(.body, cell.format), on: sheet)
        if index < 200 { widths.widen(column + 1, characters: format.text(value).count + 2) }
      }
    }
    try writer.addChart(
      SheetChart(
        kind: pending.kind, source: sheet, title: pending.title,
        alternativeText: "\(legible(chart.title)). \(legible(chart.finding))",
        categories: column(0, of: body, drawn), categoryFormat: axisFormat(chart.axis),
        series: chart.series.indices.map {
          .init(name: CellPlace(head.row, $0 + 1), values: column($0 + 1, of: body, drawn))
        }, valueFormat: axisFormat(of: chart)), at: pending.place, on: pending.sheet)
    var row = body.last.row + 1
    var notes: [String] = []
    if drawn.count < chart.axis.count {
      notes.append("The \(drawn.lowerBound > 0 ? "last" : "first") \(drawn.count) are drawn.")
    }
    if gaps > 0 { notes.append("\(gaps) of the values have more digits than a spreadsheet holds and are left out.") }
    for note in notes {
      try writer.write(.text(note), at: CellPlace(row, 0), style: CellStyle(.note), on: sheet)
      row += 1
    }
    return row
  }

  /// The marks of an axis of large amounts are whole.
  private static func axisFormat(of chart: Chart) -> NumberFormat {
    guard case .money = chart.format else { return SheetCell(.zero, chart.format).format }
    let largest = chart.series.flatMap { $0.values.compactMap { $0?.magnitude } }.max() ?? .zero
    return largest < 100 ? SheetCell(.zero, chart.format).format : .integer
  }

  /// Which positions are drawn: of bars those on the page, of lines all.
  private static func drawn(_ pending: PendingChart) -> Range<Int> {
    pending.kind == .line ? 0..<pending.chart.axis.count : pending.chart.drawnBars
  }

  private static func column(_ column: Int, of body: CellRange, _ rows: Range<Int>) -> CellRange {
    let last = max(rows.lowerBound, rows.upperBound - 1)
    return CellRange(CellPlace(body.first.row + rows.lowerBound, column), CellPlace(body.first.row + last, column))
  }

  private static func axisName(_ axis: ChartAxis) -> String {
    switch axis {
    case .days: "Day"
    case .months: "Month"
    case .categories: "Name"
    }
  }

  private static func axisFormat(_ axis: ChartAxis) -> NumberFormat {
    switch axis {
    case .days: .date
    case .months: .month
    case .categories: .text
    }
  }

  private static func axisCell(_ axis: ChartAxis, _ index: Int) -> SheetCell {
    switch axis {
    case .days(let dates), .months(let dates): SheetCell(.date(dates[index]), axisFormat(axis))
    case .categories(let names): SheetCell(.text(legible(names[index])), .text)
    }
  }
}

extension SheetCell {
  /// Whether a cell holds the number as one.
  fileprivate var isDrawable: Bool {
    guard case .number(let number, let decimals) = value else { return false }
    return SheetNumber(number, amountDecimals: decimals) != .tooLong
  }
}
