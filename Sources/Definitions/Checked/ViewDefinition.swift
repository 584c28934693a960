// One view: a rollup that Daybook maintains, or SQL that PostgreSQL materializes.
// Invariant: every input is a feed or a view of the project, and no view reads itself through others.
// How views are built and refreshed is elsewhere: the room Views.

public import Finding

/// `Jobs/views/*.yaml` and `*.sql`, checked.
public struct ViewDefinition: Sendable {
  /// The view's name in the project's schema.
  public var name: String
  /// What it is.
  public var kind: ViewKind
  /// The feeds and views it reads, by name; for SQL a name that merely looks like one of them counts too.
  public var inputs: [String]
  /// Changes when the definition changes in meaning; white space and comments apart.
  public var definitionHash: String
  /// Where the definition stands.
  public var position: SourcePosition

  /// Creates a view from checked values.
  public init(
    name: String, kind: ViewKind, inputs: [String], definitionHash: String, position: SourcePosition
  ) {
    self.name = name
    self.kind = kind
    self.inputs = inputs
    self.definitionHash = definitionHash
    self.position = position
  }
}

extension ViewDefinition {
  /// The input of a view that reads what the ledger keeps of closed months; its version moves with each closing.
  public static let closedMonths = "daybook.period"
  /// The tables of the schema `daybook` that it stands for.
  public static let closedMonthTables = ["period", "period_log", "period_figure", "adjustment"]
}

/// The two kinds of view.
public enum ViewKind: Sendable, Hashable {
  /// Groups and measures over one feed.
  case rollup(RollupDefinition)
  /// Any SQL, as a materialized view.
  case native(NativeViewDefinition)
}

/// `Jobs/views/*.sql`.
///
/// Comment lines before the first statement say what SQL cannot: `-- unique: a, b` names the columns that identify
/// a row (with it the view is refreshed without locking out readers), and each `-- index: a, b` asks for an index.
public struct NativeViewDefinition: Sendable, Hashable {
  /// One statement that begins with `select`, `with`, `values` or `table`, without a final semicolon.
  public var sql: String
  /// The columns that identify a row; empty when none are declared.
  public var uniqueKey: [String]
  /// Further indexes, each a list of columns.
  public var indexes: [[String]]

  /// Creates a view from checked values.
  public init(sql: String, uniqueKey: [String] = [], indexes: [[String]] = []) {
    self.sql = sql
    self.uniqueKey = uniqueKey
    self.indexes = indexes
  }
}
