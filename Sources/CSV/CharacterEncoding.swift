// How the bytes of a feed file stand for characters, and the way back from the text that the reader makes of them.
// Inside this room everything is UTF-8: a file of another encoding is transcoded while it streams (`Transcoder`).
// Invariant: the transcoded text says everything that the file says, byte for byte. What the encoding does not allow
// is kept as bytes that are no UTF-8 (so that whoever checks refuses that record and no other) and can be turned back:
//   one raw byte `hl`            FF 8h 8l     a byte windows-1252 does not define, half a UTF-16 unit at the end
//   a surrogate without partner  ED A0..BF xx its three-byte form (WTF-8)
// Every original byte is accounted to the lead byte of a sequence, so counting needs no context.
// Source: WHATWG Encoding, index windows-1252 (without its stand-ins for undefined bytes); RFC 2781 (UTF-16).

/// The character encoding of a file, as it is declared.
public enum CharacterEncoding: String, Sendable, Hashable, CaseIterable {
  /// Read as it is; whether it is valid is the ingest's question.
  case utf8 = "utf-8"
  /// Two bytes for a unit, the low one first.
  case utf16LittleEndian = "utf-16le"
  /// Two bytes for a unit, the high one first.
  case utf16BigEndian = "utf-16be"
  /// Western European Windows; the bytes 81, 8D, 8F, 90 and 9D mean nothing.
  case windows1252 = "windows-1252"
  /// ISO 8859-1: every byte is the code point of the same number.
  case latin1 = "latin-1"

  /// The original bytes behind transcoded text, exactly; for UTF-8 the same bytes.
  ///
  /// - Parameter text: bytes of a chunk or a record that was read with this encoding. A sequence that is cut off at
  ///   the end (of a record that is too long) is left out.
  /// - Complexity: O(bytes), byte by byte: meant for rejects, not for every record.
  public func originalBytes(of text: UnsafeRawBufferPointer) -> [UInt8] {
    if self == .utf8 { return Array(text) }
    var original: [UInt8] = []
    original.reserveCapacity(self == .utf16LittleEndian || self == .utf16BigEndian ? 2 * text.count : text.count)
    var index = 0
    while index < text.count {
      let lead = text[index]
      let length = Self.sequenceBytes(lead)
      guard index + length <= text.count else { break }
      var scalar = UInt32(lead)
      if length > 1 {
        scalar &= 0x7F >> UInt32(length)
        for offset in 1..<length { scalar = scalar << 6 | UInt32(text[index + offset] & 0x3F) }
      }
      if lead == Self.escapeLead {
        original.append(text[index + 1] << 4 | text[index + 2] & 0x0F)
      } else {
        append(scalar, to: &original)
      }
      index += length
    }
    return original
  }

  /// The lead byte of one raw byte in two halves; never a byte of UTF-8.
  static let escapeLead: UInt8 = 0xFF

  /// How many original bytes stand behind transcoded text; may begin and end in the middle of a sequence.
  ///
  /// - Complexity: O(bytes), a few bytes for a cycle; O(1) for UTF-8.
  func originalCount(of text: UnsafeRawBufferPointer) -> Int {
    if self == .utf8 { return text.count }
    var leads = 0
    if self == .windows1252 || self == .latin1 {
      for byte in text { leads &+= byte & 0xC0 == 0x80 ? 0 : 1 }
      return leads
    }
    var pairs = 0
    var escapes = 0
    for byte in text {
      leads &+= byte & 0xC0 == 0x80 ? 0 : 1
      pairs &+= byte >= 0xF0 ? 1 : 0
      escapes &+= byte == Self.escapeLead ? 1 : 0
    }
    // An escape was counted as a pair, which is four bytes, and is one.
    return 2 * (leads + pairs) - 3 * escapes
  }

  /// Bytes of the sequence that `lead` begins.
  private static func sequenceBytes(_ lead: UInt8) -> Int {
    switch lead {
    case 0xC0..<0xE0: 2
    case 0xE0..<0xF0, escapeLead: 3
    case 0xF0..<escapeLead: 4
    default: 1
    }
  }

  private func append(_ scalar: UInt32, to original: inout [UInt8]) {
    switch self {
    case .utf16LittleEndian, .utf16BigEndian:
      if scalar >= 0x1_0000 {
        appendUnit(UInt16(truncatingIfNeeded: 0xD7C0 + scalar >> 10), to: &original)
        appendUnit(UInt16(truncatingIfNeeded: 0xDC00 + scalar & 0x3FF), to: &original)
      } else {
        appendUnit(UInt16(truncatingIfNeeded: scalar), to: &original)
      }
    case .windows1252 where scalar > 0xFF:
      let place = windows1252Scalars.firstIndex(of: UInt16(truncatingIfNeeded: scalar)) ?? 0
      original.append(0x80 + UInt8(truncatingIfNeeded: place))
    case .utf8, .windows1252, .latin1:
      original.append(UInt8(truncatingIfNeeded: scalar))
    }
  }

  private func appendUnit(_ unit: UInt16, to original: inout [UInt8]) {
    let high = UInt8(truncatingIfNeeded: unit >> 8)
    let low = UInt8(truncatingIfNeeded: unit)
    original.append(self == .utf16LittleEndian ? low : high)
    original.append(self == .utf16LittleEndian ? high : low)
  }
}

/// What the bytes 80 to 9F of windows-1252 mean; 0 where they mean nothing.
let windows1252Scalars: [UInt16] = [
  0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017D, 0,
  0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E, 0x0178,
]

// MARK: The mark at the start of a file

extension CharacterEncoding {
  /// How many bytes of a file's start `contradiction(in:)` wants to see.
  static let markBytes = 4

  /// The refusal of a file that begins with the byte-order mark of another encoding than this one, if it does.
  ///
  /// - Parameter start: the file's first `markBytes` bytes, decompressed; fewer when it has no more.
  func contradiction(in start: UnsafeRawBufferPointer, path: String?) -> CSVError? {
    let seen: (name: String, mark: String, isKnown: Bool)
    // The mark of little-endian UTF-32 begins with that of UTF-16; in a file declared UTF-16 it may be a NUL.
    if start.starts(with: [0xFF, 0xFE, 0, 0]), self != .utf16LittleEndian {
      seen = ("utf-32le", "FF FE 00 00", false)
    } else if start.starts(with: [0xFF, 0xFE]) {
      seen = (Self.utf16LittleEndian.rawValue, "FF FE", true)
    } else if start.starts(with: [0xFE, 0xFF]) {
      seen = (Self.utf16BigEndian.rawValue, "FE FF", true)
    } else if start.starts(with: [0xEF, 0xBB, 0xBF]) {
      seen = (Self.utf8.rawValue, "EF BB BF", true)
    } else {
      return nil
    }
    if seen.name == rawValue { return nil }
    return CSVError(
      .encoding, path: path,
      "the file is declared \(rawValue) but begins with the byte-order mark of \(seen.name) (\(seen.mark))",
      fix: seen.isKnown
        ? "set format.encoding: \(seen.name), or have the file delivered as \(rawValue)"
        : "have the file delivered as \(rawValue)")
  }
}
