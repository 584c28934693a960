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
  }

  /// One page with its data files.
  struct Report: Sendable, Hashable, Codable {
    var name: String
    var fingerprint: String
    /// The run that rendered it.
    var runID: String
    var files: [String]

    private enum CodingKeys: String, CodingKey {
      case name, fingerprint
      case runID = "run_id"
      case files
    }
  }

  static let currentSchemaVersion = 1
  static let fileName = "manifest.json"

  var schemaVersion: Int = SetManifest.currentSchemaVersion
  var project: String
  var asOf: String
  /// COMPLETE, DRAFT or STALE.
  var state: String
  /// The run that published the set.
  var runID: String
  var generatedAt: String
  var reports: [Report]
  var files: [File]

  private enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case project
    case asOf = "as_of"
    case state
    case runID = "run_id"
    case generatedAt = "generated_at"
    case reports, files
  }

  /// Reads a manifest; nil for anything that is not one of this version.
  init?(json: [UInt8]) {
    guard let manifest = try? JSONDecoder().decode(SetManifest.self, from: Data(json)),
      manifest.schemaVersion == Self.currentSchemaVersion
    else { return nil }
    self = manifest
  }

  init(
    project: String, asOf: String, state: String, runID: String, generatedAt: String, reports: [Report], files: [File]
  ) {
    self.project = project
    self.asOf = asOf
    self.state = state
    self.runID = runID
    self.generatedAt = generatedAt
    self.reports = reports
    self.files = files
  }

  /// The bytes of the file, the same for the same manifest.
  var json: [UInt8] {
    let value: JSONValue = [
      "schema_version": .integer(schemaVersion), "project": .string(project), "as_of": .string(asOf),
      "state": .string(state), "run_id": .string(runID), "generated_at": .string(generatedAt),
      "reports": .array(
        reports.map { report in
          [
            "name": .string(report.name), "fingerprint": .string(report.fingerprint),
            "run_id": .string(report.runID), "files": .array(report.files.map { .string($0) }),
          ]
        }),
      "files": .array(
        files.map { file in
          ["path": .string(file.path), "bytes": .integer(file.bytes), "sha256": .string(file.sha256)]
        }),
    ]
    return Array((value.text(openLevels: 2) + "\n").utf8)
  }

  /// The page of that name.
  func report(named name: String) -> Report? { reports.first { $0.name == name } }
  /// The file at that path.
  func file(at path: String) -> File? { files.first { $0.path == path } }
}
