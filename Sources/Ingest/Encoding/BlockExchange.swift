// Between one encoder and the COPY that takes its rows: the encoder's thread fills blocks, a task writes them.
// Invariant: there are exactly `blockCount` blocks, so memory is bounded and a slow server holds up its encoder.
// Full ones go to the writer in a stream, for which a task can wait; empty ones come back by a monitor, for which a
// thread can.

internal import Postgres
internal import Synchronization

/// The blocks of one encoder.
final class BlockExchange: Sendable {
  static let blockCount = 2
  /// A block is handed over when it holds so much: COPY likes writes of about this size.
  static let writeBytes = 1 << 20

  private struct Empty {
    var blocks: [EncodedBlock]
    var isAborted = false
  }

  private let empty: Monitor<Empty>
  private let full: AsyncStream<EncodedBlock>
  private let filled: AsyncStream<EncodedBlock>.Continuation
  private let isComplete = Atomic(false)

  init() {
    (full, filled) = AsyncStream.makeStream()
    empty = Monitor(
      Empty(blocks: (0..<Self.blockCount).map { _ in EncodedBlock(capacity: Self.writeBytes + Self.writeBytes / 2) }))
  }

  // MARK: The encoder's side

  /// Waits for an empty block; nil once aborted.
  func takeEmpty() -> EncodedBlock? {
    let block = empty.wait { empty -> EncodedBlock?? in
      if empty.isAborted { return .some(nil) }
      return empty.blocks.popLast().map { .some($0) }
    }
    block?.removeAll()
    return block
  }

  func handOver(_ block: EncodedBlock) { filled.yield(block) }

  /// Says that no more blocks come.
  ///
  /// - Parameter complete: whether they are all that the writer was to have; otherwise its COPY fails.
  func finish(complete: Bool) {
    isComplete.store(complete, ordering: .releasing)
    filled.finish()
  }

  /// Ends both sides at once.
  func abort() {
    empty.change { $0.isAborted = true }
    filled.finish()
  }

  // MARK: The writer's side

  /// Writes a whole binary COPY.
  ///
  /// - Throws: `CancellationError` when the encoder did not come to its end, so that nothing of the COPY is kept.
  nonisolated(nonsending) func write(to writer: CopyWriter, progress: (EncodedBlock) -> Void) async throws {
    try await writer.write(EncodedBlock.copyHeader)
    for await block in full {
      try Task.checkCancellation()
      try await writer.write(block.bytes)
      progress(block)
      empty.change { $0.blocks.append(block) }
    }
    try Task.checkCancellation()
    guard isComplete.load(ordering: .acquiring) else { throw CancellationError() }
    try await writer.write(EncodedBlock.copyTrailer)
  }
}
