// A native chart over cells of the workbook, with words for those who cannot see it.
// Invariant: titles and series names are references to cells, never text: the library would take a text that begins
// with "=" for a formula. Series differ by dash as well as by colour.
// Colours: Okabe and Ito, "Color Universal Design", 2008, darkened for white paper, in the order of the pages' charts.

internal import CLibXLSXWriter

/// What a chart shows.
public struct SheetChart: Sendable, Hashable {
  /// How it is drawn.
  public enum Kind: Sendable, Hashable {
    /// Lines from left to right.
    case line
    /// Columns side by side.
    case column
    /// Columns on top of each other.
    case stackedColumn
    /// Lying bars, for names.
    case bar
  }

  /// A row of values.
  public struct Series: Sendable, Hashable {
    /// The cell with its name.
    public var name: CellPlace
    /// Its values, one column of cells.
    public var values: CellRange

    /// Creates a series.
    public init(name: CellPlace, values: CellRange) {
      self.name = name
      self.values = values
    }
  }

  /// How it is drawn.
  public var kind: Kind
  /// The sheet that the figures are on.
  public var source: SheetID
  /// The cell with the title, on the sheet that the chart is on.
  public var title: CellPlace
  /// What it says, in words, for screen readers.
  public var alternativeText: String
  /// What the values belong to, one column of cells.
  public var categories: CellRange
  /// How those are written.
  public var categoryFormat: NumberFormat
  /// The values.
  public var series: [Series]
  /// How values are written.
  public var valueFormat: NumberFormat

  /// Creates a chart.
  public init(
    kind: Kind, source: SheetID, title: CellPlace, alternativeText: String, categories: CellRange,
    categoryFormat: NumberFormat, series: [Series], valueFormat: NumberFormat
  ) {
    self.kind = kind
    self.source = source
    self.title = title
    self.alternativeText = alternativeText
    self.categories = categories
    self.categoryFormat = categoryFormat
    self.series = series
    self.valueFormat = valueFormat
  }

  /// How many rows of usual height a chart covers.
  public static let coveredRows = 17
  private static let scale = (x: 1.75, y: 1.15)
  private static let colors: [UInt32] = [0x0072B2, 0xB34F00, 0x007A59, 0xA04877, 0x7D6608, 0x3D3D3D]
  private static let dashes = [
    LXW_CHART_LINE_DASH_SOLID, LXW_CHART_LINE_DASH_DASH, LXW_CHART_LINE_DASH_ROUND_DOT, LXW_CHART_LINE_DASH_DASH_DOT,
    LXW_CHART_LINE_DASH_SQUARE_DOT, LXW_CHART_LINE_DASH_LONG_DASH,
  ]
  /// The library cuts an attribute at 2,079 bytes, wherever that is.
  private static let longestAlternativeText = 690

  fileprivate var type: UInt8 {
    let type =
      switch kind {
      case .line: LXW_CHART_LINE
      case .column: LXW_CHART_COLUMN
      case .stackedColumn: LXW_CHART_COLUMN_STACKED
      case .bar: LXW_CHART_BAR
      }
    return UInt8(type.rawValue)
  }

  fileprivate func addSeries(to chart: UnsafeMutablePointer<lxw_chart>, sheet: String) {
    for (index, row) in series.enumerated() {
      guard let added = chart_add_series(chart, nil, nil) else { continue }
      chart_series_set_categories(
        added, sheet, lxw_row_t(categories.first.row), lxw_col_t(categories.first.column),
        lxw_row_t(categories.last.row), lxw_col_t(categories.last.column))
      chart_series_set_values(
        added, sheet, lxw_row_t(row.values.first.row), lxw_col_t(row.values.first.column),
        lxw_row_t(row.values.last.row), lxw_col_t(row.values.last.column))
      chart_series_set_name_range(added, sheet, lxw_row_t(row.name.row), lxw_col_t(row.name.column))
      let color = Self.colors[index % Self.colors.count]
      if kind == .line {
        var line = lxw_chart_line()
        line.color = color
        line.width = 2
        line.dash_type = UInt8(Self.dashes[index % Self.dashes.count].rawValue)
        chart_series_set_line(added, &line)
      } else {
        var fill = lxw_chart_fill()
        fill.color = color
        chart_series_set_fill(added, &fill)
      }
    }
  }

  fileprivate func setAxes(of chart: UnsafeMutablePointer<lxw_chart>, dateCode: String) {
    // The library's axes are where they are seen: those of lying bars have changed places.
    let x = chart_axis_get(chart, kind == .bar ? LXW_CHART_AXIS_TYPE_Y : LXW_CHART_AXIS_TYPE_X)
    let y = chart_axis_get(chart, kind == .bar ? LXW_CHART_AXIS_TYPE_X : LXW_CHART_AXIS_TYPE_Y)
    if categoryFormat != .text { chart_axis_set_num_format(x, categoryFormat.code(date: dateCode)) }
    // Below the lowest value, so that labels do not lie over negative columns.
    chart_axis_set_label_position(x, UInt8(LXW_CHART_AXIS_LABEL_POSITION_LOW.rawValue))
    if kind == .bar { chart_axis_set_reverse(x) }
    let count = categories.last.row - categories.first.row + 1
    if kind != .bar, count > 12 {
      chart_axis_set_interval_unit(x, UInt16(clamping: (count + 11) / 12))
      chart_axis_set_interval_tick(x, UInt16(clamping: (count + 11) / 12))
    }
    chart_axis_set_num_format(y, valueFormat.code(date: dateCode))
    let legend = series.count > 1 ? LXW_CHART_LEGEND_BOTTOM : LXW_CHART_LEGEND_NONE
    chart_legend_set_position(chart, UInt8(legend.rawValue))
  }

  fileprivate func insert(
    _ chart: UnsafeMutablePointer<lxw_chart>, into sheet: UnsafeMutablePointer<lxw_worksheet>, at place: CellPlace
  ) throws(WorkbookError) -> lxw_error {
    let words = SheetText.line(alternativeText, maximumUnits: Self.longestAlternativeText)
    return try withCStrings([words]) { texts throws(WorkbookError) in
      var options = lxw_chart_options()
      options.description = texts[0]
      options.x_scale = Self.scale.x
      options.y_scale = Self.scale.y
      return worksheet_insert_chart_opt(sheet, lxw_row_t(place.row), lxw_col_t(place.column), chart, &options)
    }
  }
}

extension WorkbookWriter {
  /// Puts a chart on a sheet, its upper left corner in a cell.
  ///
  /// - Throws: `WorkbookError`.
  public func addChart(_ content: SheetChart, at place: CellPlace, on sheet: SheetID) throws(WorkbookError) {
    guard let chart = workbook_add_chart(core.handle.book, content.type) else {
      throw .cannotWrite(path: core.path, reason: "out of memory")
    }
    content.addSeries(to: chart, sheet: name(of: content.source))
    chart_title_set_name_range(
      chart, name(of: sheet), lxw_row_t(content.title.row), lxw_col_t(content.title.column))
    content.setAxes(of: chart, dateCode: core.dateCode)
    try core.check(
      try content.insert(chart, into: core.sheets[sheet.index].pointer, at: place), "chart in \(place.name)")
  }
}
