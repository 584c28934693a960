// What a set depends on, read cheaply: data versions, view states, the files of the ledger. From it come the
// fingerprints that say whether a page must be rendered, and the reasons why figures are not final.
// Invariant: nothing here runs a report's query; it is a handful of small reads whatever the size of the data.

internal import Cache
internal import Definitions
internal import Finding
internal import Ledger
internal import Money
internal import Postgres

/// The state of the data as the ledger knows it.
struct LedgerState: Sendable {
  /// The random name of the ledger: counters of another database may come to the same numbers.
  var identity = ""
  var versions: [String: Int64] = [:]
  /// When each relation last changed: counters of a restored dump come to the same numbers, this moment does not.
  var changes: [String: Int64] = [:]
  /// How often people had results forgotten, which changes no figure.
  var forgettings: [String: Int64] = [:]
  var views: [String: ViewState] = [:]
  /// The last as-of date under which each feed loaded a file.
  var loadedThrough: [String: CivilDate] = [:]
  /// Files refused for this as-of date and not loaded since, as `feed: file`.
  var refused: [String] = []
  /// Files that are part way into their tables, with their feeds.
  var halfLoaded: [String] = []
  /// Rows rejected in this as-of's files.
  var rejectedRows = 0
  /// Changes whenever the ledger of files changes, or what waits to be mended.
  var fileMark = ""

  /// Reads the state inside the caller's transaction.
  static func read(asOf: CivilDate, on connection: PostgresConnection) async throws(PostgresError) -> LedgerState {
    var state = LedgerState()
    state.identity = try await DataVersions.ledgerIdentity(on: connection)
    for (name, version) in try await DataVersions.current(on: connection) {
      if CacheInput.isForgetting(name) { state.forgettings[name] = version } else { state.versions[name] = version }
    }
    state.changes = try await DataVersions.lastChanges(on: connection)
    state.views = try await ViewStates.current(on: connection)
    let date = PostgresValue.date(daysSince1970: Int32(clamping: asOf.daysSince1970))
    let files = try await connection.query(
      """
      SELECT feed,
        max(as_of) FILTER (WHERE status = 'loaded'),
        coalesce(sum(rows_rejected) FILTER (WHERE as_of = $1 AND \(ReportQueries.isStanding)), 0)::bigint,
        concat_ws('/', count(*), max(file_id), count(*) FILTER (WHERE status = 'superseded'),
          count(*) FILTER (WHERE status = 'loading'), count(dismissal), max(recorded_at) AT TIME ZONE 'UTC')
      FROM daybook.file f GROUP BY feed ORDER BY feed
      """, [date])
    for row in files {
      let feed: String = try row.decode(0)
      if case .date(let days) = try row.value(at: 1) {
        state.loadedThrough[feed] = CivilDate(daysSince1970: Int(days))
      }
      state.rejectedRows += try row.decode(2, as: Int.self)
      state.fileMark += "\(feed) \(try row.decode(3, as: String.self));"
    }
    let open = try await connection.query(
      """
      SELECT feed, concat_ws('/', count(*), max(reject_id)) FROM daybook.reject WHERE resolved_at IS NULL
      GROUP BY feed ORDER BY feed
      """)
    for row in open {
      state.fileMark += "\(try row.decode(0, as: String.self)) open \(try row.decode(1, as: String.self));"
    }
    let refused = try await connection.query(
      """
      SELECT DISTINCT f.feed, f.name FROM daybook.file f
      WHERE f.status = 'refused' AND f.as_of = $1 AND f.dismissal IS NULL
        AND NOT EXISTS (SELECT FROM daybook.file g
          WHERE g.feed = f.feed AND g.name = f.name AND g.status = 'loaded' AND g.file_id > f.file_id)
      ORDER BY f.feed, f.name
      """, [date])
    for row in refused {
      state.refused.append("\(try row.decode(0, as: String.self)): \(try row.decode(1, as: String.self))")
    }
    let loading = try await connection.query(
      "SELECT DISTINCT feed, name FROM daybook.file WHERE status = 'loading' ORDER BY feed, name")
    for row in loading {
      state.halfLoaded.append("\(try row.decode(0, as: String.self)): \(try row.decode(1, as: String.self))")
    }
    return state
  }

  /// What a view reads that has changed since it was built.
  func movedInputs(of view: ViewDefinition, since built: ViewState) -> [String] {
    view.inputs.filter { (versions[$0] ?? 0) != (built.inputVersions[$0] ?? 0) }
  }

  /// The state of a relation's data, which no two states share.
  func mark(of relation: String) -> String { "\(relation)=\(versions[relation] ?? 0)@\(changes[relation] ?? 0)" }

  /// Why the figures of `project` are not final, in words.
  func draftReasons(_ project: Project) -> [String] {
    var reasons = refused.map { "A file was refused and is not in these figures: \($0)." }
    reasons += halfLoaded.map { "A file is only partly in these figures, because its load was interrupted: \($0)." }
    for feed in project.feeds where feed.isRequired && loadedThrough[feed.name] == nil {
      reasons.append("No file of the feed \(feed.name) has been loaded yet.")
    }
    for view in project.views {
      guard let built = views[view.name] else {
        reasons.append("The view \(view.name) has not been built yet.")
        continue
      }
      let behind = movedInputs(of: view, since: built)
      if !behind.isEmpty {
        reasons.append("The view \(view.name) is behind \(behind.joined(separator: ", ")).")
      } else if built.definitionHash != view.definitionHash {
        reasons.append("The view \(view.name) was built from an older definition.")
      }
    }
    return reasons
  }
}

/// The fingerprints of the pages of a set.
struct PageFingerprints: Sendable {
  /// Raised whenever the same inputs would give other bytes.
  static let rendererVersion = "9"

  private let project: Project
  private let state: LedgerState
  private let common: [String]
  private let checks: String
  /// The texts of the feeds, views, checks and reports, which pages show word for word.
  private let definitions: [String]

  /// - Parameters:
  ///   - checks: changes with what is told of the checks.
  ///   - session: changes with what the session sees and how it writes values.
  init(
    project: Project, state: LedgerState, checks: String, session: String, asOf: CivilDate, pages: [PageContext.Page]
  ) {
    self.project = project
    self.state = state
    self.checks = checks
    definitions = project.sources.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
    common =
      [
        Self.rendererVersion, state.identity, session, project.name, asOf.description, project.calendar.timeZone,
        project.database.schema,
        String(project.calendar.fiscalYearStartMonth), project.calendar.weekStart.rawValue, String(state.rejectedRows),
        project.locale.decimalMark, project.locale.groupingMark, project.locale.datePattern ?? "",
      ] + pages.flatMap { [$0.name, $0.title] } + state.draftReasons(project)
  }

  /// The fingerprint of a report of the project: its definition and the versions of all it reads, however indirectly.
  ///
  /// - Parameter isTold: whether versions tell of all that its statements mean. Where they came to, or no longer do, a name
  ///   in them means something else than before: somebody made a function, or took one away.
  func fingerprint(of report: ReportDefinition, isTold: Bool) -> String {
    // The text, too: the page about the definition shows it word for word.
    var parts = common + [report.name, report.definitionHash, project.sources[report.position.file] ?? ""]
    if !isTold { parts.append("asked each time") }
    // A report on Daybook's own state depends on all of it.
    let readsLedger = report.sections.contains { section in
      if case .query(let sql) = section.source { return sql.lowercased().contains("daybook.") }
      return false
    }
    if readsLedger { return builtIn(report.name + report.definitionHash) }
    for name in inputs(of: report) {
      parts.append(state.mark(of: name))
      if let view = project.view(named: name) { parts.append(view.definitionHash) }
      if let date = state.loadedThrough[name] { parts.append(date.description) }
    }
    return ContentHash.fingerprint(parts)
  }

  /// The fingerprint of a page that depends on everything.
  func builtIn(_ name: String) -> String {
    ContentHash.fingerprint(
      common + [name, project.configurationHash, state.fileMark, checks] + definitions
        + state.versions.keys.sorted().map(state.mark))
  }

  /// Feeds and views that a report reads, directly or through views, by name.
  func inputs(of report: ReportDefinition) -> [String] {
    var found: Set<String> = []
    var open = report.inputs
    while let name = open.popLast() {
      guard found.insert(name).inserted else { continue }
      open += project.view(named: name)?.inputs ?? []
    }
    return found.sorted()
  }
}
