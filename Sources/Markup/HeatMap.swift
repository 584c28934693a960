// Figures over two sets of names, each in a cell whose shade follows its figure. The figure itself stands in the cell,
// so the shade is never the only way to read it.
// Invariant: shades are six equal steps between the lowest and the highest figure; a missing figure is an empty cell,
// which zero is not. Cells are drawn in their natural size; a page lets a wide map scroll.

public import Money

/// A table of shaded figures.
public struct HeatMap: Sendable, Hashable {
  /// Unique on its page.
  public let identifier: String
  /// What is shown.
  public let title: String
  /// What a reader should take from it.
  public let finding: String
  /// What the columns are, for example "Months later".
  public let columnTitle: String
  /// What the rows are, for example "First paid in".
  public let rowTitle: String
  /// The names along the top.
  public let columns: [String]
  /// The names along the side.
  public let rows: [String]
  /// A figure for each row and column; nil where there is none.
  public let cells: [[ExactDecimal?]]
  /// How figures are written.
  public let format: FigureFormat
  /// The unit, for example a currency.
  public let unit: String

  /// How many columns are drawn at most.
  public static let maximumColumns = 36
  /// How many rows are drawn at most.
  public static let maximumRows = 60
  /// How many shades there are.
  static let shades = 6

  /// Creates a map.
  public init(
    identifier: String, title: String, finding: String, columnTitle: String, rowTitle: String, columns: [String],
    rows: [String], cells: [[ExactDecimal?]], format: FigureFormat, unit: String = ""
  ) {
    self.identifier = identifier
    self.title = title
    self.finding = finding
    self.columnTitle = columnTitle
    self.rowTitle = rowTitle
    self.columns = columns
    self.rows = rows
    self.cells = cells
    self.format = format
    self.unit = unit
  }

  /// The figure of a cell.
  func value(_ row: Int, _ column: Int) -> ExactDecimal? {
    row < cells.count && column < cells[row].count ? cells[row][column] : nil
  }

  /// What the picture leaves out, in a sentence; nil when it leaves out nothing.
  public var thinningNote: String? {
    var parts: [String] = []
    if rows.count > Self.maximumRows { parts.append("the first \(Self.maximumRows) of \(rows.count) rows") }
    if columns.count > Self.maximumColumns {
      parts.append("the first \(Self.maximumColumns) of \(columns.count) columns")
    }
    return parts.isEmpty ? nil : "Drawn: " + parts.joined(separator: ", ") + "."
  }

  /// The picture.
  public func svg() -> Node { HeatMapPlot(map: self).svg() }
}

private struct HeatMapPlot: Sendable {
  let map: HeatMap
  private let columns: Range<Int>
  private let rows: Range<Int>
  private let low: ExactDecimal?
  private let high: ExactDecimal?
  private let letter = 13.0
  private let left: Double
  private let cellWidth: Double
  private let cellHeight = 26.0
  private let top = 52.0

  init(map: HeatMap) {
    self.map = map
    columns = 0..<min(map.columns.count, HeatMap.maximumColumns)
    rows = 0..<min(map.rows.count, HeatMap.maximumRows)
    var present: [ExactDecimal] = []
    var widest = 2.0
    for row in rows {
      for column in columns {
        guard let value = map.value(row, column) else { continue }
        present.append(value)
        widest = max(widest, ems(Self.short(value, map.format)))
      }
    }
    low = present.min()
    high = present.max()
    for column in columns { widest = max(widest, min(ems(legible(shortened(map.columns[column], to: 20))), 7)) }
    cellWidth = min(max(widest * letter + 10, 40), 150)
    let names = rows.map { ems(legible(shortened(map.rows[$0], to: 40))) } + [ems(map.rowTitle) + 2]
    left = min(max((names.max() ?? 0) * letter + 12, 60), 240)
  }

  /// Short enough for a cell: whole percents, `1.2M`.
  private static func short(_ value: ExactDecimal, _ format: FigureFormat) -> String {
    if case .percent = format { return FigureFormat.percent(decimals: 0).spelled(value) }
    return abbreviated(value)
  }

  private func shade(_ value: ExactDecimal) -> Int {
    guard let low, let high, low < high, let part = value.subtracting(low), let whole = high.subtracting(low) else {
      return 1
    }
    let fraction = PlotScale.double(part) / PlotScale.double(whole)
    return max(0, min(HeatMap.shades - 1, Int(fraction * Double(HeatMap.shades))))
  }

  private func x(_ column: Int) -> Double { left + Double(column) * cellWidth }
  private func y(_ row: Int) -> Double { top + Double(row) * cellHeight }

  func svg() -> Node {
    let frame = PictureFrame(identifier: map.identifier, title: map.title, finding: map.finding)
    guard let low, let high else {
      return frame.svg(width: 640, height: 96, note: nil) {
        SVG.text(.class("empty"), .x(320), .y(54), .textAnchor("middle")) { "No data" }
      }
    }
    let note = map.thinningNote
    let width = max((left + Double(columns.count) * cellWidth + 2).rounded(.up), 320)
    let height = y(rows.count) + 40 + (note == nil ? 0 : 20)
    return frame.svg("chart heat", width: width, height: height, note: note, isNaturalSize: true) {
      SVG.text(.class("tick"), .x(left), .y(16)) { fitted(map.columnTitle + " →", ems: (width - left) / letter) }
      SVG.text(.class("tick"), .x(0), .y(top - 12)) { fitted(map.rowTitle + " ↓", ems: left / letter) }
      columns.map { column in
        SVG.text(.class("tick"), .x(x(column) + cellWidth / 2), .y(top - 12), .textAnchor("middle")) {
          fitted(map.columns[column], ems: (cellWidth - 4) / letter)
        }
      }
      rows.map(row)
      legend(low, high)
    }
  }

  private func row(_ row: Int) -> Node {
    SVG.g {
      SVG.text(.class("label"), .x(0), .y(y(row) + 18)) { fitted(map.rows[row], ems: (left - 8) / letter) }
      columns.compactMap { column in map.value(row, column).map { cell(row, column, $0) } }
    }
  }

  private func cell(_ row: Int, _ column: Int, _ value: ExactDecimal) -> Node {
    let shade = shade(value)
    let text = Self.short(value, map.format)
    var attributes: [Attribute] = [
      .class("v\(shade)"), .x(x(column) + cellWidth / 2), .y(y(row) + 18), .textAnchor("middle"),
    ]
    if ems(text) * letter > cellWidth { attributes += [.textLength(cellWidth - 6), .squeezedGlyphs] }
    return SVG.g {
      SVG.title {
        isolated(shortened(map.rows[row], to: 120)) + ", " + isolated(shortened(map.columns[column], to: 120)) + "\n"
          + map.format.spelled(value) + (map.unit.isEmpty ? "" : " \(map.unit)")
      }
      SVG.rect(.class("cell h\(shade)"), .x(x(column)), .y(y(row)), .width(cellWidth), .height(cellHeight))
      SVG.text(attributes: attributes, children: [.text(text)])
    }
  }

  /// The shades from the lowest to the highest figure.
  private func legend(_ low: ExactDecimal, _ high: ExactDecimal) -> Node {
    let y = y(rows.count) + 14
    let (first, last) = (Self.short(low, map.format), Self.short(high, map.format))
    let start = 4 + ems(first) * letter
    let used = low < high ? Array(0..<HeatMap.shades) : [1]
    return SVG.g(.class("legend")) {
      SVG.text(.class("tick"), .x(0), .y(y + 11)) { first }
      used.enumerated().map { place, shade in
        SVG.rect(.class("cell h\(shade)"), .x(start + Double(place) * 20), .y(y), .width(20), .height(14))
      }
      if low < high { SVG.text(.class("tick"), .x(start + Double(used.count) * 20 + 6), .y(y + 11)) { last } }
    }
  }
}
