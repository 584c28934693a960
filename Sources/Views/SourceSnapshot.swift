// One look at a table with everything that the ledger says of it: a transaction whose snapshot holds whole batches only.
// Invariant: when the snapshot is taken no writer is at work on the table, so that every batch up to the highest number
// in it is in it with all its rows. Numbers are drawn before a batch commits; without the moment of quiet a lower number
// could come to light after a higher one was believed to be the last.
// Writers are kept out for that moment alone, by another session: a lock in the snapshot's own transaction would last
// until its end.

internal import Postgres

extension PostgresPool {
  /// Runs `body` in a transaction on `connection` that sees `table` and the ledger as they are between two writers.
  ///
  /// With a pool of one connection there is no other session to lock by, and writers wait until the end.
  nonisolated(nonsending) func withSnapshot<R: Sendable>(
    of table: QualifiedName, on connection: PostgresConnection,
    _ body: nonisolated(nonsending) (PostgresConnection) async throws -> R
  ) async throws -> R {
    guard maximum > 1 else {
      return try await connection.withTransaction { connection in
        try await connection.execute("lock table \(table.quoted) in share mode")
        return try await body(connection)
      }
    }
    return try await connection.withTransaction(TransactionOptions(isolation: .repeatableRead)) { connection in
      let identity = "select to_regclass($1)::oid::text, pg_relation_filenode(to_regclass($1))::text"
      let before = try await self.withConnection(label: "snapshot") { gate in
        try await gate.withTransaction { gate in
          try await gate.execute("lock table \(table.quoted) in share mode")
          // The first query takes the snapshot (PostgreSQL 15 manual, LOCK).
          _ = try await connection.query("select 1")
          return try await gate.query(identity, [.text(table.quoted)]).first.map(Self.texts)
        }
      }
      // TRUNCATE and a swap of tables do not heed snapshots. From here on this lock keeps them out; taken any earlier it
      // could wait, unseen by the server, for one that waits for the other session.
      try await connection.execute("lock table \(table.quoted) in access share mode")
      let after = try await connection.query(identity, [.text(table.quoted)]).first.map(Self.texts)
      guard before == after else {
        throw PostgresError(
          .server, "\(table.name) was truncated or replaced while it was being looked at; it is looked at again",
          sqlState: "40001")
      }
      return try await body(connection)
    }
  }

  private static func texts(_ row: PostgresRow) throws -> [String?] {
    [try row.decode(0, as: String?.self), try row.decode(1, as: String?.self)]
  }
}
