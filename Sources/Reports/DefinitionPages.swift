// Where figures come from, as pages of the set: for each page the statement that ran for each section with the values it
// was given, its columns, and the definitions of everything it reads, word for word.
// Invariant: what stands here is what was rendered: the texts are those that were read when the project was loaded. The
// environment is not in them, and the project's own file, which may name a database, is not shown. Where a page would be
// too large its longest texts end earlier, and say so: DefinitionPages+Size.
// Their head, banner and frame are those of the page that they are about: PageLayout.
// The links from the figures to these pages are laid out with the figures: PageLayout.

internal import Definitions
internal import Finding
internal import Markup
internal import Money

/// A statement as it ran.
struct RanStatement: Sendable, Hashable {
  var sql: String
  /// The values of `$1`, `$2`, in this order.
  var values: [String]
  /// The feeds and views that it reads.
  var inputs: [String]
  /// Where the section stands.
  var position: SourcePosition

  init(sql: String, values: [String], inputs: [String], position: SourcePosition) {
    self.sql = sql
    self.values = values
    self.inputs = inputs
    self.position = position
  }

  /// Several statements whose rows make one table; their values are those of the first.
  init(of statements: [RanStatement]) {
    self.init(
      sql: statements.map(\.sql).joined(separator: ";\n\n"), values: statements.first?.values ?? [],
      inputs: [], position: SourcePosition(file: ""))
  }
}

/// Builds the pages below `definitions/`.
struct DefinitionPages {
  let project: Project
  /// What stands at the head of the page that they are about.
  let context: PageContext
  /// Texts that take more bytes of a page are cut.
  var longestText = Int.max
  /// So many columns of a section are listed.
  var mostColumns = Int.max

  static let folder = "definitions"
  /// The page of all feeds, views and checks. No report has a point in its name.
  static let inputsPage = "all.views.html"
  static let inputs = "\(folder)/\(inputsPage)"

  /// The path of the page about a page.
  static func path(of page: String) -> String { "\(folder)/\(page).html" }

  /// Where a feed, view or check stands on the page of all. No name that somebody chose is one of the frame's own.
  static func place(of name: String) -> String { "of-\(name)" }

  /// What the block at `index` of a page links to.
  static func links(for block: ContentBlock, at index: Int, of page: String) -> [SourceLink] {
    guard let statement = block.origin else { return [] }
    let place = "section-\(index + 1)"
    return [SourceLink(words: "Definition", path: path(of: page), fragment: place)]
      + (statement.sql.isEmpty ? [] : [SourceLink(words: "SQL", path: path(of: page), fragment: "\(place)-sql")])
  }

  /// The page about the sections of `content`; nil when none of them has figures.
  func page(about content: ReportContent) -> [UInt8]? {
    let described = content.blocks.enumerated().filter { $1.evidence == nil && $1.origin != nil }
    guard !described.isEmpty else { return nil }
    let file = project.report(named: content.name)?.position.file
    let source = file.flatMap { file in project.sources[file].map { (file: file, text: $0) } }
    let texts = described.compactMap { $1.origin?.sql } + [source?.text].compactMap(\.self)
    return fitted(texts, columns: described.map { $1.dataset?.columns.count ?? 0 }.max() ?? 0) { pages in
      pages.document(title: "\(content.title): where the figures come from") {
        HTML.p {
          if content.outputs.contains(.html) {
            HTML.a(.href(.file("../\(content.name).html"))) { "Back to \(content.title)" }
            " · "
          }
          HTML.a(.href(.file(Self.inputsPage))) { "All feeds and views" }
        }
        described.map { index, block in pages.section(block, number: index + 1) }
        if let source { pages.source("definition", title: source.file, text: source.text, file: source.file) }
      }
    }
  }

  /// The page with the definitions of all feeds, views and checks.
  func views() -> [UInt8] {
    let feeds = project.feeds.map { ($0.name, "feed", $0.position.file) }
    let views = project.views.map { ($0.name, "view", $0.position.file) }
    let checks = project.checks.map { ($0.name, "check", $0.position.file) }
    let all = (feeds + views.sorted { $0.0 < $1.0 } + checks).map { name, kind, file in
      (name: name, kind: kind, file: file, text: project.sources[file] ?? "")
    }
    return fitted(all.map(\.text)) { pages in
      pages.document(title: "Feeds, views and checks") {
        HTML.p { HTML.a(.href(.file("../index.html"))) { "Back to the overview" } }
        all.map { name, kind, file, text in
          pages.source(Self.place(of: name), title: "\(name), \(kind) (\(file))", text: text, file: file)
        }
      }
    }
  }

  private func section(_ block: ContentBlock, number: Int) -> Node {
    let statement = block.origin
    let id = "section-\(number)"
    return HTML.section(.ariaLabelledBy(id)) {
      HTML.h2(.id(id)) { block.title.isEmpty ? "Section \(number)" : block.title }
      if let statement, statement.position.line != nil {
        HTML.p(.class("lead")) { "Declared in \(statement.position)." }
      }
      if let dataset = block.dataset { columns(dataset, label: "Columns of \(block.title)") }
      if let statement, !statement.inputs.isEmpty {
        HTML.p {
          "Reads "
          statement.inputs.enumerated().map { index, name in
            Node.fragment([
              .text(index > 0 ? ", " : ""),
              HTML.a(.href(.file(Self.inputsPage, fragment: Self.place(of: name)))) { name },
            ])
          }
          "."
        }
      }
      if let statement, !statement.sql.isEmpty {
        HTML.h3(.id("\(id)-sql")) { "SQL as it ran" }
        code(
          shown(statement), label: "SQL of \(block.title)",
          more: statement.position.line == nil ? "" : "it is made from \(statement.position)")
        HTML.p(.class("more")) { settings(statement) }
      }
    }
  }

  /// The statement without what the environment brought into it: the page is for everybody.
  private func shown(_ statement: RanStatement) -> String {
    guard let definition = project.sources[statement.position.file] else { return statement.sql }
    return project.redaction.redacted(statement.sql, of: definition)
  }

  private func settings(_ statement: RanStatement) -> String {
    let values = statement.values.enumerated().map { "$\($0.offset + 1) is \($0.element)" }
    return (values + ["search_path \(project.database.schema)", "time zone \(project.calendar.timeZone)"])
      .joined(separator: ", ") + "."
  }

  private func columns(_ dataset: Dataset, label: String) -> Node {
    HTML.div(.class("scroll"), .tabStop, .role("region"), .ariaLabel(label)) {
      HTML.table {
        HTML.caption(.class("unseen")) { label }
        HTML.thead {
          HTML.tr {
            ["Column", "Heading", "Written as", "Favourable"].map { text in HTML.th(.scope(.column)) { text } }
          }
        }
        HTML.tbody {
          dataset.columns.prefix(mostColumns).map { column in
            HTML.tr {
              HTML.td(.class("t")) { HTML.code { column.name } }
              HTML.td(.class("t")) { column.label }
              HTML.td(.class("t")) { written(column, in: dataset) }
              HTML.td(.class("t")) { column.better.map { $0.rawValue } ?? "" }
            }
          }
        }
      }
      if dataset.columns.count > mostColumns {
        HTML.p(.class("more")) { "\(mostColumns) of \(dataset.columns.count) columns: \(Self.tooLarge)." }
      }
      if dataset.isWritten {
        HTML.p(.class("more")) {
          "All rows: "
          HTML.a(.href(.file("../\(dataset.csvPath)"))) { dataset.csvPath }
        }
      }
    }
  }

  private func written(_ column: DatasetColumn, in dataset: Dataset) -> String {
    if case .money(let place?) = column.format, dataset.columns.indices.contains(place) {
      return "money; its currency is in the column \(dataset.columns[place].name)"
    }
    return column.format.name
  }

  private func source(_ id: String, title: String, text: String, file: String) -> Node {
    HTML.section(.ariaLabelledBy(id)) {
      HTML.h2(.id(id)) { title }
      if text.isEmpty {
        HTML.p(.class("empty")) { "Its text was not kept." }
      } else {
        code(text, label: title, more: "\(file) has it whole")
      }
    }
  }

  /// - Parameter more: where all of it is, when it is cut.
  private func code(_ text: String, label: String, more: String) -> Node {
    let shown = Self.beginning(of: text, bytes: longestText)
    return .fragment([
      shown.isEmpty
        ? .empty
        : HTML.div(.class("scroll"), .tabStop, .role("region"), .ariaLabel(label)) { HTML.pre { HTML.code { shown } } },
      shown == text
        ? .empty
        : HTML.p(.class("more")) { "Cut: \(Self.tooLarge)" + (more.isEmpty ? "." : "; \(more).") },
    ])
  }

  private func document(title: String, @MarkupBuilder content: () -> [Node]) -> [UInt8] {
    let foot = HTML.p {
      "Statements as they ran for this set, definitions as they were read for it. Run "
      HTML.code { context.runID }
    }
    return PageLayout(context: context).page(titled: title, foot: foot, content: content)
  }
}
