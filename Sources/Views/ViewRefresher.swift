// Brings views up to date, unit by unit (RefreshSchedule), each unit in one transaction behind all that it reads.
// Invariants: a view's relation, its recorded state and its data version commit together; a reader sees the old or the new
// content, never a part; input versions are read before the data or in its snapshot, so that a change in between only
// causes one refresh too many.
// How rollups follow their source's journal is in ViewRefresher+Rollup, how views of SQL are refreshed in
// ViewRefresher+Native; what a view means is in Definitions.

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
  /// How groups in doubt are read wherever that is possible; what it would cost decides when nil.
  var anewReading: RollupDelta.AnewReading?

  /// Creates a refresher that borrows connections from `pool`.
  public init(project: Project, pool: PostgresPool, progress: any ProgressSink = NullProgress()) {
    self.project = project
    self.pool = pool
    self.progress = progress
  }

  /// How many units may be refreshed at the same time: one connection stays free for the moment in which each looks at
  /// its source alone.
  public var width: Int { max(1, pool.maximum - 1) }

  /// Brings the selected views and everything they read up to date, side by side where nothing is in the way.
  ///
  /// - Parameter full: rebuild even where no input moved.
  /// - Returns: one outcome per view, in dependency order.
  /// - Throws: `ViewError`; other units than the failing one may be refreshed, the views of that one are as they were.
  public func refresh(_ selection: StageDefinition.Selection, full: Bool = false) async throws -> [RefreshOutcome] {
    let schedule = try await schedule(selection, full: full)
    let results = await schedule.carryOut(atMost: width) { unit -> (Result<[RefreshOutcome], any Error>, Bool) in
      do {
        return (.success(try await refresh(unit, full: full)), true)
      } catch {
        return (.failure(error), false)
      }
    }
    let outcomes = try results.sorted { $0.key < $1.key }.flatMap { try $0.value.get() }
    let places = Dictionary(uniqueKeysWithValues: project.views.enumerated().map { ($0.element.name, $0.offset) })
    return outcomes.sorted { (places[$0.view] ?? 0) < (places[$1.view] ?? 0) }
  }

  /// What is refreshed together, and in which order, for the selected views and everything they read. A view that is
  /// made anew takes the views of SQL along that read it, because they go with the old one, and what they read in turn.
  ///
  /// - Throws: `ViewError` when a name is unknown; `PostgresError`.
  public func schedule(_ selection: StageDefinition.Selection, full: Bool = false) async throws -> RefreshSchedule {
    let (known, states, whole, different) = try await pool.withConnection(label: "schedule") { connection in
      let states = try await ViewStates.current(on: connection)
      return (
        try await dependencies(on: connection), states,
        try await existing(project.views, states: states, on: connection),
        selection == .all ? [] : try await rollupsOnOtherFooting(states, on: connection)
      )
    }
    func isMadeAnew(_ view: ViewDefinition) -> Bool {
      guard let state = states[view.name] else { return false }
      return different.contains(view.name) || state.definitionHash != view.definitionHash || !whole.contains(view.name)
        || !lost(view, known: known[view.name] ?? [], state: state, full: full).isEmpty
    }
    var views = try selected(selection)
    while true {
      let names = Set(views.map(\.name))
      let taken = views.filter(isMadeAnew).flatMap { ViewRelations.readers(of: $0, in: project.views) }.map(\.name)
      if names.isSuperset(of: taken) {
        try await requireNoCircle(among: views, known, states)
        return RefreshSchedule(views, known: known)
      }
      views = try selected(.named(names.union(taken).sorted()))
    }
  }

  /// Makes sure that no view has led back to itself since it was made, by way of something made by hand: each refresh
  /// would carry on where the last one ended. One whose definition changed is made anew, and its old steps with it.
  ///
  /// - Throws: `ViewError.circle` with the whole way.
  private func requireNoCircle(
    among views: [ViewDefinition], _ known: [String: Set<String>], _ states: [String: ViewState]
  ) async throws {
    let standing = Set(views.filter { states[$0.name]?.definitionHash == $0.definitionHash }.map(\.name))
    func circles(_ reads: [String: Set<String>]) -> [[String]] {
      DependencyOrder(reads).cycles.map { $0.dropLast() }.filter { !standing.isDisjoint(with: $0) }
    }
    guard var circle = circles(known.filter { standing.contains($0.key) }).first else { return }
    let changed = Set(project.views.map(\.name)).subtracting(standing)
    let steps = try await pool.withConnection(label: "schedule") { connection in
      try await ViewDependencies.steps(schema: project.database.schema, on: connection)
    }
    circle = circles(steps.filter { !changed.contains($0.key) }).first ?? circle
    guard let view = views.first(where: { standing.contains($0.name) && circle.contains($0.name) }),
      let start = circle.firstIndex(of: view.name)
    else { return }
    throw ViewError.circle(
      view: view.name, path: Array(circle[start...] + circle[...start]), at: view.position)
  }

  /// What a view of SQL names and, by the catalog, no longer reads: the relation that it was made over has another name
  /// now.
  func lost(_ view: ViewDefinition, known: Set<String>, state: ViewState, full: Bool) -> [String] {
    guard case .native = view.kind else { return [] }
    return view.inputs.filter { !known.contains($0) && (full || state.inputVersions[$0] != nil) }
  }

  /// Brings the views of one unit up to date, in one transaction.
  ///
  /// - Returns: one outcome per view, in order.
  /// - Throws: `ViewError`; every view of the unit is then as it was.
  public func refresh(_ unit: RefreshUnit, full: Bool = false) async throws -> [RefreshOutcome] {
    let views = unit.views.compactMap { name in project.views.first { $0.name == name } }
    try Task.checkCancellation()
    progress.progress(
      ProgressUpdate(
        stage: "refresh", name: unit.views.joined(separator: ", "), done: 0, total: unit.views.count, unit: "views"))
    return try await pool.withConnection(label: "refresh") { connection in
      if let name = unit.feed, let feed = project.feed(named: name) {
        let outcomes = try await refreshRollups(views, of: feed, full: full, on: connection)
        if outcomes.contains(where: \.isChanged) { try await JournalUpkeep(project: project).run(on: connection) }
        return outcomes
      }
      var outcomes: [RefreshOutcome] = []
      for view in views { outcomes.append(try await refreshNative(view, full: full, on: connection)) }
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

  nonisolated(nonsending) func dependencies(on connection: PostgresConnection) async throws -> [String: Set<String>] {
    // Catalogs are named by their names.
    let suspects = project.views.filter {
      if case .native(let native) = $0.kind { native.sql.lowercased().contains("pg_") } else { false }
    }
    let found = try await ViewDependencies.read(
      schema: project.database.schema, views: project.views.map(\.name), suspects: suspects.map(\.name), on: connection)
    return found.mapValues { names in
      let hasJournal = names.contains { $0.hasPrefix("daybook.journal_") }
      return Set(names.compactMap { input($0, besideJournal: hasJournal) })
    }
  }

  /// What stands before the name of the time zone among the inputs of a view of SQL; no relation's name has a blank.
  static let zonePrefix = "the time zone "

  /// The input of a rollup that is the number of its feed's table: another one is not told of by any journal.
  static func tableInput(_ feed: String) -> String { "the table \(feed)" }

  /// The versions of what a rollup reads, which table that is, and what it is like.
  func rollupInputs(
    _ view: ViewDefinition, of feed: FeedDefinition, versions: [String: Int64], table: Int64?, footing: RollupFooting
  ) -> [String: Int64] {
    var inputs = Dictionary(uniqueKeysWithValues: view.sources.map { ($0, versions[$0] ?? 0) })
    guard let rollup = view.rollup else { return inputs }
    if let table { inputs[Self.tableInput(feed.name)] = table }
    return inputs.merging(footing.inputs(of: rollup, over: feed)) { _, footing in footing }
  }

  /// Why a rollup's state cannot be carried on though its definition is the same, whatever the journal tells; or nil.
  func difference(_ state: ViewState, _ inputs: [String: Int64], of feed: FeedDefinition) -> String? {
    let table = Self.tableInput(feed.name)
    if let recorded = state.inputVersions[table], recorded != inputs[table] {
      return "\(feed.name) is another table than before"
    }
    return RollupFooting.difference(state.inputVersions, inputs, of: feed.name)
  }

  /// The rollups of which the state cannot be carried on: a column may have another type now, and their view be made anew.
  private nonisolated(nonsending) func rollupsOnOtherFooting(
    _ states: [String: ViewState], on connection: PostgresConnection
  ) async throws -> Set<String> {
    var different: Set<String> = []
    for feed in project.feeds {
      let views = project.views.filter { $0.rollup?.source == feed.name }
      if views.isEmpty { continue }
      let footing = try await footing(of: views, over: feed, on: connection)
      let table = try await number(ofTable: feed.name, on: connection)
      for view in views {
        guard let state = states[view.name] else { continue }
        let inputs = rollupInputs(view, of: feed, versions: [:], table: table, footing: footing)
        if difference(state, inputs, of: feed) != nil { different.insert(view.name) }
      }
    }
    return different
  }

  nonisolated(nonsending) func footing(
    of views: [ViewDefinition], over feed: FeedDefinition, on connection: PostgresConnection
  ) async throws -> RollupFooting {
    let source = QualifiedName(schema: project.database.schema, name: feed.name)
    return try await RollupFooting.read(of: source, rollups: views.compactMap(\.rollup), on: connection)
  }

  /// The server's number of a feed's table; nil when there is none.
  nonisolated(nonsending) func number(
    ofTable feed: String, on connection: PostgresConnection
  ) async throws -> Int64? {
    let name = QualifiedName(schema: project.database.schema, name: feed)
    return try await connection.query("select to_regclass($1)::oid::bigint", [.text(name.quoted)]).first?.decode(0)
  }

  var searchPath: String { quoteIdentifier(project.database.schema) }

  /// Why nothing needs to be done, or nil.
  ///
  /// - Parameter uncounted: names whose number stands for what they say, and not for a count of changes.
  func skipReason(
    _ view: ViewDefinition, inputs: [String: Int64], uncounted: Set<String> = [], state: ViewState?, exists: Bool,
    full: Bool
  ) -> String? {
    guard !full, exists, let state, state.definitionHash == view.definitionHash, state.inputVersions == inputs else {
      return nil
    }
    // A state that an older program left does not say how far it has followed the journal.
    if case .rollup = view.kind, state.absorbedBatch == nil { return nil }
    let read = state.relationVersions.sorted { $0.key < $1.key }.map {
      uncounted.contains($0.key) ? "\($0.key) as it is" : "\($0.key) at version \($0.value)"
    }
    return "up to date with \(read.joined(separator: ", "))"
  }

  nonisolated(nonsending) func requireInputs(
    _ inputs: some Sequence<String>, of view: ViewDefinition, on connection: PostgresConnection
  ) async throws {
    for input in inputs {
      // What the ledger keeps was made with its schema.
      if input == ViewDefinition.closedMonths { continue }
      let name = QualifiedName(schema: project.database.schema, name: input)
      let rows = try await connection.query("select to_regclass($1) is not null", [.text(name.quoted)])
      guard try rows.first?.decode(0, as: Bool.self) == true else {
        throw ViewError.missingInput(view: view.name, input: input, at: view.position)
      }
    }
  }
}

extension ViewState {
  /// The versions of relations among its inputs: what else is recorded has a blank in its name, and no relation has.
  var relationVersions: [String: Int64] { inputVersions.filter { !$0.key.contains(" ") } }
}
