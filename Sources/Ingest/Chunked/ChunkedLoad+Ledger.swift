// The first and the last transaction of a file that is loaded by chunks, and what is said when it stops in between.

internal import CSV
internal import Definitions
internal import Finding
internal import Ledger
internal import Money
internal import Postgres

extension ChunkedLoad {
  // MARK: Before anything is written

  /// Matches the header and compiles the plan.
  ///
  /// - Throws: `FeedRefusal` for a file that cannot be used as a whole.
  func open(_ file: DiscoveredFile) throws -> (HeaderMatch, FilePlan) {
    do {
      let header = try HeaderMatch(try file.file.header(dialect: dialect), feed: feed, file: file.displayPath)
      return (header, FilePlan(feed: feed, fields: header.fields, fieldCount: header.fieldCount, zone: zone))
    } catch {
      guard let defects = diagnostics(ofFileDefect: error, at: file.displayPath) else { throw error }
      throw refusal(file, defects)
    }
  }

  func refusal(_ file: DiscoveredFile, _ diagnostics: [Diagnostic], _ watch: RejectWatch? = nil) -> FeedRefusal {
    FeedRefusal(
      file, diagnostics, nothingOf: file.name, rowsRead: watch?.records ?? 0, rejects: watch?.log ?? RejectLog())
  }

  func statements(_ header: HeaderMatch, _ plan: FilePlan, _ hasProvenance: Bool) -> PieceStatements {
    let names = Set(header.columns.map(\.name))
    var places: [String: Int] = [:]
    for (column, field) in zip(feed.columns, header.fields) { places[column.name] = field }
    let columns = header.columns.map { column in
      let place = plan.definitions.firstIndex { $0.name == column.name }
      return IncomingColumn(
        name: column.name, type: ElementType(place.map { plan.columns[$0].kind } ?? .text), field: place,
        constant: column.constant.map { PieceStatements.constant($0, column.type, timeZone: zone.name) })
    }
    return PieceStatements(
      feed: feed.name, base: design.table.quoted, key: feed.key, columns: columns,
      imaged: design.columns.map(\.name).filter { !Provenance.columns.contains($0) }
        + (hasProvenance ? Provenance.columns : []),
      controls: MergeStatements.controls(of: feed, among: names),
      references: MergeStatements.references(of: design, among: names, places: places),
      journal: Journal(design: design), onConflict: feed.onConflict, hasProvenance: hasProvenance,
      // Behind the columns stand offset, line and record.
      lineField: plan.definitions.count + 1, closed: closed)
  }

  // MARK: The first transaction

  /// Makes the table ready and the file known; nil when its content was loaded meanwhile.
  nonisolated(nonsending) func begin(
    _ file: DiscoveredFile, _ header: HeaderMatch, isRestart: Bool, on connection: PostgresConnection
  ) async throws -> Begun? {
    let underWay = try await ChunkLedger.loading(feed: feed.name, on: connection)
    let isLoaded = try await FileLedger.isLoaded(feed: feed.name, sha256: file.sha256, on: connection) != nil
    if isLoaded, !file.isReload { return nil }
    let prepared = try await TableChanges(design: design, feed: feed).prepare(for: [file.sha256], on: connection)
    var findings = prepared.findings
    if prepared.isNew { for statement in design.finish.statements { try await connection.execute(statement) } }
    let isReadable = try await Journal(design: design).prepare(on: connection)
    // The new table is made here without a row, so that its triggers need not wait for any.
    let watching = try await WatchTriggers(design: design, feed: feed).prepare(isNew: false, on: connection)
    if !isReadable || watching.begins && !prepared.isNew {
      try await BatchLedger.record(
        BatchEntry(
          batchID: try await BatchLedger.drawNumber(on: connection), feed: feed.name, kind: .rebuild, runID: runID,
          fileID: nil), on: connection)
      try await DataVersions.bump(feed.name, on: connection)
    }
    let hasProvenance = try await hasProvenance(on: connection)

    var resumed: LoadingFile?
    for loading in underWay where loading.sha256 == file.sha256 || loading.name == file.name {
      if loading.pieces == 0, loading.sha256 != file.sha256 || isRestart {
        try await ChunkLedger.forget(loading.fileID, on: connection)
      } else if loading.sha256 == file.sha256, !isRestart {
        resumed = loading
      } else {
        findings += try await replace(loading, with: file, on: connection)
      }
    }
    if let resumed {
      if prepared.isNew, resumed.pieces > 0 { throw gone(file, resumed) }
      try await ChunkLedger.adopt(resumed.fileID, runID: runID, asOf: asOf, on: connection)
      if resumed.rows.read > 0 {
        findings.append(
          Diagnostic(
            .note, code: "resumed", at: SourcePosition(file: file.displayPath),
            "it was part way in: \(resumed.rows.read) of its records were committed earlier and are not read again"))
      }
      return Begun(
        fileID: resumed.fileID, plan: resumed.plan,
        committed: try await ChunkLedger.pieces(of: resumed.fileID, on: connection), hasProvenance: hasProvenance,
        held: try await held(of: resumed.fileID, on: connection), findings: findings)
    }
    let plan = plan(for: file.file.identity.bytes)
    let fileID = try await FileLedger.record(
      FileEntry(
        feed: feed.name, name: file.name, sha256: file.sha256, bytes: file.file.identity.bytes, runID: runID,
        asOf: asOf, status: .loading, rows: RowCounts(), path: .insert, header: header.names), on: connection)
    try await ChunkLedger.record(plan, of: fileID, on: connection)
    return Begun(fileID: fileID, plan: plan, committed: [:], hasProvenance: hasProvenance, findings: findings)
  }

  private nonisolated(nonsending) func hasProvenance(on connection: PostgresConnection) async throws -> Bool {
    let rows = try await connection.query(
      """
      select count(*) from pg_attribute
      where attrelid = to_regclass($1) and attname = any($2::text[]) and not attisdropped
      """, [.text(design.table.quoted), .textArray(Provenance.columns)])
    return try rows.first?.decode(0, as: Int.self) == Provenance.columns.count
  }

  /// Ends an earlier load that this file takes the place of.
  private nonisolated(nonsending) func replace(
    _ earlier: LoadingFile, with file: DiscoveredFile, on connection: PostgresConnection
  ) async throws -> [Diagnostic] {
    let rows = earlier.rows.inserted + earlier.rows.updated
    guard !feed.key.isEmpty else {
      throw IngestError(
        .fileRefused,
        Diagnostic(
          .error, code: "partly_loaded", at: SourcePosition(file: file.displayPath),
          "feed \(feed.name) has no key, and \(rows) rows of an earlier \(earlier.name) are in the table: "
            + "this file would append them a second time",
          notes: ["state: file \(earlier.fileID) of the ledger is part way in; nothing of this one is committed"],
          fix: "deliver the earlier file again, to go on with it; or take its rows out: daybook db psql, then "
            + "delete from \(design.table.quoted) where \(Provenance.file) = \(earlier.fileID); "
            + "update daybook.file set status = 'superseded' where file_id = \(earlier.fileID);"))
    }
    try await ChunkLedger.supersede(earlier.fileID, on: connection)
    return [
      Diagnostic(
        .warning, code: "load_abandoned", at: SourcePosition(file: file.displayPath),
        "an earlier \(earlier.name) was part way in and is not gone on with: \(rows) rows of it stay in the table, "
          + "unless this file replaces them")
    ]
  }

  private func gone(_ file: DiscoveredFile, _ loading: LoadingFile) -> IngestError {
    IngestError(
      .tableDrift,
      Diagnostic(
        .error, code: "table_gone", at: SourcePosition(file: file.displayPath),
        "table \(design.table) is gone, and with it the \(loading.rows.read) records of this file that were committed",
        notes: ["state: nothing was changed"],
        fix: "restore the table; or load the file from its start: daybook ingest \(feed.name) --reload"))
  }

  // MARK: The last transaction

  /// Proves that the pieces are the file, and makes it part of the data.
  nonisolated(nonsending) func finish(
    _ file: DiscoveredFile, _ begun: Begun, _ summary: ProducedSummary, wallMs: Int?,
    on connection: PostgresConnection
  ) async throws -> Result {
    let pieces = try await ChunkLedger.pieces(of: begun.fileID, on: connection)
    let rows = pieces.values.reduce(RowCounts()) { $0 + $1.rows }
    let sums = try await ChunkLedger.controlSums(of: begun.fileID, on: connection)
    var result = Result(outcome: outcome(file, begun, rows, sums))
    result.duplicates = rows.duplicate
    try prove(file, summary, rows, ControlTotals(sums))
    let held = try await held(of: begun.fileID, on: connection)
    result.outcome?.held = held
    guard feed.rejectLimit.allows(rows.rejected - held, of: rows.read) else {
      result.findings.append(try await crossed(file, begun, rows, pieces.count, on: connection))
      result.isStopped = true
      return result
    }
    if file.isReload {
      try await FileLedger.supersede(feed: feed.name, sha256: file.sha256, by: begun.fileID, on: connection)
    }
    try await ChunkLedger.finish(begun.fileID, rows: rows, wallMs: wallMs, on: connection)
    if rows.inserted + rows.updated > 0 { try await DataVersions.bump(feed.name, on: connection) }
    if let closed {
      if held > 0 { result.findings.append(closed.heldFinding(held, "", file: file.displayPath)) }
      let months = try await closed.admit(
        batches: "in (select batch_id from daybook.batch where file_id = \(begun.fileID))", Journal(design: design),
        posting: false, on: connection)
      if let months { result.findings.append(closed.admittedFinding(months, file: file.displayPath)) }
    }
    return result
  }

  /// The refused records of a file that are good rows of closed months.
  private nonisolated(nonsending) func held(of fileID: Int64, on connection: PostgresConnection) async throws -> Int {
    guard feed.periodColumn != nil else { return 0 }
    let rows = try await connection.query(
      "select count(*) from daybook.reject where file_id = $1 and code = $2",
      [.int8(fileID), .text(RejectCode.closedPeriod.rawValue)])
    return try rows.first?.decode(0) ?? 0
  }

  private func outcome(
    _ file: DiscoveredFile, _ begun: Begun, _ rows: RowCounts, _ sums: [ControlSumEntry]
  ) -> FileOutcome {
    FileOutcome(
      name: file.name, sha256: file.sha256, bytes: file.file.identity.bytes, rows: rows, controlSums: sums,
      fileID: begun.fileID)
  }

  /// Compares the pieces on record with what was cut from the file, and with what was parsed of it.
  private func prove(
    _ file: DiscoveredFile, _ summary: ProducedSummary, _ rows: RowCounts, _ recorded: ControlTotals
  ) throws {
    var notes: [String] = []
    if rows.read != summary.records {
      notes.append("the file has \(summary.records) records, its committed chunks account for \(rows.read)")
    }
    for difference in recorded.differences.prefix(4) {
      notes.append(
        "\(difference.column) \(difference.currency): \(difference.read) read, \(difference.accounted) in the tables")
    }
    if summary.isWhole {
      let parsed = summary.controls.sums.filter { $0.key.outcome == .read }
      for (key, amount) in parsed where recorded.sums[key] != amount {
        notes.append("\(key.column) \(key.currency): \(amount) in the file, \(recorded.sums[key] ?? .zero) on record")
      }
    }
    guard !notes.isEmpty else { return }
    throw IngestError(
      .reconciliation,
      Diagnostic(
        .error, code: "reconciliation", at: SourcePosition(file: file.displayPath),
        "feed \(feed.name): \(file.name) does not add up",
        notes: notes + ["state: its chunks are committed, but it does not count as loaded"],
        fix: feed.key.isEmpty
          ? "somebody changed daybook.chunk or the file; restore it, then run again: daybook ingest \(feed.name)"
          : "load it from its start: daybook ingest \(feed.name) --reload"))
  }

  // MARK: Stopping

  /// Behind the limit on refused records, or at an end that is cut off: as if nothing had happened, when nothing is
  /// committed; else part way in.
  nonisolated(nonsending) func stop(
    _ file: DiscoveredFile, _ begun: Begun, _ watch: RejectWatch, at cut: Diagnostic? = nil,
    on connection: PostgresConnection
  ) async throws -> Result {
    let pieces = try await ChunkLedger.pieces(of: begun.fileID, on: connection)
    if pieces.isEmpty {
      try await ChunkLedger.forget(begun.fileID, on: connection)
      if let cut { throw refusal(file, [cut], watch) }
      var notes = ["declared in \(feed.position)"]
      let first = watch.log.records.first
      if let first { notes.insert(Self.firstRefused(first.column, first.code.rawValue, first.reason), at: 0) }
      throw refusal(
        file,
        [limitFinding(file, first?.line, watch.log.count, watch.records, notes, fix: "; or raise rejects.limit")], watch
      )
    }
    let rows = pieces.values.reduce(RowCounts()) { $0 + $1.rows }
    let sums = try await ChunkLedger.controlSums(of: begun.fileID, on: connection)
    var result = Result(outcome: outcome(file, begun, rows, sums))
    result.isStopped = true
    if var cut {
      cut.notes.append(Self.state(rows, pieces.count))
      result.findings = [cut]
    } else {
      result.findings = [try await crossed(file, begun, rows, pieces.count, on: connection)]
    }
    return result
  }

  private static func state(_ rows: RowCounts, _ pieces: Int) -> String {
    "state: \(pieces) pieces of the file are committed, with \(rows.inserted) rows inserted and "
      + "\(rows.updated) updated; the file does not count as loaded"
  }

  private nonisolated(nonsending) func crossed(
    _ file: DiscoveredFile, _ begun: Begun, _ rows: RowCounts, _ pieces: Int, on connection: PostgresConnection
  ) async throws -> Diagnostic {
    var notes = ["declared in \(feed.position)"]
    var line: Int?
    let first = try await connection.query(
      "select line, column_name, code, reason from daybook.reject where file_id = $1 and code <> $2 order by record limit 1",
      [.int8(begun.fileID), .text(RejectCode.closedPeriod.rawValue)])
    if let row = first.first {
      line = try row.decode(0, as: Int.self)
      notes.insert(Self.firstRefused(try row.decode(1), try row.decode(2), try row.decode(3)), at: 0)
    }
    notes.append(Self.state(rows, pieces))
    return limitFinding(
      file, line, rows.rejected - (try await held(of: begun.fileID, on: connection)), rows.read, notes,
      fix: "; or raise rejects.limit and run again, which goes on behind them: daybook ingest \(feed.name)")
  }

  private static func firstRefused(_ column: String?, _ code: String, _ reason: String) -> String {
    "the first one\(column.map { ", column \"\($0)\"" } ?? ""): \(code): \(reason)"
  }

  private func limitFinding(
    _ file: DiscoveredFile, _ line: Int?, _ count: Int, _ read: Int, _ notes: [String], fix: String
  ) -> Diagnostic {
    Diagnostic(
      .error, code: "reject_limit", at: SourcePosition(file: file.displayPath, line: line),
      "feed \(feed.name): \(count) of \(read) records \(count == 1 ? "was" : "were") refused, "
        + "the limit is \(feed.rejectLimit)", notes: notes,
      fix: "correct the records listed by: daybook rejects list --feed \(feed.name)\(fix)")
  }

  /// An error of the reader in the words of the feed, with what is committed.
  func explained(_ error: any Error, _ file: DiscoveredFile) -> any Error {
    let state = "state: the chunks before it are committed; the file does not count as loaded"
    func refused(_ code: String, _ line: Int?, _ message: String, fix: String) -> IngestError {
      IngestError(
        .fileRefused,
        Diagnostic(
          .error, code: code, at: SourcePosition(file: file.displayPath, line: line), message, notes: [state], fix: fix)
      )
    }
    let again = "run again: daybook ingest \(feed.name)"
    let restart = feed.key.isEmpty ? "restore it as it was, then \(again)" : "daybook ingest \(feed.name) --reload"
    switch error {
    case let error as CSVError:
      return refused("unreadable_file", nil, error.message, fix: error.fix ?? "have the file delivered again")
    case let error as FileChanged:
      return refused(
        "file_changed", error.line, "the file changed while it was read", fix: "once it is complete: \(restart)")
    case let error as CutsMoved:
      let what = error.isDealtOtherwise ? "the definition" : "format:"
      return refused(
        "cuts_moved", error.line, "the file is not cut as it was when its load began: \(what) was changed since",
        fix: "set \(what) back and \(again); or \(restart)")
    case let error as UncountableMoney:
      return refused(
        "reconciliation", error.line,
        error.isGroups
          ? "a control sum has more than \(ControlAccumulator.maximumGroups) groups, or one longer than "
            + "\(ControlAccumulator.maximumGroupBytes) bytes"
          : "a control sum from this line on has more than 38 digits",
        fix: "correct the file; or leave out control: on that column, and its money is not proven")
    default: return error
    }
  }
}
