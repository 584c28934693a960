// Up to which change of the ledger the CSVs of a feed's refused records show it: one number for each feed, under
// `.daybook/rejects`, because Output, too, belongs to this project and not to the database.
// Invariant: the mark is set behind the CSVs and never before them, and a run that finds none sets one before it changes
// anything. Whatever a run commits and does not live to show is therefore behind the mark, and the next run shows it,
// whichever files that one finds. Losing the mark costs that promise for one run; a mark that is too low costs time.

internal import Glibc

/// The last change of the ledger that a feed's CSVs of refused records show.
struct RejectsMark {
  private static let version = "daybook-rejects-1"
  private let directory: String
  private let path: String

  init(projectRoot: String, feed: String) {
    directory = "\(projectRoot)/.daybook/rejects"
    path = "\(directory)/\(feed)"
  }

  /// When the last file was recorded, or reject closed, that the CSVs show, by the server's clock; nil when that is not
  /// known.
  var microseconds: Int64? {
    let words = readText(path)?.split(whereSeparator: \.isWhitespace) ?? []
    guard words.count == 2, words[0] == Self.version else { return nil }
    return Int64(words[1])
  }

  /// Sets the mark. Where that fails the next run writes the same CSVs again.
  func set(_ microseconds: Int64) {
    guard self.microseconds != microseconds, makeDirectories(directory) else { return }
    _ = replaceFile(path, with: Array("\(Self.version) \(microseconds)\n".utf8))
  }
}
