// What stands at the head of every page of a set: whose figures, as of when, through when, made by which run, and
// whether they are complete. The value also feeds every page's fingerprint where it can change a page.
// Reading it from the ledger is elsewhere: LedgerState.

internal import Ledger
internal import Markup
internal import Money

/// What every page of a set says about itself.
struct PageContext: Sendable {
  /// One page in the navigation.
  struct Page: Sendable, Hashable {
    var name: String
    var title: String
  }

  /// How far one feed's data reach.
  struct FeedReach: Sendable, Hashable {
    var feed: String
    /// A date, or why there is none: "no data yet", "no rows".
    var through: String

    /// The same as a reader writes it.
    var shown: String { CivilDate(through).map { FigureNotation.current.date($0) } ?? through }
  }

  var project: String
  var asOf: CivilDate
  var timeZone: String
  var runID: String
  var job: String
  /// UTC, to the minute.
  var generatedAt: String
  /// In the project's time zone, to the minute.
  var generatedLocal: String
  var feeds: [FeedReach]
  var pages: [Page]
  /// Why the figures are not final; empty for a complete set.
  var draftReasons: [String]
  /// Rejected rows of this as-of's files.
  var rejectedRows: Int
  /// Whether figures are from before the last change; the reasons say which.
  var hasStaleFigures = false

  /// The one date that all feeds reach, as a reader writes it; nil when they differ, or reach none.
  var commonReach: String? {
    guard let first = feeds.first?.through, CivilDate(first) != nil, feeds.allSatisfy({ $0.through == first }) else {
      return nil
    }
    return feeds.first?.shown ?? first
  }

  /// Changes with what the banner of every page says of the set.
  var banner: String { ContentHash.fingerprint([stateWord] + draftReasons) }

  var isComplete: Bool { draftReasons.isEmpty }
  /// COMPLETE, DRAFT or STALE.
  var stateWord: String { hasStaleFigures ? "STALE" : isComplete ? "COMPLETE" : "DRAFT" }
}
