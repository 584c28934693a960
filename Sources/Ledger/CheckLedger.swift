// What checks found and when they last passed.
// Failures commit by themselves, so that a stage that fails keeps its record. Examples are text: they are looked at and
// never computed with.

public import Money
public import Postgres

/// One violation that a run found.
public struct CheckFailure: Sendable, Hashable {
  /// The check, or the view.
  public var name: String
  /// The test in words.
  public var test: String
  /// The hash of the test, or of the rollup's definition; nil in what older programs recorded.
  public var testHash: String?
  /// Whether the stage failed for it.
  public var isError: Bool
  /// Rows or groups that violate it; nil when the test could not be made.
  public var failingRows: Int?
  /// What was found.
  public var message: String
  /// File and line of the test.
  public var position: String?
  /// The server's code, when the test could not be made.
  public var sqlState: String?
  /// Whether the rollup was rebuilt for it.
  public var isRepaired: Bool
  /// A few of the rows, at most ten.
  public var examples: [CheckExample]

  /// Creates a failure.
  public init(
    name: String, test: String, testHash: String? = nil, isError: Bool, failingRows: Int?, message: String,
    position: String? = nil, sqlState: String? = nil, isRepaired: Bool = false, examples: [CheckExample] = []
  ) {
    self.name = name
    self.test = test
    self.testHash = testHash
    self.isError = isError
    self.failingRows = failingRows
    self.message = message
    self.position = position
    self.sqlState = sqlState
    self.isRepaired = isRepaired
    self.examples = examples
  }
}

/// One row that violates a test.
public struct CheckExample: Sendable, Hashable {
  /// The names of its columns.
  public var columns: [String]
  /// Their values as text, long ones cut; nil for null.
  public var values: [String?]

  /// Creates an example.
  public init(columns: [String], values: [String?]) {
    self.columns = columns
    self.values = values
  }

  /// `customer_id 7, amount null`.
  public var sentence: String {
    zip(columns, values).map { "\($0) \($1 ?? "null")" }.joined(separator: ", ")
  }
}

/// When a test last passed, and over which data.
public struct CheckPass: Sendable, Hashable {
  /// The version of each relation that it read, as text.
  public var inputVersions: String
  /// The business date, for a test that depends on it.
  public var asOf: CivilDate?
  /// Whether these two tell of everything that it depends on, so that it need not be made again while they stand.
  public var isSteady: Bool

  /// Creates a pass.
  public init(inputVersions: String, asOf: CivilDate?, isSteady: Bool = true) {
    self.inputVersions = inputVersions
    self.asOf = asOf
    self.isSteady = isSteady
  }

  /// The versions of some relations as a pass keeps them.
  ///
  /// - Parameter names: what the test reads.
  public static func text(of names: [String], at versions: [String: Int64]) -> String {
    names.map { "\($0)=\(versions[$0] ?? 0)" }.joined(separator: " ")
  }
}

/// What checks found and when they last passed.
public enum CheckLedger {
  /// Records a violation.
  public static func record(
    _ failure: CheckFailure, run: RunID, asOf: CivilDate, on connection: PostgresConnection
  ) async throws {
    try await connection.withTransaction { connection in
      let rows = try await connection.query(
        """
        INSERT INTO daybook.check_failure
          (run_id, as_of, name, test, severity, failing_rows, message, position, sqlstate, is_repaired, test_hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING failure_id
        """,
        [
          .uuid(run.bytes), .date(asOf), .text(failure.name), .text(failure.test),
          .text(failure.isError ? "error" : "warn"), .optional(failure.failingRows), .text(failure.message),
          .optional(failure.position), .optional(failure.sqlState), .bool(failure.isRepaired),
          .optional(failure.testHash),
        ])
      guard let row = rows.first else { return }
      let number: Int64 = try row.decode(0)
      for (index, example) in failure.examples.enumerated() {
        try await connection.execute(
          "INSERT INTO daybook.check_example (failure_id, number, columns, row_values) VALUES ($1, $2, $3, $4)",
          [.int8(number), .int8(Int64(index + 1)), .textArray(example.columns), .textArray(example.values)])
      }
    }
  }

  /// Forgets what an earlier attempt of the run found; what it repaired stays on record.
  public static func forget(run: RunID, names: [String], on connection: PostgresConnection)
    async throws(PostgresError)
  {
    try await connection.execute(
      "DELETE FROM daybook.check_failure WHERE run_id = $1 AND name = ANY ($2) AND NOT is_repaired",
      [.uuid(run.bytes), .textArray(names)])
  }

  /// What the checks of a run found, in the order in which it was recorded.
  public static func failures(run: RunID, on connection: PostgresConnection) async throws(PostgresError)
    -> [CheckFailure]
  {
    let found = try await connection.query(
      """
      SELECT e.failure_id, e.columns, e.row_values FROM daybook.check_example e JOIN daybook.check_failure f
        USING (failure_id) WHERE f.run_id = $1 ORDER BY e.failure_id, e.number
      """, [.uuid(run.bytes)])
    var examples: [Int64: [CheckExample]] = [:]
    for row in found {
      var values: [String?] = []
      if case .textArray(let texts) = try row.value(at: 2) { values = texts }
      examples[try row.decode(0, as: Int64.self), default: []].append(
        CheckExample(columns: try row.decode(1), values: values))
    }
    let rows = try await connection.query(
      """
      SELECT failure_id, name, test, severity, failing_rows, message, position, sqlstate, is_repaired, test_hash
      FROM daybook.check_failure WHERE run_id = $1 ORDER BY failure_id
      """, [.uuid(run.bytes)])
    var failures: [CheckFailure] = []
    for row in rows {
      failures.append(
        CheckFailure(
          name: try row.decode(1), test: try row.decode(2), testHash: try row.decode(9),
          isError: try row.decode(3, as: String.self) == "error",
          failingRows: try row.decode(4), message: try row.decode(5), position: try row.decode(6),
          sqlState: try row.decode(7), isRepaired: try row.decode(8),
          examples: examples[try row.decode(0, as: Int64.self)] ?? []))
    }
    return failures
  }

  /// The last pass of each test of a check, by the test's hash.
  public static func passes(of name: String, on connection: PostgresConnection) async throws(PostgresError)
    -> [String: CheckPass]
  {
    let rows = try await connection.query(
      "SELECT test_hash, input_versions, as_of, is_steady FROM daybook.check_pass WHERE name = $1", [.text(name)])
    var passes: [String: CheckPass] = [:]
    for row in rows {
      var asOf: CivilDate?
      if case .date(let days) = try row.value(at: 2) { asOf = CivilDate(daysSince1970: Int(days)) }
      passes[try row.decode(0, as: String.self)] = CheckPass(
        inputVersions: try row.decode(1), asOf: asOf, isSteady: try row.decode(3))
    }
    return passes
  }

  /// Records that a test passed; passes of tests that the check does not have any more are forgotten.
  ///
  /// - Parameter hashes: those of all tests that the check has.
  public static func recordPass(
    of name: String, test hash: String, _ pass: CheckPass, keeping hashes: [String], on connection: PostgresConnection
  ) async throws(PostgresError) {
    try await connection.execute(
      """
      WITH gone AS (DELETE FROM daybook.check_pass WHERE name = $1 AND test_hash <> ALL ($5))
      INSERT INTO daybook.check_pass (name, test_hash, input_versions, as_of, is_steady) VALUES ($1, $2, $3, $4, $6)
      ON CONFLICT (name, test_hash) DO UPDATE SET input_versions = excluded.input_versions, as_of = excluded.as_of,
        is_steady = excluded.is_steady, passed_at = clock_timestamp()
      """,
      [
        .text(name), .text(hash), .text(pass.inputVersions), pass.asOf.map { .date($0) } ?? .null, .textArray(hashes),
        .bool(pass.isSteady),
      ])
  }
}

extension LedgerStore {
  /// What the checks of a run found.
  public func checkFailures(run: RunID) async throws(LedgerError) -> [CheckFailure] {
    try await perform { connection async throws(PostgresError) in
      try await CheckLedger.failures(run: run, on: connection)
    }
  }
}
