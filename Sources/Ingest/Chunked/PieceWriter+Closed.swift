// Rows of a piece that would change a month which lets no change in: they leave as rejects that wait.
// Invariant: they commit as rejects with the piece, are counted and added up like others, and do not count toward the limit.

internal import Ledger
internal import Postgres

extension PieceWriter {
  /// Takes rows that the table does not have, and that fall into such a month, out of `left`.
  nonisolated(nonsending) func holdBackClosed(
    _ piece: Piece, _ left: inout [Int], _ work: inout Work, on connection: PostgresConnection
  ) async throws {
    guard let (incoming, sql) = statements.held, !left.isEmpty else { return }
    var held: [(row: Int, month: String)] = []
    for row in try await connection.queryPrepared(sql, piece.arrays(incoming.fields, types: incoming.types, of: left)) {
      held.append((left[try row.decode(0, as: Int.self) - 1], try row.decode(1)))
    }
    let rows = Set(held.map(\.row))
    left.removeAll { rows.contains($0) }
    refuse(held, of: piece, &work)
  }

  /// Refuses rows, each with the month that it would change.
  func refuse(_ held: [(row: Int, month: String)], of piece: Piece, _ work: inout Work) {
    guard let closed, !held.isEmpty else { return }
    for (index, month) in held {
      work.rejects.append(
        piece.refused(
          piece.rows[index], column: closed.column, code: .closedPeriod, reason: closed.reason(month)))
    }
    add(Set(held.map(\.row)), of: piece, .rejected, &work)
    work.rows.rejected += held.count
  }
}
