// Finds the definition files, has each one read, and has them resolved against each other.
// Invariant: files are taken in the order of their names, so that the first of two definitions with one name is
// always the same. A file that is not a definition is a warning: someone may believe that it is read.

internal import Finding
internal import FoundationEssentials

/// The texts that were read so far.
private final class SourceTexts {
  var texts: [String: String] = [:]
}

/// Loads one project.
struct ProjectLoader {
  let root: String
  let environment: [String: String]
  let findings: Findings
  private let sources = SourceTexts()

  init(root: String, environment: [String: String], findings: Findings) {
    self.root = root
    self.environment = environment
    self.findings = findings
  }

  /// More files than this in one folder are a mistake.
  static let maximumFiles = 5_000
  private static let folders = ["feeds", "views", "checks", "reports"]

  func load() -> Project? {
    guard FileManager.default.fileExists(atPath: "\(root)/\(ProjectReader.file)") else {
      findings.error(
        "no_project", at: SourcePosition(file: ProjectReader.file), "there is no project in this folder",
        fix: "change to a folder that holds Jobs/daybook.yaml, or name it: --project DIR")
      return nil
    }
    let settings = compose(ProjectReader.file).map(ProjectReader(root: root, findings: findings).read)
    var feeds: [String: FeedDraft] = [:]
    var views: [String: ViewDraft] = [:]
    var checks: [String: CheckDraft] = [:]
    var reports: [String: ReportDraft] = [:]
    var jobs: [String: JobDraft] = [:]
    for file in files(in: "feeds", extensions: ["yaml"]) {
      guard let draft = compose(file).flatMap(FeedReader(file: file, findings: findings).read) else {
        findings.lose(file)
        continue
      }
      add(draft, as: draft.feed.name, at: draft.namePosition, to: &feeds, "feed", \.namePosition)
    }
    for file in files(in: "views", extensions: ["yaml", "sql"]) {
      let draft =
        file.hasSuffix(".sql")
        ? read(file).flatMap(NativeViewReader(findings: findings).read)
        : compose(file).flatMap(RollupReader(file: file, findings: findings).read)
      guard let draft else {
        findings.lose(file)
        continue
      }
      if let feed = feeds[draft.view.name] {
        findings.error(
          "duplicate_name", at: draft.namePosition, "\"\(draft.view.name)\" is a feed already",
          notes: ["first at \(feed.namePosition)"], fix: "give the view another name")
        continue
      }
      add(draft, as: draft.view.name, at: draft.namePosition, to: &views, "view", \.namePosition)
    }
    for file in files(in: "checks", extensions: ["yaml"]) {
      guard let draft = compose(file).flatMap(CheckReader(file: file, findings: findings).read) else {
        findings.lose(file)
        continue
      }
      // A stage selects checks, views and feeds by one list of names.
      if let other = feeds[draft.name]?.namePosition ?? views[draft.name]?.namePosition {
        findings.error(
          "duplicate_name", at: draft.namePosition,
          "\"\(draft.name)\" is a \(feeds[draft.name] != nil ? "feed" : "view") already",
          notes: ["first at \(other)"], fix: "give the check another name")
        continue
      }
      add(draft, as: draft.name, at: draft.namePosition, to: &checks, "check", \.namePosition)
    }
    for file in files(in: "reports", extensions: ["yaml"]) {
      guard let draft = compose(file).flatMap(ReportReader(file: file, findings: findings).read) else {
        findings.lose(file)
        continue
      }
      add(draft, as: draft.report.name, at: draft.namePosition, to: &reports, "report", \.namePosition)
    }
    for file in files(in: "", extensions: ["yaml"]) where file != ProjectReader.file {
      guard let draft = compose(file).flatMap(JobReader(file: file, findings: findings).read) else {
        findings.lose(file)
        continue
      }
      add(draft, as: draft.job.name, at: draft.namePosition, to: &jobs, "job", \.namePosition)
    }
    return resolve(settings ?? ProjectSettings(), feeds, views, checks, reports, jobs)
  }

  private func resolve(
    _ settings: ProjectSettings, _ feeds: [String: FeedDraft], _ views: [String: ViewDraft],
    _ checks: [String: CheckDraft], _ reports: [String: ReportDraft], _ jobs: [String: JobDraft]
  ) -> Project {
    let viewResolver = ViewResolver(views: views, feeds: feeds, settings: settings, findings: findings)
    let reportResolver = ReportResolver(views: viewResolver, findings: findings)
    var project = Project(
      name: settings.name, root: root, database: settings.database, inbox: settings.inbox, output: settings.output,
      calendar: settings.calendar, retention: settings.retention, close: settings.close, locale: settings.locale,
      feeds: FeedResolver(feeds: feeds, findings: findings).resolve(), views: viewResolver.resolve(),
      checks: CheckResolver(views: viewResolver, findings: findings).resolve(checks),
      reports: reportResolver.resolve(reports),
      jobs: reportResolver.resolve(jobs, checks: Set(checks.keys), reports: Set(reports.keys)),
      sources: sources.texts, redaction: findings.redaction, configurationHash: "")
    project.configurationHash = project.computedHash
    return project
  }

  private func add<Draft>(
    _ draft: Draft, as name: String, at place: SourcePosition, to drafts: inout [String: Draft], _ what: String,
    _ position: KeyPath<Draft, SourcePosition>
  ) {
    guard !name.isEmpty else { return }
    if let earlier = drafts[name] {
      findings.error(
        "duplicate_name", at: place, "there are two \(what)s \"\(name)\"",
        notes: ["first at \(earlier[keyPath: position])"],
        fix: "rename one of them")
    } else {
      drafts[name] = draft
    }
  }

  private func read(_ file: String) -> SourceText? {
    guard let source = SourceText.read(file, root: root, findings: findings) else { return nil }
    // The project's own file may hold an address with a password.
    if file != ProjectReader.file { sources.texts[file] = source.text }
    return source
  }

  private func compose(_ file: String) -> DefinitionNode? {
    read(file).flatMap {
      NodeComposer(source: $0, environment: environment, findings: findings).compose()
    }
  }

  // MARK: Files

  /// The definition files of a folder below Jobs (of Jobs itself for an empty name), by name.
  private func files(in folder: String, extensions: [String]) -> [String] {
    let path = folder.isEmpty ? "Jobs" : "Jobs/\(folder)"
    var isFolder = false
    guard FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isFolder) else { return [] }
    let place = SourcePosition(file: path)
    guard isFolder else {
      findings.error("not_a_folder", at: place, "must be a folder of definitions, not a file")
      return []
    }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: "\(root)/\(path)").sorted()
    } catch {
      findings.error("unreadable_folder", at: place, "cannot be read")
      return []
    }
    guard names.count <= Self.maximumFiles else {
      findings.error("too_many_files", at: place, "holds more than \(Self.maximumFiles) files")
      return []
    }
    return names.compactMap { name in
      if extensions.contains(where: {
        name.hasSuffix(".\($0)") && name.utf8.count > $0.utf8.count + 1 && !name.hasPrefix(".")
      }) {
        return "\(path)/\(name)"
      }
      warn(about: name, in: path, extensions: extensions, isTop: folder.isEmpty)
      return nil
    }
  }

  private func warn(about name: String, in path: String, extensions: [String], isTop: Bool) {
    if name.hasPrefix(".") || name.hasPrefix("README") || isTop && Self.folders.contains(name) { return }
    var isFolder = false
    _ = FileManager.default.fileExists(atPath: "\(root)/\(path)/\(name)", isDirectory: &isFolder)
    let fix: String? =
      if isFolder {
        isTop ? nearestWord(to: name, in: Self.folders).map { "did you mean Jobs/\($0)?" } : nil
      } else {
        name.hasSuffix(".yml")
          ? "rename it to \(name.dropLast(4)).yaml"
          : "definitions here end in .\(extensions.joined(separator: " or ."))"
      }
    findings.warning(
      "ignored_file", at: SourcePosition(file: "\(path)/\(name)"),
      isFolder ? "this folder is not read" : "this file is not read",
      fix: fix)
  }
}
