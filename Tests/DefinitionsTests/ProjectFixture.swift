// A project on disk for one test, from a list of files, removed at the end.
// The definitions room reads real files, so tests give it real ones: links, pipes and folders included.
// Nothing outlives the closure that borrows the folder.

internal import Definitions
internal import Finding
internal import Foundation

/// Files by path below the project's folder.
struct ProjectFixture {
  var files: [String: [UInt8]] = [:]
  var environment: [String: String] = [:]

  init(_ files: [String: String], environment: [String: String] = [:]) {
    self.files = files.mapValues { Array($0.utf8) }
    self.environment = environment
  }

  /// Writes the files, lends the folder, and removes it.
  func onDisk<R>(_ body: (String) throws -> R) throws -> R {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent("daybook-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: root) }
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    for (path, bytes) in files {
      let url = URL(fileURLWithPath: "\(root)/\(path)")
      try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(bytes).write(to: url)
    }
    return try body(root)
  }

  func check() throws -> (project: Project?, diagnostics: [Diagnostic]) {
    try onDisk { Project.check(root: $0, environment: environment) }
  }

  /// What `daybook check` would say.
  func rendered() throws -> String {
    let renderer = DiagnosticRenderer(color: false)
    return try check().diagnostics.map(renderer.render).joined(separator: "\n")
  }

  func load() throws -> Project { try onDisk { try Project.load(root: $0, environment: environment) } }

  /// The folder of this repository, itself a project.
  static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path
}
