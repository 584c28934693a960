// How a rollup is to be brought up to date, decided from what the ledger says of its source's batches. Pure.
// Invariant: whatever is not surely told by images is read from the table.

internal import Definitions
internal import Ledger

/// What has to be done for one rollup.
enum RollupWork: Equatable {
  /// The state holds all there is.
  case nothing
  /// Images of the batches behind `after` up to `through` are applied.
  case delta(after: Int64, through: Int64, batches: Int, images: Int, why: String?)
  /// The state is made from the table.
  case rebuild(reason: String)

  var isDelta: Bool {
    if case .delta = self { return true }
    return false
  }

  var isRebuild: Bool {
    if case .rebuild = self { return true }
    return false
  }

  /// Chooses.
  ///
  /// - Parameters:
  ///   - absorbed: the last batch in the state; nil when the state was never built beside the journal, or was
  ///     found to be wrong.
  ///   - batches: all batches of the source behind that one.
  ///   - hasMoved: whether the source's data is at another version than the state was built from.
  ///   - difference: how what the state was built from differs from what stands there now in a way that no journal tells.
  ///   - readRows: the rows that a rebuild would read, as the planner believes; nil when it knows nothing.
  ///   - cost: what both ways took lately.
  static func choose(
    source: String, absorbed: Int64?, batches: [BatchEntry], hasMoved: Bool, difference: String? = nil,
    readRows: Int?, cost: RefreshCost = RefreshCost()
  ) -> RollupWork {
    guard let absorbed else { return .rebuild(reason: "nothing proves that it holds what \(source) does") }
    if let difference { return .rebuild(reason: difference) }
    guard let last = batches.last else {
      // A change that no batch tells of was made by an older program, or by hand together with the version.
      return hasMoved ? .rebuild(reason: "\(source) changed and its journal does not tell how") : .nothing
    }
    if batches.contains(where: { $0.kind == .rebuild }) {
      return .rebuild(reason: "\(source) was loaded in bulk")
    }
    let images = batches.reduce(0) { $0 + $1.rowsPlus + $1.rowsMinus }
    guard let readRows else {
      return .delta(after: absorbed, through: last.batchID, batches: batches.count, images: images, why: nil)
    }
    let (byDelta, byReading) = (cost.ofDelta(images: images), Double(readRows) * cost.perRow)
    // What each way takes however little there is decides nothing alone: a rebuild costs its readers more than its time.
    let (delta, reading) = (max(byDelta, cost.leastDelta), max(byReading, cost.leastRebuild))
    if byDelta > byReading, delta > reading {
      return .rebuild(reason: "\(images) images would take \(seconds(delta)), \(readRows) rows \(seconds(reading))")
    }
    // Where both are nothing to wait for, there is nothing to explain.
    let why = byReading >= 100_000 ? "\(seconds(delta)) expected, \(seconds(reading)) for a rebuild" : nil
    return .delta(after: absorbed, through: last.batchID, batches: batches.count, images: images, why: why)
  }

  /// Microseconds as a person reads them, to the hundredth of a second.
  private static func seconds(_ microseconds: Double) -> String {
    let hundredths = Int((microseconds / 10_000).rounded())
    return hundredths == 0
      ? "less than 0.01 s" : "about \(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) s"
  }
}

extension RollupDefinition {
  /// The first word by which a group or a condition depends on more than the row; images cannot tell what such a row
  /// counts for later.
  ///
  /// - Parameter functions: those of the database that it may call.
  func unsteadyWord(_ functions: CalledFunctions) -> String? {
    // A subquery reads other tables.
    Self.scannedWords(texts).first { word, isCall in
      word == "select" || (isCall || !UnsteadyWords.functions.contains(word)) && UnsteadyWords.all.contains(word)
    }?.word ?? texts.lazy.compactMap(UnsteadyWords.moment).first
      ?? functions.called(by: calling).first(where: \.isUnsteady)?.word
  }

  /// The columns of a feed that it reads, and other names and words among them.
  func columns(of feed: FeedDefinition) -> Set<String> {
    var columns = Set(groups.compactMap(\.source.column) + measures.flatMap(\.function.columns))
    if measures.contains(where: \.isEndpoint) { columns.formUnion(feed.key) }
    return columns.union(Self.scannedWords(texts).map(\.word))
  }

  /// What functions it may call: its groups, conditions and derived figures.
  var calling: CallingText {
    let texts = texts + derived.map(\.expression)
    return CallingText(
      words: Set(Self.scannedWords(texts).filter(\.isCall).map(\.word)), sql: texts.joined(separator: "\n"))
  }

  /// The words of SQL in lower case, and whether each stands before a parenthesis, or before a comment, behind which there
  /// may be one.
  private static func scannedWords(_ texts: [String]) -> [(word: String, isCall: Bool)] {
    texts.flatMap { text in
      text.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map { word in
        let rest = text[word.endIndex...].drop { $0.isWhitespace || $0 == "\"" }
        let isCall = ["(", "/*", "--"].contains { rest.hasPrefix($0) }
        return (word.lowercased(), isCall)
      }
    }
  }

  /// The groups and conditions that are SQL.
  private var texts: [String] {
    let groups = groups.compactMap { group in
      if case .expression(let sql) = group.source { sql } else { nil }
    }
    return groups + measures.compactMap(\.condition)
  }
}
