// Phase 1: which characters do the bytes mean? First, because UTF-16 has its delimiters as two bytes.
// Evidence in this order: a byte-order mark, NULs in every second place, bytes that are valid UTF-8, and else the
// bytes that only Windows uses. What is no text at all is refused here, with the name of what it is.

internal import Definitions

/// What the bytes mean.
struct EncodingGuess: Sendable {
  var encoding: TextEncoding
  var hasByteOrderMark: Bool
  var evidence: String
}

enum EncodingPhase {
  /// Tells the encoding of the sample.
  static func guess(_ sample: FeedSample) -> EncodingGuess {
    let head = sample.head
    if head.starts(with: [0xEF, 0xBB, 0xBF]) {
      return EncodingGuess(encoding: .utf8, hasByteOrderMark: true, evidence: "a byte-order mark")
    }
    if head.starts(with: [0xFF, 0xFE]) {
      return EncodingGuess(encoding: .utf16LittleEndian, hasByteOrderMark: true, evidence: "a byte-order mark")
    }
    if head.starts(with: [0xFE, 0xFF]) {
      return EncodingGuess(encoding: .utf16BigEndian, hasByteOrderMark: true, evidence: "a byte-order mark")
    }
    if let guess = unmarkedUTF16(head) { return guess }
    var counts = ByteCounts()
    counts.add(head, isCut: !sample.isWhole)
    for block in sample.blocks { counts.add(block, isCut: true) }
    if counts.invalid == 0 {
      return EncodingGuess(
        encoding: .utf8, hasByteOrderMark: false,
        evidence: counts.sequences == 0
          ? "only ASCII seen" : "\(counted(counts.sequences)) characters beyond ASCII, all valid")
    }
    if counts.sequences > 10 * counts.invalid {
      return EncodingGuess(
        encoding: .utf8, hasByteOrderMark: false,
        evidence:
          "\(counted(counts.sequences)) characters beyond ASCII are valid, \(counted(counts.invalid)) bytes are not")
    }
    if counts.windowsUndefined > 0 {
      return EncodingGuess(
        encoding: .latin1, hasByteOrderMark: false,
        evidence: "not valid UTF-8, and bytes that windows-1252 does not define")
    }
    return EncodingGuess(
      encoding: .windows1252, hasByteOrderMark: false,
      evidence: counts.windowsOnly > 0
        ? "not valid UTF-8, and \(counted(counts.windowsOnly)) bytes from 80 to 9F, as Windows writes them"
        : "not valid UTF-8; latin-1 would read these bytes the same")
  }

  private static func unmarkedUTF16(_ head: [UInt8]) -> EncodingGuess? {
    let pairs = min(head.count, 64 << 10) / 2
    guard pairs >= 4 else { return nil }
    var even = 0
    var odd = 0
    for index in 0..<pairs {
      if head[2 * index] == 0 { even += 1 }
      if head[2 * index + 1] == 0 { odd += 1 }
    }
    func guess(_ encoding: TextEncoding) -> EncodingGuess {
      EncodingGuess(encoding: encoding, hasByteOrderMark: false, evidence: "every second byte is zero")
    }
    if odd * 2 > pairs, even * 20 < pairs { return guess(.utf16LittleEndian) }
    if even * 2 > pairs, odd * 20 < pairs { return guess(.utf16BigEndian) }
    return nil
  }

  private struct ByteCounts {
    var sequences = 0
    var invalid = 0
    var windowsOnly = 0
    var windowsUndefined = 0

    mutating func add(_ bytes: [UInt8], isCut: Bool) {
      // A cut stretch may begin and end inside a character.
      var index = isCut ? bytes.prefix(3).prefix { $0 & 0xC0 == 0x80 }.count : 0
      let end = isCut ? bytes.count - 3 : bytes.count
      while index < end {
        let byte = bytes[index]
        if byte < 0x80 {
          index += 1
          continue
        }
        if (0x80...0x9F).contains(byte) {
          windowsOnly += 1
          if [0x81, 0x8D, 0x8F, 0x90, 0x9D].contains(byte) { windowsUndefined += 1 }
        }
        let length = bytes.withUnsafeBufferPointer { buffer in
          buffer.baseAddress.map { sequenceLength($0 + index, buffer.count - index) } ?? 0
        }
        if length == 0 { invalid += 1 } else { sequences += 1 }
        index += max(1, length)
      }
    }
  }

  // MARK: Not text

  /// What the bytes are when they are no text, with what to do instead; nil for text.
  static func foreignFormat(_ head: [UInt8]) -> (name: String, fix: String)? {
    let kinds: [(magic: [UInt8], name: String, fix: String)] = [
      (
        Array("PK\u{3}\u{4}".utf8), "a ZIP archive or an Excel workbook", "save the sheet as CSV, or unpack the archive"
      ),
      ([0xD0, 0xCF, 0x11, 0xE0], "an old Excel workbook", "save the sheet as CSV"),
      (Array("%PDF".utf8), "a PDF", "ask for the data as CSV"),
      (Array("PAR1".utf8), "a Parquet file", "export it as CSV"),
      (Array("SQLite format 3".utf8), "an SQLite database", "export the table as CSV"),
      (Array("BZh".utf8), "a bzip2 stream", "unpack it, or deliver it as .gz or .zst"),
      ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "an xz stream", "unpack it, or deliver it as .gz or .zst"),
    ]
    for kind in kinds where head.starts(with: kind.magic) { return (kind.name, kind.fix) }
    return nil
  }

  /// Whether decoded bytes hold more control characters than any text does.
  static func isBinary(_ text: [UInt8]) -> Bool {
    let part = text.prefix(64 << 10)
    let controls = part.count { $0 < 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D && $0 != 0x1A || $0 == 0x7F }
    return controls * 50 > part.count
  }

  // MARK: Decoding

  /// The bytes as UTF-8, without a byte-order mark. A byte that means nothing becomes U+FFFD, in the sample only.
  static func decoded(_ bytes: [UInt8], _ encoding: TextEncoding, isStart: Bool) -> [UInt8] {
    switch encoding {
    case .utf8: return isStart && bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    case .utf16LittleEndian, .utf16BigEndian:
      let low = encoding == .utf16LittleEndian ? 0 : 1
      var units: [UInt16] = []
      units.reserveCapacity(bytes.count / 2)
      for index in 0..<(bytes.count / 2) {
        units.append(UInt16(bytes[2 * index + low]) | UInt16(bytes[2 * index + 1 - low]) << 8)
      }
      if isStart, units.first == 0xFEFF { units.removeFirst() }
      return Array(String(decoding: units, as: UTF16.self).utf8)
    case .latin1, .windows1252:
      var text: [UInt8] = []
      text.reserveCapacity(bytes.count + bytes.count / 8)
      for byte in bytes {
        if byte < 0x80 {
          text.append(byte)
          continue
        }
        var value = UInt32(byte)
        if encoding == .windows1252, byte < 0xA0 { value = windows[Int(byte - 0x80)] }
        text.append(contentsOf: String(Unicode.Scalar(value) ?? "\u{FFFD}").utf8)
      }
      return text
    }
  }

  /// What windows-1252 means by 80 to 9F. Source: unicode.org, CP1252.TXT.
  private static let windows: [UInt32] = [
    0x20AC, 0xFFFD, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0xFFFD,
    0x017D, 0xFFFD, 0xFFFD, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A,
    0x0153, 0xFFFD, 0x017E, 0x0178,
  ]
}

/// A count with its word: 1 value, 12,345 values.
func counted(_ number: Int, _ word: String) -> String { "\(counted(number)) \(word)\(number == 1 ? "" : "s")" }

/// A count as people read it: 12,345.
func counted(_ number: Int) -> String {
  let digits = Array(String(number).utf8)
  var text = ""
  for (index, digit) in digits.enumerated() {
    if index > 0, (digits.count - index) % 3 == 0 { text += "," }
    text.unicodeScalars.append(Unicode.Scalar(digit))
  }
  return text
}
