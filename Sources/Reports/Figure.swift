// One value of a dataset, free of the database, and how it is written for a reader, a CSV and a JSON file.
// Invariant: a number of up to 38 digits is exact from the server's numeric to the last digit of every file. A longer
// fraction is rounded to 38 digits, ties away from zero; what is longer before the point stays the server's text.
// Layout is elsewhere: PageLayout.

internal import Ledger
internal import Markup
internal import Money
internal import Postgres

/// A value of a dataset.
enum Figure: Sendable, Hashable {
  case missing
  case number(ExactDecimal)
  /// A number that no exact decimal holds, as the server writes it: of more than 38 digits before the point, or `NaN`.
  case numeral(String)
  case text(String)
  case date(CivilDate)
  /// A point in time, which readers see on the clock of the project.
  case moment(Moment)
  /// What some clock showed, one does not know where, as if it ran in UTC.
  case clock(Moment)

  /// Reads a value as the server sent it. What is not a number, a date or a time becomes its text.
  init(_ value: PostgresValue) {
    switch value {
    case .null: self = .missing
    case .bool(let flag): self = .text(flag ? "yes" : "no")
    case .int4(let number): self = .number(ExactDecimal(Int(number)))
    case .int8(let number): self = .number(ExactDecimal(Int(number)))
    case .float8(let number):
      let numeric = PostgresNumeric(number.description)
      self =
        numeric.flatMap { ExactDecimal(nearest: $0) }.map { .number($0) }
        ?? .numeral(number.isFinite ? number.description : numeric?.description ?? "NaN")
    case .numeric(let number):
      self = ExactDecimal(nearest: number).map { .number($0) } ?? .numeral(number.description)
    case .text(let text), .json(let text): self = .text(text)
    case .date(Int32.max), .timestamp(Int64.max), .timestamptz(Int64.max): self = .text("infinity")
    case .date(Int32.min), .timestamp(Int64.min), .timestamptz(Int64.min): self = .text("-infinity")
    // What the server holds beyond this is decoded as this: no day that nobody wrote is shown for it.
    case .timestamp(Int64.max - 1), .timestamptz(Int64.max - 1): self = .text("after 294247-01-10")
    case .date(let days): self = .date(CivilDate(daysSince1970: Int(days)))
    case .timestamp(let microseconds): self = .clock(Moment(microsecondsSince1970: microseconds))
    case .timestamptz(let microseconds): self = .moment(Moment(microsecondsSince1970: microseconds))
    case .uuid: self = .text(String.decode(value) ?? "")
    case .bytes(let bytes), .encoded(_, let bytes): self = .text(Self.hexadecimal(bytes))
    case .textArray(let texts): self = .text(texts.map { $0 ?? "" }.joined(separator: ", "))
    case .int8Array(let numbers): self = .text(numbers.map { $0.map(String.init) ?? "" }.joined(separator: ", "))
    }
  }

  /// The number, when it is one.
  var number: ExactDecimal? {
    if case .number(let number) = self { return number }
    return nil
  }

  /// Whether it is a number that cannot be reckoned with.
  var isUncountable: Bool { if case .numeral = self { true } else { false } }

  /// What a reader's clock shows of a time, as if it ran in UTC; nil for what is no time.
  var reading: Moment? {
    switch self {
    case .moment(let moment): moment.onTheReadersClock
    case .clock(let clock): clock
    default: nil
    }
  }

  /// The day of a date, and the day on which a time falls for the readers; nil for what is neither.
  var day: CivilDate? {
    if case .date(let date) = self { return date }
    return reading?.dayInUTC
  }

  /// The plain form for CSV: digits with a point, ISO dates, points in time in UTC to the microsecond, text as it is, empty for missing.
  var plainText: String {
    switch self {
    case .missing: ""
    case .number(let number): number.description
    case .numeral(let text), .text(let text): text
    case .date(let date): date.description
    case .moment(let moment): Self.precise(moment)
    case .clock(let clock): String(Self.precise(clock).dropLast())
    }
  }

  /// As `Moment.description`, with all six digits of the second's fraction where the last three are not zero.
  private static func precise(_ moment: Moment) -> String {
    let text = moment.description
    let rest = moment.microsecondsSince1970 % 1_000
    if rest == 0 { return text }
    let digits = String(rest < 0 ? rest + 1_000 : rest)
    return text.dropLast() + String(repeating: "0", count: 3 - digits.count) + digits + "Z"
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

  /// The place of the column with the currency of an amount.
  var currencyColumn: Int? {
    switch self {
    case .money(let place), .difference(let place): place
    default: nil
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

  /// A value that names a place of a picture: there zero is a number like others.
  func name(_ figure: Figure) -> String {
    guard let number = figure.number, number.isZero, isNumeric else { return text(figure) }
    return figureFormat.spelled(number)
  }

  /// A value as a reader sees it.
  func text(_ figure: Figure, currency: String? = nil) -> String {
    switch (figure, self) {
    case (.missing, _): ""
    case (.number(let number), .identifier), (.number(let number), .text): number.description
    case (.number(let number), .difference), (.number(let number), .rowDifference):
      figureFormat(currency: currency).exactlySpelled(number)
    case (.number(let number), _): figureFormat(currency: currency).text(number)
    case (.moment, .date), (.clock, .date): figure.day.map { FigureNotation.current.date($0) } ?? ""
    case (.moment, _), (.clock, _): figure.reading.map { readable(minutes: minutes($0)) } ?? ""
    case (.date(let date), .month): DateText.month(date)
    case (.date(let date), _): FigureNotation.current.date(date)
    case (.numeral(let text), _), (.text(let text), _): text
    }
  }
}

extension ExactDecimal {
  /// The nearest decimal of at most 38 digits, ties away from zero; nil for what has more before the point, and for what
  /// is no number.
  init?(nearest numeric: PostgresNumeric) {
    if let (coefficient, scale) = numeric.exact, let exact = ExactDecimal(coefficient: coefficient, scale: scale) {
      self = exact
      return
    }
    let text = numeric.description
    guard let point = text.firstIndex(of: ".") else { return nil }
    let whole = text[..<point].utf8.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "0") }
    let fraction = text[text.index(after: point)...].utf8.map { $0 - UInt8(ascii: "0") }
    var places = Self.maximumDigits - whole.count
    while fraction.indices.contains(places) {
      let digits = whole.map { $0 - UInt8(ascii: "0") } + fraction[..<places]
      let magnitude = digits.reduce(Int128(0)) { $0 * 10 + Int128($1) } + (fraction[places] >= 5 ? 1 : 0)
      if let near = ExactDecimal(coefficient: text.hasPrefix("-") ? -magnitude : magnitude, scale: places) {
        self = near
        return
      }
      // Rounding up made one digit more.
      places -= 1
    }
    return nil
  }
}

extension Moment {
  /// What the clock of the readers shows at this point in time, as if it ran in UTC.
  fileprivate var onTheReadersClock: Moment {
    guard let zone = FigureNotation.current.timeZone else { return self }
    let second = (microsecondsSince1970 - (microsecondsSince1970 < 0 ? 999_999 : 0)) / 1_000_000
    let (local, overflow) = microsecondsSince1970.addingReportingOverflow(zone.offset(at: second) * 1_000_000)
    return overflow ? self : Moment(microsecondsSince1970: local)
  }
}

/// `2026-11-20 04:15` with the date as readers write it; another text stays as it is.
func readable(minutes text: String) -> String {
  guard let space = text.firstIndex(of: " "), let date = CivilDate(String(text[..<space])) else { return text }
  return FigureNotation.current.date(date) + text[space...]
}

/// `2026-11-20 04:15`, in UTC.
func minutes(_ moment: Moment) -> String {
  String(moment.description.prefix(16).map { $0 == "T" ? " " : $0 })
}
