// The contents of a set as one workbook: a sheet for each page that has figures, page one first. It is made from the
// same contents as the pages and report.json, so none of them can disagree.
// Invariant: every row that report.json shows of a section stands in a native table here; what a cell cannot hold is said
// under its table. The same contents at the same moment are the same bytes.
// What a single figure becomes is elsewhere: SheetCell. Sheets with the figures of charts: WorkbookSheet+Charts.

internal import FoundationEssentials
internal import Ledger
internal import Markup
internal import Money
internal import Workbook

/// Renders `daybook.xlsx`.
struct WorkbookRendering: Sendable {
  /// One page with the feeds that it speaks of.
  struct Page: Sendable {
    var content: ReportContent
    var feeds: [PageContext.FeedReach]

    /// Whether it has anything for a sheet.
    var hasFigures: Bool { content.blocks.contains { $0.dataset != nil } }
  }

  static let fileName = "daybook.xlsx"
  let context: PageContext
  let generated: Moment
  /// In the order of the navigation.
  let pages: [Page]

  /// The bytes of the workbook.
  ///
  /// - Parameter scratch: a folder of the caller's, on the disk where the set will be.
  func bytes(scratch: String) throws(WorkbookError) -> [UInt8] {
    let path = "\(scratch)/\(Self.fileName)"
    var writer = try WorkbookWriter(
      path: path, scratch: scratch,
      properties: WorkbookProperties(
        title: "\(legible(context.project)), \(DateText.day(context.asOf))", subject: context.stateWord,
        author: "Daybook", comments: "Run \(context.runID), generated \(context.generatedAt) UTC",
        createdSecondsSince1970: generated.microsecondsSince1970 / 1_000_000, dateCode: Self.dateCode))
    var charts: [PendingChart] = []
    for page in pages where page.hasFigures || page.content.name == IndexPage.name {
      var sheet = try WorkbookSheet(page, context: context, in: &writer)
      try sheet.write(to: &writer)
      charts += sheet.charts
    }
    try WorkbookSheet.addCharts(charts, context: context, to: &writer)
    try writer.close()
    return try Self.read(path)
  }

  /// Excel's code for dates as readers write them; its own `/` is that of the reader's machine.
  static var dateCode: String {
    (FigureNotation.current.datePattern ?? "yyyy-MM-dd").replacing("MM", with: "mm").replacing("/", with: "\\/")
  }

  /// Reads a finished workbook back.
  static func read(_ path: String) throws(WorkbookError) -> [UInt8] {
    do {
      return Array(try Data(contentsOf: URL(filePath: path)))
    } catch {
      throw .cannotWrite(path: path, reason: "it cannot be read back: \(error)")
    }
  }
}

/// A chart whose place is known, and whose figures are still to be written.
struct PendingChart: Sendable {
  var chart: Chart
  var kind: SheetChart.Kind
  /// The hint for the name of the table with its figures.
  var name: String
  var sheet: SheetID
  var title: CellPlace
  var place: CellPlace
}
