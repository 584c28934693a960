// The limit on refused records, watched while a file streams by.
// Invariant: as long as no piece has been let commit, crossing the limit refuses the whole file, as the copy path does;
// once one has, the few chunks that are parsed by then still commit, so that their refused records are listed, and no
// more are parsed; a file that is over the limit already is not gone on with at all.
// A share of the records is judged against an estimate of the whole file that errs on the side of going on, and of a
// compressed file at its last chunk only.

internal import Definitions
internal import Ledger
internal import Synchronization

/// Counts what was refused of one file.
final class RejectWatch: Sendable {
  private struct State {
    var records = 0
    /// The records of the whole file, at most; nil while that cannot be told.
    var estimate: Int?
    var rejected: Int
    /// What the server refused of pieces that may have to be done again.
    var byServer: [PieceID: Int] = [:]
    var hasGranted: Bool
    var isStopped = false
    var log = RejectLog()
  }

  private let limit: Limit
  private let state: Mutex<State>

  /// - Parameters:
  ///   - rejected: what the pieces committed earlier refused.
  ///   - hasCommitted: whether there are such pieces.
  init(limit: Limit, rejected: Int, hasCommitted: Bool) {
    self.limit = limit
    state = Mutex(State(rejected: rejected, hasGranted: hasCommitted))
  }

  /// Whether the file goes no further.
  var isStopped: Bool { state.withLock { $0.isStopped } }

  /// The refused records of pieces that were not let commit.
  var log: RejectLog { state.withLock { $0.log } }

  /// How many records have been read.
  var records: Int { state.withLock { $0.records } }

  /// Counts records that were cut from the file.
  ///
  /// - Parameters:
  ///   - share: how much of how many bytes of the file has been cut; nil when that is not known.
  ///   - isLast: whether there are no more records.
  func saw(records: Int, share: (done: Int, of: Int)?, isLast: Bool) {
    state.withLock { state in
      state.records += records
      state.estimate = nil
      if isLast { state.estimate = state.records }
      guard !isLast, let share, share.done > 0 else { return }
      // What is left may hold twice as many records for each byte.
      let left = 2 * Double(state.records) * Double(max(0, share.of - share.done)) / Double(share.done)
      state.estimate = state.records + Int(left) + 1
    }
  }

  /// Counts what the client refused of a chunk.
  ///
  /// - Returns: whether the chunk may go on to the server.
  func admit(_ rejects: RejectLog) -> Bool {
    state.withLock { state in
      if !state.hasGranted { state.log.merge(rejects.records) }
      if state.hasGranted, isOver(state) {
        state.isStopped = true
        return false
      }
      return judge(rejects, &state)
    }
  }

  /// Asks whether a piece of which the server refused these records may commit; again, when that commit failed.
  func mayCommit(_ piece: PieceID, _ refusedByServer: RejectLog) -> Bool {
    state.withLock { state in
      if let earlier = state.byServer.removeValue(forKey: piece) { state.rejected -= earlier }
      if refusedByServer.count > 0 { state.byServer[piece] = refusedByServer.count }
      if state.isStopped, !state.hasGranted { return false }
      if !state.hasGranted { state.log.merge(refusedByServer.records) }
      guard judge(refusedByServer, &state) else { return false }
      state.hasGranted = true
      state.log = RejectLog()
      return true
    }
  }

  private func judge(_ rejects: RejectLog, _ state: inout State) -> Bool {
    state.rejected += rejects.count
    guard rejects.isTruncated || isOver(state) else { return true }
    state.isStopped = true
    return state.hasGranted
  }

  private func isOver(_ state: State) -> Bool {
    switch limit {
    case .count: !limit.allows(state.rejected, of: state.records)
    case .ratio: state.estimate.map { !limit.allows(state.rejected, of: $0) } ?? false
    }
  }
}
