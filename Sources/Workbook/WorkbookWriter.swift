// A workbook for people: sheets with tables, charts, formats and print set-up, held in memory until it is closed.
// Invariant: the same calls with the same values give the same bytes; no type, pointer or string convention of the
// library is seen from outside; every text is text.
// Workbooks of very many rows are elsewhere: ExtractWriter.

internal import CLibXLSXWriter

/// Writes one workbook.
///
/// A writer that is dropped before `close()` leaves an empty file at the path.
public struct WorkbookWriter: ~Copyable {
  var core: WorkbookCore
  private var rangeNames = RangeNames()

  /// Begins a workbook.
  ///
  /// - Parameters:
  ///   - path: where the finished file goes.
  ///   - scratch: a directory of the caller's for the library's temporary files.
  ///   - properties: what the file says about itself.
  /// - Throws: `WorkbookError.cannotWrite` when one of both places cannot be written to.
  public init(path: String, scratch: String, properties: WorkbookProperties) throws(WorkbookError) {
    core = try WorkbookCore(path: path, scratch: scratch, properties: properties, constantMemory: false)
  }

  /// Adds a sheet; its name is the title made to follow Excel's rules, and is `name(of:)`.
  ///
  /// - Throws: `WorkbookError`.
  public mutating func addSheet(_ title: String) throws(WorkbookError) -> SheetID {
    try core.addSheet(title)
  }

  /// The name of a sheet.
  public func name(of sheet: SheetID) -> String { core.sheets[sheet.index].name }

  /// Says how a sheet is shown and printed.
  ///
  /// - Throws: `WorkbookError`.
  public func set(_ setup: SheetSetup, on sheet: SheetID) throws(WorkbookError) {
    try core.set(setup, on: sheet)
  }

  /// Writes a cell. `.blank` and an empty text write nothing, so that charts see a gap.
  ///
  /// - Returns: what became of the value; nothing is lost without it being said here.
  /// - Throws: `WorkbookError.limit` for a place outside a sheet.
  @discardableResult
  public mutating func write(
    _ value: CellValue, at place: CellPlace, style: CellStyle = CellStyle(), on sheet: SheetID
  ) throws(WorkbookError) -> CellFate {
    try core.write(value, at: place, style: style, on: sheet)
  }

  /// Makes a row as high as this many lines of text; readers differ on whether they do it by themselves.
  ///
  /// - Throws: `WorkbookError`.
  public func setHeight(ofRow row: Int, lines: Int, on sheet: SheetID) throws(WorkbookError) {
    let height = 15.0 * Double(min(max(lines, 1), 20))
    try core.check(worksheet_set_row(core.sheets[sheet.index].pointer, lxw_row_t(row), height, nil), "row height")
  }

  // MARK: Names and tables

  /// Gives a cell a name that formulas of the whole workbook can use.
  ///
  /// - Parameter hint: the name, if it is free and valid, or what to make it from.
  /// - Returns: the name.
  /// - Throws: `WorkbookError`.
  @discardableResult
  public mutating func define(_ hint: String, as place: CellPlace, on sheet: SheetID) throws(WorkbookError) -> String {
    let name = rangeNames.name(for: hint)
    let quoted = self.name(of: sheet).split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
    try core.check(
      workbook_define_name(core.handle.book, name, "='\(quoted)'!\(place.absoluteName)"), "defined name \(name)")
    return name
  }

  /// Makes a native table, with a filter at each head, and writes the heads.
  ///
  /// - Parameters:
  ///   - hint: its name, if it is free and valid, or what to make it from.
  ///   - place: the first head.
  ///   - headers: one for each column. Excel wants them to differ; one that comes again gets a number.
  ///   - figureColumns: which columns hold figures, so that their heads stand above them.
  ///   - rows: how many rows follow; a table has at least one, be it blank.
  /// - Returns: the name, and the range without the heads.
  /// - Throws: `WorkbookError`.
  @discardableResult
  public mutating func addTable(
    _ hint: String, at place: CellPlace, headers: [String], figureColumns: Set<Int> = [], rows: Int, on sheet: SheetID
  ) throws(WorkbookError) -> (name: String, body: CellRange) {
    let name = rangeNames.name(for: hint)
    let last = CellPlace(place.row + max(1, rows), place.column + headers.count - 1)
    guard !headers.isEmpty, last.row < WorkbookCore.rows, last.column < WorkbookCore.columns else {
      throw .limit(path: core.path, "table \(name): a sheet has \(WorkbookCore.rows) rows")
    }
    let formats = (words: try core.format(CellStyle(.header)), figures: try core.format(CellStyle(.figureHeader)))
    let pointer = core.sheets[sheet.index].pointer
    let code = try withCStrings([name] + Self.distinct(headers)) { texts throws(WorkbookError) in
      var columns = texts.dropFirst().enumerated().map { index, text in
        var column = lxw_table_column()
        column.header = text
        column.header_format = figureColumns.contains(index) ? formats.figures : formats.words
        return column
      }
      return columns.withUnsafeMutableBufferPointer { columns in
        // The library reads columns until nil.
        var list = columns.indices.map { columns.baseAddress?.advanced(by: $0) } + [nil]
        return list.withUnsafeMutableBufferPointer { list in
          var options = lxw_table_options()
          options.name = texts[0]
          options.style_type = UInt8(LXW_TABLE_STYLE_TYPE_LIGHT.rawValue)
          options.style_type_number = 1
          options.columns = list.baseAddress
          return worksheet_add_table(
            pointer, lxw_row_t(place.row), lxw_col_t(place.column), lxw_row_t(last.row), lxw_col_t(last.column),
            &options)
        }
      }
    }
    try core.check(code, "table \(name)")
    return (name, CellRange(CellPlace(place.row + 1, place.column), last))
  }

  /// Heads as a table takes them: one line each, not empty, at most 255 characters, no two the same, case apart.
  private static func distinct(_ headers: [String]) -> [String] {
    var taken: Set<String> = []
    return headers.map { header in
      // A name of spaces is not one; and "Column3" is what Excel itself would say.
      let line = SheetText.line(header, maximumUnits: 240)
      let base = line.allSatisfy { $0 == " " } ? "Column" : line
      var name = base
      var number = 2
      while !taken.insert(name.lowercased()).inserted {
        name = "\(base) (\(number))"
        number += 1
      }
      return name
    }
  }

  /// Marks texts that look like numbers as meant so, for example identifiers; Excel then shows no warning there.
  ///
  /// - Parameter ranges: all of the sheet's; a second call replaces the first.
  /// - Throws: `WorkbookError`.
  public func expectNumbersAsText(in ranges: [CellRange], on sheet: SheetID) throws(WorkbookError) {
    if ranges.isEmpty { return }
    let list = ranges.map(\.name).joined(separator: " ")
    let kind = UInt8(LXW_IGNORE_NUMBER_STORED_AS_TEXT.rawValue)
    // The library copies at most 2,079 bytes into the file; a list that would be cut is worse than none.
    guard list.utf8.count < 2_079 else { return }
    try core.check(worksheet_ignore_errors(core.sheets[sheet.index].pointer, kind, list), "ignored warnings")
  }

  /// Writes the file and looks whether it is whole.
  ///
  /// - Throws: `WorkbookError`; the file is then not to be used.
  public consuming func close() throws(WorkbookError) {
    try core.close()
  }
}
