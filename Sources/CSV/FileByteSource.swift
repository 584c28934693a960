// The bytes of a feed file.

/// The decompressed bytes of a plain, gzip or zstd file, told apart by their first bytes.
public struct FileByteSource: ~Copyable {
  /// How many bytes of the file itself were read so far, for progress.
  public private(set) var compressedBytesRead: Int = 0

  /// Opens the regular file at `path`.
  public init(path: String) throws(CSVError) {
    throw CSVError(.open, path: path, "not yet readable")
  }

  /// Reads `contents` as if a file held them.
  public init(contents: [UInt8]) throws(CSVError) {
    throw CSVError(.open, "not yet readable")
  }

  /// Fills `buffer` from its start, as far as one step goes.
  ///
  /// - Returns: bytes written, at least 1 unless `buffer` is empty; 0 at the end of the file.
  /// - Throws: `CSVError` of kind `.read`, `.corrupt` or `.truncated`.
  public mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(CSVError) -> Int { 0 }
}
