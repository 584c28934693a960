// What a published set is made of: every file with its hash and size, every page with the fingerprint of what fed it.
// It is what the next publication compares with, and what anybody can check a copy against.
// Keys in the file are words with underscores, as in all JSON that Daybook writes.

internal import FoundationEssentials
internal import Ledger

/// `manifest.json` of a set.
struct SetManifest: Sendable, Hashable, Codable {
  /// One file of the set.
  struct File: Sendable, Hashable, Codable {
    var path: String
    var bytes: Int
    var sha256: String
    /// The rows of a data file, its heading not counted; nil for what has no rows.
    var rows: Int?

    var json: JSONValue {
      var members: [JSONValue.Member] = [
        .init("path", .string(path)), .init("bytes", .integer(bytes)), .init("sha256", .string(sha256)),
      ]
      if let rows { members.append(.init("rows", .integer(rows))) }
      return .object(members)
    }
  }

  /// One page with its data files.
  struct Report: Sendable, Hashable, Codable {
    var name: String
    var fingerprint: String
    /// The run that rendered it.
    var runID: String
    var files: [String]
    /// When it was rendered; nil in sets of older versions.
    var renderedAt: String?
    /// Changes with what its banner says: the state of the set and the reasons for it; nil in sets of older versions.
    var banner: String?
    /// Changes with anything that it says and with any of its rows, shown or not; nil for the pages of every set, and in
    /// sets of older versions.
    var content: String?

    private enum CodingKeys: String, CodingKey {
      case name, fingerprint
      case runID = "run_id"
      case files
      case renderedAt = "rendered_at"
      case banner, content
    }
  }

  static let currentSchemaVersion = 1
  static let fileName = "manifest.json"

  var schemaVersion: Int = SetManifest.currentSchemaVersion
  var project: String
  var asOf: String
  /// COMPLETE or DRAFT; STALE after a later night failed, or where figures are from before the last change.
  var state: String
  /// The run that published the set.
  var runID: String
  var generatedAt: String
  var reports: [Report]
  var files: [File]
  /// Which files and batches of changes it holds; nil in sets of older versions.
  var holds: HeldBatches?
  /// What a failed night has put into the set since; nil when none has.
  var stale: StaleMark?

  private enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case project
    case asOf = "as_of"
    case state
    case runID = "run_id"
    case generatedAt = "generated_at"
    case reports, files, holds, stale
  }

  /// Reads a manifest; nil for anything that is not one of this version, and for one that names what is not in its set.
  init?(json: [UInt8]) {
    guard let manifest = try? JSONDecoder().decode(SetManifest.self, from: Data(json)),
      manifest.schemaVersion == Self.currentSchemaVersion,
      (manifest.files.map(\.path) + manifest.reports.flatMap(\.files)).allSatisfy(Self.isInside)
    else { return nil }
    self = manifest
  }

  /// Whether a path stays in the folder that it is read from: what is published is written to such paths again.
  private static func isInside(_ path: String) -> Bool {
    !path.utf8.contains(0)
      && path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !["", ".", ".."].contains($0) }
  }

  init(
    project: String, asOf: String, state: String, runID: String, generatedAt: String, reports: [Report], files: [File],
    holds: HeldBatches? = nil
  ) {
    self.project = project
    self.asOf = asOf
    self.state = state
    self.runID = runID
    self.generatedAt = generatedAt
    self.reports = reports
    self.files = files
    self.holds = holds
  }

  /// The bytes of the file, the same for the same manifest.
  var json: [UInt8] {
    var members: [JSONValue.Member] = [
      .init("schema_version", .integer(schemaVersion)), .init("project", .string(project)),
      .init("as_of", .string(asOf)), .init("state", .string(state)), .init("run_id", .string(runID)),
      .init("generated_at", .string(generatedAt)), .init("reports", .array(reports.map(\.json))),
      .init("files", .array(files.map(\.json))),
    ]
    if let holds { members.append(.init("holds", holds.json)) }
    if let stale { members.append(.init("stale", stale.manifestJSON)) }
    return Array((JSONValue.object(members).text(openLevels: 2) + "\n").utf8)
  }

  /// The page of that name.
  func report(named name: String) -> Report? { reports.first { $0.name == name } }
  /// The file at that path.
  func file(at path: String) -> File? { files.first { $0.path == path } }
}

extension SetManifest.Report {
  fileprivate var json: JSONValue {
    var members: [JSONValue.Member] = [
      .init("name", .string(name)), .init("fingerprint", .string(fingerprint)), .init("run_id", .string(runID)),
      .init("files", .array(files.map { .string($0) })),
    ]
    if let renderedAt { members.append(.init("rendered_at", .string(renderedAt))) }
    if let banner { members.append(.init("banner", .string(banner))) }
    if let content { members.append(.init("content", .string(content))) }
    return .object(members)
  }
}
