// One page as a sheet: head, facts, and its sections one below the other.
// Invariant: a table that shows fewer rows than there are says so and names the file with all; a sentence is broken into
// rows that fit a printed page, and never into the width of a column.

internal import Ledger
internal import Markup
internal import Money
internal import Workbook

/// Writes one sheet.
struct WorkbookSheet {
  let page: WorkbookRendering.Page
  let context: PageContext
  let sheet: SheetID
  private(set) var charts: [PendingChart] = []
  private var widths = SheetWidths()
  private var heads: [(row: Int, labels: [String])] = []
  private var namingRanges: [CellRange] = []
  private var row = 0
  /// The title and the banner stay in view.
  private static let headRows = 2
  private static let lineCharacters = 120

  init(_ page: WorkbookRendering.Page, context: PageContext, in writer: inout WorkbookWriter) throws(WorkbookError) {
    self.page = page
    self.context = context
    sheet = try writer.addSheet(legible(page.content.title))
  }

  mutating func write(to writer: inout WorkbookWriter) throws(WorkbookError) {
    try head(&writer)
    if page.content.name == IndexPage.name { try facts(&writer) }
    for block in page.content.blocks { try section(block, &writer) }
    for (row, labels) in heads {
      try writer.setHeight(ofRow: row, lines: widths.lines(ofHeads: labels), on: sheet)
    }
    try writer.expectNumbersAsText(in: namingRanges, on: sheet)
    try writer.set(Self.setup(context, title: page.content.title, widths: widths), on: sheet)
  }

  /// How every sheet is shown and printed.
  static func setup(_ context: PageContext, title: String, widths: SheetWidths) -> SheetSetup {
    SheetSetup(
      columnWidths: widths.widths, headRows: headRows,
      header: PageLine(
        left: "\(legible(context.project)) – \(legible(title))",
        right: "\(context.stateWord), as of \(DateText.day(context.asOf))"),
      footer: PageLine(
        left: "Run \(context.runID)", right: "Generated \(context.generatedAt) UTC", hasPageNumber: true))
  }

  // MARK: Head

  /// Project, title, banner and how far the data reach, on every sheet.
  static func banner(_ context: PageContext) -> String {
    "\(context.stateWord), as of \(DateText.day(context.asOf)). Generated \(context.generatedAt) UTC, "
      + "\(context.generatedLocal) in \(context.timeZone), by run \(context.runID) (\(legible(context.job)))."
  }

  private mutating func head(_ writer: inout WorkbookWriter) throws(WorkbookError) {
    try put(.text("\(legible(context.project)) – \(legible(page.content.title))"), .title, &writer)
    try put(.text(Self.banner(context)), context.isComplete ? .good : .warning, &writer)
    try sentence(page.content.description, .note, &writer)
    for reason in context.draftReasons { try sentence(reason, .warning, &writer) }
    if !page.feeds.isEmpty {
      let reach = page.feeds.map { "\($0.feed) \($0.shown)" }.joined(separator: ", ")
      try sentence("Data through: \(reach).", .note, &writer)
    }
    var own = context
    own.feeds = page.feeds
    if let later = own.laterData { try sentence(later, .note, &writer) }
    try sentence("Currency: \(page.content.currencyText).", .note, &writer)
    row += 1
  }

  /// The facts of page one, each in a cell of its own with a name for formulas.
  private mutating func facts(_ writer: inout WorkbookWriter) throws(WorkbookError) {
    let facts: [(label: String, value: CellValue, format: NumberFormat, name: String)] =
      [
        ("As of", .date(context.asOf), .date, "as_of"),
        ("State", .text(context.stateWord), .text, "state"),
        ("Generated (UTC)", .text(context.generatedAt), .text, "generated_at"),
        ("Generated (local)", .text(context.generatedLocal), .text, "generated_local"),
        ("Time zone", .text(context.timeZone), .text, "time_zone"),
        ("Run", .text(context.runID), .text, "run_id"),
        ("Job", .text(legible(context.job)), .text, "job"),
        ("Rejected rows", .number(ExactDecimal(context.rejectedRows), amountDecimals: nil), .integer, "rejected_rows"),
      ]
      + context.feeds.map { feed in
        let value = CivilDate(feed.through).map { CellValue.date($0) } ?? .text(feed.through)
        return ("Data through: \(feed.feed)", value, .date, "data_through_\(feed.feed)")
      }
    for fact in facts {
      try writer.write(.text(fact.label), at: CellPlace(row, 0), style: CellStyle(.header), on: sheet)
      let place = CellPlace(row, 1)
      try writer.write(fact.value, at: place, style: CellStyle(.body, fact.format), on: sheet)
      try writer.define(fact.name, as: place, on: sheet)
      row += 1
    }
    widths.widen(0, characters: 24)
    widths.widen(1, characters: 18)
    row += 1
  }

  // MARK: Sections

  private mutating func section(_ block: ContentBlock, _ writer: inout WorkbookWriter) throws(WorkbookError) {
    let heading = CellPlace(row, 0)
    var title = block.title
    if title.isEmpty, case .chart(let chart, _, _) = block.body { title = chart.title }
    if !title.isEmpty { try put(.text(legible(title)), .heading, &writer) }
    try sentence(block.lead, .note, &writer)
    switch block.body {
    case .words(let paragraphs, _):
      for paragraph in paragraphs { try sentence(paragraph, .note, &writer) }
    case .verdict(let isGood, let text):
      try sentence((isGood ? "✓ " : "! ") + text, isGood ? .good : .warning, &writer)
    case .links(let links):
      for link in links {
        try sentence(link.title + (link.description.isEmpty ? "" : ": " + link.description), .note, &writer)
      }
    case .tiles(let groups):
      // The figures stand in the table; these are the words for what they compare to.
      for group in groups {
        let compared = group.tiles.filter { !$0.comparisons.isEmpty }
        if !compared.isEmpty { try sentence(group.name, .body, &writer) }
        for tile in compared { try sentence("   " + tile.line, .note, &writer) }
      }
    case .table: break
    case .chart(let chart, let kind, let note):
      try sentence([chart.finding, note].compactMap(\.self).joined(separator: " "), .note, &writer)
      try place(chart, kind, of: block, heading: heading, &writer)
    case .panels(let panels, let note):
      // What the pictures show stands in words; a spreadsheet has no such chart that an old program could open.
      for panel in panels {
        try sentence([panel.name, panel.finding].filter { !$0.isEmpty }.joined(separator: ": "), .note, &writer)
      }
      if let note { try sentence(note, .note, &writer) }
    }
    if var dataset = block.dataset {
      // "the month before" of what, a head has to say: it stands apart from the figure it belongs to.
      if block.isTiles { dataset.nameComparisons() }
      try table(dataset, &writer)
    }
    row += 1
  }

  private mutating func place(
    _ chart: Chart, _ kind: Chart.Kind, of block: ContentBlock, heading: CellPlace, _ writer: inout WorkbookWriter
  ) throws(WorkbookError) {
    guard let native = Self.native(kind, chart.axis), chart.axis.count > 0, !chart.series.isEmpty else { return }
    charts.append(
      PendingChart(
        chart: chart, kind: native, name: tableName(block.dataset?.csvPath ?? chart.identifier) + "_chart",
        sheet: sheet, title: heading, place: CellPlace(row, 0)))
    row += SheetChart.coveredRows
  }

  private static func native(_ kind: Chart.Kind, _ axis: ChartAxis) -> SheetChart.Kind? {
    if kind == .line { return .line }
    if kind == .stackedBar { return .stackedColumn }
    guard kind == .bar else { return nil }
    if case .categories = axis { return .bar }
    return .column
  }

  /// `data/customers.csv` gives `customers`; page one shows datasets of other pages, so its tables say so.
  private func tableName(_ path: String) -> String {
    let file = path.split(separator: "/").last ?? ""
    let name = String(file.prefix { $0 != "." })
    return page.content.name == IndexPage.name ? "overview_\(name)" : name
  }

  // MARK: Tables

  private mutating func table(_ dataset: Dataset, _ writer: inout WorkbookWriter) throws(WorkbookError) {
    if dataset.columns.isEmpty { return }
    if dataset.rows.isEmpty { try sentence("No rows.", .note, &writer) }
    if let (shown, total) = dataset.truncation {
      let paths = dataset.writtenPaths.joined(separator: " and ")
      let rest = paths.isEmpty ? "the outputs of this report leave out the CSV with all" : "all in \(paths)"
      try sentence("\(shown) of \(total); \(rest)", .note, &writer)
    }
    let head = CellPlace(row, 0)
    let labels = dataset.columns.map { legible($0.label) }
    heads.append((row, labels))
    try writer.addTable(
      tableName(dataset.csvPath), at: head, headers: labels,
      figureColumns: Set(dataset.columns.indices.filter { dataset.columns[$0].format.isNumeric }),
      rows: dataset.rows.count, on: sheet)
    var tally = CellTally()
    for (index, figures) in dataset.rows.enumerated() {
      for (column, described) in dataset.columns.enumerated() {
        let cell = SheetCell(
          figures[column], format: described.format, currency: dataset.currency(of: column, in: figures))
        tally.count(
          try writer.write(
            cell.value, at: CellPlace(head.row + 1 + index, column), style: CellStyle(.body, cell.format), on: sheet))
      }
    }
    row = head.row + 1 + max(1, dataset.rows.count)
    for (column, described) in dataset.columns.enumerated() where described.format.isNaming && !dataset.rows.isEmpty {
      namingRanges.append(CellRange(CellPlace(head.row + 1, column), CellPlace(row - 1, column)))
    }
    widths.merge(SheetWidths(dataset, rows: dataset.rows))
    for sentence in tally.sentences(csv: dataset.csvPath) { try self.sentence(sentence, .warning, &writer) }
  }

  // MARK: Words

  private mutating func put(
    _ value: CellValue, _ role: CellStyle.Role, _ writer: inout WorkbookWriter
  ) throws(WorkbookError) {
    try writer.write(value, at: CellPlace(row, 0), style: CellStyle(role), on: sheet)
    row += 1
  }

  private mutating func sentence(
    _ text: String, _ role: CellStyle.Role, _ writer: inout WorkbookWriter
  ) throws(WorkbookError) {
    for line in Self.lines(legible(text)) { try put(.text(line), role, &writer) }
  }

  /// A text broken at spaces into lines that a printed page shows whole.
  static func lines(_ text: String) -> [String] {
    var lines: [String] = []
    for paragraph in text.split(separator: "\n") {
      var line: String?
      for word in paragraph.split(separator: " ", omittingEmptySubsequences: false) {
        guard let begun = line else {
          line = String(word)
          continue
        }
        if begun.count + 1 + word.count > lineCharacters, begun.contains(where: { $0 != " " }) {
          lines.append(begun)
          line = String(word)
        } else {
          line = "\(begun) \(word)"
        }
      }
      if let line, !line.isEmpty { lines.append(line) }
    }
    return lines
  }
}

extension Dataset {
  /// Puts the label of what is compared before the label of each column that it is compared to.
  fileprivate mutating func nameComparisons() {
    let named = columns
    for index in columns.indices {
      let bases = named.filter { Dataset.isComparison(named[index].name, of: $0.name) }
      guard let base = bases.max(by: { $0.name.utf8.count < $1.name.utf8.count }) else { continue }
      columns[index].label = "\(base.label), \(named[index].label)"
    }
  }
}
