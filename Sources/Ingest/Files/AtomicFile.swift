// Small files, read whole, and files that are replaced whole: a reader sees the old bytes or the new ones.

internal import Glibc

/// The bytes of a file of at most 64 MiB, or nil.
func readBytes(_ path: String) -> [UInt8]? {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var block = [UInt8](repeating: 0, count: 64 << 10)
  while bytes.count <= 64 << 20 {
    let got = read(descriptor, &block, block.count)
    if got < 0 { return nil }
    if got == 0 { return bytes }
    bytes += block[0..<got]
  }
  return nil
}

/// The text of a file, or nil when it is not UTF-8 or cannot be read.
func readText(_ path: String) -> String? {
  readBytes(path).flatMap { String(validating: $0, as: UTF8.self) }
}

/// Whether something stands at a path.
func isPresent(_ path: String) -> Bool { access(path, F_OK) == 0 }

/// Whether a symbolic link stands at a path.
func isLink(_ path: String) -> Bool {
  var status = stat()
  return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
}

/// Makes a directory and those above it.
/// - Returns: whether it is there now.
func makeDirectories(_ path: String) -> Bool {
  var status = stat()
  if stat(path, &status) == 0 { return status.st_mode & S_IFMT == S_IFDIR }
  if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
    guard makeDirectories(String(path[..<slash])) else { return false }
  }
  return mkdir(path, 0o777) == 0 || errno == EEXIST
}

/// Drafts of a file that processes of this machine left when they were killed.
func leftOverDrafts(of path: String) -> [String] {
  guard let slash = path.lastIndex(of: "/") else { return [] }
  let (directory, name) = (path[..<slash], path[path.index(after: slash)...])
  guard let stream = opendir(String(directory)) else { return [] }
  defer { closedir(stream) }
  var drafts: [String] = []
  while let entry = readdir(stream) {
    let found = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    guard found.hasPrefix("\(name)."), found.hasSuffix(".tmp"),
      let pid = pid_t(found.dropFirst(name.count + 1).dropLast(4)), kill(pid, 0) != 0, errno == ESRCH
    else { continue }
    drafts.append("\(directory)/\(found)")
  }
  return drafts
}

/// Replaces a file by rename, after its bytes are on disk. Drafts of killed processes go with it.
/// - Returns: the operating system's error number, or 0.
func replaceFile(_ path: String, with bytes: [UInt8]) -> Int32 {
  do throws(SystemError) {
    let draft = try FileDraft(of: path)
    try draft.append(bytes)
    try draft.publish()
    return 0
  } catch {
    return error.number
  }
}

/// A file that is written piece by piece beside the one whose place it takes. Without `publish` it is gone at the end.
final class FileDraft {
  private let path: String
  private let temporary: String
  private let descriptor: Int32
  private var isPublished = false

  /// Begins a draft; those of killed processes go.
  init(of path: String) throws(SystemError) {
    for draft in leftOverDrafts(of: path) { unlink(draft) }
    self.path = path
    temporary = "\(path).\(getpid()).tmp"
    // The name can be foreseen: whatever stands there is a left-over or a trap, and a link is never written through.
    unlink(temporary)
    descriptor = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw SystemError(number: errno) }
  }

  deinit {
    close(descriptor)
    if !isPublished { unlink(temporary) }
  }

  func append(_ bytes: [UInt8]) throws(SystemError) {
    let number = bytes.withUnsafeBytes { writeAll($0, to: descriptor) }
    if number != 0 { throw SystemError(number: number) }
  }

  /// Puts the draft, once it is on disk, in the place of the file; one that has the same bytes stays as it is.
  func publish() throws(SystemError) {
    if isSame { return }
    guard fsync(descriptor) == 0, rename(temporary, path) == 0 else { throw SystemError(number: errno) }
    isPublished = true
  }

  private var isSame: Bool {
    let other = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard other >= 0 else { return false }
    defer { close(other) }
    var (mine, theirs) = (stat(), stat())
    guard fstat(descriptor, &mine) == 0, fstat(other, &theirs) == 0, mine.st_size == theirs.st_size else {
      return false
    }
    var blocks = [[UInt8]](repeating: [UInt8](repeating: 0, count: 64 << 10), count: 2)
    var position = 0
    while position < Int(mine.st_size) {
      let got = pread(descriptor, &blocks[0], blocks[0].count, off_t(position))
      guard got > 0, pread(other, &blocks[1], got, off_t(position)) == got,
        blocks[0][..<got] == blocks[1][..<got]
      else { return false }
      position += got
    }
    return true
  }
}

/// Writes all bytes.
/// - Returns: the operating system's error number, or 0.
func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int32 {
  var written = 0
  while written < bytes.count {
    let step = write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
    if step < 0 {
      if errno == EINTR { continue }
      return errno
    }
    written += step
  }
  return 0
}

/// Two lower-case digits for each byte.
func hex(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

/// The bytes that an even number of hexadecimal digits stand for, or nil.
func bytesOfHex(_ text: some StringProtocol) -> [UInt8]? {
  let digits = text.utf8.map { byte -> UInt8 in
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x61...0x66: byte - 0x61 + 10
    default: 255
    }
  }
  guard digits.count % 2 == 0, digits.allSatisfy({ $0 < 16 }) else { return nil }
  return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
