// Why sample feeds could not be made: settings that describe no shop, or a directory that cannot be written.
// Invariant: the message alone tells a person what to change.
// How it is shown, and with which exit code, is for the command line.

/// A reason why no sample feeds were written.
public struct SampleError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What went wrong.
  public enum Kind: Sendable, Hashable {
    /// A setting is outside what the generator can make; named as on the command line.
    case setting(name: String)
    /// A file or directory could not be written.
    case file(path: String)
  }

  /// What went wrong.
  public let kind: Kind
  /// One sentence for a person.
  public let message: String

  /// Creates an error.
  public init(kind: Kind, message: String) {
    self.kind = kind
    self.message = message
  }

  public var description: String {
    switch kind {
    case .setting(let name): "\(name): \(message)"
    case .file(let path): "\(path): \(message)"
    }
  }
}
