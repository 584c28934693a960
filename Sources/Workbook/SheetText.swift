// Text as a cell can hold it, whatever it says. Nothing here knows the library.
// Invariant: what comes out is well-formed XML text without NUL, at most 32,767 characters long, and reads back as what
// went in, but for what was cut, and NUL, which no cell can hold.
// Source: ECMA-376 part 1, 22.9.2.19 (ST_Xstring): a character that XML cannot carry is written _xHHHH_.

/// A text made to fit a cell.
struct SheetText: Sendable, Hashable {
  /// What the file holds.
  let encoded: String
  /// Whether its end was cut off.
  let isCut: Bool

  /// The most characters of a cell, in UTF-16 code units. Source: Microsoft, "Excel specifications and limits".
  static let maximumUnits = 32_767

  /// Fits a text.
  init(_ text: String, maximumUnits: Int = Self.maximumUnits) {
    if text.utf8.count <= maximumUnits, Self.isPlain(text) {
      encoded = text
      isCut = false
      return
    }
    var result = ""
    var units = 0
    // What still fits when an ellipsis has to follow, as a length of `result`.
    var shortLength = 0
    var isCut = false
    var scalars = text.unicodeScalars[...]
    while let scalar = scalars.first {
      let piece = Self.piece(scalar, before: scalars)
      let width = piece.utf16.count
      if units + width > maximumUnits {
        isCut = true
        break
      }
      result += piece
      units += width
      if units < maximumUnits { shortLength = result.utf8.count }
      scalars = scalars.dropFirst()
    }
    if isCut {
      let end = result.utf8.index(result.startIndex, offsetBy: shortLength)
      result = result[..<end] + "…"
    }
    encoded = result
    self.isCut = isCut
  }

  /// One line without control characters, for names, headings and descriptions.
  static func line(_ text: String, maximumUnits: Int = Self.maximumUnits) -> String {
    var plain = ""
    for scalar in text.unicodeScalars {
      plain.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar)
    }
    return SheetText(plain, maximumUnits: maximumUnits).encoded
  }

  private static func isPlain(_ text: String) -> Bool {
    var before: UInt8 = 0
    for byte in text.utf8 {
      // 0xEF opens U+FFFE and U+FFFF, among others.
      if byte < 0x20 && byte != 0x0A && byte != 0x09 || byte == 0xEF || byte == 0x78 && before == 0x5F { return false }
      before = byte
    }
    return true
  }

  private static func piece(_ scalar: Unicode.Scalar, before rest: Substring.UnicodeScalarView) -> String {
    switch scalar.value {
    case 0: "\u{FFFD}"
    case 0x09, 0x0A: String(scalar)
    case 1..<0x20, 0xFFFE, 0xFFFF: "_x\(hexadecimal(scalar.value))_"
    case 0x5F where looksEscaped(rest): "_x005F_"
    default: String(scalar)
    }
  }

  /// Whether a reader would take `_xHHHH_` here for one character.
  private static func looksEscaped(_ scalars: Substring.UnicodeScalarView) -> Bool {
    let head = Array(scalars.prefix(7))
    guard head.count == 7, head[1] == "x" || head[1] == "X", head[6] == "_" else { return false }
    return head[2..<6].allSatisfy { $0.properties.isASCIIHexDigit }
  }

  private static func hexadecimal(_ value: UInt32) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
  }
}
