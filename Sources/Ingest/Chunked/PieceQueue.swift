// The pieces between the task that parses and the workers that write.
// Invariant: at most `capacity` pieces wait, so memory is bounded and a slow server holds up the reader; the pieces of
// one part are taken in the order of the file and one at a time, whatever number of workers there is, so that the
// later of two records with the same key is always written after the earlier.

internal import Ledger

/// A bounded queue that keeps parts apart.
actor PieceQueue {
  private let capacity: Int
  private var waiting: [Piece] = []
  private var busyParts: Set<Int> = []
  private var isFinished = false
  private var failure: (any Error)?
  private var takers: [CheckedContinuation<Void, Never>] = []
  private var giver: CheckedContinuation<Void, Never>?

  init(capacity: Int) {
    self.capacity = capacity
  }

  /// Adds a piece, once there is room.
  ///
  /// - Throws: what `fail` was given.
  func add(_ piece: Piece) async throws {
    while waiting.count >= capacity, failure == nil {
      await withCheckedContinuation { giver = $0 }
    }
    if let failure { throw failure }
    waiting.append(piece)
    wakeTakers()
  }

  /// The next piece whose part nobody is at work on; nil when all are committed.
  func take() async throws -> Piece? {
    while true {
      if let failure { throw failure }
      if let index = waiting.firstIndex(where: { !busyParts.contains($0.id.part) }) {
        let piece = waiting.remove(at: index)
        busyParts.insert(piece.id.part)
        wakeGiver()
        return piece
      }
      if isFinished, waiting.isEmpty, busyParts.isEmpty { return nil }
      await withCheckedContinuation { takers.append($0) }
    }
  }

  /// Says that a piece is committed.
  func done(_ piece: PieceID) {
    busyParts.remove(piece.part)
    wakeTakers()
  }

  /// No more pieces will come.
  func finish() {
    isFinished = true
    wakeTakers()
  }

  /// What ended everything, if anything did.
  var firstFailure: (any Error)? { failure }

  /// Ends everything: whoever waits or comes gets this error. The first failure counts.
  func fail(_ error: any Error) {
    if failure == nil { failure = error }
    wakeTakers()
    wakeGiver()
  }

  private func wakeTakers() {
    for taker in takers { taker.resume() }
    takers = []
  }

  private func wakeGiver() {
    giver?.resume()
    giver = nil
  }
}
