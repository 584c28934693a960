// Brings views up to date, each in its own transaction, in dependency order.
// Invariants: a view's relation, its recorded state and its data version commit together; a reader
// sees the old or the new content, never a part; input versions are read before the data, so that
// a change in between only causes one refresh too many.
// How a rollup follows its source's journal is in ViewRefresher+Rollup, its SQL in RollupSQL and RollupDelta; what a
// view means is in Definitions.

public import Definitions
internal import Finding
internal import Ledger
public import Postgres
public import Telemetry

/// Refreshes and checks the views of a project.
public struct ViewRefresher: Sendable {
  let project: Project
  let pool: PostgresPool
  let progress: any ProgressSink

  /// Creates a refresher that borrows connections from `pool`.
  public init(project: Project, pool: PostgresPool, progress: any ProgressSink = NullProgress()) {
    self.project = project
    self.pool = pool
    self.progress = progress
  }

  /// Brings the selected views and everything they read up to date.
  ///
  /// - Parameter full: rebuild even where no input moved.
  /// - Returns: one outcome per view, in dependency order.
  /// - Throws: `ViewError`; views before the failing one are committed, the failing one is as it was.
  public func refresh(_ selection: StageDefinition.Selection, full: Bool = false) async throws -> [RefreshOutcome] {
    let views = try selected(selection)
    return try await pool.withConnection(label: "refresh") { connection in
      var versions = try await DataVersions.current(on: connection)
      var states = try await ViewStates.current(on: connection)
      var outcomes: [RefreshOutcome] = []
      for (index, view) in views.enumerated() {
        try Task.checkCancellation()
        progress.progress(
          ProgressUpdate(stage: "refresh", name: view.name, done: index, total: views.count, unit: "views"))
        let outcome = try await refresh(view, versions: versions, state: states[view.name], full: full, on: connection)
        outcomes.append(outcome)
        if outcome.isChanged {
          versions = try await DataVersions.current(on: connection)
          states = try await ViewStates.current(on: connection)
        }
      }
      return outcomes
    }
  }

  /// The views a selection names, with what they read, in dependency order.
  func selected(_ selection: StageDefinition.Selection) throws(ViewError) -> [ViewDefinition] {
    guard case .named(let names) = selection else { return project.views }
    let byName = Dictionary(uniqueKeysWithValues: project.views.map { ($0.name, $0) })
    var wanted: Set<String> = []
    var pending = names
    while let name = pending.popLast() {
      guard let view = byName[name] else {
        throw .unknown(name: name, nearest: nearestWord(to: name, in: byName.keys.sorted()))
      }
      guard wanted.insert(name).inserted else { continue }
      pending += view.inputs.filter { byName[$0] != nil }
    }
    return project.views.filter { wanted.contains($0.name) }
  }

  private func refresh(
    _ view: ViewDefinition, versions: [String: Int64], state: ViewState?, full: Bool, on connection: PostgresConnection
  ) async throws -> RefreshOutcome {
    let clock = ContinuousClock()
    let start = clock.now
    let inputs = Dictionary(uniqueKeysWithValues: view.inputs.map { ($0, versions[$0] ?? 0) })
    do {
      let exists = try await ViewRelations.exists(view, schema: project.database.schema, on: connection)
      if let reason = skipReason(view, inputs: inputs, state: state, exists: exists, full: full) {
        return RefreshOutcome(
          view: view.name, status: .skipped(reason: reason), rows: nil, wall: clock.now - start, detail: reason)
      }
      try await requireInputs(of: view, on: connection)
      let isSameDefinition = exists && state?.definitionHash == view.definitionHash
      let known = isSameDefinition && !full ? state : nil
      let result = try await connection.withTransaction { connection in
        try await connection.execute("select set_config('search_path', $1, true)", [.text(searchPath)])
        if !isSameDefinition {
          try await ViewRelations.drop(
            view, with: project.views, schema: project.database.schema, on: connection)
        }
        var seen = ViewState(definitionHash: view.definitionHash, inputVersions: inputs)
        var result = RollupResult(absorbed: 0, versions: versions)
        switch view.kind {
        case .rollup(let rollup):
          result = try await maintain(rollup, of: view, state: known, exists: isSameDefinition, on: connection)
          seen.absorbedBatch = result.absorbed
          for input in inputs.keys { seen.inputVersions[input] = result.versions[input] ?? 0 }
        case .native(let native):
          result.rows = try await build(native, of: view, exists: isSameDefinition, on: connection)
        }
        if result.isChanged { try await DataVersions.bump(view.name, on: connection) }
        try await ViewStates.record(view.name, seen, on: connection)
        return result
      }
      if !result.isChanged, let reason = result.detail {
        return RefreshOutcome(
          view: view.name, status: .skipped(reason: reason), rows: nil, wall: clock.now - start, detail: reason)
      }
      let detail =
        result.detail
        ?? self.detail(view, inputs: inputs, state: isSameDefinition ? state : nil, exists: exists, full: full)
      return RefreshOutcome(
        view: view.name, status: isSameDefinition ? .refreshed : .created, rows: result.rows, wall: clock.now - start,
        detail: detail)
    } catch let error as PostgresError where error.kind == .server {
      throw ViewError.server(view: view.name, at: view.position, error)
    }
  }

  private var searchPath: String { quoteIdentifier(project.database.schema) }

  /// Why nothing needs to be done, or nil.
  private func skipReason(
    _ view: ViewDefinition, inputs: [String: Int64], state: ViewState?, exists: Bool, full: Bool
  ) -> String? {
    guard !full, exists, let state, state.definitionHash == view.definitionHash, state.inputVersions == inputs else {
      return nil
    }
    // A state that an older program left does not say how far it has followed the journal.
    if case .rollup = view.kind, state.absorbedBatch == nil { return nil }
    let read = inputs.sorted { $0.key < $1.key }.map { "\($0.key) at version \($0.value)" }
    return "up to date with \(read.joined(separator: ", "))"
  }

  /// One line on what was done and why.
  private func detail(
    _ view: ViewDefinition, inputs: [String: Int64], state: ViewState?, exists: Bool, full: Bool
  ) -> String {
    guard let state else { return exists ? "made anew: the definition changed" : "made for the first time" }
    let how =
      switch view.kind {
      case .rollup: "rebuilt and swapped"
      case .native(let native): native.uniqueKey.isEmpty ? "refreshed, readers wait" : "refreshed concurrently"
      }
    let moved = inputs.filter { state.inputVersions[$0.key] != $0.value }.keys.sorted()
    if moved.isEmpty { return full ? "\(how): asked for in full" : how }
    return "\(how): \(moved.joined(separator: ", ")) changed"
  }

  private func requireInputs(of view: ViewDefinition, on connection: PostgresConnection) async throws {
    for input in view.inputs {
      // What the ledger keeps was made with its schema.
      if input == ViewDefinition.closedMonths { continue }
      let name = QualifiedName(schema: project.database.schema, name: input)
      let rows = try await connection.query("select to_regclass($1) is not null", [.text(name.quoted)])
      guard try rows.first?.decode(0, as: Bool.self) == true else {
        throw ViewError.missingInput(view: view.name, input: input, at: view.position)
      }
    }
  }

  // MARK: Building

  nonisolated(nonsending) func build(
    _ sql: RollupSQL, view: ViewDefinition, exists: Bool, on connection: PostgresConnection
  ) async throws -> Int {
    try await connection.execute("drop table if exists \(sql.nextState.quoted)")
    let rows = try await connection.execute(sql.buildNextState)
    if let index = sql.indexNextState { try await connection.execute(index) }
    // The swap: readers of the view wait only for these statements, not for the build above. The view is locked
    // before its state, which is the order in which readers lock them; the other order deadlocks with a reader.
    if exists { try await connection.execute("lock table \(sql.view.quoted) in access exclusive mode") }
    let old = QualifiedName(schema: sql.state.schema, name: view.name + "__old")
    try await connection.execute("alter table if exists \(sql.state.quoted) rename to \(quoteIdentifier(old.name))")
    try await connection.execute("alter table \(sql.nextState.quoted) rename to \(quoteIdentifier(sql.state.name))")
    try await connection.execute(sql.createView)
    try await connection.execute("drop table if exists \(old.quoted)")
    // Autovacuum may not come by before the first report; small statistics now cost little.
    try await connection.execute("analyze \(sql.state.quoted)")
    return rows
  }

  private func build(
    _ native: NativeViewDefinition, of view: ViewDefinition, exists: Bool, on connection: PostgresConnection
  ) async throws -> Int {
    let name = QualifiedName(schema: project.database.schema, name: view.name)
    if exists {
      let concurrently = native.uniqueKey.isEmpty ? "" : "concurrently "
      try await connection.execute("refresh materialized view \(concurrently)\(name.quoted)")
    } else {
      try await makeJournals(readBy: native, inputs: view.inputs, on: connection)
      try await connection.execute("create materialized view \(name.quoted) as\n\(native.sql)")
      if !native.uniqueKey.isEmpty {
        let key = native.uniqueKey.map(quoteIdentifier).joined(separator: ", ")
        try await connection.execute("create unique index on \(name.quoted) (\(key))")
      }
      for columns in native.indexes {
        let list = columns.map(quoteIdentifier).joined(separator: ", ")
        try await connection.execute("create index on \(name.quoted) (\(list))")
      }
      try await connection.execute("analyze \(name.quoted)")
    }
    let counted = try await connection.query("select count(*) from \(name.quoted)")
    return try counted.first?.decode(0, as: Int.self) ?? 0
  }
}
