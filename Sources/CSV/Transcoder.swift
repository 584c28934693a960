// Turns a stream of another encoding into UTF-8 on its way from the source to the reader.
// Invariant: memory is two fixed buffers; what comes out does not depend on where the source's reads end, because an
// incomplete unit or pair waits for the bytes behind it. What the encoding does not allow comes out in the forms that
// `CharacterEncoding` describes, never as a replacement character.
// Files in UTF-8 never come here.

/// One stream being transcoded; the buffers are released in `deinit`.
final class Transcoder {
  private let encoding: CharacterEncoding
  private let blockBytes: Int
  private let raw: UnsafeMutableRawBufferPointer
  private var rawCount = 0
  private let text: UnsafeMutablePointer<UInt8>
  private var lower = 0
  private var upper = 0
  private var isAtStart = true
  private var isAtEnd = false

  private static let largestBlockBytes = 64 << 10

  /// - Parameter chunkBytes: the reader's; more is never read at a time.
  init(encoding: CharacterEncoding, chunkBytes: Int) {
    self.encoding = encoding
    blockBytes = min(chunkBytes, Self.largestBlockBytes)
    // At most three bytes wait for more.
    let rawBytes = blockBytes + CharacterEncoding.markBytes
    raw = .allocate(byteCount: rawBytes, alignment: 8)
    text = .allocate(capacity: rawBytes * Self.growth)
  }

  deinit {
    raw.deallocate()
    text.deallocate()
  }

  /// Fills `target` from its start, as far as one step goes; 0 at the end.
  ///
  /// - Throws: what the source throws; `.encoding` for a file that begins with another encoding's mark.
  func read(
    from source: inout FileByteSource, into target: UnsafeMutableRawBufferPointer
  ) throws(CSVError) -> Int {
    while lower == upper {
      if isAtEnd { return 0 }
      let room = raw[rawCount..<(rawCount + blockBytes)]
      let step = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: room))
      rawCount += step
      isAtEnd = step == 0
      if isAtStart {
        if rawCount < CharacterEncoding.markBytes, !isAtEnd { continue }
        isAtStart = false
        let start = UnsafeRawBufferPointer(rebasing: raw[..<min(rawCount, CharacterEncoding.markBytes)])
        if let refusal = encoding.contradiction(in: start, path: source.path) { throw refusal }
      }
      transcode()
    }
    let count = min(target.count, upper - lower)
    target.copyMemory(from: UnsafeRawBufferPointer(start: text + lower, count: count))
    lower += count
    return count
  }

  /// Makes text of the raw bytes; those that need more bytes move to the front.
  private func transcode() {
    let bytes = UnsafeRawBufferPointer(rebasing: raw[..<rawCount])
    var cursor = TextCursor(place: text)
    let used = encoding.transcode(bytes, isAtEnd: isAtEnd, to: &cursor)
    lower = 0
    upper = cursor.place - text
    raw.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[used...]))
    rawCount -= used
  }

  /// Bytes that every one of the file's may become at most: the euro sign of windows-1252, an escape.
  fileprivate static let growth = 3
}

extension CharacterEncoding {
  /// The text that a reader makes of a stretch of a file; for UTF-8 the same bytes. Marks stay where they are.
  ///
  /// - Parameter bytes: from the start of a character on. What is cut off behind the last whole one is kept as bytes
  ///   that are no UTF-8, as at the end of a file.
  public func text(of bytes: [UInt8]) -> [UInt8] {
    if self == .utf8 { return bytes }
    return [UInt8](unsafeUninitializedCapacity: bytes.count * Transcoder.growth) { buffer, count in
      guard let start = buffer.baseAddress else { return }
      var cursor = TextCursor(place: start)
      _ = bytes.withUnsafeBytes { transcode($0, isAtEnd: true, to: &cursor) }
      count = cursor.place - start
    }
  }

  /// Makes text of `bytes` and says how many were used; all of them at the end.
  fileprivate func transcode(_ bytes: UnsafeRawBufferPointer, isAtEnd: Bool, to cursor: inout TextCursor) -> Int {
    switch self {
    case .utf16LittleEndian, .utf16BigEndian: transcodeUnits(bytes, isAtEnd: isAtEnd, to: &cursor)
    case .utf8, .windows1252, .latin1: transcodeBytes(bytes, to: &cursor)
    }
  }

  private func transcodeBytes(_ bytes: UnsafeRawBufferPointer, to cursor: inout TextCursor) -> Int {
    let definesAll = self != .windows1252
    return windows1252Scalars.withUnsafeBufferPointer { scalars in
      var index = 0
      while index < bytes.count {
        while index &+ 8 <= bytes.count {
          let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
          if word & 0x8080_8080_8080_8080 != 0 { break }
          UnsafeMutableRawPointer(cursor.place).storeBytes(of: word, as: UInt64.self)
          cursor.place += 8
          index &+= 8
        }
        if index == bytes.count { break }
        let byte = bytes[index]
        index &+= 1
        if byte < 0x80 {
          cursor.putASCII(byte)
        } else if definesAll || byte >= 0xA0 {
          cursor.put(UInt16(byte))
        } else {
          let scalar = scalars[Int(byte) &- 0x80]
          if scalar == 0 { cursor.putEscape(byte) } else { cursor.put(scalar) }
        }
      }
      return index
    }
  }

  private func transcodeUnits(
    _ bytes: UnsafeRawBufferPointer, isAtEnd: Bool, to cursor: inout TextCursor
  ) -> Int {
    let isBig = self == .utf16BigEndian
    func unit(at index: Int) -> UInt16 {
      let stored = bytes.loadUnaligned(fromByteOffset: index, as: UInt16.self)
      return isBig ? UInt16(bigEndian: stored) : UInt16(littleEndian: stored)
    }
    var index = 0
    while index &+ 2 <= bytes.count {
      let first = unit(at: index)
      if first < 0x80 {
        cursor.putASCII(UInt8(truncatingIfNeeded: first))
        index &+= 2
        continue
      }
      if first & 0xFC00 == 0xD800 {
        // Half a pair at the end of the bytes: what follows decides.
        if index &+ 4 > bytes.count, !isAtEnd { return index }
        if index &+ 4 <= bytes.count, unit(at: index &+ 2) & 0xFC00 == 0xDC00 {
          cursor.putPair(first, unit(at: index &+ 2))
          index &+= 4
          continue
        }
      }
      cursor.put(first)
      index &+= 2
    }
    if isAtEnd, index < bytes.count {
      cursor.putEscape(bytes[index])
      index &+= 1
    }
    return index
  }
}

/// Where the next byte of text goes.
private struct TextCursor {
  var place: UnsafeMutablePointer<UInt8>

  @inline(__always)
  mutating func putASCII(_ byte: UInt8) {
    place.pointee = byte
    place += 1
  }

  /// A code point from U+0080 to U+FFFF, a lone surrogate among them.
  @inline(__always)
  mutating func put(_ scalar: UInt16) {
    if scalar < 0x800 {
      place[0] = 0xC0 | UInt8(truncatingIfNeeded: scalar >> 6)
      place[1] = 0x80 | UInt8(truncatingIfNeeded: scalar & 0x3F)
      place += 2
      return
    }
    place[0] = 0xE0 | UInt8(truncatingIfNeeded: scalar >> 12)
    place[1] = 0x80 | UInt8(truncatingIfNeeded: scalar >> 6 & 0x3F)
    place[2] = 0x80 | UInt8(truncatingIfNeeded: scalar & 0x3F)
    place += 3
  }

  mutating func putPair(_ high: UInt16, _ low: UInt16) {
    let scalar = 0x1_0000 + UInt32(high & 0x3FF) << 10 + UInt32(low & 0x3FF)
    place[0] = 0xF0 | UInt8(truncatingIfNeeded: scalar >> 18)
    place[1] = 0x80 | UInt8(truncatingIfNeeded: scalar >> 12 & 0x3F)
    place[2] = 0x80 | UInt8(truncatingIfNeeded: scalar >> 6 & 0x3F)
    place[3] = 0x80 | UInt8(truncatingIfNeeded: scalar & 0x3F)
    place += 4
  }

  mutating func putEscape(_ byte: UInt8) {
    place[0] = CharacterEncoding.escapeLead
    place[1] = 0x80 | byte >> 4
    place[2] = 0x80 | byte & 0x0F
    place += 3
  }
}
