// Carrying out what was chosen for one rollup: a delta step by step, or a next state beside the one that readers see.
// Invariant: a delta changes a state only after a survey of what the images amount to; one that does not fit leaves the
// state alone and makes the rollup be built anew.

internal import Definitions
internal import Ledger
internal import Postgres

/// One rollup in its refresh.
struct RollupMember {
  let view: ViewDefinition
  var sql: RollupSQL
  let word: String?
  /// What is known of a state that can be carried on; nil when it has to be made anew.
  var state: ViewState?
  /// Whether its relations are there and of this definition.
  var exists = false
  /// Whether its view is not the one that was made.
  var isAltered = false
  /// Whether it is known to be another one, and not only made by a program that did not write down what it made.
  var isReplaced = false
  /// Whether an earlier definition stood there.
  var isRedefined = false
  /// Whether nothing is on record of what stands there.
  var isUnknown = false
  /// Whether it was built once and somebody took its relations away.
  var isGone = false
  var work = RollupWork.nothing
}

extension ViewRefresher {
  nonisolated(nonsending) func carryOut(
    _ member: RollupMember, through newest: Int64, images: RollupImages?, on connection: PostgresConnection
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
      let delta = RollupDelta(sql: member.sql, images: images, after: after, through: through)
      switch try await attempt(delta, on: connection) {
      case .applied(let groups, let anew, let reading, let growth):
        result.detail =
          "by delta: \(count) images of \(batches) \(batches == 1 ? "batch" : "batches") onto \(groups) groups"
          + (anew > 0 ? ", \(anew) of them \(reading == .pass ? "read" : "looked up") anew" : "")
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
    result.rows = try await build(member, on: connection)
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
    _ member: RollupMember, on connection: PostgresConnection
  ) async throws -> Int {
    let sql = member.sql
    let wanted = [sql.view, sql.state] + sql.distinctValues.map(\.table)
    try await ViewRelations.requireFree(
      [sql.nextState, sql.oldState] + sql.distinctValues.map(\.nextTable), and: member.exists ? [] : wanted,
      for: member.view, on: connection)
    do {
      return try await build(sql, on: connection)
    } catch let error as PostgresError where ["42704", "42883"].contains(error.sqlState) {
      throw Self.explained(error)
    }
  }

  /// A type without an order, or without equality, is told with what to write; the server's own hint is about an index.
  private static func explained(_ error: PostgresError) -> PostgresError {
    guard error.message.contains("operator class") || error.message.contains("equality operator") else { return error }
    var error = error
    error.hint = "its values have no order to group or count by: write a text of it, such as column::text"
    return error
  }

  private nonisolated(nonsending) func build(_ sql: RollupSQL, on connection: PostgresConnection) async throws -> Int {
    let rows = try await connection.execute(sql.buildNextState)
    let left = try await groupsWithLongKeys(sql, on: connection)
    if let index = sql.indexNextState(leaving: left) { try await connection.execute(index) }
    // Autovacuum may not come by before the first report; small statistics now cost little.
    try await connection.execute("analyze \(sql.nextState.quoted)")
    for values in sql.distinctValues {
      try await connection.execute(values.buildNext)
      try await connection.execute(values.indexNext(leaving: left))
      try await connection.execute(values.markNext)
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
      "coalesce(bool_or(\(sql.isLong(quoteIdentifier($0.name)))), false)"
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

  /// Locks, all or none, what readers see of rollups that are about to be swapped or put back: who waits for the reader
  /// of one view while it holds another keeps the readers of that one waiting, too.
  nonisolated(nonsending) func lock(
    _ rebuilt: [RollupMember], andAltered altered: [RollupMember], on connection: PostgresConnection
  ) async throws {
    guard let first = (altered + rebuilt).first else { return }
    do {
      var names: [QualifiedName] = []
      for member in rebuilt where !member.exists {
        names += try await ViewRelations.doomed(
          by: member.view, with: project.views, schema: member.sql.view.schema, on: connection
        ).map(\.name)
      }
      // Columns that cannot be replaced take the readers of their view along.
      for member in altered {
        names += try await ViewRelations.doomed(
          by: member.view, with: project.views, schema: member.sql.view.schema, keepingState: true, on: connection
        ).map(\.name)
      }
      for member in rebuilt where member.exists {
        names += [member.sql.view, member.sql.state] + member.sql.distinctValues.map(\.table)
      }
      try await connection.lockPatiently(names)
    } catch let error as PostgresError where error.kind == .server {
      throw ViewError.server(view: first.view.name, at: first.view.position, error)
    }
  }

  /// Puts a next state in the place of the one that readers see, behind the lock of that one.
  ///
  /// - Returns: what somebody made on the view and could not be put back.
  nonisolated(nonsending) func swap(
    _ member: RollupMember, on connection: PostgresConnection
  ) async throws -> [String] {
    let sql = member.sql
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
    let states = [
      "alter table if exists \(sql.state.quoted) rename to \(quoteIdentifier(sql.oldState.name))",
      "alter table \(sql.nextState.quoted) rename to \(quoteIdentifier(sql.state.name))",
    ]
    do {
      // Whoever owns the view may be somebody who reads the state by what was granted on it.
      if member.exists { try await ViewGrants.keep(sql.state, on: connection) }
      try await execute(values + states, on: connection)
      try await ViewGrants.restore(sql.state, on: connection)
      try await ViewRelations.makeView(sql, on: connection)
      try await connection.execute("drop table if exists \(sql.oldState.quoted)")
      return member.exists ? [] : try await ViewKeepsakes.restore(sql.view, on: connection)
    } catch let error as PostgresError where error.sqlState == "2BP01" {
      throw ViewError.foreignDependents(
        view: member.view.name, dependents: ViewRelations.foreignNames(in: error.detail ?? error.message),
        at: member.view.position)
    } catch let error as PostgresError where error.kind == .server {
      throw ViewError.server(view: member.view.name, at: member.view.position, error)
    }
  }

  private nonisolated(nonsending) func execute(
    _ statements: [String], on connection: PostgresConnection
  ) async throws {
    for statement in statements { try await connection.execute(statement) }
  }

  /// Applies images, in a savepoint: a row that came and went may be more than an expression bears, and is in no table.
  private nonisolated(nonsending) func attempt(
    _ delta: RollupDelta, on connection: PostgresConnection
  ) async throws -> Application {
    // A delta looks up few places of tables that the night has just read or written, mostly from memory.
    try await connection.executeScript(
      "set local jit = off; set local work_mem = '64MB'; set local random_page_cost = 1.1")
    do {
      return try await connection.withTransaction { connection in try await apply(delta, on: connection) }
    } catch let error as PostgresError where error.isOverValues {
      return .unfit(reason: "over the images the server says: \(error.message)")
    }
  }

  private nonisolated(nonsending) func apply(
    _ delta: RollupDelta, on connection: PostgresConnection
  ) async throws -> Application {
    let lessThanNone = "more rows left some groups than were in them; the journal was not followed"
    let keys = delta.sql.rollup.groups.indices.map(RollupDelta.key)
    try await createStep("daybook_delta", delta.createDelta, statistics: keys, on: connection)
    let groups = try await createStep(
      "daybook_change", delta.createChange, statistics: keys + ["\"__anew\"", "\"__place\""], on: connection)
    guard let row = try await connection.query(delta.survey).first else { return .unfit(reason: lessThanNone) }
    let survey = try RollupDelta.Survey(row)
    if survey.impossible > 0 { return .unfit(reason: lessThanNone) }
    if survey.notNumbers > 0 {
      return .unfit(reason: "a sum is not a number, and images cannot tell what it becomes")
    }
    // Before the values: the index of those has the same keys.
    if survey.long > 0 { return .unfit(reason: "a new group has a key too long for the index of the others") }
    for values in delta.sql.countedValues {
      try await createStep(
        "daybook_values", values.createChanges(delta), statistics: ["\"__number\""], on: connection)
      let impossible = try await connection.query(DistinctValues.countImpossible)
      guard try impossible.first?.decode(0, as: Int.self) == 0 else { return .unfit(reason: lessThanNone) }
      try await execute(values.apply + ["drop table pg_temp.daybook_values"], on: connection)
    }
    let reading = try await anewReading(delta, survey, of: groups, on: connection)
    let createAnew = reading.flatMap { delta.createAnew(by: $0, withNull: survey.anewWithNull > 0) }
    let withAnew = createAnew != nil
    var steps: [String] = []
    if let createAnew { steps.append(createAnew) }
    if survey.emptied > 0 { steps.append(delta.deleteEmptied) }
    if groups > survey.emptied + survey.new { steps.append(delta.update(withAnew: withAnew)) }
    if survey.new > 0 { steps.append(delta.insert(withAnew: withAnew)) }
    let made = ["daybook_delta", "daybook_change"] + (withAnew ? ["daybook_anew"] : [])
    steps.append("drop table \(made.map { "pg_temp.\($0)" }.joined(separator: ", "))")
    try await execute(steps, on: connection)
    return .applied(groups: groups, anew: survey.anew, reading: reading, growth: survey.new - survey.emptied)
  }

  /// How the groups in doubt are best read anew; nil when none is.
  private nonisolated(nonsending) func anewReading(
    _ delta: RollupDelta, _ survey: RollupDelta.Survey, of groups: Int, on connection: PostgresConnection
  ) async throws -> RollupDelta.AnewReading? {
    if survey.anew == 0 { return nil }
    if delta.lookups.isEmpty || survey.anewWithNull > 0 { return .pass }
    if let anewReading { return delta.lookups.contains(anewReading) ? anewReading : .pass }
    if groups < Self.statisticsMinimum {
      try await connection.execute("analyze pg_temp.daybook_change (\"__anew\")")
    }
    let pass = try await cost(of: delta.selectAnew(by: .pass, withNull: false), on: connection)
    for reading in delta.lookups {
      let cost = try await cost(of: delta.selectAnew(by: reading, withNull: false), on: connection)
      // A lookup that costs a good part of a pass has no index.
      guard cost / Double(survey.anew) < pass / 4 else { continue }
      // The server supposes that the page of each row found has to be fetched: lookups by key that were measured as fast
      // as a pass were expected to cost a hundred times as much.
      if reading == .lookups, cost < 8 * pass { return reading }
      // It knows nothing of how much a stretch of time holds; the state does. A row found so was measured as fast as one
      // of a pass, and a day to spare on both sides of a day makes three of one.
      guard reading == .stretches, let row = try await connection.query(delta.countStretches).first else { continue }
      let (found, all) = (try row.decode(0, as: Double.self), try row.decode(1, as: Double.self))
      if 3 * found < all / 2 { return reading }
    }
    return .pass
  }

  /// What the server expects a query to cost, in its own units.
  private nonisolated(nonsending) func cost(
    of select: String, on connection: PostgresConnection
  ) async throws -> Double {
    let plan = try await connection.query("explain \(select)")
    let top = try plan.first?.decode(0, as: String.self) ?? ""
    guard let match = top.firstMatch(of: /cost=[0-9.]+\.\.([0-9.]+)/) else { return .infinity }
    return Double(match.1) ?? .infinity
  }

  /// Fewer rows than this are read as fast without statistics, which cost more than reading them.
  private static let statisticsMinimum = 1_000

  /// Makes one of the tables by which a delta is worked out.
  ///
  /// - Parameter statistics: the columns, quoted, by which it is grouped or joined; of the others nothing is asked.
  /// - Returns: how many rows it has.
  @discardableResult nonisolated(nonsending) func createStep(
    _ table: String, _ create: String, statistics: [String], on connection: PostgresConnection
  ) async throws -> Int {
    let rows = try await connection.execute(create)
    if rows >= Self.statisticsMinimum {
      try await connection.execute("analyze pg_temp.\(table) (\(statistics.joined(separator: ", ")))")
    }
    return rows
  }
}

/// What came of images.
private enum Application {
  /// So many groups were touched, so many of them had lost what may have been an extreme and were read in that way, and
  /// there are so many more now.
  case applied(groups: Int, anew: Int, reading: RollupDelta.AnewReading?, growth: Int)
  /// They do not tell what the state becomes, and it has to be built anew.
  case unfit(reason: String)
}

/// What a refresh of a rollup did.
struct RollupResult {
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

extension RollupMember {
  /// The same member, which reads the next state of a finer rollup, and its next values, where that one is made anew.
  func reading(_ rebuilt: [RollupMember]) -> RollupMember {
    let names = Set(rebuilt.map(\.view.name))
    var member = self
    if let finer = sql.below?.base.name, names.contains(finer) {
      member.sql.below?.state = RollupSQL.nextStateName(of: QualifiedName(schema: sql.view.schema, name: finer))
    }
    if let finest = sql.finerValues?.base.name, names.contains(finest) { member.sql.finerValues?.isNext = true }
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
      : isRedefined
        ? (isUnknown ? "made anew: nothing is on record of what stood there" : "made anew: the definition changed")
        : isGone ? "made anew: what it was made of was gone" : "made for the first time"
    return RefreshOutcome(
      view: view.name, status: exists ? .refreshed : .created, rows: result.rows, wall: result.wall,
      detail: result.detail ?? detail)
  }
}
