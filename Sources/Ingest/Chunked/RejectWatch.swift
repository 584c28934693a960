// The limit on refused records, watched while a file streams by.
// Invariant: as long as no piece has been let commit, crossing the limit refuses the whole file, as the copy path does;
// once one has, the piece that crosses it still commits, so that its refused records are listed, and no other begins.
// A share of the records is judged against an estimate of the whole file that errs on the side of going on; what the
// file really held is judged at its end.

internal import Definitions
internal import Ledger
internal import Synchronization

/// Counts what was refused of one file.
final class RejectWatch: Sendable {
  private struct State {
    var records = 0
    var fileBytes = 0
    var rejected: Int
    var hasGranted: Bool
    var isStopped = false
    var log = RejectLog()
  }

  private let limit: Limit
  private let totalBytes: Int
  private let state: Mutex<State>

  /// - Parameters:
  ///   - rejected: what the pieces committed earlier refused.
  ///   - hasCommitted: whether there are such pieces.
  init(limit: Limit, totalBytes: Int, rejected: Int, hasCommitted: Bool) {
    self.limit = limit
    self.totalBytes = totalBytes
    state = Mutex(State(rejected: rejected, hasGranted: hasCommitted))
  }

  /// Whether the file goes no further.
  var isStopped: Bool { state.withLock { $0.isStopped } }

  /// The refused records of pieces that were not let commit.
  var log: RejectLog { state.withLock { $0.log } }

  /// How many records have been read.
  var records: Int { state.withLock { $0.records } }

  /// Counts records that were cut from the file, up to `fileBytes` of it.
  func saw(records: Int, fileBytes: Int) {
    state.withLock { state in
      state.records += records
      state.fileBytes = fileBytes
    }
  }

  /// Counts what the client refused of a chunk.
  ///
  /// - Returns: whether the chunk may go on to the server.
  func admit(_ rejects: RejectLog) -> Bool {
    state.withLock { state in
      if !state.hasGranted { state.log.merge(rejects.records) }
      return judge(rejects, &state)
    }
  }

  /// Asks whether a piece of which the server refused these records may commit.
  func mayCommit(_ refusedByServer: RejectLog) -> Bool {
    state.withLock { state in
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
    if rejects.isTruncated || !limit.allows(state.rejected, of: Self.estimate(state, totalBytes)) {
      state.isStopped = true
      return state.hasGranted
    }
    return true
  }

  /// The records of the whole file, at most: what is left may hold twice as many for each byte.
  private static func estimate(_ state: State, _ totalBytes: Int) -> Int {
    let left = max(0, totalBytes - state.fileBytes)
    guard left > 0, state.fileBytes > 0 else { return state.records }
    return state.records + Int(2 * Double(state.records) * Double(left) / Double(state.fileBytes)) + 1
  }
}
