// Numbers in a feed's own notation → `[-]digits[.digits]`, which NumberText reads. Off the usual path: a feed that
// declares neither grouping nor other negatives never comes here.
// Invariant: only what is declared is understood, and a number never has two signs.

internal import Definitions

/// What a feed's numbers may look like besides `-1234.50`.
struct NumberNotation: Sendable {
  let decimalMark: UInt8
  let groupingMark: UInt8?
  /// `(12.50)`.
  let hasParentheses: Bool
  /// `12.50-`.
  let hasTrailingMinus: Bool

  init(decimalMark: UInt8, groupingMark: UInt8?, negatives: Set<NegativeNotation> = []) {
    self.decimalMark = decimalMark
    self.groupingMark = groupingMark
    hasParentheses = negatives.contains(.parentheses)
    hasTrailingMinus = negatives.contains(.trailingMinus)
  }

  init(_ format: FeedFormat) {
    self.init(decimalMark: format.decimalMark, groupingMark: format.groupingMark, negatives: format.negatives)
  }

  /// Whether numbers are to be written anew before they are parsed.
  var isPlain: Bool { groupingMark == nil && !hasParentheses && !hasTrailingMinus }

  /// Writes the number at `bytes` into `scratch`, which has room for `count` + 1 bytes.
  ///
  /// - Returns: the bytes written, or -1 for a mark or a sign in the wrong place. What is written may still be no
  ///   number: that is for the parser to say.
  @inline(never)
  func rewrite(_ bytes: UnsafePointer<UInt8>, _ count: Int, into scratch: UnsafeMutablePointer<UInt8>) -> Int {
    var start = 0
    var end = count
    if hasParentheses, count >= 3, bytes[0] == UInt8(ascii: "("), bytes[count - 1] == UInt8(ascii: ")") {
      start = 1
      end -= 1
    } else if hasTrailingMinus, count >= 2, bytes[count - 1] == UInt8(ascii: "-") {
      end -= 1
    }
    var written = 0
    if end < count {
      guard bytes[start] &- 0x30 <= 9 || bytes[start] == decimalMark else { return -1 }
      scratch[0] = UInt8(ascii: "-")
      written = 1
    }
    guard let groupingMark else {
      (scratch + written).update(from: bytes + start, count: end - start)
      return written + end - start
    }
    let rest = removeGrouping(
      bytes + start, end - start, mark: groupingMark, decimalMark: decimalMark, into: scratch + written)
    return rest < 0 ? -1 : written + rest
  }
}
