// Standard input, kept in a private file so that it can be hashed, read again and reconciled as any other.
// Invariant: the file is readable by its owner alone, is locked while its process lives, and is removed by that process
// or, when that was killed, by the next one; it never takes the last of the disk.

internal import Finding
internal import Glibc
internal import Ledger

/// What came by standard input.
public final class InputSpool: Sendable {
  /// The folder of a project, below its root, in which standard input is kept.
  public static let folder = ".daybook/spool"

  /// Where it lies: `stdin-` and the beginning of its hash.
  public let path: String
  private let descriptor: Int32

  /// What is left free on the disk.
  static let reserveBytes = 64 << 20
  private static let blockBytes = 1 << 20
  /// How long a silent sender keeps a cancelled task waiting, in milliseconds.
  private static let pollMs: Int32 = 100

  private init(path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Reads `input` to its end into `directory`.
  ///
  /// - Parameter reserve: bytes that stay free on the disk.
  /// - Throws: `IngestError` of kind `output` when there is no room or no permission, of kind `unreadable` when the
  ///   input fails; `CancellationError`. Nothing is left behind then.
  public static func take(_ input: Int32, into directory: String) async throws -> InputSpool {
    try await take(input, into: directory, reserve: reserveBytes)
  }

  static func take(_ input: Int32, into directory: String, reserve: Int) async throws -> InputSpool {
    guard makePrivate(directory) else {
      throw problem(.output, directory, "the folder cannot be made", errno)
    }
    sweep(directory)
    let path = "\(directory)/incoming-\(getpid())"
    unlink(path)
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw problem(.output, path, "cannot keep standard input", errno) }
    var place = path
    do {
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw problem(.output, path, "cannot lock it", errno) }
      var intake = Intake(input: input, output: descriptor, path: path, reserve: reserve)
      while try intake.step() { await Task.yield() }
      let hash = hex(try contentHash(of: OpenFile(path)) { _ in try Task.checkCancellation() })
      place = "\(directory)/stdin-\(hash.prefix(12)).csv"
      // Two processes may be given the same bytes: whoever comes second has a file of its own under a longer name.
      if isPresent(place) { place = "\(directory)/stdin-\(hash.prefix(12))-\(getpid()).csv" }
      guard rename(path, place) == 0 else { throw problem(.output, path, "cannot keep standard input", errno) }
      // Only a file that nobody can write to any more is known to be whole.
      let whole = open(place, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
      guard whole >= 0 else { throw problem(.output, place, "cannot read what was kept", errno) }
      // Shared by both, so that it is locked throughout.
      _ = flock(descriptor, LOCK_SH)
      let isLocked = flock(whole, LOCK_SH | LOCK_NB) == 0
      close(descriptor)
      guard isLocked else { throw problem(.output, place, "cannot lock it", EWOULDBLOCK) }
      return InputSpool(path: place, descriptor: whole)
    } catch {
      unlink(path)
      if place != path { unlink(place) }
      throw error
    }
  }

  /// A file that holds `bytes` and has no name any more: it is gone with this process, however that ends.
  static func anonymousFile(_ bytes: [UInt8], in directory: String) throws -> OpenFile {
    guard makePrivate(directory) else { throw problem(.output, directory, "the folder cannot be made", errno) }
    let path = "\(directory)/incoming-\(getpid())-\(RunID.make())"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw problem(.output, path, "cannot write", errno) }
    defer { unlink(path) }
    // Locked until it is open for reading, so that nobody sweeps it.
    _ = flock(descriptor, LOCK_EX | LOCK_NB)
    defer { close(descriptor) }
    let number = bytes.withUnsafeBytes { writeAll($0, to: descriptor) }
    if number != 0 { throw problem(.output, path, "cannot write", number) }
    return try OpenFile(path)
  }

  /// `input` as a file that can be opened again, outside of any project: a redirected file as it is, anything else
  /// copied to where temporary files go. The copy has no name and goes with the last descriptor.
  static func nameless(_ input: Int32) throws -> OpenFile {
    if let file = try? OpenFile("/proc/self/fd/\(input)", followsLinks: true) { return file }
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    let path = "\(folder)/daybook-input-\(getpid())-\(RunID.make())"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw problem(.output, path, "cannot keep standard input", errno) }
    defer { close(descriptor) }
    defer { unlink(path) }
    var intake = Intake(input: input, output: descriptor, path: path, reserve: reserveBytes)
    while try intake.step() {}
    return try OpenFile(path)
  }

  /// Removes the file.
  public func remove() { unlink(path) }

  /// Removes what killed processes left in `directory`.
  public static func sweep(_ directory: String) {
    guard let folder = opendir(directory) else { return }
    defer { closedir(folder) }
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      guard name.hasPrefix("incoming-") || name.hasPrefix("stdin-") else { continue }
      let path = "\(directory)/\(name)"
      let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
      guard descriptor >= 0 else { continue }
      // Whoever lives holds a lock on it.
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
      close(descriptor)
    }
  }

  /// A descriptor on its way into a file.
  private struct Intake {
    let input: Int32
    let output: Int32
    let path: String
    let reserve: Int
    private var block = [UInt8](repeating: 0, count: blockBytes)

    init(input: Int32, output: Int32, path: String, reserve: Int) {
      (self.input, self.output, self.path, self.reserve) = (input, output, path, reserve)
    }

    /// Moves what is there, or waits a moment for more; false at the end.
    mutating func step() throws -> Bool {
      try Task.checkCancellation()
      var wait = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
      let ready = poll(&wait, 1, pollMs)
      if ready == 0 || ready < 0 && errno == EINTR { return true }
      let got = read(input, &block, block.count)
      if got < 0, errno == EINTR || errno == EAGAIN { return true }
      if got < 0 { throw problem(.unreadable, "-", "standard input cannot be read", errno) }
      var system = statvfs()
      if fstatvfs(output, &system) == 0, Int(system.f_bavail) * Int(system.f_frsize) < reserve + got {
        throw problem(.output, path, "no room to keep standard input: \(reserve >> 20) MiB are to stay free", ENOSPC)
      }
      let number = block.withUnsafeBytes { writeAll(UnsafeRawBufferPointer(rebasing: $0[..<got]), to: output) }
      if number != 0 { throw problem(.output, path, "cannot keep standard input", number) }
      return got > 0
    }
  }

  private static func makePrivate(_ directory: String) -> Bool {
    if let slash = directory.lastIndex(of: "/"), !makeDirectories(String(directory[..<slash])) { return false }
    if mkdir(directory, 0o700) != 0, errno != EEXIST { return false }
    return !isLink(directory)
  }

  private static func problem(_ kind: IngestError.Kind, _ path: String, _ what: String, _ number: Int32) -> IngestError
  {
    IngestError(
      kind,
      Diagnostic(
        .error, code: "standard_input", at: SourcePosition(file: path), "\(what): \(SystemError(number: number))",
        notes: ["state: nothing is loaded and nothing of it is kept"],
        fix: kind == .output ? "free the disk, or save the data as a file and give its path to --file" : nil))
  }
}
