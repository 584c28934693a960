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
  var fieldCount: Int?

  init(_ format: FeedFormat) throws(CSVError) {
    csv = try CSVDialect(
      delimiter: format.delimiter, quote: format.quote, maxRecordBytes: format.maxRecordBytes,
      maxRecordLines: format.maxRecordLines)
    encoding =
      switch format.encoding {
      case .utf8: .utf8
      case .utf16LittleEndian: .utf16LittleEndian
      case .utf16BigEndian: .utf16BigEndian
      case .windows1252: .windows1252
      case .latin1: .latin1
      }
    maxFileBytes = format.maxFileBytes
  }

  /// A reader of the file at `path`, from its start.
  func reader(of path: String, chunkBytes: Int) throws(CSVError) -> ChunkReader {
    ChunkReader(
      source: try FileByteSource(path: path, maxFileBytes: maxFileBytes), dialect: csv, encoding: encoding,
      expectedFieldCount: fieldCount, chunkBytes: chunkBytes)
  }
}
