// What the base tables hold: their rows, and the sums that rollups are compared with, in one pass over each table.
// Invariant: a pass is kept in the cache under the state of its feed and of what the server counts of the table's changes
// (BeforeSnapshot), so that a table that nobody changed is not read again, and one that anybody did, watched or not, is
// read whenever a set is made; a change of the last ten seconds may be seen with the next set only.
// Views are always asked: they are small, and a rollup that lies must be found.

internal import Definitions
internal import Postgres

/// The rows and sums of every base table.
struct TableTotals: Sendable {
  /// How many rows the table of a feed has; none where it has no table.
  var counts: [String: Int] = [:]
  /// For each source and currency the sums as the server writes them, by the expression that made them.
  var sums: [ComparedRollup.Source: [String: [String: String]]] = [:]
  /// What ran, in the order of the feeds.
  var ran: [RanStatement] = []
  /// The rollups that can be compared, in the order of the views.
  var rollups: [ComparedRollup] = []

  /// One pass over a table.
  struct Pass: Sendable {
    var feed: String
    var source: ComparedRollup.Source
    /// The expressions of the sums.
    var sums: [String]

    var sql: String {
      let columns = ["coalesce(\(source.currency)::text, '')", "count(*)"] + sums
      return "SELECT \(columns.joined(separator: ", ")) FROM \(source.table.quoted) GROUP BY 1"
    }
  }

  /// The rollups that can be compared, in the order of the views, and the passes that the proof needs, in that of the feeds.
  static func plan(_ queries: ReportQueries) async throws -> (rollups: [ComparedRollup], passes: [Pass]) {
    var rollups: [ComparedRollup] = []
    for view in queries.project.views {
      guard let compared = ComparedRollup(view, in: queries.project), try await queries.exists(compared.table),
        try await queries.exists(compared.view)
      else { continue }
      rollups.append(compared)
    }
    var passes: [Pass] = []
    for feed in queries.project.feeds {
      let table = QualifiedName(schema: queries.project.database.schema, name: feed.name)
      guard try await queries.exists(table) else { continue }
      let readers = Dictionary(grouping: rollups.filter { $0.table == table }, by: \.source)
      let sources =
        readers.isEmpty
        ? [ComparedRollup.Source(table: table, currency: "''")] : readers.keys.sorted { $0.currency < $1.currency }
      passes += sources.map { source in
        let sums = Set(readers[source]?.flatMap { $0.sums.map(\.fromTable) } ?? [])
        return Pass(feed: feed.name, source: source, sums: sums.sorted())
      }
    }
    return (rollups, passes)
  }

  /// Reads the tables of a project.
  static func read(_ queries: ReportQueries) async throws -> TableTotals {
    let (rollups, passes) = try await plan(queries)
    var totals = TableTotals(rollups: rollups)
    for pass in passes {
      let (rows, statement) = try await queries.proven(pass.sql, inputs: [pass.feed])
      totals.ran.append(statement)
      var count = 0
      for row in rows {
        let figures = row.prefix(2).map(Figure.init)
        count += Int(figures[1].plainText) ?? 0
        totals.sums[pass.source, default: [:]][figures[0].plainText] = Dictionary(
          uniqueKeysWithValues: zip(pass.sums, row.dropFirst(2).map(TotalPair.text)))
      }
      totals.counts[pass.feed] = count
    }
    return totals
  }
}

/// A rollup whose sums are computed twice.
struct ComparedRollup: Sendable {
  /// What the sums are computed from, and what keeps currencies apart there.
  struct Source: Hashable, Sendable {
    let table: QualifiedName
    let currency: String
  }

  let view: QualifiedName
  let source: Source
  let currencyInView: String
  let sums: [(name: String, fromTable: String, fromView: String)]

  var table: QualifiedName { source.table }

  /// - Returns: nil for what is no rollup of a feed, or has no sums.
  init?(_ view: ViewDefinition, in project: Project) {
    guard case .rollup(let rollup) = view.kind, let feed = project.feed(named: rollup.source) else { return nil }
    sums = rollup.measures.compactMap { measure in
      guard case .sum(let column) = measure.function else { return nil }
      let only = measure.condition.map { " FILTER (WHERE \($0))" } ?? ""
      return (
        measure.name, "coalesce(sum(\(quoteIdentifier(column)))\(only), 0)::numeric",
        "coalesce(sum(\(quoteIdentifier(measure.name))), 0)::numeric"
      )
    }
    if sums.isEmpty { return nil }
    let schema = project.database.schema
    self.view = QualifiedName(schema: schema, name: view.name)
    let table = QualifiedName(schema: schema, name: feed.name)
    // Per currency where the rollup keeps it apart.
    if let column = feed.currencyColumn, let group = rollup.groups.first(where: { $0.source == .column(column) }) {
      source = Source(table: table, currency: quoteIdentifier(column))
      currencyInView = quoteIdentifier(group.name)
    } else {
      source = Source(table: table, currency: "''")
      currencyInView = "''"
    }
  }
}
