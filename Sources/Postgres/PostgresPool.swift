// A pool of connections: the generic pool with what this room knows of connections. A connection is lent in a
// closure and comes back whichever way the closure ends. One in doubt (closed, inside a transaction, amid an
// exchange, with a cancel unconfirmed, turned read-only) is closed, never lent again; one whose session was changed
// is reset first. What a function does to its session inside the server is not seen: see SessionChange.

internal import ResourcePool
public import Telemetry

/// Lends connections to one database.
public final class PostgresPool: Sendable {
  private let pool: Pool<PostgresConnection>
  /// How many connections there are at most.
  public let maximum: Int

  /// Makes a pool, which begins at once to connect up to its minimum.
  ///
  /// - Throws: `misuse` when settings contradict each other.
  public init(
    configuration: PostgresConfiguration, settings: PoolSettings = PoolSettings(),
    telemetry: any TelemetrySink = NullTelemetry()
  ) throws(PostgresError) {
    let limits = settings.limits
    if let defect = limits.defect { throw PostgresError(.misuse, "pool settings: \(defect)") }
    maximum = limits.max
    pool = Pool(
      limits: limits,
      operations: Pool.Operations(
        create: { try await PostgresConnection.connect(configuration) },
        validate: { await $0.isAlive(within: limits.validationTimeout) },
        destroy: { await $0.close() },
        isPermanent: { error in
          guard let error = error as? PostgresError, !error.isTransient else { return false }
          return [.authentication, .server, .misuse].contains(error.kind)
        }),
      telemetry: telemetry)
  }

  /// Lends a connection to `body`, which runs where its caller runs.
  ///
  /// - Parameter label: who borrows; messages name who holds a connection too long.
  /// - Throws: what `body` throws; `poolTimeout` when none came free in time, or the failure to connect where that
  ///   was the cause; `poolClosed`; `cancelled`.
  public nonisolated(nonsending) func withConnection<R: Sendable>(
    label: String = #function, _ body: nonisolated(nonsending) (PostgresConnection) async throws -> R
  ) async throws -> R {
    let lease: PoolLease<PostgresConnection>
    do throws(PoolError) {
      lease = try await pool.acquire(label: label)
    } catch {
      throw PostgresError(pool: error)
    }
    do {
      let value = try await body(lease.resource)
      await takeBack(lease)
      return value
    } catch {
      await takeBack(lease)
      throw error
    }
  }

  /// A snapshot of the pool.
  public var statistics: PoolStatistics { PoolStatistics(pool.counts, lastFailure: pool.lastFailure) }

  /// Ends the pool: who waits is refused, idle connections are closed, lent ones are closed as they come back, and
  /// after `limit` under their borrowers. Returns when all are closed; may be called more than once.
  public func shutdown(within limit: Duration) async { await pool.shutDown(within: limit) }

  private nonisolated(nonsending) func takeBack(_ lease: PoolLease<PostgresConnection>) async {
    let condition = lease.resource.condition.current
    if !condition.isDisjoint(with: [.closed, .busy, .retired]) {
      pool.release(lease, .doubtful)
    } else if condition.contains(.sessionChanged) {
      pool.release(lease, await lease.resource.resetSession() ? .reusable : .doubtful)
    } else {
      pool.release(lease, .reusable)
    }
  }
}

extension PostgresConnection {
  /// Whether the server answers an empty query in time. One that does not is closed.
  func isAlive(within limit: Duration) async -> Bool {
    do {
      _ = try await run("", nil, patience: .cleanUp(limit))
      return true
    } catch {
      return false
    }
  }

  /// Takes the session back to how it began: settings, temporary tables, locks, prepared statements.
  func resetSession() async -> Bool {
    do {
      _ = try await run("DISCARD ALL", nil, patience: .cleanUp(cancelTimeout))
      prepared = [:]
      condition.remove(.sessionChanged)
      return true
    } catch {
      return false
    }
  }
}

extension PostgresError {
  /// The pool's refusal; where connecting fails it is that failure, with the state of the pool.
  init(pool error: PoolError) {
    let cause = error.lastFailure as? PostgresError
    switch error.reason {
    case .closed: self.init(.poolClosed, error.description)
    case .cancelled: self.init(.cancelled, error.description)
    case .cannotCreate: self.init(cause?.kind ?? .unreachable, error.description, sqlState: cause?.sqlState)
    case .timedOut:
      let isUnconnected = error.counts.active + error.counts.idle == 0
      if let cause, isUnconnected {
        self.init(cause.kind, error.description, sqlState: cause.sqlState)
      } else {
        self.init(.poolTimeout, error.description)
      }
    }
  }
}
