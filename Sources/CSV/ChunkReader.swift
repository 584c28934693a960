// Cuts a byte stream into chunks of whole records.
// Invariant: memory is one chunk, plus at most one unfinished record carried over; the longest line in the world
// does not change that. Positions are absolute: they do not depend on the chunk size, and they are those of the file
// as it is encoded. Chunks hold UTF-8 whatever the file holds; `CharacterEncoding` says how to get back.
// A chunk is given away with its bytes, so a chunk under way to a parser is never written to again.

/// Reads a feed file as chunks of whole records, in constant memory.
public struct ChunkReader: ~Copyable {
  private var source: FileByteSource
  private var splitter: RecordSplitter
  private let encoding: CharacterEncoding
  /// Between the source and the splitter when the file is not in UTF-8.
  private let transcoder: Transcoder?
  private let chunkBytes: Int
  /// Bytes read but not yet given away.
  private var carry: [UInt8] = []
  /// Whether the carry is one unfinished record, so that only more bytes help.
  private var carryNeedsMore = true
  private var isAtEnd = false
  /// Why the source stopped; from then on there is no true next chunk.
  private var failure: CSVError?
  private var line = 1
  private var record = 1
  private var byteOffset = 0

  /// The default of `chunkBytes`: 4 MiB.
  public static let defaultChunkBytes = 4 << 20

  /// Creates a reader that owns `source`.
  ///
  /// - Parameters:
  ///   - dialect: its delimiter and quote must be ASCII unless the file is in UTF-8.
  ///   - encoding: the one that is declared for the file.
  ///   - expectedFieldCount: how many fields the header has, once that is known. With it, a good row behind a quote
  ///     that was never closed is found again even where its own quotes happen to close it (`RecordSplitter`). All
  ///     passes over a file must say the same, or they see different records.
  ///   - chunkBytes: bytes read for one chunk, between 1 and 1 GiB; a chunk is larger by at most two records.
  public init(
    source: consuming FileByteSource, dialect: CSVDialect, encoding: CharacterEncoding = .utf8,
    expectedFieldCount: Int? = nil, chunkBytes: Int = ChunkReader.defaultChunkBytes
  ) {
    let chunkBytes = min(max(1, chunkBytes), 1 << 30)
    if encoding != .utf8, dialect.delimiter >= 0x80 || dialect.quote ?? 0 >= 0x80 {
      failure = CSVError(
        .dialect, path: source.path, "delimiter and quote of a file in \(encoding.rawValue) must be ASCII characters")
    }
    self.source = source
    self.splitter = RecordSplitter(dialect: dialect, expectedFieldCount: expectedFieldCount)
    self.encoding = encoding
    transcoder = encoding == .utf8 ? nil : Transcoder(encoding: encoding, chunkBytes: chunkBytes)
    self.chunkBytes = chunkBytes
  }

  /// How many bytes of the file itself were read so far, for progress.
  public var compressedBytesRead: Int { source.compressedBytesRead }

  /// The next chunk, with at least one record, or nil at the end.
  ///
  /// - Throws: what the source throws, `CSVError` of kind `.encoding` for a file that begins with the mark of another
  ///   encoding, `.dialect` for a dialect that the encoding does not allow; the same again at every later call.
  /// - Complexity: O(chunk); two allocations.
  public mutating func next() throws(CSVError) -> RecordChunk? {
    while !(isAtEnd && carry.isEmpty) {
      var bytes = try fill()
      if byteOffset == 0, splitter.position == 0 {
        if bytes.count < CharacterEncoding.markBytes, !isAtEnd {
          carry = bytes
          continue
        }
        if encoding == .utf8 { try refuseForeignMark(bytes) }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { splitter.position = 3 }
      }
      var spans: [RecordSpan] = []
      spans.reserveCapacity(bytes.count / 64)
      // Bounded, so that a file of one-byte records does not need more memory for its spans than for its bytes.
      let limit = max(1, chunkBytes / MemoryLayout<RecordSpan>.stride)
      let outcome = bytes.withUnsafeBytes {
        splitter.split($0, isFinal: isAtEnd && !source.isPrefix, limit: limit, into: &spans)
      }
      carryNeedsMore = outcome == .needsMore

      let (firstLine, firstRecord, firstByte) = (line, record, byteOffset)
      line += splitter.lines
      record += spans.count
      byteOffset += originalCount(of: bytes, splitter.position)
      carry = Array(bytes[splitter.position...])
      bytes.removeLast(carry.count)
      // What a sample leaves unfinished stays unknown.
      if carryNeedsMore, isAtEnd, source.isPrefix { carry = [] }
      splitter.position = 0
      splitter.lines = 0
      if !spans.isEmpty {
        return RecordChunk(
          bytes: bytes, encoding: encoding, firstLine: firstLine, firstRecord: firstRecord, byteOffset: firstByte,
          endByteOffset: byteOffset, spans: spans)
      }
    }
    return nil
  }

  /// The carry and what the source has after it.
  private mutating func fill() throws(CSVError) -> [UInt8] {
    // Doubling keeps a long record from being split again and again; spans count bytes in 32 bits.
    let wanted = carryNeedsMore ? max(chunkBytes, min(carry.count, 1 << 30)) : max(0, chunkBytes - carry.count)
    if let failure { throw failure }
    if isAtEnd || wanted == 0 {
      defer { carry = [] }
      return carry
    }
    let kept = carry.count
    let bytes = [UInt8](unsafeUninitializedCapacity: kept + wanted) { buffer, count in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      carry.withUnsafeBytes { raw.copyMemory(from: $0) }
      count = kept
      while count < kept + wanted, !isAtEnd {
        do throws(CSVError) {
          let room = UnsafeMutableRawBufferPointer(rebasing: raw[count..<(kept + wanted)])
          let step =
            if let transcoder { try transcoder.read(from: &source, into: room) } else { try source.read(into: room) }
          count += step
          isAtEnd = step == 0
        } catch {
          failure = error
          return
        }
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Makes a failure of a file declared UTF-8 that begins like UTF-16.
  private mutating func refuseForeignMark(_ bytes: [UInt8]) throws(CSVError) {
    failure = bytes.withUnsafeBytes { encoding.contradiction(in: $0, path: source.path) }
    if let failure { throw failure }
  }

  /// How many bytes of the file the first `count` of `bytes` stand for.
  private func originalCount(of bytes: [UInt8], _ count: Int) -> Int {
    if encoding == .utf8 { return count }
    return bytes.withUnsafeBytes { encoding.originalCount(of: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
  }
}
