// How a feed writes numbers: which byte stands before the fraction, which between groups of digits.
// Invariant: what `scan` takes is what the ingest takes with the same marks; the facts are counts of digits, so that
// nothing is ever rounded by looking at it.

internal import Definitions

/// What one number looks like.
struct NumberFacts: Sendable {
  var wholeDigits = 0
  var fractionDigits = 0
  /// Fraction digits up to the last that is not zero.
  var significantFraction = 0
  var hasMark = false
  var groups = 0
  var hasLeadingZero = false
  var hasPlus = false
  var isNegative = false
  var negative: NegativeNotation?
  /// The whole part where it fits 18 digits.
  var whole: Int64 = 0
}

/// The marks of a feed's numbers.
struct NumberStyle: Sendable, Hashable {
  var decimalMark: UInt8
  var groupingMark: UInt8?

  /// The plain style first; among equal explanations the earlier wins.
  static let all: [NumberStyle] = [
    NumberStyle(decimalMark: 0x2E, groupingMark: nil), NumberStyle(decimalMark: 0x2E, groupingMark: 0x2C),
    NumberStyle(decimalMark: 0x2C, groupingMark: nil), NumberStyle(decimalMark: 0x2C, groupingMark: 0x2E),
    NumberStyle(decimalMark: 0x2E, groupingMark: 0x20), NumberStyle(decimalMark: 0x2C, groupingMark: 0x20),
    NumberStyle(decimalMark: 0x2E, groupingMark: 0x27), NumberStyle(decimalMark: 0x2C, groupingMark: 0x27),
    NumberStyle(decimalMark: 0x2E, groupingMark: 0x5F),
  ]
  static let plain = NumberStyle(decimalMark: 0x2E, groupingMark: nil)

  /// The number's facts, or nil for what is no number in this style.
  func scan(_ bytes: ArraySlice<UInt8>) -> NumberFacts? {
    var facts = NumberFacts()
    var rest = bytes
    if rest.first == 0x28, rest.last == 0x29, rest.count > 2 {
      rest = rest.dropFirst().dropLast()
      facts.negative = .parentheses
    } else if rest.last == 0x2D, rest.count > 1 {
      rest = rest.dropLast()
      facts.negative = .trailingMinus
    } else if let sign = rest.first, sign == 0x2D || sign == 0x2B {
      rest = rest.dropFirst()
      facts.hasPlus = sign == 0x2B
      facts.isNegative = sign == 0x2D
    }
    facts.isNegative = facts.isNegative || facts.negative != nil
    var sinceGroup = -1
    let firstDigit = rest.first
    for byte in rest {
      let digit = byte &- 0x30
      if digit <= 9 {
        if facts.hasMark {
          facts.fractionDigits += 1
          if digit != 0 { facts.significantFraction = facts.fractionDigits }
        } else {
          facts.wholeDigits += 1
          if sinceGroup >= 0 { sinceGroup += 1 }
          if facts.wholeDigits <= 18 { facts.whole = facts.whole * 10 + Int64(digit) }
        }
      } else if byte == decimalMark, !facts.hasMark {
        facts.hasMark = true
      } else if byte == groupingMark, !facts.hasMark {
        guard sinceGroup == 3 || sinceGroup == -1 && (1...3).contains(facts.wholeDigits) else { return nil }
        sinceGroup = 0
        facts.groups += 1
      } else {
        return nil
      }
    }
    guard sinceGroup == -1 || sinceGroup == 3, facts.wholeDigits + facts.fractionDigits > 0 else { return nil }
    // "5." is a number to some, and a sentence's end to others.
    if facts.hasMark, facts.fractionDigits == 0 { return nil }
    facts.hasLeadingZero = facts.wholeDigits > 1 && firstDigit == 0x30
    return facts
  }

  /// What shows that these values, all numbers in this style, are written in it and no other; nil for no such sign.
  func witness(_ values: [ArraySlice<UInt8>]) -> ArraySlice<UInt8>? {
    if self == Self.plain { return values.first }
    var hasShortPlain = false
    var hasLongPlain = false
    var grouped: ArraySlice<UInt8>?
    for value in values {
      guard let facts = scan(value) else { continue }
      if facts.groups > 1 || facts.groups == 1 && facts.hasMark { return value }
      if decimalMark == 0x2C, facts.hasMark, facts.groups == 0,
        facts.fractionDigits != 3 || facts.wholeDigits > 3 || facts.hasLeadingZero || facts.whole == 0
      {
        return value
      }
      if facts.groups == 1 {
        // A blank, an apostrophe or _ between digits is never a decimal mark.
        if groupingMark != 0x2C, groupingMark != 0x2E { return value }
        grouped = grouped ?? value
      } else if facts.wholeDigits <= 3 {
        hasShortPlain = hasShortPlain || !facts.hasMark
      } else {
        hasLongPlain = true
      }
    }
    // Grouped above 999 and plain below: what grouping does, and what fractions of three digits do not.
    return groupingMark != nil && hasShortPlain && !hasLongPlain ? grouped : nil
  }
}
