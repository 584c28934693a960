// Decimal arithmetic against school arithmetic on digits, over random values of every size and scale.

import Foundation
import Money
import TestSupport
import Testing

struct ExactDecimalTests {
  private static let seeds = 0..<400 as Range<UInt64>

  /// A value with a random number of digits and a random scale: small and huge ones are equally likely.
  private func randomDecimal(_ random: inout SeededRandom) throws -> ExactDecimal {
    let digits = Int.random(in: 0...38, using: &random)
    var coefficient: Int128 = 0
    for _ in 0..<digits {
      let style = Int.random(in: 0..<4, using: &random)
      let digit = style == 0 ? 0 : style == 1 ? 9 : Int.random(in: 0...9, using: &random)
      coefficient = coefficient * 10 + Int128(digit)
    }
    let scale =
      Bool.random(using: &random) ? Int.random(in: 0...4, using: &random) : Int.random(in: 0...38, using: &random)
    return try #require(
      ExactDecimal(coefficient: Bool.random(using: &random) ? coefficient : -coefficient, scale: scale))
  }

  private func wide(_ value: ExactDecimal, at scale: Int) -> WideInteger {
    WideInteger(value.coefficient).shifted(scale - value.scale)
  }

  @Test(arguments: [
    ("0", "0"), ("-0.00", "0.00"), ("+1.50", "1.50"), ("-12.5", "-12.5"), ("007", "7"), (".5", "0.5"),
    ("-.05", "-0.05"),
    ("5.", "5"), ("0.00000000000000000000000000000000000001", "0.00000000000000000000000000000000000001"),
    ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
    ("000000000000000000000000000000000000000000001.5", "1.5"),
  ])
  func readsAndWrites(_ read: String, _ written: String) {
    #expect(ExactDecimal(read)?.description == written)
  }

  @Test(arguments: [
    "", "+", "-", ".", "-.", "1 ", " 1", "1,5", "1.5.0", "1e5", "0x10", "١", "NaN", "--1", "1-", "1_000", "1\0",
    "\u{FF11}",
    "100000000000000000000000000000000000000", "0.000000000000000000000000000000000000001",
  ])
  func refusesWhatIsNoDecimalOfThirtyEightDigits(_ text: String) {
    #expect(ExactDecimal(text) == nil)
  }

  @Test(arguments: seeds)
  func textAndJSONRoundTripWithEveryDigit(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let value = try randomDecimal(&random)
    let read = try #require(ExactDecimal(value.description))
    #expect(read.coefficient == value.coefficient && read.scale == value.scale)
    let coded = try JSONDecoder().decode([ExactDecimal].self, from: JSONEncoder().encode([value]))
    #expect(coded.map(\.description) == [value.description])
  }

  @Test(arguments: seeds)
  func sumsAndDifferencesAreExactOrRefused(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let (a, b) = (try randomDecimal(&random), try randomDecimal(&random))
    let scale = max(a.scale, b.scale)
    let sum = wide(a, at: scale) + wide(b, at: scale)
    expect(a.adding(b), is: sum, scale: scale)
    expect(b.adding(a), is: sum, scale: scale)
    expect(a.subtracting(b), is: wide(a, at: scale) - wide(b, at: scale), scale: scale)
  }

  @Test(arguments: seeds)
  func productsAreExactOrRefused(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let (a, b) = (try randomDecimal(&random), try randomDecimal(&random))
    expect(a.multiplied(by: b), is: WideInteger(a.coefficient) * WideInteger(b.coefficient), scale: a.scale + b.scale)
  }

  /// Checks the definition of a rounded quotient: no other value is nearer, and ties go where the mode says.
  @Test(arguments: seeds, [RoundingMode.halfAwayFromZero, .halfEven, .towardZero])
  func quotientsAreNearestOrRefused(seed: UInt64, mode: RoundingMode) throws {
    var random = SeededRandom(seed: seed)
    let (a, b) = (try randomDecimal(&random), try randomDecimal(&random))
    let target = Int.random(in: 0...38, using: &random)
    guard !b.isZero else {
      #expect(a.divided(by: b, scale: target, rounding: mode) == nil)
      return
    }
    // a / b = x / y in whole numbers at the target scale.
    let shift = target + b.scale - a.scale
    let x = WideInteger(a.coefficient).shifted(max(0, shift)).magnitude
    let y = WideInteger(b.coefficient).shifted(max(0, -shift)).magnitude
    guard let quotient = a.divided(by: b, scale: target, rounding: mode) else {
      // Refused: the quotient has 39 digits, perhaps only after rounding up.
      let least = WideInteger(2) * WideInteger(1).shifted(38) - WideInteger(1)
      #expect(WideInteger(2) * x >= least * y, "\(a) / \(b) at \(target)")
      return
    }
    #expect(quotient.scale == target)
    #expect(quotient.isZero || quotient.isNegative == (a.isNegative != b.isNegative))
    expectNearest(quotient.coefficient, x, y, mode)
  }

  @Test(arguments: seeds, [RoundingMode.halfAwayFromZero, .halfEven, .towardZero])
  func roundingIsDivisionByOne(seed: UInt64, mode: RoundingMode) throws {
    var random = SeededRandom(seed: seed)
    let value = try randomDecimal(&random)
    let target = Int.random(in: 0...38, using: &random)
    let rounded = value.rounded(scale: target, rounding: mode)
    #expect(rounded?.description == value.divided(by: 1, scale: target, rounding: mode)?.description)
    if target >= value.scale, let rounded { #expect(rounded == value) }
  }

  @Test(arguments: [
    ("0.125", 2, "0.13", "0.12", "0.12"), ("0.135", 2, "0.14", "0.14", "0.13"),
    ("-0.125", 2, "-0.13", "-0.12", "-0.12"),
    ("-2.5", 0, "-3", "-2", "-2"), ("2.5000000001", 0, "3", "3", "2"), ("0.5", 0, "1", "0", "0"),
    ("-0.4", 0, "0", "0", "0"),
    ("9.995", 2, "10.00", "10.00", "9.99"), ("1", 3, "1.000", "1.000", "1.000"),
  ])
  func tiesGoWhereTheModeSays(_ text: String, _ scale: Int, _ away: String, _ even: String, _ zero: String) {
    let value = ExactDecimal(text)
    #expect(value?.rounded(scale: scale, rounding: .halfAwayFromZero)?.description == away)
    #expect(value?.rounded(scale: scale, rounding: .halfEven)?.description == even)
    #expect(value?.rounded(scale: scale, rounding: .towardZero)?.description == zero)
  }

  @Test(
    arguments: [
      ("1", "3", 4, "0.3333"), ("2", "3", 4, "0.6667"), ("-1", "8", 2, "-0.13"), ("10.00", "4", 0, "3"),
      // The dividend at the target scale has far more than 38 digits, the quotient has not.
      ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999", 10, "1.0000000000"),
      ("0", "0.00000000000000000000000000000000000001", 38, "0.00000000000000000000000000000000000000"),
      ("1", "0.00000000000000000000000000000000000001", 0, nil),
      (
        "0.00000000000000000000000000000000000001", "99999999999999999999999999999999999999", 38,
        "0.00000000000000000000000000000000000000"
      ),
    ] as [(String, String, Int, String?)])
  func quotientsOfKnownValues(_ a: String, _ b: String, _ scale: Int, _ expected: String?) throws {
    let (x, y) = (try #require(ExactDecimal(a)), try #require(ExactDecimal(b)))
    #expect(x.divided(by: y, scale: scale, rounding: .halfAwayFromZero)?.description == expected)
  }

  @Test(arguments: seeds)
  func orderIsThatOfTheNumbersAtAnyScale(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let (a, b) = (try randomDecimal(&random), try randomDecimal(&random))
    let (x, y) = (wide(a, at: 38), wide(b, at: 38))
    #expect((a < b) == (x < y), "\(a) < \(b)")
    #expect((b < a) == (y < x), "\(b) < \(a)")
    #expect((a == b) == (x == y), "\(a) == \(b)")
  }

  @Test(arguments: seeds)
  func equalValuesHashAlike(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let value = try randomDecimal(&random)
    guard let longer = value.rounded(scale: min(38, value.scale + 3), rounding: .towardZero) else { return }
    #expect(longer == value)
    #expect(Set([longer, value, value.normalized]).count == 1)
  }

  @Test func coefficientAtAnotherScaleLosesNoDigit() throws {
    let value = try #require(ExactDecimal("1.50"))
    #expect(value.coefficient(atScale: 1) == 15)
    #expect(value.coefficient(atScale: 0) == nil)
    #expect(value.coefficient(atScale: 4) == 15_000)
    #expect(try #require(ExactDecimal("1500")).coefficient(atScale: -2) == 15)
    #expect(value.coefficient(atScale: -60) == nil)
    #expect(ExactDecimal.zero.coefficient(atScale: -60) == 0)
    #expect(value.coefficient(atScale: 60) == nil)
  }

  @Test func tooManyDigitsAreRefusedNotWrapped() {
    #expect(ExactDecimal(coefficient: .max, scale: 0) == nil)
    #expect(ExactDecimal(coefficient: .min, scale: 0) == nil)
    #expect(ExactDecimal(coefficient: 1, scale: 39) == nil)
    #expect(ExactDecimal(coefficient: 1, scale: -1) == nil)
    let largest = ExactDecimal("99999999999999999999999999999999999999")
    #expect(largest?.adding(1) == nil)
    #expect(largest?.adding(-1)?.description == "99999999999999999999999999999999999998")
    #expect(
      ExactDecimal("9999999999999999999999999999999999999.9")?.rounded(scale: 0, rounding: .halfEven)?.description
        == "10000000000000000000000000000000000000")
    #expect(largest?.rounded(scale: 1, rounding: .halfEven) == nil)
  }

  private func expect(_ result: ExactDecimal?, is exact: WideInteger, scale: Int) {
    guard let result else {
      #expect(exact.digitCount > 38 || scale > 38)
      return
    }
    #expect(result.scale == scale)
    #expect(WideInteger(result.coefficient) == exact)
  }

  /// That `quotient` is `x` / `y` (both without sign) rounded under `mode`.
  private func expectNearest(_ quotient: Int128, _ x: WideInteger, _ y: WideInteger, _ mode: RoundingMode) {
    let q = WideInteger(quotient).magnitude
    let error = x - q * y
    let two = WideInteger(2)
    switch mode {
    case .towardZero: #expect(error >= WideInteger(0) && error < y)
    case .halfAwayFromZero: #expect(two * error < y && two * error >= -y)
    case .halfEven:
      let twice = (two * error).magnitude
      #expect(twice < y || twice == y && quotient.isMultiple(of: 2))
    }
  }
}
