// How a feed file is punctuated, and how much of it one record may take.
// Invariant: delimiter, quote and line ends are different bytes, and every limit is positive, so that the
// splitter and the parser never have to ask. Encodings and null tokens are the ingest's affair, not the dialect's.

/// The punctuation and the limits of a CSV file.
public struct CSVDialect: Sendable, Hashable {
  /// The byte between fields.
  public let delimiter: UInt8
  /// The byte that opens and closes a quoted field and is doubled inside one; nil when nothing is quoted.
  public let quote: UInt8?
  /// The most bytes one record may have, its line end not counted. In a file that is not in UTF-8 these are the bytes
  /// of the record transcoded to UTF-8.
  public let maxRecordBytes: Int
  /// The most physical lines one record may span before its quote counts as never closed.
  public let maxRecordLines: Int

  /// The default of `maxRecordBytes`: 1 MiB.
  public static let defaultMaxRecordBytes = 1 << 20
  /// The default of `maxRecordLines`.
  public static let defaultMaxRecordLines = 1_000
  /// Comma, double quote, default limits. Source: RFC 4180.
  public static let standard = CSVDialect(
    unchecked: 0x2C, quote: 0x22, maxRecordBytes: defaultMaxRecordBytes, maxRecordLines: defaultMaxRecordLines)

  /// Creates a dialect.
  ///
  /// - Throws: `CSVError` of kind `.dialect` when delimiter, quote and line ends are not different bytes, or a
  ///   limit is not between 1 and 1 GiB (1 Gi lines).
  public init(
    delimiter: UInt8 = 0x2C, quote: UInt8? = 0x22, maxRecordBytes: Int = defaultMaxRecordBytes,
    maxRecordLines: Int = defaultMaxRecordLines
  ) throws(CSVError) {
    func isLineEnd(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }
    if isLineEnd(delimiter) { throw CSVError(.dialect, "the delimiter is a line end") }
    if let quote, isLineEnd(quote) { throw CSVError(.dialect, "the quote is a line end") }
    if delimiter == quote { throw CSVError(.dialect, "the delimiter and the quote are the same byte") }
    guard (1...1 << 30).contains(maxRecordBytes) else {
      throw CSVError(.dialect, "maxRecordBytes is \(maxRecordBytes), outside 1 to 1 GiB")
    }
    guard (1...1 << 30).contains(maxRecordLines) else {
      throw CSVError(.dialect, "maxRecordLines is \(maxRecordLines), outside 1 to \(1 << 30)")
    }
    self.init(unchecked: delimiter, quote: quote, maxRecordBytes: maxRecordBytes, maxRecordLines: maxRecordLines)
  }

  private init(unchecked delimiter: UInt8, quote: UInt8?, maxRecordBytes: Int, maxRecordLines: Int) {
    self.delimiter = delimiter
    self.quote = quote
    self.maxRecordBytes = maxRecordBytes
    self.maxRecordLines = maxRecordLines
  }
}
