// One figure as a cell of a workbook, and what has to be said beside a table when cells cannot hold what they are given.
// Invariant: a cell has the value that report.json has; text that would change what a reader sees is legible, as it is on
// the pages.

internal import Ledger
internal import Markup
internal import Money
internal import Workbook

/// A value with the way it is shown.
struct SheetCell: Sendable, Hashable {
  var value: CellValue
  var format: NumberFormat

  init(_ value: CellValue, _ format: NumberFormat) {
    self.value = value
    self.format = format
  }

  init(_ figure: Figure, format: CellFormat, currency: String?) {
    switch figure {
    case .missing: self.init(.blank, .general)
    case .numeral(let text), .text(let text): self.init(.text(legible(text)), .text)
    case .date(let date): self.init(.date(date), format == .month ? .month : .date)
    case .moment(let moment), .clock(let moment):
      let reading = figure.reading ?? moment
      self.init(
        .moment(microsecondsSince1970: reading.microsecondsSince1970), format == .date ? .date : .moment)
    case .number(let number):
      switch format {
      case .identifier, .text: self.init(.text(number.description), .text)
      default: self.init(number, format.figureFormat(currency: currency))
      }
    }
  }

  /// A number as a figure format writes it.
  init(_ number: ExactDecimal, _ format: FigureFormat) {
    switch format {
    case .money(let decimals): self.init(.number(number, amountDecimals: decimals), .money(decimals: decimals))
    case .integer: self.init(.number(number, amountDecimals: nil), .integer)
    case .percent(let decimals): self.init(.number(number, amountDecimals: nil), .percent(decimals))
    case .decimal(let places): self.init(.number(number, amountDecimals: nil), .decimal(places))
    case .plain:
      let places = number.normalized.scale
      self.init(.number(number, amountDecimals: nil), places == 0 ? .integer : .decimal(places))
    }
  }
}

extension CellFormat {
  /// Whether numbers of the column are names, and stand as text.
  var isNaming: Bool { self == .identifier || self == .text }
}

/// What became of the cells of one table.
struct CellTally: Sendable, Hashable {
  private var counts: [CellFate: Int] = [:]

  mutating func count(_ fate: CellFate) {
    if fate != .whole { counts[fate, default: 0] += 1 }
  }

  /// What to say about it; empty when every cell holds what it was given.
  func sentences(csv: String) -> [String] {
    func sentence(_ fate: CellFate, _ one: String, _ many: String) -> String? {
      guard let count = counts[fate] else { return nil }
      return count == 1 ? "One \(one)" : "\(FigureFormat.integer.spelled(ExactDecimal(count))) \(many)"
    }
    return [
      sentence(
        .numberAsText, "figure has more than the 15 digits that a spreadsheet holds. It stands as text, on yellow.",
        "figures have more than the 15 digits that a spreadsheet holds. They stand as text, on yellow."),
      sentence(
        .rounded, "figure has a longer fraction than a spreadsheet holds and is rounded to 15 digits; \(csv) has all.",
        "figures have longer fractions than a spreadsheet holds and are rounded to 15 digits; \(csv) has all."),
      sentence(
        .cut, "text is longer than a cell holds and is cut; \(csv) has it whole.",
        "texts are longer than a cell holds and are cut; \(csv) has them whole."),
      sentence(
        .dateAsText, "date is outside what a spreadsheet knows and stands as text, on yellow.",
        "dates are outside what a spreadsheet knows and stand as text, on yellow."),
    ].compactMap(\.self)
  }
}
