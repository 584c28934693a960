// Exact decimals: an integer coefficient and a count of fractional digits.
// Invariant: the value is coefficient / 10^scale, with 0 ≤ scale ≤ 38 and |coefficient| < 10^38.
// Never a floating-point number. Overflow is nil or an error, never a wrapped value.
// Conversion to and from PostgreSQL's numeric goes through text or coefficient and scale elsewhere.

/// An exact decimal number of up to 38 digits.
public struct ExactDecimal: Sendable {
  /// All digits, without the decimal point.
  public let coefficient: Int128
  /// How many of the digits stand behind the decimal point.
  public let scale: Int

  /// Zero, with no fractional digits.
  public static let zero = ExactDecimal(unchecked: 0, scale: 0)
  /// The most digits a value can hold.
  public static let maximumDigits = 38

  /// Creates `coefficient` / 10^`scale`, or nil when it has too many digits.
  public init?(coefficient: Int128, scale: Int) {
    guard (0...Self.maximumDigits).contains(scale), coefficient.magnitude < powerOfTen(Self.maximumDigits).magnitude
    else { return nil }
    self.init(unchecked: coefficient, scale: scale)
  }

  init(unchecked coefficient: Int128, scale: Int) {
    self.coefficient = coefficient
    self.scale = scale
  }

  /// What a division of magnitudes came to, rounded; nil when it does not fit.
  private init?(
    quotient: UInt128, remainder: UInt128, divisor: UInt128, isNegative: Bool, scale: Int, _ rounding: RoundingMode
  ) {
    // remainder against divisor / 2, without doubling, which could overflow.
    let rest = divisor - remainder
    let isAway =
      switch rounding {
      case .towardZero: false
      case .halfAwayFromZero: remainder >= rest
      case .halfEven: remainder > rest || remainder == rest && !quotient.isMultiple(of: 2)
      }
    guard let magnitude = Int128(exactly: quotient + (isAway ? 1 : 0)) else { return nil }
    self.init(coefficient: isNegative ? -magnitude : magnitude, scale: scale)
  }

  /// Creates a whole number.
  public init(_ value: Int) {
    self.init(unchecked: Int128(value), scale: 0)
  }

  /// Reads `[+-]digits[.digits]`, or nil for anything else, spaces included. As in PostgreSQL, one side of the point
  /// may be empty: `.5` and `5.` are numbers.
  public init?(_ text: String) {
    var copy = text
    let parsed = copy.withUTF8 { ExactDecimal(utf8: UnsafeRawBufferPointer($0)) }
    guard let parsed else { return nil }
    self = parsed
  }

  /// Reads `[+-]digits[.digits]` from bytes, as `init(_:)` does.
  /// - Complexity: O(bytes); allocates nothing.
  public init?(utf8 bytes: UnsafeRawBufferPointer) {
    var index = 0
    var isNegative = false
    if let first = bytes.first, first == 0x2D || first == 0x2B {
      isNegative = first == 0x2D
      index = 1
    }
    var value: Int128 = 0
    var significant = 0
    var scale = 0
    var seenDigit = false
    var seenPoint = false
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      if byte == 0x2E, !seenPoint {
        seenPoint = true
        continue
      }
      guard byte >= 0x30, byte <= 0x39 else { return nil }
      seenDigit = true
      if seenPoint { scale += 1 }
      if significant > 0 || byte != 0x30 { significant += 1 }
      guard significant <= Self.maximumDigits, scale <= Self.maximumDigits else { return nil }
      value = value &* 10 &+ Int128(byte &- 0x30)
    }
    guard seenDigit else { return nil }
    self.init(unchecked: isNegative ? -value : value, scale: scale)
  }

  /// Whether the value is below zero.
  public var isNegative: Bool { coefficient < 0 }
  /// Whether the value is zero, whatever its scale.
  public var isZero: Bool { coefficient == 0 }
  /// The value without its sign.
  public var magnitude: ExactDecimal { ExactDecimal(unchecked: Int128(coefficient.magnitude), scale: scale) }

  /// The sum at the larger scale, or nil when it does not fit.
  public func adding(_ other: ExactDecimal) -> ExactDecimal? {
    let common = max(scale, other.scale)
    guard let a = coefficient(atScale: common), let b = other.coefficient(atScale: common) else { return nil }
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? nil : ExactDecimal(coefficient: sum, scale: common)
  }

  /// The difference at the larger scale, or nil when it does not fit.
  public func subtracting(_ other: ExactDecimal) -> ExactDecimal? {
    adding(-other)
  }

  /// The product, at the sum of both scales, or nil when it does not fit.
  public func multiplied(by other: ExactDecimal) -> ExactDecimal? {
    let (product, overflow) = coefficient.multipliedReportingOverflow(by: other.coefficient)
    return overflow ? nil : ExactDecimal(coefficient: product, scale: scale + other.scale)
  }

  /// The quotient rounded to `scale` fractional digits; nil when `other` is zero or the result does not fit.
  public func divided(by other: ExactDecimal, scale target: Int, rounding: RoundingMode) -> ExactDecimal? {
    guard !other.isZero, (0...Self.maximumDigits).contains(target) else { return nil }
    // coefficient/10^s ÷ other/10^t at 10^target = coefficient·10^(target + t − s) / other.coefficient
    let shift = target + other.scale - scale
    let isNegative = isNegative != other.isNegative
    let divisor = other.coefficient.magnitude
    guard shift >= 0 else {
      let (scaled, overflow) = divisor.multipliedReportingOverflow(by: powerOfTen(-shift).magnitude)
      // A divisor of more than 2^128 is more than twice any coefficient: the quotient is nearest to zero.
      if overflow { return ExactDecimal(unchecked: 0, scale: target) }
      let (quotient, remainder) = coefficient.magnitude.quotientAndRemainder(dividingBy: scaled)
      return ExactDecimal(
        quotient: quotient, remainder: remainder, divisor: scaled, isNegative: isNegative, scale: target, rounding)
    }
    // Long division: the dividend may need more than 128 bits where the quotient does not.
    var (quotient, remainder) = coefficient.magnitude.quotientAndRemainder(dividingBy: divisor)
    let roomForOneDigit = powerOfTen(Self.maximumDigits - 1).magnitude
    for _ in 0..<shift {
      if quotient >= roomForOneDigit { return nil }
      let (digit, rest) = divisor.dividingFullWidth(remainder.multipliedFullWidth(by: 10))
      remainder = rest
      quotient = quotient * 10 + digit
    }
    return ExactDecimal(
      quotient: quotient, remainder: remainder, divisor: divisor, isNegative: isNegative, scale: target, rounding)
  }

  /// The value at `target` fractional digits, rounded when digits are lost; nil when it does not fit.
  public func rounded(scale target: Int, rounding: RoundingMode) -> ExactDecimal? {
    guard (0...Self.maximumDigits).contains(target) else { return nil }
    if target >= scale {
      guard let value = coefficient(atScale: target) else { return nil }
      return ExactDecimal(coefficient: value, scale: target)
    }
    let divisor = powerOfTen(scale - target).magnitude
    let (quotient, remainder) = coefficient.magnitude.quotientAndRemainder(dividingBy: divisor)
    return ExactDecimal(
      quotient: quotient, remainder: remainder, divisor: divisor, isNegative: isNegative, scale: target, rounding)
  }

  /// The coefficient this value has at a larger scale, or nil when digits would be lost or it does not fit.
  public func coefficient(atScale target: Int) -> Int128? {
    if target == scale { return coefficient }
    guard target > scale else {
      guard scale - target <= Self.maximumDigits else { return coefficient == 0 ? 0 : nil }
      let divisor = powerOfTen(scale - target)
      return coefficient % divisor == 0 ? coefficient / divisor : nil
    }
    guard target - scale <= Self.maximumDigits else { return coefficient == 0 ? 0 : nil }
    let (value, overflow) = coefficient.multipliedReportingOverflow(by: powerOfTen(target - scale))
    return overflow ? nil : value
  }

  /// The negated value.
  public static prefix func - (value: ExactDecimal) -> ExactDecimal {
    ExactDecimal(unchecked: -value.coefficient, scale: value.scale)
  }
}

extension ExactDecimal: Hashable, Comparable {
  /// Numeric equality: 1.5 equals 1.50.
  public static func == (a: ExactDecimal, b: ExactDecimal) -> Bool {
    let (x, y) = (a.normalized, b.normalized)
    return x.coefficient == y.coefficient && x.scale == y.scale
  }

  public static func < (a: ExactDecimal, b: ExactDecimal) -> Bool {
    if a.isNegative != b.isNegative { return a.isNegative }
    let common = max(a.scale, b.scale)
    if let x = a.coefficient(atScale: common), let y = b.coefficient(atScale: common) { return x < y }
    // One side does not fit at the common scale: it is the one with the larger whole part.
    let (wholeA, wholeB) = (a.coefficient / powerOfTen(a.scale), b.coefficient / powerOfTen(b.scale))
    return wholeA < wholeB
  }

  public func hash(into hasher: inout Hasher) {
    let value = normalized
    hasher.combine(value.coefficient)
    hasher.combine(value.scale)
  }

  /// The same value without trailing fractional zeros.
  public var normalized: ExactDecimal {
    var (value, digits) = (coefficient, scale)
    while digits > 0, value % 10 == 0 {
      value /= 10
      digits -= 1
    }
    return ExactDecimal(unchecked: value, scale: digits)
  }
}

extension ExactDecimal: CustomStringConvertible, Codable, ExpressibleByIntegerLiteral {
  /// Plain digits with a point, no grouping, all fractional digits: `-12.50`.
  public var description: String {
    let digits = String(coefficient.magnitude)
    let sign = isNegative ? "-" : ""
    guard scale > 0 else { return sign + digits }
    let padded = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
    return sign + padded.dropLast(scale) + "." + padded.suffix(scale)
  }

  public init(integerLiteral value: Int) {
    self.init(value)
  }

  /// Decodes the text form, so that no JSON reader can turn money into a binary fraction.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let value = ExactDecimal(text) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(text)\" is not a decimal")
    }
    self = value
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// 10^`exponent` for 0 ≤ exponent ≤ 38.
func powerOfTen(_ exponent: Int) -> Int128 {
  var result: Int128 = 1
  for _ in 0..<exponent { result &*= 10 }
  return result
}
