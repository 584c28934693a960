// What every test and every rollup came to for the data as they stand: failed, warned, passed, or not made.
// Invariant: nothing is called passed but what the ledger says passed with the data that a set shows: its own hash, over the
// present versions of all it reads, and for this date where the date matters. A failure stands until the test passes.
// How it is laid out is elsewhere: DataQualityPage+Checks.

internal import Definitions
internal import Ledger
internal import Markup
internal import Money
internal import Postgres

/// The tests of a project and its rollups.
struct CheckStanding: Sendable {
  /// One test, or one rollup.
  struct Entry: Sendable, Hashable {
    enum Outcome: Sendable, Hashable { case failed, warned, passed, notMade }

    var name: String
    var test: String
    var severity: String
    var position: String
    var outcome: Outcome
    /// Whether the server refused it, which is a failure of the test itself.
    var isBroken = false
    /// Rows or groups that violate it.
    var rows: Int?
    /// What was found, or why nothing can be said.
    var found: String?
    /// When it last passed, in UTC.
    var lastPassed: String?

    /// The outcome as a reader is told it.
    var word: String {
      switch outcome {
      case .failed: isBroken ? "not made" : "failed"
      case .warned: "warned"
      case .passed: "passed"
      case .notMade: "not made"
      }
    }
  }

  var entries: [Entry]
  /// The violations that stand, by number.
  var failures: [Int64]
  /// What gave the violations.
  var statement: RanStatement

  /// Changes with whatever a reader is told of the checks, and not when a test only passes once more.
  var mark: String {
    ContentHash.fingerprint(
      entries.flatMap { entry in
        [entry.name, entry.test, entry.severity, entry.word, entry.found ?? "", entry.position]
          + [entry.rows.map(String.init) ?? ""]
      })
  }

  /// Reads what stands, in the caller's transaction.
  static func read(_ queries: ReportQueries, state: LedgerState) async throws -> CheckStanding {
    let subjects = subjects(of: queries.project)
    let (found, statement) = try await queries.told(
      """
      SELECT t.place::int - 1, f.failure_id, f.severity = 'error', f.failing_rows, f.message, f.sqlstate IS NOT NULL,
        f.as_of, (extract(epoch FROM f.recorded_at) * 1000000)::bigint
      FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t(name, hash, place)
      CROSS JOIN LATERAL (SELECT run_id FROM daybook.check_failure
        WHERE name = t.name AND test_hash = t.hash ORDER BY failure_id DESC LIMIT 1) AS last
      JOIN daybook.check_failure f ON f.name = t.name AND f.test_hash = t.hash AND f.run_id = last.run_id
      ORDER BY t.place, f.failure_id
      """, [.textArray(subjects.map(\.name)), .textArray(subjects.map(\.hash))])
    var failures: [Int: [Failure]] = [:]
    for row in found { failures[try row.decode(0, as: Int.self), default: []].append(try Failure(row)) }
    let passes = try await passes(on: queries.connection)
    var standing = CheckStanding(entries: [], failures: [], statement: statement)
    for (place, subject) in subjects.enumerated() {
      let pass = passes[subject.passKey]
      var entry = Entry(
        name: subject.name, test: subject.test, severity: subject.severity, position: subject.position,
        outcome: .passed, lastPassed: pass?.shown)
      let violations = failures[place] ?? []
      if let first = violations.first, violations.contains(where: { $0.recordedAt > pass?.recordedAt ?? 0 }) {
        entry.outcome = violations.contains(where: \.isError) ? .failed : .warned
        entry.isBroken = first.isBroken
        entry.rows = first.rows
        entry.found = first.message
        if first.asOf != queries.asOf { entry.found? += " (found for \(DateText.day(first.asOf)))" }
        standing.failures += violations.map(\.number)
      } else if let reason = subject.reasonNotMade(pass, state, queries.asOf) {
        entry.outcome = .notMade
        entry.found = reason
      }
      standing.entries.append(entry)
    }
    return standing
  }

  // MARK: What is tested

  /// A test or a rollup before anything is known of it.
  private struct Subject {
    enum Kind {
      case test(CheckTest)
      case rollup(ViewDefinition)
    }

    var kind: Kind
    var name: String
    var test: String
    var hash: String
    var severity: String
    var position: String

    var passKey: String {
      switch kind {
      case .test: "test \(name) \(hash)"
      case .rollup: "view \(name) \(hash)"
      }
    }

    /// Why it cannot be said to have passed with the data of the set; nil when it can.
    func reasonNotMade(_ pass: Pass?, _ state: LedgerState, _ asOf: CivilDate) -> String? {
      switch kind {
      case .test(let test):
        guard let pass else { return "it was never made" }
        if pass.versions != CheckPass.text(of: test.inputs, at: state.versions) {
          return "the data changed since it passed"
        }
        return pass.asOf.flatMap { date -> String? in
          date == asOf ? nil : "it last passed for \(DateText.day(date))"
        }
      case .rollup(let view):
        guard let built = state.views[view.name] else { return "the view was never built" }
        guard pass != nil, let checked = built.checkedVersion, built.definitionHash == view.definitionHash else {
          return "it was never compared"
        }
        let moved = state.movedInputs(of: view, since: built)
        if !moved.isEmpty { return "\(moved.joined(separator: ", ")) changed since its refresh" }
        return checked == state.versions[view.name] ?? 0 ? nil : "it changed since it was compared"
      }
    }
  }

  private static func subjects(of project: Project) -> [Subject] {
    let tests = project.checks.flatMap { check in
      check.tests.map { test in
        Subject(
          kind: .test(test), name: check.name, test: test.label, hash: test.hash, severity: test.severity.rawValue,
          position: "\(test.position)")
      }
    }
    let rollups = project.views.compactMap { view -> Subject? in
      guard case .rollup = view.kind else { return nil }
      return Subject(
        kind: .rollup(view), name: view.name, test: "equal to its table", hash: view.definitionHash, severity: "error",
        position: "\(view.position)")
    }
    return tests + rollups
  }

  // MARK: What the ledger says

  private struct Failure {
    var number: Int64
    var isError: Bool
    var rows: Int?
    var message: String
    var isBroken: Bool
    var asOf: CivilDate
    var recordedAt: Int64

    init(_ row: PostgresRow) throws(PostgresError) {
      number = try row.decode(1)
      isError = try row.decode(2)
      rows = try row.decode(3)
      message = try row.decode(4)
      isBroken = try row.decode(5)
      asOf = CivilDate(daysSince1970: 0)
      if case .date(let days) = try row.value(at: 6) { asOf = CivilDate(daysSince1970: Int(days)) }
      recordedAt = try row.decode(7)
    }
  }

  private struct Pass {
    var versions: String
    var asOf: CivilDate?
    var shown: String
    var recordedAt: Int64
  }

  private static func passes(on connection: PostgresConnection) async throws(PostgresError) -> [String: Pass] {
    let rows = try await connection.query(
      """
      SELECT key, versions, as_of, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
        (extract(epoch FROM at) * 1000000)::bigint
      FROM (SELECT concat_ws(' ', 'test', name, test_hash) AS key, input_versions AS versions, as_of, passed_at AS at
          FROM daybook.check_pass
        UNION ALL SELECT concat_ws(' ', 'view', view, definition_hash), '', NULL, proven_at FROM daybook.view_proof) AS p
      """)
    var passes: [String: Pass] = [:]
    for row in rows {
      var pass = Pass(
        versions: try row.decode(1), asOf: nil, shown: try row.decode(3), recordedAt: try row.decode(4))
      if case .date(let days) = try row.value(at: 2) { pass.asOf = CivilDate(daysSince1970: Int(days)) }
      passes[try row.decode(0, as: String.self)] = pass
    }
    return passes
  }
}
