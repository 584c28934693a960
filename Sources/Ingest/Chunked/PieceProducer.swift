// Reading a file into pieces: cut, parse, check, encode, deal out by key.
// Invariant: the cuts and the dealing depend on the file, the dialect and the chunk plan alone, never on timing, so that
// a resumed load meets the pieces that are on record. A chunk whose pieces are all committed is cut but not parsed.

internal import CSV
internal import Glibc
internal import Ledger
internal import Money

/// What is known of a whole file after its last chunk.
struct ProducedSummary: Sendable {
  /// Records of the file, the header not counted, committed earlier or not.
  var records = 0
  /// What this pass parsed: all of the file, unless it went on with an earlier load.
  var controls = ControlTotals()
  var isWhole = true
  /// How the file was cut off; nothing of its last chunk was handed on.
  var cutEnd: CutEnd?
}

/// Cuts and encodes one file.
struct PieceProducer: Sendable {
  let file: OpenFile
  let plan: FilePlan
  let dialect: FileDialect
  let chunkPlan: ChunkPlan
  /// Marks the fields of an encoded row that make up the key; all false for a feed without one.
  let isKey: [Bool]
  let committed: [PieceID: ChunkEntry]
  let watch: RejectWatch
  let meter: ProgressMeter

  /// Hands all pieces that are not committed yet to `queue`, in the order of the file.
  func run(into queue: PieceQueue) async throws -> ProducedSummary {
    var summary = ProducedSummary()
    var reader = try dialect.reader(of: file.stablePath, chunkBytes: chunkPlan.chunkBytes)
    var parser = RecordParser(dialect: dialect.csv)
    var number = 0
    let isPlain = !file.isCompressed
    var ahead = try reader.next()
    while let chunk = ahead {
      try Task.checkCancellation()
      if watch.isStopped { break }
      ahead = try reader.next()
      let share = isPlain ? (done: chunk.endByteOffset, of: file.identity.bytes) : nil
      let records = chunk.recordCount - (chunk.firstRecord == 1 ? 1 : 0)
      summary.records += records
      let known = (0..<chunkPlan.parts).compactMap { committed[PieceID(chunk: number, part: $0)] }
      try checkCuts(known, chunk)
      if known.reduce(0, { $0 + $1.rows.read }) == records {
        summary.isWhole = summary.isWhole && records == 0
        watch.saw(records: records, share: share, isLast: ahead == nil)
      } else {
        let pieces = try encode(chunk, number, &parser)
        try checkDealing(pieces)
        watch.saw(records: records, share: share, isLast: ahead == nil)
        // The client's are with the first part, and counted already when that is committed.
        let isAdmitted = watch.admit(committed[pieces[0].id] == nil ? pieces[0].rejects : RejectLog())
        summary.cutEnd = CutEnd(
          pieces[0].rejects.records.last, unended: chunk.unendedRecord, fieldCount: plan.fieldCount,
          dialect: dialect)
        if !isAdmitted || summary.cutEnd != nil { break }
        for piece in pieces where piece.recordsRead > 0 {
          summary.controls.add(piece.controls)
          guard committed[piece.id] == nil else { continue }
          try await queue.add(piece)
        }
      }
      meter.report(done: reader.compressedBytesRead, total: file.identity.bytes, unit: "bytes")
      number += 1
    }
    if watch.isStopped { summary.isWhole = false }
    return summary
  }

  private func checkCuts(_ known: [ChunkEntry], _ chunk: RecordChunk) throws {
    for entry in known where entry.byteOffset != chunk.byteOffset || entry.firstRecord != chunk.firstRecord {
      throw CutsMoved(line: chunk.firstLine)
    }
  }

  /// A chunk of which some parts are committed has to be dealt out as it was then: under another key, or other checks,
  /// a record could change its part and be lost.
  private func checkDealing(_ pieces: [Piece]) throws {
    for piece in pieces {
      guard let entry = committed[piece.id], entry.rows.read != piece.recordsRead else { continue }
      throw CutsMoved(line: piece.chunk.source.firstLine, isDealtOtherwise: true)
    }
  }

  /// Parses one chunk and deals its rows out to the parts.
  private func encode(_ chunk: RecordChunk, _ number: Int, _ parser: inout RecordParser) throws -> [Piece] {
    let block = EncodedBlock(capacity: chunk.bytes.count + chunk.bytes.count / 2)
    var encoder = RecordEncoder(plan: plan, places: .staging)
    var parts = [[PieceRow]](repeating: [], count: chunkPlan.parts)
    for part in parts.indices { parts[part].reserveCapacity(chunk.recordCount / chunkPlan.parts + 16) }
    encoder.begin(rejectBytes: RejectLog.maximumBytes)
    let hasKey = isKey.contains(true)
    isKey.withUnsafeBufferPointer { isKey in
      parser.parse(chunk) { record in
        let start = block.count
        encoder.encode(record, into: block)
        guard block.count > start, let isKey = isKey.baseAddress else { return }
        let hash =
          hasKey
          ? EncodedRow.keyHash(UnsafePointer(block.base + start), isKey: isKey) : UInt64(record.record)
        parts[Int(hash % UInt64(chunkPlan.parts))].append(
          PieceRow(
            offset: start, rawStart: record.byteOffset - chunk.byteOffset, rawCount: record.rawBytes.count,
            line: record.line, record: record.record, hash: hash))
      }
    }
    if encoder.controls.hasOverflowed || encoder.controls.hasTooManyGroups {
      throw UncountableMoney(line: chunk.firstLine, isGroups: encoder.controls.hasTooManyGroups)
    }
    let shared = EncodedChunk(number: number, source: chunk, block: block)
    var pieces = parts.enumerated().map { part, rows in
      Piece(
        id: PieceID(chunk: number, part: part), chunk: shared, rows: rows, rejects: RejectLog(),
        controls: sums(of: rows, in: block, .read))
    }
    pieces[0].rejects = encoder.rejects
    // Of a refused record the encoder alone knows what money it held.
    for (key, amount) in encoder.controls.totals.sums where key.outcome == .rejected {
      pieces[0].controls.add(amount, column: key.column, currency: key.currency, .read)
      pieces[0].controls.add(amount, column: key.column, currency: key.currency, .rejected)
    }
    try compare(encoder.controls.totals, pieces)
    return pieces
  }

  /// The sums of encoded rows, read back from their encoding.
  func sums(of rows: [PieceRow], in block: EncodedBlock, _ outcome: ControlSumEntry.Outcome) -> ControlTotals {
    EncodedSums(plan).totals(rows, base: UnsafePointer(block.base), outcome)
  }

  /// What the encoder counted while it parsed must be what the rows hold.
  private func compare(_ read: ControlTotals, _ pieces: [Piece]) throws {
    var dealt = ControlTotals()
    for piece in pieces { dealt.add(piece.controls) }
    for (key, amount) in read.sums where key.outcome == .read {
      guard dealt.sums[key] ?? .zero == amount else {
        throw UncountableMoney(line: pieces[0].chunk.source.firstLine, isGroups: false)
      }
    }
  }
}

extension OpenFile {
  /// Whether the file begins as a gzip or zstd file does.
  var isCompressed: Bool {
    var magic: UInt32 = 0
    guard pread(descriptor, &magic, 4, 0) == 4 else { return false }
    magic = UInt32(bigEndian: magic)
    return magic >> 16 == 0x1F8B || magic == 0x28B5_2FFD || magic & 0xF0FF_FFFF == 0x502A_4D18
  }
}

/// The chunks on record begin elsewhere than those that were cut now, or the parts of one hold other records.
struct CutsMoved: Error {
  var line: Int
  var isDealtOtherwise = false
}

/// Control sums of a chunk cannot be made.
struct UncountableMoney: Error {
  var line: Int
  var isGroups: Bool
}
