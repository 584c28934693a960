// What must hold of every picture, whatever its figures: it draws inside its frame, with finite positions, and says
// what it shows. Figures are random from a seed, and the sorts of figures that break pictures: all below zero, one
// point, all equal, gaps, fifteen digits and more.

import Money
import TestSupport
import Testing

@testable import Markup

/// How the figures of one trial are made.
private enum Sort: String, CaseIterable {
  case small, negative, single, equal, zero, gaps, fifteenDigits, tiny, mixedSizes, endless

  func values(_ count: Int, _ generator: inout SeededRandom) -> [ExactDecimal?] {
    let count = self == .single ? 1 : count
    let shared = Int128(generator.next() % 10_000) - 5_000
    return (0..<count).map { _ in
      let draw = Int128(generator.next() % 1_000_000)
      switch self {
      case .small, .single: return ExactDecimal(coefficient: draw - 500_000, scale: 2)
      case .negative: return ExactDecimal(coefficient: -draw - 1, scale: 2)
      case .equal: return ExactDecimal(coefficient: shared, scale: 2)
      case .zero: return .zero
      case .gaps: return draw % 3 == 0 ? nil : ExactDecimal(coefficient: draw, scale: 0)
      case .fifteenDigits: return ExactDecimal(coefficient: (draw - 400_000) * 999_999_999, scale: 2)
      case .tiny: return ExactDecimal(coefficient: draw, scale: 30)
      case .mixedSizes: return ExactDecimal(coefficient: draw % 2 == 0 ? draw * tenTo(30) : draw, scale: 2)
      case .endless: return ExactDecimal(String(repeating: "9", count: 38))
      }
    }
  }
}

/// Every position of a picture that lies outside its frame, and every number that is none. Read byte by byte: a regular
/// expression over thousands of pictures would take longer than all other tests of this room.
private func defects(_ svg: String) -> [String] {
  var found: [String] = []
  var frame: (width: Double, height: Double)?
  func check(_ name: String, _ value: Double?, _ limit: Double?) {
    if let value, let limit, value.isFinite, value >= -0.01, value <= limit + 0.01 { return }
    found.append("\(name) \(value.map { "\($0)" } ?? "?") of \(limit.map { "\($0)" } ?? "?")")
  }
  for tag in Array(svg.utf8).split(separator: UInt8(ascii: "<")) {
    let inside = tag.prefix { $0 != UInt8(ascii: ">") }
    var attributes: [String: String] = [:]
    var name = ""
    for (place, part) in inside.split(separator: UInt8(ascii: "\""), omittingEmptySubsequences: false).enumerated() {
      let text = String(decoding: part, as: UTF8.self)
      if place % 2 == 0 {
        name = text.split(separator: " ").last.map { String($0.dropLast()) } ?? ""
      } else {
        attributes[name] = text
      }
    }
    if let box = attributes["viewBox"] {
      let numbers = box.split(separator: " ").compactMap { Double($0) }
      if numbers.count == 4, numbers[2] > 0, numbers[3] > 0 { frame = (numbers[2], numbers[3]) }
    }
    for key in ["x", "x1", "x2", "cx"] { if let text = attributes[key] { check(key, Double(text), frame?.width) } }
    for key in ["y", "y1", "y2", "cy"] { if let text = attributes[key] { check(key, Double(text), frame?.height) } }
    if inside.starts(with: "rect".utf8) {
      func sum(_ a: String, _ b: String) -> Double? {
        attributes[a].flatMap { Double($0) }.flatMap { x in attributes[b].flatMap { Double($0) }.map { x + $0 } }
      }
      check("right edge", sum("x", "width"), frame?.width)
      check("lower edge", sum("y", "height"), frame?.height)
    }
    for point in (attributes["d"] ?? "").split(whereSeparator: { $0 == "M" || $0 == "L" || $0 == "Z" }) {
      let numbers = point.split(separator: " ").map { Double($0) }
      check("path", numbers.first ?? nil, frame?.width)
      check("path", numbers.count == 2 ? numbers[1] : nil, frame?.height)
    }
  }
  return frame == nil ? found + ["no frame"] : found
}

@Suite struct PictureProperties {
  private let renderer = MarkupRenderer()

  @Test(arguments: Chart.Kind.allCases)
  func chartsStayInTheirFrame(kind: Chart.Kind) throws {
    var generator = SeededRandom(seed: 7)
    for sort in Sort.allCases {
      for trial in 0..<4 {
        let count = Int(generator.next() % 50 + 1)
        let series = (0...Int(generator.next() % 5)).map { number in
          ChartSeries(
            name: number == 0 ? "" : String(repeating: "W", count: 30), values: sort.values(count, &generator))
        }
        let first = CivilDate(daysSince1970: 20_000)
        let axes: [ChartAxis] = [
          .days((0..<count).map { first.adding(days: $0 * 3) }),
          .categories((0..<count).map { String(repeating: "name \($0) ", count: 30) }),
        ]
        let axis = axes[trial % 2]
        let chart = try #require(
          Chart(
            identifier: "c", title: "t", finding: "f", axis: axis, series: series,
            format: trial % 3 == 0 ? .percent(decimals: 1) : .money(decimals: 2), unit: "EUR"))
        #expect(defects(renderer.render(chart.svg(kind))) == [], "\(sort) \(trial)")
      }
    }
  }

  @Test func waterfallsStayInTheirFrameAndTieWhenTheFiguresDo() {
    var generator = SeededRandom(seed: 8)
    for sort in Sort.allCases {
      for trial in 0..<8 {
        let values = sort.values(Int(generator.next() % 20 + 2), &generator)
        let steps = values.dropFirst().map { Waterfall.Row(label: String(repeating: "step ", count: 20), value: $0) }
        let sum = values.dropFirst().reduce(values[0]) { sum, value in sum.flatMap { $0.adding(value ?? .zero) } }
        let waterfall = Waterfall(
          identifier: "w", title: "t", opening: .init(label: "Opening", value: values[0]), steps: steps,
          closing: .init(label: "Closing", value: sum), format: .money(decimals: 2), unit: "EUR")
        let text = renderer.render(waterfall.svg())
        #expect(defects(text) == [], "\(sort) \(trial)")
        if values[0] != nil, sum != nil { #expect(waterfall.difference?.isZero == true && text.contains("✓")) }
      }
    }
  }

  @Test func heatMapsStayInTheirFrame() {
    var generator = SeededRandom(seed: 9)
    for sort in Sort.allCases {
      for trial in 0..<4 {
        let width = Int(generator.next() % 40 + 1)
        let cells = (0...Int(generator.next() % 20)).map { _ in sort.values(width, &generator) }
        let map = HeatMap(
          identifier: "h", title: "t", finding: "f", columnTitle: String(repeating: "months ", count: 30),
          rowTitle: String(repeating: "cohort ", count: 30), columns: (0..<width).map { "column \($0)" },
          rows: cells.indices.map { String(repeating: "row \($0)", count: 20) }, cells: cells,
          format: trial % 2 == 0 ? .percent(decimals: 1) : .money(decimals: 2), unit: "EUR")
        #expect(defects(renderer.render(map.svg())) == [], "\(sort) \(trial)")
      }
    }
  }

  @Test func sparklinesStayInTheirFrame() {
    var generator = SeededRandom(seed: 10)
    for sort in Sort.allCases {
      for trial in 0..<8 {
        let values = sort.values(Int(generator.next() % 300 + 1), &generator)
        let text = renderer.render(Sparkline(label: "t", values: values, format: .plain).svg())
        #expect(defects(text) == [], "\(sort) \(trial)")
      }
    }
  }

  @Test(arguments: [
    "<svg viewBox=\"0 0 10 10\"><line x1=\"11\"/></svg>", "<svg viewBox=\"0 0 10 10\"><line y1=\"nan\"/></svg>",
    "<svg viewBox=\"0 0 10 10\"><path d=\"M1 2L3 10.5\"/></svg>", "<svg/>",
    "<svg viewBox=\"0 0 10 10\"><rect class=\"a\" x=\"5\" y=\"1\" width=\"6\" height=\"1\"></rect></svg>",
  ])
  func checkerFindsWhatLiesOutside(svg: String) {
    #expect(!defects(svg).isEmpty)
  }
}
