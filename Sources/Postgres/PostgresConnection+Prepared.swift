// Statements that come again and again: the server parses each once for a session and keeps it under a name.
// Invariant: `prepared` holds no name that the server does not. A reset of the session forgets all of them; a statement
// that the server has lost, or whose result has changed its type, is forgotten and prepared anew at its next use.

internal import CLibPQ

/// A statement with the types of its parameters.
struct PreparedStatement: Hashable {
  var sql: String
  var types: [UInt32]
}

extension PostgresConnection {
  /// More than this the server is not asked to keep; what comes behind is parsed at each use.
  private static let maximumPrepared = 64

  /// Runs one statement and returns all its rows, as `query` does; the server parses it at its first use only.
  ///
  /// For a statement whose text stays the same while its parameters change.
  public func queryPrepared(
    _ sql: String, _ parameters: [PostgresValue] = []
  ) async throws(PostgresError) -> PostgresRows {
    let buffer = try ParameterBuffer(parameters, statement: sql)
    let statement = PreparedStatement(sql: sql, types: buffer.types)
    guard let name = try await prepare(statement) else { return try await query(sql, parameters) }
    do throws(PostgresError) {
      let result = try await exchange(sql) { handle in
        let isSent = buffer.withPointers { _, values, lengths, formats in
          PQsendQueryPrepared(handle.raw, name, Int32(parameters.count), values, lengths, formats, 1) == 1
        }
        try check(isSent, sql, on: handle)
      }
      return PostgresRows(result: result)
    } catch {
      if error.sqlState == "26000" || error.sqlState == "0A000" { prepared[statement] = nil }
      throw error
    }
  }

  /// The name under which the server keeps a statement; nil when it keeps enough of them.
  private func prepare(_ statement: PreparedStatement) async throws(PostgresError) -> String? {
    if let name = prepared[statement] { return name }
    guard prepared.count < Self.maximumPrepared, !statement.sql.utf8.contains(0) else { return nil }
    lastToken += 1
    let name = "daybook_\(lastToken)"
    _ = try await exchange(statement.sql) { handle in
      let isSent = statement.types.withUnsafeBufferPointer { types in
        PQsendPrepare(handle.raw, name, statement.sql, Int32(types.count), types.baseAddress) == 1
      }
      try check(isSent, statement.sql, on: handle)
    }
    prepared[statement] = name
    return name
  }
}
