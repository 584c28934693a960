// The bytes of a feed file, decompressed on the way.
// Invariant: what is not the whole file is an error, never a silent end: a compressed stream must reach its end mark.
// The kind of file is told by its first bytes, because names lie. Only regular files are opened here: a directory,
// a pipe or a device under a feed's name is a mistake that should be said, not waited for. Whoever means a pipe lends
// its descriptor. A few compressed bytes can stand for any number: what comes out is counted and bounded.

/// The decompressed bytes of a plain, gzip or zstd file, told apart by their first bytes.
public struct FileByteSource: ~Copyable {
  private enum Compression {
    case plain
    case gzip(GzipStream)
    case zstandard(ZstandardStream)
  }

  private var input: FileInput
  private let compression: Compression
  private let maxFileBytes: Int
  private var bytesDelivered = 0
  /// Whether the bytes are the start of a file, so that where they end means nothing.
  let isPrefix: Bool

  /// The default of `maxFileBytes`: 1 TiB.
  public static let defaultMaxFileBytes = 1 << 40

  /// How many bytes of the file itself were read so far, for progress.
  public var compressedBytesRead: Int { input.bytesRead }
  /// How many bytes the file itself has; 0 when it is a pipe, which does not say.
  public var compressedBytes: Int { input.bytesTotal }
  /// For messages.
  var path: String? { input.path }

  /// Opens the regular file at `path`.
  ///
  /// - Parameter maxFileBytes: the most bytes the file may have, decompressed.
  /// - Throws: `CSVError` of kind `.open`, `.notARegularFile`, `.tooLarge`, `.read` or `.memory`.
  public init(path: String, maxFileBytes: Int = defaultMaxFileBytes) throws(CSVError) {
    try self.init(input: FileInput(path: path), isPrefix: false, maxFileBytes: maxFileBytes)
  }

  /// Reads `contents` as if a file held them.
  ///
  /// - Parameters:
  ///   - isPrefix: whether they are only the start of a file, as a sample is. An unfinished compressed stream is then
  ///     an end like any other, and a reader leaves out the record that is unfinished there.
  ///   - maxFileBytes: the most bytes the file may have, decompressed.
  /// - Throws: `CSVError` of kind `.tooLarge` or `.memory`.
  public init(
    contents: [UInt8], isPrefix: Bool = false, maxFileBytes: Int = defaultMaxFileBytes
  ) throws(CSVError) {
    try self.init(input: FileInput(contents: contents), isPrefix: isPrefix, maxFileBytes: maxFileBytes)
  }

  /// Reads from an open descriptor, a pipe or a terminal too, from where it stands; it stays the caller's to close.
  ///
  /// Reading waits for the other side, so this is not for a thread of the cooperative pool.
  ///
  /// - Parameters:
  ///   - name: what messages call it.
  ///   - maxFileBytes: the most bytes there may be, decompressed.
  /// - Throws: `CSVError` of kind `.read`, `.tooLarge` or `.memory`.
  public init(
    descriptor: Int32, name: String = "standard input", maxFileBytes: Int = defaultMaxFileBytes
  ) throws(CSVError) {
    try self.init(
      input: FileInput(borrowing: descriptor, name: name), isPrefix: false, maxFileBytes: maxFileBytes)
  }

  private init(input: consuming FileInput, isPrefix: Bool, maxFileBytes: Int) throws(CSVError) {
    var input = input
    let compression = try Self.compression(of: &input)
    // A plain file says how large it is before anything of it is loaded.
    if case .plain = compression, input.bytesTotal > maxFileBytes {
      throw Self.tooLarge(path: input.path, maxFileBytes)
    }
    self.compression = compression
    self.input = input
    self.isPrefix = isPrefix
    self.maxFileBytes = maxFileBytes
  }

  private static func compression(of input: inout FileInput) throws(CSVError) -> Compression {
    let magic = try input.peek(4)
    if magic.starts(with: [0x1F, 0x8B]) { return .gzip(try GzipStream(path: input.path)) }
    let isSkippableFrame = magic.count == 4 && magic[0] & 0xF0 == 0x50 && magic[1...] == [0x2A, 0x4D, 0x18]
    if magic == [0x28, 0xB5, 0x2F, 0xFD] || isSkippableFrame {
      return .zstandard(try ZstandardStream(path: input.path))
    }
    return .plain
  }

  /// Fills `buffer` from its start, as far as one step goes.
  ///
  /// - Returns: bytes written, at least 1 unless `buffer` is empty; 0 at the end of the file.
  /// - Throws: `CSVError` of kind `.read`, `.corrupt`, `.truncated` or `.tooLarge`.
  public mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(CSVError) -> Int {
    if buffer.isEmpty { return 0 }
    let count: Int
    do throws(CSVError) {
      switch compression {
      case .plain: count = try input.read(into: buffer)
      case .gzip(let stream): count = try stream.read(from: &input, into: buffer)
      case .zstandard(let stream): count = try stream.read(from: &input, into: buffer)
      }
    } catch {
      if isPrefix, error.kind == .truncated { return 0 }
      throw error
    }
    bytesDelivered += count
    if bytesDelivered > maxFileBytes { throw Self.tooLarge(path: input.path, maxFileBytes) }
    return count
  }

  private static func tooLarge(path: String?, _ limit: Int) -> CSVError {
    CSVError(
      .tooLarge, path: path, "the file has more than \(limit) bytes, decompressed, which is its limit",
      fix: "raise format.max_file_bytes if the file is meant to be this large")
  }
}
