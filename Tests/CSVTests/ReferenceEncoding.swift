// The encodings of this room, written to be read: a whole file in memory, one character at a time, each with the place
// where it stands in the file. The streaming transcoder is tested against this.

import CSV

/// A file's text in UTF-8, and where each byte of it comes from.
struct ReferenceText {
  var bytes: [UInt8] = []
  /// For every byte of text, and behind the last: the place in the file of the character it belongs to.
  var places: [Int] = []

  /// The records of a file in any encoding, positions and raw bytes as they are in the file.
  static func records(
    _ file: [UInt8], encoding: CharacterEncoding, dialect: CSVDialect = .standard, expectedFieldCount: Int? = nil
  ) -> [SeenRecord] {
    let text = ReferenceText(file, encoding: encoding)
    return referenceParse(text.bytes, dialect: dialect, expectedFieldCount: expectedFieldCount).map { record in
      var record = record
      let end = text.places[record.byteOffset + record.raw.count]
      record.byteOffset = text.places[record.byteOffset]
      record.raw = Array(file[record.byteOffset..<end])
      return record
    }
  }

  init(_ file: [UInt8], encoding: CharacterEncoding) {
    switch encoding {
    case .utf8:
      bytes = file
      places = Array(0..<file.count)
    case .latin1:
      for (place, byte) in file.enumerated() { append(UInt32(byte), place) }
    case .windows1252:
      for (place, byte) in file.enumerated() {
        switch (byte, windows1252[Int(byte & 0x1F)]) {
        case (0x80..<0xA0, "?"): appendRaw(byte, place)
        case (0x80..<0xA0, let scalar): append(scalar.value, place)
        default: append(UInt32(byte), place)
        }
      }
    case .utf16LittleEndian, .utf16BigEndian:
      let isLittle = encoding == .utf16LittleEndian
      func unit(_ place: Int) -> UInt32 {
        let (first, second) = (UInt32(file[place]), UInt32(file[place + 1]))
        return isLittle ? first + 256 * second : second + 256 * first
      }
      var place = 0
      while place + 1 < file.count {
        let high = unit(place)
        if (0xD800..<0xDC00).contains(high), place + 3 < file.count, (0xDC00..<0xE000).contains(unit(place + 2)) {
          append(0x10000 + (high - 0xD800) * 1024 + unit(place + 2) - 0xDC00, place)
          place += 4
        } else {
          append(high, place)
          place += 2
        }
      }
      if place < file.count { appendRaw(file[place], place) }
    }
    places.append(file.count)
  }

  private mutating func append(_ scalar: UInt32, _ place: Int) {
    let sequence: [UInt8]
    if let valid = Unicode.Scalar(scalar) {
      sequence = Array(String(Character(valid)).utf8)
    } else {
      sequence = [0xED, UInt8(0x80 + scalar >> 6 % 64), UInt8(0x80 + scalar % 64)]
    }
    append(sequence, place)
  }

  private mutating func appendRaw(_ byte: UInt8, _ place: Int) {
    append([0xFF, 0x80 + byte / 16, 0x80 + byte % 16], place)
  }

  private mutating func append(_ sequence: [UInt8], _ place: Int) {
    bytes += sequence
    places += sequence.map { _ in place }
  }
}

/// The characters of 80 to 9F; a question mark where there is none.
private let windows1252 = Array("€?‚ƒ„…†‡ˆ‰Š‹Œ?Ž??‘’“”•–—˜™š›œ?žŸ".unicodeScalars)

/// The bytes of `text` in `encoding`; characters that it does not have are left out.
func encoded(_ text: String, _ encoding: CharacterEncoding) -> [UInt8] {
  switch encoding {
  case .utf8: return Array(text.utf8)
  case .utf16LittleEndian: return text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
  case .utf16BigEndian: return text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
  case .latin1: return text.unicodeScalars.compactMap { UInt8(exactly: $0.value) }
  case .windows1252:
    return text.unicodeScalars.compactMap { scalar in
      if let place = windows1252.firstIndex(of: scalar), scalar != "?" { return 0x80 + UInt8(place) }
      return UInt8(exactly: scalar.value)
    }
  }
}
