// Lying bars for names: each row has its name above its bars and the figure at the end, so that nothing has to be
// measured and long names have room on a phone.
// The longest bar takes the full width; there is no axis to read off. Sparklines, which have no axes either, are here.

public import Money

struct BarPlot: Sendable {
  let chart: Chart
  private let width = 480.0
  private let left = 4.0
  private let right = 130.0
  private let top = 34.0
  private let barHeight = 14.0
  private let scale: PlotScale

  init(chart: Chart) {
    self.chart = chart
    scale = PlotScale(values: chart.series.flatMap { $0.values.compactMap { $0 } }, includesZero: true)
  }

  private var hasLegend: Bool { chart.series.contains { !$0.name.isEmpty } }
  private var rowHeight: Double { 29 + Double(chart.series.count) * (barHeight + 3) + 6 }
  private var firstRow: Double { hasLegend || !chart.unit.isEmpty ? top : 6 }

  func svg(note: String?) -> Node {
    let height = firstRow + Double(chart.axis.count) * rowHeight + (note == nil ? 8 : 26)
    return chart.frame("chart bars", width: width, height: height, note: note) {
      (0..<chart.axis.count).map(row)
      PlotArea(width: width, left: left).legend(chart, lines: false)
    }
  }

  /// There are no ticks here, so the longest bar takes all the width there is.
  private func x(_ value: ExactDecimal) -> Double {
    let values = chart.series.flatMap { $0.values.compactMap { $0 } } + [.zero]
    let low = scale.fraction(values.min() ?? .zero)
    let high = scale.fraction(values.max() ?? .zero)
    return left + (width - left - right) * (high > low ? (scale.fraction(value) - low) / (high - low) : 0)
  }

  private func row(_ index: Int) -> Node {
    let y = firstRow + Double(index) * rowHeight
    return SVG.g(.class("slot")) {
      SVG.title { chart.tooltip(index) }
      SVG.text(.class("label"), .x(left), .y(y + 18)) { shortened(chart.axis.label(index), to: 44) }
      chart.series.enumerated().flatMap { order, series -> [Node] in
        guard index < series.values.count, let value = series.values[index] else { return [] }
        let (zero, end) = (x(.zero), x(value))
        let line = y + 27 + Double(order) * (barHeight + 3)
        return [
          SVG.line(.class("axis"), .x1(zero), .y1(line - 2), .x2(zero), .y2(line + barHeight + 2)),
          SVG.rect(
            .class("fill s\(order + 1)"), .x(min(zero, end)), .y(line), .width(max(abs(end - zero), 0.5)),
            .height(barHeight)),
          SVG.text(.class("figure"), .x(max(zero, end) + 6), .y(line + barHeight - 2)) {
            chart.format.spelled(value)
          },
        ]
      }
    }
  }
}

/// A small line without axes, for a table cell or a tile.
public struct Sparkline: Sendable, Hashable {
  /// What it shows, with its first and last figure, for a tooltip and a screen reader.
  public let title: String
  /// The values; nil is a gap.
  public let values: [ExactDecimal?]

  /// Creates a sparkline.
  public init(title: String, values: [ExactDecimal?]) {
    self.title = title
    self.values = values
  }

  /// The line as SVG, 120 × 28 user units.
  public func svg() -> Node {
    let shown = Array(values.suffix(Chart.maximumPositions))
    let present = shown.compactMap { $0 }
    let scale = PlotScale(values: present, includesZero: false)
    func x(_ index: Int) -> Double { shown.count > 1 ? 3 + 114 * Double(index) / Double(shown.count - 1) : 60 }
    func y(_ value: ExactDecimal) -> Double { 25 - 22 * scale.fraction(value) }
    var path = ""
    var last: (x: Double, y: Double)?
    for (index, value) in shown.enumerated() {
      guard let value else { continue }
      path += "\(index > 0 && shown[index - 1] != nil ? "L" : "M")\(pixels(x(index))) \(pixels(y(value)))"
      last = (x(index), y(value))
    }
    return SVG.svg(.svgNamespace, .class("sparkline"), .viewBox(120, 28), .role("img"), .ariaLabel(title)) {
      SVG.title { title }
      if !path.isEmpty { SVG.path(.class("line s1"), .d(path)) }
      if let last { SVG.circle(.class("mark s1"), .cx(last.x), .cy(last.y), .r(2.5)) }
    }
  }
}
