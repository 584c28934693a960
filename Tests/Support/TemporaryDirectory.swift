// A directory that exists for the time of a closure.
// Invariant: it is removed with everything in it when the closure ends, whichever way it ends.

internal import FoundationEssentials
internal import Glibc

/// A new, empty directory for one test.
public struct TemporaryDirectory: Sendable {
  /// Its absolute path, free of symbolic links.
  public let path: String

  /// Lends a new directory and removes it afterwards.
  ///
  /// - Parameter mode: its permissions; `0o755` lets the server's own user reach what lies inside.
  public static func with<R>(
    mode: UInt32 = 0o755, _ body: (TemporaryDirectory) async throws -> R
  ) async throws -> R {
    let directory = try TemporaryDirectory(mode: mode)
    defer { directory.remove() }
    return try await body(directory)
  }

  /// Lends a new directory to code that does not wait, and removes it afterwards.
  public static func with<R>(mode: UInt32 = 0o755, _ body: (TemporaryDirectory) throws -> R) throws -> R {
    let directory = try TemporaryDirectory(mode: mode)
    defer { directory.remove() }
    return try body(directory)
  }

  /// The path of something inside.
  public func appending(_ name: String) -> String { path + "/" + name }

  /// Writes a file, making the directories on the way.
  ///
  /// - Returns: its absolute path.
  @discardableResult
  public func write(_ text: String, to name: String) throws -> String {
    try write(Array(text.utf8), to: name)
  }

  /// Writes a file of any bytes, making the directories on the way.
  ///
  /// - Returns: its absolute path.
  @discardableResult
  public func write(_ bytes: [UInt8], to name: String) throws -> String {
    let target = appending(name)
    let parent = target[..<(target.lastIndex(of: "/") ?? target.endIndex)]
    try FileManager.default.createDirectory(atPath: String(parent), withIntermediateDirectories: true)
    try Self.write(bytes, toFile: target)
    return target
  }

  /// Writes a file that no child process inherits: one that another test starts at this moment would keep it open for
  /// writing, and the ingest waits for writers.
  public static func write(_ bytes: [UInt8], toFile path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown) }
    defer { close(descriptor) }
    var written = 0
    while written < bytes.count {
      let step = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress?.advanced(by: written), bytes.count - written)
      }
      if step < 0, errno == EINTR { continue }
      guard step > 0 else { throw CocoaError(.fileWriteUnknown) }
      written += step
    }
  }

  /// Reads a file inside as text.
  public func read(_ name: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(filePath: appending(name))), as: UTF8.self)
  }

  /// Where temporary directories are made.
  static let base = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"

  init(prefix: String = "daybook-test", mode: UInt32, in base: String = TemporaryDirectory.base) throws {
    var template = Array("\(base)/\(prefix)-XXXXXX".utf8CString)
    guard template.withUnsafeMutableBufferPointer({ mkdtemp($0.baseAddress!) }) != nil else {
      throw TestSupportError("mkdtemp in \(base): \(String(cString: strerror(errno)))")
    }
    let made = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard chmod(made, mode) == 0, let resolved = realpath(made, nil) else {
      throw TestSupportError("\(made): \(String(cString: strerror(errno)))")
    }
    path = String(cString: resolved)
    free(resolved)
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }
}

/// What went wrong in a test's own set-up.
public struct TestSupportError: Error, Sendable, CustomStringConvertible {
  /// What happened.
  public let description: String

  /// Creates the error.
  public init(_ description: String) { self.description = description }
}
