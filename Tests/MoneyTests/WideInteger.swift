// Whole numbers without a limit, for checking decimals: decimal digits in an array, school arithmetic.
// Slow on purpose and written to be read; it shares no code with what it checks.

/// A whole number of any size.
struct WideInteger: Comparable {
  /// Decimal digits, lowest first, without leading zeros; empty for zero.
  private var digits: [Int]
  private var isNegative: Bool

  init(_ value: Int128) {
    digits = String(value.magnitude).reversed().compactMap(\.wholeNumberValue)
    isNegative = value < 0
    trim()
  }

  private init(digits: [Int], isNegative: Bool) {
    self.digits = digits
    self.isNegative = isNegative
    trim()
  }

  private mutating func trim() {
    while digits.last == 0 { digits.removeLast() }
    if digits.isEmpty { isNegative = false }
  }

  /// How many decimal digits it has; none for zero.
  var digitCount: Int { digits.count }

  func shifted(_ places: Int) -> WideInteger {
    WideInteger(digits: Array(repeating: 0, count: places) + digits, isNegative: isNegative)
  }

  static prefix func - (a: WideInteger) -> WideInteger {
    WideInteger(digits: a.digits, isNegative: !a.isNegative)
  }

  static func + (a: WideInteger, b: WideInteger) -> WideInteger {
    if a.isNegative == b.isNegative {
      var sum: [Int] = []
      var carry = 0
      for index in 0..<max(a.digits.count, b.digits.count) + 1 {
        let total = a.digit(index) + b.digit(index) + carry
        sum.append(total % 10)
        carry = total / 10
      }
      return WideInteger(digits: sum, isNegative: a.isNegative)
    }
    let (larger, smaller) = isSmaller(a.digits, b.digits) ? (b, a) : (a, b)
    var difference: [Int] = []
    var borrow = 0
    for index in larger.digits.indices {
      let total = larger.digits[index] - smaller.digit(index) - borrow
      difference.append(total < 0 ? total + 10 : total)
      borrow = total < 0 ? 1 : 0
    }
    return WideInteger(digits: difference, isNegative: larger.isNegative)
  }

  static func - (a: WideInteger, b: WideInteger) -> WideInteger { a + -b }

  static func * (a: WideInteger, b: WideInteger) -> WideInteger {
    var product = Array(repeating: 0, count: a.digits.count + b.digits.count + 1)
    for (i, x) in a.digits.enumerated() {
      var carry = 0
      for index in 0...b.digits.count {
        let total = product[i + index] + x * b.digit(index) + carry
        product[i + index] = total % 10
        carry = total / 10
      }
    }
    return WideInteger(digits: product, isNegative: a.isNegative != b.isNegative)
  }

  var magnitude: WideInteger { WideInteger(digits: digits, isNegative: false) }

  static func < (a: WideInteger, b: WideInteger) -> Bool {
    if a.isNegative != b.isNegative { return a.isNegative }
    return a.isNegative ? isSmaller(b.digits, a.digits) : isSmaller(a.digits, b.digits)
  }

  private func digit(_ index: Int) -> Int { index < digits.count ? digits[index] : 0 }

  private static func isSmaller(_ a: [Int], _ b: [Int]) -> Bool {
    a.count == b.count ? a.reversed().lexicographicallyPrecedes(b.reversed()) : a.count < b.count
  }
}
