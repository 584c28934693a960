// The one transaction that makes a feed's staged files part of its base table.
// Invariant: either all files of the call are in the table, reconciled and in the ledger, or nothing happened.
// Order for each file: orphans leave staging, then all but the last record of a key, then the rest is classified
// once against the table, inserted or updated, and every row and every sum is accounted for.

internal import CSV
internal import Definitions
internal import Finding
internal import Ledger
internal import Money
internal import Postgres

/// More was refused than the definition allows; everything of the transaction is rolled back.
struct FeedRefusal: Error {
  var findings: [Diagnostic]
  /// What is to be recorded about each file, in load order.
  var files: [RefusedFile]
}

/// A file of which nothing is published.
struct RefusedFile: Sendable {
  var name: String
  var sha256: [UInt8]
  var bytes: Int
  var rowsRead: Int
  var rejects: RejectLog
  var controls: ControlTotals
}

/// A file is not what it was when it was parsed.
struct FileChanged: Error {
  /// The first line at which that was seen, when it was seen there.
  var line: Int?
}

/// Publishes staged files.
struct FeedPublication: Sendable {
  let feed: FeedDefinition
  let design: TableDesign
  let dialect: FileDialect
  let runID: RunID
  let asOf: CivilDate

  /// What one file's merge did.
  struct Merged {
    var rows: RowCounts
    var controls: ControlTotals
    var rejects: RejectLog
    var duplicatesListed = false
    var findings: [Diagnostic] = []
  }

  /// Publishes all files, or throws and leaves everything as it was.
  ///
  /// - Throws: `FeedRefusal`, `IngestError` of kind reconciliation or table drift, `PostgresError`.
  nonisolated(nonsending) func publish(
    _ staged: [StagedFile], on connection: PostgresConnection
  ) async throws -> (files: [FileOutcome], findings: [Diagnostic]) {
    try await connection.withTransaction { transaction in
      try await transaction.executeScript(
        "set local jit = off; set local work_mem = '64MB'; set local maintenance_work_mem = '128MB'")
      let prepared = try await TableChanges(design: design, feed: feed).prepare(
        for: Set(staged.map(\.sha256)), on: transaction)
      var findings = prepared.findings
      var afterRows = prepared.isNew ? design.finishTable : try await suspendIndexes(staged, on: transaction)
      try await transaction.execute("lock table \(design.table.quoted) in share row exclusive mode")
      let before = try await changes(on: transaction)
      var outcomes: [FileOutcome] = []
      var done: [Merged] = []
      for (index, file) in staged.enumerated() {
        let merged = try await merge(file, on: transaction)
        done.append(merged)
        try checkLimit(staged, done)
        // The first file meets a table without indexes; the files behind it look keys up.
        for statement in afterRows { try await transaction.execute(statement) }
        afterRows = []
        try Reconciliation(feed: feed.name, file: file).check(merged.rows, merged.controls)
        outcomes.append(try await record(file, merged, on: transaction))
        findings += merged.findings
        if merged.duplicatesListed { findings.append(duplicateFinding(file, merged.rows.duplicate)) }
        if index + 1 < staged.count { try Task.checkCancellation() }
      }
      for statement in afterRows { try await transaction.execute(statement) }
      let rows = outcomes.reduce(RowCounts()) { $0 + $1.rows }
      try await Reconciliation.checkChanges(
        feed: feed, rows: rows, before: before, after: changes(on: transaction))
      if rows.inserted + rows.updated + rows.deleted > 0 {
        try await DataVersions.bump(feed.name, on: transaction)
      }
      return (outcomes, findings)
    }
  }

  /// Fewer rows than this are inserted under the indexes that are there.
  private static let bulkRowsMinimum = 20_000

  /// Takes the indexes off an existing table when it is empty and many rows wait for it.
  ///
  /// - Returns: the statements that put them back.
  private nonisolated(nonsending) func suspendIndexes(
    _ staged: [StagedFile], on connection: PostgresConnection
  ) async throws -> [String] {
    guard let first = staged.first, first.summary.recordsRead >= Self.bulkRowsMinimum,
      try await isTableEmpty(on: connection)
    else { return [] }
    try await connection.execute("lock table \(design.table.quoted) in access exclusive mode")
    // Somebody may have written between the first look and the lock.
    guard try await isTableEmpty(on: connection) else { return [] }
    return try await IndexSuspension.begin(on: design.table, connection: connection).restore
  }

  private nonisolated(nonsending) func isTableEmpty(on connection: PostgresConnection) async throws -> Bool {
    let filled = try await connection.query("select exists(select from \(design.table.quoted))")
    return try filled.first.map { try !$0.decode(0, as: Bool.self) } ?? true
  }

  /// Rows that this transaction inserted, updated and deleted in the table, whoever did it; nil when the server
  /// does not count.
  private nonisolated(nonsending) func changes(on connection: PostgresConnection) async throws -> RowCounts? {
    let rows = try await connection.query(
      """
      select pg_stat_get_xact_tuples_inserted(c.oid), pg_stat_get_xact_tuples_updated(c.oid),
        pg_stat_get_xact_tuples_deleted(c.oid)
      from to_regclass($1) as c(oid) where current_setting('track_counts')::boolean
      """, [.text(design.table.quoted)])
    guard let row = rows.first else { return nil }
    return RowCounts(inserted: try row.decode(0), updated: try row.decode(1), deleted: try row.decode(2))
  }

  // MARK: One file

  private nonisolated(nonsending) func merge(_ file: StagedFile, on connection: PostgresConnection) async throws
    -> Merged
  {
    let sql = statements(file)
    var merged = Merged(
      rows: RowCounts(read: file.summary.recordsRead), controls: file.summary.controls, rejects: file.summary.rejects)
    if !sql.references.isEmpty { try await refuseOrphans(file, sql, &merged, on: connection) }
    if !feed.key.isEmpty, !file.summary.keysAscend { try await setLosersAside(sql, &merged, on: connection) }

    let isEmpty = try await isTableEmpty(on: connection)
    if isEmpty {
      merged.rows.inserted = try await connection.execute(
        sql.insertNew(isSorted: file.summary.keysAscend, hasPresent: false))
      // Nothing was in the table before, so its totals now are what came in.
      try await addSums(sql.sums(over: "\(sql.base) s"), .inserted, &merged, on: connection)
    } else if feed.key.isEmpty {
      try await insert(sql, isSorted: true, hasPresent: false, &merged, on: connection)
    } else {
      try await mergeByKey(file, sql, &merged, on: connection)
    }
    if case .snapshot(let limit) = feed.mode, !isEmpty {
      try await deleteAbsent(file, sql, limit, &merged, on: connection)
    }
    merged.rows.rejected = merged.rejects.count
    return merged
  }

  private func statements(_ file: StagedFile) -> MergeStatements {
    let names = Set(file.columns.map(\.name))
    return MergeStatements(
      base: design.table.quoted, staging: file.staging.quoted, key: feed.key, columns: file.columns.map(\.name),
      controls: feed.columns.compactMap { column in
        guard let control = column.control, names.contains(column.name), names.contains(control.groupedBy) else {
          return nil
        }
        return (column.name, control.groupedBy)
      },
      references: design.foreignKeys.filter { names.contains($0.column) }.map {
        MergeStatements.Reference(
          column: $0.column, target: $0.target, targetColumn: $0.targetColumn, place: file.places[$0.column] ?? 0)
      })
  }

  private nonisolated(nonsending) func refuseOrphans(
    _ file: StagedFile, _ sql: MergeStatements, _ merged: inout Merged, on connection: PostgresConnection
  ) async throws {
    let isSelfReferring = sql.references.contains { $0.target == design.table }
    var found: Int
    repeat {
      try await planForSmallSide(sql.references.map(\.target.quoted), sql.staging, on: connection)
      found = try await connection.execute(sql.findOrphans)
      try await planFreely(on: connection)
      if found > 0 {
        let source = "daybook_orphan o join \(sql.staging) s on s.ctid = o.staged"
        try await addSums(sql.sums(over: source), .rejected, &merged, on: connection)
        try await refuse(file, sql.orphanRows, .orphanReference, found, &merged, on: connection) { column, value in
          let target = feed.column(named: column)?.reference?.description ?? "its feed"
          return "\"\(visible(String(value.prefix(80))))\" is not in \(target)"
        }
        try await connection.execute(sql.deleteOrphans)
      }
      try await connection.execute("drop table pg_temp.daybook_orphan")
      // A row that referred to a refused row of its own file is an orphan now.
    } while isSelfReferring && found > 0
  }

  /// Adds the records that `query` places, with their bytes, which are read from the file once more.
  private nonisolated(nonsending) func refuse(
    _ file: StagedFile, _ query: String, _ code: RejectCode, _ count: Int, _ merged: inout Merged,
    on connection: PostgresConnection, reason: (String, String) -> String
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
    let bytes = try file.file.records(
      at: Set(refused.map(\.byteOffset)), dialect: dialect.expecting(fieldCount: file.fieldCount))
    for index in refused.indices {
      guard let raw = bytes[refused[index].byteOffset] else { throw FileChanged(line: refused[index].line) }
      refused[index].raw = raw
    }
    merged.rejects.merge(refused)
    merged.rejects.addUnkept(count - refused.count)
  }

  private nonisolated(nonsending) func setLosersAside(
    _ sql: MergeStatements, _ merged: inout Merged, on connection: PostgresConnection
  ) async throws {
    merged.rows.duplicate = try await connection.execute(sql.findLosers)
    guard merged.rows.duplicate > 0 else {
      try await connection.execute("drop table pg_temp.daybook_loser")
      return
    }
    merged.duplicatesListed = true
    let source = "daybook_loser l join \(sql.staging) s on s.ctid = l.staged"
    try await addSums(sql.sums(over: source), .duplicate, &merged, on: connection)
    try await connection.execute(sql.deleteLosers)
  }

  private nonisolated(nonsending) func mergeByKey(
    _ file: StagedFile, _ sql: MergeStatements, _ merged: inout Merged, on connection: PostgresConnection
  ) async throws {
    try await planForSmallSide([sql.base], sql.staging, on: connection)
    let present = try await connection.execute(sql.classify)
    let counts = try await connection.query(sql.countPresent)
    var (changed, same) = (0, 0)
    if let row = counts.first { (changed, same) = (try row.decode(0), try row.decode(1)) }
    let source = "daybook_present p join \(sql.staging) s on s.ctid = p.staged"
    switch feed.onConflict {
    case .update:
      merged.rows.unchanged = same
      if same > 0 {
        try await addSums(sql.sums(over: "\(source) and not p.is_changed"), .unchanged, &merged, on: connection)
      }
      if changed > 0 {
        merged.rows.updated = try await write(sql.updateChanged, alias: "b", .updated, sql, &merged, on: connection)
      }
    case .ignore:
      merged.rows.unchanged = same + changed
      if present > 0 { try await addSums(sql.sums(over: source), .unchanged, &merged, on: connection) }
    case .reject:
      merged.rows.unchanged = same
      if same > 0 {
        try await addSums(sql.sums(over: "\(source) and not p.is_changed"), .unchanged, &merged, on: connection)
      }
      if changed > 0 { try await refuseConflicts(file, sql, changed, &merged, on: connection) }
    }
    try await planFreely(on: connection)
    try await insert(
      sql, isSorted: file.summary.keysAscend, hasPresent: present > 0, &merged, on: connection)
    try await connection.execute("drop table pg_temp.daybook_present")
  }

  private nonisolated(nonsending) func refuseConflicts(
    _ file: StagedFile, _ sql: MergeStatements, _ count: Int, _ merged: inout Merged,
    on connection: PostgresConnection
  ) async throws {
    let source = "daybook_present p join \(sql.staging) s on s.ctid = p.staged and p.is_changed"
    try await addSums(sql.sums(over: source), .rejected, &merged, on: connection)
    let key = feed.key.joined(separator: ", ")
    try await refuse(file, sql.conflictRows, .keyConflict, count, &merged, on: connection) { _, value in
      "\(key) \(visible(String(value.prefix(80)))) is in the table with other values"
    }
  }

  private nonisolated(nonsending) func insert(
    _ sql: MergeStatements, isSorted: Bool, hasPresent: Bool, _ merged: inout Merged,
    on connection: PostgresConnection
  ) async throws {
    merged.rows.inserted = try await write(
      sql.insertNew(isSorted: isSorted, hasPresent: hasPresent), alias: design.table.quoted, .inserted, sql, &merged,
      on: connection)
  }

  /// Runs a statement that changes the table; adds the sums of what was really written.
  /// - Returns: how many rows.
  private nonisolated(nonsending) func write(
    _ statement: String, alias: String, _ outcome: ControlSumEntry.Outcome, _ sql: MergeStatements,
    _ merged: inout Merged, on connection: PostgresConnection
  ) async throws -> Int {
    guard !sql.controls.isEmpty else { return try await connection.execute(statement) }
    var count = 0
    for row in try await connection.query(sql.returningSums(statement, alias: alias)) {
      let amount: String = try row.decode(2)
      if try row.decode(0, as: String.self).isEmpty {
        count = Int(amount) ?? 0
      } else {
        try add(row, outcome, &merged)
      }
    }
    return count
  }

  private nonisolated(nonsending) func addSums(
    _ statement: String?, _ outcome: ControlSumEntry.Outcome, _ merged: inout Merged,
    on connection: PostgresConnection
  ) async throws {
    guard let statement else { return }
    for row in try await connection.query(statement) { try add(row, outcome, &merged) }
  }

  private func add(_ row: PostgresRow, _ outcome: ControlSumEntry.Outcome, _ merged: inout Merged) throws {
    let text: String = try row.decode(2)
    guard let amount = ExactDecimal(text) else {
      // The reconciliation refuses the file.
      merged.controls.markOverflow()
      return
    }
    merged.controls.add(amount, column: try row.decode(0), currency: try row.decode(1), outcome)
  }
}
