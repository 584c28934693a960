// A small line without axes, for a table cell or a tile. What it shows stands in its title, in words, since nobody can
// read a figure off it.

public import Money

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

  /// Creates a sparkline whose title says how many values there are, the first, the last and both extremes.
  public init(label: String, values: [ExactDecimal?], format: FigureFormat, unit: String = "") {
    func figure(_ value: ExactDecimal) -> String { format.spelled(value) + (unit.isEmpty ? "" : " \(unit)") }
    let present = values.compactMap { $0 }
    let words: String
    if let first = present.first, let last = present.last, let low = present.min(), let high = present.max() {
      words =
        present.count == 1
        ? figure(first)
        : "\(present.count) values from \(figure(first)) to \(figure(last)), lowest \(figure(low)), "
          + "highest \(figure(high))"
    } else {
      words = "no data"
    }
    let cut = values.count - Chart.maximumPositions
    self.init(
      title: label + ": " + words + (cut > 0 ? "; the last \(Chart.maximumPositions) are drawn" : ""), values: values)
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
