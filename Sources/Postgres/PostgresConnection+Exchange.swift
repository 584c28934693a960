// The exchange: send, flush, read results until libpq has no more. Whatever happens, the exchange ends with the
// connection idle again, or closed. A cancelled task never leaves rows for the next user.
// Invariant: between `begin` and `end` nobody else can reach the PGconn, though the actor is free.

internal import CLibPQ
internal import Glibc

/// Why waiting for the server ended without an answer.
enum Interruption: Error { case cancelled, timedOut, lost }

/// Whether a wait heeds the task's cancellation, and until when it lasts.
struct Patience {
  var isCancellable = true
  var deadline: ContinuousClock.Instant?

  /// For everything a user asked for.
  static let user = Patience()
  /// For what must not be cut short by cancellation, such as COMMIT.
  static let shielded = Patience(isCancellable: false)
  /// For cleaning up after a cancelled task.
  static func cleanUp(_ limit: Duration) -> Patience { Patience(isCancellable: false, deadline: .now + limit) }
}

extension PostgresConnection {
  /// Runs one statement to its end. With nil parameters the simple protocol is used, which takes several statements.
  func run(
    _ sql: String, _ parameters: [PostgresValue]?, patience: Patience = .user
  ) async throws(PostgresError) -> ResultHandle {
    try await exchange(sql, patience) { try send(sql, parameters, on: $0) }
  }

  /// Does one exchange about `sql`, which `send` begins, to its end.
  func exchange(
    _ sql: String, _ patience: Patience = .user, _ send: (ConnectionHandle) throws -> Void
  ) async throws(PostgresError) -> ResultHandle {
    let handle = try begin(.statement, sql, patience)
    do {
      try send(handle)
      let result = try await finalResult(on: handle, statement: sql, patience)
      end(handle, after: sql)
      return result
    } catch {
      let failure = await settle(error, on: handle, statement: sql)
      end(handle, after: sql)
      throw failure
    }
  }

  /// Claims the connection for one exchange.
  func begin(_ activity: Activity, _ sql: String, _ patience: Patience = .user) throws(PostgresError)
    -> ConnectionHandle
  {
    guard let handle, !isCloseRequested else {
      // Whoever comes after the call that saw the server go must hear of that too, and not of a mistake of its own.
      var error =
        isCloseRequested
        ? PostgresError(.misuse, "the connection is closed", statement: sql)
        : PostgresError(.connectionLost, "the connection was lost before this statement", statement: sql)
      error.wasSent = false
      throw error
    }
    guard self.activity == .idle else {
      throw PostgresError(.misuse, "the connection is in use by another call", statement: sql)
    }
    if patience.isCancellable, Task.isCancelled {
      throw PostgresError(.cancelled, "cancelled before the statement was sent", statement: sql)
    }
    self.activity = activity
    condition.insert(.busy)
    return handle
  }

  /// Gives the connection back after an exchange, or lets it go when it is lost.
  func end(_ handle: ConnectionHandle, after sql: String) {
    activity = .idle
    streamStatement = nil
    copyFailure = nil
    if handle.isBroken || isCloseRequested {
      condition.insert(.closed)
      self.handle = nil
      return
    }
    if changesSession(sql) { condition.insert(.sessionChanged) }
    if handle.isIdleInServer { condition.remove(.busy) }
  }

  /// Hands a statement to libpq.
  func send(_ sql: String, _ parameters: [PostgresValue]?, on handle: ConnectionHandle) throws {
    guard !sql.utf8.contains(0) else {
      throw PostgresError(.misuse, "the statement contains a NUL character", statement: sql)
    }
    let isSent: Bool
    if let parameters {
      let buffer = try ParameterBuffer(parameters, statement: sql)
      isSent = buffer.withPointers { types, values, lengths, formats in
        PQsendQueryParams(handle.raw, sql, Int32(parameters.count), types, values, lengths, formats, 1) == 1
      }
    } else {
      isSent = PQsendQuery(handle.raw, sql) == 1
    }
    try check(isSent, sql, on: handle)
  }

  /// Turns libpq's refusal to send into an error.
  func check(_ isSent: Bool, _ sql: String, on handle: ConnectionHandle) throws {
    if isSent { return }
    if handle.isBroken { throw Interruption.lost }
    throw PostgresError(.misuse, "the statement cannot be sent: \(handle.message)", statement: sql)
  }

  /// Waits on the connection's socket.
  func waitForSocket(_ interest: SocketInterest, on handle: ConnectionHandle, _ patience: Patience) async throws {
    let outcome = await SocketWatcher.shared.wait(
      socket: handle.socket, for: interest, until: patience.deadline, isCancellable: patience.isCancellable)
    switch outcome {
    case .ready: return
    case .cancelled: throw Interruption.cancelled
    case .timedOut: throw Interruption.timedOut
    case .failed: throw Interruption.lost
    }
  }

  /// Sends what libpq has buffered, reading meanwhile: a server that cannot send stops receiving.
  func flush(_ handle: ConnectionHandle, _ patience: Patience) async throws {
    while true {
      switch PQflush(handle.raw) {
      case 0: return
      case 1:
        try await waitForSocket([.read, .write], on: handle, patience)
        // A failure shows when the result is read.
        guard PQconsumeInput(handle.raw) == 1 else { return }
      default: return
      }
    }
  }

  /// The next result of the exchange, or nil after its last.
  func nextResult(on handle: ConnectionHandle, _ patience: Patience) async throws -> ResultHandle? {
    while PQisBusy(handle.raw) == 1 {
      try await waitForSocket(.read, on: handle, patience)
      // On failure libpq still holds what the server said last, and PQgetResult returns it.
      if PQconsumeInput(handle.raw) == 0 { break }
    }
    return PQgetResult(handle.raw).map { ResultHandle(adopting: $0) }
  }

  /// Reads every result; the last that is no error, or the first error.
  private func finalResult(
    on handle: ConnectionHandle, statement: String, _ patience: Patience
  ) async throws -> ResultHandle {
    try await flush(handle, patience)
    var last: ResultHandle?
    var failure: PostgresError?
    while let result = try await nextResult(on: handle, patience) {
      switch result.status {
      case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY, PGRES_NONFATAL_ERROR:
        last = result
        if sessionTags.contains(result.commandTag) { condition.insert(.sessionChanged) }
      case PGRES_COPY_IN:
        PQputCopyEnd(handle.raw, "this COPY was not started with copyIn")
        try await flush(handle, patience)
        failure = failure ?? PostgresError(.misuse, "COPY from the client needs copyIn", statement: statement)
      case PGRES_COPY_OUT, PGRES_COPY_BOTH:
        _ = await cancelOnServer(handle)
        throw PostgresError(.misuse, "COPY to the client needs copyOut", statement: statement)
      default: failure = failure ?? serverError(result, statement, on: handle)
      }
    }
    // A COMMIT that was answered has taken effect, whatever became of the session a moment later.
    if let last, statement == "COMMIT", last.commandTag == "COMMIT" { return last }
    if let failure { throw failure }
    guard let last, !handle.isBroken else { throw Interruption.lost }
    return last
  }

  /// The error a result carries; what it says about the connection's future is noted.
  func serverError(_ result: ResultHandle, _ statement: String, on handle: ConnectionHandle) -> PostgresError {
    let error = PostgresError(result: result, statement: statement, isConnectionLost: handle.isBroken)
    // After a failover the old primary is a standby that passes every ping and refuses every write.
    if error.sqlState == "25006" { condition.insert(.retired) }
    return error
  }

  /// Turns whatever ended an exchange into the error to throw, with the connection idle again or closed.
  func settle(_ error: any Error, on handle: ConnectionHandle, statement: String) async -> PostgresError {
    switch error {
    case let error as PostgresError: return error
    case Interruption.cancelled:
      let isConfirmed = await cancelOnServer(handle)
      if !isConfirmed { condition.insert(.retired) }
      return PostgresError(
        .cancelled, isConfirmed ? "cancelled" : "cancelled; the server did not confirm it",
        sqlState: isConfirmed ? "57014" : nil, statement: statement)
    case Interruption.timedOut:
      abandon(handle)
      return PostgresError(.timeout, "the server did not answer in time", statement: statement)
    default:
      let reason = handle.message
      abandon(handle)
      return PostgresError(
        .connectionLost, "the connection was lost" + (reason.isEmpty ? "" : ": \(reason)"), statement: statement)
    }
  }

  /// Gives the connection up: whatever is unread stays unread for ever.
  func abandon(_ handle: ConnectionHandle) {
    isCloseRequested = true
    shutDownSocket(handle)
  }

  func shutDownSocket(_ handle: ConnectionHandle) {
    let socket = handle.socket
    if socket >= 0 { shutdown(socket, Int32(SHUT_RDWR)) }
  }
}
