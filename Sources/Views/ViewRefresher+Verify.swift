// Proof that rollups equal their recompute, row by row and value by value: what `refresh --verify` does.
// Invariant: state and source are read in one snapshot, and only a state that holds every batch of that snapshot is
// judged. Nobody empties or replaces the source meanwhile.

public import Definitions
internal import Ledger
internal import Postgres
internal import Telemetry

extension ViewRefresher {
  /// Recomputes the selected rollups from their base tables and compares all of them, both ways.
  ///
  /// Native materialized views are PostgreSQL's own recompute and are left out. A rollup that differs is built anew by its
  /// next refresh, whatever that finds changed. One that somebody's batch put behind is refreshed and compared again, a
  /// few times.
  /// - Returns: one outcome per rollup; one that differs names the first groups that do.
  /// - Throws: `ViewError` when a comparison could not be made.
  /// - Complexity: O(rows of the base table) for each rollup.
  public func verify(_ selection: StageDefinition.Selection) async throws -> [CheckOutcome] {
    try await verify(selection, attempts: 5)
  }

  func verify(_ selection: StageDefinition.Selection, attempts: Int) async throws -> [CheckOutcome] {
    var found = try await comparisons(selection)
    for _ in 1..<max(attempts, 1) {
      let behind = found.filter(\.isBehind).map(\.view.name)
      if behind.isEmpty { break }
      _ = try await refresh(.named(behind))
      for again in try await comparisons(.named(behind)) {
        for index in found.indices where found[index].isBehind && found[index].view.name == again.view.name {
          found[index] = again
        }
      }
    }
    let wrong = found.filter(\.isWrong).map(\.view)
    if !wrong.isEmpty {
      try await pool.withConnection(label: "verify") { connection in
        for view in wrong {
          for name in try [view.name] + readersByValues(of: view).map(\.name) {
            try await ViewStates.distrust(name, on: connection)
          }
        }
      }
    }
    return found.map(\.outcome)
  }

  private func comparisons(_ selection: StageDefinition.Selection) async throws -> [RollupComparison] {
    try await eachRollup(selection, stage: "verify") { view, sql, connection in
      try await compare(view, sql, on: connection)
    }
  }

  /// Does `body` for each of the selected rollups, several at once, each in one snapshot that cannot write.
  ///
  /// - Returns: what came of each, in dependency order.
  /// - Throws: `ViewError` when the server refused a statement.
  func eachRollup<R: Sendable>(
    _ selection: StageDefinition.Selection, stage: String,
    _ body:
      nonisolated(nonsending) @escaping @Sendable (ViewDefinition, RollupSQL, PostgresConnection) async throws -> R
  ) async throws -> [R] {
    var rollups: [(view: ViewDefinition, sql: RollupSQL)] = []
    for view in try selected(selection) {
      if case .rollup(let rollup) = view.kind { rollups.append((view, try rollupSQL(rollup, of: view))) }
    }
    let total = rollups.count
    return try await inParallel(rollups, atMost: pool.maximum) { item in
      progress.progress(ProgressUpdate(stage: stage, name: item.view.name, done: 0, total: total, unit: "views"))
      do {
        return try await pool.withConnection(label: stage) { connection in
          let source = item.sql.source.quoted
          let found = try await connection.query("select to_regclass($1) is not null", [.text(source)])
          let exists = try found.first?.decode(0, as: Bool.self) ?? false
          let options = TransactionOptions(isolation: .repeatableRead, isReadOnly: true)
          return try await connection.withTransaction(options) { connection in
            // Before the snapshot, which the first query takes: TRUNCATE does not heed snapshots.
            if exists { try await connection.execute("lock table \(source) in access share mode") }
            try await connection.execute(
              "select set_config('search_path', $1, true)", [.text(quoteIdentifier(item.sql.view.schema))])
            return try await body(item.view, item.sql, connection)
          }
        }
      } catch let error as PostgresError where error.kind == .server {
        throw ViewError.server(view: item.view.name, at: item.view.position, error)
      }
    }
  }

  /// The query that a native materialized view with the content of a rollup's state would hold, and the names of its
  /// groups; nil for a view that is no rollup.
  ///
  /// - Throws: `ViewError` when the rollup's feed is not defined.
  public func recompute(of view: ViewDefinition) throws(ViewError) -> (query: String, key: [String])? {
    guard case .rollup(let rollup) = view.kind else { return nil }
    return (try rollupSQL(rollup, of: view).stateFromSource, rollup.groups.map(\.name))
  }

  private nonisolated(nonsending) func compare(
    _ view: ViewDefinition, _ sql: RollupSQL, on connection: PostgresConnection
  ) async throws -> RollupComparison {
    let name = "\(view.name): recompute"
    func unproven(_ message: String) -> RollupComparison {
      RollupComparison(view: view, outcome: CheckOutcome(name: name, isPassed: false, message: message))
    }
    guard let state = try await ViewStates.current(on: connection)[view.name] else {
      return unproven("was never built")
    }
    guard let absorbed = state.absorbedBatch else { return unproven(Self.reasonOfDistrust) }
    let behind = try await BatchLedger.batches(of: sql.feed.name, after: absorbed, on: connection).count
    if behind > 0 {
      var comparison = unproven(
        "\(behind) \(behind == 1 ? "batch" : "batches") of \(sql.feed.name) came in each time before it was compared; "
          + "nothing is known to differ")
      comparison.isBehind = true
      comparison.outcome.fix = "while nobody writes to \(sql.feed.name): daybook refresh --verify \(view.name)"
      return comparison
    }
    guard try await existing([view], states: [view.name: state], on: connection).contains(view.name) else {
      var comparison = unproven("its tables are not as they were made; its next refresh builds it anew")
      comparison.isWrong = true
      return comparison
    }
    let found = try await difference(
      sql, between: "select * from \(sql.state.quoted)", and: sql.stateFromSource, on: connection)
    var outcome = CheckOutcome(
      name: name, isPassed: found.differing == 0,
      message: found.differing == 0
        ? "\(found.groups) groups equal a recompute, difference 0"
        : found.sentence(of: "groups differ from a recompute"))
    let values = try await valuesDifference(sql, on: connection) {
      ("select * from \($0.table.quoted)", $0.counted(from: sql.source.quoted))
    }
    if let values {
      outcome.status = .failed
      outcome.message = found.differing == 0 ? values.sentence : "\(outcome.message); \(values.sentence)"
    }
    return RollupComparison(view: view, outcome: outcome, isWrong: outcome.status == .failed)
  }

  /// The first of the values that a rollup keeps that are not those of the table: the state may be right by now, and would
  /// be wrong after the next change.
  nonisolated(nonsending) func valuesDifference(
    _ sql: RollupSQL, on connection: PostgresConnection, _ sides: (DistinctValues) -> (held: String, fresh: String)
  ) async throws -> (sentence: String, found: StateDifference)? {
    for values in sql.distinctValues {
      let (held, fresh) = sides(values)
      let found = try await difference(sql, between: held, and: fresh, on: connection)
      if found.differing == 0 { continue }
      let groups = found.differing == 1 ? "1 group" : "\(found.differing) groups"
      return ("the values kept for \(values.measure.name) differ from the table in \(groups): \(found.named)", found)
    }
    return nil
  }

  /// Compares rows of a state with their recompute, both ways.
  nonisolated(nonsending) func difference(
    _ sql: RollupSQL, between held: String, and fresh: String, on connection: PostgresConnection
  ) async throws -> StateDifference {
    var result = StateDifference()
    let names = sql.rollup.groups.map(\.name)
    let query = sql.differences(between: held, and: fresh, atMost: CheckSQL.shownExamples)
    for row in try await connection.query(query) {
      result.differing = try row.decode(0)
      result.groups = try row.decode(1)
      if case .textArray(let key) = try row.value(at: 2) {
        result.examples.append(CheckExample(columns: names, values: key))
      }
    }
    return result
  }
}

/// What came of one rollup.
private struct RollupComparison: Sendable {
  let view: ViewDefinition
  var outcome: CheckOutcome
  /// Whether it was compared and differs.
  var isWrong = false
  /// Whether it was not compared, because somebody loaded meanwhile.
  var isBehind = false
}

/// What differs between a state and its recompute.
struct StateDifference: Sendable {
  /// Groups that differ, or that one side has alone.
  var differing = 0
  /// Groups of the state.
  var groups = 0
  /// Keys of the first groups that differ.
  var examples: [CheckExample] = []

  /// So many groups are named in a message.
  private static let shown = 5

  /// `2 of 7 groups differ from a recompute: customer 3; customer null`.
  func sentence(of what: String) -> String {
    "\(differing) of \(groups) \(what): \(named)"
  }

  /// `customer 3; customer null`.
  var named: String {
    examples.prefix(Self.shown).map(\.sentence).joined(separator: "; ") + (differing > Self.shown ? "; …" : "")
  }
}
