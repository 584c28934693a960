// All rows of a section as a workbook of their own, `data/<name>.xlsx`, when there are so many that people would open
// them in a spreadsheet and the report's workbook should not carry them.
// Invariant: memory does not grow with the rows but by the finished file; the same rows of the same date are the same
// bytes, whichever run wrote them.

internal import FoundationEssentials
internal import Ledger
internal import Markup
internal import Money
internal import Workbook

/// Writes the rows of a section.
struct WorkbookExtract: Sendable {
  let dataset: Dataset
  let title: String
  let project: String
  let asOf: CivilDate

  /// More rows than this get a workbook of their own.
  static let fewestRows = 100_000
  /// How many rows the widths of the columns are taken from.
  private static let measuredRows = 200

  /// - Parameters:
  ///   - rows: all of them, in the order of the dataset's columns.
  ///   - scratch: a folder of the caller's, on the disk where the set will be.
  /// - Complexity: O(rows); memory for one row and the finished file.
  func bytes(_ rows: some Sequence<[Figure]>, scratch: String) throws(WorkbookError) -> [UInt8] {
    let path = "\(scratch)/extract.xlsx"
    let setup = SheetSetup(
      columnWidths: SheetWidths(dataset, rows: Array(rows.prefix(Self.measuredRows))).widths,
      header: PageLine(left: "\(legible(project)) – \(legible(title))", right: "As of \(DateText.day(asOf))"),
      footer: PageLine(hasPageNumber: true))
    var writer = try ExtractWriter(
      path: path, scratch: scratch,
      properties: WorkbookProperties(
        title: "\(legible(project)): \(legible(title))", subject: "As of \(DateText.day(asOf))", author: "Daybook",
        createdSecondsSince1970: Int64(asOf.daysSince1970) * 86_400, dateCode: WorkbookRendering.dateCode),
      title: legible(title), headers: dataset.columns.map { legible($0.label) }, setup: setup)
    var tally = CellTally()
    for row in rows {
      let fates = try writer.append(
        dataset.columns.indices.map { column in
          let cell = SheetCell(
            row[column], format: dataset.columns[column].format, currency: dataset.currency(of: column, in: row))
          return (cell.value, cell.format)
        })
      for fate in fates { tally.count(fate) }
    }
    let notes = tally.sentences(csv: dataset.csvPath)
    if !notes.isEmpty { try writer.addNotes(notes) }
    try writer.close()
    return try WorkbookRendering.read(path)
  }
}

/// How wide columns have to be, from what stands in them.
struct SheetWidths: Sendable, Hashable {
  private(set) var widths: [Double] = []
  private static let narrowest = 9.0
  private static let widest = 48.0

  init() {}

  /// The widths of a dataset's columns for some of its rows.
  init(_ dataset: Dataset, rows: [[Figure]]) {
    for (column, head) in dataset.columns.enumerated() {
      // A head wraps, and has a button in its corner.
      widen(column, characters: min(head.label.count, 18) + 4)
      for row in rows { widen(column, characters: dataset.shownCharacters(row, column) + 2) }
    }
  }

  /// How many lines the heads of a table take in columns of these widths.
  func lines(ofHeads heads: [String]) -> Int {
    zip(heads, widths).map { head, width in
      // The button of the filter takes the width of three characters.
      let room = max(4, Int(width) - 3)
      var lines = 1
      var used = 0
      for word in head.split(separator: " ") {
        if used > 0, used + 1 + word.count > room {
          lines += 1
          used = 0
        }
        used += (used > 0 ? 1 : 0) + word.count
        lines += max(0, used - 1) / room
        used = used > room ? used % room : used
      }
      return lines
    }.max() ?? 1
  }

  mutating func widen(_ column: Int, characters: Int) {
    while widths.count <= column { widths.append(Self.narrowest) }
    widths[column] = max(widths[column], min(Double(characters), Self.widest))
  }

  mutating func merge(_ other: SheetWidths) {
    for (column, width) in other.widths.enumerated() { widen(column, characters: Int(width)) }
  }
}

extension Dataset {
  /// About how many characters a cell shows; of a long text no more are counted than make a difference.
  fileprivate func shownCharacters(_ row: [Figure], _ column: Int) -> Int {
    if case .text(let text) = row[column] { return text.prefix(60).count }
    if row[column].reading != nil { return 19 }
    return self.text(row, column).count
  }
}
