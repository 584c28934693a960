// Makes the tests of checks, several at once, and records what they found.
// Invariant: each test reads one snapshot in a transaction that cannot write; a test that fails, or whose SQL the server
// refuses, does not keep others from being made. A test passes over unchanged data once. SQL is made elsewhere (CheckSQL).

public import Definitions
internal import Finding
public import Ledger
public import Money
public import Postgres
public import Telemetry

/// Makes the tests of a project's checks.
public struct CheckRunner: Sendable {
  let project: Project
  let pool: PostgresPool
  let asOf: CivilDate
  let progress: any ProgressSink

  /// At most so many characters of a value are kept in an example; a mark tells that there were more.
  public static let shownCharacters = 200

  /// Creates a runner that borrows connections from `pool`.
  ///
  /// - Parameter asOf: the business date, which says what is fresh and which day is the newest.
  public init(project: Project, pool: PostgresPool, asOf: CivilDate, progress: any ProgressSink = NullProgress()) {
    self.project = project
    self.pool = pool
    self.asOf = asOf
    self.progress = progress
  }

  /// Makes the tests of some checks.
  ///
  /// - Parameter run: the run under which violations are recorded.
  /// - Returns: one outcome per test, in the order of checks and tests.
  /// - Throws: `PostgresError` when the server cannot be worked with; what tests found until then is recorded.
  public func run(_ checks: [CheckDefinition], run: RunID) async throws -> [CheckOutcome] {
    let work = checks.flatMap { check in check.tests.map { (check: check, test: $0) } }
    if work.isEmpty { return [] }
    let (versions, functions) = try await pool.withConnection(label: "check") { connection in
      try await CheckLedger.forget(run: run, names: checks.map(\.name), on: connection)
      return (
        try await DataVersions.current(on: connection),
        try await CalledFunctions.read(of: work.map(\.test).filter(\.isSteady).map(\.calling), on: connection)
      )
    }
    return try await inParallel(work, atMost: pool.maximum) { item in
      progress.progress(
        ProgressUpdate(stage: "check", name: item.check.name, done: 0, total: work.count, unit: "tests"))
      return try await pool.withConnection(label: "check \(item.check.name)") { connection in
        var test = item.test
        // What somebody made may read what no text names, whatever it says of itself, and so may what is volatile.
        if functions.called(by: test.calling).contains(where: { $0.isMade || $0.isUnsteady }) { test.isSteady = false }
        return try await outcome(of: test, item.check, versions: versions, run: run, on: connection)
      }
    }
  }

  private nonisolated(nonsending) func outcome(
    of test: CheckTest, _ check: CheckDefinition, versions: [String: Int64], run: RunID,
    on connection: PostgresConnection
  ) async throws -> CheckOutcome {
    let name = "\(check.name): \(test.label)"
    // Versions were read before the rows: what comes in between is looked at again.
    let pass = CheckPass(
      inputVersions: CheckPass.text(of: test.inputs, at: versions),
      asOf: test.dependsOnDate || !test.isSteady ? asOf : nil, isSteady: test.isSteady)
    if test.isSteady, try await CheckLedger.passes(of: check.name, on: connection)[test.hash] == pass {
      return CheckOutcome(
        name: name, status: .skipped, message: "unchanged since it passed", position: test.position)
    }
    var outcome = try await judged(test, check, on: connection)
    outcome.name = name
    outcome.position = test.position
    outcome.isRoutine = !test.isSteady
    if let failure = outcome.failure {
      try await CheckLedger.record(failure, run: run, asOf: asOf, on: connection)
    } else {
      try await CheckLedger.recordPass(
        of: check.name, test: test.hash, pass, keeping: check.tests.map(\.hash), on: connection)
    }
    return outcome
  }

  /// Makes the test; SQL that the server refuses is a violation of its own.
  private nonisolated(nonsending) func judged(
    _ test: CheckTest, _ check: CheckDefinition, on connection: PostgresConnection
  ) async throws -> CheckOutcome {
    do {
      return try await connection.withTransaction(TransactionOptions(isolation: .repeatableRead, isReadOnly: true)) {
        connection in
        try await connection.execute(
          """
          select set_config('search_path', $1, true), set_config('TimeZone', $2, true), set_config('jit', 'off', true)
          """, [.text(quoteIdentifier(project.database.schema)), .text(project.calendar.timeZone)])
        return try await made(test, check, on: connection)
      }
    } catch let error as PostgresError where error.kind == .server && !error.isTransient && !Task.isCancelled {
      let failure = CheckFailure(
        name: check.name, test: test.label, testHash: test.hash, isError: true, failingRows: nil,
        message: "the server refused it: \(error.message)", position: "\(test.position)", sqlState: error.sqlState)
      return CheckOutcome(name: "", status: .broken, message: failure.message, failure: failure)
    }
  }

  private nonisolated(nonsending) func made(
    _ test: CheckTest, _ check: CheckDefinition, on connection: PostgresConnection
  ) async throws -> CheckOutcome {
    var sql = CheckSQL(
      schema: project.database.schema, relation: check.relation, test: test, asOf: asOf,
      timeZone: project.calendar.timeZone)
    if let column = sql.dateColumn { sql.dateType = try await dateType(of: column, in: sql.target, on: connection) }
    if case .freshness(let column, let warnAfter, let errorAfter) = test.kind {
      let rows = try await connection.query(sql.freshness(column, warnAfter, errorAfter))
      return try freshness(rows, test, check)
    }
    guard let row = try await connection.query(sql.count).first else {
      return CheckOutcome(name: "", isPassed: true, message: "no row violates it")
    }
    let violations: Int = try row.decode(0)
    let judged: Int? = try row.decode(1)
    let groups: Int? = try row.decode(2)
    guard violations > 0 else {
      return CheckOutcome(name: "", isPassed: true, message: Self.passed(judged: judged, of: groups))
    }
    var examples: [CheckExample] = []
    for row in try await connection.query(sql.examples) {
      var values: [String?] = []
      if case .textArray(let texts) = try row.value(at: 1) { values = texts }
      examples.append(CheckExample(columns: try row.decode(0), values: values))
    }
    return violated(
      test, check, isError: test.severity == .error, rows: violations, message: test.sentence(violations, in: check),
      examples)
  }

  private static func passed(judged: Int?, of groups: Int?) -> String {
    guard let judged, let groups else { return "no row violates it" }
    if groups == 0 { return "no row within \(CheckSQL.historyDays) days" }
    let history = "\(CheckSQL.leastWeekdays) such weekdays and \(CheckSQL.leastMonthdays) such days of the month"
    if judged == 0 { return "too little history to judge by: fewer than \(history)" }
    return judged == groups
      ? "no anomaly in \(judged) groups"
      : "no anomaly in \(judged) groups; \(groups - judged) with fewer than \(history)"
  }

  private func violated(
    _ test: CheckTest, _ check: CheckDefinition, isError: Bool, rows: Int, message: String, _ examples: [CheckExample]
  ) -> CheckOutcome {
    let failure = CheckFailure(
      name: check.name, test: test.label, testHash: test.hash, isError: isError, failingRows: rows, message: message,
      position: "\(test.position)", examples: examples)
    return CheckOutcome(name: "", status: isError ? .failed : .warned, message: message, failure: failure)
  }

  // MARK: Days

  private nonisolated(nonsending) func dateType(
    of column: String, in table: QualifiedName, on connection: PostgresConnection
  ) async throws -> CheckSQL.DateType {
    let rows = try await connection.query(
      """
      select format_type(atttypid, null) from pg_attribute
      where attrelid = to_regclass($1) and attname = $2 and attnum > 0 and not attisdropped
      """, [.text(table.quoted), .text(column)])
    // An unknown relation or column is the server's to refuse, with its code.
    guard let text = try rows.first?.decode(0, as: String.self) else { return .date }
    guard let type = CheckSQL.DateType(rawValue: text) else {
      var error = PostgresError(
        .server, "column \"\(column)\" is \(text), and not a day or a moment", sqlState: "42804")
      error.hint = "name a column of type date, timestamp or timestamptz"
      throw error
    }
    return type
  }

  private func freshness(_ rows: PostgresRows, _ test: CheckTest, _ check: CheckDefinition) throws -> CheckOutcome {
    guard let row = rows.first else { return CheckOutcome(name: "", isPassed: true, message: "") }
    let newest: String? = try row.decode(0)
    let age: Int? = try row.decode(1)
    let isWarning: Bool = try row.decode(2)
    let isError: Bool = try row.decode(3)
    let message =
      newest.map { "the newest is \($0), \(Self.text(seconds: age ?? 0)) before the end of \(asOf)" }
      ?? "\(check.relation ?? "") holds no row up to the end of \(asOf)"
    if !isWarning && !isError { return CheckOutcome(name: "", isPassed: true, message: message) }
    return violated(test, check, isError: isError && test.severity == .error, rows: 1, message: message, [])
  }

  /// `2d 3h`, `4h 5m`, `7m`.
  private static func text(seconds: Int) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60)
    if days > 0 { return hours > 0 ? "\(days)d \(hours)h" : "\(days)d" }
    return hours > 0 ? "\(hours)h \(minutes)m" : "\(minutes)m"
  }
}

extension CheckTest {
  /// Whether what it finds depends on the business date.
  var dependsOnDate: Bool {
    if case .anomaly = kind { return true }
    return false
  }

  /// What so many violations are, in words.
  func sentence(_ count: Int, in check: CheckDefinition) -> String {
    let relation = check.relation ?? ""
    let rows = "\(count) row\(count == 1 ? "" : "s")"
    switch kind {
    case .notNull(let columns): return "\(rows) of \(relation) without \(columns.joined(separator: " or "))"
    case .unique(let columns):
      return
        "\(count) value\(count == 1 ? "" : "s") of \(columns.joined(separator: ", ")) more than once in \(relation)"
    case .acceptedValues(let column, _): return "\(rows) of \(relation) with another \(column)"
    case .relationship(let column, let other, _): return "\(rows) of \(relation) whose \(column) is not in \(other)"
    case .range(let column, let minimum, let maximum):
      let limits = [minimum.map { "below \($0)" }, maximum.map { "above \($0)" }].compactMap { $0 }
      return "\(rows) of \(relation) with \(column) \(limits.joined(separator: " or "))"
    case .anomaly(let test):
      let what = test.sum.map { "the sum of \($0)" } ?? "the number of rows"
      return "\(what) of the newest day is far from its weekdays and its days of the month"
        + (test.by.map { " in \(count) of \($0)" } ?? "")
    case .freshness: return ""
    case .equal: return "\(rows) in one of the queries alone"
    case .noRow: return "\(rows) where none should be"
    }
  }
}
