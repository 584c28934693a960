// Bringing the rollups of one feed up to date, in one transaction: by the journal where that tells everything, else from
// the table or from a finer rollup.
// Invariant: all of them come to hold the same batches of their feed, those of one snapshot; states and watermarks (the
// last batch in each) commit together, so that nothing is applied twice and nothing is left out. Writers of the feed are
// kept waiting for a moment at most, readers of the views only while rebuilt states are swapped in, which is the last thing
// that is done: the transaction keeps every lock that it takes.

internal import Definitions
internal import Ledger
internal import Postgres

/// One rollup in its refresh.
private struct Member {
  let view: ViewDefinition
  var sql: RollupSQL
  let word: String?
  /// What is known of a state that can be carried on; nil when it has to be made anew.
  var state: ViewState?
  /// Whether its relations are there and of this definition.
  var exists = false
  /// Whether an earlier definition stood there.
  var isRedefined = false
  var work = RollupWork.nothing
}

extension ViewRefresher {
  /// Refreshes rollups over one feed.
  ///
  /// - Parameter views: each after the finer one that it sums up.
  nonisolated(nonsending) func refreshRollups(
    _ views: [ViewDefinition], of feed: FeedDefinition, full: Bool, on connection: PostgresConnection
  ) async throws -> [RefreshOutcome] {
    if !full, let outcomes = try await outcomesOfNothing(views, on: connection) { return outcomes }
    // Finer rollups are made on the way.
    if let view = views.first { try await requireInputs([feed.name], of: view, on: connection) }
    let source = QualifiedName(schema: project.database.schema, name: feed.name)
    return try await ViewStates.withLock(ofRollupsOver: feed.name, on: connection) { connection in
      try await pool.withSnapshot(of: source, on: connection) { connection in
        try await refreshRollups(views, of: feed, source: source, full: full, in: connection)
      }
    }
  }

  /// The outcomes when no view has anything to do; nil when one has.
  private nonisolated(nonsending) func outcomesOfNothing(
    _ views: [ViewDefinition], on connection: PostgresConnection
  ) async throws -> [RefreshOutcome]? {
    let versions = try await DataVersions.current(on: connection)
    let states = try await ViewStates.current(on: connection)
    let existing = try await existing(views, on: connection)
    var outcomes: [RefreshOutcome] = []
    for view in views {
      let clock = ContinuousClock()
      let start = clock.now
      let exists = existing.contains(view.name)
      let inputs = Dictionary(uniqueKeysWithValues: view.sources.map { ($0, versions[$0] ?? 0) })
      guard let reason = skipReason(view, inputs: inputs, state: states[view.name], exists: exists, full: false) else {
        return nil
      }
      outcomes.append(
        RefreshOutcome(
          view: view.name, status: .skipped(reason: reason), rows: nil, wall: clock.now - start, detail: reason))
    }
    return outcomes
  }

  /// The names of those rollups of which every relation is there.
  private nonisolated(nonsending) func existing(
    _ views: [ViewDefinition], on connection: PostgresConnection
  ) async throws -> Set<String> {
    var values: [String: [DistinctValues]] = [:]
    for view in views {
      guard case .rollup(let rollup) = view.kind else { continue }
      values[view.name] = try rollupSQL(rollup, of: view).distinctValues
    }
    return try await ViewRelations.existing(views, values: values, schema: project.database.schema, on: connection)
  }

  private nonisolated(nonsending) func refreshRollups(
    _ views: [ViewDefinition], of feed: FeedDefinition, source: QualifiedName, full: Bool,
    in connection: PostgresConnection
  ) async throws -> [RefreshOutcome] {
    let clock = ContinuousClock()
    var start = clock.now
    try await connection.execute("select set_config('search_path', $1, true)", [.text(searchPath)])
    var members = try await members(views, full: full, on: connection)
    let newest = try await BatchLedger.lastNumber(of: feed.name, on: connection) ?? 0
    var versions = try await DataVersions.current(on: connection)
    let batches = try await choose(&members, of: feed, source: source, versions: versions, on: connection)
    // What is read once for all of them counts as the work of the first.
    let images = try await prepareImages(&members, batches, through: newest, on: connection)
    var outcomes: [RefreshOutcome] = []
    var rebuilt: [Member] = []
    for member in members {
      let member = member.reading(rebuilt)
      do {
        var result = try await carryOut(member, through: newest, images: images, on: connection)
        if result.isChanged {
          versions[member.view.name] = try await DataVersions.bump(member.view.name, on: connection)
        }
        let inputs = Dictionary(uniqueKeysWithValues: member.view.sources.map { ($0, versions[$0] ?? 0) })
        try await ViewStates.record(
          member.view.name,
          ViewState(
            definitionHash: member.view.definitionHash, inputVersions: inputs, absorbedBatch: newest,
            rowCount: result.rows),
          on: connection)
        result.wall = clock.now - start
        if let (way, units) = result.timed {
          try await ViewTimings.record(member.view.name, way, units: units, wall: result.wall, on: connection)
        }
        if result.isRebuilt { rebuilt.append(member) }
        outcomes.append(member.outcome(result, full: full))
        start = clock.now
      } catch let error as PostgresError where error.kind == .server {
        throw ViewError.server(view: member.view.name, at: member.view.position, error)
      }
    }
    for member in rebuilt { try await swap(member, on: connection) }
    return outcomes
  }

  // MARK: What there is to do

  private nonisolated(nonsending) func members(
    _ views: [ViewDefinition], full: Bool, on connection: PostgresConnection
  ) async throws -> [Member] {
    let states = try await ViewStates.current(on: connection)
    let rollups = views.compactMap { view in if case .rollup(let rollup) = view.kind { rollup } else { nil } }
    let functions = try await unsteadyFunctions(of: rollups, on: connection)
    let existing = try await existing(views, on: connection)
    var members: [Member] = []
    for view in views {
      guard case .rollup(let rollup) = view.kind else { continue }
      var member = Member(view: view, sql: try rollupSQL(rollup, of: view), word: rollup.unsteadyWord(functions))
      let exists = existing.contains(view.name)
      member.exists = exists && states[view.name]?.definitionHash == view.definitionHash
      member.isRedefined = exists && !member.exists
      member.state = member.exists && !full ? states[view.name] : nil
      members.append(member)
    }
    return members
  }

  /// The functions by which definitions depend on more than the row: those that do not say they are immutable.
  /// Functions of the server's own that are stable depend on the session's settings, which do not change.
  nonisolated(nonsending) func unsteadyFunctions(
    of rollups: [RollupDefinition], on connection: PostgresConnection
  ) async throws -> Set<String> {
    let words = Set(rollups.flatMap(\.words)).sorted()
    if words.isEmpty { return [] }
    let rows = try await connection.query(
      """
      select distinct lower(p.proname) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where lower(p.proname) = any($1)
        and p.provolatile = any(case when n.nspname = 'pg_catalog' then '{v}' else '{s,v}' end::"char"[])
      """, [.textArray(words)])
    return Set(try rows.map { try $0.decode(0, as: String.self) })
  }

  /// Chooses for each member how it is brought up to date.
  ///
  /// - Returns: the batches behind the earliest one that a member has absorbed.
  private nonisolated(nonsending) func choose(
    _ members: inout [Member], of feed: FeedDefinition, source: QualifiedName, versions: [String: Int64],
    on connection: PostgresConnection
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
        hasMoved: state.inputVersions[feed.name] != versions[feed.name], readRows: readRows,
        cost: costs[members[index].view.name] ?? RefreshCost())
    }
    return batches
  }

  private nonisolated(nonsending) func prepareImages(
    _ members: inout [Member], _ batches: [BatchEntry], through newest: Int64, on connection: PostgresConnection
  ) async throws -> RollupImages? {
    var followers: [RollupSQL] = []
    var first = newest
    for member in members {
      guard case .delta(let after, _, _, _, _) = member.work else { continue }
      followers.append(member.sql)
      first = min(first, after)
    }
    guard let feed = followers.first?.feed.name else { return nil }
    let followed = batches.filter { $0.batchID > first }
    guard try await isWhole(journalOf: feed, after: first, followed, on: connection) else {
      for index in members.indices where members[index].work.isDelta {
        members[index].work = .rebuild(reason: "the journal of \(feed) does not hold the images of its batches")
      }
      return nil
    }
    let images = RollupImages(of: followers, after: first, through: newest)
    if let create = images.create {
      try await connection.execute("set local jit = off")
      try await createStep("daybook_images", create, statistics: images.grouped, on: connection)
    }
    return images
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

  // MARK: Doing it

  private nonisolated(nonsending) func carryOut(
    _ member: Member, through newest: Int64, images: RollupImages?, on connection: PostgresConnection
  ) async throws -> RollupResult {
    var result = RollupResult()
    switch member.work {
    case .nothing:
      result.isChanged = false
      result.rows = member.state?.rowCount
      result.detail = "no row of \(member.sql.feed.name) changed"
      return result
    case .rebuild(let reason):
      if !reason.isEmpty { result.detail = "rebuilt and swapped: \(reason)" }
    case .delta(let after, let through, let batches, let count, let why):
      guard let images else { break }
      // A delta looks up few places of tables that the night has just read or written, mostly from memory.
      try await connection.executeScript(
        "set local jit = off; set local work_mem = '64MB'; set local random_page_cost = 1.1")
      let delta = RollupDelta(sql: member.sql, images: images, after: after, through: through)
      switch try await apply(delta, on: connection) {
      case .applied(let groups, let anew, let growth):
        result.detail =
          "by delta: \(count) images of \(batches) \(batches == 1 ? "batch" : "batches") onto \(groups) groups"
          + (anew > 0 ? ", \(anew) of them read anew" : "")
          + (why.map { "; \($0)" } ?? "")
        result.timed = (.delta, count)
        result.isChanged = groups > 0
        result.rows = member.state?.rowCount.map { $0 + growth }
        if result.rows == nil {
          let counted = try await connection.query("select count(*) from \(member.sql.state.quoted)")
          result.rows = try counted.first?.decode(0)
        }
        return result
      case .unfit(let reason):
        result.detail = "rebuilt and swapped: \(reason)"
        // The next rollup of this transaction makes tables of the same names.
        try await connection.execute(
          "drop table if exists pg_temp.daybook_delta, pg_temp.daybook_values, pg_temp.daybook_change")
      }
    }
    try await connection.executeScript(
      "set local jit to default; set local work_mem to default; set local random_page_cost to default")
    result.rows = try await build(member.sql, on: connection)
    result.isRebuilt = true
    if member.sql.belowForAll == nil {
      let read = try await connection.query(
        "select coalesce(sum(\"__n\"), 0)::bigint from \(member.sql.nextState.quoted)")
      result.timed = (.rebuild, try read.first?.decode(0) ?? 0)
    }
    return result
  }

  /// Makes the next state beside the one that readers see.
  private nonisolated(nonsending) func build(
    _ sql: RollupSQL, on connection: PostgresConnection
  ) async throws -> Int {
    try await connection.execute("drop table if exists \(sql.nextState.quoted)")
    let rows = try await connection.execute(sql.buildNextState)
    let left = try await groupsWithLongKeys(sql, on: connection)
    if let index = sql.indexNextState(leaving: left) { try await connection.execute(index) }
    // Autovacuum may not come by before the first report; small statistics now cost little.
    try await connection.execute("analyze \(sql.nextState.quoted)")
    for values in sql.distinctValues {
      try await connection.execute("drop table if exists \(values.nextTable.quoted)")
      try await connection.execute(values.buildNext)
      try await connection.execute(values.indexNext)
      try await connection.execute("analyze \(values.nextTable.quoted)")
    }
    return rows
  }

  /// The groups of a next state that hold a key too long for an index.
  private nonisolated(nonsending) func groupsWithLongKeys(
    _ sql: RollupSQL, on connection: PostgresConnection
  ) async throws -> Set<String> {
    let groups = sql.unboundedGroups
    if groups.isEmpty { return [] }
    let tests = groups.map {
      "coalesce(bool_or(octet_length(\(quoteIdentifier($0.name))::text) > \(sql.keyBytesMaximum)), false)"
    }
    let rows = try await connection.query(
      "select \(tests.joined(separator: ", ")) from \(sql.nextState.quoted)")
    guard let row = rows.first else { return [] }
    var long: Set<String> = []
    for (index, group) in groups.enumerated() {
      if try row.decode(index, as: Bool.self) { long.insert(group.name) }
    }
    return long
  }

  /// Puts a next state in the place of the one that readers see.
  private nonisolated(nonsending) func swap(_ member: Member, on connection: PostgresConnection) async throws {
    let sql = member.sql
    let old = QualifiedName(schema: sql.view.schema, name: sql.view.name + "__old").name
    let values = sql.distinctValues.flatMap { values in
      [
        "drop table if exists \(values.table.quoted)",
        "alter table \(values.nextTable.quoted) rename to \(quoteIdentifier(values.table.name))",
      ]
    }
    // What an earlier definition made goes with the views of SQL that read it.
    if !member.exists {
      try await ViewRelations.drop(member.view, with: project.views, schema: sql.view.schema, on: connection)
    }
    // The view is locked before its state, which is the order in which readers lock them; the other order deadlocks with
    // a reader.
    let lock = member.exists ? ["lock table \(sql.view.quoted) in access exclusive mode"] : []
    let states = [
      "alter table if exists \(sql.state.quoted) rename to \(quoteIdentifier(old))",
      "alter table \(sql.nextState.quoted) rename to \(quoteIdentifier(sql.state.name))",
      sql.createView,
      "drop table if exists \(QualifiedName(schema: sql.view.schema, name: old).quoted)",
    ]
    do {
      try await execute(values + lock + states, on: connection)
    } catch let error as PostgresError where error.kind == .server {
      throw ViewError.server(view: member.view.name, at: member.view.position, error)
    }
  }

  private nonisolated(nonsending) func execute(
    _ statements: [String], on connection: PostgresConnection
  ) async throws {
    for statement in statements { try await connection.execute(statement) }
  }

  func rollupSQL(_ rollup: RollupDefinition, of view: ViewDefinition) throws(ViewError) -> RollupSQL {
    guard let feed = project.feed(named: rollup.source) else {
      throw ViewError.missingInput(view: view.name, input: rollup.source, at: view.position)
    }
    return RollupSQL(
      view: QualifiedName(schema: project.database.schema, name: view.name), rollup: rollup, feed: feed,
      calendar: project.calendar, below: RollupBelow(rollup, schema: project.database.schema))
  }

  private nonisolated(nonsending) func apply(
    _ delta: RollupDelta, on connection: PostgresConnection
  ) async throws -> Application {
    let lessThanNone = "more rows left some groups than were in them; the journal was not followed"
    let keys = delta.sql.rollup.groups.indices.map(RollupDelta.key)
    try await createStep("daybook_delta", delta.createDelta, statistics: keys, on: connection)
    for values in delta.sql.distinctValues {
      try await createStep(
        "daybook_values", values.createChanges(delta), statistics: ["\"__number\""], on: connection)
      let impossible = try await connection.query(DistinctValues.countImpossible)
      guard try impossible.first?.decode(0, as: Int.self) == 0 else { return .unfit(reason: lessThanNone) }
      try await execute(values.apply + ["drop table pg_temp.daybook_values"], on: connection)
    }
    let groups = try await createStep(
      "daybook_change", delta.createChange, statistics: keys + ["\"__anew\""], on: connection)
    guard let row = try await connection.query(delta.survey).first else { return .unfit(reason: lessThanNone) }
    let survey = try RollupDelta.Survey(row)
    if survey.impossible > 0 { return .unfit(reason: lessThanNone) }
    if survey.notNumbers > 0 {
      return .unfit(reason: "a sum is not a number, and images cannot tell what it becomes")
    }
    if survey.long > 0 { return .unfit(reason: "a new group has a key too long for the index of the others") }
    let anew = survey.anew > 0 ? delta.createAnew : nil
    let withAnew = anew != nil
    var steps: [String] = []
    if let anew { steps.append(anew) }
    if survey.emptied > 0 { steps.append(delta.deleteEmptied) }
    if groups > survey.emptied + survey.new { steps.append(delta.update(withAnew: withAnew)) }
    if survey.new > 0 { steps.append(delta.insert(withAnew: withAnew)) }
    let made = ["daybook_delta", "daybook_change"] + (withAnew ? ["daybook_anew"] : [])
    steps.append("drop table \(made.map { "pg_temp.\($0)" }.joined(separator: ", "))")
    try await execute(steps, on: connection)
    return .applied(groups: groups, anew: survey.anew, growth: survey.new - survey.emptied)
  }

  /// Makes one of the tables by which a delta is worked out.
  ///
  /// - Parameter statistics: the columns, quoted, by which it is grouped or joined; of the others nothing is asked.
  /// - Returns: how many rows it has.
  @discardableResult private nonisolated(nonsending) func createStep(
    _ table: String, _ create: String, statistics: [String], on connection: PostgresConnection
  ) async throws -> Int {
    let rows = try await connection.execute(create)
    // A few are read as fast without statistics, which cost more than reading them.
    if rows >= 1_000 {
      try await connection.execute("analyze pg_temp.\(table) (\(statistics.joined(separator: ", ")))")
    }
    return rows
  }

  private nonisolated(nonsending) func estimatedRows(
    of table: QualifiedName, on connection: PostgresConnection
  ) async throws -> Int? {
    let rows = try await connection.query(
      "select reltuples::bigint from pg_class where oid = to_regclass($1) and reltuples >= 0", [.text(table.quoted)])
    return try rows.first?.decode(0, as: Int.self)
  }
}

/// What came of images.
private enum Application {
  /// So many groups were touched, so many of them had lost what may have been an extreme, and there are so many more now.
  case applied(groups: Int, anew: Int, growth: Int)
  /// They do not tell what the state becomes, and it has to be built anew.
  case unfit(reason: String)
}

/// What a refresh of a rollup did.
private struct RollupResult {
  /// Whether the view's content may differ now.
  var isChanged = true
  /// Whether a next state waits to be swapped in.
  var isRebuilt = false
  /// Rows of the state; nil when they were not counted.
  var rows: Int?
  /// How and why; nil when the table was simply read.
  var detail: String?
  var wall = Duration.zero
  /// By which way it was done, and how many images or rows that took; nil where it tells nothing for the next time.
  var timed: (ViewTimings.Way, Int)?
}

extension Member {
  /// The same member, which reads the next state of the finer rollup where that one is made anew.
  func reading(_ rebuilt: [Member]) -> Member {
    guard let finer = sql.below?.base.name, rebuilt.contains(where: { $0.view.name == finer }) else { return self }
    var member = self
    member.sql.below?.state = RollupSQL.nextStateName(of: QualifiedName(schema: sql.view.schema, name: finer))
    return member
  }

  func outcome(_ result: RollupResult, full: Bool) -> RefreshOutcome {
    if !result.isChanged, let reason = result.detail {
      return RefreshOutcome(
        view: view.name, status: .skipped(reason: reason), rows: nil, wall: result.wall, detail: reason)
    }
    let detail =
      exists
      ? (full ? "rebuilt and swapped: asked for in full" : "rebuilt and swapped")
      : isRedefined ? "made anew: the definition changed" : "made for the first time"
    return RefreshOutcome(
      view: view.name, status: exists ? .refreshed : .created, rows: result.rows, wall: result.wall,
      detail: result.detail ?? detail)
  }
}

extension ViewDefinition {
  /// The relations whose versions tell whether there is something to do.
  var sources: Set<String> {
    guard case .rollup(let rollup) = kind else { return Set(inputs) }
    return Set(inputs + [rollup.source])
  }
}
