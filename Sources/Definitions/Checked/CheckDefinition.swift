// One check: what must be true of a feed, a view or a table, as a list of tests.
// Invariant: every column named of a feed or a rollup exists and fits its test; free SQL is one query. What a test
// finds, and when it is made again, is elsewhere: the room Views.

public import Finding
public import Money

/// `Jobs/checks/*.yaml`, checked.
public struct CheckDefinition: Sendable {
  /// The check's name; no view and no feed has it.
  public var name: String
  /// The relation of the project's schema that the tests look at (`on:`); nil when all of them are queries.
  public var relation: String?
  /// The tests, in order; at least one.
  public var tests: [CheckTest]
  /// Where the definition stands.
  public var position: SourcePosition
  /// Changes when the definition changes in meaning; white space and comments apart.
  public var definitionHash: String

  /// Creates a check from checked values.
  public init(
    name: String, relation: String?, tests: [CheckTest], position: SourcePosition, definitionHash: String
  ) {
    self.name = name
    self.relation = relation
    self.tests = tests
    self.position = position
    self.definitionHash = definitionHash
  }
}

/// `severity:` of a check or of one test.
public enum CheckSeverity: String, Sendable, Hashable, CaseIterable {
  /// The run ends with a warning, and reports are published.
  case warn
  /// The stage fails, and nothing is published.
  case error
}

/// One entry of `tests:`.
public struct CheckTest: Sendable, Hashable {
  /// What must be true.
  public enum Kind: Sendable, Hashable {
    /// None of the columns is null.
    case notNull([String])
    /// No two rows share the values of the columns; as in SQL, a null equals nothing.
    case unique([String])
    /// The column holds these values alone, or null.
    case acceptedValues(column: String, values: [String])
    /// Every value of the column is in a column of another relation; nulls are no violation.
    case relationship(column: String, relation: String, toColumn: String)
    /// Every value lies between the limits, which belong to the range; nulls are no violation.
    case range(column: String, minimum: String?, maximum: String?)
    /// The figure of the newest day is like those of its weekdays, or like those of its day of the month.
    case anomaly(AnomalyTest)
    /// The newest value of a column of days or moments is not older than so much.
    case freshness(column: String, warnAfter: Duration?, errorAfter: Duration?)
    /// Two queries give the same rows, each as often.
    case equal(left: String, right: String)
    /// A query gives no row.
    case noRow(query: String)
  }

  /// What must be true.
  public var kind: Kind
  /// What a violation means for the run.
  public var severity: CheckSeverity
  /// Only rows for which this SQL condition is true are looked at (`where:`); nil for all rows.
  public var condition: String?
  /// The feeds and views it reads, by name.
  public var inputs: [String]
  /// Whether the data versions of `inputs` tell of everything that its text names, so that it need not be made again
  /// while they stand still, if the functions that it calls do not read more.
  public var isSteady: Bool
  /// What its SQL calls, or seems to: words before a parenthesis.
  public var calls: [String]
  /// Changes when the test changes in meaning.
  public var hash: String
  /// Where the test stands.
  public var position: SourcePosition

  /// Creates a test from checked values.
  public init(
    kind: Kind, severity: CheckSeverity = .error, condition: String? = nil, inputs: [String] = [],
    isSteady: Bool = false, calls: [String] = [], hash: String = "", position: SourcePosition
  ) {
    self.kind = kind
    self.severity = severity
    self.condition = condition
    self.inputs = inputs
    self.isSteady = isSteady
    self.calls = calls
    self.hash = hash
    self.position = position
  }

  /// The test in words: `not_null customer_id, amount`.
  public var label: String {
    switch kind {
    case .notNull(let columns): "not_null \(columns.joined(separator: ", "))"
    case .unique(let columns): "unique \(columns.joined(separator: ", "))"
    case .acceptedValues(let column, _): "accepted_values \(column)"
    case .relationship(let column, let relation, let toColumn): "relationship \(column) to \(relation).\(toColumn)"
    case .range(let column, _, _): "range \(column)"
    case .anomaly(let test):
      "anomaly \(test.sum.map { "sum of \($0)" } ?? "count")" + (test.by.map { " by \($0)" } ?? "")
    case .freshness(let column, _, _): "freshness \(column)"
    case .equal: "equal"
    case .noRow: "none"
    }
  }
}

/// `anomaly:` of a test.
///
/// The tested day is the newest one with rows, not after the as-of date less `lag` days. Its figure is an anomaly when it
/// is further than `floor` and than `factor` times the median absolute deviation from the median of the same weekdays,
/// and from that of the same days of the month: month ends are not anomalies, and neither are Sundays.
public struct AnomalyTest: Sendable, Hashable {
  /// The column that is summed up; nil when rows are counted.
  public var sum: String?
  /// The column that tells the day.
  public var date: String
  /// The column whose values are judged each for itself; nil for all rows together.
  public var by: String?
  /// A distance up to this is never an anomaly.
  public var floor: ExactDecimal
  /// How many median absolute deviations are borne.
  public var factor: ExactDecimal
  /// How many days before the as-of date the newest complete day is.
  public var lagDays: Int

  /// Creates a test.
  public init(
    sum: String?, date: String, by: String?, floor: ExactDecimal = 0, factor: ExactDecimal = 6, lagDays: Int = 0
  ) {
    self.sum = sum
    self.date = date
    self.by = by
    self.floor = floor
    self.factor = factor
    self.lagDays = lagDays
  }
}
