// Lines over dates: one path per series, broken at gaps, with markers when they have room and a hover band per
// position that carries the exact figures as a native tooltip.
// Distances on the axis follow the calendar. Axes, labels and the legend are in PlotParts.

internal import Money

struct LinePlot: Sendable {
  let chart: Chart
  private let area: PlotArea
  private let scale: PlotScale

  init(chart: Chart) {
    self.chart = chart
    scale = PlotScale(values: chart.series.flatMap { $0.values.compactMap { $0 } }, includesZero: true)
    area = PlotArea(chart: chart, scale: scale)
  }

  func svg(note: String?) -> Node {
    chart.frame(width: area.width, height: area.height + (note == nil ? 0 : 18), note: note) {
      area.valueAxis(scale, format: chart.format)
      area.positionLabels(chart.axis, center: x)
      chart.series.indices.reversed().map(line)
      area.legend(chart, lines: true)
      bands
    }
  }

  private func x(_ index: Int) -> Double {
    let count = chart.axis.count
    guard count > 1 else { return area.left + area.plotWidth / 2 }
    if case .days(let dates) = chart.axis, dates[count - 1] > dates[0] {
      let total = Double(dates[count - 1].daysSince1970 - dates[0].daysSince1970)
      return area.left + area.plotWidth * Double(dates[index].daysSince1970 - dates[0].daysSince1970) / total
    }
    return area.left + area.plotWidth * Double(index) / Double(count - 1)
  }

  private func line(_ series: Int) -> Node {
    let values = chart.series[series].values
    var path = ""
    var markers: [Node] = []
    let hasRoom = chart.axis.count <= 40
    for index in 0..<chart.axis.count {
      guard index < values.count, let value = values[index] else { continue }
      let (px, py) = (x(index), area.y(scale.fraction(value)))
      let follows = index > 0 && values[index - 1] != nil
      path += "\(follows ? "L" : "M")\(pixels(px)) \(pixels(py))"
      let isLonely = !follows && (index + 1 >= values.count || values[index + 1] == nil)
      if hasRoom || isLonely { markers.append(marker(series, x: px, y: py, size: hasRoom ? 3.5 : 2.5)) }
    }
    return SVG.g {
      if !path.isEmpty { SVG.path(.class("line s\(series + 1)"), .d(path)) }
      markers
    }
  }

  private var bands: [Node] {
    let count = chart.axis.count
    return (0..<count).map { index in
      let start = index == 0 ? area.left : (x(index - 1) + x(index)) / 2
      let end = index == count - 1 ? area.width - area.right : (x(index) + x(index + 1)) / 2
      return SVG.rect(
        .class("band"), .x(start), .y(area.top), .width(max(0, end - start)), .height(area.plotHeight)
      ) { SVG.title { chart.tooltip(index) } }
    }
  }
}
