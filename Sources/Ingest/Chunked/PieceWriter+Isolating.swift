// One piece around rows that only the server can refuse: each costs itself, and the others are written.
// Invariant: the piece, its rejects and its sums still commit in one transaction; every row of the piece is written, or
// a reject with the server's own words. Spans are tried under a savepoint and halved: see `Isolation`.

internal import Ledger
internal import Postgres

extension PieceWriter {
  /// What a writer beside this one causes too: a key or a referenced row that came or went in between.
  private static let racing: Set<String> = ["23505", "23503"]

  /// Writes rows so that the server's refusal of one costs that one only.
  nonisolated(nonsending) func writeIsolating(
    _ rows: [Int], of piece: Piece, _ batch: Int64, _ work: inout Work, on connection: PostgresConnection
  ) async throws {
    var isolation = Isolation(table)
    var pending = [rows[...]]
    var raced: Set<Int> = []
    while let span = pending.popLast() {
      try Task.checkCancellation()
      let begun = work
      let attempt = try await isolation.attempt(on: connection) { nested in
        var attempt = begun
        try await writeRows(Array(span), of: piece, batch, &attempt, on: nested)
        return attempt
      }
      switch attempt {
      case .success(let done): work = done
      case .failure(let error):
        guard span.count == 1, let row = span.first else {
          // The earlier half is tried first: of two rows that cannot both stay, the first one does.
          let middle = span.startIndex + span.count / 2
          pending.append(span[middle...])
          pending.append(span[..<middle])
          continue
        }
        if let state = error.sqlState, Self.racing.contains(state), raced.insert(row).inserted {
          // The table is looked at once more, with what the other writer has committed.
          pending.append(span)
          continue
        }
        let reason = try isolation.refuseAlone(error)
        work.rejects.append(piece.refused(piece.rows[row], column: nil, code: .serverRefused, reason: reason))
        work.rows.rejected += 1
        add([row], of: piece, .rejected, &work)
      }
    }
    work.undone += isolation.undone
  }
}
