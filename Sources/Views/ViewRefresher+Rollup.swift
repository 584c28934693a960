// Bringing one rollup up to date, inside its transaction: by the journal where that tells everything, else from the table.
// Invariant: state and watermark (the last batch in it) commit together, and both were read while no writer could be at
// work on the source, so that nothing is applied twice and nothing is left out; a reader is never kept waiting by that.

internal import Definitions
internal import Ledger
internal import Postgres

/// What a refresh of a rollup did.
struct RollupResult {
  /// Whether the view's content may differ now.
  var isChanged = true
  var rows = 0
  /// How and why; nil when the table was simply read.
  var detail: String?
  var absorbed: Int64
  var versions: [String: Int64]
}

extension ViewRefresher {
  /// Maintains the rollup.
  ///
  /// - Parameter state: what is known of a state of the same definition; nil to build it from the table.
  nonisolated(nonsending) func maintain(
    _ rollup: RollupDefinition, of view: ViewDefinition, state: ViewState?, exists: Bool,
    on connection: PostgresConnection
  ) async throws -> RollupResult {
    let sql = try rollupSQL(rollup, of: view)
    // No other refresh of this view, then no writer of the source: their batches are all known from here on.
    try await ViewStates.lock(view.name, on: connection)
    try await connection.execute("lock table \(sql.source.quoted) in share mode")
    let known = try await ViewStates.current(on: connection)[view.name]
    let versions = try await DataVersions.current(on: connection)
    let absorbed = state == nil ? nil : known?.absorbedBatch
    var batches: [BatchEntry] = []
    if let absorbed { batches = try await BatchLedger.batches(of: sql.feed.name, after: absorbed, on: connection) }
    let work: RollupWork
    if state == nil {
      work = .rebuild(reason: "")
    } else if let word = rollup.unsteadyWord {
      work = .rebuild(reason: "\"\(word)\" in its definition is more than the row tells")
    } else {
      work = RollupWork.choose(
        source: sql.feed.name, absorbed: absorbed, batches: batches,
        hasMoved: known?.inputVersions[sql.feed.name] != versions[sql.feed.name],
        tableRows: try await estimatedRows(of: sql.source, on: connection))
    }
    var newest = batches.last?.batchID ?? absorbed
    if newest == nil { newest = try await BatchLedger.lastNumber(of: sql.feed.name, on: connection) }
    var result = RollupResult(absorbed: newest ?? 0, versions: versions)
    switch work {
    case .nothing:
      result.isChanged = false
      result.detail = "no row of \(sql.feed.name) changed"
      return result
    case .rebuild(let reason):
      if !reason.isEmpty { result.detail = "rebuilt and swapped: \(reason)" }
      result.rows = try await build(sql, view: view, exists: exists, on: connection)
      return result
    case .delta(let after, let through, let batches, let images):
      let groups = try await apply(RollupDelta(sql: sql, after: after, through: through), on: connection)
      guard let groups else {
        result.detail =
          "rebuilt and swapped: more rows left some groups than were in them; the journal was not followed"
        result.rows = try await build(sql, view: view, exists: exists, on: connection)
        return result
      }
      result.detail =
        "by delta: \(images) images of \(batches) \(batches == 1 ? "batch" : "batches") onto \(groups) groups"
      result.isChanged = groups > 0
      let counted = try await connection.query("select count(*) from \(sql.state.quoted)")
      result.rows = try counted.first?.decode(0) ?? 0
      return result
    }
  }

  func rollupSQL(_ rollup: RollupDefinition, of view: ViewDefinition) throws(ViewError) -> RollupSQL {
    guard let feed = project.feed(named: rollup.source) else {
      throw ViewError.missingInput(view: view.name, input: rollup.source, at: view.position)
    }
    return RollupSQL(
      view: QualifiedName(schema: project.database.schema, name: view.name), rollup: rollup, feed: feed,
      calendar: project.calendar)
  }

  /// Applies images.
  ///
  /// - Returns: the groups that were touched; nil when the images cannot be true, and then nothing was changed.
  private nonisolated(nonsending) func apply(
    _ delta: RollupDelta, on connection: PostgresConnection
  ) async throws -> Int? {
    try await connection.executeScript("set local jit = off; set local work_mem = '64MB'")
    try await connection.execute(delta.createDelta)
    try await connection.execute("analyze pg_temp.daybook_delta")
    let groups = try await connection.execute(delta.createChange)
    try await connection.execute("analyze pg_temp.daybook_change")
    let impossible = try await connection.query(delta.countImpossible)
    let isPossible = try impossible.first?.decode(0, as: Int.self) == 0
    if isPossible {
      if let anew = delta.createAnew { try await connection.execute(anew) }
      for statement in [delta.deleteEmptied, delta.update, delta.insert] { try await connection.execute(statement) }
    }
    return isPossible ? groups : nil
  }

  private nonisolated(nonsending) func estimatedRows(
    of table: QualifiedName, on connection: PostgresConnection
  ) async throws -> Int? {
    let rows = try await connection.query(
      "select reltuples::bigint from pg_class where oid = $1::text::regclass and reltuples >= 0", [.text(table.quoted)])
    return try rows.first?.decode(0, as: Int.self)
  }
}
