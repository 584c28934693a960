// Cuts a byte stream into chunks of whole records.
// Invariant: memory is one chunk, plus at most one unfinished record carried over; the longest line in the world
// does not change that. Positions are absolute: they do not depend on the chunk size.
// A chunk is given away with its bytes, so a chunk under way to a parser is never written to again.

/// Reads a feed file as chunks of whole records, in constant memory.
public struct ChunkReader: ~Copyable {
  private var source: FileByteSource
  private var splitter: RecordSplitter
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
  /// - Parameter chunkBytes: bytes read for one chunk, between 1 and 1 GiB; a chunk is larger by at most one record.
  public init(
    source: consuming FileByteSource, dialect: CSVDialect, chunkBytes: Int = ChunkReader.defaultChunkBytes
  ) {
    self.source = source
    self.splitter = RecordSplitter(dialect: dialect)
    self.chunkBytes = min(max(1, chunkBytes), 1 << 30)
  }

  /// How many bytes of the file itself were read so far, for progress.
  public var compressedBytesRead: Int { source.compressedBytesRead }

  /// The next chunk, with at least one record, or nil at the end.
  ///
  /// - Throws: what the source throws, and the same again at every later call.
  /// - Complexity: O(chunk); two allocations.
  public mutating func next() throws(CSVError) -> RecordChunk? {
    while !(isAtEnd && carry.isEmpty) {
      var bytes = try fill()
      if byteOffset == 0, splitter.position == 0 {
        // Three bytes tell whether there is a byte-order mark.
        if bytes.count < 3, !isAtEnd {
          carry = bytes
          continue
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { splitter.position = 3 }
      }
      var spans: [RecordSpan] = []
      spans.reserveCapacity(bytes.count / 64)
      // Bounded, so that a file of one-byte records does not need more memory for its spans than for its bytes.
      let limit = max(1, chunkBytes / MemoryLayout<RecordSpan>.stride)
      let outcome = bytes.withUnsafeBytes { splitter.split($0, isFinal: isAtEnd, limit: limit, into: &spans) }
      carryNeedsMore = outcome == .needsMore

      let (firstLine, firstRecord, firstByte) = (line, record, byteOffset)
      line += splitter.lines
      record += spans.count
      byteOffset += splitter.position
      carry = Array(bytes[splitter.position...])
      bytes.removeLast(carry.count)
      splitter.position = 0
      splitter.lines = 0
      if !spans.isEmpty {
        return RecordChunk(
          bytes: bytes, firstLine: firstLine, firstRecord: firstRecord, byteOffset: firstByte, spans: spans)
      }
    }
    return nil
  }

  /// The carry and what the source has after it.
  private mutating func fill() throws(CSVError) -> [UInt8] {
    let wanted = carryNeedsMore ? max(chunkBytes, carry.count) : max(0, chunkBytes - carry.count)
    if isAtEnd || wanted == 0 {
      defer { carry = [] }
      return carry
    }
    if let failure { throw failure }
    let kept = carry.count
    let bytes = [UInt8](unsafeUninitializedCapacity: kept + wanted) { buffer, count in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      carry.withUnsafeBytes { raw.copyMemory(from: $0) }
      count = kept
      while count < kept + wanted, !isAtEnd {
        do throws(CSVError) {
          let step = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: raw[count..<(kept + wanted)]))
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
}
