// What a published set says after a later night failed, and how it is written into the files that carry a banner and
// taken out again.
// Invariant: taking out gives the bytes that were there before, which their hashes in the manifest prove; nothing else
// of a file is touched. The set as a whole is exchanged elsewhere: OutputFolder+Stale.

internal import FoundationEssentials
internal import Ledger
internal import Markup
internal import Money

/// Why the newest set is not of the newest night.
struct StaleMark: Sendable, Hashable, Codable {
  /// When the first night failed that no good one followed.
  var since: String
  /// The business date of the night that failed last.
  var failedAsOf: String
  /// When that was.
  var failedAt: String
  /// Its run; nil when it did not come to one.
  var runID: String?
  /// What happened, in a sentence without a final full stop.
  var reason: String
  /// What to type.
  var next: String
  /// What the set said before: COMPLETE or DRAFT.
  var was: String
  /// The files as they were before.
  var files: [SetManifest.File]

  private enum CodingKeys: String, CodingKey {
    case since
    case failedAsOf = "failed_as_of"
    case failedAt = "failed_at"
    case runID = "run_id"
    case reason, next, was, files
  }

  static let word = "STALE"

  /// Whether a set of a date is of the night that failed, or of a later one.
  func isMended(by asOf: CivilDate) -> Bool { CivilDate(failedAsOf).map { asOf >= $0 } ?? true }

  /// Since when, why, and what to do, in one sentence.
  func sentence(of asOf: CivilDate) -> String {
    let night = CivilDate(failedAsOf).map(DateText.named) ?? failedAsOf
    let last = failedAt == since ? "when" : "and at \(failedAt)"
    let figures = failedAsOf == asOf.description ? "from before" : "of \(DateText.named(asOf))"
    let text =
      "Since \(since) UTC, \(last) the night of \(night) failed (\(reason)): these are still the figures \(figures); to "
      + "mend it type: \(next)"
    return legible(text).replacing("\n", with: " ")
  }

  var json: JSONValue {
    [
      "since": .string(since), "failed_as_of": .string(failedAsOf), "failed_at": .string(failedAt),
      "run_id": .optional(runID), "reason": .string(reason), "next": .string(next), "was": .string(was),
    ]
  }

  /// With the files, as the manifest holds it.
  var manifestJSON: JSONValue {
    guard case .object(let members) = json else { return json }
    return .object(members + [.init("files", .array(files.map(\.json)))])
  }

  // MARK: Files

  /// Whether a file of a set carries the state of the set.
  static func isMarked(_ path: String) -> Bool {
    path.hasSuffix(".html") || path == SummaryText.fileName || path == "report.json"
  }

  /// The bytes of a file with the mark; nil when it has no place for it.
  func written(into bytes: [UInt8], path: String, asOf: CivilDate) -> [UInt8]? {
    if path == SummaryText.fileName {
      return Array("\(Self.word). \(sentence(of: asOf)).\n\n".utf8)
        + Self.replacingHeadline(in: bytes, was, by: Self.word)
    }
    if path == "report.json" {
      return Self.replacingState(in: bytes, by: "\"\(Self.word)\", \"stale\": \(json.text)")
    }
    guard let main = Self.range(of: "<main", in: bytes[...]),
      let end = bytes[main.upperBound...].firstIndex(of: UInt8(ascii: ">"))
    else { return nil }
    return bytes[...end] + Array(MarkupRenderer().render(banner(asOf)).utf8) + bytes[(end + 1)...]
  }

  /// The bytes of a file without the mark; nil when there is none in it.
  static func removed(from bytes: [UInt8], path: String, was: String) -> [UInt8]? {
    if path == SummaryText.fileName {
      guard bytes.starts(with: Array("\(word). ".utf8)), let end = range(of: "\n\n", in: bytes[...]) else { return nil }
      return replacingHeadline(in: Array(bytes[end.upperBound...]), word, by: was)
    }
    if path == "report.json" { return replacingState(in: bytes, by: "\"\(was)\"") }
    guard let start = range(of: opening, in: bytes[...]),
      let end = range(of: "</div>", in: bytes[start.upperBound...])
    else { return nil }
    return Array(bytes[..<start.lowerBound] + bytes[end.upperBound...])
  }

  /// The first line of a mail ends with the state of the set.
  private static func replacingHeadline(in bytes: [UInt8], _ state: String, by other: String) -> [UInt8] {
    let ending = Array(" – \(state)".utf8)
    guard let end = bytes.firstIndex(of: 0x0A), end >= ending.count, bytes[(end - ending.count)..<end] == ending[...]
    else { return bytes }
    return bytes[..<(end - ending.count)] + Array(" – \(other)".utf8) + bytes[end...]
  }

  private static let opening = "<div class=\"banner draft stale\""

  /// One element without another `div` in it, so that its end can be found: every text of a page is escaped.
  private func banner(_ asOf: CivilDate) -> Node {
    HTML.div(.class("banner draft stale"), .role("status")) {
      HTML.p {
        HTML.strong { Self.word }
        HTML.span { "\(sentence(of: asOf))." }
      }
    }
  }

  /// The object of `report.json` has one member a line, so the state is a line of its own.
  private static func replacingState(in bytes: [UInt8], by value: String) -> [UInt8]? {
    guard let line = range(of: "\n  \"state\": ", in: bytes[...]),
      let end = bytes[line.upperBound...].firstIndex(of: 0x0A)
    else { return nil }
    return bytes[..<line.upperBound] + Array("\(value),".utf8) + bytes[end...]
  }

  private static func range(of text: String, in bytes: ArraySlice<UInt8>) -> Range<Int>? {
    bytes.firstRange(of: Array(text.utf8))
  }
}
