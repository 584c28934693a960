// A file that exists under its name only when it is complete.
// Invariant: bytes go to a hidden name beside it, which no feed's pattern matches; a rename publishes them; a file
// given up is removed.

internal import Glibc

/// A file being written.
struct PartialFile: ~Copyable {
  /// The name it will have.
  let path: String
  /// Bytes written so far.
  private(set) var byteCount = 0
  private let partialPath: String
  private let descriptor: Int32

  /// Begins a file in `directory`.
  init(name: String, in directory: String) throws(SampleError) {
    path = "\(directory)/\(name)"
    partialPath = "\(directory)/.\(name).partial"
    descriptor = open(partialPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw Self.failure(partialPath) }
  }

  deinit {
    _ = unlink(partialPath)
    _ = close(descriptor)
  }

  /// Appends bytes.
  mutating func write(_ bytes: UnsafeRawBufferPointer) throws(SampleError) {
    var offset = 0
    while offset < bytes.count {
      let written = Glibc.write(descriptor, bytes.baseAddress.map { $0 + offset }, bytes.count - offset)
      if written < 0 {
        if errno == EINTR { continue }
        throw Self.failure(partialPath)
      }
      offset += written
    }
    byteCount += bytes.count
  }

  /// Gives the file its name.
  consuming func publish() throws(SampleError) {
    if rename(partialPath, path) != 0 { throw Self.failure(path) }
  }

  /// Makes `directory` and what is missing above it.
  static func makeDirectory(_ directory: String) throws(SampleError) {
    var made = directory.hasPrefix("/") ? "" : "."
    for part in directory.split(separator: "/") {
      made += "/\(part)"
      if mkdir(made, 0o755) != 0, errno != EEXIST { throw failure(made) }
    }
  }

  private static func failure(_ path: String) -> SampleError {
    SampleError(kind: .file(path: path), message: String(cString: strerror(errno)))
  }
}
