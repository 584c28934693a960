// The way in: `Jobs/` of a folder, read and checked as a whole.
// Invariant: every error of every file is reported at once; a project is given only when there is none.

public import Finding

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
    (nil, [Diagnostic(.error, code: "not_built", "not built yet")])
  }

  /// Reads and checks everything under `root`/Jobs.
  ///
  /// - Throws: all errors and warnings of all files, when there is at least one error.
  public static func load(root: String, environment: [String: String]) throws(DiagnosticsError) -> Project {
    let (project, diagnostics) = check(root: root, environment: environment)
    guard let project else { throw DiagnosticsError(diagnostics) }
    return project
  }
}
