// The rows of one section: what a reader sees of them, how many there are, and all of them as CSV.
// Invariant: `rows` may be fewer than `totalRows`, and every renderer then says so and names the CSV.
// The CSV is made as the rows are read, so it is never cut.

internal import CSV
internal import Definitions
internal import Markup
internal import Money
internal import Postgres

/// A column of a dataset.
struct DatasetColumn: Sendable, Hashable {
  var name: String
  var label: String
  var format: CellFormat
  /// Which way a figure should go; nil when neither is favourable.
  var better: ColumnFormat.Better?
}

/// The sum of a column over all rows of a dataset, in one currency.
struct ColumnTotal: Sendable, Hashable {
  var tie: FigureTie
  var column: String
  /// The column of the currency; empty for counts.
  var currencyColumn: String
  /// Whether it has digits behind the point, though no currency.
  var isDecimal: Bool
  /// Nil where there is no row: the promise stands, and what it ties to may have some.
  var currency: String?
  /// Nil when the sum, or one of its figures, has more digits than an exact decimal holds.
  var sum: ExactDecimal?
}

/// The rows of one section.
struct Dataset: Sendable {
  var columns: [DatasetColumn]
  /// The first rows, at most as many as are shown; those of the last days where `keepsNewest` says so.
  var rows: [[Figure]]
  /// Whether `rows` are those of the last days rather than the first ones.
  var keepsNewest = false
  /// How many rows there are in all.
  var totalRows: Int
  /// The path of the CSV inside the set, with all rows.
  var csvPath: String
  /// The bytes of that CSV.
  var csv: [UInt8]
  /// The bytes of the workbook at `extractPath`, when it was asked for.
  var extract: [UInt8]?
  /// Whether that CSV is among the files of the set; a report may leave it out.
  var isWritten = true
  /// Whether a workbook of very many rows is, too.
  var isExtracted = true
  /// The statement that gave the rows, of the pages that every set has.
  var statement: RanStatement?
  /// The sums of the columns that are promised to tie, over all rows.
  var totals: [ColumnTotal] = []
  /// The currencies of the amounts of all rows.
  var currencies: Set<String> = []

  /// Makes a dataset from rows in memory.
  init(columns: [DatasetColumn], rows: [[Figure]], shown: Int = .max, csvPath: String) throws {
    self.init(columns: columns, shown: [], totalRows: rows.count, csvPath: csvPath, csv: [])
    var writer = try Self.writer(columns)
    for row in rows { try Self.write(row, columns, into: &writer) }
    csv = writer.takeBytes()
    self.rows = Array(rows.prefix(shown))
    currencies = Self.currencies(rows, columns)
  }

  private init(columns: [DatasetColumn], shown: [[Figure]], totalRows: Int, csvPath: String, csv: [UInt8]) {
    self.columns = columns
    self.rows = shown
    self.totalRows = totalRows
    self.csvPath = csvPath
    self.csv = csv
  }

  /// Makes a dataset from named rows: described columns first, then the others as they come.
  ///
  /// - Parameters:
  ///   - kinds: what the server says that the columns hold, so that one without a value this night is written as it is
  ///     in others; without them its first value tells.
  ///   - newestBy: a column of days. Where it holds nothing else, and there are more rows than are shown, those of the
  ///     last days are kept, whole days only, in place of the first.
  init(
    names: [String], kinds: [PostgresColumnKind] = [], rows: [[Figure]], described: [ColumnFormat], shown: Int,
    newestBy: String? = nil, csvPath: String
  ) throws {
    let places = Self.places(of: names, described: described)
    let formats = Dictionary(described.map { ($0.column, $0) }, uniquingKeysWith: { first, _ in first })
    let ordered = places.map { names[$0] }
    var columns = zip(ordered, places).map { name, place in
      DatasetColumn(
        name: name, label: formats[name]?.label ?? ColumnFormat.label(forColumn: name),
        format: Self.format(
          formats[name]?.kind, name: name, type: place < kinds.count ? kinds[place] : .other,
          sample: rows.lazy.map { $0[place] }.first { $0 != .missing } ?? .missing
        ) { ordered.firstIndex(of: $0) }, better: formats[name]?.better)
    }
    for (index, place) in places.enumerated() where columns[index].format == .date {
      if Self.areMonths(rows, place) { columns[index].format = .month }
    }
    var writer = try Self.writer(columns)
    let firstDay = newestBy.flatMap { names.firstIndex(of: $0) }.flatMap { Self.firstDay(rows, of: $0, shown: shown) }
    var kept: [[Figure]] = []
    for row in rows {
      let figures = places.map { row[$0] }
      try Self.write(figures, columns, into: &writer)
      if kept.count < shown, Self.isKept(row, from: firstDay) { kept.append(figures) }
    }
    self.init(columns: columns, shown: kept, totalRows: rows.count, csvPath: csvPath, csv: writer.takeBytes())
    currencies = Self.currencies(rows.lazy.map { row in places.map { row[$0] } }, columns)
    keepsNewest = firstDay != nil
    for format in described {
      guard let tie = format.tie, let place = names.firstIndex(of: format.column) else { continue }
      var currency: Int?
      if case .money(let column) = format.kind { currency = names.firstIndex(of: column) }
      let isDecimal = if case .decimal = format.kind { true } else { false }
      totals += Self.totals(
        rows, of: place, by: currency, tie: tie, isDecimal: isDecimal,
        names: (format.column, currency.map { names[$0] } ?? ""))
    }
  }

  /// The first day of the last ones whose rows are not more than `shown`, or the last day when it alone has more; nil
  /// when there are not so many rows, or not every row has a day.
  private static func firstDay(_ rows: [[Figure]], of place: Int, shown: Int) -> (place: Int, day: CivilDate)? {
    guard rows.count > shown, shown > 0 else { return nil }
    let days = rows.compactMap { $0[place].day }.sorted()
    guard days.count == rows.count, let last = days.last else { return nil }
    let edge = days[days.count - shown]
    let isWhole = days[days.count - shown - 1] < edge
    return (place, isWhole ? edge : days.first { $0 > edge } ?? last)
  }

  private static func isKept(_ row: [Figure], from first: (place: Int, day: CivilDate)?) -> Bool {
    guard let first, let day = row[first.place].day else { return true }
    return day >= first.day
  }

  private static func totals(
    _ rows: [[Figure]], of place: Int, by currency: Int?, tie: FigureTie, isDecimal: Bool,
    names: (column: String, currency: String)
  ) -> [ColumnTotal] {
    var sums: [String: ExactDecimal?] = [:]
    for row in rows {
      let key = currency.map { row[$0].plainText } ?? ""
      let so = sums[key] ?? .zero
      if case .numeral = row[place] {
        sums[key] = .some(nil)
      } else {
        sums[key] = .some(so.flatMap { $0.adding(row[place].number ?? .zero) })
      }
    }
    func total(_ currency: String?, _ sum: ExactDecimal?) -> ColumnTotal {
      ColumnTotal(
        tie: tie, column: names.column, currencyColumn: names.currency, isDecimal: isDecimal, currency: currency,
        sum: sum)
    }
    return sums.isEmpty ? [total(nil, .zero)] : sums.sorted { $0.key < $1.key }.map(total)
  }

  static func currencies(_ rows: some Sequence<[Figure]>, _ columns: [DatasetColumn]) -> Set<String> {
    let places = Set(columns.compactMap(\.format.currencyColumn))
    var found: Set<String> = []
    if places.isEmpty { return found }
    for row in rows {
      for place in places { if case .text(let text) = row[place], !text.isEmpty { found.insert(text) } }
    }
    return found
  }

  /// The places of the columns in a row as it comes, in the order in which they are shown.
  static func places(of names: [String], described: [ColumnFormat]) -> [Int] {
    let order = described.compactMap { names.firstIndex(of: $0.column) }
    return order + names.indices.filter { !order.contains($0) }
  }

  /// The path of a workbook with all rows, `data/<name>.xlsx` beside the CSV, when there are very many.
  var extractPath: String? {
    totalRows > WorkbookExtract.fewestRows ? String(csvPath.dropLast("csv".count)) + "xlsx" : nil
  }

  /// The paths of its files in the set.
  var writtenPaths: [String] { (isWritten ? [csvPath] : []) + [writtenExtractPath].compactMap(\.self) }

  /// The path of the workbook with all rows where the set has one.
  var writtenExtractPath: String? { isExtracted ? extractPath : nil }

  /// Whether a column holds first days of months and nothing else, of at least two months.
  private static func areMonths(_ rows: [[Figure]], _ place: Int) -> Bool {
    var months: Set<CivilDate> = []
    for row in rows {
      guard case .date(let date) = row[place] else { continue }
      guard date.day == 1 else { return false }
      months.insert(date)
    }
    return months.count > 1
  }

  private static func writer(_ columns: [DatasetColumn]) throws -> CSVWriter {
    var writer = CSVWriter()
    try writer.record(columns.map(\.name), formulaGuard: true)
    return writer
  }

  private static func write(_ row: [Figure], _ columns: [DatasetColumn], into writer: inout CSVWriter) throws {
    for (figure, column) in zip(row, columns) {
      // Only numbers begin with a sign that is theirs; a day before the year 0 does, too, and is text to a spreadsheet.
      switch figure {
      case .text(let text) where column.format == .sparkline && numbers(text) != nil: try writer.field(text)
      case .missing, .number, .numeral: try writer.field(figure.plainText)
      case .text, .date, .moment, .clock: try writer.field(figure.plainText, formulaGuard: true)
      }
    }
    try writer.endRecord()
  }

  private static func format(
    _ kind: ColumnFormat.Kind?, name: String, type: PostgresColumnKind, sample: Figure, index: (String) -> Int?
  ) -> CellFormat {
    switch kind {
    case .money(let currency): return .money(currencyColumn: index(currency))
    case .integer: return .integer
    case .percent: return .percent
    case .date: return .date
    case .text: return .text
    case .sparkline: return .sparkline
    case .decimal(let places): return .decimal(places)
    case nil: break
    }
    if name == "id" || name.hasSuffix("_id") { return .identifier }
    switch (type, sample) {
    case (.number, _), (.other, .number), (.other, .numeral): return .plain
    case (.date, _), (.other, .date): return .date
    case (.other, _): return .text
    }
  }

  /// The place of a column, or nil.
  func index(of column: String) -> Int? { columns.firstIndex { $0.name == column } }

  /// The currency that a money cell of `row` is in, when its column names one.
  func currency(of column: Int, in row: [Figure]) -> String? {
    guard let place = columns[column].format.currencyColumn, place < row.count, case .text(let text) = row[place]
    else { return nil }
    return text
  }

  /// A cell as a reader sees it.
  func text(_ row: [Figure], _ column: Int) -> String {
    columns[column].format.text(row[column], currency: currency(of: column, in: row))
  }

  /// The line of a sparkline's cell, written like the column it belongs to: that whose name its own begins with.
  /// Nil when the cell is no list of numbers.
  func sparkline(_ row: [Figure], _ column: Int) -> Sparkline? {
    let values: [ExactDecimal?]
    switch row[column] {
    case .number(let number): values = [number]
    case .text(let text):
      guard let numbers = Self.numbers(text) else { return nil }
      values = numbers
    default: return nil
    }
    let owner = owner(ofSparkline: column) ?? column
    let currency = currency(of: owner, in: row)
    return Sparkline(
      label: columns[column].label, values: values, format: columns[owner].format.figureFormat(currency: currency),
      unit: currency ?? "")
  }

  /// The numbers of a list, nil for each that is missing; nil when the text is no list of numbers, or there is none.
  private static func numbers(_ text: String) -> [ExactDecimal?]? {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
    let values = parts.map { part in PostgresNumeric(part).flatMap { ExactDecimal(nearest: $0) } }
    guard zip(parts, values).allSatisfy({ $0.0.isEmpty || $0.1 != nil }), values.contains(where: { $0 != nil }) else {
      return nil
    }
    return values
  }

  /// The numeric column whose name and `_` a sparkline's name begins with; the longest of several.
  func owner(ofSparkline column: Int) -> Int? {
    columns.indices.filter { columns[$0].format.isNumeric && columns[column].name.hasPrefix(columns[$0].name + "_") }
      .max { columns[$0].name.utf8.count < columns[$1].name.utf8.count }
  }

  /// "25 of 4,812", when not all rows are shown.
  var truncation: (shown: String, total: String)? {
    guard totalRows > rows.count else { return nil }
    return (
      CellFormat.integer.text(.number(ExactDecimal(rows.count))),
      CellFormat.integer.text(.number(ExactDecimal(totalRows)))
    )
  }
}
