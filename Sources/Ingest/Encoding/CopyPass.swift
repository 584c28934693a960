// One pass over a file: a thread reads and cuts it into chunks, threads encode them, tasks write them to the server.
// Invariant: a bounded number of chunks and blocks is under way, whatever the file and the server do; the first
// failure, or a cancellation, ends every part, and no COPY of a failed pass is ended as if it were whole.
// A worker is an encoder with its own connection and table. Workers may join late and leave early: chunks go to
// whoever asks next, and `EncodingTally` puts what was found in order again.

internal import CSV
internal import Definitions
internal import Postgres
internal import Synchronization

/// A server took another number of rows than it was sent.
struct RowsLost: Error {
  var taken: Int
  var sent: Int
}

/// No thread could be started.
struct NoThread: Error, CustomStringConvertible {
  let description = "the system gave no thread: the limit of processes is reached"
}

/// The shared state of one pass.
final class CopyPass: Sendable {
  /// A chunk on its way to an encoder.
  private struct Work {
    var number: Int
    var chunk: RecordChunk
    /// Bytes of the file read when the chunk was cut, for progress.
    var fileBytes: Int
    /// What it may keep of rejects.
    var rejectBytes = 0
  }

  private struct State {
    var chunks: [Work] = []
    var isReadToEnd = false
    var failure: (any Error)?
    var tally: EncodingTally
    var controls: ControlAccumulator
    var tail: FileTail
  }

  /// Chunks that wait for an encoder.
  private static let waitingChunks = 2
  /// Outcomes that wait for an earlier one before their encoders wait too.
  private static let earlyOutcomes = 8

  private let file: OpenFile
  private let plan: FilePlan
  private let dialect: FileDialect
  private let places: RowPlaces
  private let chunkBytes: Int
  private let meter: ProgressMeter
  private let state: Monitor<State>
  private let bytesDone = Atomic(0)

  init(
    _ file: OpenFile, plan: FilePlan, dialect: FileDialect, places: RowPlaces, chunkBytes: Int, meter: ProgressMeter
  ) {
    self.file = file
    self.plan = plan
    self.dialect = dialect
    self.places = places
    self.chunkBytes = chunkBytes
    self.meter = meter
    state = Monitor(
      State(
        tally: EncodingTally(followsKeys: plan.columns.contains { $0.isSoleKey }),
        controls: ControlAccumulator(plan.controls), tail: FileTail(plan.trailer)))
  }

  /// Ends the pass; the first failure is the one that counts.
  func fail(_ error: any Error) {
    state.change { state in
      if state.failure == nil { state.failure = error }
      state.chunks = []
    }
  }

  var failure: (any Error)? { state.change { $0.failure } }

  /// What was found, once all parts have ended.
  ///
  /// - Throws: why the pass failed.
  func summary() throws -> EncodedSummary {
    let state = state.change { $0 }
    if let failure = state.failure { throw failure }
    var problem: String?
    if state.controls.hasOverflowed { problem = "a control sum has more than 38 digits" }
    if state.controls.hasTooManyGroups {
      problem =
        "a control sum has more than \(ControlAccumulator.maximumGroups) groups, or one longer than "
        + "\(ControlAccumulator.maximumGroupBytes) bytes"
    }
    return EncodedSummary(
      recordsRead: state.tally.recordsRead, accepted: state.tally.accepted, rejects: state.tally.rejects,
      controls: state.controls.totals, controlProblem: problem, keysAscend: state.tally.keysAscend,
      lateKeys: state.tally.lateKeys, tail: state.tail)
  }

  // MARK: Tasks

  /// Reads the whole file, on a thread of its own.
  func read() async {
    await withTaskCancellationHandler {
      if await WaitingThread.runIfPossible({ self.readOnThread() }) == nil { fail(NoThread()) }
    } onCancel: {
      fail(CancellationError())
    }
  }

  /// Copies chunks into one table until there are no more, or until the worker is to leave.
  ///
  /// - Parameter stays: asked after every block, on the encoder's thread.
  func work(
    into table: QualifiedName, on connection: PostgresConnection, stays: @escaping @Sendable () -> Bool = { true }
  ) async {
    let exchange = BlockExchange()
    await withTaskCancellationHandler {
      async let encoded = encode(into: exchange, stays: stays)
      do {
        let names = plan.definitions.map(\.name) + places.columns
        let statement = "copy \(table.quoted) (\(list(names))) from stdin (format binary)"
        let taken = try await connection.copyIn(statement) { writer in
          try await exchange.write(to: writer) { block in
            let done = bytesDone.max(block.fileBytes, ordering: .relaxed).newValue
            meter.report(done: done, total: file.identity.bytes, unit: "bytes")
          }
        }
        let sent = await encoded
        if taken != sent { fail(RowsLost(taken: taken, sent: sent)) }
      } catch {
        fail(error)
        exchange.abort()
        _ = await encoded
      }
    } onCancel: {
      fail(CancellationError())
      exchange.abort()
    }
  }

  private func encode(into exchange: BlockExchange, stays: @escaping @Sendable () -> Bool) async -> Int {
    let sent = await WaitingThread.runIfPossible { self.encodeOnThread(into: exchange, stays: stays) }
    if sent == nil {
      fail(NoThread())
      exchange.abort()
    }
    return sent ?? 0
  }

  // MARK: Threads

  private func readOnThread() {
    do {
      var reader = try dialect.reader(of: file.stablePath, chunkBytes: chunkBytes)
      var number = 0
      while let chunk = try reader.next() {
        let work = Work(number: number, chunk: chunk, fileBytes: reader.compressedBytesRead)
        let isTaken = state.wait { state -> Bool? in
          if state.failure != nil { return false }
          guard state.chunks.count < Self.waitingChunks else { return nil }
          state.chunks.append(work)
          return true
        }
        guard isTaken else { return }
        number += 1
      }
      state.change { $0.isReadToEnd = true }
    } catch {
      fail(error)
    }
  }

  /// The next chunk; nil at the end of the file or of a failed pass.
  private func takeChunk() -> Work? {
    state.wait { state -> Work?? in
      if state.failure != nil { return .some(nil) }
      guard !state.chunks.isEmpty else { return state.isReadToEnd ? .some(nil) : nil }
      var work = state.chunks.removeFirst()
      work.rejectBytes = state.tally.rejectBytesLeft
      return work
    }
  }

  /// Adds an outcome. Who is far ahead of a chunk still under way waits, so that what waits in the tally is bounded.
  private func deliver(_ outcome: ChunkOutcome) {
    state.wait { state -> Void? in
      guard
        state.tally.earlyCount < Self.earlyOutcomes || outcome.number == state.tally.next || state.failure != nil
      else { return nil }
      state.tally.add(outcome)
      return ()
    }
  }

  /// Encodes chunks into blocks.
  ///
  /// Only with an empty block in hand is a chunk taken, so a chunk that was taken is delivered whatever the server
  /// does, and nobody waits for it in vain.
  /// - Returns: rows handed over.
  private func encodeOnThread(into exchange: BlockExchange, stays: () -> Bool) -> Int {
    var parser = RecordParser(dialect: dialect.csv)
    var encoder = RecordEncoder(plan: plan, places: places)
    var sent = 0
    var isAtEnd = false
    while !isAtEnd, let block = exchange.takeEmpty() {
      while block.count < BlockExchange.writeBytes {
        guard let work = takeChunk() else {
          isAtEnd = true
          break
        }
        encoder.begin(rejectBytes: work.rejectBytes)
        let rowsBefore = block.rows
        parser.parse(work.chunk) { record in encoder.encode(record, into: block) }
        encoder.tail.note(work.chunk)
        deliver(encoder.outcome(number: work.number, accepted: block.rows - rowsBefore))
        block.fileBytes = work.fileBytes
      }
      sent += block.rows
      if block.rows > 0 { exchange.handOver(block) }
      if !stays() { isAtEnd = true }
    }
    let (controls, tail) = (encoder.controls, encoder.tail)
    let hasFailed = state.change { state in
      state.controls.add(controls)
      state.tail.merge(tail)
      return state.failure != nil
    }
    exchange.finish(complete: isAtEnd && !hasFailed)
    return sent
  }
}
