// One feed: the files that arrive, how they are written, and the table they fill.
// Invariant: key, control and reference columns exist and have types that can play their part (checked by
// FeedReader and ProjectResolver). How rows are parsed and merged is elsewhere: the room Ingest.

public import Finding

/// `Jobs/feeds/*.yaml`, checked.
public struct FeedDefinition: Sendable {
  /// The feed's name, and its table's.
  public var name: String
  /// A pattern with `*`, `?` and `[…]` for file names inside the inbox; never a path.
  public var filePattern: String
  /// How the files are written.
  public var format: FeedFormat
  /// Whether a file holds changes or everything.
  public var mode: FeedMode
  /// How rows reach the table.
  public var load: LoadStrategy
  /// The columns that identify a row; empty for a feed that only appends.
  public var key: [String]
  /// What happens to a row whose key is in the table already.
  public var onConflict: ConflictRule
  /// The table's columns, in the order of the definition; at least one.
  public var columns: [ColumnDefinition]
  /// How many rejected rows are borne before nothing of a file is published; none unless told.
  public var rejectLimit: Limit
  /// Whether a run fails when no file of this feed ever came; it does unless told.
  public var isRequired: Bool
  /// Whether each row of the table says which file and line it came from; it does unless told.
  public var keepsProvenance: Bool
  /// Whether changes that somebody makes in the table by hand are journaled too; not unless told.
  public var isWatched: Bool
  /// What is expected beside each file.
  public var controlFile: ControlFileRule
  /// The last record of each file, when it is a count of the others and no row.
  public var trailer: TrailerRule?
  /// What happens when a header differs from the definition.
  public var drift: DriftRules
  /// The column whose day, in the project's time zone, decides in which month a row falls: a date or a time that is
  /// never missing. Nil for a feed whose rows belong to no month that could be closed.
  public var periodColumn: String?
  /// Where the definition stands.
  public var position: SourcePosition
  /// Changes when the definition changes in meaning; white space and comments apart.
  public var definitionHash: String

  /// Creates a feed from checked values.
  public init(
    name: String, filePattern: String, format: FeedFormat = FeedFormat(), mode: FeedMode = .delta,
    load: LoadStrategy = .auto, key: [String] = [], onConflict: ConflictRule = .update,
    columns: [ColumnDefinition], rejectLimit: Limit = .count(0), isRequired: Bool = true,
    keepsProvenance: Bool = true, isWatched: Bool = false, controlFile: ControlFileRule = .optional,
    trailer: TrailerRule? = nil, drift: DriftRules = DriftRules(), periodColumn: String? = nil,
    position: SourcePosition, definitionHash: String
  ) {
    self.name = name
    self.filePattern = filePattern
    self.format = format
    self.mode = mode
    self.load = load
    self.key = key
    self.onConflict = onConflict
    self.columns = columns
    self.rejectLimit = rejectLimit
    self.isRequired = isRequired
    self.keepsProvenance = keepsProvenance
    self.isWatched = isWatched
    self.controlFile = controlFile
    self.trailer = trailer
    self.drift = drift
    self.periodColumn = periodColumn
    self.position = position
    self.definitionHash = definitionHash
  }

  /// The column of that name.
  public func column(named name: String) -> ColumnDefinition? { columns.first { $0.name == name } }
  /// The column that says in which currency a row's amounts are: that of its control sum, else the text named so; nil where
  /// there is neither.
  public var currencyColumn: String? {
    columns.lazy.compactMap(\.control?.groupedBy).first
      ?? columns.first { $0.name == FigureTie.currency && $0.type == .text }?.name
  }
  /// The feeds this one references, without repeats, by name.
  public var referencedFeeds: [String] { Set(columns.compactMap { $0.reference?.feed }).sorted() }
}

/// `mode:` of a feed.
public enum FeedMode: Sendable, Hashable {
  /// A file holds new and changed rows.
  case delta
  /// A file holds every row: rows absent from it are deleted, at most `maxDeletes` of them.
  case snapshot(maxDeletes: Limit)
}

/// `load:` of a feed.
public enum LoadStrategy: String, Sendable, Hashable, CaseIterable {
  /// Chosen from sizes and past timings.
  case auto
  /// COPY into staging, then one transaction.
  case copy
  /// Chunked parallel upserts straight into the table.
  case insert
}

/// `on_conflict:` of a feed.
public enum ConflictRule: String, Sendable, Hashable, CaseIterable {
  /// The file's row replaces the table's.
  case update
  /// The table's row stays and the file's counts as unchanged.
  case ignore
  /// The file's row is rejected.
  case reject
}

/// `control_file:` of a feed: a file beside each file that says how many rows and how much money it holds.
///
/// It is named as the file with `.ctl` behind it, with or without the compression's suffix before that.
public enum ControlFileRule: String, Sendable, Hashable, CaseIterable {
  /// Compared where there is one.
  case optional
  /// A file without one is not loaded.
  case required
  /// Never looked for.
  case none
}

/// `trailer:` of a feed: the last record of each file says what the others amount to.
public struct TrailerRule: Sendable, Hashable {
  /// One sum that the trailer states.
  public struct Sum: Sendable, Hashable {
    /// The control column that is summed.
    public var column: String
    /// The group of the control sum, such as a currency; nil for the sum of a file with a single group.
    public var group: String?
    /// The 1-based place of the field that states it.
    public var field: Int

    /// Creates a sum.
    public init(column: String, group: String?, field: Int) {
      self.column = column
      self.group = group
      self.field = field
    }
  }

  /// What the first field of the trailer holds.
  public var marker: String
  /// The 1-based place of the field with the number of records, header and trailer not counted; nil for none.
  public var rowsField: Int?
  /// The sums it states.
  public var sums: [Sum]

  /// Creates a rule.
  public init(marker: String, rowsField: Int?, sums: [Sum] = []) {
    self.marker = marker
    self.rowsField = rowsField
    self.sums = sums
  }
}

/// `drift:` of a feed: what happens when a header differs from the definition.
public struct DriftRules: Sendable, Hashable {
  /// What to do about a column.
  public enum Rule: String, Sendable, Hashable, CaseIterable {
    /// Nothing is said.
    case ignore
    /// The file is loaded, with a warning.
    case warn
    /// The file is refused.
    case refuse
  }

  /// A field of the file that the definition does not know.
  public var extra: Rule
  /// An optional column that the file does not have; one that is required refuses the file in any case.
  public var missing: Rule

  /// Creates rules; both warn unless told.
  public init(extra: Rule = .warn, missing: Rule = .warn) {
    self.extra = extra
    self.missing = missing
  }
}
