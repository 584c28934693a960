// A file read to its end as the ingest would read it, without a database: the same header match, plan and encoder.
// Invariant: nothing here decides; a record is accepted or refused by `RecordEncoder`, whoever looks on.

internal import CSV
internal import Definitions
internal import Finding
internal import Money

/// One feed's way through one file.
struct FeedScan {
  let feed: FeedDefinition
  let dialect: FileDialect
  let match: HeaderMatch
  let plan: FilePlan

  /// Matches the file's header with the feed.
  ///
  /// - Throws: `DiagnosticsError` or `HeaderDefect` for a header that does not fit, `CSVError`.
  init(_ file: OpenFile, feed: FeedDefinition, displayPath: String, zone: TimeZoneRules) throws {
    self.feed = feed
    let format = try FileDialect(feed.format)
    match = try HeaderMatch(try file.header(dialect: format), feed: feed, file: displayPath)
    dialect = format.expecting(fieldCount: match.fieldCount)
    plan = FilePlan(feed: feed, fields: match.fields, fieldCount: match.fieldCount, zone: zone)
  }

  /// What a scan came to.
  struct Outcome {
    var recordsRead = 0
    var rejects = RejectLog()
    /// Whether the end of the file was reached.
    var isComplete = true
  }

  /// Encodes every record, block by block.
  ///
  /// - Parameters:
  ///   - each: called behind every record but the header, with whether it was refused.
  ///   - block: called with the rows of each chunk; they are gone afterwards.
  ///   - byteLimit: where to stop, in bytes of the decompressed stream.
  func run(
    _ file: OpenFile, byteLimit: Int = .max, each: (borrowing ParsedRecord, Bool) -> Void = { _, _ in },
    block: (EncodedBlock) -> Void = { _ in }
  ) throws -> Outcome {
    var reader = try dialect.reader(of: file.stablePath, chunkBytes: readChunkBytes)
    var parser = RecordParser(dialect: dialect.csv)
    var encoder = RecordEncoder(plan: plan, places: .staging)
    var tally = EncodingTally(followsKeys: false)
    let rows = EncodedBlock(capacity: readChunkBytes + readChunkBytes / 2)
    var isComplete = true
    while let chunk = try reader.next() {
      try Task.checkCancellation()
      if chunk.byteOffset > byteLimit {
        isComplete = false
        break
      }
      rows.removeAll()
      encoder.begin(rejectBytes: tally.rejectBytesLeft)
      parser.parse(chunk) { record in
        let accepted = rows.rows
        encoder.encode(record, into: rows)
        if record.record > 1 { each(record, rows.rows == accepted) }
      }
      block(rows)
      tally.add(encoder.outcome(number: tally.next, accepted: rows.rows))
    }
    return Outcome(recordsRead: tally.recordsRead, rejects: tally.rejects, isComplete: isComplete)
  }
}
