// Transactions in closures: COMMIT when the body returns, ROLLBACK when it throws, savepoints when nested.
// COMMIT heeds cancellation only until it is sent, so that a committed transaction is never reported as cancelled.
// A transaction the server had already aborted is reported as a failure, though COMMIT itself "succeeds".

internal import CLibPQ

/// How a transaction sees and touches data. A nested transaction takes its outer one's.
public struct TransactionOptions: Sendable, Hashable {
  /// What a transaction sees of others.
  public enum Isolation: Sendable, Hashable {
    /// Each statement sees what was committed before it.
    case readCommitted
    /// Every statement sees the same snapshot.
    case repeatableRead
    /// As if transactions ran one after another.
    case serializable

    var sql: String {
      switch self {
      case .readCommitted: "READ COMMITTED"
      case .repeatableRead: "REPEATABLE READ"
      case .serializable: "SERIALIZABLE"
      }
    }
  }

  /// What the transaction sees of others.
  public var isolation: Isolation
  /// Whether writing is refused.
  public var isReadOnly: Bool

  /// Makes options; by default read committed, for writing.
  public init(isolation: Isolation = .readCommitted, isReadOnly: Bool = false) {
    self.isolation = isolation
    self.isReadOnly = isReadOnly
  }
}

extension PostgresConnection {
  /// Runs `body` in a transaction, or in a savepoint inside one that is open.
  ///
  /// - Throws: what `body` threw, after rolling back; a server error with SQLSTATE 25P02 when `body` swallowed the
  ///   error that aborted the transaction; `connectionLost` when it is unknown whether COMMIT took effect.
  public nonisolated(nonsending) func withTransaction<R: Sendable>(
    _ options: TransactionOptions = .init(), _ body: nonisolated(nonsending) (PostgresConnection) async throws -> R
  ) async throws -> R {
    let scope = try await beginTransaction(options)
    let value: R
    do {
      value = try await body(self)
    } catch {
      await rollBack(scope)
      throw error
    }
    try await commit(scope)
    return value
  }

  /// Runs `body` in a transaction, or behind a savepoint where one is open, and takes back whatever it did: settings that
  /// its statements changed are as they were before, too.
  ///
  /// - Throws: what `body` throws.
  public nonisolated(nonsending) func withoutTrace<R: Sendable>(
    _ options: TransactionOptions = .init(), _ body: nonisolated(nonsending) (PostgresConnection) async throws -> R
  ) async throws -> R {
    let scope = try await beginTransaction(options)
    do {
      let value = try await body(self)
      await rollBack(scope)
      return value
    } catch {
      await rollBack(scope)
      throw error
    }
  }

  /// Nil for a whole transaction, otherwise the savepoint's name.
  private struct TransactionScope: Sendable { var savepoint: String? }

  private func beginTransaction(_ options: TransactionOptions) async throws(PostgresError) -> TransactionScope {
    var scope = TransactionScope()
    if let handle, !handle.isIdleInServer, activity == .idle {
      let name = "daybook_\(transactionDepth)"
      scope.savepoint = name
      try await execute("SAVEPOINT \(name)")
    } else {
      let access = options.isReadOnly ? " READ ONLY" : ""
      try await execute("BEGIN ISOLATION LEVEL \(options.isolation.sql)\(access)")
    }
    transactionDepth += 1
    return scope
  }

  private func commit(_ scope: TransactionScope) async throws(PostgresError) {
    do throws(PostgresError) {
      if Task.isCancelled { throw PostgresError(.cancelled, "cancelled before COMMIT; rolled back") }
      if let name = scope.savepoint {
        _ = try await run("RELEASE SAVEPOINT \(name)", [], patience: .shielded)
        transactionDepth -= 1
      } else {
        let result = try await run("COMMIT", [], patience: .shielded)
        transactionDepth -= 1
        if result.commandTag == "ROLLBACK" {
          throw PostgresError(
            .server, "the transaction was rolled back: one of its statements had failed", sqlState: "25P02",
            statement: "COMMIT")
        }
      }
    } catch {
      if let handle, !handle.isIdleInServer { await rollBack(scope) }
      throw error
    }
  }

  /// Rolls back whatever the body left, a cancelled task notwithstanding; a connection that cannot is retired.
  private func rollBack(_ scope: TransactionScope) async {
    if transactionDepth > 0 { transactionDepth -= 1 }
    guard let handle, !handle.isIdleInServer else { return }
    let patience = Patience.cleanUp(cancelTimeout)
    do {
      if let name = scope.savepoint {
        _ = try await run("ROLLBACK TO SAVEPOINT \(name)", [], patience: patience)
        _ = try await run("RELEASE SAVEPOINT \(name)", [], patience: patience)
      } else {
        _ = try await run("ROLLBACK", [], patience: patience)
      }
    } catch {
      condition.insert(.retired)
    }
  }
}
