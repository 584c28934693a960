// One piece in one transaction: orphans refused, losers set aside, the rest classified under locks, written with its
// images, added up, and put on record together with its rejects.
// Invariant: read = inserted + updated + unchanged + duplicate + rejected, in rows and in money, or the piece is rolled
// back. A row that another writer put in between classifying and inserting is a violation of the key (23505), never a
// silent loss: the piece is done again.

internal import CSV
internal import Definitions
internal import Finding
internal import Ledger
internal import Money
internal import Postgres

/// Writes the pieces of one file.
struct PieceWriter: Sendable {
  let feed: FeedDefinition
  let table: QualifiedName
  let statements: PieceStatements
  let isKey: [Bool]
  let sums: EncodedSums
  let fileID: Int64
  let fileName: String
  let displayPath: String
  let runID: RunID
  let closed: ClosedMonths?
  let watch: RejectWatch

  /// The piece may not commit, because too much was refused.
  struct LimitCrossed: Error {}

  /// What one transaction did.
  struct Work: Sendable {
    var rows: RowCounts
    var controls: ControlTotals
    var rejects: [RefusedRecord] = []
    var duplicates: [DuplicateEntry] = []
    var images: (plus: Int, minus: Int) = (0, 0)
    /// Rows that the server counted for the table in attempts that were undone.
    var undone = RowCounts()
  }

  /// SQLSTATEs after which a piece is done again as it is: locks and deadlocks.
  private static let passing: Set<String> = ["40001", "40P01", "55P03"]
  private static let maximumAttempts = 8

  /// Writes one piece, again where that helps: with single rows set aside, when the server refuses some.
  ///
  /// - Throws: `LimitCrossed`, `IngestError` of kind reconciliation, `PostgresError`; the piece is then rolled back.
  nonisolated(nonsending) func write(_ piece: Piece, on connection: PostgresConnection) async throws {
    var attempt = 1
    var mode = WriteMode.together
    while true {
      do {
        let mode = mode
        return try await connection.withTransaction { transaction in
          try await self.write(piece, mode, in: transaction)
        }
      } catch let error as PostgresError {
        if mode == .together, error.isAboutData, !error.isOfAnotherLoad {
          mode = .isolating
          continue
        }
        guard let state = error.sqlState, Self.passing.contains(state), error.kind == .server,
          attempt < Self.maximumAttempts
        else { throw error }
      }
      try await Task.sleep(for: .milliseconds(10 << attempt))
      attempt += 1
    }
  }

  private nonisolated(nonsending) func write(
    _ piece: Piece, _ mode: WriteMode, in connection: PostgresConnection
  ) async throws {
    try await connection.executeScript(statements.begin)
    // Numbered only under the lock on the table, so that no reader of the journal passes over it.
    let batch = try await BatchLedger.drawNumber(on: connection)
    let before = try await transactionChanges(of: table, on: connection)
    var work = Work(
      rows: RowCounts(read: piece.recordsRead, rejected: piece.rejects.count), controls: piece.controls)
    var left = Array(piece.rows.indices)
    try await refuseOrphans(piece, &left, &work, on: connection)
    try await setLosersAside(piece, &left, &work, on: connection)
    switch mode {
    case .together: try await writeRows(left, of: piece, batch, &work, on: connection)
    case .isolating: try await writeIsolating(left, of: piece, batch, &work, on: connection)
    }
    try reconcile(
      piece, work, before: before.map { $0 + work.undone },
      after: try await transactionChanges(of: table, on: connection))
    let hasChanged = work.images.plus + work.images.minus > 0
    try await ChunkLedger.record(
      ChunkEntry(
        piece: piece.id, byteOffset: piece.chunk.source.byteOffset, firstRecord: piece.chunk.source.firstRecord,
        batchID: hasChanged ? batch : nil, rows: work.rows, controlSums: work.controls.entries),
      of: fileID, on: connection)
    try await recordRejects(piece, work, on: connection)
    if hasChanged {
      try await BatchLedger.record(
        BatchEntry(
          batchID: batch, feed: feed.name, kind: .delta, runID: runID, fileID: fileID, rowsPlus: work.images.plus,
          rowsMinus: work.images.minus), on: connection)
      if let closed, closed.rule == .adjust {
        _ = try await closed.admit(batches: "= \(batch)", statements.journal, posting: true, on: connection)
      }
      // Last, because every part waits here for the others' commits.
      try await DataVersions.bump(feed.name, on: connection)
    }
    var refusedByServer = RejectLog()
    // Rows that wait for their month are good ones, and do not count.
    refusedByServer.merge(work.rejects.filter { $0.code != .closedPeriod })
    guard watch.mayCommit(piece.id, refusedByServer) else { throw LimitCrossed() }
  }

  // MARK: Steps

  private nonisolated(nonsending) func refuseOrphans(
    _ piece: Piece, _ left: inout [Int], _ work: inout Work, on connection: PostgresConnection
  ) async throws {
    guard let (incoming, sql) = statements.orphans, !left.isEmpty else { return }
    let found = try await connection.queryPrepared(
      sql, piece.arrays(incoming.fields, types: incoming.types, of: left))
    guard !found.isEmpty else { return }
    var orphans: Set<Int> = []
    for row in found {
      let index = left[try row.decode(0, as: Int.self) - 1]
      // The first bad column of a record, by its place in the file, is the reject's.
      guard orphans.insert(index).inserted else { continue }
      let (column, value): (String, String) = (try row.decode(2), try row.decode(3))
      let target = feed.column(named: column)?.reference?.description ?? "its feed"
      work.rejects.append(
        piece.refused(
          piece.rows[index], column: column, code: .orphanReference,
          reason: "\"\(visible(String(value.prefix(80))))\" is not in \(target)"))
    }
    left.removeAll { orphans.contains($0) }
    add(orphans, of: piece, .rejected, &work)
    work.rows.rejected += orphans.count
  }

  private nonisolated(nonsending) func setLosersAside(
    _ piece: Piece, _ left: inout [Int], _ work: inout Work, on connection: PostgresConnection
  ) async throws {
    let losers = piece.losers(in: left, isKey: isKey)
    guard !losers.isEmpty else { return }
    let rows = Set(losers.map(\.row))
    left.removeAll { rows.contains($0) }
    add(rows, of: piece, .duplicate, &work)
    work.rows.duplicate = losers.count
    let keys = try await keys(of: losers.map(\.row), piece, on: connection)
    for (loser, key) in zip(losers, keys) {
      let row = piece.rows[loser.row]
      work.duplicates.append(
        DuplicateEntry(
          fileID: fileID, runID: runID, feed: feed.name, file: fileName, line: row.line, record: row.record,
          byteOffset: piece.byteOffset(row), key: key, keptLine: piece.rows[loser.winner].line))
    }
  }

  /// The keys of rows in the server's words, in the order of `rows`.
  private nonisolated(nonsending) func keys(
    of rows: [Int], _ piece: Piece, on connection: PostgresConnection
  ) async throws -> [String] {
    guard !rows.isEmpty else { return [] }
    let (incoming, sql) = statements.keyTexts
    return try await connection.queryPrepared(sql, piece.arrays(incoming.fields, types: incoming.types, of: rows)).map {
      try $0.decode(0, as: String.self)
    }
  }

  /// Changes the rows that the table has, and inserts the others.
  nonisolated(nonsending) func writeRows(
    _ rows: [Int], of piece: Piece, _ batch: Int64, _ work: inout Work, on connection: PostgresConnection
  ) async throws {
    var left = rows
    guard !left.isEmpty else { return }
    try await changePresent(piece, &left, batch, &work, on: connection)
    try await holdBackClosed(piece, &left, &work, on: connection)
    try await insertNew(piece, left, batch, &work, on: connection)
  }

  private nonisolated(nonsending) func changePresent(
    _ piece: Piece, _ left: inout [Int], _ batch: Int64, _ work: inout Work, on connection: PostgresConnection
  ) async throws {
    guard !feed.key.isEmpty else { return }
    let (incoming, sql) = statements.present
    var present: [Int] = []
    for row in try await connection.queryPrepared(sql, piece.arrays(incoming.fields, types: incoming.types, of: left)) {
      present.append(left[try row.decode(0, as: Int.self) - 1])
    }
    guard !present.isEmpty else { return }
    let isPresent = Set(present)
    left.removeAll { isPresent.contains($0) }
    guard statements.canUpdate else {
      work.rows.unchanged += present.count
      add(isPresent, of: piece, .unchanged, &work)
      return
    }
    let change = statements.change
    let rows = try await connection.queryPrepared(
      change.sql,
      piece.arrays(change.incoming.fields, types: change.incoming.types, of: present)
        + [.int8(fileID), .int8(batch)])
    var conflicts: [Int] = []
    var held: [(row: Int, month: String)] = []
    var replaced: [(row: Int, line: Int)] = []
    var (pairs, updated) = (0, 0)
    for row in rows {
      let number: Int = try row.decode(1)
      switch try row.decode(0, as: String.self) {
      case "updated": updated = number
      case "pairs": pairs = number
      case "conflict": conflicts.append(present[number - 1])
      case "closed": held.append((present[number - 1], try row.decode(2)))
      case "own": replaced.append((present[number - 1], Int(try row.decode(2, as: String.self)) ?? 0))
      case "updated_sum": try add(row, .updated, &work)
      case "unchanged_sum": try add(row, .unchanged, &work)
      default: break
      }
    }
    work.images.minus += updated
    work.images.plus += updated
    work.rows.updated += updated
    work.rows.unchanged += pairs - updated - conflicts.count - held.count
    // What is held back takes the place of nothing.
    let heldRows = Set(held.map(\.row))
    try await list(replaced.filter { !heldRows.contains($0.row) }, piece, &work, on: connection)
    refuse(held, of: piece, &work)
    try await refuse(conflicts.sorted(), of: piece, &work, on: connection)
  }

  /// Lists the records of earlier chunks whose rows a later record of the same file met. Only their lines are known
  /// here; number and offset are written as 0.
  private nonisolated(nonsending) func list(
    _ replaced: [(row: Int, line: Int)], _ piece: Piece, _ work: inout Work, on connection: PostgresConnection
  ) async throws {
    for (earlier, key) in zip(replaced, try await keys(of: replaced.map(\.row), piece, on: connection)) {
      work.duplicates.append(
        DuplicateEntry(
          fileID: fileID, runID: runID, feed: feed.name, file: fileName, line: earlier.line, record: 0, byteOffset: 0,
          key: key, keptLine: piece.rows[earlier.row].line))
    }
  }

  private nonisolated(nonsending) func refuse(
    _ conflicts: [Int], of piece: Piece, _ work: inout Work, on connection: PostgresConnection
  ) async throws {
    guard !conflicts.isEmpty else { return }
    let names = feed.key.joined(separator: ", ")
    for (index, key) in zip(conflicts, try await keys(of: conflicts, piece, on: connection)) {
      work.rejects.append(
        piece.refused(
          piece.rows[index], column: nil, code: .keyConflict,
          reason: "\(names) \(visible(String(key.prefix(80)))) is in the table with other values"))
    }
    add(Set(conflicts), of: piece, .rejected, &work)
    work.rows.rejected += conflicts.count
  }

  private nonisolated(nonsending) func insertNew(
    _ piece: Piece, _ left: [Int], _ batch: Int64, _ work: inout Work, on connection: PostgresConnection
  ) async throws {
    guard !left.isEmpty else { return }
    let insert = statements.insert
    let rows = try await connection.queryPrepared(
      insert.sql,
      piece.arrays(insert.incoming.fields, types: insert.incoming.types, of: left)
        + [.int8(fileID), .int8(batch)])
    for row in rows {
      if try row.decode(0, as: String.self) == "inserted" {
        let inserted: Int = try row.decode(1)
        work.rows.inserted += inserted
        work.images.plus += inserted
      } else {
        try add(row, .inserted, &work)
      }
    }
  }

  // MARK: Recording

  private nonisolated(nonsending) func recordRejects(
    _ piece: Piece, _ work: Work, on connection: PostgresConnection
  ) async throws {
    let rejects = (piece.rejects.records + work.rejects).sorted { $0.record < $1.record }
    if !rejects.isEmpty {
      let entries = rejects.map {
        RejectEntry(
          fileID: fileID, runID: runID, feed: feed.name, file: fileName, line: $0.line, record: $0.record,
          byteOffset: $0.byteOffset, column: $0.column, code: $0.code, reason: $0.reason, raw: $0.raw)
      }
      try await FileLedger.recordRejects(entries, on: connection)
    }
    if !work.duplicates.isEmpty {
      try await FileLedger.recordDuplicates(work.duplicates.sorted { $0.line < $1.line }, on: connection)
    }
  }

  // MARK: Adding up

  func add(_ rows: Set<Int>, of piece: Piece, _ outcome: ControlSumEntry.Outcome, _ work: inout Work) {
    work.controls.add(
      sums.totals(rows.lazy.map { piece.rows[$0] }, base: UnsafePointer(piece.chunk.block.base), outcome))
  }

  private func add(_ row: PostgresRow, _ outcome: ControlSumEntry.Outcome, _ work: inout Work) throws {
    guard let amount = ExactDecimal(try row.decode(4, as: String.self)) else {
      work.controls.markOverflow()
      return
    }
    work.controls.add(amount, column: try row.decode(2), currency: try row.decode(3), outcome)
  }

  private func reconcile(_ piece: Piece, _ work: Work, before: RowCounts?, after: RowCounts?) throws {
    var differences = Differences()
    differences.compare(work.rows)
    differences.compare(work.controls)
    differences.compare(work.rows, before: before, after: after, records: "the records")
    var notes = differences.notes
    if work.controls.hasOverflowed { notes.append("a control sum has more than 38 digits, or too many groups") }
    guard !notes.isEmpty else { return }
    let source = piece.chunk.source
    throw IngestError(
      .reconciliation,
      Diagnostic(
        .error, code: "reconciliation", at: SourcePosition(file: displayPath, line: source.firstLine),
        "feed \(feed.name): the records of the chunk that begins on this line do not add up",
        notes: notes + ["state: nothing of this chunk is committed; what is, is listed by: daybook status"],
        fix: Differences.fix(feed: feed.name)))
  }
}

extension PostgresError {
  /// Whether another process has committed the same piece of the same file meanwhile.
  var isOfAnotherLoad: Bool { sqlState == "23505" && schema == "daybook" && table == "chunk" }
}
