// Phase 1: which characters do the bytes mean? First, because UTF-16 has its delimiters as two bytes.
// Evidence in this order: a byte-order mark, NULs in every second place, bytes that are valid UTF-8, and else the
// bytes that only Windows uses. What is no text at all is refused here, with the name of what it is.

internal import CSV
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
          ? "only ASCII seen" : "\(counted(counts.sequences, "character")) beyond ASCII, all valid")
    }
    if counts.sequences > 10 * counts.invalid {
      return EncodingGuess(
        encoding: .utf8, hasByteOrderMark: false,
        evidence:
          "\(counted(counts.sequences, "character")) beyond ASCII valid, \(counted(counts.invalid, "byte")) not")
    }
    if counts.windowsUndefined > 0 {
      return EncodingGuess(
        encoding: .latin1, hasByteOrderMark: false,
        evidence: "not valid UTF-8, and bytes that windows-1252 does not define")
    }
    return EncodingGuess(
      encoding: .windows1252, hasByteOrderMark: false,
      evidence: counts.windowsOnly > 0
        ? "not valid UTF-8, and \(counted(counts.windowsOnly, "byte")) from 80 to 9F, as Windows writes them"
        : "not valid UTF-8; latin-1 would read these bytes the same")
  }

  private static func unmarkedUTF16(_ head: [UInt8]) -> EncodingGuess? {
    let pairs = min(head.count, 64 << 10) / 2
    guard pairs >= 4 else { return nil }
    var even = 0
    var odd = 0
    // Line ends: bytes on either side, and those whose other byte is zero, as units have them.
    var ends = (even: 0, odd: 0, little: 0, big: 0)
    func isEnd(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }
    for index in 0..<pairs {
      let (first, second) = (head[2 * index], head[2 * index + 1])
      if first == 0 { even += 1 }
      if second == 0 { odd += 1 }
      if isEnd(first) {
        ends.even += 1
        if second == 0 { ends.little += 1 }
      }
      if isEnd(second) {
        ends.odd += 1
        if first == 0 { ends.big += 1 }
      }
    }
    func guess(_ encoding: TextEncoding, zeros: Int) -> EncodingGuess {
      EncodingGuess(
        encoding: encoding, hasByteOrderMark: false,
        evidence: "zeros are every second byte, in \(counted(zeros)) of \(counted(pairs)) pairs")
    }
    if odd * 2 > pairs, even * 20 < pairs { return guess(.utf16LittleEndian, zeros: odd) }
    if even * 2 > pairs, odd * 20 < pairs { return guess(.utf16BigEndian, zeros: even) }
    // Text of another script has zeros beside its digits, delimiters and line ends, and nowhere else.
    func areEnds(_ units: Int, _ bytes: Int, _ others: Int) -> Bool {
      units > 0 && units * 10 >= bytes * 9 && others * 4 < units
    }
    if even == 0, areEnds(ends.little, ends.even, ends.odd) { return guess(.utf16LittleEndian, zeros: odd) }
    if odd == 0, areEnds(ends.big, ends.odd, ends.even) { return guess(.utf16BigEndian, zeros: even) }
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
      ([0xFF, 0xFE, 0, 0], "text in UTF-32", "have it delivered as utf-8"),
      ([0, 0, 0xFE, 0xFF], "text in UTF-32", "have it delivered as utf-8"),
    ]
    for kind in kinds where head.starts(with: kind.magic) { return (kind.name, kind.fix) }
    return nil
  }

  /// Whether decoded bytes hold more control characters than any text does; one of them may be its delimiter.
  static func isBinary(_ text: [UInt8]) -> Bool {
    let part = text.prefix(64 << 10)
    var counts = [Int](repeating: 0, count: 128)
    for byte in part where byte < 0x20 || byte == 0x7F { counts[Int(byte)] += 1 }
    for byte in [0x09, 0x0A, 0x0D, 0x1A] { counts[byte] = 0 }
    if let delimiter = DialectPhase.controls.max(by: { counts[Int($0)] < counts[Int($1)] }) {
      counts[Int(delimiter)] = 0
    }
    return counts.reduce(0, +) * 50 > part.count
  }

  // MARK: Decoding

  /// A stretch of the file as the reader would see it, without a byte-order mark.
  static func text(_ bytes: [UInt8], _ encoding: TextEncoding) -> [UInt8] {
    let text = CharacterEncoding(encoding).text(of: bytes)
    return text.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(text.dropFirst(3)) : text
  }
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
