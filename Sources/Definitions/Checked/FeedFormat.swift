// How the files of a feed are written.
// Invariant: delimiter, quote and marks are single bytes that differ where a reader would confuse them.
// Compression is not part of it: it is seen from the file's first bytes.

/// `format:` of a feed.
public struct FeedFormat: Sendable, Hashable {
  /// The byte between fields.
  public var delimiter: UInt8
  /// The byte around fields, or nil when the files know no quoting (`quote: none`).
  public var quote: UInt8?
  /// How characters are written as bytes.
  public var encoding: TextEncoding
  /// Unquoted fields that mean "no value".
  public var nullTokens: [String]
  /// The byte before the fraction of a number.
  public var decimalMark: UInt8
  /// The byte between groups of digits, or nil when there is none.
  public var groupingMark: UInt8?
  /// Ways besides a leading minus in which a number says that it is negative.
  public var negatives: Set<NegativeNotation>
  /// The most bytes one record may have, as UTF-8.
  public var maxRecordBytes: Int
  /// The most physical lines one record may span.
  public var maxRecordLines: Int
  /// The most bytes a file may have after decompression.
  public var maxFileBytes: Int

  /// The default of `maxRecordBytes`: 1 MiB.
  public static let defaultMaxRecordBytes = 1 << 20
  /// The default of `maxRecordLines`.
  public static let defaultMaxRecordLines = 1_000
  /// The default of `maxFileBytes`: 1 TiB.
  public static let defaultMaxFileBytes = 1 << 40

  /// Creates a format; comma, double quote, UTF-8 and an empty null token unless told.
  public init(
    delimiter: UInt8 = UInt8(ascii: ","), quote: UInt8? = UInt8(ascii: "\""), encoding: TextEncoding = .utf8,
    nullTokens: [String] = [""], decimalMark: UInt8 = UInt8(ascii: "."), groupingMark: UInt8? = nil,
    negatives: Set<NegativeNotation> = [], maxRecordBytes: Int = defaultMaxRecordBytes,
    maxRecordLines: Int = defaultMaxRecordLines, maxFileBytes: Int = defaultMaxFileBytes
  ) {
    self.delimiter = delimiter
    self.quote = quote
    self.encoding = encoding
    self.nullTokens = nullTokens
    self.decimalMark = decimalMark
    self.groupingMark = groupingMark
    self.negatives = negatives
    self.maxRecordBytes = maxRecordBytes
    self.maxRecordLines = maxRecordLines
    self.maxFileBytes = maxFileBytes
  }
}

/// `format.encoding:` of a feed.
public enum TextEncoding: String, Sendable, Hashable, CaseIterable {
  /// UTF-8, with or without a byte order mark.
  case utf8 = "utf-8"
  /// UTF-16, low byte first.
  case utf16LittleEndian = "utf-16le"
  /// UTF-16, high byte first.
  case utf16BigEndian = "utf-16be"
  /// The code page of Western Windows.
  case windows1252 = "windows-1252"
  /// ISO 8859-1.
  case latin1 = "latin-1"

  /// The name as a sentence has it.
  public var shown: String {
    switch self {
    case .utf8: "UTF-8"
    case .utf16LittleEndian, .utf16BigEndian: rawValue.uppercased()
    case .windows1252, .latin1: rawValue
    }
  }
}

/// A member of `format.negatives:` of a feed.
public enum NegativeNotation: String, Sendable, Hashable, CaseIterable {
  /// `(12.50)`.
  case parentheses
  /// `12.50-`.
  case trailingMinus = "trailing_minus"
}
