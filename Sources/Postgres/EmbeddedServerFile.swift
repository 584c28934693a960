// Files of the embedded server that root touches in directories that belong to somebody else.
// Invariant: no symbolic link in the last component is ever followed and no file with a second name is ever opened, so
// the owner of the directory cannot lend root's hand to another file; what root makes is given to the server's user.
// Locks are flock(2): they belong to the open file, survive fork, and end with the last descriptor, even by kill -9.

internal import Glibc

/// An open file of the cluster; its locks end with it at the latest.
final class ServerFile: Sendable {
  let number: Int32
  let path: String

  /// Opens or makes a regular file of mode 0600.
  init(_ path: String, flags: Int32 = O_RDWR | O_CREAT, owner: SystemUser) throws(EmbeddedServerError) {
    var number = open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0o600)
    guard number >= 0 else { throw .files("open", path, errno) }
    if number <= 2 {
      // The caller runs without its standard streams; their numbers are a child's own.
      let higher = fcntl(number, F_DUPFD_CLOEXEC, 3)
      close(number)
      number = higher
    }
    var state = stat()
    guard fstat(number, &state) == 0, state.st_mode & S_IFMT == S_IFREG, state.st_nlink <= 1 else {
      close(number)
      throw EmbeddedServerError(.files, "\(path) is not a plain file with one name", fix: "remove it")
    }
    if geteuid() == 0, state.st_uid != owner.uid { fchown(number, owner.uid, owner.gid) }
    self.number = number
    self.path = path
  }

  deinit { close(number) }

  /// Takes a lock if nobody stands in the way.
  func tryLock(_ operation: Int32) -> Bool {
    while flock(number, operation | LOCK_NB) != 0 {
      guard errno == EINTR else { return false }
    }
    return true
  }

  /// Takes the lock within a time, looking every millisecond at first and every sixteen later.
  func lock(_ operation: Int32, within limit: Duration, what: String) throws(EmbeddedServerError) {
    let deadline = ContinuousClock.now + limit
    var pause: UInt32 = 1_000
    while !tryLock(operation) {
      guard ContinuousClock.now < deadline else {
        throw EmbeddedServerError(
          .timeout, "waited \(limit) for another process that \(what) (lock \(path))",
          fix: "see which process it is: fuser -v \(path)")
      }
      usleep(pause)
      pause = min(pause * 2, 16_000)
    }
  }

  /// Gives the lock up before the descriptor goes.
  func unlock() { flock(number, LOCK_UN) }

  /// Writes everything and flushes it to the disk.
  func writeDurably(_ text: String) throws(EmbeddedServerError) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { write(number, $0.baseAddress, $0.count) }
      if written < 0 {
        guard errno == EINTR else { throw .files("write", path, errno) }
        continue
      }
      rest = rest.dropFirst(written)
    }
    guard fsync(number) == 0 else { throw .files("fsync", path, errno) }
  }
}

/// Thin calls on paths, with errors that name them.
enum FileSystem {
  /// Whether something of any kind stands there.
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Device and inode of what the path leads to.
  static func identity(_ path: String) -> Identity? {
    var state = stat()
    guard stat(path, &state) == 0 else { return nil }
    return Identity(device: state.st_dev, inode: state.st_ino, owner: state.st_uid, mode: state.st_mode)
  }

  /// The same, of the thing itself when it is a symbolic link.
  static func ownIdentity(_ path: String) -> Identity? {
    var state = stat()
    guard lstat(path, &state) == 0 else { return nil }
    return Identity(device: state.st_dev, inode: state.st_ino, owner: state.st_uid, mode: state.st_mode)
  }

  struct Identity: Hashable {
    var device: dev_t
    var inode: ino_t
    var owner: uid_t
    var mode: mode_t

    var isDirectory: Bool { mode & S_IFMT == S_IFDIR }
    func isSameFile(as other: Identity) -> Bool { device == other.device && inode == other.inode }
  }

  /// The start of a text file; nil when it cannot be read.
  static func read(_ path: String, from offset: Int = 0, limit: Int = 65_536) -> String? {
    let number = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard number >= 0 else { return nil }
    defer { close(number) }
    var bytes = [UInt8](repeating: 0, count: limit)
    let count = bytes.withUnsafeMutableBytes { pread(number, $0.baseAddress, limit, offset) }
    return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
  }

  static func size(_ path: String) -> Int {
    var state = stat()
    return lstat(path, &state) == 0 ? Int(state.st_size) : 0
  }

  /// Replaces a file as a whole: a reader sees the old text or the new one.
  static func replace(_ path: String, with text: String, owner: SystemUser) throws(EmbeddedServerError) {
    let draft = path + ".new"
    unlink(draft)
    do {
      let file = try ServerFile(draft, flags: O_WRONLY | O_CREAT | O_EXCL, owner: owner)
      try file.writeDurably(text)
    }
    guard rename(draft, path) == 0 else { throw .files("rename", draft, errno) }
  }

  /// Makes one directory unless it is there.
  ///
  /// - Returns: whether it was made.
  /// - Throws: when it cannot be made, or a file or symbolic link stands in its place.
  @discardableResult
  static func makeDirectory(_ path: String, mode: mode_t, owner: SystemUser? = nil) throws(EmbeddedServerError) -> Bool
  {
    guard mkdir(path, mode) == 0 else {
      let reason = errno
      guard reason == EEXIST, identity(path)?.isDirectory == true else {
        throw .files("make the directory", path, reason)
      }
      return false
    }
    // Opened without following: between mkdir and chown nobody can slip another directory in.
    let number = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard number >= 0 else { throw .files("open", path, errno) }
    defer { close(number) }
    guard fchmod(number, mode) == 0 else { throw .files("chmod", path, errno) }
    if let owner, geteuid() == 0, owner.uid != 0 {
      guard fchown(number, owner.uid, owner.gid) == 0 else { throw .files("chown", path, errno) }
    }
    return true
  }

  /// Makes a directory and those above it.
  static func makeDirectories(_ path: String, mode: mode_t) throws(EmbeddedServerError) {
    guard !exists(path) else { return }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      try makeDirectories(String(path[..<slash]), mode: mode)
    }
    try makeDirectory(path, mode: mode)
  }

  /// Flushes a directory, so that a rename in it survives a power failure.
  static func syncDirectory(_ path: String) {
    let number = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else { return }
    fsync(number)
    close(number)
  }

  /// The path without symbolic links, or nil when it leads nowhere.
  static func resolve(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  static func names(in directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  /// Free bytes for an ordinary user on the file system of a path.
  static func freeBytes(at path: String) -> Int? {
    var state = statvfs()
    guard statvfs(path, &state) == 0 else { return nil }
    return Int(state.f_bavail) * Int(state.f_frsize)
  }
}

extension EmbeddedServerError {
  /// A failed call on a path.
  static func files(_ call: String, _ path: String, _ reason: Int32) -> EmbeddedServerError {
    if reason == ENOSPC || reason == EDQUOT { return .diskFull(at: path) }
    return EmbeddedServerError(.files, "cannot \(call) \(path): \(String(cString: strerror(reason)))")
  }

  /// The disk of a path is full.
  static func diskFull(at path: String, logTail: [String] = []) -> EmbeddedServerError {
    let parent = FileSystem.exists(path) ? path : String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
    let left = FileSystem.freeBytes(at: parent).map { "; \($0 >> 20) MB are left" } ?? ""
    return EmbeddedServerError(
      .diskFull, "the disk that holds \(path) is full\(left)", fix: "make room there (df -h \(parent)) and run again",
      logTail: logTail)
  }
}
