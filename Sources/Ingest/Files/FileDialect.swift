// Everything that a reader of a feed's file must know: punctuation, encoding and limits.
// Invariant: every pass over a file is made with the same value, so that all of them see the same records. This is the
// one place where a feed's format becomes a reader.

internal import CSV
internal import Definitions

/// How the files of a feed are read.
struct FileDialect: Sendable {
  /// The punctuation, for parsers.
  let csv: CSVDialect
  /// The encoding that the feed declares.
  let encoding: TextEncoding
  /// The most bytes a file may have after decompression.
  let maxFileBytes: Int

  init(_ format: FeedFormat) throws(CSVError) {
    csv = try CSVDialect(
      delimiter: format.delimiter, quote: format.quote, maxRecordBytes: format.maxRecordBytes,
      maxRecordLines: format.maxRecordLines)
    encoding = format.encoding
    maxFileBytes = format.maxFileBytes
  }

  /// A reader of the file at `path`, from its start.
  func reader(of path: String, chunkBytes: Int) throws(CSVError) -> ChunkReader {
    ChunkReader(source: try FileByteSource(path: path), dialect: csv, chunkBytes: chunkBytes)
  }
}
