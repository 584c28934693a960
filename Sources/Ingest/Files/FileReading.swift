// Reading a feed file again and again: its header, its records into encoded blocks, single records for a message.
// Invariant: every pass reads the same open file, cut into the same chunks.

internal import CSV
internal import Glibc
internal import Postgres

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

  /// A record that was looked up.
  struct FoundRecord: Sendable {
    var record: Int
    var byteOffset: Int
    var raw: [UInt8]
  }

  /// The records that start on `lines`, read on a thread of its own.
  nonisolated(nonsending) func records(
    atLines lines: Set<Int>, dialect: FileDialect
  ) async throws -> [Int: FoundRecord] {
    if lines.isEmpty { return [:] }
    return try await WaitingThread.run { Result { try self.findRecords(atLines: lines, dialect: dialect) } }.get()
  }

  /// One pass over the file, parsing only the chunks that hold one of them.
  private func findRecords(atLines lines: Set<Int>, dialect: FileDialect) throws -> [Int: FoundRecord] {
    var found: [Int: FoundRecord] = [:]
    guard let last = lines.max() else { return found }
    let sorted = lines.sorted()
    var next = 0
    var reader = try dialect.reader(of: stablePath, chunkBytes: readChunkBytes)
    var parser = RecordParser(dialect: dialect.csv)
    while found.count < lines.count, let chunk = try reader.next(), chunk.firstLine <= last {
      while next < sorted.count, sorted[next] < chunk.firstLine { next += 1 }
      guard next < sorted.count, sorted[next] <= chunk.lastLine else { continue }
      parser.parse(chunk) { record in
        if lines.contains(record.line) {
          found[record.line] = FoundRecord(
            record: record.record, byteOffset: record.byteOffset, raw: record.originalBytes())
        }
      }
    }
    return found
  }
}

/// A header that is no record.
struct HeaderDefect: Error {
  var defect: RecordDefect

  var message: String {
    switch defect {
    case .unterminatedQuote: "the header is not a record: a quoted name is never closed"
    case .strayQuote: "the header is not a record: a quote stands inside an unquoted name, or text behind a closing one"
    case .tooLong: "the header is longer than format.max_record_bytes allows"
    }
  }
}
