// Workers beyond the first, on connections that the pool can spare.
// Invariant: the first worker never waits for them, so no two ingests can wait for each other: a helper that gets no
// connection while there is work just does not come. One that holds a connection gives it back, with what it has
// copied kept, as soon as somebody else waits for one.

internal import Glibc
internal import Postgres
internal import Synchronization

/// Lets more workers into one file's staging.
final class StagingHelpers: Sendable {
  private struct State {
    var isClosed = false
    var joined: Set<Int> = []
    var waiting: [Int: Task<Void, Never>] = [:]

    /// - Returns: whether there is still something to join.
    mutating func join(_ number: Int) -> Bool {
      if isClosed { return false }
      joined.insert(number)
      waiting[number] = nil
      return true
    }
  }

  private let pool: PostgresPool
  /// How many workers there are at most, the first one counted.
  let workers: Int
  private let staging: QualifiedName
  private let label: String
  private let state = Mutex(State())

  /// Files smaller than this are loaded before a second worker would have begun.
  private static let bytesMinimum = 16 << 20
  private static let workersMaximum = 4

  /// How many workers are worth it for a file of this size.
  static func workers(forBytes bytes: Int, _ pool: PostgresPool) -> Int {
    if bytes < bytesMinimum { return 1 }
    return max(1, min(workersMaximum, pool.maximum - 1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
  }

  init(pool: PostgresPool, workers: Int, staging: QualifiedName, label: String) {
    self.pool = pool
    self.workers = workers
    self.staging = staging
    self.label = label
  }

  /// Works on the pass with a connection of the pool and a child of the staging table, if there is one to be had.
  func join(_ pass: CopyPass, as number: Int) async {
    // One is left for whoever else needs the database.
    let now = pool.statistics
    guard now.active + now.constructing + now.waiting < pool.maximum - 1 else { return }
    let pool = pool
    let child = StagingArea.child(number, of: staging)
    let creation = MergeStatements.createChild(child, of: staging)
    let task = Task<Void, Never> {
      // The pool lends none: one worker fewer.
      try? await pool.withConnection(label: label) { connection in
        guard state.withLock({ $0.join(number) }) else { return }
        do {
          try await connection.execute(creation)
          await pass.work(into: child, on: connection) { pool.statistics.waiting == 0 }
        } catch {
          pass.fail(error)
        }
      }
    }
    let isClosed = state.withLock { state in
      if !state.joined.contains(number) { state.waiting[number] = task }
      return state.isClosed
    }
    if isClosed { task.cancel() }
    await withTaskCancellationHandler {
      await task.value
    } onCancel: {
      task.cancel()
    }
  }

  /// Whether any came, so that the rows are not all in one table in the order of the file.
  var hasJoined: Bool { state.withLock { !$0.joined.isEmpty } }

  /// Sends away who still waits for a connection.
  func close() {
    let waiting = state.withLock { state in
      state.isClosed = true
      return state.waiting.values.map { $0 }
    }
    for task in waiting { task.cancel() }
  }
}
