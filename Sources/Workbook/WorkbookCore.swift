// What both kinds of workbook share: sheets, formats, single cells, closing.
// Invariant: text is written by the one call that takes it for text; formulas and links are never written.

internal import CLibXLSXWriter
internal import Money

/// A workbook in the making.
struct WorkbookCore: ~Copyable {
  let handle: WorkbookHandle
  let path: String
  /// How dates are shown.
  let dateCode: String
  private(set) var sheets: [(name: String, pointer: UnsafeMutablePointer<lxw_worksheet>)] = []
  private var sheetNames = SheetNames()
  private var formats: [CellStyle: UnsafeMutablePointer<lxw_format>] = [:]

  static let rows = 1_048_576
  static let columns = 16_384
  /// Longer texts are shown as ### in a cell of the format "text" by some versions of Excel.
  private static let longestTextFormat = 255

  init(path: String, scratch: String, properties: WorkbookProperties, constantMemory: Bool) throws(WorkbookError) {
    // Nothing is stored before everything that can fail is done.
    let handle = try WorkbookHandle(path: path, scratch: scratch, constantMemory: constantMemory)
    let texts = [properties.title, properties.subject, properties.author, properties.comments]
    let book = handle.book
    let code = try withCStrings(texts.map { SheetText.line($0, maximumUnits: 250) }) { texts throws(WorkbookError) in
      var values = lxw_doc_properties()
      values.title = texts[0]
      values.subject = texts[1]
      values.author = texts[2]
      values.comments = texts[3]
      // The library takes 0 for "now".
      values.created = Int(max(1, properties.createdSecondsSince1970))
      return workbook_set_properties(book, &values)
    }
    try Self.check(code, "properties", path)
    self.handle = handle
    self.path = path
    dateCode = properties.dateCode
  }

  mutating func addSheet(_ title: String) throws(WorkbookError) -> SheetID {
    let name = sheetNames.name(for: title)
    guard let pointer = handle.addSheet(name) else {
      throw .cannotWrite(path: path, reason: "no temporary file for the sheet \(name)")
    }
    sheets.append((name, pointer))
    return SheetID(index: sheets.count - 1)
  }

  func set(_ setup: SheetSetup, on sheet: SheetID) throws(WorkbookError) {
    let pointer = sheets[sheet.index].pointer
    for (column, width) in setup.columnWidths.enumerated().prefix(Self.columns) {
      let place = lxw_col_t(column)
      try check(worksheet_set_column(pointer, place, place, min(max(width, 1), 255), nil), "column width")
    }
    worksheet_set_landscape(pointer)
    worksheet_fit_to_pages(pointer, 1, 0)
    if setup.headRows > 0 {
      worksheet_freeze_panes(pointer, lxw_row_t(setup.headRows), 0)
      try check(worksheet_repeat_rows(pointer, 0, lxw_row_t(setup.headRows - 1)), "repeated rows")
    }
    try check(worksheet_set_header(pointer, setup.header.code), "header")
    try check(worksheet_set_footer(pointer, setup.footer.code), "footer")
  }

  mutating func write(
    _ value: CellValue, at place: CellPlace, style: CellStyle, on sheet: SheetID
  ) throws(WorkbookError) -> CellFate {
    guard (0..<Self.rows).contains(place.row), (0..<Self.columns).contains(place.column) else {
      throw .limit(path: path, "a sheet has \(Self.rows) rows and \(Self.columns) columns")
    }
    switch value {
    case .blank: return .whole
    case .text(let text): return try write(text, style, place, sheet)
    case .number(let number, let decimals):
      let fitted = SheetNumber(number, amountDecimals: decimals)
      guard let double = fitted.double else {
        _ = try write(number.description, CellStyle(.flagged, .text), place, sheet)
        return .numberAsText
      }
      try write(double, style, place, sheet)
      if case .rounded = fitted { return .rounded }
      return .whole
    case .date(let date):
      guard let serial = SheetDate.serial(date) else {
        _ = try write(date.description, CellStyle(.flagged, .text), place, sheet)
        return .dateAsText
      }
      try write(Double(serial), style, place, sheet)
    case .moment(let microseconds):
      guard let serial = SheetDate.serial(microsecondsSince1970: microseconds) else {
        let day = CivilDate(daysSince1970: Int((Double(microseconds) / 86_400_000_000).rounded(.down)))
        _ = try write(day.description, CellStyle(.flagged, .text), place, sheet)
        return .dateAsText
      }
      try write(serial, style, place, sheet)
    }
    return .whole
  }

  private mutating func write(
    _ text: String, _ style: CellStyle, _ place: CellPlace, _ sheet: SheetID
  ) throws(WorkbookError) -> CellFate {
    if text.isEmpty { return .whole }
    let fitted = SheetText(text)
    var style = style
    let isShort = fitted.encoded.utf16.count <= Self.longestTextFormat
    if style.role == .body || style.format == .text { style.format = isShort ? .text : .general }
    let code = worksheet_write_string(
      sheets[sheet.index].pointer, lxw_row_t(place.row), lxw_col_t(place.column), fitted.encoded, try format(style))
    try check(code, "text in \(place.name)")
    return fitted.isCut ? .cut : .whole
  }

  private mutating func write(
    _ number: Double, _ style: CellStyle, _ place: CellPlace, _ sheet: SheetID
  ) throws(WorkbookError) {
    let code = worksheet_write_number(
      sheets[sheet.index].pointer, lxw_row_t(place.row), lxw_col_t(place.column), number, try format(style))
    try check(code, "number in \(place.name)")
  }

  /// The library's format of a style, made once. Nil is its default.
  mutating func format(_ style: CellStyle) throws(WorkbookError) -> UnsafeMutablePointer<lxw_format>? {
    if style == CellStyle() { return nil }
    if let known = formats[style] { return known }
    guard let format = workbook_add_format(handle.book) else { throw .cannotWrite(path: path, reason: "out of memory") }
    if style.format != .general { format_set_num_format(format, style.format.code(date: dateCode)) }
    switch style.role {
    case .body: if style.format.isDate { format_set_align(format, UInt8(LXW_ALIGN_LEFT.rawValue)) }
    case .title:
      format_set_bold(format)
      format_set_font_size(format, 15)
    case .heading:
      format_set_bold(format)
      format_set_font_size(format, 12)
    case .header:
      format_set_bold(format)
      format_set_text_wrap(format)
    case .figureHeader:
      format_set_bold(format)
      format_set_text_wrap(format)
      format_set_align(format, UInt8(LXW_ALIGN_RIGHT.rawValue))
      // Room for the button of the filter.
      format_set_indent(format, 2)
    case .note: format_set_font_color(format, 0x595959)
    case .good: format_set_font_color(format, 0x1E6B34)
    case .warning:
      format_set_bold(format)
      format_set_font_color(format, 0x9C0006)
    case .flagged:
      format_set_bg_color(format, 0xFFF2CC)
      format_set_align(format, UInt8(LXW_ALIGN_RIGHT.rawValue))
    }
    formats[style] = format
    return format
  }

  /// Turns a refusal of the library into an error.
  func check(_ code: lxw_error, _ what: String) throws(WorkbookError) {
    try Self.check(code, what, path)
  }

  private static func check(_ code: lxw_error, _ what: String, _ path: String) throws(WorkbookError) {
    guard code != LXW_NO_ERROR else { return }
    throw .limit(path: path, "\(what): \(words(code))")
  }

  consuming func close() throws(WorkbookError) {
    let path = path
    let (code, number) = handle.close()
    guard code == LXW_NO_ERROR else {
      throw .cannotWrite(path: path, reason: number == 0 ? Self.words(code) : systemWords(number))
    }
    try WorkbookProof.check(path)
  }

  private static func words(_ code: lxw_error) -> String {
    lxw_strerror(code).map { String(cString: $0) } ?? "error \(code.rawValue)"
  }
}
