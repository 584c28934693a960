// What a stage cost beside what the same stage of the same job cost before: the median and the usual spread (the median of
// the absolute deviations), as a whole and for each row.
// Invariant: a stage is called far from its history only where there is enough of it, where the distance is several times
// the usual spread and long enough to matter, and where more or fewer rows do not explain it. Pure; the figures are asked
// for elsewhere: RunPage.

internal import Markup
internal import Money

/// One stage and its history.
struct StageHistory: Sendable {
  var stage: String
  var milliseconds: Int
  /// What it usually takes.
  var usual: Int
  /// How far it usually is from that.
  var spread: Int
  /// Earlier runs of the job in which it did its work.
  var runs: Int
  /// Microseconds for each row, now and usually; nil where the rows are not known.
  var perRow: (now: ExactDecimal, usual: ExactDecimal)?

  /// With fewer runs nothing is said.
  static let fewestRuns = 5
  /// Distances are told from so many times the spread, from this share of what is usual, and from so many milliseconds.
  private static let spreads = 5
  private static let shortest = 200

  enum Judgement: Sendable, Hashable { case tooLittleHistory, asUsual, slower, faster }

  var judgement: Judgement {
    if runs < Self.fewestRuns { return .tooLittleHistory }
    let distance = milliseconds > usual ? milliseconds - usual : usual - milliseconds
    guard distance > max(Self.spreads * spread, usual / 2, Self.shortest) else { return .asUsual }
    let isSlower = milliseconds > usual
    if let perRow {
      // More than half as much again for each row, or less than two thirds.
      let (more, less) = isSlower ? (perRow.now, perRow.usual) : (perRow.usual, perRow.now)
      guard let two = more.adding(more), let three = less.adding(less)?.adding(less), two > three else {
        return .asUsual
      }
    }
    return isSlower ? .slower : .faster
  }

  /// `ingest orders took 12.300 seconds, 4.1 times its usual 3.000 (31 µs a row, usually 8)`.
  var sentence: String {
    func seconds(_ milliseconds: Int) -> String {
      FigureFormat.decimal(places: 3).spelled(
        ExactDecimal(milliseconds).divided(by: 1000, scale: 3, rounding: .halfAwayFromZero) ?? .zero)
    }
    let times = ExactDecimal(milliseconds).divided(
      by: ExactDecimal(max(1, usual)), scale: 1, rounding: .halfAwayFromZero)
    let figure = FigureFormat.decimal(places: 1)
    let rows = perRow.map { " (\(figure.spelled($0.now)) µs a row, usually \(figure.spelled($0.usual)))" } ?? ""
    return
      "\(isolated(stage)) took \(seconds(milliseconds)) seconds, \(figure.spelled(times ?? .zero)) times its usual "
      + "\(seconds(usual))\(rows)"
  }

  /// What is said of all stages, and whether none was slower than its history lets expect.
  static func verdict(_ stages: [StageHistory], job: String) -> (isGood: Bool, text: String) {
    let judged = stages.filter { $0.judgement != .tooLittleHistory }
    if judged.isEmpty {
      return (true, "There is too little history to compare with: no stage was at work in \(fewestRuns) earlier runs.")
    }
    let slower = judged.filter { $0.judgement == .slower }
    let faster = judged.filter { $0.judgement == .faster }
    let compared = "\(judged.count) stage\(judged.count == 1 ? "" : "s") compared with earlier runs of \(job)"
    if slower.isEmpty && faster.isEmpty {
      return (true, "The stages took about as long as they usually do: \(compared).")
    }
    let far = slower + faster
    let told = far.prefix(10).map(\.sentence).joined(separator: "; ")
    let more = far.count > 10 ? "; and \(far.count - 10) more" : ""
    return (slower.isEmpty, "Far from their history: \(told)\(more). \(compared).")
  }
}
