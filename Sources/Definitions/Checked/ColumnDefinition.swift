// One column of a feed: its type, where its values come from, and what they must satisfy.
// Invariant: checks fit the type (bounds on numbers and days, patterns on text), and the pattern compiles.
// Parsing a value is elsewhere: the room Ingest.

public import Finding
public import Money

/// One entry of `columns:` of a feed.
public struct ColumnDefinition: Sendable {
  /// The column's name in the table.
  public var name: String
  /// Its type.
  public var type: ColumnType
  /// The field's name in the header: `from:`, else `name`. Of no meaning when `constant` is set.
  public var sourceName: String
  /// A value given to every row instead of one read from the file; it satisfies `type` and the checks.
  public var constant: String?
  /// Whether a row may have no value here.
  public var isOptional: Bool
  /// Whether the column gets an index of its own.
  public var isIndexed: Bool
  /// The column of another feed in which each value must exist.
  public var reference: ColumnReference?
  /// The least value allowed.
  public var minimum: ColumnBound?
  /// The greatest value allowed.
  public var maximum: ColumnBound?
  /// The only values allowed; empty for no such check.
  public var oneOf: [String]
  /// A POSIX extended regular expression (see `PatternCheck`) that text must match somewhere; anchor it with `^` and `$`.
  public var pattern: String?
  /// The control sum kept over this column.
  public var control: ControlSum?
  /// How dates and times are written; nil for ISO 8601.
  public var format: DateTimeFormat?
  /// Whether a whole number may be written with a zero fraction: `12923.0`.
  public var acceptsIntegralDecimal: Bool
  /// Whether blanks and tabs around an unquoted value are taken off before anything else looks at it.
  public var isTrimmed: Bool
  /// Unquoted values that mean "no value" in this column; nil for those of the feed's format.
  public var nullTokens: [String]?
  /// Where the column is declared.
  public var position: SourcePosition

  /// Creates a column from checked values.
  public init(
    name: String, type: ColumnType, sourceName: String? = nil, constant: String? = nil, isOptional: Bool = false,
    isIndexed: Bool = false, reference: ColumnReference? = nil, minimum: ColumnBound? = nil,
    maximum: ColumnBound? = nil, oneOf: [String] = [], pattern: String? = nil, control: ControlSum? = nil,
    format: DateTimeFormat? = nil, acceptsIntegralDecimal: Bool = false, isTrimmed: Bool = false,
    nullTokens: [String]? = nil, position: SourcePosition
  ) {
    self.name = name
    self.type = type
    self.sourceName = sourceName ?? name
    self.constant = constant
    self.isOptional = isOptional
    self.isIndexed = isIndexed
    self.reference = reference
    self.minimum = minimum
    self.maximum = maximum
    self.oneOf = oneOf
    self.pattern = pattern
    self.control = control
    self.format = format
    self.acceptsIntegralDecimal = acceptsIntegralDecimal
    self.isTrimmed = isTrimmed
    self.nullTokens = nullTokens
    self.position = position
  }
}

/// `references: feed.column`: the column is the whole key of that feed.
public struct ColumnReference: Sendable, Hashable, CustomStringConvertible {
  /// The feed that is referenced.
  public var feed: String
  /// Its key column.
  public var column: String

  /// Creates a reference.
  public init(feed: String, column: String) {
    self.feed = feed
    self.column = column
  }

  /// The reference as a definition writes it.
  public var description: String { "\(feed).\(column)" }
}

/// `min:` or `max:` of a column.
public enum ColumnBound: Sendable, Hashable, CustomStringConvertible {
  /// For integer, bigint and decimal.
  case number(ExactDecimal)
  /// For date, timestamp and timestamptz (the start of that day, in the project's time zone).
  case day(CivilDate)

  /// The bound as a definition writes it.
  public var description: String {
    switch self {
    case .number(let value): value.description
    case .day(let day): day.description
    }
  }
}

/// `control: sum_by(column)`: the sum of this column per value of another one.
public struct ControlSum: Sendable, Hashable {
  /// A column of the same feed, never optional: the currency.
  public var groupedBy: String

  /// Creates a control sum.
  public init(groupedBy: String) {
    self.groupedBy = groupedBy
  }
}
