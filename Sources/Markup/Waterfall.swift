// How one figure became another: an opening, steps up and down, a closing. One row for each, so that names and figures
// have room on a phone; a bar begins where the one before it ended, and a step points the way it goes.
// Invariant: what the drawing says of the tie (opening + steps = closing) is computed from the exact figures; a
// difference is said out loud, also when it is zero.

public import Money

/// A bridge from an opening to a closing figure.
public struct Waterfall: Sendable, Hashable {
  /// One row: an opening or a closing figure, or a step with its sign.
  public struct Row: Sendable, Hashable {
    /// What a reader calls it.
    public let label: String
    /// The figure; nil when it is missing.
    public let value: ExactDecimal?

    /// Creates a row.
    public init(label: String, value: ExactDecimal?) {
      self.label = label
      self.value = value
    }
  }

  /// Unique on its page.
  public let identifier: String
  /// What is shown.
  public let title: String
  /// What a reader should take from it; empty for the one that is made from the figures.
  public let finding: String
  /// Where it begins.
  public let opening: Row
  /// What was added, and, below zero, taken away.
  public let steps: [Row]
  /// Where it ends.
  public let closing: Row
  /// How figures are written.
  public let format: FigureFormat
  /// The unit, for example a currency.
  public let unit: String

  /// How many steps are drawn at most; of more, the smallest are drawn as one.
  public static let maximumSteps = 16

  /// Creates a waterfall.
  public init(
    identifier: String, title: String, finding: String = "", opening: Row, steps: [Row], closing: Row,
    format: FigureFormat, unit: String = ""
  ) {
    self.identifier = identifier
    self.title = title
    self.opening = opening
    self.steps = steps
    self.closing = closing
    self.format = format
    self.unit = unit
    self.finding = finding
  }

  /// The closing less the opening and all steps: zero when it ties; nil when the opening or the closing is missing, or
  /// a sum has more digits than can be held. A missing step counts for nothing.
  public var difference: ExactDecimal? {
    guard let first = opening.value, let last = closing.value else { return nil }
    var sum: ExactDecimal? = first
    for step in steps { sum = sum.flatMap { $0.adding(step.value ?? .zero) } }
    return sum.flatMap { last.subtracting($0) }
  }

  /// Whether opening and steps make the closing, in words.
  public var tie: String {
    guard let difference else { return "Whether it ties cannot be said: a figure is missing or too long." }
    return difference.isZero
      ? "Opening and steps make the closing: difference \(format.spelled(.zero))."
      : "Opening and steps do not make the closing: difference "
        + "\(format.exactlySpelled(difference))\(unit.isEmpty ? "" : " \(unit)")."
  }

  /// From where to where, the largest step each way, and the tie.
  public var findingText: String {
    if !finding.isEmpty { return finding }
    var words = "From \(said(opening)) to \(said(closing))"
    let changes = steps.filter { $0.value != nil }
    let up = changes.max { ($0.value ?? .zero) < ($1.value ?? .zero) }
    let down = changes.min { ($0.value ?? .zero) < ($1.value ?? .zero) }
    let largest = [up.flatMap { isUp($0) ? $0 : nil }, down.flatMap { isDown($0) ? $0 : nil }].compactMap { $0 }
    if !largest.isEmpty {
      words +=
        "; largest steps " + largest.map { "\(format.signed($0.value)) (\(name($0)))" }.joined(separator: ", ")
    }
    return words + ". " + tie
  }

  private func isUp(_ row: Row) -> Bool { row.value.map { !$0.isNegative && !$0.isZero } ?? false }
  private func isDown(_ row: Row) -> Bool { row.value?.isNegative ?? false }
  private func name(_ row: Row) -> String { isolated(shortened(row.label, to: 60)) }
  private func figure(_ value: ExactDecimal) -> String { format.spelled(value) + (unit.isEmpty ? "" : " \(unit)") }
  private func said(_ row: Row) -> String { row.value.map(figure) ?? "no figure" }

  /// What the picture leaves out, in a sentence; nil when it leaves out nothing.
  public var thinningNote: String? { thinned().note }

  /// The picture, with the steps that are too many for it made one.
  public func svg() -> Node {
    let (drawn, note) = thinned()
    return WaterfallPlot(waterfall: drawn).svg(note: note)
  }

  /// At most `maximumSteps` steps; the smallest of more become one, whose change is their exact sum, so the drawing
  /// still ties.
  func thinned() -> (waterfall: Waterfall, note: String?) {
    guard steps.count > Self.maximumSteps else { return (self, nil) }
    func size(_ row: Row) -> ExactDecimal { row.value.map { $0.isNegative ? -$0 : $0 } ?? .zero }
    let sizes = steps.map(size)
    let largest = Set(steps.indices.sorted { sizes[$0] > sizes[$1] }.prefix(Self.maximumSteps - 1))
    let others = steps.indices.filter { !largest.contains($0) }
    let sum = others.reduce(ExactDecimal?.some(.zero)) { sum, index in
      sum.flatMap { $0.adding(steps[index].value ?? .zero) }
    }
    let kept = steps.indices.filter(largest.contains).map { steps[$0] }
    let other = Row(label: "\(others.count) smaller steps together", value: sum)
    return (
      Waterfall(
        identifier: identifier, title: title, finding: findingText, opening: opening, steps: kept + [other],
        closing: closing, format: format, unit: unit),
      "\(kept.count) of \(steps.count) steps drawn by themselves: the largest."
    )
  }
}

private struct WaterfallPlot: Sendable {
  let waterfall: Waterfall
  private let width = 480.0
  private let left = 4.0
  private let rowHeight = 46.0
  private let barHeight = 16.0
  /// The larger type that phones get.
  private let letter = 17.0
  private let top = 30.0
  private let rows: [(row: Waterfall.Row, from: ExactDecimal, to: ExactDecimal, isTotal: Bool)]
  private let scale: PlotScale
  private let low: Double
  private let span: Double

  init(waterfall: Waterfall) {
    self.waterfall = waterfall
    var level = waterfall.opening.value ?? .zero
    var rows: [(row: Waterfall.Row, from: ExactDecimal, to: ExactDecimal, isTotal: Bool)] = [
      (waterfall.opening, .zero, level, true)
    ]
    for step in waterfall.steps {
      let next = level.adding(step.value ?? .zero) ?? level
      rows.append((step, level, next, false))
      level = next
    }
    rows.append((waterfall.closing, .zero, waterfall.closing.value ?? .zero, true))
    self.rows = rows
    let levels = rows.flatMap { [$0.from, $0.to] }
    scale = PlotScale(values: levels, includesZero: true)
    low = scale.fraction(levels.min() ?? .zero)
    span = scale.fraction(levels.max() ?? .zero) - low
  }

  private func x(_ value: ExactDecimal) -> Double {
    left + (width - 2 * left) * (span > 0 ? min(max((scale.fraction(value) - low) / span, 0), 1) : 0)
  }

  private func y(_ index: Int) -> Double { top + Double(index) * rowHeight }

  func svg(note: String?) -> Node {
    let isTied = waterfall.difference?.isZero == true
    let height = y(rows.count) + 22 + (note == nil ? 0 : 22)
    let frame = PictureFrame(
      identifier: waterfall.identifier, title: waterfall.title, finding: waterfall.findingText)
    return frame.svg("chart bars waterfall", width: width, height: height, note: note) {
      if !waterfall.unit.isEmpty {
        SVG.text(.class("tick"), .x(width - left), .y(18), .textAnchor("end")) { fitted(waterfall.unit, ems: 12) }
      }
      rows.indices.map(ties)
      rows.indices.map(row)
      SVG.text(.class(isTied ? "tick" : "alarm"), .x(left), .y(y(rows.count) + 14)) {
        isTied ? "✓ difference \(waterfall.format.spelled(.zero))" : fitted(untied, ems: (width - 8) / letter)
      }
    }
  }

  private var untied: String {
    waterfall.difference.map { "! does not tie, difference \(waterfall.format.exactlySpelled($0))" }
      ?? "! cannot be tied: a figure is missing or too long"
  }

  /// A thin line from the end of a bar to the begin of the next.
  private func ties(_ index: Int) -> Node {
    guard index + 1 < rows.count else { return .empty }
    let x = x(rows[index].to)
    return SVG.line(
      .class("tie"), .x1(x), .y1(y(index) + 24 + barHeight), .x2(x), .y2(y(index + 1) + 24))
  }

  private func row(_ index: Int) -> Node {
    let (row, from, to, isTotal) = rows[index]
    let figure = row.value.map { isTotal ? waterfall.format.spelled($0) : waterfall.format.signed($0) } ?? "no figure"
    let room = width - 2 * left - 9 * letter
    let used = min(ems(figure) * letter, room)
    return SVG.g(.class("slot")) {
      SVG.title {
        isolated(shortened(row.label, to: 200)) + "\n" + figure
          + (waterfall.unit.isEmpty || row.value == nil ? "" : " \(waterfall.unit)")
      }
      SVG.rect(.class("band"), .x(0), .y(y(index)), .width(width), .height(rowHeight))
      SVG.text(.class("label"), .x(left), .y(y(index) + 17)) {
        fitted(row.label, ems: (width - 2 * left - used) / letter - 0.8)
      }
      figureText(figure, endingAt: width - left, y: y(index) + 17, room: room, size: letter)
      if row.value != nil { bar(from: x(from), to: x(to), top: y(index) + 24, isTotal: isTotal) }
    }
  }

  /// A total is a plain bar; a step is an arrow, so that its direction can be seen without its colour.
  private func bar(from: Double, to: Double, top: Double, isTotal: Bool) -> Node {
    let (start, end) = (min(from, to), max(from, to))
    if isTotal || end - start < 1 {
      let x = min(start, width - 1)
      return SVG.rect(
        .class(isTotal ? "fill s6" : to < from ? "fill s2" : "fill s1"), .x(x), .y(top),
        .width(max(end - start, 1)), .height(barHeight))
    }
    let point = min(barHeight / 2, end - start)
    let (tail, neck, tip) = to > from ? (start, end - point, end) : (end, start + point, start)
    func at(_ x: Double, _ y: Double) -> String { "\(pixels(x)) \(pixels(top + y))" }
    let shape =
      "M\(at(tail, 0))L\(at(neck, 0))L\(at(tip, barHeight / 2))L\(at(neck, barHeight))L\(at(tail, barHeight))Z"
    return SVG.path(.class(to > from ? "fill s1" : "fill s2"), .d(shape))
  }
}
