// From content to a page: head, navigation, banner, sections, foot. One layout for all pages, so that a reader who
// knows one knows all. Colours and sizes are in PageStyle; words about figures come with the content.
// Invariant: a table that shows fewer rows than there are says so and links to the CSV with all.
// What a page gives up where it would be too large is elsewhere: PageLayout+Size.

internal import Definitions
internal import Markup
internal import Money

/// Lays out one page of a set.
struct PageLayout: Sendable {
  let context: PageContext
  /// Longer texts are cut in a cell; the CSV has them whole.
  static let longestCell = 100
  /// Longer units of large figures are cut: most are three letters.
  static let longestUnit = 12
  /// Longer headings of columns are cut.
  static let longestLabel = 60

  func bytes(_ content: ReportContent) -> [UInt8] {
    page(
      titled: content.title, description: content.description, currencies: content.currencyText,
      navigation: navigation(from: content.name), foot: legend(content)
    ) {
      content.blocks.enumerated().map { section($1, number: $0 + 1) }
    }
  }

  /// The frame that all pages share: a way past the head, what the set is, what its state is, and the foot.
  ///
  /// - Parameters:
  ///   - currencies: those of its amounts; nil where a page has no figures of its own.
  ///   - navigation: the other pages of the set.
  ///   - foot: what stands in the foot.
  func page(
    titled title: String, description: String = "", currencies: String? = nil, navigation: Node = .empty, foot: Node,
    @MarkupBuilder content: () -> [Node]
  ) -> [UInt8] {
    let document = HTMLDocument(
      title: "\(title) – \(context.project), \(DateText.day(context.asOf))", style: PageStyle.sheet
    ) {
      HTML.a(.class("skip"), .href(.fragment("main"))) { "Skip to the content" }
      HTML.header(.class("page")) {
        HTML.p(.class("project")) { HTML.bdi { context.project } }
        HTML.h1 { HTML.bdi { title } }
        if !description.isEmpty { HTML.p(.class("lead")) { description } }
        facts(currencies: currencies)
        navigation
      }
      HTML.main(.id("main")) {
        banner
        content()
      }
      HTML.footer { foot }
    }
    return Array(document.render().utf8)
  }

  private func navigation(from name: String) -> Node {
    guard context.pages.count > 1 else { return .empty }
    return HTML.nav(.ariaLabel("Pages of this set")) {
      context.pages.map { page in
        page.name == name
          ? HTML.a(.href(.file("\(page.name).html")), .ariaCurrentPage) { page.title }
          : HTML.a(.href(.file("\(page.name).html"))) { page.title }
      }
    }
  }

  /// What every page says of its set.
  private func facts(currencies: String?) -> Node {
    HTML.ul(.class("facts")) {
      fact("As of", DateText.day(context.asOf))
      fact("Generated", "\(context.generatedAt) UTC", below: localTime)
      fact("Time zone", context.timeZone)
      if let currencies { fact("Currency", currencies) }
      fact("Run", String(context.runID.prefix(8)) + "…" + String(context.runID.suffix(4)), below: context.job)
    }
  }

  private var localTime: String {
    context.timeZone == "UTC" ? "" : "\(context.generatedLocal) local"
  }

  private func fact(_ term: String, _ value: String, below: String = "") -> Node {
    HTML.li {
      HTML.span(.class("term")) { term }
      HTML.bdi { value }
      if !below.isEmpty { HTML.small { below } }
    }
  }

  /// The state of the set, why it is that, and how far the data reach.
  private var banner: Node {
    HTML.div(.class(context.isComplete ? "banner good" : "banner draft"), .role("status")) {
      HTML.p {
        HTML.strong { context.stateWord }
        HTML.span { bannerText }
      }
      if !context.isComplete { HTML.ul { context.draftReasons.map { HTML.li($0) } } }
      if let common = context.commonReach {
        HTML.p(.class("reach")) { "Data of every feed on this page reach through \(common)." }
      } else if !context.feeds.isEmpty {
        HTML.p(.class("reach")) {
          "Data through: "
          context.feeds.enumerated().map { index, feed in
            Node.fragment([
              .text(index > 0 ? " · " : ""), HTML.span(.class("nowrap")) { "\(feed.feed) \(feed.shown)" },
            ])
          }
        }
      }
      if let later = context.laterData { HTML.p(.class("reach")) { later } }
    }
  }

  private var bannerText: String {
    let rejects = FigureFormat.integer.spelled(ExactDecimal(context.rejectedRows))
    let rows = context.rejectedRows == 1 ? "row of this date was" : "rows of this date were"
    let listed = context.rejectedRows == 1 ? "is listed" : "are listed"
    return context.isComplete
      ? (context.rejectedRows == 0
        ? "Every row that arrived for this date is in these figures."
        : "\(rejects) \(rows) rejected and \(listed) under Data quality; all others are in these figures.")
      : "These figures are not final:"
  }

  /// The same figures in other files, and how figures are written.
  private func legend(_ content: ReportContent) -> Node {
    .fragment([
      HTML.p {
        "The same figures: "
        if content.outputs.contains(.json) { HTML.a(.href(.file("data/\(content.name).json"))) { "JSON" } }
        if content.outputs.contains(.xlsx) {
          Node.fragment([.text(" · "), HTML.a(.href(.file(WorkbookRendering.fileName))) { WorkbookRendering.fileName }])
        }
        content.datasets.flatMap(\.writtenPaths).map { path in
          Node.fragment([.text(" · "), HTML.a(.href(.file(path))) { String(path.dropFirst("data/".count)) }])
        }
      },
      HTML.p {
        "– is zero, blank is missing, \(FigureFormat.money(decimals: 2).text(-1)) is negative, "
        "n/m: no meaningful base. Run "
        HTML.code { context.runID }
      },
    ])
  }

  // MARK: Sections

  func section(_ block: ContentBlock, number: Int) -> Node {
    let id = "section-\(number)"
    switch block.body {
    case .words(let paragraphs, let isNote):
      return HTML.section(.class(isNote ? "note" : "words"), .id(id)) {
        if !block.title.isEmpty { HTML.h2 { block.title } }
        sources(block)
        paragraphs.map { HTML.p($0) }
      }
    case .verdict(let isGood, let text):
      return HTML.section(
        .class(isGood ? "verdict good" : "verdict bad"), .id(id),
        .ariaLabel("\(block.title): \(isGood ? "in order" : "not in order")")
      ) {
        HTML.p {
          HTML.span(.class("sign"), .ariaHidden) { isGood ? "✓" : "!" }
          HTML.span { text }
        }
        sources(block)
      }
    case .links(let links):
      return HTML.section(.ariaLabelledBy(id)) {
        HTML.h2(.id(id)) { block.title }
        HTML.ul(.class("links")) {
          links.map { link in
            HTML.li {
              HTML.a(.href(.file("\(link.name).html"))) { link.title }
              if !link.description.isEmpty { HTML.span { " " + link.description } }
            }
          }
        }
      }
    case .tiles(let groups):
      return HTML.section(.ariaLabelledBy(id)) {
        HTML.h2(.id(id)) { block.title }
        sources(block)
        lead(block)
        if groups.isEmpty { emptyNotice }
        groups.map(tiles)
        if let dataset = block.dataset { truncation(dataset) }
      }
    case .table:
      return HTML.section(.ariaLabelledBy(id)) {
        HTML.h2(.id(id)) { block.title }
        sources(block)
        lead(block)
        if let dataset = block.dataset { table(dataset, label: block.title, wrapped: block.wrapped) }
      }
    case .chart(let chart, let kind, let note):
      return HTML.section(.ariaLabelledBy(id)) {
        HTML.h2(.id(id)) { block.title }
        sources(block)
        lead(block)
        HTML.figure {
          chart.svg(kind)
          HTML.figcaption { [chart.finding, chart.thinningNote(kind), note].compactMap { $0 }.joined(separator: " ") }
        }
        figures(block)
      }
    case .panels(let panels, let note):
      return HTML.section(.ariaLabelledBy(id)) {
        HTML.h2(.id(id)) { block.title }
        sources(block)
        lead(block)
        if panels.isEmpty { emptyNotice }
        HTML.div(.class(panels.contains(where: \.isWide) ? "panels wide" : "panels")) { panels.map(panel) }
        if let note { HTML.p(.class("more")) { note } }
        figures(block)
      }
    }
  }

  /// One picture of several. A heat map keeps its size and scrolls where it has no room.
  private func panel(_ panel: ChartPanel) -> Node {
    HTML.figure {
      if !panel.name.isEmpty { HTML.h3 { HTML.bdi { shortened(panel.name, to: Self.longestCell) } } }
      switch panel.drawing {
      case .waterfall(let waterfall): waterfall.svg()
      case .heatMap(let map):
        HTML.div(.class("scroll"), .tabStop, .role("region"), .ariaLabel(map.title)) { map.svg() }
      }
      HTML.figcaption { [panel.finding, panel.thinningNote].compactMap { $0 }.joined(separator: " ") }
    }
  }

  /// The table that a reader may open below a picture.
  private func figures(_ block: ContentBlock) -> Node {
    guard let dataset = block.dataset, !dataset.rows.isEmpty else { return .empty }
    return HTML.details {
      HTML.summary { "Figures of this chart" }
      table(dataset, label: "Figures of \(block.title)", wrapped: block.wrapped)
    }
  }

  /// Where the figures of a section come from: its definition and SQL, and all its rows.
  private func sources(_ block: ContentBlock) -> Node {
    var links = block.sources.map { ($0.words, Link.file($0.path, fragment: $0.fragment)) }
    if let dataset = block.dataset ?? block.evidence, dataset.isWritten,
      !block.sources.contains(where: { $0.path == dataset.csvPath })
    {
      links.append(("CSV", .file(dataset.csvPath)))
    }
    if links.isEmpty { return .empty }
    return HTML.ul(.class("sources"), .ariaLabel("Where these figures come from: \(block.title)")) {
      links.map { words, link in HTML.li { HTML.a(.href(link)) { words } } }
    }
  }

  private func lead(_ block: ContentBlock) -> Node {
    block.lead.isEmpty ? .empty : HTML.p(.class("lead")) { block.lead }
  }

  private var emptyNotice: Node { HTML.p(.class("empty")) { "No rows." } }

  private func tiles(_ group: TileGroup) -> Node {
    HTML.div(.class("group")) {
      if !group.name.isEmpty { HTML.h3 { HTML.bdi { group.name } } }
      HTML.ul(.class("tiles")) {
        group.tiles.map { tile in
          HTML.li {
            HTML.span(.class("label")) { shortened(tile.label, to: Self.longestLabel) }
            if !tile.value.isEmpty || tile.sparkline == nil {
              HTML.span(.class("value")) {
                tile.value.isEmpty ? "no figure" : tile.value
                if !tile.unit.isEmpty, !tile.value.isEmpty {
                  HTML.small { " " + shortened(tile.unit, to: Self.longestUnit) }
                }
              }
            }
            if let sparkline = tile.sparkline { sparkline.svg() }
            tile.comparisons.map(comparison)
          }
        }
      }
    }
  }

  private func comparison(_ comparison: Tile.Comparison) -> Node {
    HTML.span(.class("comparison")) {
      if let isUp = comparison.isUp { HTML.span(.class("arrow"), .ariaHidden) { isUp ? "▲ " : "▼ " } }
      HTML.strong { comparison.words }
      comparison.rest
    }
  }

  // MARK: Tables

  private func table(_ dataset: Dataset, label: String, wrapped: Set<String>) -> Node {
    if dataset.rows.isEmpty { return emptyNotice }
    let naming = naming(dataset)
    return .fragment([
      HTML.div(.class("scroll"), .tabStop, .role("region"), .ariaLabel(label)) {
        HTML.table {
          HTML.caption(.class("unseen")) { label }
          HTML.thead {
            HTML.tr {
              dataset.columns.map(heading)
            }
          }
          HTML.tbody {
            dataset.rows.map { row(dataset, $0, naming: naming, wrapped: wrapped) }
          }
        }
      },
      truncation(dataset),
    ])
  }

  /// What names a row, for a reader who hears it: the first column that is not a figure.
  func naming(_ dataset: Dataset) -> Int? {
    dataset.columns.firstIndex { !$0.format.isNumeric && $0.format != .sparkline }
  }

  func row(_ dataset: Dataset, _ row: [Figure], naming: Int?, wrapped: Set<String>) -> Node {
    HTML.tr { dataset.columns.indices.map { cell(dataset, row, $0, names: $0 == naming, wrapped: wrapped) } }
  }

  /// Paper breaks a heading between its words, and within one only when that is very long.
  private func heading(_ column: DatasetColumn) -> Node {
    let label = shortened(column.label, to: Self.longestLabel)
    let isLong = label.split(separator: " ").contains { $0.count > 20 }
    return HTML.th(.scope(.column), .class((column.format.isNumeric ? "n" : "t") + (isLong ? " long" : ""))) { label }
  }

  private func cell(
    _ dataset: Dataset, _ row: [Figure], _ index: Int, names isHeader: Bool, wrapped: Set<String>
  ) -> Node {
    let column = dataset.columns[index]
    let text = dataset.text(row, index)
    func made(_ name: String, @MarkupBuilder content: () -> [Node]) -> Node {
      isHeader ? HTML.th(.scope(.row), .class(name), content: content) : HTML.td(.class(name), content: content)
    }
    if column.format.isNumeric, row[index].number != nil || row[index] == .missing {
      let changes = dataset.comparisons(of: index).isEmpty ? [] : dataset.compared(index, in: row)
      return made(text.hasPrefix("(") ? "n neg" : "n") {
        text
        changes.compactMap(\.line).map { line in HTML.small(.class("change")) { line } }
      }
    }
    if column.format == .sparkline, let line = dataset.sparkline(row, index) { return made("t") { line.svg() } }
    switch row[index] {
    case .text where column.format != .identifier, .numeral: break
    default: return made("t nowrap") { text }
    }
    let shown = shortened(text, to: Self.longestCell)
    let isLong = shown != text
    return made(isLong || wrapped.contains(column.name) ? "t long" : text.count > 24 ? "t wrap" : "t") {
      if !shown.isEmpty { HTML.bdi { shown } }
      if isLong {
        HTML.small {
          " \(FigureFormat.integer.text(ExactDecimal(text.unicodeScalars.count))) characters"
          if dataset.isWritten { "; all in \(dataset.csvPath)" }
        }
      }
    }
  }

  private func truncation(_ dataset: Dataset) -> Node {
    guard let (shown, total) = dataset.truncation else { return .empty }
    let paths = dataset.writtenPaths
    if paths.isEmpty {
      return HTML.p(.class("more")) { "\(shown) of \(total); the outputs of this report leave out the CSV with all." }
    }
    return HTML.p(.class("more")) {
      "\(shown) of \(total); all in "
      paths.enumerated().map { index, path in
        Node.fragment([.text(index == 0 ? "" : " and "), HTML.a(.href(.file(path))) { path }])
      }
    }
  }
}

extension ElementKind {
  /// An element that holds only text.
  fileprivate func callAsFunction(_ text: String) -> Node {
    self(attributes: [], children: [.text(text)])
  }
}
