// Whether bytes are one JSON value that PostgreSQL's jsonb takes: RFC 8259, no \u0000, no lone surrogate,
// at most 512 deep. Checked here so that the server never refuses a whole COPY for one record.
// Building a value from it is deliberately absent: the server parses the text itself.

/// Checks one JSON text; bytes must already be valid UTF-8.
struct JSONText {
  private let bytes: UnsafePointer<UInt8>
  private let count: Int
  private var index = 0
  /// Nesting allowed.
  static let maximumDepth = 512
  /// Digits that a numeric has before and behind its point. Source: PostgreSQL 15 manual, table 8.2.
  static let maximumWholeDigits = 131_072
  static let maximumFractionDigits = 16_383

  private init(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
    self.bytes = bytes
    self.count = count
  }

  /// Whether the bytes are exactly one JSON value with white space around it.
  static func isValid(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    var reader = JSONText(bytes, count)
    reader.skipSpace()
    guard reader.value(depth: 0) else { return false }
    reader.skipSpace()
    return reader.index == count
  }

  private var current: UInt8? { index < count ? bytes[index] : nil }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { index += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard current == byte else { return false }
    index += 1
    return true
  }

  private mutating func word(_ text: StaticString) -> Bool {
    guard count - index >= text.utf8CodeUnitCount else { return false }
    for offset in 0..<text.utf8CodeUnitCount where bytes[index + offset] != text.utf8Start[offset] { return false }
    index += text.utf8CodeUnitCount
    return true
  }

  private mutating func value(depth: Int) -> Bool {
    guard depth < Self.maximumDepth else { return false }
    switch current {
    case UInt8(ascii: "{"): return members(depth: depth)
    case UInt8(ascii: "["): return elements(depth: depth)
    case UInt8(ascii: "\""): return string()
    case UInt8(ascii: "t"): return word("true")
    case UInt8(ascii: "f"): return word("false")
    case UInt8(ascii: "n"): return word("null")
    default: return number()
    }
  }

  private mutating func members(depth: Int) -> Bool {
    index += 1
    skipSpace()
    if take(UInt8(ascii: "}")) { return true }
    repeat {
      skipSpace()
      guard current == UInt8(ascii: "\""), string() else { return false }
      skipSpace()
      guard take(UInt8(ascii: ":")) else { return false }
      skipSpace()
      guard value(depth: depth + 1) else { return false }
      skipSpace()
    } while take(UInt8(ascii: ","))
    return take(UInt8(ascii: "}"))
  }

  private mutating func elements(depth: Int) -> Bool {
    index += 1
    skipSpace()
    if take(UInt8(ascii: "]")) { return true }
    repeat {
      skipSpace()
      guard value(depth: depth + 1) else { return false }
      skipSpace()
    } while take(UInt8(ascii: ","))
    return take(UInt8(ascii: "]"))
  }

  private mutating func string() -> Bool {
    index += 1
    while let byte = current {
      index += 1
      switch byte {
      case UInt8(ascii: "\""): return true
      case 0..<0x20: return false
      case UInt8(ascii: "\\"):
        guard escape() else { return false }
      default: break
      }
    }
    return false
  }

  private mutating func escape() -> Bool {
    guard let byte = current else { return false }
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return true
    case UInt8(ascii: "u"):
      guard let unit = hexadecimalUnit(), unit != 0 else { return false }
      if (0xDC00...0xDFFF).contains(unit) { return false }
      guard (0xD800...0xDBFF).contains(unit) else { return true }
      guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")), let low = hexadecimalUnit() else { return false }
      return (0xDC00...0xDFFF).contains(low)
    default: return false
    }
  }

  private mutating func hexadecimalUnit() -> UInt32? {
    guard count - index >= 4 else { return nil }
    var unit: UInt32 = 0
    for _ in 0..<4 {
      let byte = bytes[index]
      index += 1
      switch byte {
      case 0x30...0x39: unit = unit << 4 | UInt32(byte - 0x30)
      case 0x61...0x66: unit = unit << 4 | UInt32(byte - 0x61 + 10)
      case 0x41...0x46: unit = unit << 4 | UInt32(byte - 0x41 + 10)
      default: return nil
      }
    }
    return unit
  }

  private mutating func digits() -> Int {
    let start = index
    while let byte = current, byte >= 0x30, byte <= 0x39 { index += 1 }
    return index - start
  }

  private mutating func number() -> Bool {
    _ = take(UInt8(ascii: "-"))
    var whole = 1
    var fraction = 0
    if take(UInt8(ascii: "0")) {
      if let byte = current, byte >= 0x30, byte <= 0x39 { return false }
    } else {
      whole = digits()
      if whole == 0 { return false }
    }
    if take(UInt8(ascii: ".")) {
      fraction = digits()
      if fraction == 0 { return false }
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      let isNegative = !take(UInt8(ascii: "+")) && take(UInt8(ascii: "-"))
      let start = index
      // An exponent of more than four digits is beyond what numeric holds.
      guard (1...4).contains(digits()) else { return false }
      let exponent = (start..<index).reduce(0) { $0 * 10 + Int(bytes[$1] - 0x30) }
      whole += isNegative ? 0 : exponent
      fraction += isNegative ? exponent : 0
    }
    return whole <= Self.maximumWholeDigits && fraction <= Self.maximumFractionDigits
  }
}
