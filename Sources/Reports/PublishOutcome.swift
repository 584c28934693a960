// What publishing takes and gives back: which run asks, which reports are meant, what was written or kept.
// They are values; doing it is ReportPublisher.

public import Ledger
public import Money

/// The run that publishes, as the pages name it.
public struct RunSnapshot: Sendable, Hashable {
  /// Its name.
  public var runID: RunID
  /// The job, or the verb when there is no job.
  public var job: String
  /// The business date that the set is for, and the name of its directory.
  public var asOf: CivilDate
  /// When the run started.
  public var startedAt: Moment

  /// Creates a snapshot.
  public init(runID: RunID, job: String, asOf: CivilDate, startedAt: Moment) {
    self.runID = runID
    self.job = job
    self.asOf = asOf
    self.startedAt = startedAt
  }
}

/// Which reports are meant.
///
/// A published set is always complete and of one state of the data, so a selection never leaves a page behind:
/// it says which reports are rendered anew under `force`, and which the outcome lists.
public enum ReportSelection: Sendable, Hashable {
  /// Every report of the project and the built-in pages.
  case all
  /// These reports or built-in pages (`index`, `reconciliation`, `run`).
  case named([String])

  func includes(_ name: String) -> Bool {
    switch self {
    case .all: true
    case .named(let names): names.contains(name)
    }
  }
}

/// One page of the set.
public struct PublishedReport: Sendable, Hashable {
  /// The report's name.
  public var name: String
  /// The absolute path of its page under `Output/<as-of>/`.
  public var path: String
  /// Whether the page was kept as it was, because nothing that feeds it has changed.
  public var cached: Bool

  /// Creates a value.
  public init(name: String, path: String, cached: Bool) {
    self.name = name
    self.path = path
    self.cached = cached
  }
}

/// What publishing did.
public struct PublishOutcome: Sendable, Hashable {
  /// The pages that were selected, the index first.
  public var reports: [PublishedReport]
  /// The absolute path of `Output/<as-of>`.
  public var directory: String
  /// The absolute path of the index page.
  public var indexPath: String
  /// Whether anything at all was written.
  public var isChanged: Bool
  /// How many bytes were written; hard-linked files count nothing.
  public var bytesWritten: Int
  /// What of the set is from before the last change because asking failed, in sentences; such a set says STALE.
  public var staleSections: [String]
  /// What the set goes on to say of a later night that failed and is not mended, in one sentence.
  public var staleness: String?

  /// Creates an outcome.
  public init(
    reports: [PublishedReport], directory: String, indexPath: String, isChanged: Bool, bytesWritten: Int,
    staleSections: [String] = []
  ) {
    self.reports = reports
    self.directory = directory
    self.indexPath = indexPath
    self.isChanged = isChanged
    self.bytesWritten = bytesWritten
    self.staleSections = staleSections
  }
}
