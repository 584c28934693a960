// What a chart shows, apart from how it is drawn: series over a common axis, a title, and the finding in words.
// A chart is a pure function of this value; the same value gives the same bytes.
// Missing values are gaps, never zeros.

public import Money

/// The positions along which a chart's series run.
public enum ChartAxis: Sendable, Hashable {
  /// Days, in order. Distances follow the calendar.
  case days([CivilDate])
  /// Months, by their first days, in order; evenly spaced.
  case months([CivilDate])
  /// Names, evenly spaced.
  case categories([String])

  /// How many positions there are.
  public var count: Int {
    switch self {
    case .days(let dates), .months(let dates): dates.count
    case .categories(let names): names.count
    }
  }

  /// Whether it runs along the calendar.
  public var isOfDays: Bool {
    switch self {
    case .days, .months: true
    case .categories: false
    }
  }

  /// The position as a reader writes it.
  public func label(_ index: Int) -> String {
    switch self {
    case .days(let dates): DateText.day(dates[index])
    case .months(let dates): DateText.month(dates[index])
    case .categories(let names): names[index]
    }
  }

  func selecting(_ indices: [Int]) -> ChartAxis {
    switch self {
    case .days(let dates): .days(indices.map { dates[$0] })
    case .months(let dates): .months(indices.map { dates[$0] })
    case .categories(let names): .categories(indices.map { names[$0] })
    }
  }
}

/// One row of values, as long as the axis.
public struct ChartSeries: Sendable, Hashable {
  /// The name in the legend.
  public let name: String
  /// One value per position; nil is a gap.
  public let values: [ExactDecimal?]
  /// How its values are written where that differs from the chart's, as amounts of a currency with other decimals do.
  public let format: FigureFormat?

  /// Creates a series.
  public init(name: String, values: [ExactDecimal?], format: FigureFormat? = nil) {
    self.name = name
    self.values = values
    self.format = format
  }

  func selecting(_ indices: [Int]) -> ChartSeries {
    ChartSeries(name: name, values: indices.map { $0 < values.count ? values[$0] : nil }, format: format)
  }
}

/// A chart's data and words.
public struct Chart: Sendable, Hashable {
  /// Unique on its page; names the title and the description for screen readers.
  public let identifier: String
  /// What is shown.
  public let title: String
  /// What a reader should take from it, in a sentence.
  public let finding: String
  /// The positions.
  public let axis: ChartAxis
  /// The series, at most `maximumSeries`; more are refused by `init`.
  public let series: [ChartSeries]
  /// How a value is written, where its series does not say otherwise.
  public let format: FigureFormat
  /// The unit in the legend, for example a currency.
  public let unit: String

  /// How many series can be told apart.
  public static let maximumSeries = 6
  /// How many positions are drawn at most; more are thinned, and the chart says so.
  public static let maximumPositions = 240

  /// Creates a chart; nil when there are more series than can be told apart.
  public init?(
    identifier: String, title: String, finding: String, axis: ChartAxis, series: [ChartSeries], format: FigureFormat,
    unit: String = ""
  ) {
    guard series.count <= Self.maximumSeries else { return nil }
    self.identifier = identifier
    self.title = title
    self.finding = finding
    self.axis = axis
    self.series = series
    self.format = format
    self.unit = unit
  }

  /// How to draw it.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// Lines over dates.
    case line
    /// Bars side by side; lying bars for names.
    case bar
    /// Bars on top of each other; negatives below the axis.
    case stackedBar
  }

  /// The chart as an SVG element with title, description and legend.
  public func svg(_ kind: Kind) -> Node {
    let (drawn, note) = thinned(keepingExtremes: kind == .line)
    guard drawn.axis.count > 0, drawn.series.contains(where: { $0.values.contains { $0 != nil } }) else {
      return frame(width: 640, height: 96, note: nil) {
        SVG.text(.class("empty"), .x(320), .y(54), .textAnchor("middle")) { "No data" }
      }
    }
    switch kind {
    case .line: return LinePlot(chart: drawn).svg(note: note)
    case .stackedBar: return ColumnPlot(chart: drawn, isStacked: true).svg(note: note)
    case .bar:
      if case .categories = drawn.axis { return BarPlot(chart: drawn).svg(note: note) }
      return ColumnPlot(chart: drawn, isStacked: false).svg(note: note)
    }
  }

  /// What the picture of this kind leaves out, in a sentence; nil when it leaves out nothing.
  public func thinningNote(_ kind: Kind) -> String? { thinned(keepingExtremes: kind == .line).note }

  /// The chart with at most `maximumPositions` positions, and a sentence when some were left out.
  ///
  /// Lines keep the lowest and highest point of each series in every stretch, so no peak disappears;
  /// bars keep the newest days, or the first names.
  func thinned(keepingExtremes: Bool) -> (chart: Chart, note: String?) {
    let count = axis.count
    guard count > Self.maximumPositions else { return (self, nil) }
    var kept: [Int]
    let note: String
    if keepingExtremes {
      let stretches = max(1, (Self.maximumPositions - 2) / (2 * max(1, series.count)))
      let width = (count + stretches - 1) / stretches
      var chosen: Set<Int> = [0, count - 1]
      for start in stride(from: 0, to: count, by: width) {
        let range = start..<min(start + width, count)
        for row in series {
          let present = range.filter { $0 < row.values.count && row.values[$0] != nil }
          if let low = present.min(by: { (row.values[$0] ?? .zero) < (row.values[$1] ?? .zero) }) { chosen.insert(low) }
          if let high = present.max(by: { (row.values[$0] ?? .zero) < (row.values[$1] ?? .zero) }) {
            chosen.insert(high)
          }
          // A stretch without any value stays a gap.
          if present.isEmpty { chosen.insert(range.lowerBound) }
        }
      }
      kept = chosen.sorted()
      note = "\(kept.count) of \(grouped(ExactDecimal(count))) points drawn: the extremes of each stretch."
    } else {
      kept = Array(drawnBars)
      note = "The \(axis.isOfDays ? "newest" : "first") \(kept.count) of \(grouped(ExactDecimal(count))) drawn."
    }
    let chart = Chart(
      identifier: identifier, title: title, finding: finding, axis: axis.selecting(kept),
      series: series.map { $0.selecting(kept) }, format: format, unit: unit)
    return (chart ?? self, note)
  }

  /// Which positions bars are drawn for: the newest days, or the first names.
  public var drawnBars: Range<Int> {
    let count = min(axis.count, Self.maximumPositions)
    return axis.isOfDays ? axis.count - count..<axis.count : 0..<count
  }

  func frame(
    _ name: String = "chart", width: Double, height: Double, note: String?, @MarkupBuilder content: () -> [Node]
  ) -> Node {
    PictureFrame(identifier: identifier, title: title, finding: finding)
      .svg(name, width: width, height: height, note: note, content: content)
  }

  func tooltip(_ index: Int) -> String {
    let lines = series.compactMap { row -> String? in
      guard index < row.values.count, let value = row.values[index] else { return nil }
      let figure = (row.format ?? format).spelled(value) + (unit.isEmpty ? "" : " \(unit)")
      return row.name.isEmpty ? figure : "\(isolated(shortened(row.name, to: 120))): \(figure)"
    }
    return ([isolated(shortened(axis.label(index), to: 200))] + lines).joined(separator: "\n")
  }
}
