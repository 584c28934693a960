// Charts as pure functions: golden pictures, scales, gaps, thinning, and colours that can be read.
// The golden pictures are files, so that a change of the drawing is seen as a change of a picture.
// Colours are checked by computing their contrast, not by eye.

import Money
import TestSupport
import Testing

@testable import Markup

private func decimals(_ values: [String?]) -> [ExactDecimal?] { values.map { $0.flatMap { ExactDecimal($0) } } }

private func days(_ count: Int, from start: String = "2026-01-01") -> [CivilDate] {
  let first = CivilDate(start) ?? CivilDate(daysSince1970: 0)
  return (0..<count).map { first.adding(days: $0) }
}

private func chart(
  _ axis: ChartAxis, _ series: [ChartSeries], format: FigureFormat = .money(decimals: 2), unit: String = "EUR"
) throws -> Chart {
  try #require(
    Chart(
      identifier: "c", title: "Net <revenue>", finding: "Highest on the last day.", axis: axis, series: series,
      format: format, unit: unit))
}

@Suite struct ChartTests {
  private let renderer = MarkupRenderer()

  @Test func lineChartWithAGapAndNegatives() throws {
    let svg = try chart(
      .days(days(6)),
      [
        ChartSeries(name: "EUR", values: decimals(["10", "20.5", nil, "-15", "0", "120"])),
        ChartSeries(name: "<USD>", values: decimals([nil, "5", "6", "7", nil, "9"])),
      ]
    ).svg(.line)
    try expectGolden(renderer.render(svg) + "\n", "line.svg")
  }

  @Test func lyingBarsForNames() throws {
    let svg = try chart(
      .categories(["Ada & Sons", "A name that is much longer than the forty-eight characters it gets", "C"]),
      [ChartSeries(name: "", values: decimals(["1500000", "-250000", nil]))]
    ).svg(.bar)
    try expectGolden(renderer.render(svg) + "\n", "bar.svg")
  }

  @Test func standingBarsForMonths() throws {
    let months = (1...3).compactMap { CivilDate(year: 2026, month: $0, day: 1) }
    let svg = try chart(
      .months(months),
      [
        ChartSeries(name: "a", values: decimals(["1", "2", "3"])),
        ChartSeries(name: "b", values: decimals(["2", nil, "-1"])),
      ]
    ).svg(.bar)
    try expectGolden(renderer.render(svg) + "\n", "columns.svg")
  }

  /// Dates, how many labels their axis may have, and words that have to be among them.
  private static let axes: [(String, [CivilDate], Set<String>)] = [
    (
      "year ends", (2015...2024).compactMap { CivilDate(year: $0, month: 12, day: 31) }, ["31 Dec 2024"]
    ),
    (
      "the same day of two years", [CivilDate("2025-03-03"), CivilDate("2026-03-03")].compactMap(\.self),
      ["3 Mar 2025", "3 Mar 2026"]
    ),
    (
      "month ends",
      (0..<30).compactMap { CivilDate(year: 2024 + $0 / 12, month: $0 % 12 + 1, day: 1)?.adding(days: -1) },
      ["31 May 2026"]
    ),
    (
      "a long pause", [CivilDate("2025-01-10")].compactMap(\.self) + days(9, from: "2026-02-21"),
      ["10 Jan 2025", "1 Mar 2026"]
    ),
    ("a week", days(7, from: "2026-02-21"), ["21 Feb", "27 Feb"]),
    ("a year of days", days(400, from: "2025-10-17"), ["Nov 2026"]),
    (
      "sixty days after a pause", [CivilDate("2021-01-10")].compactMap(\.self) + days(60, from: "2026-01-05"),
      ["Mar 2026"]
    ),
  ]

  @Test(arguments: axes.indices, [Chart.Kind.line, .bar])
  func labelsOfDatesTellTheYearWhereTheyMustAndNoneIsPrintedOverAnother(place: Int, kind: Chart.Kind) throws {
    let (name, dates, words) = Self.axes[place]
    let svg = renderer.render(
      try chart(.days(dates), [ChartSeries(name: "", values: dates.indices.map { ExactDecimal($0) })]).svg(kind))
    let found = svg.matches(
      of: /<text class="(tick[^"]*)" x="([0-9.]+)" y="([0-9.]+)" text-anchor="([a-z]+)">([^<]*)<\/text>/)
    let lowest = found.compactMap { Double($0.3) }.max()
    for (letter, isPhone) in [(12.0, false), (22.0, true)] {
      let labels = found.filter { Double($0.3) == lowest && (!isPhone || $0.1 == "tick") }
        .map { label -> (text: String, from: Double, to: Double) in
          let (x, text) = (Double(label.2) ?? 0, String(label.5))
          let width = ems(text) * letter
          let from = label.4 == "start" ? x : label.4 == "end" ? x - width : x - width / 2
          return (text, from, from + width)
        }
      #expect(!labels.isEmpty && labels.count < 10, "\(name)")
      #expect(Set(labels.map(\.text)).count == labels.count, "\(name): \(labels)")
      for (label, next) in zip(labels, labels.dropFirst()) { #expect(label.to < next.from, "\(name): \(labels)") }
      #expect(labels.allSatisfy { $0.from >= 0 && $0.to <= 640 }, "\(name): \(labels)")
      if !isPhone, kind == .line { #expect(words.isSubset(of: labels.map(\.text)), "\(name): \(labels)") }
    }
  }

  @Test func stackedBarsPutNegativesBelow() throws {
    let months = (1...3).compactMap { CivilDate(year: 2026, month: $0, day: 1) }
    let svg = try chart(
      .months(months),
      [
        ChartSeries(name: "new", values: decimals(["10", "20", "30"])),
        ChartSeries(name: "lost", values: decimals(["-5", "-2", nil])),
        ChartSeries(name: "more", values: decimals(["5", "5", "5"])),
      ], format: .integer, unit: ""
    ).svg(.stackedBar)
    try expectGolden(renderer.render(svg) + "\n", "stacked.svg")
  }

  @Test func sparklineHasOnePathAndATitle() throws {
    let svg = Sparkline(title: "Seven days", values: decimals(["1", "3", "2", nil, "5", "4", "6"])).svg()
    try expectGolden(renderer.render(svg) + "\n", "sparkline.svg")
  }

  @Test(arguments: Chart.Kind.allCases) func chartOfNothingSaysSo(kind: Chart.Kind) throws {
    for axis in [ChartAxis.days([]), .categories([])] {
      let text = renderer.render(try chart(axis, []).svg(kind))
      #expect(text.contains("No data"))
    }
    let text = renderer.render(try chart(.days(days(2)), [ChartSeries(name: "", values: [nil, nil])]).svg(kind))
    #expect(text.contains("No data"))
  }

  @Test(arguments: Chart.Kind.allCases) func extremeDataStayInsideThePicture(kind: Chart.Kind) throws {
    let huge = String(repeating: "9", count: 38)
    let cases: [[String?]] = [
      ["5"], ["0"], ["-3"], ["7", "7", "7"], ["0", "0"], ["0.000001", "0.000002"], [huge, "-" + huge],
      [huge, "0.01"], ["0.00000000000000000000000000000000000001"],
    ]
    for values in cases {
      for axis in [ChartAxis.days(days(values.count)), .categories(values.indices.map { "n\($0)" })] {
        let text = renderer.render(try chart(axis, [ChartSeries(name: "x", values: decimals(values))]).svg(kind))
        let positions = text.matches(of: /\b(?:y|y1|y2|cy)="(-?[0-9.]+)"/).compactMap { Double($0.output.1) }
        #expect(positions.allSatisfy { $0 >= 0 && $0 <= 400 }, "\(values) \(kind): \(positions)")
        #expect(!text.contains("nan") && !text.contains("inf"))
      }
    }
  }

  @Test func descriptionStatesTheFinding() throws {
    let text = renderer.render(
      try chart(.days(days(2)), [ChartSeries(name: "", values: decimals(["1", "2"]))]).svg(.line))
    #expect(text.contains("role=\"img\" aria-labelledby=\"c-title c-desc\""))
    #expect(text.contains("<title id=\"c-title\">Net &lt;revenue&gt;</title>"))
    #expect(text.contains("<desc id=\"c-desc\">Highest on the last day.</desc>"))
    #expect(text.contains("<title>2 Jan 2026\n2.00 EUR</title>"))
  }

  @Test func barsOfVeryManyPositionsAreTheNewestDaysAndTheFirstNames() throws {
    func chart(_ axis: ChartAxis) throws -> Chart {
      let values = (0..<axis.count).map { ExactDecimal?.some(ExactDecimal($0)) }
      return try #require(
        Chart(
          identifier: "b", title: "b", finding: "b", axis: axis, series: [ChartSeries(name: "", values: values)],
          format: .integer))
    }
    let days = try chart(.days((0..<689).map { CivilDate(daysSince1970: 20_000 + $0) }))
    let (newest, note) = days.thinned(keepingExtremes: false)
    #expect(newest.series[0].values.first == ExactDecimal(449) && newest.series[0].values.last == ExactDecimal(688))
    #expect(note == "The newest 240 of 689 drawn." && days.drawnBars == 449..<689)
    let (first, other) = try chart(.categories((0..<300).map { "n\($0)" })).thinned(keepingExtremes: false)
    #expect(first.series[0].values.first == ExactDecimal(0) && first.axis.count == 240)
    #expect(other == "The first 240 of 300 drawn.")
  }

  @Test func thinningKeepsEveryPeakAndSaysSo() throws {
    let values = (0..<1096).map { index -> ExactDecimal? in ExactDecimal(index == 500 ? 9_999 : index % 7) }
    let long = try chart(.days(days(1096)), [ChartSeries(name: "", values: values)])
    let (drawn, note) = long.thinned(keepingExtremes: true)
    #expect(drawn.axis.count <= Chart.maximumPositions)
    #expect(drawn.series[0].values.contains(9_999))
    #expect(note == "\(drawn.axis.count) of 1,096 points drawn: the extremes of each stretch.")
    let text = renderer.render(long.svg(.line))
    #expect(text.contains("of 1,096 points drawn"))
  }

  @Test func moreSeriesThanCanBeToldApartAreRefused() {
    let series = (0...Chart.maximumSeries).map { ChartSeries(name: "\($0)", values: [1]) }
    let chart = Chart(
      identifier: "c", title: "", finding: "", axis: .categories(["a"]), series: series, format: .integer)
    #expect(chart == nil)
  }

  @Test func ticksAreRoundAndHoldTheData() {
    var generator = SeededRandom(seed: 42)
    for _ in 0..<500 {
      let scale = Int(generator.next() % 5)
      let values = (0..<Int(generator.next() % 5 + 1)).compactMap { _ in
        ExactDecimal(
          coefficient: Int128(Int64(bitPattern: generator.next()) >> Int64(generator.next() % 60)), scale: scale)
      }
      let plot = PlotScale(values: values, includesZero: generator.next() % 2 == 0)
      #expect((2...12).contains(plot.ticks.count), "\(values): \(plot.ticks)")
      let step = plot.ticks[1].subtracting(plot.ticks[0])?.normalized
      let digits = step.map { String($0.coefficient).replacing("0", with: "") }
      #expect(digits.map { ["1", "2", "5"].contains($0) } == true, "\(plot.ticks)")
      for value in values { #expect((-0.0001...1.0001).contains(plot.fraction(value))) }
    }
  }

  @Test func axisLabelsAreShort() {
    let cases: [(String, String)] = [
      ("0", "0"), ("850", "850"), ("1200", "1.2K"), ("-40000", "−40K"), ("1500000", "1.5M"), ("2000000000", "2B"),
      ("0.25", "0.25"), ("5000000000000", "5T"),
    ]
    for (value, text) in cases { #expect(ExactDecimal(value).map(abbreviated) == text) }
  }

  @Test func seriesColoursCanBeReadOnTheirPaper() {
    for ink in ChartStyle.inks {
      #expect(contrast(ink.light, ChartStyle.paper.light) >= 4.5, "\(ink.light)")
      #expect(contrast(ink.dark, ChartStyle.paper.dark) >= 4.5, "\(ink.dark)")
    }
    for (index, ink) in ChartStyle.inks.enumerated() {
      #expect(ChartStyle.sheet.text.contains("--s\(index + 1): \(ink.light);"))
      #expect(ChartStyle.sheet.text.contains("--s\(index + 1): \(ink.dark);"))
    }
  }

  @Test func figuresInAHeatMapCanBeReadAndItsShadesRiseInOneDirection() {
    for (index, shade) in ChartStyle.shades.enumerated() {
      #expect(contrast(shade.cell.light, shade.figure.light) >= 4.5, "\(index)")
      #expect(contrast(shade.cell.dark, shade.figure.dark) >= 4.5, "\(index)")
      for (name, ink) in [("h", shade.cell), ("v", shade.figure)] {
        #expect(ChartStyle.sheet.text.contains("--\(name)\(index): \(ink.light);"))
        #expect(ChartStyle.sheet.text.contains("--\(name)\(index): \(ink.dark);"))
      }
    }
    // Each shade is further from the paper than the one below it, in grey too.
    let light = ChartStyle.shades.map { contrast($0.cell.light, ChartStyle.paper.light) }
    let dark = ChartStyle.shades.map { contrast($0.cell.dark, ChartStyle.paper.dark) }
    for row in [light, dark] {
      #expect(zip(row, row.dropFirst()).allSatisfy { $0 * 1.1 < $1 }, "\(row)")
    }
  }

  @Test func neighboursOfAStackDifferInGrey() {
    for (index, ink) in ChartStyle.printed.enumerated() {
      #expect(ChartStyle.sheet.text.contains("svg .fill.s\(index + 1) { fill: \(ink); }"))
      if index > 0 { #expect(contrast(ink, ChartStyle.printed[index - 1]) >= 2, "\(index)") }
    }
  }

  /// WCAG 2.2, contrast ratio.
  private func contrast(_ a: String, _ b: String) -> Double {
    func luminance(_ hex: String) -> Double {
      let value = Int(hex.dropFirst(), radix: 16) ?? 0
      let parts = [value >> 16 & 255, value >> 8 & 255, value & 255].map { part -> Double in
        let c = Double(part) / 255
        if c <= 0.04045 { return c / 12.92 }
        var power = 1.0
        let base = (c + 0.055) / 1.055
        // base^2.4 as base^2 times the fifth root of base^2, by Newton's method.
        var root = base
        for _ in 0..<60 { root -= (root * root * root * root * root - base * base) / (5 * root * root * root * root) }
        power = base * base * root
        return power
      }
      return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    }
    let (x, y) = (luminance(a), luminance(b))
    return (max(x, y) + 0.05) / (min(x, y) + 0.05)
  }
}
