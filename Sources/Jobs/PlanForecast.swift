// What is likely to come of a plan, found out by reading only: the inbox, and the ledger where it answers.
// A file counts as known here by its name and size; the run itself decides by content. Nothing is started,
// written or locked, so a forecast may be wrong by the time of the run: it is for people, not for decisions.

public import Definitions
internal import Glibc
internal import Ingest
internal import Ledger
public import Postgres

/// What is likely to come of a plan.
public struct PlanForecast: Sendable, Hashable {
  /// What is likely to be done with one item.
  public struct Outlook: Sendable, Hashable {
    /// What is likely to be done.
    public enum Action: String, Sendable, Hashable {
      case load, refresh, check, publish, skip, fail, unknown
    }

    /// What is likely to be done.
    public var action: Action
    /// Why.
    public var reason: String
    /// The files that would be loaded.
    public var files: [String]

    /// Creates an outlook.
    public init(_ action: Action, _ reason: String, files: [String] = []) {
      self.action = action
      self.reason = reason
      self.files = files
    }
  }

  private var outlooks: [String: Outlook] = [:]
  /// What else there is to say, such as a database that did not answer.
  public var remarks: [String] = []

  /// Creates a forecast that knows nothing.
  public init() {}

  /// What is known of one item.
  public func outlook(_ kind: StageDefinition.Kind, _ item: String) -> Outlook? {
    outlooks["\(kind.rawValue) \(item)"]
  }

  /// Says what is likely to be done with one item.
  public mutating func set(_ kind: StageDefinition.Kind, _ item: String, _ outlook: Outlook) {
    outlooks["\(kind.rawValue) \(item)"] = outlook
  }
}

/// A file of the inbox.
struct InboxFile: Sendable, Hashable {
  var name: String
  var bytes: Int
}

/// What the ledger says about loads and views.
struct LedgerKnowledge: Sendable {
  /// By feed.
  var loaded: [String: Set<InboxFile>] = [:]
  var versions: [String: Int64] = [:]
  var views: [String: ViewState] = [:]
  /// What the way of each feed's files depends on.
  var conditions: [String: LoadConditions] = [:]
  /// The files that are part way in, by feed.
  var halfLoaded: [String: Set<String>] = [:]

  /// Reads it; an empty ledger when the schema is not there yet.
  static func read(project: Project, on connection: PostgresConnection) async throws(PostgresError) -> LedgerKnowledge {
    var knowledge = LedgerKnowledge()
    do {
      for feed in project.feeds {
        let files = try await FileLedger.loaded(feed: feed.name, on: connection)
        knowledge.loaded[feed.name] = Set(files.map { InboxFile(name: $0.name, bytes: $0.bytes) })
        knowledge.conditions[feed.name] = try await LoadConditions.read(feed, project, on: connection)
        knowledge.halfLoaded[feed.name] = Set(
          try await ChunkLedger.loading(feed: feed.name, on: connection).map(\.name))
      }
      knowledge.versions = try await DataVersions.current(on: connection)
      knowledge.views = try await ViewStates.current(on: connection)
    } catch  where error.sqlState == "42P01" || error.sqlState == "3F000" {
      return LedgerKnowledge()
    }
    return knowledge
  }
}

extension Plan {
  /// What is likely to come of this plan.
  ///
  /// - Parameter connection: where the ledger is; nil when the database was not asked.
  public func forecast(project: Project, connection: PostgresConnection?) async -> PlanForecast {
    var knowledge: LedgerKnowledge?
    var remark: String?
    if let connection {
      do {
        knowledge = try await LedgerKnowledge.read(project: project, on: connection)
      } catch {
        remark = "the ledger could not be read: \(error.message)"
      }
    } else {
      remark = "the database is not running, so what is loaded already is not known"
    }
    let inbox = Self.files(of: project)
    var forecast = forecast(project: project, inbox: inbox, knowledge: knowledge)
    if let remark { forecast.remarks.append(remark) }
    return forecast
  }

  /// Pure part: what the inbox and the ledger say about the plan.
  func forecast(
    project: Project, inbox: [String: [InboxFile]], knowledge: LedgerKnowledge?
  ) -> PlanForecast {
    var forecast = PlanForecast()
    var changing: Set<String> = []
    for stage in stages {
      for item in stage.items {
        switch stage.kind {
        case .ingest:
          let outlook = outlook(feed: item, project: project, inbox: inbox[item] ?? [], knowledge: knowledge)
          if outlook.action == .load { changing.insert(item) }
          forecast.set(.ingest, item, outlook)
        case .refresh:
          guard let view = project.view(named: item) else { continue }
          let outlook = outlook(view: view, changing: changing, knowledge: knowledge)
          if outlook.action == .refresh { changing.insert(item) }
          forecast.set(.refresh, item, outlook)
        case .check:
          if changing.contains(item) {
            forecast.set(.check, item, .init(.check, "it is refreshed"))
          } else if let check = project.check(named: item) {
            let moved = Set(check.tests.flatMap(\.inputs)).filter(changing.contains).sorted()
            if !moved.isEmpty {
              forecast.set(.check, item, .init(.check, "\(moved.joined(separator: ", ")) changed"))
            }
          }
        case .report:
          guard let report = project.report(named: item) else { continue }
          let moved = report.inputs.filter(changing.contains)
          if isForced {
            forecast.set(.report, item, .init(.publish, "anew, as asked"))
          } else if !moved.isEmpty {
            forecast.set(.report, item, .init(.publish, "\(moved.joined(separator: ", ")) changed"))
          }
        }
      }
    }
    return forecast
  }

  private func outlook(
    feed name: String, project: Project, inbox: [InboxFile], knowledge: LedgerKnowledge?
  ) -> PlanForecast.Outlook {
    switch files {
    case .file("-", _): return .init(.load, "what comes by standard input", files: ["-"])
    case .file(let path, _): return .init(.load, path, files: [path])
    case .correction(let path): return .init(.load, "corrected rejects of \(path)", files: [path])
    case .reloadInbox: return .init(.load, "again: \(Self.list(inbox.map(\.name)))", files: inbox.map(\.name))
    case .inbox: break
    }
    let feed = project.feed(named: name)
    guard let knowledge else {
      return inbox.isEmpty
        ? .init(.unknown, "no file of this feed is in the inbox")
        : .init(.unknown, "in the inbox: \(Self.list(inbox.map(\.name)))", files: inbox.map(\.name))
    }
    let loaded = knowledge.loaded[name] ?? []
    let new = inbox.filter { !loaded.contains($0) }
    if !new.isEmpty {
      let names = new.map(\.name)
      var reason = Self.list(names)
      if let feed, let conditions = knowledge.conditions[name] {
        let isResumed = !(knowledge.halfLoaded[name] ?? []).isDisjoint(with: names)
        let choice = LoadChoice.make(
          feed, files: new.map { ($0.name, $0.bytes) }, isResumed: isResumed, conditions)
        if feed.load != .copy || isResumed { reason += "; \(choice.sentence)" }
      }
      return .init(.load, reason, files: names)
    }
    if inbox.isEmpty, loaded.isEmpty {
      return feed?.isRequired == true
        ? .init(.fail, "required, and no file ever came") : .init(.skip, "no file ever came")
    }
    return .init(.skip, "nothing new: \(Self.count(loaded.count, "file")) loaded")
  }

  private func outlook(
    view: ViewDefinition, changing: Set<String>, knowledge: LedgerKnowledge?
  ) -> PlanForecast.Outlook {
    if isFullRefresh { return .init(.refresh, "in full, as asked") }
    let moved = view.inputs.filter(changing.contains)
    if !moved.isEmpty { return .init(.refresh, "\(moved.joined(separator: ", ")) changed") }
    guard let knowledge else { return .init(.unknown, "when \(view.inputs.joined(separator: ", ")) changed") }
    guard let state = knowledge.views[view.name] else { return .init(.refresh, "for the first time") }
    if state.definitionHash != view.definitionHash { return .init(.refresh, "the definition changed") }
    let behind = view.inputs.filter { (state.inputVersions[$0] ?? 0) != (knowledge.versions[$0] ?? 0) }
    if !behind.isEmpty { return .init(.refresh, "\(behind.joined(separator: ", ")) changed since") }
    return .init(.skip, "up to date")
  }

  /// The files of the inbox by the feed whose pattern they match, by name.
  static func files(of project: Project) -> [String: [InboxFile]] {
    var found: [String: [InboxFile]] = [:]
    guard let directory = opendir(project.inbox) else { return [:] }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      var status = stat()
      guard !name.hasPrefix("."), stat("\(project.inbox)/\(name)", &status) == 0,
        status.st_mode & S_IFMT == S_IFREG
      else { continue }
      if name.hasSuffix(".ctl") { continue }
      for feed in project.feeds where fnmatch(feed.filePattern, name, 0) == 0 {
        found[feed.name, default: []].append(InboxFile(name: name, bytes: Int(status.st_size)))
      }
    }
    return found.mapValues { $0.sorted { FileOrder.precedes($0.name, $1.name) } }
  }

  private static func list(_ names: [String]) -> String {
    names.count <= 3
      ? names.joined(separator: ", ") : "\(names.prefix(2).joined(separator: ", ")) and \(names.count - 2) more files"
  }

  private static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
