// The way in: `Jobs/` of a folder, read and checked as a whole.
// Invariant: every error of every file is reported at once, and a project is given only when there is none. What one
// file means is in Readers; what files say about each other is in Resolving.

public import Finding
internal import FoundationEssentials

extension Project {
  /// Reads and checks everything under `root`/Jobs.
  ///
  /// - Parameters:
  ///   - root: the project's folder; a relative path is taken from the current folder.
  ///   - environment: what `${NAME}` reads.
  /// - Returns: the project when nothing is wrong, and all that there is to say, warnings included, by file and line.
  public static func check(
    root: String, environment: [String: String]
  ) -> (project: Project?, diagnostics: [Diagnostic]) {
    let findings = Findings()
    let project = ProjectLoader(root: absolute(root), environment: environment, findings: findings).load()
    return (findings.hasErrors ? nil : project, findings.sorted)
  }

  /// Reads and checks everything under `root`/Jobs.
  ///
  /// - Throws: all errors and warnings of all files, when there is at least one error.
  public static func load(root: String, environment: [String: String]) throws(DiagnosticsError) -> Project {
    let (project, diagnostics) = check(root: root, environment: environment)
    guard let project else { throw DiagnosticsError(diagnostics) }
    return project
  }

  /// Where a project publishes and how it counts days, also when its other definitions are wrong; nil when its own file
  /// cannot be read.
  public static func settings(
    root: String, environment: [String: String]
  ) -> (output: String, timeZone: String)? {
    let findings = Findings()
    guard let settings = ownFile(root: absolute(root), environment: environment, findings: findings) else { return nil }
    return findings.hasErrors ? nil : (settings.output, settings.calendar.timeZone)
  }

  /// The full path of a project's folder and where its database is, whatever else is wrong with its definitions; nil when
  /// its own file cannot be read.
  public static func place(
    root: String, environment: [String: String]
  ) -> (root: String, database: DatabaseLocation)? {
    let root = absolute(root)
    guard let settings = ownFile(root: root, environment: environment, findings: Findings()) else { return nil }
    return (root, settings.database.url)
  }

  private static func ownFile(
    root: String, environment: [String: String], findings: Findings
  ) -> ProjectSettings? {
    guard let source = SourceText.read(ProjectReader.file, root: root, findings: findings),
      let node = NodeComposer(source: source, environment: environment, findings: findings).compose()
    else { return nil }
    return ProjectReader(root: root, findings: findings).read(node)
  }

  private static func absolute(_ path: String) -> String {
    let full = path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
    var parts: [Substring] = []
    for part in full.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }
}
