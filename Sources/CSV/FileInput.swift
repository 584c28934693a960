// A file as it lies on disk, through one read buffer.
// Invariant: a descriptor that was opened here is closed in `deinit`; one that was lent stays open.

internal import Glibc

/// The bytes of a regular file, of whatever a descriptor gives, or of an array standing in for a file.
struct FileInput: ~Copyable {
  /// For messages; nil for an array.
  let path: String?
  /// Bytes taken from the file so far.
  private(set) var bytesRead = 0
  /// Size of the file when it was opened; 0 for a pipe.
  let bytesTotal: Int

  private let descriptor: Int32
  private let isOwner: Bool
  private let contents: [UInt8]
  private let buffer: UnsafeMutableRawBufferPointer
  private var lower = 0
  private var upper = 0

  private static let bufferBytes = 256 << 10

  init(path: String) throws(CSVError) {
    // Without O_NONBLOCK, opening a pipe would wait for a writer before it could be refused.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor < 0 { throw CSVError(.open, path: path, doing: "open", errno: errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let number = errno
      Glibc.close(descriptor)
      throw CSVError(.open, path: path, doing: "stat", errno: number)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      Glibc.close(descriptor)
      throw CSVError(.notARegularFile, path: path, "cannot read: \(kindName(status.st_mode)), not a regular file")
    }
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
    self.path = path
    self.descriptor = descriptor
    isOwner = true
    contents = []
    bytesTotal = Int(status.st_size)
    buffer = .allocate(byteCount: Self.bufferBytes, alignment: 64)
  }

  init(borrowing descriptor: Int32, name: String) {
    var status = stat()
    let isRegular = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    path = name
    self.descriptor = descriptor
    isOwner = false
    contents = []
    bytesTotal = isRegular ? Int(status.st_size) : 0
    buffer = .allocate(byteCount: Self.bufferBytes, alignment: 64)
  }

  init(contents: [UInt8]) {
    path = nil
    descriptor = -1
    isOwner = false
    self.contents = contents
    bytesTotal = contents.count
    buffer = .allocate(byteCount: Self.bufferBytes, alignment: 64)
  }

  deinit {
    if isOwner { Glibc.close(descriptor) }
    buffer.deallocate()
  }

  /// What is buffered and not consumed.
  var pending: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: buffer[lower..<upper]) }

  /// Marks the first `count` bytes of `pending` as used.
  mutating func consume(_ count: Int) {
    lower += count
  }

  /// Reads ahead when nothing is pending; false at the end of the file.
  mutating func refill() throws(CSVError) -> Bool {
    if lower < upper { return true }
    lower = 0
    upper = try readDirectly(into: buffer)
    return upper > 0
  }

  /// Up to `count` bytes from the start of the file, without consuming them; only before anything was consumed.
  mutating func peek(_ count: Int) throws(CSVError) -> [UInt8] {
    while upper < count {
      let step = try readDirectly(into: UnsafeMutableRawBufferPointer(rebasing: buffer[upper...]))
      if step == 0 { break }
      upper += step
    }
    return Array(buffer[0..<min(count, upper)])
  }

  /// Bytes as they lie in the file: first what is pending, then straight from the file.
  mutating func read(into target: UnsafeMutableRawBufferPointer) throws(CSVError) -> Int {
    guard lower < upper else { return try readDirectly(into: target) }
    let count = min(target.count, upper - lower)
    target.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[lower..<(lower + count)]))
    lower += count
    return count
  }

  private mutating func readDirectly(into target: UnsafeMutableRawBufferPointer) throws(CSVError) -> Int {
    if descriptor < 0 {
      let count = min(target.count, contents.count - bytesRead)
      contents.withUnsafeBytes {
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[bytesRead..<(bytesRead + count)]))
      }
      bytesRead += count
      return count
    }
    while true {
      let count = Glibc.read(descriptor, target.baseAddress, target.count)
      if count >= 0 {
        bytesRead += count
        return count
      }
      switch errno {
      case EINTR: continue
      case EAGAIN:
        // A descriptor that was lent may be set not to wait; this one waits.
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        poll(&wanted, 1, -1)
      default: throw CSVError(.read, path: path, doing: "read", errno: errno)
      }
    }
  }
}

private func kindName(_ mode: mode_t) -> String {
  switch mode & S_IFMT {
  case S_IFDIR: "it is a directory"
  case S_IFIFO: "it is a pipe"
  case S_IFSOCK: "it is a socket"
  case S_IFCHR, S_IFBLK: "it is a device"
  default: "it is of an unknown kind"
  }
}
