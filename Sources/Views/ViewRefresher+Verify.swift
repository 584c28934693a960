// Proof that rollups equal their recompute, row by row and value by value: what `refresh --verify` does.
// Invariant: state and source are read in one snapshot, and only a state that holds every batch of that snapshot is judged.

public import Definitions
internal import Ledger
internal import Postgres
internal import Telemetry

extension ViewRefresher {
  /// Recomputes the selected rollups from their base tables and compares all of them, both ways.
  ///
  /// Native materialized views are PostgreSQL's own recompute and are left out.
  /// - Returns: one outcome per rollup; one that differs names the first groups that do.
  /// - Throws: `ViewError` when a comparison could not be made.
  /// - Complexity: O(rows of the base table) for each rollup.
  public func verify(_ selection: StageDefinition.Selection) async throws -> [CheckOutcome] {
    let views = try selected(selection)
    return try await pool.withConnection(label: "verify") { connection in
      var outcomes: [CheckOutcome] = []
      for (index, view) in views.enumerated() {
        guard case .rollup(let rollup) = view.kind else { continue }
        try Task.checkCancellation()
        progress.progress(
          ProgressUpdate(stage: "verify", name: view.name, done: index, total: views.count, unit: "views"))
        let sql = try rollupSQL(rollup, of: view)
        do {
          let outcome = try await connection.withTransaction(
            TransactionOptions(isolation: .repeatableRead, isReadOnly: true)
          ) { connection in try await compare(view, sql, on: connection) }
          outcomes.append(outcome)
        } catch let error as PostgresError where error.kind == .server {
          throw ViewError.server(view: view.name, at: view.position, error)
        }
      }
      return outcomes
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
  ) async throws -> CheckOutcome {
    let name = "\(view.name): recompute"
    guard let state = try await ViewStates.current(on: connection)[view.name] else {
      return CheckOutcome(name: name, isPassed: false, message: "was never built")
    }
    let behind = try await BatchLedger.batches(of: sql.feed.name, after: state.absorbedBatch ?? 0, on: connection).count
    if behind > 0 {
      return CheckOutcome(
        name: name, isPassed: false,
        message: "\(behind) \(behind == 1 ? "batch" : "batches") of \(sql.feed.name) came in meanwhile; run it again")
    }
    try await connection.execute(
      "select set_config('search_path', $1, true)", [.text(quoteIdentifier(sql.view.schema))])
    var groups: [String] = []
    var (count, rows) = (0, 0)
    for row in try await connection.query(sql.differences(atMost: 5)) {
      count = try row.decode(0)
      rows = try row.decode(1)
      if let group = try row.decode(2, as: String?.self) { groups.append(group) }
    }
    if count == 0 {
      return CheckOutcome(name: name, isPassed: true, message: "\(rows) groups equal a recompute, difference 0")
    }
    return CheckOutcome(
      name: name, isPassed: false,
      message: "\(count) of \(rows) groups differ from a recompute: \(groups.joined(separator: "; "))"
        + (count > groups.count ? "; …" : ""))
  }
}

extension RollupSQL {
  /// How many groups differ between the state and its recompute, how many the state has, and the first of those that
  /// differ: one row at least.
  func differences(atMost limit: Int) -> String {
    let keys = rollup.groups.map { quoteIdentifier($0.name) }
    let text = rollup.groups.map {
      "\(quoteLiteral($0.name + " ")) || coalesce(\(quoteIdentifier($0.name))::text, 'null')"
    }
    return """
      with fresh as (
      \(stateFromSource)
      ), differing as (
        select distinct \(keys.joined(separator: ", ")) from (
          (select * from \(state.quoted) except all select * from fresh)
          union all
          (select * from fresh except all select * from \(state.quoted))
        ) as d
      ), named as (
        select \(text.joined(separator: " || ', ' || ")) as name from differing order by 1 limit \(limit)
      )
      select (select count(*) from differing), (select count(*) from \(state.quoted)), named.name
      from (values (1)) as one left join named on true
      """
  }
}
