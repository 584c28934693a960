// What stops reading or writing a CSV file altogether.
// A record that breaks the rules is not an error: it is a `RecordDefect` beside the good records.
// The path is in the error, the feed and the job are not: `Jobs` adds them once.

internal import Glibc

/// A file that cannot be opened, read, decompressed or written, or a dialect that makes no sense.
public struct CSVError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What went wrong, for a caller that decides by it.
  public enum Kind: Sendable, Hashable {
    /// The dialect contradicts itself.
    case dialect
    /// The file does not exist or may not be opened.
    case open
    /// The path names a directory, a pipe or a device.
    case notARegularFile
    /// The operating system failed to read.
    case read
    /// The compressed stream breaks its format or its check sum.
    case corrupt
    /// The compressed stream ends before its end mark.
    case truncated
    /// The file is declared in one encoding and begins like another.
    case encoding
    /// The file has more bytes, decompressed, than it may.
    case tooLarge
    /// The operating system failed to write.
    case write
    /// libcsv or a decompressor ran out of memory.
    case memory
  }

  /// What went wrong.
  public let kind: Kind
  /// The file, when one is involved.
  public let path: String?
  /// What happened, in one sentence without a final full stop.
  public let message: String
  /// The operating system's error number, when it reported one.
  public let systemError: Int32?
  /// What to do about it, where this room can tell; without final full stop.
  public let fix: String?

  init(
    _ kind: Kind, path: String? = nil, _ message: String, systemError: Int32? = nil, fix: String? = nil
  ) {
    self.kind = kind
    self.path = path
    self.message = message
    self.systemError = systemError
    self.fix = fix
  }

  /// An error from `errno`, in the operating system's words.
  init(_ kind: Kind, path: String?, doing action: String, errno number: Int32) {
    self.init(kind, path: path, "cannot \(action): \(String(cString: strerror(number)))", systemError: number)
  }

  /// The path, when there is one, and the message.
  public var description: String {
    guard let path else { return message }
    return "\(path): \(message)"
  }
}
