// The nightly proof of rollups: their totals, and one of 32 slices of their groups recomputed from the table.
// Invariant: all that is compared is read in one snapshot, and a state that does not hold every batch of that snapshot is
// not judged. Totals are compared with the table once; from there on with those proven totals and the images since, which
// costs what changed. Whatever the journal does not surely tell, and whatever it finds to differ, is read from the table.
// What users say must be true is elsewhere: CheckRunner.

public import Definitions
internal import Finding
public import Ledger
public import Money
internal import Postgres

/// The night in which rollups are proven.
public struct CheckedNight: Sendable, Hashable {
  /// The run under which differences are recorded.
  public var run: RunID
  /// The business date; the same one again does no other slice's work as long as nothing changed.
  public var asOf: CivilDate

  /// Creates a night.
  public init(run: RunID, asOf: CivilDate) {
    self.run = run
    self.asOf = asOf
  }
}

/// What was found of one rollup in one snapshot, before anything is written down.
private struct RollupFindings: Sendable {
  let view: ViewDefinition
  var outcomes: [CheckOutcome] = []
  /// Whether there is a state at all.
  var isBuilt = true
  /// What holds from now on; nil when nothing new is known.
  var proof: ViewProof?
  /// The slice that was found equal now.
  var slice: SliceProof?
  /// The view's version at which all totals are equal; nil when they were not compared, or differ.
  var checkedVersion: Int64?
}

extension ViewRefresher {
  /// Proves the selected rollups.
  ///
  /// What was compared at a view's present version is not compared again.
  /// - Parameter night: with it a slice of the groups is recomputed too, and a rollup that differs is recorded and
  ///   rebuilt; without it totals alone are compared, and nothing is mended.
  /// - Returns: one outcome per rollup and comparison; all passed unless a view lies, mended or not.
  /// - Throws: `ViewError` when a comparison could not be made.
  public func check(
    _ selection: StageDefinition.Selection, in night: CheckedNight? = nil
  ) async throws -> [CheckOutcome] {
    if let night {
      let names = try selected(selection).map { $0.name }
      try await pool.withConnection(label: "check") { connection in
        try await CheckLedger.forget(run: night.run, names: names, on: connection)
      }
    }
    var found = try await eachRollup(selection, stage: "check") { view, sql, connection in
      try await findings(of: view, sql, night, on: connection)
    }
    for index in found.indices {
      try await record(found[index])
      if let night { try await mend(&found[index], night) }
    }
    return found.flatMap(\.outcomes)
  }

  private nonisolated(nonsending) func findings(
    of view: ViewDefinition, _ sql: RollupSQL, _ night: CheckedNight?, on connection: PostgresConnection
  ) async throws -> RollupFindings {
    var found = RollupFindings(view: view)
    guard let state = try await ViewStates.current(on: connection)[view.name] else {
      found.isBuilt = false
      found.outcomes = [CheckOutcome(name: view.name, isPassed: false, message: "was never built")]
      return found
    }
    let versions = try await DataVersions.current(on: connection)
    let version = versions[view.name] ?? 0
    if let reason = try await reasonNotToJudge(view, sql, state, versions, on: connection) {
      found.outcomes = [CheckOutcome(name: view.name, status: .unjudged, message: reason)]
      return found
    }
    var proof = try await ViewProofs.current(of: view.name, on: connection)
    if proof?.definitionHash != view.definitionHash { proof = nil }
    if state.checkedVersion == version {
      found.outcomes = [CheckOutcome(name: view.name, status: .skipped, message: "unchanged since it was checked")]
    } else {
      let totals = try await compareTotals(view.name, sql, state, proof, on: connection)
      found.outcomes = totals.outcomes
      if totals.outcomes.allSatisfy(\.isPassed) {
        found.checkedVersion = version
        var new = proof ?? ViewProof(definitionHash: view.definitionHash)
        new.batch = state.absorbedBatch
        new.totals = totals.values
        proof = new
        found.proof = new
      }
    }
    guard let night else { return found }
    let known = proof ?? ViewProof(definitionHash: view.definitionHash)
    let turn = SliceTurn(among: known.slices, at: version, in: night.asOf)
    var outcome = try await compareSlice(
      RollupSlice(sql: sql, number: turn.number), of: view, isKnown: turn.isKnown, on: connection)
    outcome.isRoutine = state.checkedVersion == version
    found.outcomes.append(outcome)
    if outcome.status == .passed {
      found.proof = known
      found.slice = SliceProof(number: turn.number, version: version, night: night.asOf)
    }
    return found
  }

  /// What is said of a state that does not say which batches it holds.
  static let reasonOfDistrust = "nothing proves what it holds; its next refresh builds it anew"

  /// Why state and table may differ rightly, or nil.
  private nonisolated(nonsending) func reasonNotToJudge(
    _ view: ViewDefinition, _ sql: RollupSQL, _ state: ViewState, _ versions: [String: Int64],
    on connection: PostgresConnection
  ) async throws -> String? {
    if state.definitionHash != view.definitionHash { return "its definition changed since it was built" }
    if let word = sql.rollup.unsteadyWord(try await unsteadyFunctions(of: [sql.rollup], on: connection)) {
      return "\"\(word)\" in its definition is more than the row tells"
    }
    guard let absorbed = state.absorbedBatch else { return Self.reasonOfDistrust }
    let behind = try await BatchLedger.batches(of: sql.feed.name, after: absorbed, on: connection).count
    if behind > 0 {
      return "\(behind) \(behind == 1 ? "batch" : "batches") of \(sql.feed.name) came in since its refresh"
    }
    let moved = view.inputs.filter { (state.inputVersions[$0] ?? 0) != (versions[$0] ?? 0) }
    return moved.isEmpty ? nil : "\(moved.joined(separator: ", ")) changed since its refresh"
  }

  // MARK: Totals

  private nonisolated(nonsending) func compareTotals(
    _ view: String, _ sql: RollupSQL, _ state: ViewState, _ proof: ViewProof?, on connection: PostgresConnection
  ) async throws -> (outcomes: [CheckOutcome], values: [String]) {
    if let proof, let found = try await compareByJournal(view, sql, state, proof, on: connection) { return found }
    let count = sql.totals.count
    let compared = try await connection.query(sql.compareTotals).map {
      try ComparedTotals($0, totals: count, hasImages: false)
    }
    return outcomes(view, sql, compared, by: sql.feed.name)
  }

  /// Compares with what was proven and the images since; nil when the journal does not tell, or when it tells of a
  /// difference, which the table has to confirm.
  private nonisolated(nonsending) func compareByJournal(
    _ view: String, _ sql: RollupSQL, _ state: ViewState, _ proof: ViewProof, on connection: PostgresConnection
  ) async throws -> (outcomes: [CheckOutcome], values: [String])? {
    let count = sql.totals.count
    guard let totals = proof.totals, totals.count.isMultiple(of: count + 1), let from = proof.batch,
      let to = state.absorbedBatch, from <= to
    else { return nil }
    let batches = try await BatchLedger.batches(of: sql.feed.name, after: from, on: connection)
    guard batches.allSatisfy({ $0.kind == .delta && $0.batchID <= to }), !batches.isEmpty,
      try await hasJournal(of: sql.feed.name, on: connection)
    else { return nil }
    let compared = try await connection.query(
      sql.compareTotalsByJournal, [.textArray(totals), .int8(from), .int8(to)]
    ).map { try ComparedTotals($0, totals: count, hasImages: true) }
    // Images that were taken away, or that no batch tells of, leave the table as the only witness.
    guard compared.reduce(0, { $0 + $1.images.plus }) == batches.reduce(0, { $0 + $1.rowsPlus }),
      compared.reduce(0, { $0 + $1.images.minus }) == batches.reduce(0, { $0 + $1.rowsMinus })
    else { return nil }
    let found = outcomes(view, sql, compared, by: "the journal of \(sql.feed.name)")
    return found.outcomes.allSatisfy(\.isPassed) ? found : nil
  }

  nonisolated(nonsending) func hasJournal(
    of feed: String, on connection: PostgresConnection
  ) async throws -> Bool {
    let rows = try await connection.query(
      "select to_regclass($1) is not null", [.text(JournalTable.name(of: feed).quoted)])
    return try rows.first?.decode(0, as: Bool.self) ?? false
  }

  /// What is said of each total, and what is recorded as proven: each currency and its totals.
  private func outcomes(
    _ view: String, _ sql: RollupSQL, _ compared: [ComparedTotals], by witness: String
  ) -> (outcomes: [CheckOutcome], values: [String]) {
    /// So many currencies stand in a message.
    let shown = 5
    func list(_ texts: [String], _ separator: String) -> String {
      texts.isEmpty
        ? "no rows" : texts.prefix(shown).joined(separator: separator) + (texts.count > shown ? "\(separator)…" : "")
    }
    let outcomes = sql.totals.enumerated().map { index, total in
      let different = compared.filter { !$0.isEqual[index] }
      let message =
        different.isEmpty
        ? "\(list(compared.map { $0.text($0.inView[index]) }, ", ")) in the view and in \(witness), difference 0"
        : list(
          different.map { "\($0.text($0.inView[index])) in the view, \($0.text($0.inSource[index])) in \(witness)" },
          "; ")
      return CheckOutcome(name: "\(view): \(total.label)", isPassed: different.isEmpty, message: message)
    }
    return (outcomes, compared.flatMap { [$0.currency] + $0.inView })
  }

  // MARK: Slices

  private nonisolated(nonsending) func compareSlice(
    _ slice: RollupSlice, of view: ViewDefinition, isKnown: Bool, on connection: PostgresConnection
  ) async throws -> CheckOutcome {
    let name = "\(view.name): slice \(slice.number + 1) of \(RollupSlice.count)"
    if isKnown { return CheckOutcome(name: name, status: .skipped, message: "unchanged since it was checked") }
    // A stretch of the table is to be read through its index; the planner does not know how few stretches there are.
    let isReadWhole = slice.isIndexed ? "off" : "on"
    try await connection.execute(
      """
      select set_config('jit', 'off', true), set_config('enable_hashjoin', $1, true),
        set_config('enable_mergejoin', $1, true), set_config('enable_seqscan', $1, true)
      """, [.text(isReadWhole)])
    var found = try await difference(slice.sql, between: slice.held, and: slice.recomputed, on: connection)
    var message = found.sentence(of: "groups of this slice differ from a recompute")
    if found.differing == 0 {
      guard let values = try await valuesDifference(slice.sql, on: connection, slice.values) else {
        return CheckOutcome(
          name: name, isPassed: true, message: "\(found.groups) groups equal a recompute, difference 0")
      }
      (message, found) = (values.sentence, values.found)
    }
    var outcome = CheckOutcome(name: name, isPassed: false, message: message)
    outcome.failure = CheckFailure(
      name: view.name, test: "slice \(slice.number + 1) of \(RollupSlice.count)", testHash: view.definitionHash,
      isError: true,
      failingRows: found.differing, message: outcome.message, position: "\(view.position)", examples: found.examples)
    return outcome
  }

  // MARK: Writing down

  private func record(_ found: RollupFindings) async throws {
    if found.proof == nil, found.checkedVersion == nil { return }
    try await pool.withConnection(label: "check") { connection in
      if let version = found.checkedVersion {
        try await ViewStates.recordCheck(found.view.name, version: version, on: connection)
      }
      if let proof = found.proof {
        try await ViewProofs.record(proof, of: found.view.name, slice: found.slice, on: connection)
      }
    }
  }

  /// Rebuilds a rollup that differs from its table, and writes down that it did.
  private func mend(_ found: inout RollupFindings, _ night: CheckedNight) async throws {
    let view = found.view
    let failed = found.outcomes.indices.filter { found.outcomes[$0].status == .failed }
    guard !failed.isEmpty, found.isBuilt else { return }
    var consequence = "rebuilt from the table"
    var isRepaired = true
    do {
      // Those that count by its values too: they may have taken up what was wrong with them.
      let readers = try readersByValues(of: view).map(\.name)
      _ = try await refresh(.named([view.name] + readers), full: true)
    } catch {
      if Task.isCancelled { throw error }
      // The difference is what has to be told; that it stands is told with it.
      isRepaired = false
      consequence = "it could not be rebuilt: \((error as? ViewError)?.diagnostic.message ?? "\(error)")"
    }
    for index in failed {
      found.outcomes[index].message += "; \(consequence)"
      let outcome = found.outcomes[index]
      var failure =
        outcome.failure
        ?? CheckFailure(
          name: view.name, test: String(outcome.name.dropFirst(view.name.count + 2)), testHash: view.definitionHash,
          isError: true, failingRows: nil, message: "", position: "\(view.position)")
      failure.message = outcome.message
      failure.isRepaired = isRepaired
      found.outcomes[index].failure = failure
      found.outcomes[index].position = view.position
      try await pool.withConnection(label: "check") { [failure] connection in
        try await CheckLedger.record(failure, run: night.run, asOf: night.asOf, on: connection)
      }
    }
  }
}
