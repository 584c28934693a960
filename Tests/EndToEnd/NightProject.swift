// A copy of a project in a temporary directory, and the built program run on it.
// Invariant: nothing of the repository is written to; the inbox, the state and Output all lie in the copy.

import Foundation
import TestSupport
import Testing

/// A project that a test may ruin.
struct NightProject: Sendable {
  /// The folder that holds `Jobs/`.
  let root: String
  /// The database to use; nil for the embedded server.
  let databaseURL: String?
  private let program: BuiltProgram

  /// The folder of the repository.
  static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// Copies the `Jobs/` found under `source` into `directory`.
  init(copying source: String, into directory: TemporaryDirectory, database: TestDatabase? = nil) throws {
    program = try BuiltProgram()
    root = directory.appending("project")
    databaseURL = database?.url
    try FileManager.default.createDirectory(atPath: inbox, withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: root + "/Output", withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: source + "/Jobs", toPath: root + "/Jobs")
  }

  /// Where feed files are put.
  var inbox: String { root + "/.daybook/inbox" }

  /// Runs the program in the project.
  func daybook(
    _ arguments: String..., timeout: Duration = .seconds(300), started: (@Sendable (Int32) -> Void)? = nil
  ) async throws -> ProgramOutcome {
    try await daybook(arguments, timeout: timeout, started: started)
  }

  /// Runs the program in the project.
  func daybook(
    _ arguments: [String], timeout: Duration = .seconds(300), started: (@Sendable (Int32) -> Void)? = nil
  ) async throws -> ProgramOutcome {
    var environment = ["DAYBOOK_INBOX": inbox]
    if let databaseURL { environment["DATABASE_URL"] = databaseURL }
    return try await program.run(
      arguments, environment: environment, in: root, timeout: timeout, started: started)
  }

  /// Runs the nightly job and reads what it says.
  func night(asOf: String) async throws -> NightReport {
    let outcome = try await daybook("run", "nightly", "--as-of", asOf, "--json")
    return try NightReport(outcome)
  }

  /// Writes the feeds of a small shop into `inbox`, and returns what they must result in.
  func sample(
    to inbox: String, seed: Int = 11, orders: Int = 1_500, transactions: Int = 5_000, nights: Int, dirty: String
  ) async throws -> ExpectedNight {
    let outcome = try await daybook(
      "sample", "--inbox", inbox, "--customers", "300", "--products", "80", "--orders", "\(orders)", "--transactions",
      "\(transactions)", "--seed", "\(seed)", "--start", "2023-01-01", "--end", "2024-12-31", "--nights", "\(nights)",
      "--dirty", dirty)
    try #require(outcome.status == 0, "\(outcome.stderr)")
    return try JSONDecoder().decode(
      ExpectedNight.self, from: Data(contentsOf: URL(filePath: inbox + "/expected.json")))
  }

  /// Copies feed files whose names satisfy `isWanted` into the inbox.
  func deliver(from directory: String, where isWanted: (String) -> Bool) throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    where name.hasSuffix(".csv") && isWanted(name) {
      let bytes = try Data(contentsOf: URL(filePath: directory + "/" + name))
      try TemporaryDirectory.write(Array(bytes), toFile: inbox + "/" + name)
    }
  }

  /// Every file under Output with what a touch would change.
  func publishedFiles() throws -> [String: String] {
    var files: [String: String] = [:]
    let folder = root + "/Output"
    for name in FileManager.default.enumerator(atPath: folder).map({ $0.compactMap { $0 as? String } }) ?? [] {
      let facts = try FileManager.default.attributesOfItem(atPath: folder + "/" + name)
      let parts = [FileAttributeKey.modificationDate, .systemFileNumber, .size].map { "\(facts[$0] ?? "-")" }
      files[name] = parts.joined(separator: " ")
    }
    return files
  }

  /// The text of a file under Output.
  func published(_ path: String) throws -> String {
    try String(contentsOfFile: "\(root)/Output/\(path)", encoding: .utf8)
  }

  /// The files under Output that were written, touched or removed since `earlier`, by name.
  func changedFiles(since earlier: [String: String]) throws -> [String] {
    let now = try publishedFiles()
    return Set(now.keys).union(earlier.keys).filter { now[$0] != earlier[$0] }.sorted()
  }

  /// Whether a server left its process file behind in the project's state.
  var isServerRunning: Bool {
    let names = FileManager.default.enumerator(atPath: root + "/.daybook").map { $0.compactMap { $0 as? String } } ?? []
    return names.contains { $0.hasSuffix("postmaster.pid") }
  }
}

/// The object that `daybook run --json` prints.
struct NightReport: Decodable {
  struct Rows: Decodable, Equatable {
    var read, inserted, updated, unchanged, deleted, duplicate, rejected: Int
  }

  struct Stage: Decodable {
    let stage: String
    let name: String
    let status: String
    let rows: Rows
  }

  struct Report: Decodable {
    let name: String
    let path: String
    let cached: Bool
  }

  let status: String
  let exitCode: Int
  let stages: [Stage]
  let reports: [Report]

  private enum CodingKeys: String, CodingKey {
    case status, stages, reports
    case exitCode = "exit_code"
  }

  /// Reads the one object on standard output; its exit code must be the program's.
  init(_ outcome: ProgramOutcome) throws {
    do {
      self = try JSONDecoder().decode(NightReport.self, from: Data(outcome.stdout.utf8))
    } catch {
      Issue.record("exit \(outcome.status), \(error)\n\(outcome.stdout)\n\(outcome.stderr)")
      throw error
    }
    #expect(exitCode == outcome.status)
  }

  /// The rows of the ingest stages of a feed, added up.
  func ingested(_ feed: String) -> Rows {
    var sum = Rows(read: 0, inserted: 0, updated: 0, unchanged: 0, deleted: 0, duplicate: 0, rejected: 0)
    for stage in stages where stage.stage == "ingest" && stage.name == feed {
      sum.read += stage.rows.read
      sum.inserted += stage.rows.inserted
      sum.updated += stage.rows.updated
      sum.unchanged += stage.rows.unchanged
      sum.deleted += stage.rows.deleted
      sum.duplicate += stage.rows.duplicate
      sum.rejected += stage.rows.rejected
    }
    return sum
  }
}

/// The object that `daybook rejects list --json` prints.
struct RejectList: Decodable {
  struct Reject: Decodable {
    let file: String
    let line: Int
    let column: String?
    let code: String
  }

  let rejects: [Reject]
}
