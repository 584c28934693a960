// One report: sections of figures, tables, charts and words.
// Invariant: every section that shows data has a source; every view it names exists. What columns a query gives is
// known only to PostgreSQL, so columns of queries are checked when the report is made, by the room Reports.

public import Finding

/// `Jobs/reports/*.yaml`, checked.
///
/// ```yaml
/// report: customers
/// title: Customers
/// description: Who pays, and how much.
/// sections:
///   - kpi: This month                     # kpi, table and chart: the value is the title
///     query: |
///       select currency, sum(net) as net, … from revenue_daily
///       where business_date between date_trunc('month', :as_of) and :as_of group by currency
///     columns: { net: money(currency), change: percent }
///   - moves: What moved                   # one sentence for each row, at most `top` of them
///     query: select …                     # for example what = 'Product', name, currency, net, net_before
///     now: net
///     before: net_before
///     against: the month before
///   - chart: Net revenue
///     view: revenue_trend                 # a view or a feed, in place of a query
///     type: line                          # or bar, stacked_bar
///     x: business_date
///     y: net                              # or a list
///     series: currency                    # one line per currency
///   - chart: The month
///     query: select currency, opening, new, -churn as churn, closing from …
///     type: waterfall                     # one for each row
///     x: currency                         # what names the row
///     y: [opening, new, churn, closing]   # the steps with their signs; what does not tie is said
///   - chart: Customers who came back
///     query: select cohort_month, months_since, customers_retained from …
///     type: heat_map
///     x: months_since
///     y: cohort_month
///     value: customers_retained           # series: one map for each of its values
///   - table: Top customers
///     view: customer_value
///     order_by: total_paid desc           # or a list
///     top: 25                             # the CSV has them all
///     csv: customers
///     columns:
///       customer_id: { label: Customer, format: text }
///       total_paid: money(currency)
///       total_paid_trend: sparkline       # a list of numbers: array_agg(net order by month)::text[]
///   - text: Refunds count on the day they are made.    # text and note: the value is the text
///     title: How to read this
///   - note: Figures of the last three days may still change.
/// ```
/// A column may also say which way is `better: up` or `down`, and that its sum `ties_to: revenue_daily.net`.
/// `outputs: [html, csv]` narrows what is written. In a query `:as_of` is the as-of date and `:time_zone` the project's time zone.
public struct ReportDefinition: Sendable {
  /// Pages that every published set has beside its reports, in their order; no report may take their names.
  public static let builtInPages = ["index", "reconciliation", "data-quality", "run"]

  /// Tables that every published set has beside those of its reports; no section may call its own so.
  public static let builtInFiles: Set<String> = [
    "files", "control_sums", "reject_causes", "rejects", "duplicates", "view_totals", "stages", "stage_history", "runs",
    "feeds", "steps", "report_totals", "stated_rows", "stated_sums", "feed_quality", "freshness", "open_rejects",
    "refused_files", "check_outcomes", "check_examples", "row_equation", "files_not_loaded", "waiting",
  ]

  /// The report's name, and its file's: lower-case letters, digits, `_` and `-`.
  public var name: String
  /// The heading.
  public var title: String
  /// A sentence below the heading; may be empty.
  public var description: String
  /// The sections, in order; at least one.
  public var sections: [ReportSection]
  /// Which files are made of it.
  public var outputs: Set<ReportOutput>
  /// Where the definition stands.
  public var position: SourcePosition
  /// Changes when the definition changes in meaning; white space and comments apart.
  public var definitionHash: String

  /// Creates a report from checked values.
  public init(
    name: String, title: String, description: String = "", sections: [ReportSection],
    outputs: Set<ReportOutput> = Set(ReportOutput.allCases), position: SourcePosition, definitionHash: String
  ) {
    self.name = name
    self.title = title
    self.description = description
    self.sections = sections
    self.outputs = outputs
    self.position = position
    self.definitionHash = definitionHash
  }

  /// The feeds and views that its sections read, without repeats, by name.
  public var inputs: [String] { Set(sections.flatMap(\.inputs)).sorted() }
}

/// A kind of file that a report can be written as: an element of `outputs:`.
public enum ReportOutput: String, Sendable, Hashable, CaseIterable {
  /// Its page.
  case html
  /// All rows of each section.
  case csv
  /// Its sheet of the workbook.
  case xlsx
  /// `data/<report>.json`, and its part of `report.json`.
  case json
}

/// One entry of `sections:`.
public struct ReportSection: Sendable {
  /// What a section shows.
  public enum Kind: Sendable, Hashable {
    /// One row (or one per currency) as large figures.
    case kpi
    /// Rows and columns.
    case table
    /// What moved a figure, one sentence for each row.
    case moves(MovesDefinition)
    /// A drawing of the rows.
    case chart(ChartDefinition)
    /// Words.
    case text
    /// Words set apart.
    case note
  }

  /// Where a section's rows come from.
  public enum Source: Sendable, Hashable {
    /// SQL, in which `:as_of` is the as-of date and `:time_zone` the project's time zone.
    case query(String)
    /// All of a view or a feed.
    case view(String)
    /// A text or a note.
    case none
  }

  /// The heading; may be empty for texts and notes.
  public var title: String
  /// What it shows.
  public var kind: Kind
  /// Where its rows come from.
  public var source: Source
  /// The feeds and views it reads, by name; for SQL a name that merely looks like one of them counts too.
  public var inputs: [String]
  /// Whether its rows depend on nothing but `inputs`, the as-of date and the time zone, as far as its text tells: it names
  /// only feeds and views, and nothing that asks for the moment or for chance.
  public var isSteady: Bool
  /// The words of a text or a note, else empty.
  public var text: String
  /// The columns that are described, in the order given: they come first, then all others of the source.
  public var columns: [ColumnFormat]
  /// How many rows a reader sees; nil for all. The CSV always holds all.
  public var top: Int?
  /// The order of the rows; empty for that of the query, or of a view's or feed's key.
  public var orderBy: [OrderTerm]
  /// The name of a CSV of all rows, without its extension; nil for none.
  public var csv: String?
  /// Where the section stands.
  public var position: SourcePosition

  /// Creates a section from checked values.
  public init(
    title: String, kind: Kind, source: Source, inputs: [String] = [], isSteady: Bool = false, text: String = "",
    columns: [ColumnFormat] = [], top: Int? = nil, orderBy: [OrderTerm] = [], csv: String? = nil,
    position: SourcePosition
  ) {
    self.title = title
    self.kind = kind
    self.source = source
    self.inputs = inputs
    self.isSteady = isSteady
    self.text = text
    self.columns = columns
    self.top = top
    self.orderBy = orderBy
    self.csv = csv
    self.position = position
  }
}

/// One term of `order_by:`: `total_paid desc`.
public struct OrderTerm: Sendable, Hashable {
  /// A column of the section's source.
  public var column: String
  /// Whether the greatest comes first.
  public var isDescending: Bool

  /// Creates a term.
  public init(column: String, isDescending: Bool = false) {
    self.column = column
    self.isDescending = isDescending
  }
}
