// Standing bars over dates or a few names: side by side, or stacked with negatives below the axis.
// A column carries its exact figures as a native tooltip; what has no value has no bar.
// Axes, labels and the legend are shared with lines: PlotParts.

internal import Money

struct ColumnPlot: Sendable {
  let chart: Chart
  let isStacked: Bool
  private let area: PlotArea
  private let scale: PlotScale

  init(chart: Chart, isStacked: Bool) {
    self.chart = chart
    self.isStacked = isStacked
    var values = chart.series.flatMap { $0.values.compactMap { $0 } }
    if isStacked {
      values = (0..<chart.axis.count).flatMap { index -> [ExactDecimal] in
        let column = chart.series.compactMap { index < $0.values.count ? $0.values[index] : nil }
        return [Self.sum(column.filter { !$0.isNegative }), Self.sum(column.filter(\.isNegative))]
      }
    }
    scale = PlotScale(values: values, includesZero: true)
    area = PlotArea(chart: chart, scale: scale)
  }

  private static func sum(_ values: [ExactDecimal]) -> ExactDecimal {
    values.reduce(.zero) { $0.adding($1) ?? $0 }
  }

  func svg(note: String?) -> Node {
    let slot = area.plotWidth / Double(max(1, chart.axis.count))
    return chart.frame(width: area.width, height: area.height + (note == nil ? 0 : 18), note: note) {
      area.valueAxis(scale, format: chart.format)
      area.positionLabels(chart.axis) { area.left + slot * (Double($0) + 0.5) }
      (0..<chart.axis.count).map { column($0, slot: slot) }
      area.legend(chart, lines: false)
    }
  }

  private func column(_ index: Int, slot: Double) -> Node {
    let gap = min(slot * 0.2, 12)
    let width = min(max(slot - gap, 0.5), 64)
    let left = area.left + slot * Double(index) + (slot - width) / 2
    let zero = area.y(scale.fraction(.zero))
    var (above, below) = (ExactDecimal.zero, ExactDecimal.zero)
    let bars: [Node] = chart.series.enumerated().compactMap { order, series in
      guard index < series.values.count, let value = series.values[index] else { return nil }
      let name = "fill s\(order + 1)"
      if isStacked {
        let base = value.isNegative ? below : above
        let top = base.adding(value) ?? base
        if value.isNegative { below = top } else { above = top }
        return bar(name, x: left, width: width, from: area.y(scale.fraction(base)), to: area.y(scale.fraction(top)))
      }
      let each = width / Double(chart.series.count)
      return bar(
        name, x: left + each * Double(order), width: max(each - 1, 0.5), from: zero, to: area.y(scale.fraction(value)))
    }
    return SVG.g(.class("slot")) {
      SVG.title { chart.tooltip(index) }
      SVG.rect(
        .class("band"), .x(area.left + slot * Double(index)), .y(area.top), .width(slot), .height(area.plotHeight))
      bars
    }
  }

  private func bar(_ name: String, x: Double, width: Double, from: Double, to: Double) -> Node {
    SVG.rect(.class(name), .x(x), .y(min(from, to)), .width(width), .height(max(abs(from - to), 0.5)))
  }
}
