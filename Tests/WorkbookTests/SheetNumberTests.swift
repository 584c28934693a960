// Which decimals stand as numbers, which are rounded and which have to be text.
// Invariant tried: a number in a cell, read at 15 digits, is the decimal that was given.

import Money
import Testing

@testable import Workbook

private func decimal(_ text: String) throws -> ExactDecimal { try #require(ExactDecimal(text)) }

@Suite struct SheetNumberTests {
  @Test(arguments: [
    ("0", 2), ("-0.01", 2), ("9999999999999.99", 2), ("-9999999999999.99", 2), ("999999999999999", 0),
    ("999999999999.999", 3), ("1234.5000000000000000", 2),
  ])
  func amountOfFifteenDigitsIsANumber(text: String, decimals: Int) throws {
    let value = try decimal(text)
    #expect(SheetNumber(value, amountDecimals: decimals) == .exact(value.normalized))
  }

  @Test(arguments: [
    ("10000000000000.00", 2), ("-10000000000000.00", 2), ("10000000000000", 2), ("9999999999999.996", 2),
    ("99999999999999999999.99", 2), ("1000000000000000", 0), ("1000000000000.000", 3),
  ])
  func longerAmountIsText(text: String, decimals: Int) throws {
    #expect(SheetNumber(try decimal(text), amountDecimals: decimals) == .tooLong)
  }

  @Test(arguments: [
    ("3354.3339130434782609", 2, "3354.33391304348"), ("256.3485335689045936", 2, "256.348533568905"),
    ("-0.00012345678901234567", 2, "-0.000123456789012346"), ("0.99999999999999999", 2, "1"),
  ])
  func fractionBeyondFifteenDigitsIsRounded(text: String, decimals: Int, rounded: String) throws {
    #expect(SheetNumber(try decimal(text), amountDecimals: decimals) == .rounded(try decimal(rounded)))
    #expect(SheetNumber(try decimal(text)) == .rounded(try decimal(rounded)))
  }

  @Test func wholeNumberOfSixteenDigitsIsText() throws {
    #expect(SheetNumber(try decimal("1234567890123456")) == .tooLong)
    #expect(SheetNumber(try decimal("1234567890123456.5")) == .tooLong)
    #expect(SheetNumber(try decimal("123456789012345.6")) == .rounded(try decimal("123456789012346")))
    #expect(SheetNumber(try decimal("999999999999999.6")) == .tooLong)
  }

  @Test func doubleOfANumberIsItsDecimalAtFifteenDigits() throws {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<5_000 {
      let digits = Int.random(in: 1...38, using: &generator)
      let coefficient = (0..<digits).reduce(Int128(0)) { value, _ in
        value * 10 + Int128(Int.random(in: 0...9, using: &generator))
      }
      let scale = Int.random(in: 0...38, using: &generator)
      let sign: Int128 = Bool.random(using: &generator) ? 1 : -1
      let value = try #require(ExactDecimal(coefficient: coefficient * sign, scale: scale))
      let fitted = SheetNumber(value)
      switch fitted {
      case .exact(let kept):
        #expect(kept == value)
        #expect(String(kept.normalized.coefficient.magnitude).count <= 15)
      case .rounded(let kept):
        #expect(String(kept.normalized.coefficient.magnitude).count <= 15, "\(value)")
        // Within half of the fifteenth digit: 2 · |kept − value| ≤ |value| · 10^-14.
        let gap = try #require(kept.subtracting(value)).magnitude
        #expect(gap.isZero || gap < value.magnitude, "\(value)")
      case .tooLong:
        let whole = value.magnitude.coefficient / power(value.scale)
        #expect(String(whole).count >= 15, "\(value)")
      }
      guard let double = fitted.double else { continue }
      // The shortest decimal of the double is the decimal it was made from.
      let shortest = try #require(plain(double.description))
      if case .exact(let kept) = fitted { #expect(shortest == kept, "\(value)") }
      if case .rounded(let kept) = fitted { #expect(shortest == kept, "\(value)") }
    }
  }

  private func power(_ scale: Int) -> Int128 { (0..<scale).reduce(1) { value, _ in value * 10 } }

  /// `1.5e-07` as a decimal.
  private func plain(_ text: String) -> ExactDecimal? {
    let parts = text.split(separator: "e")
    guard let digits = ExactDecimal(String(parts[0])) else { return nil }
    guard parts.count == 2, let exponent = Int(parts[1]) else { return digits }
    let scale = digits.scale - exponent
    if scale >= 0 { return ExactDecimal(coefficient: digits.coefficient, scale: scale) }
    return ExactDecimal(coefficient: digits.coefficient * power(-scale), scale: 0)
  }
}
