// From content to a page: head, navigation, banner, sections, foot. One layout for all pages, so that a reader who
// knows one knows all. Colours and sizes are in PageStyle; words about figures come with the content.
// Invariant: a table that shows fewer rows than there are says so and links to the CSV with all.

internal import Definitions
internal import Markup
internal import Money

/// Lays out one page of a set.
struct PageLayout: Sendable {
  let context: PageContext
  /// Longer texts are cut in a cell; the CSV has them whole.
  static let longestCell = 100

  /// The bytes of the page.
  func page(_ content: ReportContent) -> [UInt8] {
    let document = HTMLDocument(
      title: "\(content.title) – \(context.project), \(DateText.day(context.asOf))", style: PageStyle.sheet
    ) {
      head(content)
      HTML.main {
        banner
        content.blocks.enumerated().map { section($1, number: $0 + 1) }
      }
      foot(content)
    }
    return Array(document.render().utf8)
  }

  private func head(_ content: ReportContent) -> Node {
    HTML.header(.class("page")) {
      HTML.p(.class("project")) { HTML.bdi { context.project } }
      HTML.h1 { HTML.bdi { content.title } }
      if !content.description.isEmpty { HTML.p(.class("lead")) { content.description } }
      HTML.ul(.class("facts")) {
        fact("As of", DateText.day(context.asOf))
        fact("Generated", "\(context.generatedAt) UTC", below: localTime)
        fact("Time zone", context.timeZone)
        fact("Run", String(context.runID.prefix(8)) + "…" + String(context.runID.suffix(4)), below: context.job)
      }
      if context.pages.count > 1 {
        HTML.nav(.ariaLabel("Pages of this set")) {
          context.pages.map { page in
            page.name == content.name
              ? HTML.a(.href(.file("\(page.name).html")), .ariaCurrentPage) { page.title }
              : HTML.a(.href(.file("\(page.name).html"))) { page.title }
          }
        }
      }
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

  private func foot(_ content: ReportContent) -> Node {
    HTML.footer {
      HTML.p {
        "The same figures: "
        if content.outputs.contains(.json) { HTML.a(.href(.file("data/\(content.name).json"))) { "JSON" } }
        content.datasets.map { dataset in
          Node.fragment([
            .text(" · "), HTML.a(.href(.file(dataset.csvPath))) { String(dataset.csvPath.dropFirst("data/".count)) },
          ])
        }
      }
      HTML.p {
        "– is zero, blank is missing, (1.00) is negative, n/m: no meaningful base. Run "
        HTML.code { context.runID }
      }
    }
  }

  // MARK: Sections

  private func section(_ block: ContentBlock, number: Int) -> Node {
    let id = "section-\(number)"
    switch block.body {
    case .words(let paragraphs, let isNote):
      return HTML.section(.class(isNote ? "note" : "words")) {
        if !block.title.isEmpty { HTML.h2 { block.title } }
        paragraphs.map { HTML.p($0) }
      }
    case .verdict(let isGood, let text):
      return HTML.section(.class(isGood ? "verdict good" : "verdict bad")) {
        HTML.p {
          HTML.span(.class("sign"), .ariaHidden) { isGood ? "✓" : "!" }
          HTML.span { text }
        }
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
        lead(block)
        if groups.isEmpty { emptyNotice }
        groups.map(tiles)
        if let dataset = block.dataset { truncation(dataset) }
      }
    case .table:
      return HTML.section(.ariaLabelledBy(id)) {
        HTML.h2(.id(id)) { block.title }
        lead(block)
        if let dataset = block.dataset { table(dataset, label: block.title, wrapped: block.wrapped) }
      }
    case .chart(let chart, let kind, let note):
      return HTML.section(.ariaLabelledBy(id)) {
        HTML.h2(.id(id)) { block.title }
        lead(block)
        HTML.figure {
          chart.svg(kind)
          HTML.figcaption { [chart.finding, note].compactMap { $0 }.joined(separator: " ") }
        }
        if let dataset = block.dataset, !dataset.rows.isEmpty {
          HTML.details {
            HTML.summary { "Figures of this chart" }
            table(dataset, label: "Figures of \(block.title)", wrapped: block.wrapped)
          }
        }
      }
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
            HTML.span(.class("label")) { tile.label }
            HTML.span(.class("value")) {
              tile.value.isEmpty ? "no figure" : tile.value
              if !tile.unit.isEmpty, !tile.value.isEmpty { HTML.small { " " + tile.unit } }
            }
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
    return .fragment([
      HTML.div(.class("scroll"), .tabStop, .role("region"), .ariaLabel(label)) {
        HTML.table {
          HTML.thead {
            HTML.tr {
              dataset.columns.map { column in
                HTML.th(.scope(.column), .class(column.format.isNumeric ? "n" : "t")) { column.label }
              }
            }
          }
          HTML.tbody {
            dataset.rows.map { row in
              HTML.tr { dataset.columns.indices.map { cell(dataset, row, $0, wrapped: wrapped) } }
            }
          }
        }
      },
      truncation(dataset),
    ])
  }

  private func cell(_ dataset: Dataset, _ row: [Figure], _ index: Int, wrapped: Set<String>) -> Node {
    let column = dataset.columns[index]
    let text = dataset.text(row, index)
    if column.format.isNumeric, row[index].number != nil || row[index] == .missing {
      return HTML.td(.class(text.hasPrefix("(") ? "n neg" : "n")) { text }
    }
    guard case .text = row[index], column.format != .identifier else { return HTML.td(.class("t nowrap")) { text } }
    let isLong = text.count > Self.longestCell
    let shown = isLong ? text.prefix(Self.longestCell) + "…" : text
    return HTML.td(.class(isLong || wrapped.contains(column.name) ? "t long" : text.count > 24 ? "t wrap" : "t")) {
      HTML.bdi { shown }
      if isLong {
        HTML.small {
          " \(FigureFormat.integer.text(ExactDecimal(text.count))) characters"
          if dataset.isWritten { "; all in \(dataset.csvPath)" }
        }
      }
    }
  }

  private func truncation(_ dataset: Dataset) -> Node {
    guard let (shown, total) = dataset.truncation else { return .empty }
    if !dataset.isWritten {
      return HTML.p(.class("more")) { "\(shown) of \(total); the outputs of this report leave out the CSV with all." }
    }
    return HTML.p(.class("more")) {
      "\(shown) of \(total); all in "
      HTML.a(.href(.file(dataset.csvPath))) { dataset.csvPath }
    }
  }
}

extension ElementKind {
  /// An element that holds only text.
  fileprivate func callAsFunction(_ text: String) -> Node {
    self(attributes: [], children: [.text(text)])
  }
}
