// A whole project as checked values: what the rest of Daybook works from.
// Invariant: a `Project` that exists is consistent; every name resolves, every default is filled in, feeds and
// views are in an order in which they can be worked through. Reading files and reporting errors is elsewhere
// (ProjectLoader); nothing here touches the disk.

public import Money

/// Everything that `Jobs/` says, checked.
public struct Project: Sendable {
  /// The project's name.
  public var name: String
  /// The absolute path of the folder that holds `Jobs/`.
  public var root: String
  /// Where the tables live and how connections are pooled.
  public var database: DatabaseSettings
  /// The absolute path of the folder where feed files arrive.
  public var inbox: String
  /// The absolute path of the folder that reports are published under; always inside `root`.
  public var output: String
  /// Time zone, fiscal year and week.
  public var calendar: CalendarSettings
  /// How long what is kept for looking back is kept.
  public var retention: RetentionSettings
  /// What becomes of changes that fall into a closed month.
  public var close: CloseSettings
  /// How numbers and dates are written for readers.
  public var locale: LocaleSettings
  /// All feeds; a feed stands after every feed that it references, otherwise by name.
  public var feeds: [FeedDefinition]
  /// All views; a view stands after every view that it reads, otherwise by name.
  public var views: [ViewDefinition]
  /// All checks, by name.
  public var checks: [CheckDefinition]
  /// All reports, by name.
  public var reports: [ReportDefinition]
  /// All jobs, by name.
  public var jobs: [JobDefinition]
  /// The text of every definition file but the project's own, by its path; what `${NAME}` stands for is not in it.
  public var sources: [String: String]
  /// What `${NAME}` stands for, to be put back where a text of a definition is shown.
  public var redaction: Redaction
  /// Changes when any definition changes; white space, comments and the database's address apart.
  public var configurationHash: String

  /// Creates a project from values that are already consistent.
  public init(
    name: String, root: String, database: DatabaseSettings, inbox: String, output: String,
    calendar: CalendarSettings, retention: RetentionSettings = RetentionSettings(),
    close: CloseSettings = CloseSettings(), locale: LocaleSettings = LocaleSettings(), feeds: [FeedDefinition],
    views: [ViewDefinition], checks: [CheckDefinition] = [], reports: [ReportDefinition], jobs: [JobDefinition],
    sources: [String: String] = [:], redaction: Redaction = Redaction(), configurationHash: String
  ) {
    self.name = name
    self.root = root
    self.database = database
    self.inbox = inbox
    self.output = output
    self.calendar = calendar
    self.retention = retention
    self.close = close
    self.locale = locale
    self.feeds = feeds
    self.views = views
    self.checks = checks
    self.reports = reports
    self.jobs = jobs
    self.sources = sources
    self.redaction = redaction
    self.configurationHash = configurationHash
  }

  /// The feed of that name.
  public func feed(named name: String) -> FeedDefinition? { feeds.first { $0.name == name } }
  /// The view of that name.
  public func view(named name: String) -> ViewDefinition? { views.first { $0.name == name } }
  /// The check of that name.
  public func check(named name: String) -> CheckDefinition? { checks.first { $0.name == name } }
  /// The report of that name.
  public func report(named name: String) -> ReportDefinition? { reports.first { $0.name == name } }
  /// The job of that name.
  public func job(named name: String) -> JobDefinition? { jobs.first { $0.name == name } }
}

/// `calendar:` of the project.
public struct CalendarSettings: Sendable, Hashable {
  /// A time zone of the IANA database that this machine knows.
  public var timeZone: String
  /// The month in which a fiscal year starts, 1 to 12.
  public var fiscalYearStartMonth: Int
  /// The day on which a week starts.
  public var weekStart: Weekday

  /// Creates settings; UTC, January and Monday unless told.
  public init(timeZone: String = "UTC", fiscalYearStartMonth: Int = 1, weekStart: Weekday = .monday) {
    self.timeZone = timeZone
    self.fiscalYearStartMonth = fiscalYearStartMonth
    self.weekStart = weekStart
  }
}

/// `locale:` of the project: how numbers and dates are written on pages and in mails. Files for programs stay plain.
public struct LocaleSettings: Sendable, Hashable {
  /// Between whole units and their parts: a point or a comma.
  public var decimalMark: String
  /// Between groups of three digits; empty for none.
  public var groupingMark: String
  /// How a date is written, with `yyyy`, `MM` and `dd` once each; nil where the project says nothing.
  public var datePattern: String?

  /// Creates settings; `1,234.50` unless told.
  public init(decimalMark: String = ".", groupingMark: String = ",", datePattern: String? = nil) {
    self.decimalMark = decimalMark
    self.groupingMark = groupingMark
    self.datePattern = datePattern
  }
}

/// `close:` of the project.
public struct CloseSettings: Sendable, Hashable {
  /// What becomes of a change that falls into a softly closed month. A hard close lets none in, whatever this says.
  public var late: LateChangeRule

  /// Creates settings; late changes restate unless told.
  public init(late: LateChangeRule = .restate) {
    self.late = late
  }
}

/// `late:` of `close:`.
public enum LateChangeRule: String, Sendable, Hashable, CaseIterable {
  /// The record is held back as a reject; the table keeps what it has.
  case quarantine
  /// The table takes the change, and the change is posted to the current month as well, so that what was reported of
  /// the closed one stands.
  case adjust
  /// The table takes the change, and what was reported is shown beside what is true now.
  case restate
}
