// What is published, as a value: which sets there are, what each says about itself, and marking the newest one after a
// failed night. For whoever lists, opens or compares reports, without a database.
// Invariant: only what a manifest names and the disk holds is told; a folder without a manifest is no set.

public import Definitions
internal import FoundationEssentials
public import Ledger
public import Money

/// The sets under one output folder.
public struct PublishedSets: Sendable {
  private let folder: OutputFolder

  /// The sets that a project publishes.
  public init(output: String) {
    folder = OutputFolder(path: output)
  }

  /// The dates of all sets, oldest first.
  public var dates: [CivilDate] { folder.dates }

  /// The date of the set that readers find: the one that `latest` leads to, or where it leads to none the newest.
  public var latest: CivilDate? { folder.current }

  /// The set of a date; nil when there is none that is as it was published.
  public func set(for asOf: CivilDate) -> PublishedSet? {
    guard let manifest = folder.intactManifest(for: asOf) else { return nil }
    return PublishedSet(manifest: manifest, asOf: asOf, directory: folder.directory(for: asOf), folder: folder)
  }

  /// Makes the newest set say that a later night failed, so that nobody takes its figures for those of that night.
  ///
  /// - Parameters:
  ///   - failedAsOf: the business date of the night that failed.
  ///   - moment: when it failed.
  ///   - run: its run; nil when it did not come to one.
  ///   - reason: what happened, in a sentence without a final full stop.
  ///   - next: what to type to mend it.
  /// - Throws: `ReportError` when the mark could not be written; the set is then as it was.
  public func markStale(
    failedAsOf: CivilDate, at moment: Moment, run: RunID?, reason: String, next: String
  ) throws(ReportError) -> StaleOutcome {
    try folder.markStale(
      failedAsOf: failedAsOf, at: minutes(moment), run: run?.description, reason: reason, next: next)
  }
}

/// One set as its manifest tells.
public struct PublishedSet: Sendable {
  /// One page of it.
  public struct Page: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// The absolute path of its page, or of the first of its files when it has no page.
    public var path: String
    /// When it was rendered, as a time in UTC; nil in sets of older versions.
    public var renderedAt: String?
    /// The run that rendered it.
    public var runID: String
  }

  let manifest: SetManifest
  /// Its date.
  public let asOf: CivilDate
  /// The absolute path of its folder.
  public let directory: String
  let folder: OutputFolder

  /// COMPLETE, DRAFT or STALE.
  public var state: String { manifest.state }
  /// The run that published it.
  public var runID: String { manifest.runID }
  /// When it was published, as a time in UTC.
  public var generatedAt: String { manifest.generatedAt }
  /// Since when it is stale and why, in one sentence; nil when it is not.
  public var staleness: String? { manifest.stale?.sentence(of: asOf) }

  /// What to type to mend that; nil when it is not stale.
  public var next: String? { manifest.stale?.next }

  /// Its pages, in the order of the navigation.
  public var pages: [Page] {
    manifest.reports.map { report in
      Page(
        name: report.name, path: "\(directory)/\(Self.mainFile(report))",
        renderedAt: report.renderedAt, runID: report.runID)
    }
  }

  /// Its page, or where it has none the first of its files that is not about its definition.
  private static func mainFile(_ report: SetManifest.Report) -> String {
    report.files.first { !$0.hasPrefix("definitions/") } ?? report.files.first ?? "\(report.name).html"
  }

  /// The names and titles of the pages that a project's set has.
  public static func pages(of project: Project) -> [(name: String, title: String)] {
    SetRenderer.pages(of: project).map { ($0.name, $0.title) }
  }
}
