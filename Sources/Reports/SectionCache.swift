// The rows of a user's sections through the cache: what each reads, at which version, in the snapshot of the set.
// Invariant: a section that reads anything but feeds and views is asked itself, and so are the built-in pages. Under
// `force` what was kept is forgotten first, by the ledger's count of that: nothing brings it back, whether or not what is
// asked anew can be kept.
// The keys, and which statements are never kept, are elsewhere: the room Cache.

internal import Cache
internal import Definitions
internal import Finding
internal import Ledger
internal import Markup
internal import Money
internal import Postgres

/// What a set knows of the cache.
struct SectionCache: Sendable {
  let project: Project
  let state: LedgerState
  let queries: QueryCache
  /// What the server counted of each feed's table: `BeforeSnapshot.tables`.
  let tables: [String: String]

  /// Raised whenever the same definition would make other statements, or other figures of the same rows' values.
  static let codeVersion = "report rows 5"

  /// Reads how the session is set; to be called inside the transaction of the set, when its settings are in place.
  ///
  /// - Parameter queries: those of the set, when they have begun.
  static func begin(
    _ cache: TieredCache, queries: ReportQueries, state: LedgerState, before: BeforeSnapshot
  ) async throws -> SectionCache {
    let project = queries.project
    let session = try await CacheSession.read(on: queries.connection)
    return SectionCache(
      project: project, state: state,
      queries: QueryCache(
        cache: cache, session: session, codeVersion: codeVersion, versions: state.forgettings,
        day: Int32(clamping: queries.asOf.daysSince1970), position: before.position,
        calls: StatementCalls(foreseen: try queries.statements(of: project.reports))),
      tables: before.tables)
  }

  /// What is read, with how often and when it last changed and what it was built from.
  func inputs(_ names: [String]) -> [CacheInput] {
    names.map { name in
      let form = state.views[name]?.definitionHash ?? project.feed(named: name)?.definitionHash ?? ""
      return CacheInput(name, version: state.versions[name] ?? 0, form: "\(form) \(state.changes[name] ?? 0)")
    }
  }

  /// The rows of a section's statement.
  nonisolated(nonsending) func rows(
    _ section: ReportSection, of report: ReportDefinition, _ sql: String, _ values: [PostgresValue],
    on connection: PostgresConnection
  ) async throws -> (rows: ResultRows, source: QueryCache.Source) {
    try await queries.rows(
      sql, values, inputs: inputs(section.inputs), label: Self.label(section, of: report), on: connection)
  }

  /// The rows of a statement of the proof, which nothing older may stand in for: kept as long as the server counts no
  /// change of the tables, by whomever, and Daybook none of the feeds.
  ///
  /// - Parameter inputs: the feeds that it reads.
  nonisolated(nonsending) func proof(
    _ sql: String, inputs names: [String], on connection: PostgresConnection
  ) async throws -> (rows: ResultRows, source: QueryCache.Source) {
    guard names.allSatisfy({ tables[$0] != nil }) else {
      let rows = try ResultRows(try await connection.query(sql))
      return (rows, .past(reason: "the server does not count the changes of what it reads"))
    }
    let inputs = inputs(names).map {
      CacheInput($0.relation, version: $0.version, form: "\($0.form) \(tables[$0.relation] ?? "")")
    }
    let label = "\(ReconciliationPage.name), \(names.joined(separator: ", "))"
    let answer = try await queries.rows(sql, inputs: inputs, label: label, on: connection)
    if case .stale(_, let error) = answer.source { throw error }
    return answer
  }

  static func label(_ section: ReportSection, of report: ReportDefinition) -> String {
    section.title.isEmpty ? "report \(report.name)" : "report \(report.name), \"\(section.title)\""
  }
}

/// A section's rows, and how old they are where they are not those of the snapshot.
struct SectionFigures: Sendable {
  var dataset: Dataset?
  var stale: StaleFigures?
}

/// Figures from before the last change.
struct StaleFigures: Sendable, Hashable {
  /// Which section, in words.
  var section: String
  /// When they were asked for.
  var since: Moment
  /// For which business date, where that is another than the set's.
  var asOf: CivilDate?
  /// Why they could not be asked for again.
  var reason: String

  /// What is said to readers of the page and of the set.
  var sentence: String {
    let day = asOf.map { " for \(DateText.day($0))" } ?? ""
    return "Stale: \(section) shows the figures\(day) of \(readable(minutes: minutes(since))) UTC, because asking "
      + "again failed: \(visible(reason))."
  }
}
