// What line and column plots share: margins, the value axis, date labels, the legend.
// Labels that a phone has no room for carry the class `minor`; the style sheet hides them there.
// Nothing here knows how a series is drawn.

internal import Money

/// Where the plot area lies inside the picture, in user units.
struct PlotArea: Sendable {
  var width = 640.0
  var height = 280.0
  var left = 62.0
  var right = 14.0
  var top = 46.0
  var bottom = 36.0
  /// The size of the letters in the legend on a phone.
  var letter = PlotArea.letter

  /// The size of the letters on a phone, where the picture is half as wide.
  static let letter = 24.0

  /// An area with room for the labels of `scale` at the left and for the legend of `chart` above the plot.
  init(chart: Chart, scale: PlotScale) {
    let widest = scale.ticks.map { ems(Self.tickLabel($0, format: chart.format)) }.max() ?? 0
    left = min(max(left, widest * (Self.letter - 2) + 12), 200)
    let lines = legendPlaces(chart).map(\.line).max() ?? 0
    top += Double(lines) * Self.legendLine
    height += Double(lines) * Self.legendLine
  }

  /// An area of a given width, for plots that have their own rows.
  init(width: Double, left: Double, letter: Double) {
    self.width = width
    self.left = left
    self.letter = letter
  }

  static let legendLine = 28.0

  /// Where each name of the legend starts. Widths are those of the larger type that phones get.
  func legendPlaces(_ chart: Chart) -> [(x: Double, line: Int)] {
    var places: [(x: Double, line: Int)] = []
    var (x, line) = (left, 0)
    for series in chart.series where !series.name.isEmpty {
      let room = ems(fitted(series.name, ems: Self.longestName)) * letter + 62
      if x > left, x + room > width - right {
        x = left
        line += 1
      }
      places.append((x, line))
      x += room
    }
    return places
  }

  /// The most room that a name gets, in ems.
  static let longestName = 15.0

  var plotWidth: Double { width - left - right }
  var plotHeight: Double { height - top - bottom }
  func y(_ fraction: Double) -> Double { top + plotHeight * (1 - fraction) }
}

extension PlotArea {
  /// Grid lines and their labels; the zero line stands out.
  func valueAxis(_ scale: PlotScale, format: FigureFormat) -> [Node] {
    scale.ticks.enumerated().flatMap { index, tick -> [Node] in
      let y = y(scale.fraction(tick))
      return [
        SVG.line(.class(tick.isZero ? "axis" : "grid"), .x1(left), .y1(y), .x2(width - right), .y2(y)),
        SVG.text(
          .class(index % 2 == 0 ? "tick" : "tick minor"), .x(left - 8), .y(y + 4), .textAnchor("end")
        ) { Self.tickLabel(tick, format: format) },
      ]
    }
  }

  static func tickLabel(_ tick: ExactDecimal, format: FigureFormat) -> String {
    if case .percent = format { return FigureFormat.percent(decimals: 0).axisText(tick) }
    return abbreviated(tick)
  }

  /// Labels under the plot: at most nine, none over another, the newest position always among them. On a phone the
  /// outermost are left, where both have room.
  func positionLabels(_ axis: ChartAxis, center: (Int) -> Double) -> [Node] {
    var labels: [AxisLabel] = []
    for label in labelled(axis, center: center).reversed() {
      guard let next = labels.last else {
        labels.append(label)
        continue
      }
      let isFar = label.index == 0 || next.x - label.x >= plotWidth / 7.2
      if isFar, !label.meets(next, letter: Self.tickLetter) { labels.append(label) }
    }
    labels.reverse()
    let hasBothOnAPhone =
      if let first = labels.first, let last = labels.last { !first.meets(last, letter: Self.letter - 2) } else { true }
    return labels.enumerated().map { order, label in
      let isLast = order == labels.count - 1
      let isOutermost = isLast || order == 0 && hasBothOnAPhone
      return SVG.text(
        .class(isOutermost ? "tick" : order % 2 == 0 ? "tick minor" : "tick minor-wide"),
        .x(label.x), .y(height - bottom + 20), .textAnchor(label.anchor.rawValue)
      ) { label.text }
    }
  }

  /// The size of the letters of labels where there is room.
  private static let tickLetter = 12.0

  /// Every position that may have a label: of very many days the first ones of months, so that labels are round dates.
  private func labelled(_ axis: ChartAxis, center: (Int) -> Double) -> [AxisLabel] {
    var places = Array(0..<axis.count)
    var text: (Int) -> String = { axis.label($0) }
    switch axis {
    case .days(let dates):
      let starts = dates.indices.dropFirst().filter { dates[$0].startOfMonth != dates[$0 - 1].startOfMonth }
      if dates.count > 45, starts.count > 1 {
        places = Array(starts)
        text = { DateText.month(dates[$0]) }
      } else if let first = dates.first, let last = dates.last, last.daysSince1970 - first.daysSince1970 < 365 {
        text = { DateText.dayOfMonth(dates[$0]) }
      }
    case .months: break
    case .categories(let names): text = { fitted(names[$0], ems: 6.5) }
    }
    return places.map { index in
      let (x, words) = (center(index), text(index))
      let half = ems(words) * (Self.letter - 2) / 2
      let isLast = index == axis.count - 1 && axis.count > 1
      // Further left stands the axis with its own labels.
      if axis.count > 1, x - half < left || x < half {
        return AxisLabel(index: index, text: words, x: min(x, left), anchor: .start)
      }
      if isLast && x > width - right - 30 || x + half > width {
        return AxisLabel(index: index, text: words, x: max(x, width - right), anchor: .end)
      }
      return AxisLabel(index: index, text: words, x: x, anchor: .middle)
    }
  }

  /// Swatch and name of every series, above the plot.
  func legend(_ chart: Chart, lines: Bool) -> [Node] {
    let places = legendPlaces(chart)
    let unit =
      chart.unit.isEmpty
      ? []
      : [
        SVG.text(
          .class("tick"), .x(places.isEmpty ? left : width - right), .y(23),
          .textAnchor(places.isEmpty ? "start" : "end")
        ) { chart.unit }
      ]
    guard places.count == chart.series.count else { return unit }
    return unit
      + zip(chart.series, places).enumerated().flatMap { index, entry -> [Node] in
        let (series, place) = entry
        let y = 18 + Double(place.line) * Self.legendLine
        let swatch: [Node] =
          lines
          ? [
            SVG.line(.class("line s\(index + 1)"), .x1(place.x), .y1(y), .x2(place.x + 26), .y2(y)),
            marker(index, x: place.x + 13, y: y),
          ] : [SVG.rect(.class("fill s\(index + 1)"), .x(place.x), .y(y - 6), .width(14), .height(12))]
        let name = fitted(series.name, ems: Self.longestName)
        return swatch + [SVG.text(.class("legend"), .x(place.x + (lines ? 33 : 20)), .y(y + 5)) { name }]
      }
  }
}

/// A label under a plot.
private struct AxisLabel {
  enum Anchor: String {
    case start, middle, end
  }

  var index: Int
  var text: String
  var x: Double
  var anchor: Anchor

  /// Whether it comes too near to one that is further right, in letters of this size.
  func meets(_ next: AxisLabel, letter: Double) -> Bool { end(letter) + letter / 2 > next.start(letter) }

  private func start(_ letter: Double) -> Double {
    switch anchor {
    case .start: x
    case .middle: x - ems(text) * letter / 2
    case .end: x - ems(text) * letter
    }
  }

  private func end(_ letter: Double) -> Double { start(letter) + ems(text) * letter }
}

extension FigureFormat {
  /// A tick of a percent axis: `−20%`, `0%`.
  func axisText(_ value: ExactDecimal) -> String {
    guard let hundred = value.multiplied(by: 100) else { return "" }
    let magnitude = hundred.isNegative ? -hundred : hundred
    return (value.isNegative ? "−" : "") + FigureNotation.current.marked(magnitude.normalized.description) + "%"
  }
}

/// A point's shape, so that series differ without colour: dot, square, diamond, triangle, ring, cross.
func marker(_ series: Int, x: Double, y: Double, size: Double = 4) -> Node {
  let name = "mark s\(series + 1)"
  func path(_ d: String) -> Node { SVG.path(.class(name), .d(d)) }
  func at(_ dx: Double, _ dy: Double) -> String { "\(pixels(x + dx)) \(pixels(y + dy))" }
  switch series {
  case 1: return path("M\(at(-size, -size))L\(at(size, -size))L\(at(size, size))L\(at(-size, size))Z")
  case 2: return path("M\(at(0, -size * 1.3))L\(at(size * 1.3, 0))L\(at(0, size * 1.3))L\(at(-size * 1.3, 0))Z")
  case 3: return path("M\(at(0, -size * 1.2))L\(at(size * 1.2, size))L\(at(-size * 1.2, size))Z")
  case 4: return SVG.circle(.class("\(name) hollow"), .cx(x), .cy(y), .r(size))
  case 5:
    return SVG.path(.class("\(name) hollow"), .d("M\(at(-size, 0))L\(at(size, 0))M\(at(0, -size))L\(at(0, size))"))
  default: return SVG.circle(.class(name), .cx(x), .cy(y), .r(size))
  }
}
