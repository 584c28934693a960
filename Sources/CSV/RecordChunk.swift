// A run of whole records on its way from the reader to a parser, possibly in another task.
// Invariant: every record lies wholly inside `bytes`, and its span says where; positions are absolute in the
// decompressed stream as it is encoded in the file, byte-order mark included. A chunk owns its bytes and carries all
// that a parser must know besides the dialect, so chunks may be parsed in any order, anywhere.

/// Whole records with their absolute positions.
public struct RecordChunk: Sendable {
  /// The bytes, line ends included; those of a file that is not in UTF-8 transcoded to it (`CharacterEncoding`).
  public let bytes: [UInt8]
  /// The encoding of the file.
  public let encoding: CharacterEncoding
  /// Line of `bytes[0]`, 1-based, the header counted.
  public let firstLine: Int
  /// Number of the first record, 1-based, the header counted; blank lines are not records.
  public let firstRecord: Int
  /// Where `bytes` start in the decompressed stream, 0-based.
  public let byteOffset: Int
  /// Where `bytes` end in the decompressed stream; `byteOffset` of the next chunk.
  public let endByteOffset: Int
  /// Where each record lies.
  let spans: [RecordSpan]

  init(
    bytes: [UInt8], encoding: CharacterEncoding, firstLine: Int, firstRecord: Int, byteOffset: Int,
    endByteOffset: Int, spans: [RecordSpan]
  ) {
    self.bytes = bytes
    self.encoding = encoding
    self.firstLine = firstLine
    self.firstRecord = firstRecord
    self.byteOffset = byteOffset
    self.endByteOffset = endByteOffset
    self.spans = spans
  }

  /// Line on which the last record starts.
  public var lastLine: Int { firstLine + Int(spans.last?.lineDelta ?? 0) }

  /// The number of the last record when no line end follows it, which is so only at the end of a file.
  public var unendedRecord: Int? {
    guard let last = bytes.last, last != 0x0A, last != 0x0D else { return nil }
    return firstRecord + spans.count - 1
  }

  /// How many records the chunk holds, defective ones included.
  public var recordCount: Int { spans.count }
}

/// Where one record lies in its chunk.
struct RecordSpan: Sendable, Hashable {
  /// First byte, relative to the chunk.
  var start: UInt32
  /// Bytes without the line end.
  var count: UInt32
  /// Lines between the chunk's first line and the record's.
  var lineDelta: UInt32
  /// What is wrong with it, if anything.
  var defect: RecordDefect?
}
