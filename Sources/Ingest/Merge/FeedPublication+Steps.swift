// The steps of a publication that are not about moving rows: plans, limits, snapshots, the ledger.

internal import Definitions
internal import Finding
internal import Ledger
internal import Postgres
internal import Telemetry

extension FeedPublication {
  /// A few staged rows against a large table: probing its index beats reading all of it, and the planner, which
  /// has no statistics of staging, often thinks otherwise.
  nonisolated(nonsending) func planForSmallSide(
    _ tables: [String], _ staging: String, on connection: PostgresConnection
  ) async throws {
    let sizes = try await connection.query(
      """
      select coalesce(max(pg_relation_size(to_regclass(name))), 0) > 8 * (
        select sum(pg_relation_size(part)) from (
          select to_regclass($2) union all select inhrelid from pg_inherits where inhparent = to_regclass($2)
        ) as staged (part))
      from unnest($1::text[]) as name
      """, [.textArray(tables), .text(staging)])
    guard try sizes.first?.decode(0, as: Bool.self) == true else { return }
    try await connection.executeScript("set local enable_hashjoin = off; set local enable_mergejoin = off")
  }

  nonisolated(nonsending) func planFreely(on connection: PostgresConnection) async throws {
    try await connection.executeScript("set local enable_hashjoin = on; set local enable_mergejoin = on")
  }

  /// Stops when the rejects so far are over the feed's limit, counted over all files of the call.
  ///
  /// Before the first file is merged, also when a file is not what its sender says.
  func checkLimit(_ staged: [StagedFile], _ done: [Merged]) throws {
    if done.isEmpty { try checkStatements(staged) }
    let read = staged.reduce(earlier.read) { $0 + $1.summary.recordsRead }
    let logs = done.map(\.rejects) + staged.dropFirst(done.count).map(\.summary.rejects)
    // Rows that wait for their month are good ones, and do not count.
    let held = done.reduce(earlierHeld) { $0 + $1.held }
    let count = logs.reduce(earlier.rejected) { $0 + $1.count } - held
    let isTruncated = logs.contains { $0.isTruncated }
    guard isTruncated || !feed.rejectLimit.allows(count, of: read) else { return }
    // The first refused record says where to look; the feed's definition only where the limit stands.
    let first = zip(staged, logs).lazy.compactMap { file, log in
      (log.records.first { $0.code != .closedPeriod } ?? log.records.first).map { (file, $0) }
    }.first
    var notes = ["declared in \(feed.position)"]
    var position = feed.position
    if let (file, record) = first {
      position = SourcePosition(file: file.displayPath, line: record.line)
      let column = record.column.map { ", column \"\($0)\"" } ?? ""
      notes.insert("the first one\(column): \(record.code.rawValue): \(record.reason)", at: 0)
    }
    if isTruncated { notes.append("only the first \(RejectLog.maximumBytes >> 20) MiB of refused records are kept") }
    if held > 0 { notes.append("\(held) more fall into closed months and would have been held back") }
    notes.append("state: nothing of this feed is committed; the refused records are in the ledger")
    let finding = Diagnostic(
      .error, code: "reject_limit", at: position,
      "feed \(feed.name): \(count) of \(read) records \(count == 1 ? "was" : "were") refused, "
        + "the limit is \(feed.rejectLimit)", notes: notes,
      fix: "correct the records listed by: daybook rejects list --feed \(feed.name); or raise rejects.limit")
    throw FeedRefusal(
      findings: [finding],
      files: zip(staged, logs).map { file, log in
        RefusedFile(
          name: file.name, sha256: file.sha256, bytes: file.file.identity.bytes, rowsRead: file.summary.recordsRead,
          rejects: log, controls: file.summary.controls, header: file.header, statements: statements(file))
      })
  }

  /// Whether what a snapshot no longer holds is to be deleted: there is some, and it is within the limit.
  nonisolated(nonsending) func mayDelete(
    _ file: StagedFile, _ sql: MergeStatements, _ limit: Limit, _ merged: inout Merged,
    on connection: PostgresConnection
  ) async throws -> Bool {
    let counts = try await connection.query(sql.countAbsent)
    guard let row = counts.first else { return false }
    let (absent, total): (Int, Int) = (try row.decode(0), try row.decode(1))
    if absent == 0 { return false }
    // A refused record may stand for a row of the table: absent and unreadable cannot be told apart.
    guard merged.rejects.count == merged.held else {
      merged.findings.append(
        Diagnostic(
          .warning, code: "nothing_deleted", at: SourcePosition(file: file.displayPath),
          "\(absent) of the table's \(total) rows are not in the file, and none was deleted: "
            + "\(merged.rejects.count - merged.held) of its records were refused, which may stand for them",
          fix: "correct the refused records: daybook rejects list --feed \(feed.name)"))
      return false
    }
    guard limit.allows(absent, of: total) else {
      throw FeedRefusal(
        findings: [
          Diagnostic(
            .error, code: "delete_limit", at: feed.position,
            "feed \(feed.name): \(file.name) lacks \(absent) of the table's \(total) rows, max_deletes is \(limit)",
            notes: ["state: nothing of this feed is committed"],
            fix: "make sure that the file is complete; if it is, raise max_deletes")
        ],
        files: [
          RefusedFile(
            name: file.name, sha256: file.sha256, bytes: file.file.identity.bytes,
            rowsRead: file.summary.recordsRead, rejects: merged.rejects, controls: file.summary.controls,
            header: file.header)
        ])
    }
    return true
  }

  /// Writes the file, its rejects and its duplicates into the ledger, in this transaction.
  nonisolated(nonsending) func record(
    _ file: StagedFile, _ number: Int64, _ merged: Merged, on connection: PostgresConnection
  ) async throws -> FileOutcome {
    if file.isReload {
      try await FileLedger.supersede(feed: feed.name, sha256: file.sha256, by: number, on: connection)
    }
    let sums = merged.controls.entries
    let bytes = file.file.identity.bytes
    let fileID = try await FileLedger.record(
      FileEntry(
        fileID: number, feed: feed.name, name: file.name, sha256: file.sha256, bytes: bytes, runID: runID, asOf: asOf,
        status: .loaded, rows: merged.rows, controlSums: sums, path: merged.path,
        wallMs: file.started.map { (ContinuousClock.now - $0).milliseconds }, header: file.header,
        statements: statements(file),
        replacesNamesakes: correction == nil), on: connection)
    if let correction {
      try await correction.settle(fileID, merged.rejects, file: file.name, on: connection)
    } else {
      try await FileLedger.recordRejects(
        rejectEntries(merged.rejects, fileID: fileID, file: file.name), on: connection)
    }
    if merged.duplicatesListed { try await recordDuplicates(fileID, file, on: connection) }
    return FileOutcome(
      name: file.name, sha256: file.sha256, bytes: bytes, rows: merged.rows, controlSums: sums, fileID: fileID,
      held: merged.held)
  }

  func rejectEntries(_ log: RejectLog, fileID: Int64, file: String) -> [RejectEntry] {
    log.records.map {
      RejectEntry(
        fileID: fileID, runID: runID, feed: feed.name, file: file, line: $0.line, record: $0.record,
        byteOffset: $0.byteOffset, column: $0.column, code: $0.code, reason: $0.reason, raw: $0.raw)
    }
  }

  /// Lists the losers page by page, so that their number does not matter.
  private nonisolated(nonsending) func recordDuplicates(
    _ fileID: Int64, _ file: StagedFile, on connection: PostgresConnection
  ) async throws {
    var last = 0
    while true {
      let rows = try await connection.query(
        """
        select _daybook_offset, _daybook_line, key, kept_line, _daybook_record from daybook_loser
        where _daybook_line > $1 order by 2 limit 5000
        """, [.int8(Int64(last))])
      if rows.isEmpty { break }
      var entries: [DuplicateEntry] = []
      for row in rows {
        last = try row.decode(1)
        entries.append(
          DuplicateEntry(
            fileID: fileID, runID: runID, feed: feed.name, file: file.name, line: last, record: try row.decode(4),
            byteOffset: try row.decode(0), key: try row.decode(2), keptLine: try row.decode(3, as: Int.self)))
      }
      if entries.contains(where: { $0.record == 0 }) { try await place(&entries, in: file) }
      try await FileLedger.recordDuplicates(entries, on: connection)
    }
    try await connection.execute("drop table pg_temp.daybook_loser")
  }

  /// Looks up what rows that were copied straight into the table do not carry.
  private nonisolated(nonsending) func place(
    _ entries: inout [DuplicateEntry], in file: StagedFile
  ) async throws {
    let places = try await file.file.records(atLines: Set(entries.map(\.line)), dialect: file.dialect)
    for index in entries.indices {
      guard let place = places[entries[index].line] else { throw FileChanged(line: entries[index].line) }
      entries[index].record = place.record
      entries[index].byteOffset = place.byteOffset
    }
  }

  /// A note and no warning: which record of a key counts is decided by rule, and every other one is on record.
  func duplicateFinding(_ file: StagedFile, _ count: Int) -> Diagnostic {
    Diagnostic(
      .note, code: "duplicate_keys", at: SourcePosition(file: file.displayPath),
      (count == 1 ? "1 record has a key" : "\(count) records have a key")
        + " that comes again later in the file; the last one of each key was taken",
      notes: ["listed, with the line that was taken, in data/duplicates.csv beside the next reports"])
  }
}
