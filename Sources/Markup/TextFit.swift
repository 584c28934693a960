// Text that must fit: labels cut to a number of characters or to a width, and foreign words kept apart from the
// direction of their neighbours.
// Widths are estimates on the wide side, since nothing here can measure; a picture clips what is wider still.
// Invariant: what is cut ends in an ellipsis, and the whole text stands in a tooltip, a table or a CSV.

/// `text` cut to `limit` characters with an ellipsis.
///
/// One character may be a letter with a thousand marks, or a family of emoji joined without end; four scalars for each
/// character are let through.
public func shortened(_ text: String, to limit: Int) -> String {
  if text.utf8.count <= limit { return text }
  var result = text
  if let end = text.index(text.startIndex, offsetBy: limit, limitedBy: text.endIndex), end < text.endIndex {
    result = text.prefix(max(0, limit - 1)) + "…"
  }
  guard result.unicodeScalars.count > 4 * limit else { return result }
  var cut = ""
  cut.unicodeScalars.append(contentsOf: result.unicodeScalars.prefix(4 * limit - 1))
  return cut + "…"
}

/// `text` cut to what fits into `width`, a multiple of the size of its letters.
func fitted(_ text: String, ems width: Double) -> String {
  let text = legible(shortened(text, to: 200))
  if ems(text) <= width { return text }
  var result = ""
  var used = 0.7
  for character in text {
    used += ems(character)
    if used > width { break }
    result.append(character)
  }
  return result + "…"
}

/// About how wide `text` is drawn, as a multiple of the size of its letters.
func ems(_ text: String) -> Double { text.reduce(0) { $0 + ems($1) } }

private func ems(_ character: Character) -> Double {
  guard let byte = character.asciiValue else {
    return character.unicodeScalars.reduce(0) { sum, scalar in
      switch scalar.properties.generalCategory {
      case .nonspacingMark, .enclosingMark, .format: sum
      default: sum + (scalar.value < 0x1100 || (0x2000..<0x2600).contains(scalar.value) ? 0.7 : 1.1)
      }
    }
  }
  switch byte {
  case UInt8(ascii: "i"), UInt8(ascii: "l"), UInt8(ascii: "j"), UInt8(ascii: "t"), UInt8(ascii: "f"), 0x20, 0x27, 0x28,
    0x29, 0x2C, 0x2E, 0x3A, 0x3B, 0x21, 0x7C:
    return 0.4
  case UInt8(ascii: "m"), UInt8(ascii: "w"), UInt8(ascii: "M"), UInt8(ascii: "W"), 0x40, 0x25: return 1.0
  case 0x41...0x5A: return 0.75
  default: return 0.64
  }
}

/// `text` as a foreign word inside a sentence: where it has letters that are written from right to left it becomes an
/// island of its own direction, so that figures beside it stay where they are.
public func isolated(_ text: String) -> String {
  let isRightToLeft = text.unicodeScalars.contains { scalar in
    switch scalar.value {
    case 0x0590...0x08FF, 0xFB1D...0xFDFF, 0xFE70...0xFEFE, 0x10800...0x10FFF, 0x1E800...0x1EFFF: true
    default: false
    }
  }
  return isRightToLeft ? "\u{2068}\(legible(text))\u{2069}" : text
}

/// `text` with every character that hides or reorders its neighbours replaced by a visible stand-in.
///
/// C0 controls become their Unicode pictures (␀ to ␟, ␡), C1 controls, bidirectional controls, line and paragraph
/// separators, byte order marks and noncharacters become ⟨U+202E⟩. Of the marks upon one letter only the first eight are
/// drawn, and of joiners between characters only the first eight join; ⁀ stands for each more, where a line can break.
/// Tab and line feed stay; they only lay out.
public func legible(_ text: String) -> String { legible(text, keepsIslands: false) }

/// - Parameter keepsIslands: whether an island that `isolated` made, closed and without another inside, is kept.
func legible(_ text: String, keepsIslands: Bool) -> String {
  if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
  var result = ""
  result.reserveCapacity(text.utf8.count)
  var marks = 0
  /// Joiners since the last two characters that stand beside each other unjoined.
  var joiners = 0
  var wasJoiner = false
  var islandEnd: String.UnicodeScalarView.Index?
  let scalars = text.unicodeScalars
  for index in scalars.indices {
    let scalar = scalars[index]
    if isMark(scalar) {
      marks += 1
      if marks <= mostMarks { result.unicodeScalars.append(scalar) }
      continue
    }
    if marks > mostMarks { result += moreMarks(marks) }
    marks = 0
    if scalar.value == 0x200D {
      joiners += 1
      wasJoiner = true
      if joiners <= mostJoiners { result.unicodeScalars.append(scalar) } else { result += "⁀" }
      continue
    }
    // Skin tones and the selectors of a character's form belong to the character before them.
    if !wasJoiner, !(0x1F3FB...0x1F3FF).contains(scalar.value) { joiners = 0 }
    wasJoiner = false
    if keepsIslands, scalar.value == 0x2068, let end = islandClosing(scalars, from: scalars.index(after: index)) {
      islandEnd = end
      result.unicodeScalars.append(scalar)
      continue
    }
    if index == islandEnd {
      result.unicodeScalars.append(scalar)
      continue
    }
    write(scalar, into: &result)
  }
  if marks > mostMarks { result += moreMarks(marks) }
  return result
}

/// Languages that use marks put three or four upon one letter.
private let mostMarks = 8
/// The longest emoji joins five characters.
private let mostJoiners = 8

private func moreMarks(_ count: Int) -> String { "⟨\(count - mostMarks) more marks⟩" }

private func isMark(_ scalar: Unicode.Scalar) -> Bool {
  guard scalar.value >= 0x300 else { return false }
  switch scalar.properties.generalCategory {
  case .nonspacingMark, .enclosingMark: return true
  default: return false
  }
}

/// The place of the U+2069 that closes an island, when nothing between opens or closes another.
private func islandClosing(
  _ scalars: String.UnicodeScalarView, from start: String.UnicodeScalarView.Index
) -> String.UnicodeScalarView.Index? {
  for index in scalars[start...].indices where (0x2066...0x2069).contains(scalars[index].value) {
    return scalars[index].value == 0x2069 ? index : nil
  }
  return nil
}

private func write(_ scalar: Unicode.Scalar, into result: inout String) {
  switch scalar.value {
  case 0x09, 0x0A: result.unicodeScalars.append(scalar)
  case 0..<0x20: result.unicodeScalars.append(Unicode.Scalar(0x2400 + scalar.value) ?? "?")
  case 0x7F: result += "\u{2421}"
  case 0x80..<0xA0, 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF, 0xFDD0...0xFDEF:
    result += "⟨U+\(hexadecimal(scalar.value))⟩"
  case let value where value & 0xFFFE == 0xFFFE: result += "⟨U+\(hexadecimal(value))⟩"
  default: result.unicodeScalars.append(scalar)
  }
}

private func hexadecimal(_ value: UInt32) -> String {
  let digits = String(value, radix: 16, uppercase: true)
  return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
}
