// Which decimals a spreadsheet can hold. It keeps binary doubles and shows 15 significant digits, so a decimal of up to
// 15 digits survives and a longer one does not.
// Invariant: a double is made only from a decimal of at most 15 significant digits, by the correctly rounded
// conversion, so that reading it at 15 digits gives that decimal back. This is the only place of Daybook where an amount
// becomes a double, and it is the last step before the file.

public import Money

/// How a decimal stands in a cell.
public enum SheetNumber: Sendable, Hashable {
  /// It has at most 15 digits and stands as it is.
  case exact(ExactDecimal)
  /// Fraction digits were rounded away, ties away from zero, to keep 15 significant ones.
  case rounded(ExactDecimal)
  /// It has to stand as text.
  case tooLong

  /// The digits that a spreadsheet keeps of a number. Source: Microsoft, "Excel specifications and limits".
  public static let significantDigits = 15

  /// Fits a value.
  ///
  /// - Parameter amountDecimals: for an amount, the fraction digits of its currency. They all count, zeros too, and
  ///   none is ever rounded away: an amount of more than 9,999,999,999,999.99 is too long.
  public init(_ value: ExactDecimal, amountDecimals: Int? = nil) {
    let value = value.normalized
    if Self.fits(value, amountDecimals) {
      self = .exact(value)
      return
    }
    let digits = String(value.coefficient.magnitude).utf8.count
    // Digits before the point; negative for the zeros between the point and the first digit of a small value.
    let scale = min(Self.significantDigits - (digits - value.scale), ExactDecimal.maximumDigits)
    guard scale >= amountDecimals ?? 0,
      let rounded = value.rounded(scale: scale, rounding: .halfAwayFromZero)?.normalized,
      Self.fits(rounded, amountDecimals)
    else {
      self = .tooLong
      return
    }
    self = .rounded(rounded)
  }

  /// The double that stands for the value; nil when it has to be text.
  var double: Double? {
    switch self {
    case .exact(let value), .rounded(let value): Double(value.description)
    case .tooLong: nil
    }
  }

  private static func fits(_ value: ExactDecimal, _ amountDecimals: Int?) -> Bool {
    let bound: Int128 = 1_000_000_000_000_000
    guard let coefficient = value.coefficient(atScale: max(value.scale, amountDecimals ?? 0)) else { return false }
    return coefficient.magnitude < bound.magnitude
  }
}
