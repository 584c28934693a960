// Large results, row by row (libpq's single-row mode): memory is bounded by one batch, whatever the result's size.
// The body runs where its caller runs; only whole batches cross from the actor. A body that throws, or a cancelled
// task, cancels the rest on the server and reads it away.

internal import CLibPQ

extension PostgresConnection {
  private static let rowsPerBatch = 256

  /// Runs one statement and hands over its rows one at a time, in bounded memory.
  public nonisolated(nonsending) func forEachRow(
    _ sql: String, _ parameters: [PostgresValue] = [], _ body: (PostgresRow) throws -> Void
  ) async throws {
    let token = try await beginRows(sql, parameters)
    while true {
      let batch = try await nextRows(token)
      do {
        for row in batch { try body(row) }
      } catch {
        await abandonRows(token)
        throw error
      }
      if batch.isEmpty { return }
    }
  }

  private func beginRows(_ sql: String, _ parameters: [PostgresValue]) async throws(PostgresError) -> UInt64 {
    lastToken += 1
    let token = lastToken
    let handle = try begin(.rows(token), sql)
    streamStatement = sql
    do {
      try send(sql, parameters, on: handle)
      PQsetSingleRowMode(handle.raw)
      try await flush(handle, .user)
      return token
    } catch {
      let failure = await settle(error, on: handle, statement: sql)
      end(handle, after: sql)
      throw failure
    }
  }

  /// The next rows; none at the end, when the connection is idle again.
  private func nextRows(_ token: UInt64) async throws(PostgresError) -> [PostgresRow] {
    guard activity == .rows(token), let handle, let sql = streamStatement else {
      throw PostgresError(.misuse, "the rows have already ended")
    }
    do {
      return try await batch(on: handle, sql)
    } catch {
      let failure = await settle(error, on: handle, statement: sql)
      end(handle, after: sql)
      throw failure
    }
  }

  private func batch(on handle: ConnectionHandle, _ sql: String) async throws -> [PostgresRow] {
    var rows: [PostgresRow] = []
    var columns: ColumnLayout?
    while rows.count < Self.rowsPerBatch {
      // What has arrived is handed on before waiting for more.
      if !rows.isEmpty, PQisBusy(handle.raw) == 1 { return rows }
      guard let result = try await nextResult(on: handle, .user) else {
        if handle.isBroken { throw Interruption.lost }
        if rows.isEmpty { end(handle, after: sql) }
        return rows
      }
      switch result.status {
      case PGRES_SINGLE_TUPLE:
        let layout = columns ?? ColumnLayout(result)
        columns = layout
        rows.append(PostgresRow(result: result, columns: layout, index: 0))
      case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY, PGRES_NONFATAL_ERROR: continue
      case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
        _ = await cancelOnServer(handle)
        throw PostgresError(.misuse, "COPY needs copyIn or copyOut", statement: sql)
      default:
        let error = serverError(result, sql, on: handle)
        try await drain(handle, .cleanUp(cancelTimeout))
        throw error
      }
    }
    return rows
  }

  private func abandonRows(_ token: UInt64) async {
    guard activity == .rows(token), let handle, let sql = streamStatement else { return }
    if await !cancelOnServer(handle) { condition.insert(.retired) }
    end(handle, after: sql)
  }
}
