// A workbook of very many rows, written row by row: what is behind the last row is on disk already.
// Invariant: memory does not grow with the rows. For that it has neither tables nor charts; what a sheet cannot hold goes
// on, with its heads, on the next.
// Source: libxlsxwriter's documentation, "Working with memory and performance", constant_memory.

internal import CLibXLSXWriter

/// Writes one workbook of rows.
///
/// A writer that is dropped before `close()` leaves an empty file at the path.
public struct ExtractWriter: ~Copyable {
  private var core: WorkbookCore
  private let headers: [String]
  private let setup: SheetSetup
  private let title: String
  private let rowsPerSheet: Int
  private var sheet: SheetID
  private var row = 1

  /// Begins a workbook with the heads of its columns.
  ///
  /// - Parameters:
  ///   - path: where the finished file goes.
  ///   - scratch: a directory of the caller's for the library's temporary files, which grow with the rows.
  ///   - properties: what the file says about itself.
  ///   - title: the name of the first sheet.
  ///   - headers: one for each column.
  ///   - setup: how every sheet is shown; one row is always kept in view.
  ///   - rowsPerSheet: rows on a sheet, the heads not counted; at most as many as a sheet holds.
  /// - Throws: `WorkbookError`.
  public init(
    path: String, scratch: String, properties: WorkbookProperties, title: String, headers: [String],
    setup: SheetSetup = SheetSetup(), rowsPerSheet: Int = .max
  ) throws(WorkbookError) {
    var core = try WorkbookCore(path: path, scratch: scratch, properties: properties, constantMemory: true)
    var setup = setup
    setup.headRows = 1
    sheet = try Self.addSheet(title, headers, setup, to: &core)
    self.core = core
    self.headers = headers
    self.title = title
    self.rowsPerSheet = min(max(1, rowsPerSheet), WorkbookCore.rows - 1)
    self.setup = setup
  }

  /// Writes the next row.
  ///
  /// - Parameter cells: values with their formats, from the first column on.
  /// - Returns: what became of each value.
  /// - Throws: `WorkbookError`.
  @discardableResult
  public mutating func append(_ cells: [(value: CellValue, format: NumberFormat)]) throws(WorkbookError) -> [CellFate] {
    if row > rowsPerSheet {
      sheet = try Self.addSheet(title, headers, setup, to: &core)
      row = 1
    }
    var fates: [CellFate] = []
    fates.reserveCapacity(cells.count)
    for (column, cell) in cells.enumerated() {
      fates.append(
        try core.write(cell.value, at: CellPlace(row, column), style: CellStyle(.body, cell.format), on: sheet))
    }
    row += 1
    return fates
  }

  /// Adds a sheet of sentences about the rows; no row can follow.
  ///
  /// - Throws: `WorkbookError`.
  public mutating func addNotes(_ sentences: [String]) throws(WorkbookError) {
    sheet = try core.addSheet("Notes")
    for (row, sentence) in sentences.enumerated() {
      _ = try core.write(.text(sentence), at: CellPlace(row, 0), style: CellStyle(.note), on: sheet)
    }
    row = .max
  }

  /// Writes the file and looks whether it is whole.
  ///
  /// - Throws: `WorkbookError`; the file is then not to be used.
  public consuming func close() throws(WorkbookError) {
    try core.close()
  }

  private static func addSheet(
    _ title: String, _ headers: [String], _ setup: SheetSetup, to core: inout WorkbookCore
  ) throws(WorkbookError) -> SheetID {
    let sheet = try core.addSheet(title)
    try core.set(setup, on: sheet)
    for (column, header) in headers.enumerated() {
      _ = try core.write(.text(header), at: CellPlace(0, column), style: CellStyle(.header), on: sheet)
    }
    return sheet
  }
}
