// PostgreSQL's numeric, digit for digit as it travels: base-10000 digits, a weight, a sign and a display scale.
// Exact for every value the type can hold, NaN and the infinities included; no floating point anywhere.
// Arithmetic is deliberately elsewhere (Money): this is a carrier. The wire format is in PostgresNumeric+Wire.

/// An exact numeric with its display scale.
///
/// Equality is that of the text: 1.0 and 1.00 differ, as they do when shown.
public struct PostgresNumeric: Sendable, Hashable, CustomStringConvertible {
  enum Form: Sendable, Hashable { case positive, negative, notANumber, infinity, negativeInfinity }

  var form: Form
  /// The exponent of the first digit, in powers of 10000.
  var weight: Int
  /// Digits after the decimal point that are shown.
  public internal(set) var scale: Int
  /// Base-10000 digits, most significant first, without leading or trailing zeros.
  var digits: [UInt16]

  /// PostgreSQL's own limits: digits before and after the point.
  static let maximumIntegerDigits = 131_072
  static let maximumScale = 16_383

  /// Not a number.
  public static let notANumber = PostgresNumeric(form: .notANumber, weight: 0, scale: 0, digits: [])
  /// Infinity.
  public static let infinity = PostgresNumeric(form: .infinity, weight: 0, scale: 0, digits: [])
  /// Minus infinity.
  public static let negativeInfinity = PostgresNumeric(form: .negativeInfinity, weight: 0, scale: 0, digits: [])

  /// `coefficient` / 10^`scale`, shown with `scale` digits after the point. A negative scale multiplies.
  public init(coefficient: Int128, scale: Int) {
    var decimal = [UInt8](String(coefficient.magnitude).utf8)
    if scale < 0 { decimal.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: -scale)) }
    self.init(isNegative: coefficient < 0, decimalDigits: decimal, scale: max(0, scale))
  }

  /// A whole number.
  public init(_ value: Int) { self.init(coefficient: Int128(value), scale: 0) }

  /// Reads `[+-]digits[.digits][e[+-]digits]`, `NaN`, `Infinity`, `-Infinity`; nil for anything else and for what
  /// PostgreSQL's numeric cannot hold.
  public init?(_ text: String) {
    switch text.lowercased() {
    case "nan": self = .notANumber
    case "infinity", "+infinity", "inf", "+inf": self = .infinity
    case "-infinity", "-inf": self = .negativeInfinity
    default:
      guard let parsed = Self.parse([UInt8](text.utf8)) else { return nil }
      self = parsed
    }
  }

  init(form: Form, weight: Int, scale: Int, digits: [UInt16]) {
    self.form = form
    self.weight = weight
    self.scale = scale
    self.digits = digits
  }

  /// From ASCII digits of which the last `scale` stand after the point.
  init(isNegative: Bool, decimalDigits: [UInt8], scale: Int) {
    // Pad so that the point falls between two groups of four.
    let fraction = scale % 4 == 0 ? 0 : 4 - scale % 4
    let total = decimalDigits.count + fraction
    let lead = total % 4 == 0 ? 0 : 4 - total % 4
    let zero = UInt8(ascii: "0")
    let padded =
      Array(repeating: zero, count: lead) + decimalDigits + Array(repeating: zero, count: fraction)
    var groups: [UInt16] = []
    groups.reserveCapacity(padded.count / 4)
    for start in stride(from: 0, to: padded.count, by: 4) {
      groups.append(padded[start..<start + 4].reduce(0) { $0 * 10 + UInt16($1 - zero) })
    }
    let groupsAfterPoint = (scale + fraction) / 4
    self.init(form: .positive, weight: groups.count - groupsAfterPoint - 1, scale: scale, digits: groups)
    normalize()
    if isNegative, !digits.isEmpty { form = .negative }
  }

  /// Drops leading and trailing zero digits, as the server does; zero has no digits and no sign.
  mutating func normalize() {
    let leading = digits.prefix { $0 == 0 }.count
    digits.removeFirst(leading)
    weight -= leading
    while digits.last == 0 { digits.removeLast() }
    if digits.isEmpty {
      weight = 0
      if form == .negative { form = .positive }
    }
  }

  private static func parse(_ text: [UInt8]) -> PostgresNumeric? {
    var index = 0
    func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }
    var isNegative = false
    if let first = text.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
      isNegative = first == UInt8(ascii: "-")
      index = 1
    }
    var digits: [UInt8] = []
    var scale = 0
    var isAfterPoint = false
    while index < text.count {
      let byte = text[index]
      if isDigit(byte) {
        digits.append(byte)
        if isAfterPoint { scale += 1 }
      } else if byte == UInt8(ascii: "."), !isAfterPoint {
        isAfterPoint = true
      } else {
        break
      }
      index += 1
    }
    guard !digits.isEmpty else { return nil }
    if index < text.count {
      guard text[index] | 0x20 == UInt8(ascii: "e"),
        let exponent = Int(String(decoding: text[(index + 1)...], as: UTF8.self)), abs(exponent) <= 200_000
      else { return nil }
      scale -= exponent
    }
    if scale < 0 {
      digits.append(contentsOf: repeatElement(48, count: -scale))
      scale = 0
    }
    if scale > digits.count { digits.insert(contentsOf: repeatElement(48, count: scale - digits.count), at: 0) }
    let significant = digits.drop { $0 == 48 }.count
    guard scale <= maximumScale, significant - scale <= maximumIntegerDigits else { return nil }
    return PostgresNumeric(isNegative: isNegative, decimalDigits: digits, scale: scale)
  }

  /// The value as coefficient / 10^scale with this numeric's own scale; nil for NaN, the infinities and what does
  /// not fit 128 bits.
  public var exact: (coefficient: Int128, scale: Int)? {
    guard form == .positive || form == .negative else { return nil }
    var coefficient: Int128 = 0
    for byte in decimalText(withSign: false).utf8 where byte != UInt8(ascii: ".") {
      let (tens, overflow) = coefficient.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(Int128(byte - 48))
      if overflow || carry { return nil }
      coefficient = sum
    }
    return (form == .negative ? -coefficient : coefficient, scale)
  }

  /// The canonical text, as PostgreSQL writes it.
  public var description: String {
    switch form {
    case .notANumber: "NaN"
    case .infinity: "Infinity"
    case .negativeInfinity: "-Infinity"
    case .positive, .negative: decimalText(withSign: true)
    }
  }

  private func decimalText(withSign: Bool) -> String {
    var text: [UInt8] = []
    func appendGroup(_ position: Int) {
      let group = digits.indices.contains(position) ? digits[position] : 0
      for divisor: UInt16 in [1_000, 100, 10, 1] { text.append(UInt8(48 + group / divisor % 10)) }
    }
    if weight >= 0 {
      for position in 0...weight { appendGroup(position) }
      let zeros = min(text.prefix { $0 == 48 }.count, text.count - 1)
      text.removeFirst(zeros)
    } else {
      text.append(48)
    }
    if scale > 0 {
      text.append(UInt8(ascii: "."))
      let start = text.count
      // With a negative weight this starts before the first digit, and those groups are zero.
      var position = weight + 1
      while text.count - start < scale {
        appendGroup(position)
        position += 1
      }
      text.removeLast(text.count - start - scale)
    }
    return (withSign && form == .negative ? "-" : "") + String(decoding: text, as: UTF8.self)
  }
}
