// A rollup: groups and measures over one feed, and figures derived from them.
// Invariant: the names of groups, measures and derived figures differ from each other; every column exists in the
// source with a type the measure can work on. Expressions are SQL that PostgreSQL, not Daybook, checks in full.

/// `Jobs/views/*.yaml`, checked.
public struct RollupDefinition: Sendable, Hashable {
  /// The feed that is summed up; that of the finer rollup where the definition names one.
  public var source: String
  /// The finer rollup that the definition names, and what of it is used. Groups and measures are then those that
  /// follow for the feed itself.
  public var base: RollupBase?
  /// What a row of the rollup stands for; at least one.
  public var groups: [RollupGroup]
  /// What is known of each group; at least one.
  public var measures: [RollupMeasure]
  /// Figures computed from groups and measures when they are read.
  public var derived: [DerivedMeasure]

  /// Creates a rollup from checked values.
  public init(
    source: String, groups: [RollupGroup], measures: [RollupMeasure], derived: [DerivedMeasure] = []
  ) {
    self.source = source
    self.groups = groups
    self.measures = measures
    self.derived = derived
  }

  /// The columns people see: groups, measures, derived figures.
  public var columnNames: [String] { groups.map(\.name) + measures.map(\.name) + derived.map(\.name) }
}

/// How a rollup follows from a finer one over the same feed.
public struct RollupBase: Sendable, Hashable {
  /// A group of the finer rollup.
  public struct Place: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Whether it is the first day of a period, and not a column or an expression.
    public var isPeriod: Bool

    /// Creates a place.
    public init(name: String, isPeriod: Bool) {
      self.name = name
      self.isPeriod = isPeriod
    }
  }

  /// The finer rollup.
  public var name: String
  /// For each group the one that it is made of.
  public var groups: [String: Place]
  /// For each measure the one that it sums up.
  public var measures: [String: String]

  /// Creates a base.
  public init(name: String, groups: [String: Place], measures: [String: String]) {
    self.name = name
    self.groups = groups
    self.measures = measures
  }

  /// How the same rollup follows from a still finer one, of which this base's rollup is made by `next`.
  public func followed(by next: RollupBase) -> RollupBase {
    RollupBase(
      name: next.name, groups: groups.compactMapValues { next.groups[$0.name] },
      measures: measures.compactMapValues { next.measures[$0] })
  }
}

/// One entry of `group_by:`.
public struct RollupGroup: Sendable, Hashable {
  /// What the group is made of. Periods are their first day, in the project's time zone and calendar.
  public enum Source: Sendable, Hashable {
    /// The column itself: `currency: currency`.
    case column(String)
    /// The day of a date or time column: `{ date: occurred_at }`.
    case date(String)
    /// The first day of its week: `{ week: occurred_at }`.
    case week(String)
    /// The first day of its calendar month: `{ month: occurred_at }`.
    case month(String)
    /// The first day of its calendar quarter: `{ quarter: occurred_at }`.
    case quarter(String)
    /// The first day of its calendar year: `{ year: occurred_at }`.
    case year(String)
    /// The first day of its fiscal quarter: `{ fiscal_quarter: occurred_at }`.
    case fiscalQuarter(String)
    /// The first day of its fiscal year: `{ fiscal_year: occurred_at }`.
    case fiscalYear(String)
    /// SQL over the columns of the source: `{ expression: "lower(country)" }`.
    case expression(String)
  }

  /// The column's name in the rollup.
  public var name: String
  /// What it is made of.
  public var source: Source

  /// Creates a group.
  public init(name: String, source: Source) {
    self.name = name
    self.source = source
  }
}

/// One entry of `measures:`.
public struct RollupMeasure: Sendable, Hashable {
  /// What is measured.
  public enum Function: Sendable, Hashable {
    /// The number of rows: `{ count: true }`.
    case count
    /// The sum of a column.
    case sum(String)
    /// The mean of a column.
    case average(String)
    /// The sample variance, as PostgreSQL's `var_samp`.
    case variance(String)
    /// The sample standard deviation, as PostgreSQL's `stddev_samp`.
    case stddev(String)
    /// The least value.
    case min(String)
    /// The greatest value.
    case max(String)
    /// The value of the row that is least by another column: `{ first: amount, by: occurred_at }`.
    case first(String, by: String)
    /// The value of the row that is greatest by another column: `{ last: amount, by: occurred_at }`.
    case last(String, by: String)
    /// The number of different values.
    case distinct(String)
  }

  /// The column's name in the rollup.
  public var name: String
  /// What is measured.
  public var function: Function
  /// Only rows for which this SQL condition is true take part (`where:`); nil for all rows.
  public var condition: String?

  /// Creates a measure.
  public init(name: String, function: Function, condition: String? = nil) {
    self.name = name
    self.function = function
    self.condition = condition
  }
}

/// One entry of `derive:`.
public struct DerivedMeasure: Sendable, Hashable {
  /// The column's name in the rollup.
  public var name: String
  /// SQL over the groups and measures.
  public var expression: String

  /// Creates a derived figure.
  public init(name: String, expression: String) {
    self.name = name
    self.expression = expression
  }
}
