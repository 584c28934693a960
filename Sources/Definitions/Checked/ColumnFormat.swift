// How a report shows a column, what a chart draws, and what sentences about movements speak of.
// Invariant: none of these values knows rows; formatting numbers is elsewhere: the room Reports.
// Which columns a source has is checked by ReportResolver where Daybook knows it, else by PostgreSQL.

/// One entry of `columns:` of a report's section.
public struct ColumnFormat: Sendable, Hashable {
  /// How values are shown.
  public enum Kind: Sendable, Hashable {
    /// An amount, in the currency that another column of the row names: `money(currency)`.
    case money(currencyColumn: String)
    /// A whole number, with its digits grouped.
    case integer
    /// A ratio shown times one hundred: 0.125 is 12.5%.
    case percent
    /// A day.
    case date
    /// The value as it is.
    case text
    /// A number with so many digits behind the point: `decimal(2)`.
    case decimal(Int)
    /// A list of numbers, drawn as a small line: `array_agg(net order by month)::text[]`.
    case sparkline
  }

  /// Which way a figure should go.
  public enum Better: String, Sendable, Hashable, CaseIterable {
    case up, down
  }

  /// The column.
  public var column: String
  /// Its heading.
  public var label: String
  /// How its values are shown.
  public var kind: Kind
  /// Which way is favourable; nil when neither is.
  public var better: Better?
  /// What the sum of the column over all rows must be equal to; nil when nothing was promised.
  public var tie: FigureTie?

  /// Creates a format; the label is made from the name unless given.
  public init(column: String, label: String? = nil, kind: Kind, better: Better? = nil, tie: FigureTie? = nil) {
    self.column = column
    self.label = label ?? Self.label(forColumn: column)
    self.kind = kind
    self.better = better
    self.tie = tie
  }

  /// A heading made from a column's name: `net_paid` becomes `Net paid`.
  public static func label(forColumn name: String) -> String {
    let words = name.split(separator: "_").joined(separator: " ")
    return words.prefix(1).uppercased() + words.dropFirst()
  }
}

/// `ties_to:` of a column: its sum over all rows is that of a view's or a feed's column, in every currency.
public struct FigureTie: Sendable, Hashable {
  /// The view or feed.
  public var relation: String
  /// Its column.
  public var column: String
  /// Which rows of it count, in SQL with `:as_of`; nil for all.
  public var condition: String?

  /// The column by which a relation keeps amounts apart, where it has one of this name.
  public static let currency = "currency"

  /// What to write where amounts would be added up over currencies.
  public static let apart =
    "select the currency too, and write format: money(currency); of what is no amount say which rows count, all of them "
    + "by ties_to: { figure: …, where: \"true\" }"

  /// Creates a tie.
  public init(relation: String, column: String, condition: String? = nil) {
    self.relation = relation
    self.column = column
    self.condition = condition
  }
}

/// What the sentences of a `moves:` section speak of: each row of its source is one movement of a figure.
public struct MovesDefinition: Sendable, Hashable {
  /// The column with the figure as it is.
  public var now: String
  /// The column with the figure as it was.
  public var before: String
  /// What it is compared with, in words: `the same days of the month before`.
  public var against: String

  /// Creates a definition.
  public init(now: String, before: String, against: String) {
    self.now = now
    self.before = before
    self.against = against
  }
}

/// What a `chart:` section draws.
public struct ChartDefinition: Sendable, Hashable {
  /// The form of a chart.
  public enum ChartType: String, Sendable, Hashable, CaseIterable {
    /// One line per column or series.
    case line
    /// One bar per column or series, side by side.
    case bar
    /// The same, one upon the other.
    case stackedBar = "stacked_bar"
    /// From an opening to a closing figure by steps: one for each row.
    case waterfall
    /// A cell for each `x` and `y`, shaded by its `value`.
    case heatMap = "heat_map"
  }

  /// The form.
  public var type: ChartType
  /// The column along the horizontal axis; of a waterfall, what names each row.
  public var x: String
  /// The columns drawn; at least one, and exactly one when there is a `series`. Of a waterfall the opening, the steps
  /// with their signs, and the closing; of a heat map the one column along its side.
  public var y: [String]
  /// The column whose values each make a line, a group of bars or a heat map; nil for none.
  public var series: String?
  /// The column whose figures stand in the cells of a heat map; nil for all other charts.
  public var value: String?

  /// Creates a chart.
  public init(type: ChartType, x: String, y: [String], series: String? = nil, value: String? = nil) {
    self.type = type
    self.x = x
    self.y = y
    self.series = series
    self.value = value
  }
}
