// Parsing and COPY at the same time: one task fills blocks, the other writes them to the server.
// Invariant: there are exactly `blockCount` blocks, so memory is bounded and a slow server holds up the reader.
// Blocks go round through two streams: full ones to the writer, empty ones back.

internal import CSV
internal import Postgres

/// The two streams on which blocks go round.
struct BlockExchange: Sendable {
  static let blockCount = 3
  /// COPY writes of about this size.
  static let writeBytes = 1 << 20

  private let empty: AsyncStream<EncodedBlock>
  private let emptied: AsyncStream<EncodedBlock>.Continuation
  private let full: AsyncStream<EncodedBlock>
  private let filled: AsyncStream<EncodedBlock>.Continuation

  init() {
    (empty, emptied) = AsyncStream.makeStream()
    (full, filled) = AsyncStream.makeStream()
    for _ in 0..<Self.blockCount { emptied.yield(EncodedBlock(capacity: readChunkBytes + readChunkBytes / 2)) }
  }

  /// Parses the whole file into blocks.
  func encode(_ file: OpenFile, plan: FilePlan, dialect: CSVDialect, places: RowPlaces) async throws -> EncodedSummary {
    defer { filled.finish() }
    var reader = ChunkReader(
      source: try FileByteSource(path: file.stablePath), dialect: dialect, chunkBytes: readChunkBytes)
    var parser = RecordParser(dialect: dialect)
    var encoder = RecordEncoder(plan: plan, places: places)
    var accepted = 0
    var blocks = empty.makeAsyncIterator()
    while let chunk = try reader.next() {
      try Task.checkCancellation()
      guard let block = await blocks.next() else { throw CancellationError() }
      block.removeAll()
      parser.parse(chunk) { record in encoder.encode(record, into: block) }
      encoder.tail.note(chunk)
      accepted += block.rows
      block.recordsSeen = encoder.recordsRead
      block.fileBytes = reader.compressedBytesRead
      filled.yield(block)
    }
    var problem: String?
    if encoder.controls.hasOverflowed { problem = "a control sum has more than 38 digits" }
    if encoder.controls.hasTooManyGroups {
      problem =
        "a control sum has more than \(ControlAccumulator.maximumGroups) groups, or one longer than "
        + "\(ControlAccumulator.maximumGroupBytes) bytes"
    }
    return EncodedSummary(
      recordsRead: encoder.recordsRead, accepted: accepted, rejects: encoder.rejects,
      controls: encoder.controls.totals, controlProblem: problem, keysAscend: encoder.keysAscend,
      lateKeys: encoder.keysAscend ? .known([]) : .unknown, tail: encoder.tail)
  }

  /// Writes blocks until the encoder has finished, well or not; the trailer is the caller's.
  nonisolated(nonsending) func write(to writer: CopyWriter, progress: (EncodedBlock) -> Void) async throws {
    try await writer.write(EncodedBlock.copyHeader)
    for await block in full {
      try Task.checkCancellation()
      var start = 0
      while start < block.count {
        let end = min(block.count, start + Self.writeBytes)
        try await writer.write(UnsafeRawBufferPointer(rebasing: block.bytes[start..<end]))
        start = end
      }
      progress(block)
      emptied.yield(block)
    }
    try Task.checkCancellation()
  }
}
