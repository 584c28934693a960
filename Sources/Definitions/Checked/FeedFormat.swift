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

  /// Creates a format; comma, double quote, UTF-8 and an empty null token unless told.
  public init(
    delimiter: UInt8 = UInt8(ascii: ","), quote: UInt8? = UInt8(ascii: "\""), encoding: TextEncoding = .utf8,
    nullTokens: [String] = [""], decimalMark: UInt8 = UInt8(ascii: "."), groupingMark: UInt8? = nil
  ) {
    self.delimiter = delimiter
    self.quote = quote
    self.encoding = encoding
    self.nullTokens = nullTokens
    self.decimalMark = decimalMark
    self.groupingMark = groupingMark
  }
}

/// `format.encoding:` of a feed.
public enum TextEncoding: String, Sendable, Hashable, CaseIterable {
  /// UTF-8, with or without a byte order mark.
  case utf8 = "utf-8"
}
