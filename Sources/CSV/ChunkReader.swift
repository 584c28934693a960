// Cuts a byte stream into chunks of whole records.

/// Reads a feed file as chunks of whole records, in constant memory.
public struct ChunkReader: ~Copyable {
  private var source: FileByteSource

  /// The default of `chunkBytes`: 4 MiB.
  public static let defaultChunkBytes = 4 << 20

  /// Creates a reader that owns `source`.
  public init(
    source: consuming FileByteSource, dialect: CSVDialect, chunkBytes: Int = ChunkReader.defaultChunkBytes
  ) {
    self.source = source
  }

  /// How many bytes of the file itself were read so far, for progress.
  public var compressedBytesRead: Int { source.compressedBytesRead }

  /// The next chunk, with at least one record, or nil at the end.
  public mutating func next() throws(CSVError) -> RecordChunk? { nil }
}
