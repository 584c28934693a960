// Proof that the views hold what the base tables hold: row counts and every additive sum of every rollup
// are compared with the source, exactly. This is the check stage of a night; user-defined checks come later.
// Invariant: both sides are read in one snapshot, so that a concurrent writer cannot make them differ.

public import Definitions
internal import Ledger
internal import Postgres
internal import Telemetry

extension ViewRefresher {
  /// Compares the totals of the selected rollups with their base tables.
  ///
  /// A rollup whose state was already compared at its present version is not compared again.
  /// - Returns: one outcome per rollup and total; all passed unless a view lies.
  /// - Throws: `ViewError` when a comparison could not be made.
  public func check(_ selection: StageDefinition.Selection) async throws -> [CheckOutcome] {
    let views = try selected(selection)
    return try await pool.withConnection(label: "check") { connection in
      let states = try await ViewStates.current(on: connection)
      let versions = try await DataVersions.current(on: connection)
      var outcomes: [CheckOutcome] = []
      for (index, view) in views.enumerated() {
        guard case .rollup(let rollup) = view.kind else { continue }
        try Task.checkCancellation()
        progress.progress(
          ProgressUpdate(stage: "check", name: view.name, done: index, total: views.count, unit: "views"))
        guard let state = states[view.name] else {
          outcomes.append(CheckOutcome(name: view.name, isPassed: false, message: "was never built"))
          continue
        }
        let version = versions[view.name] ?? 0
        if state.checkedVersion == version {
          outcomes.append(CheckOutcome(name: view.name, isPassed: true, message: "unchanged since it was checked"))
          continue
        }
        let sql = try rollupSQL(rollup, of: view)
        do {
          let found = try await compareTotals(view: view.name, sql: sql, on: connection)
          outcomes += found
          if found.allSatisfy(\.isPassed) {
            try await ViewStates.recordCheck(view.name, version: version, on: connection)
          }
        } catch let error as PostgresError where error.kind == .server {
          throw ViewError.server(view: view.name, at: view.position, error)
        }
      }
      return outcomes
    }
  }

  private func compareTotals(view: String, sql: RollupSQL, on connection: PostgresConnection) async throws
    -> [CheckOutcome]
  {
    let rows = try await connection.withTransaction(TransactionOptions(isolation: .repeatableRead, isReadOnly: true)) {
      connection in
      try await connection.query(sql.compareTotals)
    }
    guard let row = rows.first else { return [] }
    return try sql.totals.enumerated().map { index, total in
      let inView = try row.decode(2 * index, as: String.self)
      let inSource = try row.decode(2 * index + 1, as: String.self)
      let isEqual = try row.decode(2 * sql.totals.count + index, as: Bool.self)
      let message =
        isEqual
        ? "\(inView) in the view and in \(sql.feed.name), difference 0"
        : "\(inView) in the view, \(inSource) in \(sql.feed.name)"
      return CheckOutcome(name: "\(view): \(total.label)", isPassed: isEqual, message: message)
    }
  }
}

extension RollupSQL {
  /// One total that the state and the source must share.
  struct Total {
    let label: String
    let inState: String
    let inSource: String
  }

  /// The row count, and every count and sum of the measures.
  var totals: [Total] {
    var totals = [Total(label: "rows", inState: #"coalesce(sum("__n"), 0)"#, inSource: "count(*)")]
    for measure in rollup.measures {
      let only = measure.condition.map { " filter (where \($0))" } ?? ""
      switch measure.function {
      case .count:
        totals.append(
          Total(
            label: "count of \(measure.name)",
            inState: "coalesce(sum(\(quoteIdentifier(measure.name + "__n"))), 0)", inSource: "count(*)\(only)"))
      case .sum(let column), .average(let column), .variance(let column), .stddev(let column):
        totals.append(
          Total(
            label: "sum of \(measure.name)",
            inState: "coalesce(sum(\(quoteIdentifier(measure.name + "__sum"))), 0)",
            inSource: "coalesce(sum(\(quoteIdentifier(column))::numeric)\(only), 0)"))
      case .min, .max, .first, .last, .distinct: continue
      }
    }
    return totals
  }

  /// One row: state and source of each total as text, then whether each pair is equal.
  var compareTotals: String {
    let totals = self.totals
    let stateColumns = totals.enumerated().map { "\($0.element.inState) as s\($0.offset)" }
    let sourceColumns = totals.enumerated().map { "\($0.element.inSource) as b\($0.offset)" }
    let pairs = totals.indices.map { "state.s\($0)::text, base.b\($0)::text" }
    let equal = totals.indices.map { "state.s\($0) = base.b\($0)" }
    return """
      select \((pairs + equal).joined(separator: ", "))
      from (select \(stateColumns.joined(separator: ", ")) from \(state.quoted)) as state,
        (select \(sourceColumns.joined(separator: ", ")) from \(source.quoted)) as base
      """
  }
}
