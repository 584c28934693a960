// What a page says, apart from how it is laid out: the one value from which HTML, JSON, CSV and the summary are made,
// so that they cannot disagree.
// How it looks is elsewhere: PageLayout.

internal import Definitions
internal import Ledger
internal import Markup
internal import Money

/// One page's content.
struct ReportContent: Sendable {
  var name: String
  var title: String
  var description: String
  var blocks: [ContentBlock]
  /// Which files are made of it.
  var outputs: Set<ReportOutput> = Set(ReportOutput.allCases)

  /// The datasets in order, each once.
  var datasets: [Dataset] {
    var seen: Set<String> = []
    return blocks.compactMap(\.dataset).filter { seen.insert($0.csvPath).inserted }
  }
}

extension ReportContent {
  private static let namedCurrencies = 8

  /// The currencies of its amounts, as its head names them.
  var currencyText: String {
    let all = Set(blocks.compactMap(\.dataset).flatMap(\.currencies)).sorted()
    if all.isEmpty { return "no amounts" }
    let named = all.prefix(Self.namedCurrencies).map { shortened($0, to: 20) }.joined(separator: ", ")
    return all.count > Self.namedCurrencies ? "\(named) and \(all.count - Self.namedCurrencies) more" : named
  }
}

extension ReportContent {
  /// Says of each section whose amounts have more digits than their currency that they are rounded.
  mutating func tellRoundedAmounts() {
    for index in blocks.indices {
      guard let dataset = blocks[index].dataset else { continue }
      let rounded = dataset.columns.indices.filter { column in
        guard case .money = dataset.columns[column].format else { return false }
        return dataset.rows.contains { row in
          let currency = dataset.currency(of: column, in: row)
          guard case .money(let decimals) = dataset.columns[column].format.figureFormat(currency: currency) else {
            return false
          }
          return row[column].number.map { $0.scale > decimals && $0.normalized.scale > decimals } ?? false
        }
      }
      if rounded.isEmpty { continue }
      let labels = rounded.map { isolated(shortened(dataset.columns[$0].label, to: 60)) }.joined(separator: ", ")
      let place = dataset.isWritten ? "; all digits in \(dataset.csvPath)" : ""
      let words = "Rounded to the digits of the currency: \(labels)\(place)."
      blocks[index].lead = [blocks[index].lead, words].filter { !$0.isEmpty }.joined(separator: " ")
    }
  }

  /// Says of each picture that shows some of the page's currencies and not all, which ones it leaves out and where they
  /// are.
  mutating func tellLeftOutCurrencies() {
    let all = blocks.reduce(into: Set<String>()) { $0.formUnion($1.dataset?.currencies ?? []) }
    func isWhole(_ block: ContentBlock) -> Bool { block.dataset?.currencies == all && !block.title.isEmpty }
    let whole = blocks.first { isWhole($0) && $0.isTable } ?? blocks.first(where: isWhole)
    for index in blocks.indices where blocks[index].isPicture {
      guard let shown = blocks[index].dataset?.currencies, !shown.isEmpty, shown != all else { continue }
      func named(_ currencies: Set<String>) -> String {
        currencies.sorted().map { isolated(shortened($0, to: 20)) }.joined(separator: ", ")
      }
      let place = whole.map { "; all are under \"\($0.title)\"" } ?? ""
      let words = "Here in \(named(shown)) only, without \(named(all.subtracting(shown)))\(place)."
      blocks[index].lead = [words, blocks[index].lead].filter { !$0.isEmpty }.joined(separator: " ")
    }
  }
}

/// One section of a page.
struct ContentBlock: Sendable {
  enum Body: Sendable {
    /// Large figures in groups, one group for each row of the dataset.
    case tiles([TileGroup])
    case table
    case chart(Chart, Chart.Kind, note: String?)
    /// Waterfalls or heat maps, one for each row or series.
    case panels([ChartPanel], note: String?)
    /// Paragraphs.
    case words([String], isNote: Bool)
    /// Other pages of the set, with what each is about.
    case links([PageLink])
    /// One statement with its verdict.
    case verdict(isGood: Bool, String)
  }

  var title: String
  var body: Body
  var dataset: Dataset?
  /// The rows that a sentence or a picture is about when they stand in another section.
  var evidence: Dataset?
  /// A sentence under the heading.
  var lead: String = ""
  /// Columns that may hold long foreign text and are shown in a narrower, wrapping cell.
  var wrapped: Set<String> = []
  /// Where the figures come from, as small links under the heading; the CSV is added by the layout.
  var sources: [SourceLink] = []
  /// The statement that gave the rows, as it ran.
  var statement: RanStatement?

  /// Whether it is large figures.
  var isTiles: Bool {
    if case .tiles = body { return true }
    return false
  }

  fileprivate var isTable: Bool { if case .table = body { true } else { false } }

  /// Whether it is a chart, or several.
  fileprivate var isPicture: Bool {
    switch body {
    case .chart, .panels: true
    default: false
    }
  }

  /// Whether its rows stand on the page as they are.
  var showsRows: Bool {
    switch body {
    case .table, .chart, .panels: true
    case .tiles, .words, .links, .verdict: false
    }
  }

  /// The statement of the section, or of its rows.
  var origin: RanStatement? { statement ?? (dataset ?? evidence)?.statement }
}

/// A way to what the figures of a section are made from: its definition, its SQL.
struct SourceLink: Sendable, Hashable {
  var words: String
  /// A file of the set.
  var path: String
  /// A place in it; empty for all of it.
  var fragment: String = ""
}

/// One picture of several in a section.
struct ChartPanel: Sendable, Hashable {
  enum Drawing: Sendable, Hashable {
    case waterfall(Waterfall)
    case heatMap(HeatMap)
  }

  /// What tells it from the others, for example a currency; empty when it is the only one.
  var name: String
  var drawing: Drawing

  var finding: String {
    switch drawing {
    case .waterfall(let waterfall): waterfall.findingText
    case .heatMap(let map): map.finding
    }
  }

  /// Whether it has no room beside another.
  var isWide: Bool {
    if case .heatMap = drawing { true } else { false }
  }

  /// What the picture leaves out.
  var thinningNote: String? {
    switch drawing {
    case .waterfall(let waterfall): waterfall.thinningNote
    case .heatMap(let map): map.thinningNote
    }
  }
}

/// A way to another page of the set.
struct PageLink: Sendable, Hashable {
  var name: String
  var title: String
  var description: String
}

/// Large figures that belong together, for example those of one currency.
struct TileGroup: Sendable, Hashable {
  var name: String
  var tiles: [Tile]
}

/// A large figure with what it compares to.
struct Tile: Sendable, Hashable {
  struct Comparison: Sendable, Hashable {
    var label: String
    var base: String
    var change: ChangeRatio
    /// The change with its sign, in the figure's unit; empty when there is none.
    var delta = ""
    /// `favourable`, `adverse`, or empty.
    var judgement = ""

    /// What stands behind the words: ` (+1,234.00) on 9,872.00 the month before, favourable`.
    var rest: String {
      let shown = delta.isEmpty ? "" : " (\(delta))"
      let verdict = judgement.isEmpty ? "" : ", \(judgement)"
      return base.isEmpty ? "\(shown) for \(label)" : "\(shown) on \(base) \(label)\(verdict)"
    }

    /// The change without its base: `up 12.5% (+1,234.00) on the month before, favourable`; nil when a figure is missing.
    var line: String? {
      if case .missing = change { return nil }
      let shown = delta.isEmpty ? "" : " (\(delta))"
      return "\(words)\(shown) on \(label)" + (judgement.isEmpty ? "" : ", \(judgement)")
    }

    /// "up 12.5%", "down 3.0%", "unchanged", "n/m".
    var words: String { change.words }

    var isUp: Bool? {
      switch change {
      case .ratio(let ratio): ratio.isZero ? nil : !ratio.isNegative
      case .slight(let isNegative): !isNegative
      case .missing, .notMeaningful: nil
      }
    }
  }

  var label: String
  var value: String
  var unit: String
  var comparisons: [Comparison]
  /// How the figure came to be, as a small line.
  var sparkline: Sparkline?

  /// The figure with its changes in one line.
  var line: String {
    let changes = comparisons.compactMap(\.line)
    let figure = value.isEmpty ? "no figure" : unit.isEmpty ? value : "\(value) \(unit)"
    return "\(label): \(figure)" + (changes.isEmpty ? "" : " – " + changes.joined(separator: "; "))
  }
}

extension ReportContent {
  /// The figures of page one as lines of a mail: a heading for each group, and its figures below it; then what moved.
  var summaryLines: [String] {
    blocks.flatMap { block -> [String] in
      if case .words(let sentences, _) = block.body, block.dataset != nil {
        return [block.title] + sentences.map { "  \($0)" }
      }
      guard case .tiles(let groups) = block.body else { return [] }
      return groups.flatMap { group in
        [group.name.isEmpty ? block.title : "\(block.title), \(group.name)"] + group.tiles.map { "  \($0.line)" }
      }
    }
  }

  /// The page as the object that `report.json` holds, and that `data/<report>.json` is.
  var json: JSONValue {
    [
      "name": .string(name), "title": .string(title), "description": .string(description),
      "summary": .array(summaryLines.map { .string($0) }),
      "sections": .array(blocks.map(\.json)),
    ]
  }
}

extension ContentBlock {
  private var kind: String {
    switch body {
    case .tiles: "kpi"
    case .table: "table"
    case .chart, .panels: "chart"
    case .words(_, let isNote): isNote ? "note" : "text"
    case .verdict: "verdict"
    case .links: "links"
    }
  }

  var json: JSONValue {
    var members: [JSONValue.Member] = [
      .init("title", .string(title)), .init("kind", .string(kind)),
    ]
    func add(_ name: String, _ value: JSONValue) { members.append(.init(name, value)) }
    if !lead.isEmpty { add("lead", .string(lead)) }
    switch body {
    case .words(let paragraphs, _): add("text", .array(paragraphs.map { .string($0) }))
    case .verdict(let isGood, let text):
      add("passed", .bool(isGood))
      add("text", .string(text))
    case .chart(let chart, _, _): add("finding", .string(chart.finding))
    case .panels(let panels, _):
      let sentences = panels.map { $0.name.isEmpty ? $0.finding : "\(isolated($0.name)): \($0.finding)" }
      add("finding", .string(sentences.isEmpty ? "No data." : sentences.joined(separator: " ")))
    case .links(let links): add("pages", .array(links.map { .string($0.name) }))
    case .tiles, .table: break
    }
    if !sources.isEmpty {
      add(
        "sources",
        .array(
          sources.map { link in
            ["words": .string(link.words), "path": .string(link.path), "fragment": .string(link.fragment)]
          }))
    }
    if let dataset {
      if dataset.isWritten { add("csv", .string(dataset.csvPath)) }
      if let path = dataset.writtenExtractPath { add("xlsx", .string(path)) }
      add("rows_total", .integer(dataset.totalRows))
      add("rows_shown", .integer(dataset.rows.count))
      add(
        "columns",
        .array(
          dataset.columns.map { column in
            .object(
              [
                .init("name", .string(column.name)), .init("label", .string(column.label)),
                .init("format", .string(column.format.name)),
              ] + (column.format.currencyColumn.map { [.init("currency", .string(dataset.columns[$0].name))] } ?? []))
          }))
      add(
        "rows",
        .array(
          dataset.rows.map { row in
            .object(
              zip(dataset.columns, row).map { .init($0.name, JSONValue($1, format: $0.format)) })
          }))
    }
    return .object(members)
  }
}
