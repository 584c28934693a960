// Where something a person wrote stands: a definition, or a record of a feed file.
// Lines and columns are 1-based, as editors count them. Byte offsets into feeds are kept by the
// rejects, not here: nobody opens an editor at a byte.

/// A place in a text file.
public struct SourcePosition: Sendable, Hashable, Codable, CustomStringConvertible {
  /// Path as the person knows it: relative to the project where possible.
  public var file: String
  /// 1-based line, when known.
  public var line: Int?
  /// 1-based column, when known.
  public var column: Int?

  /// Creates a position in `file`.
  public init(file: String, line: Int? = nil, column: Int? = nil) {
    self.file = file
    self.line = line
    self.column = column
  }

  /// `file:line:column`, leaving out what is unknown.
  public var description: String {
    guard let line else { return file }
    guard let column else { return "\(file):\(line)" }
    return "\(file):\(line):\(column)"
  }
}
