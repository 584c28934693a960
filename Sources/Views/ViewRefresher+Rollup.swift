// Bringing the rollups of one feed up to date, in one transaction: by the journal where that tells everything, else from
// the table or from a finer rollup.
// Invariant: all of them come to hold the same batches of their feed, those of one snapshot; states and watermarks (the
// last batch in each) commit together, so that nothing is applied twice and nothing is left out. Writers of the feed are
// kept waiting for a moment at most, readers of the views only while rebuilt states are swapped in, which is the last thing
// that is done: the transaction keeps every lock that it takes.

internal import Definitions
internal import Ledger
internal import Postgres

extension ViewRefresher {
  /// Refreshes rollups over one feed.
  ///
  /// - Parameter views: each after the finer one that it sums up.
  nonisolated(nonsending) func refreshRollups(
    _ views: [ViewDefinition], of feed: FeedDefinition, full: Bool, on connection: PostgresConnection
  ) async throws -> [RefreshOutcome] {
    if !full, let outcomes = try await outcomesOfNothing(views, of: feed, on: connection) { return outcomes }
    // Finer rollups are made on the way.
    if let view = views.first { try await requireInputs([feed.name], of: view, on: connection) }
    let source = QualifiedName(schema: project.database.schema, name: feed.name)
    do {
      return try await ViewStates.withLock(ofRollupsOver: feed.name, on: connection) { connection in
        try await pool.withSnapshot(of: source, on: connection) { connection in
          try await refreshRollups(views, of: feed, source: source, full: full, in: connection)
        }
      }
    } catch let error as ViewError {
      throw try await named(error, in: feed, readBy: views, on: connection)
    }
  }

  /// The outcomes when no view has anything to do; nil when one has.
  private nonisolated(nonsending) func outcomesOfNothing(
    _ views: [ViewDefinition], of feed: FeedDefinition, on connection: PostgresConnection
  ) async throws -> [RefreshOutcome]? {
    let versions = try await DataVersions.current(on: connection)
    let states = try await ViewStates.current(on: connection)
    // Where the feed moved, the catalogs are read once, behind the lock.
    let version = versions[feed.name] ?? 0
    guard views.allSatisfy({ states[$0.name]?.inputVersions[feed.name] == version }) else { return nil }
    let rollups = views.compactMap(\.rollup)
    let footing = try await footing(of: views, over: feed, on: connection)
    // What asks for the moment or reads elsewhere may have another answer, though its feed stands still.
    if footing.hasChildren || rollups.contains(where: { $0.unsteadyWord(footing.functions) != nil }) { return nil }
    let table = try await number(ofTable: feed.name, on: connection)
    let existing = try await existing(views, states: states, on: connection)
    var outcomes: [RefreshOutcome] = []
    for view in views {
      let clock = ContinuousClock()
      let start = clock.now
      let exists = existing.contains(view.name)
      let inputs = rollupInputs(view, of: feed, versions: versions, table: table, footing: footing)
      guard let reason = skipReason(view, inputs: inputs, state: states[view.name], exists: exists, full: false) else {
        return nil
      }
      outcomes.append(
        RefreshOutcome(
          view: view.name, status: .skipped(reason: reason), rows: nil, wall: clock.now - start, detail: reason))
    }
    let altered = try await ViewRelations.altered(views, schema: project.database.schema, on: connection)
    return altered.isEmpty ? outcomes : nil
  }

  /// The names of those views of which every relation is there, tables with the columns that they were made with.
  nonisolated(nonsending) func existing(
    _ views: [ViewDefinition], states: [String: ViewState], on connection: PostgresConnection
  ) async throws -> Set<String> {
    var values: [String: [DistinctValues]] = [:]
    var columns: [String: Set<String>] = [:]
    for view in views {
      guard case .rollup(let rollup) = view.kind else { continue }
      let sql = try rollupSQL(rollup, of: view)
      values[view.name] = sql.distinctValues
      // Those of another definition are others.
      guard states[view.name]?.definitionHash == view.definitionHash else { continue }
      columns[sql.state.name] = sql.stateColumnNames
      for values in sql.distinctValues { columns[values.table.name] = values.columns }
    }
    return try await ViewRelations.existing(
      views, values: values, columns: columns, schema: project.database.schema, on: connection)
  }

  private nonisolated(nonsending) func refreshRollups(
    _ views: [ViewDefinition], of feed: FeedDefinition, source: QualifiedName, full: Bool,
    in connection: PostgresConnection
  ) async throws -> [RefreshOutcome] {
    let clock = ContinuousClock()
    var start = clock.now
    try await connection.execute("select set_config('search_path', $1, true)", [.text(searchPath)])
    let footing = try await footing(of: views, over: feed, on: connection)
    var members = try await members(views, over: footing, full: full, on: connection)
    let newest = try await BatchLedger.lastNumber(of: feed.name, on: connection) ?? 0
    var versions = try await DataVersions.current(on: connection)
    let table = try await number(ofTable: feed.name, on: connection)
    func inputs(of member: RollupMember) -> [String: Int64] {
      rollupInputs(member.view, of: feed, versions: versions, table: table, footing: footing)
    }
    let differences = members.map { member in
      member.state.flatMap { difference($0, inputs(of: member), of: feed) }
    }
    let batches = try await choose(
      &members, of: feed, source: source, differences: differences, versions: versions, on: connection)
    // What is read once for all of them counts as the work of the first.
    let images = try await prepareImages(&members, batches, through: newest, on: connection)
    var outcomes: [RefreshOutcome] = []
    var rebuilt: [RollupMember] = []
    for member in members {
      var member = member.reading(rebuilt)
      if let finer = member.sql.finerValues, finer.isNext, !member.work.isRebuild {
        // What it has counted by the values of before is not what it would count by the new ones.
        member.work = .rebuild(reason: "\(finer.base.name), by whose values it counts, was made anew")
      }
      do {
        var result = try await carryOut(member, through: newest, images: images, on: connection)
        if member.isReplaced {
          result.isChanged = true
          result.detail =
            "its view was not the one that Daybook made, and was put back"
            + (result.detail.map { "; \($0)" } ?? "")
        }
        if result.isChanged {
          versions[member.view.name] = try await DataVersions.bump(member.view.name, on: connection)
        }
        try await ViewStates.record(
          member.view.name,
          ViewState(
            definitionHash: member.view.definitionHash, inputVersions: inputs(of: member), absorbedBatch: newest,
            rowCount: result.rows),
          on: connection)
        result.wall = clock.now - start
        if let (way, units) = result.timed {
          try await ViewTimings.record(member.view.name, way, units: units, wall: result.wall, on: connection)
        }
        outcomes.append(member.outcome(result, full: full))
        if result.isRebuilt {
          if member.exists, try await ViewRelations.isReshaped(member.sql, on: connection) { member.exists = false }
          rebuilt.append(member)
        }
        start = clock.now
      } catch let error as PostgresError where error.kind == .server {
        throw ViewError.server(view: member.view.name, at: member.view.position, error)
      }
    }
    let altered = members.filter(\.isAltered)
    try await lock(rebuilt, andAltered: altered, on: connection)
    func tell(_ lost: [String], of view: ViewDefinition) {
      if let index = outcomes.firstIndex(where: { $0.view == view.name }) { outcomes[index].lost += lost }
    }
    for member in altered {
      tell(
        try await ViewRelations.putBack(member.view, member.sql, with: project.views, on: connection), of: member.view)
    }
    for member in rebuilt { tell(try await swap(member, on: connection), of: member.view) }
    for member in rebuilt {
      for reader in try readersByValues(of: member.view) where !views.contains(where: { $0.name == reader.name }) {
        try await ViewStates.distrust(reader.name, on: connection)
      }
    }
    return outcomes
  }

  /// The rollups that count by the values of this one.
  func readersByValues(of view: ViewDefinition) throws(ViewError) -> [ViewDefinition] {
    var readers: [ViewDefinition] = []
    for reader in project.views {
      guard let rollup = reader.rollup, rollup.base != nil else { continue }
      if try rollupSQL(rollup, of: reader).finerValues?.base.name == view.name { readers.append(reader) }
    }
    return readers
  }

  // MARK: What there is to do

  private nonisolated(nonsending) func members(
    _ views: [ViewDefinition], over footing: RollupFooting, full: Bool, on connection: PostgresConnection
  ) async throws -> [RollupMember] {
    let states = try await ViewStates.current(on: connection)
    let existing = try await existing(views, states: states, on: connection)
    let altered = try await ViewRelations.altered(views, schema: project.database.schema, on: connection)
    var members: [RollupMember] = []
    for view in views {
      guard case .rollup(let rollup) = view.kind else { continue }
      var member = RollupMember(
        view: view, sql: try rollupSQL(rollup, of: view), word: rollup.unsteadyWord(footing.functions))
      member.sql.nullable = footing.nullable
      let exists = existing.contains(view.name)
      member.exists = exists && states[view.name]?.definitionHash == view.definitionHash
      member.isRedefined = exists && !member.exists
      member.isUnknown = states[view.name] == nil
      member.isAltered = member.exists && altered[view.name] != nil
      member.isReplaced = member.isAltered && altered[view.name] == true
      member.isGone = !exists && states[view.name] != nil
      member.state = member.exists && !full ? states[view.name] : nil
      members.append(member)
    }
    return members
  }

  /// The functions by which definitions may depend on more than the row.
  nonisolated(nonsending) func unsteadyFunctions(
    of rollups: [RollupDefinition], on connection: PostgresConnection
  ) async throws -> CalledFunctions {
    try await CalledFunctions.read(of: rollups.map(\.calling), on: connection)
  }

  /// Chooses for each member how it is brought up to date.
  ///
  /// - Returns: the batches behind the earliest one that a member has absorbed.
  private nonisolated(nonsending) func choose(
    _ members: inout [RollupMember], of feed: FeedDefinition, source: QualifiedName, differences: [String?],
    versions: [String: Int64], on connection: PostgresConnection
  ) async throws -> [BatchEntry] {
    let tableRows = try await estimatedRows(of: source, on: connection)
    let costs = try await ViewTimings.costs(on: connection)
    let first = members.compactMap { $0.state?.absorbedBatch }.min()
    var batches: [BatchEntry] = []
    if let first { batches = try await BatchLedger.batches(of: feed.name, after: first, on: connection) }
    for index in members.indices {
      guard let state = members[index].state else {
        members[index].work = .rebuild(reason: "")
        continue
      }
      if let word = members[index].word {
        members[index].work = .rebuild(reason: "\"\(word)\" in its definition is more than the row tells")
        continue
      }
      let absorbed = state.absorbedBatch
      var readRows = tableRows
      if let below = members[index].sql.belowForAll {
        readRows = try await estimatedRows(of: below.state, on: connection)
      }
      members[index].work = RollupWork.choose(
        source: feed.name, absorbed: absorbed, batches: batches.filter { $0.batchID > absorbed ?? 0 },
        hasMoved: state.inputVersions[feed.name] != versions[feed.name],
        difference: differences[index], readRows: readRows,
        cost: costs[members[index].view.name] ?? RefreshCost())
    }
    return batches
  }

  private nonisolated(nonsending) func prepareImages(
    _ members: inout [RollupMember], _ batches: [BatchEntry], through newest: Int64, on connection: PostgresConnection
  ) async throws -> RollupImages? {
    var followers: [RollupSQL] = []
    var first = newest
    for member in members {
      guard case .delta(let after, _, _, _, _) = member.work else { continue }
      followers.append(member.sql)
      first = min(first, after)
    }
    guard let feed = followers.first?.feed else { return nil }
    let followed = batches.filter { $0.batchID > first }
    func readTable(because reason: String) {
      for index in members.indices where members[index].work.isDelta { members[index].work = .rebuild(reason: reason) }
    }
    guard try await isWhole(journalOf: feed.name, after: first, followed, on: connection) else {
      readTable(because: "the journal of \(feed.name) does not hold the images of its batches")
      return nil
    }
    let odd = try await oddColumns(ofJournalOf: feed.name, on: connection)
    for index in members.indices where members[index].work.isDelta {
      let read = members[index].sql.rollup.columns(of: feed)
      guard let (column, how) = odd.first(where: { read.contains($0.column) }) else { continue }
      members[index].work = .rebuild(reason: "the journal of \(feed.name) keeps \(column) \(how)")
    }
    followers = members.filter(\.work.isDelta).map(\.sql)
    if followers.isEmpty { return nil }
    let images = RollupImages(of: followers, after: first, through: newest)
    if let create = images.create {
      do {
        try await connection.withTransaction { connection in
          try await connection.execute("set local jit = off")
          try await createStep("daybook_images", create, statistics: images.grouped, on: connection)
        }
      } catch let error as PostgresError where error.isOverValues {
        readTable(because: "over the images of \(feed.name) the server says: \(error.message)")
        return nil
      }
    }
    return images
  }

  /// The columns that the journal of a feed keeps otherwise than its table: in another type, so that an image may be rounded;
  /// in another collation, by which other texts are first, or equal; or by one for which different texts are equal, where
  /// an image may show another one of them than the state.
  private nonisolated(nonsending) func oddColumns(
    ofJournalOf feed: String, on connection: PostgresConnection
  ) async throws -> [(column: String, how: String)] {
    let table = QualifiedName(schema: project.database.schema, name: feed)
    let rows = try await connection.query(
      """
      select t.attname::text, how
      from pg_attribute t join pg_attribute j using (attname)
      cross join lateral (
        select case
          when (t.atttypid, t.atttypmod) <> (j.atttypid, j.atttypmod)
            and not array[t.atttypid, j.atttypid] <@ array['text'::regtype, 'varchar'::regtype]::oid[]
          then 'in another type than the table'
          when t.attcollation <> j.attcollation then 'in another collation than the table'
          when exists (select from pg_collation c where c.oid = t.attcollation and not c.collisdeterministic)
          then 'by a collation for which different texts are equal' end
      ) as kept (how)
      where t.attrelid = to_regclass($1) and j.attrelid = to_regclass($2) and t.attnum > 0 and j.attnum > 0
        and how is not null
      order by t.attnum
      """, [.text(table.quoted), .text(JournalTable.name(of: feed).quoted)])
    return try rows.map { (try $0.decode(0), try $0.decode(1)) }
  }

  /// Whether the journal has the images that the ledger says it has: somebody may have taken some away, or the table.
  private nonisolated(nonsending) func isWhole(
    journalOf feed: String, after: Int64, _ batches: [BatchEntry], on connection: PostgresConnection
  ) async throws -> Bool {
    let table = JournalTable.name(of: feed)
    guard try await hasJournal(of: feed, on: connection) else { return false }
    let weight = quoteIdentifier(JournalTable.weight)
    let found = try await connection.query(
      """
      select count(*) filter (where \(weight) > 0), count(*) filter (where \(weight) < 0) from \(table.quoted)
      where \(quoteIdentifier(JournalTable.batch)) > $1
      """, [.int8(after)])
    guard let row = found.first else { return false }
    return try row.decode(0, as: Int.self) == batches.reduce(0) { $0 + $1.rowsPlus }
      && row.decode(1, as: Int.self) == batches.reduce(0) { $0 + $1.rowsMinus }
  }

  func rollupSQL(_ rollup: RollupDefinition, of view: ViewDefinition) throws(ViewError) -> RollupSQL {
    guard let feed = project.feed(named: rollup.source) else {
      throw ViewError.missingInput(view: view.name, input: rollup.source, at: view.position)
    }
    let schema = project.database.schema
    return RollupSQL(
      view: QualifiedName(schema: schema, name: view.name), rollup: rollup, feed: feed, calendar: project.calendar,
      below: RollupBelow(rollup, schema: schema), finerValues: try finerValues(under: rollup))
  }

  /// The values that the finest rollup under `rollup` keeps for it; nil where it keeps its own. What is left of a value is
  /// summed up over the days of a period at most: where other groups are summed up, too, that may be all of history.
  private func finerValues(under rollup: RollupDefinition) throws(ViewError) -> FinerValues? {
    guard var base = rollup.base else { return nil }
    func finer() -> ViewDefinition? { project.views.first { $0.name == base.name } }
    while let next = finer()?.rollup?.base { base = base.followed(by: next) }
    guard base.groups.values.contains(where: \.isPeriod) else { return nil }
    guard let view = finer(), let finest = view.rollup else { return nil }
    guard base.groups.count == finest.groups.count,
      Set(base.groups.values.map(\.name)) == Set(finest.groups.map(\.name))
    else { return nil }
    let kept = try rollupSQL(finest, of: view).distinctValues
    let values = rollup.measures.compactMap { measure in
      kept.first { $0.measure.name == base.measures[measure.name] }.map { (measure.name, $0) }
    }
    return values.isEmpty ? nil : FinerValues(base: base, values: Dictionary(uniqueKeysWithValues: values))
  }

  private nonisolated(nonsending) func estimatedRows(
    of table: QualifiedName, on connection: PostgresConnection
  ) async throws -> Int? {
    let rows = try await connection.query(
      "select reltuples::bigint from pg_class where oid = to_regclass($1) and reltuples >= 0", [.text(table.quoted)])
    return try rows.first?.decode(0, as: Int.self)
  }
}

extension PostgresError {
  /// Whether the server refused what an expression makes of some value, so that other rows may do.
  var isOverValues: Bool {
    // Of others it may say the same of every row, or nothing of rows at all: a cancellation, a deadlock, no memory.
    kind == .server && ["22", "23", "54", "P0"].contains { sqlState?.hasPrefix($0) ?? false }
  }
}

extension ViewDefinition {
  var rollup: RollupDefinition? { if case .rollup(let rollup) = kind { rollup } else { nil } }

  /// The relations whose versions tell whether there is something to do.
  var sources: Set<String> {
    guard case .rollup(let rollup) = kind else { return Set(inputs) }
    return Set(inputs + [rollup.source])
  }
}
