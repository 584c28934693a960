// One value of a dataset, free of the database, and how it is written for a reader, a CSV and a JSON file.
// Invariant: a number is exact from the server's numeric to the last digit of every file.
// Layout is elsewhere: PageLayout.

internal import Ledger
internal import Markup
internal import Money
internal import Postgres

/// A value of a dataset.
enum Figure: Sendable, Hashable {
  case missing
  case number(ExactDecimal)
  case text(String)
  case date(CivilDate)
  case moment(Moment)

  /// Reads a value as the server sent it. What is not a number, a date or a time becomes its text.
  init(_ value: PostgresValue) {
    switch value {
    case .null: self = .missing
    case .bool(let flag): self = .text(flag ? "yes" : "no")
    case .int4(let number): self = .number(ExactDecimal(Int(number)))
    case .int8(let number): self = .number(ExactDecimal(Int(number)))
    case .float8(let number):
      let text = number.description
      self = ExactDecimal(text).map { .number($0) } ?? .text(text)
    case .numeric(let number):
      if let (coefficient, scale) = number.exact, let exact = ExactDecimal(coefficient: coefficient, scale: scale) {
        self = .number(exact)
      } else {
        self = .text(number.description)
      }
    case .text(let text), .json(let text): self = .text(text)
    case .date(let days): self = .date(CivilDate(daysSince1970: Int(days)))
    case .timestamp(let microseconds), .timestamptz(let microseconds):
      self = .moment(Moment(microsecondsSince1970: microseconds))
    case .bytes(let bytes), .uuid(let bytes), .encoded(_, let bytes): self = .text(Self.hexadecimal(bytes))
    case .textArray(let texts): self = .text(texts.map { $0 ?? "" }.joined(separator: ", "))
    case .int8Array(let numbers): self = .text(numbers.map { $0.map(String.init) ?? "" }.joined(separator: ", "))
    }
  }

  /// The number, when it is one.
  var number: ExactDecimal? {
    if case .number(let number) = self { return number }
    return nil
  }

  /// The plain form for CSV: digits with a point, ISO dates, text as it is, empty for missing.
  var plainText: String {
    switch self {
    case .missing: ""
    case .number(let number): number.description
    case .text(let text): text
    case .date(let date): date.description
    case .moment(let moment): moment.description
    }
  }

  static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// How a column's values are written.
enum CellFormat: Sendable, Hashable {
  /// An amount; the currency stands in another column of the row, by its index.
  case money(currencyColumn: Int?)
  case integer
  case percent
  case decimal(Int)
  case plain
  case date
  /// A date of a column that holds only first days of months.
  case month
  case text
  /// A number that names something: digits without grouping.
  case identifier
  /// A list of numbers, drawn as a small line.
  case sparkline
  /// What ought to be zero, so zero is spelt out: `0.00`; the currency as in `money`, or whole rows.
  case difference(currencyColumn: Int?)
  case rowDifference

  var isNumeric: Bool {
    switch self {
    case .money, .integer, .percent, .decimal, .plain, .difference, .rowDifference: true
    case .date, .month, .text, .identifier, .sparkline: false
    }
  }

  var figureFormat: FigureFormat {
    switch self {
    case .money, .difference: .money(decimals: 2)
    case .integer, .rowDifference: .integer
    case .percent: .percent(decimals: 1)
    case .decimal(let places): .decimal(places: places)
    case .plain, .date, .month, .text, .identifier, .sparkline: .plain
    }
  }

  /// The format with the decimals that an amount in `currency` has.
  func figureFormat(currency: String?) -> FigureFormat {
    switch self {
    case .money, .difference: .money(decimals: currency.flatMap { CurrencyCode($0)?.minorUnits } ?? 2)
    default: figureFormat
    }
  }

  /// The name in `report.json`.
  var name: String {
    switch self {
    case .money, .difference: "money"
    case .integer, .rowDifference: "integer"
    case .percent: "percent"
    case .decimal, .plain: "decimal"
    case .date, .month: "date"
    case .text: "text"
    case .identifier: "identifier"
    case .sparkline: "sparkline"
    }
  }

  /// A value as a reader sees it.
  func text(_ figure: Figure, currency: String? = nil) -> String {
    switch (figure, self) {
    case (.missing, _): ""
    case (.number(let number), .identifier), (.number(let number), .text): number.description
    case (.number(let number), .difference), (.number(let number), .rowDifference):
      figureFormat(currency: currency).spelled(number)
    case (.number(let number), _): figureFormat(currency: currency).text(number)
    case (.moment(let moment), .date): FigureNotation.current.date(moment.dayInUTC)
    case (.moment(let moment), _): minutes(moment)
    case (.date(let date), .month): DateText.month(date)
    case (.date(let date), _): FigureNotation.current.date(date)
    case (.text(let text), _): text
    }
  }
}

/// `2026-11-20 04:15`, in UTC.
func minutes(_ moment: Moment) -> String {
  String(moment.description.prefix(16).map { $0 == "T" ? " " : $0 })
}
