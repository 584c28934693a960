// Waterfalls, heat maps and sparklines: golden pictures, what they say in words, and what they leave out.
// The golden pictures are files, so that a change of the drawing is seen as a change of a picture.

import Money
import Testing

@testable import Markup

private func row(_ label: String, _ value: String?) -> Waterfall.Row {
  Waterfall.Row(label: label, value: value.flatMap { ExactDecimal($0) })
}

private func bridge(
  _ opening: String?, _ steps: [(String, String?)], _ closing: String?, format: FigureFormat = .money(decimals: 2)
) -> Waterfall {
  Waterfall(
    identifier: "w", title: "The <month>", opening: row("Opening", opening), steps: steps.map { row($0.0, $0.1) },
    closing: row("Closing", closing), format: format, unit: "EUR")
}

private func map(_ cells: [[String?]], format: FigureFormat = .percent(decimals: 1)) -> HeatMap {
  HeatMap(
    identifier: "h", title: "Cohorts", finding: "Most after a month.", columnTitle: "Months later",
    rowTitle: "First paid in", columns: (0..<(cells.map(\.count).max() ?? 0)).map { "\($0 + 1)" },
    rows: cells.indices.map { "<\($0)> & sons" }, cells: cells.map { $0.map { $0.flatMap { ExactDecimal($0) } } },
    format: format)
}

@Suite struct PanelTests {
  private let renderer = MarkupRenderer()

  @Test func waterfallOfAMonthThatTies() throws {
    let waterfall = bridge(
      "1000", [("New", "250.50"), ("Churn & more", "-1300.25"), ("Nothing", "0"), ("Unknown", nil)], "-49.75")
    #expect(waterfall.difference?.isZero == true)
    #expect(
      waterfall.findingText
        == "From 1,000.00 EUR to (49.75) EUR; largest steps +250.50 (New), −1,300.25 (Churn & more). "
        + "Opening and steps make the closing: difference 0.00.")
    try expectGolden(renderer.render(waterfall.svg()) + "\n", "waterfall.svg")
  }

  @Test func waterfallThatDoesNotTieSaysSo() {
    let waterfall = bridge("10", [("New", "5")], "14.99")
    #expect(waterfall.difference == ExactDecimal("-0.01"))
    let text = renderer.render(waterfall.svg())
    #expect(text.contains("! does not tie, difference (0.01)") && !text.contains("✓"))
    #expect(text.contains("Opening and steps do not make the closing: difference (0.01) EUR."))
    let little = renderer.render(bridge("10", [("New", "5.001")], "15").svg())
    #expect(little.contains("! does not tie, difference (0.001)"))
    #expect(little.contains("do not make the closing: difference (0.001) EUR."))
    let open = renderer.render(bridge(nil, [("New", "5")], "5").svg())
    #expect(open.contains("! cannot be tied: a figure is missing or too long") && open.contains("no figure"))
    let nines = String(repeating: "9", count: 38)
    #expect(bridge(nines, [("More", nines)], nines).difference == nil)
  }

  @Test func manyStepsAreDrawnAsOneAndTheSumStillTies() throws {
    let steps = (1...40).map { ("step \($0)", Optional("\($0 % 2 == 0 ? $0 : -$0).01")) }
    let sum = steps.reduce(ExactDecimal.zero) { $0.adding(ExactDecimal($1.1 ?? "") ?? .zero) ?? $0 }
    let waterfall = bridge("0", steps, sum.description)
    let (drawn, note) = waterfall.thinned()
    #expect(drawn.steps.count == Waterfall.maximumSteps && drawn.difference?.isZero == true)
    #expect(drawn.steps.last?.label == "25 smaller steps together")
    #expect(drawn.steps.first?.label == "step 26")
    #expect(note == "15 of 40 steps drawn by themselves: the largest.")
    #expect(waterfall.thinningNote == note)
    #expect(renderer.render(waterfall.svg()).contains("15 of 40 steps drawn by themselves"))
    #expect(drawn.findingText == waterfall.findingText)
  }

  @Test func stepsPointTheWayTheyGo() throws {
    let text = renderer.render(bridge("10", [("Up", "5"), ("Down", "-9")], "6").svg())
    let shapes = text.matches(of: #/class="fill (s[12])" d="M([0-9.]+) [0-9.]+L([0-9.]+) [0-9.]+L([0-9.]+) /#)
    let points = shapes.map { (String($0.output.1), Double($0.output.2) ?? 0, Double($0.output.4) ?? 0) }
    #expect(points.map(\.0) == ["s1", "s2"])
    #expect(points[0].1 < points[0].2 && points[1].1 > points[1].2)
    #expect(text.contains(">+5.00</text>") && text.contains(">−9.00</text>"))
  }

  @Test func heatMapOfCohorts() throws {
    let cells: [[String?]] = [["0.5", "0.25", "0.125"], ["0.4", "0", nil], ["0.0004", nil, nil]]
    try expectGolden(renderer.render(map(cells).svg()) + "\n", "heat.svg")
  }

  @Test func shadesFollowTheFiguresAndMissingIsNotZero() {
    let text = renderer.render(map([["0", "1", "2", "3", "4", "6"], [nil, "5"]], format: .integer).svg())
    let shades = text.matches(of: /class="cell (h[0-5])" x="[0-9.]+" y="[0-9.]+" width="40"/).map {
      String($0.output.1)
    }
    #expect(shades == ["h0", "h1", "h2", "h3", "h4", "h5", "h5"])
    #expect(text.contains("<title>&lt;0&gt; &amp; sons, 1\n0</title>"))
    let equal = renderer.render(map([["7", "7"]], format: .integer).svg())
    #expect(equal.matches(of: /class="cell h1"/).count == 3, "two cells and the legend")
  }

  @Test func heatMapOfNothingSaysSo() {
    #expect(renderer.render(map([]).svg()).contains("No data"))
    #expect(renderer.render(map([[nil, nil]]).svg()).contains("No data"))
  }

  @Test func heatMapThatIsCutSaysSo() {
    let cells = [[String?]](repeating: [String?](repeating: "1", count: 40), count: 70)
    let large = map(cells, format: .integer)
    #expect(large.thinningNote == "Drawn: the first 60 of 70 rows, the first 36 of 40 columns.")
    #expect(renderer.render(large.svg()).contains("the first 36 of 40 columns."))
    #expect(map([["1"]]).thinningNote == nil)
  }

  @Test func sparklineSaysWhatItShows() {
    let values = ["3", nil, "-1", "10"].map { $0.flatMap { ExactDecimal($0) } }
    let line = Sparkline(label: "Net", values: values, format: .money(decimals: 2), unit: "EUR")
    #expect(line.title == "Net: 3 values from 3.00 EUR to 10.00 EUR, lowest (1.00) EUR, highest 10.00 EUR")
    #expect(Sparkline(label: "Net", values: [5], format: .integer).title == "Net: 5")
    #expect(Sparkline(label: "Net", values: [nil], format: .integer).title == "Net: no data")
    let long = Sparkline(label: "Net", values: Array(repeating: 1, count: 300), format: .integer)
    #expect(long.title.hasSuffix("; the last 240 are drawn"))
  }
}

@Suite struct TextFitTests {
  @Test func cutTextEndsInAnEllipsisAndHasNoMoreScalarsThanItMay() {
    #expect(shortened("short", to: 5) == "short")
    #expect(shortened("longer", to: 5) == "long…")
    #expect(shortened("ééééé", to: 5) == "ééééé")
    let marked = "a" + String(repeating: "\u{301}", count: 10_000)
    #expect(shortened(marked, to: 10).unicodeScalars.count == 40)
    let family = String(repeating: "👩\u{200D}", count: 5_000) + "👧"
    #expect(family.count == 1 && shortened(family, to: 10).unicodeScalars.count == 40)
    #expect(shortened("", to: 3) == "")
  }

  @Test func fittedTextIsAtMostAsWideAsItsRoom() {
    for text in [String(repeating: "W", count: 10_000), "漢字漢字漢字漢字漢字漢字", "i", "", "👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", "\u{7}\u{7}\u{7}\u{7}"] {
      for room in [2.0, 5, 12] { #expect(ems(fitted(text, ems: room)) <= max(room, 0.7), "\(text.prefix(9))") }
    }
    #expect(fitted("fits", ems: 10) == "fits")
  }

  @Test func marksUponOneLetterAreBounded() {
    let marked = "Z" + String(repeating: "\u{335}", count: 10_000) + "a"
    #expect(legible(marked) == "Z" + String(repeating: "\u{335}", count: 8) + "⟨9992 more marks⟩a")
    #expect(legible("Việt Nam, ที่รัก, é\u{323}\u{302}") == "Việt Nam, ที่รัก, é\u{323}\u{302}")
    #expect(legible(legible(marked)) == legible(marked))
  }

  @Test func joinedCharactersAreBounded() {
    let family = String(repeating: "👩🏽\u{200D}", count: 5_000) + "👧"
    #expect(legible(family).count { $0 == "⁀" } == 4_992)
    #expect(legible("👩‍👩‍👧‍👦👩‍❤️‍💋‍👨 क्‍ष") == "👩‍👩‍👧‍👦👩‍❤️‍💋‍👨 क्‍ष")
    let many = String(repeating: "👩‍👩‍👧‍👦", count: 50)
    #expect(legible(many) == many)
    #expect(legible(legible(family)) == legible(family))
  }

  @Test func foreignDirectionStaysOnItsIsland() {
    let renderer = MarkupRenderer()
    #expect(isolated("plain") == "plain")
    #expect(isolated("שלום") == "\u{2068}שלום\u{2069}")
    #expect(renderer.render(.text("Highest " + isolated("שלום") + ": 5")) == "Highest \u{2068}שלום\u{2069}: 5")
    // A name that brings its own island, or the end of one, cannot leave it.
    let hostile = "ש\u{2069}\u{202E}x\u{2068}"
    #expect(renderer.render(.text(isolated(hostile))) == "\u{2068}ש⟨U+2069⟩⟨U+202E⟩x⟨U+2068⟩\u{2069}")
    #expect(renderer.render(.text("\u{2068}open")) == "⟨U+2068⟩open")
    #expect(renderer.render(.text("a\u{2069}")) == "a⟨U+2069⟩")
    #expect(renderer.render(.text("\u{2068}a\u{2067}b\u{2069}")) == "⟨U+2068⟩a⟨U+2067⟩b⟨U+2069⟩")
  }

  @Test func linksKeepTheirFragment() {
    #expect(Link.file("definitions/a b.html", fragment: "x#y").text == "definitions/a%20b.html#x%23y")
    #expect(Link.file("a.csv", fragment: "").text == "a.csv")
  }
}
