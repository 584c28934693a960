// Figures as JSON: money as strings, so that no reader turns it into a binary fraction.

internal import Ledger
internal import Money

extension JSONValue {
  /// A figure: whole numbers that every reader holds exactly as numbers, all others as strings.
  init(_ figure: Figure, format: CellFormat) {
    switch figure {
    case .missing: self = .null
    case .number(let number):
      if format == .integer || format == .identifier || format == .rowDifference, number.scale == 0,
        number.coefficient.magnitude < 1 << 53
      {
        self = .integer(Int(number.coefficient))
      } else {
        self = .string(number.description)
      }
    case .numeral, .text, .date, .moment, .clock: self = .string(figure.plainText)
    }
  }
}
