// The bytes of a feed file, decompressed on the way.
// Invariant: what is not the whole file is an error, never a silent end: a compressed stream must reach its end mark.
// The kind of file is told by its first bytes, because names lie. Only regular files are read here: a directory,
// a pipe or a device under a feed's name is a mistake that should be said, not waited for.

/// The decompressed bytes of a plain, gzip or zstd file, told apart by their first bytes.
public struct FileByteSource: ~Copyable {
  private enum Encoding {
    case plain
    case gzip(GzipStream)
    case zstandard(ZstandardStream)
  }

  private var input: FileInput
  private let encoding: Encoding

  /// How many bytes of the file itself were read so far, for progress.
  public var compressedBytesRead: Int { input.bytesRead }
  /// How many bytes the file itself has.
  public var compressedBytes: Int { input.bytesTotal }

  /// Opens the regular file at `path`.
  ///
  /// - Throws: `CSVError` of kind `.open`, `.notARegularFile`, `.read` or `.memory`.
  public init(path: String) throws(CSVError) {
    try self.init(input: FileInput(path: path))
  }

  /// Reads `contents` as if a file held them.
  public init(contents: [UInt8]) throws(CSVError) {
    try self.init(input: FileInput(contents: contents))
  }

  private init(input: consuming FileInput) throws(CSVError) {
    var input = input
    let magic = try input.peek(4)
    if magic.starts(with: [0x1F, 0x8B]) {
      encoding = .gzip(try GzipStream(path: input.path))
    } else if magic == [0x28, 0xB5, 0x2F, 0xFD]
      || magic.count == 4 && magic[0] & 0xF0 == 0x50 && magic[1...] == [0x2A, 0x4D, 0x18]
    {
      encoding = .zstandard(try ZstandardStream(path: input.path))
    } else {
      encoding = .plain
    }
    self.input = input
  }

  /// Fills `buffer` from its start, as far as one step goes.
  ///
  /// - Returns: bytes written, at least 1 unless `buffer` is empty; 0 at the end of the file.
  /// - Throws: `CSVError` of kind `.read`, `.corrupt` or `.truncated`.
  public mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(CSVError) -> Int {
    if buffer.isEmpty { return 0 }
    switch encoding {
    case .plain: return try input.read(into: buffer)
    case .gzip(let stream): return try stream.read(from: &input, into: buffer)
    case .zstandard(let stream): return try stream.read(from: &input, into: buffer)
    }
  }
}
