// Everything that a reader of a feed's file must know: punctuation, encoding and limits.
// Invariant: every pass over a file is made with the same value, so that all of them see the same records. This is the
// one place where a feed's format becomes a reader.

internal import CSV
internal import Definitions

/// How the files of a feed are read.
struct FileDialect: Sendable {
  /// The punctuation, for parsers.
  let csv: CSVDialect
  /// How characters are written as bytes.
  let encoding: CharacterEncoding
  /// The most bytes a file may have after decompression.
  let maxFileBytes: Int
  /// Fields of a record of the file at hand, once its header is known: what tells an open quote from a text of
  /// several lines.
  private(set) var fieldCount: Int?

  init(_ format: FeedFormat) throws(CSVError) {
    csv = try CSVDialect(
      delimiter: format.delimiter, quote: format.quote, maxRecordBytes: format.maxRecordBytes,
      maxRecordLines: format.maxRecordLines)
    encoding = CharacterEncoding(format.encoding)
    maxFileBytes = format.maxFileBytes
  }

  /// The same for a file whose header has so many fields.
  func expecting(fieldCount: Int) -> FileDialect {
    var dialect = self
    dialect.fieldCount = fieldCount > 0 ? fieldCount : nil
    return dialect
  }

  /// A reader of the file at `path`, from its start.
  func reader(of path: String, chunkBytes: Int) throws(CSVError) -> ChunkReader {
    ChunkReader(
      source: try FileByteSource(path: path, maxFileBytes: maxFileBytes), dialect: csv, encoding: encoding,
      expectedFieldCount: fieldCount, chunkBytes: chunkBytes)
  }

  /// A reader of bytes that a file held.
  func reader(ofContents bytes: [UInt8], chunkBytes: Int) throws(CSVError) -> ChunkReader {
    ChunkReader(
      source: try FileByteSource(contents: bytes), dialect: csv, encoding: encoding, expectedFieldCount: fieldCount,
      chunkBytes: chunkBytes)
  }
}

extension CharacterEncoding {
  init(_ declared: TextEncoding) {
    switch declared {
    case .utf8: self = .utf8
    case .utf16LittleEndian: self = .utf16LittleEndian
    case .utf16BigEndian: self = .utf16BigEndian
    case .windows1252: self = .windows1252
    case .latin1: self = .latin1
    }
  }
}
