// Writes RFC 4180 records.

/// Writes records into memory or a file, quoting only what needs it.
public struct CSVWriter: ~Copyable {
  /// What ends a record.
  public enum LineEnd: Sendable, Hashable {
    /// LF, as Unix tools expect.
    case lf
    /// CR LF, as RFC 4180 says.
    case crlf
  }

  /// When a field is quoted.
  public enum Quoting: Sendable, Hashable {
    /// Only when it holds a delimiter, a quote, a line end, or would read as a blank line.
    case whenNeeded
    /// Always; `""` then differs from nothing.
    case always
  }

  /// Creates a writer into memory; `takeBytes()` hands them out.
  public init(dialect: CSVDialect = .standard, lineEnd: LineEnd = .lf) {}

  /// Creates a writer into the file at `path`, which is created or emptied.
  public init(path: String, dialect: CSVDialect = .standard, lineEnd: LineEnd = .lf) throws(CSVError) {}

  /// Creates a writer to an open descriptor, which stays the caller's to close.
  public init(descriptor: Int32, dialect: CSVDialect = .standard, lineEnd: LineEnd = .lf) {}

  /// Appends a field.
  ///
  /// - Parameter formulaGuard: whether a leading `=`, `+`, `-`, `@`, tab or CR gets an apostrophe, so that a
  ///   spreadsheet shows it instead of running it. For text columns only: it would break negative numbers.
  public mutating func field(_ text: String, quoting: Quoting = .whenNeeded, formulaGuard: Bool = false)
    throws(CSVError)
  {}

  /// Appends a field of bytes.
  public mutating func field(
    bytes: UnsafeRawBufferPointer, quoting: Quoting = .whenNeeded, formulaGuard: Bool = false
  ) throws(CSVError) {}

  /// Appends a whole number.
  public mutating func field(_ value: Int) throws(CSVError) {}

  /// Appends a field with nothing in it, not even quotes.
  public mutating func emptyField() throws(CSVError) {}

  /// Ends the record.
  public mutating func endRecord() throws(CSVError) {}

  /// Appends a whole record of text.
  public mutating func record(_ fields: [String], formulaGuard: Bool = false) throws(CSVError) {}

  /// The bytes written into memory since the last call; empty for a writer to a file.
  public mutating func takeBytes() -> [UInt8] { [] }

  /// Writes what is still buffered.
  public mutating func flush() throws(CSVError) {}

  /// Writes what is still buffered and closes the file that `init(path:)` opened.
  public consuming func close() throws(CSVError) {}
}
