// Which file this is and whether it is still the same: inode, size and times.
// Invariant: equality here is only a reason not to hash again; what counts as the same content is the SHA-256.

internal import Glibc

/// What the file system says about a file.
struct FileIdentity: Sendable, Hashable {
  var device: UInt64
  var inode: UInt64
  var bytes: Int
  var modifiedNanoseconds: Int64
  var changedNanoseconds: Int64

  init(_ status: stat) {
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    bytes = Int(status.st_size)
    modifiedNanoseconds = Self.nanoseconds(status.st_mtim)
    changedNanoseconds = Self.nanoseconds(status.st_ctim)
  }

  init(device: UInt64, inode: UInt64, bytes: Int, modifiedNanoseconds: Int64, changedNanoseconds: Int64) {
    self.device = device
    self.inode = inode
    self.bytes = bytes
    self.modifiedNanoseconds = modifiedNanoseconds
    self.changedNanoseconds = changedNanoseconds
  }

  private static func nanoseconds(_ time: timespec) -> Int64 {
    Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

/// A file held open for reading, so that what was hashed is what is read, whatever happens to its name.
final class OpenFile: Sendable {
  let descriptor: Int32
  /// As it was when it was opened.
  let identity: FileIdentity

  /// Opens a regular file.
  ///
  /// - Parameter directory: a descriptor that `path` is relative to, or `AT_FDCWD`.
  /// - Throws: the operating system's error number; `EISDIR` for what is not a regular file.
  init(_ path: String, in directory: Int32 = AT_FDCWD, followsLinks: Bool = false) throws(SystemError) {
    // O_NONBLOCK, so that a pipe in the inbox cannot hold up the night.
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (followsLinks ? 0 : O_NOFOLLOW)
    let descriptor = openat(directory, path, flags)
    guard descriptor >= 0 else { throw SystemError(number: errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let number = errno
      close(descriptor)
      throw SystemError(number: number)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw SystemError(number: EISDIR)
    }
    self.descriptor = descriptor
    identity = FileIdentity(status)
  }

  deinit { close(descriptor) }

  /// A path that leads to this very file, even when its name was taken over by another.
  var stablePath: String { "/proc/self/fd/\(descriptor)" }

  /// Whether the file still holds the bytes that were hashed.
  ///
  /// A change time that moved alone may be a new name or new permissions, or bytes written and their time set back:
  /// the bytes are hashed again.
  func holds(_ sha256: [UInt8]) throws -> Bool {
    var status = stat()
    guard fstat(descriptor, &status) == 0, !hasChanged else { return false }
    if FileIdentity(status).changedNanoseconds == identity.changedNanoseconds { return true }
    return try contentHash(of: self) { _ in try Task.checkCancellation() } == sha256
  }

  /// Whether the file was written to since it was opened.
  var hasChanged: Bool {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return true }
    let now = FileIdentity(status)
    return now.bytes != identity.bytes || now.modifiedNanoseconds != identity.modifiedNanoseconds
  }
}

/// An error of the operating system.
struct SystemError: Error, Sendable, CustomStringConvertible {
  let number: Int32

  var description: String {
    number == EISDIR ? "not a regular file" : String(cString: strerror(number)).lowercased()
  }
}
