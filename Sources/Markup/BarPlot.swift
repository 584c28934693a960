// Lying bars for names: each row has its name above its bars and the figure at the end, so that nothing has to be
// measured and long names have room on a phone.
// The longest bar takes the full width; there is no axis to read off.

internal import Money

struct BarPlot: Sendable {
  let chart: Chart
  private let width = 480.0
  private let left = 4.0
  /// Room for the longest figure behind the longest bar.
  private let right: Double
  private let top = 34.0
  private let barHeight = 14.0
  private let scale: PlotScale

  init(chart: Chart) {
    self.chart = chart
    scale = PlotScale(values: chart.series.flatMap { $0.values.compactMap { $0 } }, includesZero: true)
    let widths = chart.series.flatMap { series in
      series.values.compactMap { $0.map { ems((series.format ?? chart.format).spelled($0)) } }
    }
    right = min(max(120, (widths.max() ?? 0) * Self.letter + 14), 300)
  }

  /// The larger type that phones get.
  private static let letter = 17.0

  private var hasLegend: Bool { chart.series.contains { !$0.name.isEmpty } }
  private var rowHeight: Double { 29 + Double(chart.series.count) * (barHeight + 3) + 6 }
  private var legend: PlotArea { PlotArea(width: width, left: left, letter: Self.letter) }
  private var firstRow: Double {
    guard hasLegend || !chart.unit.isEmpty else { return 6 }
    return top + Double(legend.legendPlaces(chart).map(\.line).max() ?? 0) * PlotArea.legendLine
  }

  func svg(note: String?) -> Node {
    let height = firstRow + Double(chart.axis.count) * rowHeight + (note == nil ? 8 : 26)
    return chart.frame("chart bars", width: width, height: height, note: note) {
      (0..<chart.axis.count).map(row)
      legend.legend(chart, lines: false)
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
      SVG.text(.class("label"), .x(left), .y(y + 18)) {
        fitted(chart.axis.label(index), ems: (width - 2 * left) / Self.letter)
      }
      chart.series.enumerated().flatMap { order, series -> [Node] in
        guard index < series.values.count, let value = series.values[index] else { return [] }
        let (zero, end) = (x(.zero), x(value))
        let line = y + 27 + Double(order) * (barHeight + 3)
        return [
          SVG.line(.class("axis"), .x1(zero), .y1(line - 2), .x2(zero), .y2(line + barHeight + 2)),
          SVG.rect(
            .class("fill s\(order + 1)"), .x(min(zero, end)), .y(line), .width(max(abs(end - zero), 0.5)),
            .height(barHeight)),
          figure((series.format ?? chart.format).spelled(value), behind: max(zero, end), y: line + barHeight - 2),
        ]
      }
    }
  }

  /// A figure behind its bar; squeezed, never cut, when it has more digits than there is room.
  private func figure(_ text: String, behind x: Double, y: Double) -> Node {
    var attributes: [Attribute] = [.class("figure"), .x(x + 6), .y(y)]
    if ems(text) * Self.letter > right - 10 { attributes += [.textLength(right - 10), .squeezedGlyphs] }
    return SVG.text(attributes: attributes, children: [.text(text)])
  }
}
