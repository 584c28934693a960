// The one transaction that makes a feed's files part of its base table.
// Invariant: either all files of the call are in the table, reconciled, journaled and in the ledger, or nothing happened.
// A first file into an empty table may be copied straight into it, before its keys and indexes are built; every other
// comes from staging. What happens to the rows of one file is in `FileMerge`.

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

  init(findings: [Diagnostic], files: [RefusedFile]) {
    self.findings = findings
    self.files = files
  }

  /// Refuses one file as a whole, before anything of it was merged.
  ///
  /// - Parameter what: of what nothing is committed, as the state behind each error says it.
  init(
    _ file: DiscoveredFile, _ diagnostics: [Diagnostic], nothingOf what: String, rowsRead: Int = 0,
    rejects: RejectLog = RejectLog()
  ) {
    findings = diagnostics
    for index in findings.indices where findings[index].severity == .error {
      findings[index].notes.append("state: nothing of \(what) is committed")
    }
    files = [
      RefusedFile(
        name: file.name, sha256: file.sha256, bytes: file.file.identity.bytes, rowsRead: rowsRead, rejects: rejects,
        controls: ControlTotals())
    ]
  }
}

/// A file of which nothing is published.
struct RefusedFile: Sendable {
  var name: String
  var sha256: [UInt8]
  var bytes: Int
  var rowsRead: Int
  var rejects: RejectLog
  var controls: ControlTotals
  var header: [String]?
  var statements: [StatementEntry] = []
}

/// A file is not what it was when it was parsed.
struct FileChanged: Error {
  /// The first line at which that was seen, when it was seen there.
  var line: Int?
}

/// The table is not, or no longer, one that a file can be copied straight into.
struct NotInPlace: Error {}

/// A file of this call became part of the data by another session, such as one whose client was killed amid its COMMIT.
struct LoadedMeanwhile: Error {}

/// How rows are written.
enum WriteMode: Sendable {
  /// All rows of a file at once. A row that the server alone refuses fails the whole.
  case together
  /// Span by span under every index, halving the spans that the server refuses, so that it costs those rows only.
  case isolating
}

/// A file that waits to be copied into the base table, on the transaction's own connection.
struct FileInPlace {
  let sha256: [UInt8]
  /// Copies the file, whose rows are to carry the number given.
  let copy: nonisolated(nonsending) (PostgresConnection, Int64) async throws -> StagedFile
}

/// Publishes staged files.
struct FeedPublication: Sendable {
  let feed: FeedDefinition
  let design: TableDesign
  let dialect: FileDialect
  let runID: RunID
  let asOf: CivilDate
  /// What closes rejects, when the file is a correction of them.
  var correction: Correction?
  /// What became of the files that the same call has committed before: their refused records count toward the limit.
  var earlier = RowCounts()
  /// How many of those were held back because their month is closed; these do not count.
  var earlierHeld = 0
  /// The closed months; nil when none is, or when the feed's rows belong to none.
  var closed: ClosedMonths?

  /// What one file's merge did.
  struct Merged {
    var rows: RowCounts
    var controls: ControlTotals
    var rejects: RejectLog
    var duplicatesListed = false
    var findings: [Diagnostic] = []
    var path = FileEntry.LoadPath.copy
    /// Images written, when the change was journaled as such.
    var imagesPlus = 0
    var imagesMinus = 0
    /// Whether readers of the journal have to start over.
    var isRebuild = false
    /// Rejects that are good rows of closed months.
    var held = 0
    /// Whether `daybook_held` is there.
    var hasHeldTable = false
  }

  /// The journal of the feed's changes.
  var journal: Journal { Journal(design: design) }
  /// What journals the changes of others.
  var watch: WatchTriggers { WatchTriggers(design: design, feed: feed) }

  /// Publishes all files, or throws and leaves everything as it was.
  ///
  /// - Parameter first: a file that comes before `staged` and is copied straight into the table.
  /// - Throws: `FeedRefusal`, `NotInPlace`, `IngestError` of kind reconciliation or table drift, `PostgresError`.
  nonisolated(nonsending) func publish(
    _ staged: [StagedFile], first: FileInPlace? = nil, mode: WriteMode = .together, on connection: PostgresConnection
  ) async throws -> (files: [FileOutcome], findings: [Diagnostic]) {
    try await connection.withTransaction { transaction in
      try await transaction.executeScript(
        """
        set local jit = off; set local work_mem = '64MB'; set local maintenance_work_mem = '128MB';
        \(WatchTriggers.beginWriting(feed.name))
        """)
      let prepared = try await TableChanges(design: design, feed: feed).prepare(
        for: Set(staged.map(\.sha256) + (first.map { [$0.sha256] } ?? [])), on: transaction)
      let isReadable = try await journal.prepare(on: transaction)
      let watching = try await watch.prepare(isNew: prepared.isNew, on: transaction)
      if !isReadable || watching.begins {
        // A column has another type, or writers were not watched: who follows the journal has to read the table.
        try await BatchLedger.record(
          BatchEntry(
            batchID: try await BatchLedger.drawNumber(on: transaction), feed: feed.name, kind: .rebuild, runID: runID,
            fileID: nil), on: transaction)
      }
      var findings = prepared.findings
      var finish = prepared.isNew ? design.finish : TableFinish()
      finish.triggers = watching.behindRows
      if mode == .isolating {
        for statement in finish.statements { try await transaction.execute(statement) }
        finish = TableFinish()
      } else if !prepared.isNew {
        finish = try await suspendIndexes(staged, isInPlace: first != nil, on: transaction)
      }
      try await transaction.execute("lock table \(design.table.quoted) in share row exclusive mode")
      var proof: ReferenceProof?
      if mode == .together, !staged.isEmpty { proof = try await ReferenceProof.prepare(design, on: transaction) }
      // Who held the lock until now may have loaded what was new when the inbox was looked at.
      for file in staged where !file.isReload {
        let loaded = try await FileLedger.isLoaded(feed: feed.name, sha256: file.sha256, on: transaction)
        if loaded != nil { throw LoadedMeanwhile() }
      }
      var before = try await self.changes(on: transaction)
      var files = staged
      var done: [Merged] = []
      var outcomes: [FileOutcome] = []

      func settle(_ file: StagedFile, _ number: Int64, _ merged: Merged) async throws {
        done.append(merged)
        try checkLimit(files, done)
        try Reconciliation(feed: feed.name, file: file).check(merged.rows, merged.controls)
        outcomes.append(try await record(file, number, merged, on: transaction))
        findings += merged.findings
        if merged.duplicatesListed { findings.append(duplicateFinding(file, merged.rows.duplicate)) }
      }

      if let first {
        var isReady = prepared.isNew
        if !isReady { isReady = try await isReadyInPlace(on: transaction) }
        guard isReady else { throw NotInPlace() }
        let number = try await FileLedger.drawNumber(on: transaction)
        let file = try await first.copy(transaction, number)
        files.insert(file, at: 0)
        try checkLimit(files, done)
        var merge = FileMerge(self, file, number: number, mode: mode, rowsAre: .inPlace)
        try await merge.settleInPlace(finish, on: transaction)
        before = before.map { $0 + merge.isolation.undone }
        finish = TableFinish()
        try await settle(file, number, merge.merged)
      }
      for file in staged {
        try Task.checkCancellation()
        let number = try await FileLedger.drawNumber(on: transaction)
        var merge = FileMerge(self, file, number: number, mode: mode, proof: proof, rowsAre: .staged)
        try await merge.run(on: transaction)
        before = before.map { $0 + merge.isolation.undone }
        // The first file meets a table without indexes; the files behind it look keys up.
        for statement in finish.statements { try await transaction.execute(statement) }
        finish = TableFinish()
        try await settle(file, number, merge.merged)
      }
      for statement in finish.statements { try await transaction.execute(statement) }
      let rows = outcomes.reduce(RowCounts()) { $0 + $1.rows }
      try await Reconciliation.checkChanges(
        feed: feed, rows: rows, before: before, after: self.changes(on: transaction))
      if rows.inserted + rows.updated + rows.deleted > 0 || watching.begins {
        try await DataVersions.bump(feed.name, on: transaction)
      }
      return (outcomes, findings)
    }
  }

  // MARK: The table

  /// Whether the first file is worth copying straight into the table, as far as can be told before the transaction.
  ///
  /// Rows must carry their line, by which those that have to leave again are found; constants are filled in by staging.
  nonisolated(nonsending) func mayCopyInPlace(
    _ files: [DiscoveredFile], on connection: PostgresConnection
  ) async throws -> Bool {
    guard closed == nil, let first = files.first, !design.provenance.isEmpty,
      feed.columns.allSatisfy({ $0.constant == nil }),
      first.file.identity.bytes >= Self.inPlaceBytesMinimum
    else { return false }
    let found = try await connection.query("select to_regclass($1) is not null", [.text(design.table.quoted)])
    guard try found.first?.decode(0, as: Bool.self) == true else { return true }
    return try await isTableEmpty(on: connection)
  }

  /// Smaller files than this are not worth a lock while they are parsed.
  static let inPlaceBytesMinimum = 256 << 10

  /// Fewer rows than this are inserted under the indexes that are there.
  static let bulkRowsMinimum = 20_000

  /// Takes the indexes off an existing table when it is empty and many rows wait for it.
  ///
  /// A table that nobody refers to gets new storage too, which costs no log where the server keeps little of it.
  private nonisolated(nonsending) func suspendIndexes(
    _ staged: [StagedFile], isInPlace: Bool, on connection: PostgresConnection
  ) async throws -> TableFinish {
    let rows = staged.first?.summary.recordsRead ?? 0
    guard isInPlace || rows >= Self.bulkRowsMinimum, try await isTableEmpty(on: connection) else {
      return TableFinish()
    }
    try await connection.execute("lock table \(design.table.quoted) in access exclusive mode")
    // Somebody may have written between the first look and the lock.
    guard try await isTableEmpty(on: connection) else { return TableFinish() }
    var finish = try await IndexSuspension.begin(on: design.table, connection: connection)
    finish.triggers = try await watch.suspend(on: connection)
    let bound = try await connection.query(
      """
      select exists(select from pg_constraint where confrelid = $1::text::regclass)
        or exists(select from pg_trigger where tgrelid = $1::text::regclass and tgtype & 32 <> 0)
        or exists(select from pg_inherits where inhparent = $1::text::regclass)
        or not has_table_privilege($1::text::regclass, 'truncate')
      """, [.text(design.table.quoted)])
    if try bound.first?.decode(0, as: Bool.self) == false {
      try await connection.execute("truncate table only \(design.table.quoted)")
    }
    return finish
  }

  /// Whether a file can be copied straight into the table: it is empty, locked, and no key stands in the way of
  /// records that come twice.
  private nonisolated(nonsending) func isReadyInPlace(on connection: PostgresConnection) async throws -> Bool {
    let unique = try await connection.query(
      """
      select exists(select from pg_index where indrelid = $1::text::regclass and (indisunique or indisexclusion))
        or not exists(select from pg_locks where locktype = 'relation' and relation = $1::text::regclass
          and pid = pg_backend_pid() and mode = 'AccessExclusiveLock')
      """, [.text(design.table.quoted)])
    guard try unique.first?.decode(0, as: Bool.self) == false else { return false }
    return try await isTableEmpty(on: connection)
  }

  nonisolated(nonsending) func isTableEmpty(on connection: PostgresConnection) async throws -> Bool {
    let filled = try await connection.query("select exists(select from \(design.table.quoted))")
    return try filled.first.map { try !$0.decode(0, as: Bool.self) } ?? true
  }

  /// What this transaction changed in the table so far.
  nonisolated(nonsending) func changes(on connection: PostgresConnection) async throws -> RowCounts? {
    try await transactionChanges(of: design.table, on: connection)
  }
}
