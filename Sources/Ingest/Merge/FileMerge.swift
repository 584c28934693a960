// What happens to the rows of one file on their way into the base table, inside the publication's transaction.
// Invariant: every record ends with exactly one outcome, and every amount with it; rows that are written, changed or
// deleted are in the journal with both their images, unless so much changes that whoever reads it must start over.
// Order: orphans leave, then all but the last record of a key, then the rest is classified once against the table.

internal import CSV
internal import Definitions
internal import Finding
internal import Ledger
internal import Money
internal import Postgres

/// The merge of one file.
struct FileMerge {
  let publication: FeedPublication
  let feed: FeedDefinition
  let file: StagedFile
  let number: Int64
  let mode: WriteMode
  /// What lets the look for orphans stand in for the server's checks of the rows that are inserted.
  let proof: ReferenceProof?
  let sql: MergeStatements
  var merged: FeedPublication.Merged
  /// The batch of this file, once something was to be journaled.
  var batch: Int64?
  /// Rows that are written one by one, and what such attempts undid.
  var isolation: Isolation
  /// Orphans that were in the table already and were taken out again.
  var removedInPlace = 0

  init(
    _ publication: FeedPublication, _ file: StagedFile, number: Int64, mode: WriteMode,
    proof: ReferenceProof? = nil, rowsAre: MergeStatements.RowsAre
  ) {
    self.publication = publication
    self.proof = proof
    feed = publication.feed
    self.file = file
    self.number = number
    self.mode = mode
    isolation = Isolation(publication.design.table)
    sql = Self.statements(publication, file, number, rowsAre)
    merged = FeedPublication.Merged(
      rows: RowCounts(read: file.summary.recordsRead), controls: file.summary.controls, rejects: file.summary.rejects)
  }

  private static func statements(
    _ publication: FeedPublication, _ file: StagedFile, _ number: Int64, _ rowsAre: MergeStatements.RowsAre
  ) -> MergeStatements {
    let (feed, design) = (publication.feed, publication.design)
    let names = Set(file.columns.map(\.name))
    return MergeStatements(
      base: design.table.quoted, staging: file.staging.quoted, key: feed.key, columns: file.columns.map(\.name),
      controls: MergeStatements.controls(of: feed, among: names),
      references: MergeStatements.references(of: design, among: names, places: file.places),
      rowsAre: rowsAre, provenance: design.provenance.isEmpty ? nil : number,
      imageColumns: (design.columns + design.provenance).map(\.name), journal: publication.journal,
      closed: publication.closed)
  }

  // MARK: From staging

  /// Merges the staged rows.
  nonisolated(nonsending) mutating func run(on connection: PostgresConnection) async throws {
    if mode == .isolating { try await indexPlaces(on: connection) }
    if !sql.references.isEmpty { try await refuseOrphans(on: connection) }
    if !feed.key.isEmpty, !file.summary.keysAscend { try await setLosersAside(on: connection) }
    let isEmpty = try await publication.isTableEmpty(on: connection)
    if isEmpty, mode == .together, publication.closed == nil {
      try await fill(on: connection)
    } else if feed.key.isEmpty || isEmpty {
      try await holdBackClosed(hasPresent: false, on: connection)
      try await beginJournal(changed: file.summary.accepted, on: connection)
      try await insert(hasPresent: false, on: connection)
    } else {
      try await mergeByKey(on: connection)
    }
    if case .snapshot(let limit) = feed.mode, !isEmpty { try await deleteAbsent(limit, on: connection) }
    try await dropHeld(on: connection)
    merged.rows.rejected = merged.rejects.count
    try await closeBatch(on: connection)
  }

  /// Fills the empty table.
  private nonisolated(nonsending) mutating func fill(on connection: PostgresConnection) async throws {
    merged.path = .bulk
    merged.isRebuild = true
    merged.rows.inserted = try await connection.execute(
      sql.insertNew(isSorted: isSorted, hasPresent: false))
    // Nothing was in the table before, so its totals now are what came in.
    try await addSums(sql.sums(over: "\(sql.base) s"), .inserted, on: connection)
  }

  private var isSorted: Bool { file.summary.keysAscend && file.isInFileOrder }

  private nonisolated(nonsending) mutating func mergeByKey(on connection: PostgresConnection) async throws {
    try await publication.planForSmallSide([sql.base], sql.staging, on: connection)
    let present = try await connection.execute(sql.classify)
    try await publication.planFreely(on: connection)
    try await connection.execute("analyze pg_temp.daybook_present")
    try await refuseOlderCorrections(on: connection)
    try await holdBackClosed(hasPresent: true, on: connection)
    let counts = try await connection.query(sql.countPresent)
    var (changed, same) = (0, 0)
    if let row = counts.first { (changed, same) = (try row.decode(0), try row.decode(1)) }
    let source = "daybook_present p join \(sql.staging) s on s.\(sql.place) = p.staged"
    let unchanged = feed.onConflict == .ignore ? source : "\(source) and not p.is_changed"
    merged.rows.unchanged = feed.onConflict == .ignore ? same + changed : same
    if merged.rows.unchanged > 0 { try await addSums(sql.sums(over: unchanged), .unchanged, on: connection) }
    if feed.onConflict == .reject, changed > 0 { try await refuseConflicts(changed, on: connection) }
    let hasUpdates = feed.onConflict == .update && changed > 0
    let new = file.summary.accepted - merged.rows.duplicate - present - merged.held
    let finish = try await beginJournal(changed: (hasUpdates ? changed : 0) + new, on: connection)
    if hasUpdates { try await update(on: connection) }
    try await insert(hasPresent: present > 0, on: connection)
    for statement in finish.statements { try await connection.execute(statement) }
    try await connection.execute("drop table pg_temp.daybook_present")
  }

  /// Decides how the change is told to views, and takes the indexes off when most of the table is about to change.
  ///
  /// - Parameter changed: rows about to be written, roughly.
  /// - Returns: what puts the indexes back.
  @discardableResult
  private nonisolated(nonsending) mutating func beginJournal(
    changed: Int, on connection: PostgresConnection
  ) async throws -> TableFinish {
    // While a month is closed every change is told by images, whatever that costs.
    guard changed > 0, publication.closed == nil else { return TableFinish() }
    // What the planner believes; exact enough to tell most of a table from some of it.
    let sizes = try await connection.query(
      """
      select case when reltuples >= 0 and relpages > 0
        then (reltuples * (pg_relation_size(oid) / 8192.0) / relpages)::bigint end
      from pg_class where oid = to_regclass($1)
      """, [.text(sql.base)])
    let known = try sizes.first?.decode(0, as: Int?.self)
    var rows = known ?? 0
    if known == nil {
      let counted = try await connection.query("select count(*) from \(sql.base)")
      rows = try counted.first?.decode(0) ?? 0
    }
    guard changed >= FeedPublication.bulkRowsMinimum, changed >= rows / 2 else { return TableFinish() }
    merged.isRebuild = true
    guard mode == .together, !feed.key.isEmpty else { return TableFinish() }
    try await connection.execute("lock table \(sql.base) in access exclusive mode")
    merged.path = .bulk
    var finish = try await IndexSuspension.begin(on: publication.design.table, connection: connection)
    finish.triggers = try await publication.watch.suspend(on: connection)
    return finish
  }

  /// The number of the batch that takes images; nil when none are written.
  private nonisolated(nonsending) mutating func batchNumber(on connection: PostgresConnection) async throws -> Int64? {
    if merged.isRebuild { return nil }
    if batch == nil { batch = try await BatchLedger.drawNumber(on: connection) }
    return batch
  }

  /// Records the batch when the table changed.
  nonisolated(nonsending) mutating func closeBatch(on connection: PostgresConnection) async throws {
    guard merged.rows.inserted + merged.rows.updated + merged.rows.deleted > 0 else { return }
    if batch == nil { batch = try await BatchLedger.drawNumber(on: connection) }
    try await BatchLedger.record(
      BatchEntry(
        batchID: batch ?? 0, feed: feed.name, kind: merged.isRebuild ? .rebuild : .delta, runID: publication.runID,
        fileID: number, rowsPlus: merged.isRebuild ? 0 : merged.imagesPlus,
        rowsMinus: merged.isRebuild ? 0 : merged.imagesMinus), on: connection)
    guard let closed = publication.closed, let batch else { return }
    let months = try await closed.admit(batches: "= \(batch)", publication.journal, posting: true, on: connection)
    if let months { merged.findings.append(closed.admittedFinding(months, file: file.displayPath)) }
  }

  // MARK: Writing

  private nonisolated(nonsending) mutating func insert(
    hasPresent: Bool, on connection: PostgresConnection
  ) async throws {
    let batch = try await batchNumber(on: connection)
    let (sql, isSorted) = (sql, isSorted)
    let isProven = mode == .together && proof?.covers(sql.references) == true
    if isProven { try await ReferenceProof.suspendChecks(on: connection) }
    let written = try await write(on: connection) { span in
      let statement = sql.insertNew(isSorted: isSorted && span == nil, hasPresent: hasPresent, within: span)
      return [sql.returningSums(statement, alias: sql.base, journaling: batch)]
    }
    if isProven { try await ReferenceProof.resumeChecks(on: connection) }
    try add(written, .inserted)
    merged.rows.inserted = written.count
    if batch != nil { merged.imagesPlus += written.count }
  }

  private nonisolated(nonsending) mutating func update(on connection: PostgresConnection) async throws {
    let batch = try await batchNumber(on: connection)
    let sql = sql
    let written = try await write(on: connection) { span in
      (batch.map { [sql.journalOld($0, within: span)] } ?? [])
        + [sql.returningSums(sql.updateChanged(within: span), alias: "b", journaling: batch)]
    }
    try add(written, .updated)
    merged.rows.updated = written.count
    if batch != nil {
      merged.imagesPlus += written.count
      merged.imagesMinus += written.count
    }
  }

  /// Deletes what a snapshot no longer holds, within its limit.
  private nonisolated(nonsending) mutating func deleteAbsent(
    _ limit: Limit, on connection: PostgresConnection
  ) async throws {
    try await tellStaying(on: connection)
    guard try await publication.mayDelete(file, sql, limit, &merged, on: connection) else { return }
    let batch = try await batchNumber(on: connection)
    merged.rows.deleted = try await connection.execute(sql.deleteAbsent(journaling: batch))
    if batch != nil { merged.imagesMinus += merged.rows.deleted }
  }

  // MARK: Setting aside

  nonisolated(nonsending) mutating func refuseOrphans(on connection: PostgresConnection) async throws {
    let isSelfReferring = sql.references.contains { $0.target == publication.design.table }
    var found: Int
    repeat {
      try await publication.planForSmallSide(sql.references.map(\.target.quoted), sql.staging, on: connection)
      found = try await connection.execute(sql.findOrphans)
      try await publication.planFreely(on: connection)
      if found > 0 {
        let source = "daybook_orphan o join \(sql.staging) s on s.\(sql.place) = o.staged"
        try await addSums(sql.sums(over: source), .rejected, on: connection)
        let feed = feed
        try await refuse(sql.orphanRows, .orphanReference, found, on: connection) { column, value in
          let target = feed.column(named: column)?.reference?.description ?? "its feed"
          return "\"\(visible(String(value.prefix(80))))\" is not in \(target)"
        }
        try await connection.execute(sql.deleteOrphans)
      }
      try await connection.execute("drop table pg_temp.daybook_orphan")
      // A row that referred to a refused row of its own file is an orphan now.
    } while isSelfReferring && found > 0
  }

  nonisolated(nonsending) mutating func setLosersAside(on connection: PostgresConnection) async throws {
    merged.rows.duplicate = try await connection.execute(sql.findLosers(among: file.summary.lateKeys))
    guard merged.rows.duplicate > 0 else {
      try await connection.execute("drop table pg_temp.daybook_loser")
      return
    }
    merged.duplicatesListed = true
    for row in try await connection.query(sql.returningSums(sql.deleteLosers, alias: "s", journaling: nil)) {
      let column: String = try row.decode(0)
      if !column.isEmpty {
        try add(column: column, currency: row.decode(1), amount: row.decode(2), .duplicate)
      }
    }
  }

  private nonisolated(nonsending) mutating func refuseConflicts(
    _ count: Int, on connection: PostgresConnection
  ) async throws {
    let source = "daybook_present p join \(sql.staging) s on s.\(sql.place) = p.staged and p.is_changed"
    try await addSums(sql.sums(over: source), .rejected, on: connection)
    let key = feed.key.joined(separator: ", ")
    try await refuse(sql.conflictRows, .keyConflict, count, on: connection) { _, value in
      "\(key) \(visible(String(value.prefix(80)))) is in the table with other values"
    }
  }

  /// Adds the records that `query` places, with their bytes, which are read from the file once more.
  nonisolated(nonsending) mutating func refuse(
    _ query: String, _ code: RejectCode, _ count: Int, on connection: PostgresConnection,
    reason: (String, String) -> String
  ) async throws {
    var refused: [RefusedRecord] = []
    try await connection.forEachRow(query) { row in
      // Beyond this the log would not keep them anyway.
      guard refused.count < 100_000 else { return }
      let column: String = try row.decode(3)
      refused.append(
        RefusedRecord(
          line: try row.decode(1), record: try row.decode(2), byteOffset: try row.decode(0),
          column: column.isEmpty ? nil : column, code: code, reason: reason(column, try row.decode(4)), raw: []))
    }
    let found = try await file.file.records(atLines: Set(refused.map(\.line)), dialect: file.dialect)
    for index in refused.indices {
      guard let place = found[refused[index].line] else { throw FileChanged(line: refused[index].line) }
      refused[index].record = place.record
      refused[index].byteOffset = place.byteOffset
      refused[index].raw = place.raw
    }
    merged.rejects.merge(refused)
    merged.rejects.addUnkept(count - refused.count)
  }

  // MARK: Sums

  nonisolated(nonsending) mutating func addSums(
    _ statement: String?, _ outcome: ControlSumEntry.Outcome, on connection: PostgresConnection
  ) async throws {
    guard let statement else { return }
    for row in try await connection.query(statement) {
      try add(column: row.decode(0), currency: row.decode(1), amount: row.decode(2), outcome)
    }
  }

  private mutating func add(_ written: Written, _ outcome: ControlSumEntry.Outcome) throws {
    for sum in written.sums { try add(column: sum.column, currency: sum.currency, amount: sum.amount, outcome) }
  }

  private mutating func add(
    column: String, currency: String, amount text: String, _ outcome: ControlSumEntry.Outcome
  ) throws {
    guard let amount = ExactDecimal(text) else {
      // The reconciliation refuses the file.
      merged.controls.markOverflow()
      return
    }
    merged.controls.add(amount, column: column, currency: currency, outcome)
  }
}
