// COPY in both directions. In: each write goes to libpq and is flushed to the socket before it returns, so that
// memory is bounded by one piece and a slow server slows its writer. While waiting the socket is also read: the
// server says nothing during COPY but notices and its error, and libpq keeps the error back until the copy is
// ended, so anything that is not a notice ends it at once and the error surfaces with its CONTEXT.
// The encoding of rows is the caller's business.

internal import CLibPQ
internal import Glibc

extension PostgresConnection {
  private static let bytesPerPiece = 1 << 20

  /// Runs `COPY … FROM STDIN` with what `body` writes.
  ///
  /// - Returns: rows accepted by the server.
  /// - Throws: the server's error, also when `body` swallowed it; or what `body` threw, after COPY was failed and
  ///   nothing of it was kept.
  @discardableResult
  public nonisolated(nonsending) func copyIn(
    _ statement: String, _ body: nonisolated(nonsending) (CopyWriter) async throws -> Void
  ) async throws -> Int {
    let token = try await beginCopyIn(statement)
    do {
      try await body(CopyWriter(connection: self, token: token))
    } catch {
      await failCopyIn(token)
      throw error
    }
    return try await finishCopyIn(token)
  }

  /// Runs `COPY … TO STDOUT` and hands over the bytes in pieces of whole rows, in bounded memory.
  ///
  /// - Returns: rows the server sent.
  @discardableResult
  public nonisolated(nonsending) func copyOut(
    _ statement: String, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) async throws -> Int {
    let token = try await beginCopyOut(statement)
    while let piece = try await nextCopyPiece(token) {
      do {
        try piece.withUnsafeBytes(body)
      } catch {
        await abandonCopyOut(token)
        throw error
      }
    }
    return try await finishCopyOut(token)
  }

  // MARK: In

  private func beginCopyIn(_ statement: String) async throws(PostgresError) -> UInt64 {
    try await beginCopy(statement, PGRES_COPY_IN, "COPY … FROM STDIN") { .copyIn($0) }
  }

  private func beginCopy(
    _ statement: String, _ expected: ExecStatusType, _ form: String, _ activity: (UInt64) -> Activity
  ) async throws(PostgresError) -> UInt64 {
    lastToken += 1
    let token = lastToken
    let handle = try begin(activity(token), statement)
    streamStatement = statement
    do {
      try send(statement, [], on: handle)
      try await flush(handle, .user)
      guard let result = try await nextResult(on: handle, .user) else { throw Interruption.lost }
      guard result.status == expected else {
        let isError = result.status == PGRES_FATAL_ERROR
        let error =
          isError
          ? serverError(result, statement, on: handle)
          : PostgresError(.misuse, "the statement is no \(form)", statement: statement)
        if result.status == PGRES_COPY_IN { PQputCopyEnd(handle.raw, "unexpected COPY") }
        if result.status == PGRES_COPY_OUT {
          _ = await cancelOnServer(handle)
        } else {
          try await drain(handle, .cleanUp(cancelTimeout))
        }
        throw error
      }
      return token
    } catch {
      let failure = await settle(error, on: handle, statement: statement)
      end(handle, after: statement)
      throw failure
    }
  }

  /// Sends one write.
  func writeCopy(_ bytes: CopyBytes, token: UInt64) async throws(PostgresError) {
    guard activity == .copyIn(token), let handle, let statement = streamStatement else {
      throw PostgresError(.misuse, "the COPY has already ended")
    }
    if let copyFailure { throw copyFailure }
    guard !isWritingCopy else { throw PostgresError(.misuse, "two writes of one COPY overlap", statement: statement) }
    isWritingCopy = true
    defer { isWritingCopy = false }
    do {
      if Task.isCancelled { throw Interruption.cancelled }
      var start = 0
      while start < bytes.count {
        let end = min(start + Self.bytesPerPiece, bytes.count)
        try await put(bytes, start..<end, on: handle)
        start = end
      }
    } catch {
      let failure = await endFailedCopy(error, on: handle, statement)
      copyFailure = failure
      throw failure
    }
  }

  private func put(_ bytes: CopyBytes, _ range: Range<Int>, on handle: ConnectionHandle) async throws {
    if isReadable(handle) { try takeCopyInput(handle) }
    // libpq's buffer is empty here and grows to take the piece, so this copies and never waits.
    let code = bytes.withBytes(range) { piece in
      PQputCopyData(handle.raw, piece.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(piece.count))
    }
    guard code == 1 else { throw CopyInterruption.serverSpoke }
    while true {
      switch PQflush(handle.raw) {
      case 0: return
      case 1:
        try await waitForSocket([.read, .write], on: handle, .user)
        if isReadable(handle) { try takeCopyInput(handle) }
      default: throw CopyInterruption.serverSpoke
      }
    }
  }

  private enum CopyInterruption: Error { case serverSpoke }

  /// Reads what the server says during COPY; throws unless it was a notice.
  private func takeCopyInput(_ handle: ConnectionHandle) throws {
    let before = notices.count
    guard PQconsumeInput(handle.raw) == 1 else { throw CopyInterruption.serverSpoke }
    _ = PQisBusy(handle.raw)
    if notices.count == before { throw CopyInterruption.serverSpoke }
  }

  private func isReadable(_ handle: ConnectionHandle) -> Bool {
    var entry = pollfd(fd: handle.socket, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) > 0
  }

  /// Fails the COPY and reads the exchange to its end; the error is the server's where it has one of its own.
  private func endFailedCopy(
    _ error: any Error, on handle: ConnectionHandle, _ statement: String
  ) async -> PostgresError {
    let given = error as? PostgresError
    let isCancelled = (error as? Interruption) == .cancelled
    do {
      PQputCopyEnd(handle.raw, isCancelled ? "cancelled" : "given up by the writer")
      let patience = Patience.cleanUp(cancelTimeout)
      try await flush(handle, patience)
      var server: PostgresError?
      while let result = try await nextResult(on: handle, patience) {
        if result.status == PGRES_FATAL_ERROR { server = server ?? serverError(result, statement, on: handle) }
        if result.status == PGRES_COPY_IN {
          PQputCopyEnd(handle.raw, "given up by the writer")
          try await flush(handle, patience)
        }
      }
      if let given { return given }
      if isCancelled {
        return PostgresError(.cancelled, "cancelled during COPY", sqlState: "57014", statement: statement)
      }
      if let server { return server }
      return await settle(Interruption.lost, on: handle, statement: statement)
    } catch {
      let failure = await settle(error, on: handle, statement: statement)
      return given ?? failure
    }
  }

  private func finishCopyIn(_ token: UInt64) async throws(PostgresError) -> Int {
    guard activity == .copyIn(token), let handle, let statement = streamStatement else {
      throw PostgresError(.misuse, "the COPY has already ended")
    }
    if let copyFailure {
      end(handle, after: statement)
      throw copyFailure
    }
    do {
      if Task.isCancelled {
        throw await endFailedCopy(Interruption.cancelled, on: handle, statement)
      }
      PQputCopyEnd(handle.raw, nil)
      let rows = try await affectedRows(on: handle, statement)
      end(handle, after: statement)
      return rows
    } catch {
      let failure = await settle(error, on: handle, statement: statement)
      end(handle, after: statement)
      throw failure
    }
  }

  private func failCopyIn(_ token: UInt64) async {
    guard activity == .copyIn(token), let handle, let statement = streamStatement else { return }
    if copyFailure == nil {
      _ = await endFailedCopy(PostgresError(.misuse, "given up"), on: handle, statement)
    }
    end(handle, after: statement)
  }

  /// Reads the exchange to its end.
  private func affectedRows(on handle: ConnectionHandle, _ statement: String) async throws -> Int {
    try await flush(handle, .user)
    var rows: Int?
    var failure: PostgresError?
    while let result = try await nextResult(on: handle, .user) {
      if result.status == PGRES_COMMAND_OK {
        rows = result.affectedRows
      } else {
        failure = failure ?? serverError(result, statement, on: handle)
      }
    }
    if let failure { throw failure }
    guard let rows, !handle.isBroken else { throw Interruption.lost }
    return rows
  }

  // MARK: Out

  private static let bytesPerPieceOut = 64 << 10

  private func beginCopyOut(_ statement: String) async throws(PostgresError) -> UInt64 {
    try await beginCopy(statement, PGRES_COPY_OUT, "COPY … TO STDOUT") { .copyOut($0) }
  }

  /// The next piece, or nil after the last.
  private func nextCopyPiece(_ token: UInt64) async throws(PostgresError) -> [UInt8]? {
    guard activity == .copyOut(token), let handle, let statement = streamStatement else {
      throw PostgresError(.misuse, "the COPY has already ended")
    }
    var piece: [UInt8] = []
    do {
      while piece.count < Self.bytesPerPieceOut {
        var buffer: UnsafeMutablePointer<CChar>?
        let count = PQgetCopyData(handle.raw, &buffer, 1)
        if count > 0, let buffer {
          piece.append(contentsOf: UnsafeRawBufferPointer(start: buffer, count: Int(count)))
          PQfreemem(buffer)
        } else if count == 0 {
          if !piece.isEmpty { return piece }
          try await waitForSocket(.read, on: handle, .user)
          guard PQconsumeInput(handle.raw) == 1 else { throw Interruption.lost }
        } else {
          return piece.isEmpty ? nil : piece
        }
      }
      return piece
    } catch {
      let failure = await settle(error, on: handle, statement: statement)
      end(handle, after: statement)
      throw failure
    }
  }

  private func finishCopyOut(_ token: UInt64) async throws(PostgresError) -> Int {
    guard activity == .copyOut(token), let handle, let statement = streamStatement else {
      throw PostgresError(.misuse, "the COPY has already ended")
    }
    do {
      let rows = try await affectedRows(on: handle, statement)
      end(handle, after: statement)
      return rows
    } catch {
      let failure = await settle(error, on: handle, statement: statement)
      end(handle, after: statement)
      throw failure
    }
  }

  private func abandonCopyOut(_ token: UInt64) async {
    guard activity == .copyOut(token), let handle, let statement = streamStatement else { return }
    if await !cancelOnServer(handle) { condition.insert(.retired) }
    end(handle, after: statement)
  }
}
