// The set in a few lines, for a mail: headline figures, what was rejected, where the files are.
// Plain text without control characters; no line depends on the width of a terminal.
// Sending it is left to cron.

internal import Finding
internal import Markup
internal import Money

/// `summary.txt`.
struct SummaryText: Sendable {
  static let fileName = "summary.txt"
  let context: PageContext
  /// Headline figures: a heading for each group and its lines, indented.
  let headlines: [String]
  /// Where the index will stand.
  let indexPath: String

  /// The bytes of the file.
  var bytes: [UInt8] {
    var lines = ["\(context.project): \(DateText.day(context.asOf)) – \(context.stateWord)"]
    lines += context.draftReasons.map { "! \($0)" }
    lines.append("")
    if !headlines.isEmpty { lines += headlines + [""] }
    let rejected = FigureFormat.integer.spelled(ExactDecimal(context.rejectedRows))
    let noun = context.rejectedRows == 1 ? "row" : "rows"
    lines.append(
      context.rejectedRows == 0
        ? "Rejected: none." : "Rejected: \(rejected) \(noun), listed in data/rejects.csv and data-quality.html.")
    if let common = context.commonReach {
      lines.append("Data of every feed reach through \(common).")
    } else if !context.feeds.isEmpty {
      lines.append("Data through: " + context.feeds.map { "\($0.feed) \($0.shown)" }.joined(separator: ", ") + ".")
    }
    if let later = context.laterData { lines.append(later) }
    lines.append("Read on: \(indexPath)")
    lines.append("Run \(context.runID), \(context.generatedAt) UTC.")
    return Array((lines.map(visible).joined(separator: "\n") + "\n").utf8)
  }
}
