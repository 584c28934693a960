// Reading a feed file again and again: its header, its records into encoded blocks, single records for a message.
// Invariant: every pass reads the same open file, cut into the same chunks.

internal import CSV
internal import Glibc

/// Bytes cut from the file at a time. Encoded blocks are about as large, which is what COPY likes.
let readChunkBytes = 1 << 20

extension OpenFile {
  /// The names in the first record; nil for a file without any record.
  ///
  /// - Throws: `CSVError`, or a `RecordDefect` for a header that is no record.
  func header(dialect: FileDialect) throws -> [String]? {
    var reader = try dialect.reader(of: stablePath, chunkBytes: 64 << 10)
    guard let chunk = try reader.next() else { return nil }
    var parser = RecordParser(dialect: dialect.csv)
    var names: [String]?
    var problem: RecordDefect?
    parser.parse(chunk) { record in
      guard names == nil, problem == nil else { return }
      problem = record.defect
      if problem == nil {
        names = (0..<record.fieldCount).map { String(decoding: record[$0].bytes, as: UTF8.self) }
      }
    }
    if let problem { throw HeaderDefect(defect: problem) }
    return names
  }

  /// The bytes of the records that start at `offsets`.
  ///
  /// One pass over the file, parsing only the chunks that hold one of them.
  func records(at offsets: Set<Int>, dialect: FileDialect) throws -> [Int: [UInt8]] {
    var found: [Int: [UInt8]] = [:]
    if offsets.isEmpty { return found }
    let sorted = offsets.sorted()
    var reader = try dialect.reader(of: stablePath, chunkBytes: readChunkBytes)
    var parser = RecordParser(dialect: dialect.csv)
    var next = 0
    while next < sorted.count, let chunk = try reader.next() {
      let end = chunk.endByteOffset
      guard sorted[next] < end else { continue }
      parser.parse(chunk) { record in
        if offsets.contains(record.byteOffset) {
          found[record.byteOffset] = record.originalBytes()
        }
      }
      while next < sorted.count, sorted[next] < end { next += 1 }
    }
    return found
  }
}

/// A header that is no record.
struct HeaderDefect: Error {
  var defect: RecordDefect
}
