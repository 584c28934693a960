// Base tables against the views that are made from them: every sum of every rollup, computed twice.
// Invariant: both sides are read in the snapshot of the set, so a difference is one of the figures and not of the moment.

internal import Definitions
internal import Markup
internal import Money
internal import Postgres

extension ReconciliationPage {
  /// Why the figures are not final when views and tables disagree, in words; nil when they agree.
  static func draftReason(_ views: Dataset) -> String? {
    guard let place = views.index(of: "difference") else { return nil }
    let differing = views.rows.count { !($0[place].number?.isZero ?? true) }
    guard differing > 0 else { return nil }
    return "\(differing) of \(views.rows.count) view totals differ from their tables; Reconciliation lists them."
  }

  /// The sums of every rollup, from the view and from its table.
  ///
  /// - Complexity: one pass over each table, whatever number of rollups is made from it.
  func viewTotals() async throws -> Dataset {
    var rollups: [ComparedRollup] = []
    for view in queries.project.views {
      guard let compared = ComparedRollup(view, in: queries.project), try await exists(compared.table),
        try await exists(compared.view)
      else { continue }
      rollups.append(compared)
    }
    var tables: [ComparedRollup.Source: [String: [String: ExactDecimal]]] = [:]
    var ran: [RanStatement] = []
    for (source, readers) in Dictionary(grouping: rollups, by: \.source) {
      let sums = Set(readers.flatMap { $0.sums.map(\.fromTable) }).sorted()
      let (values, statement) = try await totals(of: sums, by: source.currency, from: source.table)
      ran.append(statement)
      tables[source] = values.mapValues { Dictionary(uniqueKeysWithValues: zip(sums, $0)) }
    }
    // Tables are grouped in no order, and what ran is shown in one.
    ran.sort { $0.sql < $1.sql }
    var lines: [[Figure]] = []
    for rollup in rollups {
      let (inView, statement) = try await totals(
        of: rollup.sums.map(\.fromView), by: rollup.currencyInView, from: rollup.view)
      ran.append(statement)
      let inTable = tables[rollup.source] ?? [:]
      for (index, sum) in rollup.sums.enumerated() {
        for key in Set(inTable.keys).union(inView.keys).sorted() {
          let x = inTable[key]?[sum.fromTable] ?? .zero
          let y = inView[key].map { $0[index] } ?? .zero
          let difference = y.subtracting(x).map { Figure.number($0) } ?? .missing
          lines.append([.text(rollup.view.name), .text(sum.name), .text(key), .number(x), .number(y), difference])
        }
      }
    }
    let columns = [
      DatasetColumn(name: "view", label: "View", format: .text),
      DatasetColumn(name: "measure", label: "Measure", format: .text),
      DatasetColumn(name: "currency", label: "Currency", format: .text),
      DatasetColumn(name: "table_total", label: "From the table", format: .money(currencyColumn: 2)),
      DatasetColumn(name: "view_total", label: "From the view", format: .money(currencyColumn: 2)),
      DatasetColumn(name: "difference", label: "Difference", format: .difference(currencyColumn: 2)),
    ]
    var dataset = try Dataset(columns: columns, rows: lines, shown: 200, csvPath: "data/view_totals.csv")
    dataset.statement = RanStatement(of: ran)
    return dataset
  }

  /// Sums of a relation by currency.
  private func totals(
    of sums: [String], by currency: String, from relation: QualifiedName
  ) async throws -> ([String: [ExactDecimal]], RanStatement) {
    let (rows, statement) = try await queries.told(
      "SELECT \(currency)::text, \(sums.joined(separator: ", ")) FROM \(relation.quoted) GROUP BY 1 ORDER BY 1")
    return (try keyed(rows), statement)
  }

  private func keyed(_ rows: PostgresRows) throws -> [String: [ExactDecimal]] {
    var result: [String: [ExactDecimal]] = [:]
    for row in rows {
      let key: String? = try row.decode(0)
      result[key ?? ""] = try (1..<rows.columnNames.count).map { Figure(try row.value(at: $0)).number ?? .zero }
    }
    return result
  }
}

/// A rollup whose sums are computed twice.
private struct ComparedRollup {
  /// What the sums are computed from, and what keeps currencies apart there.
  struct Source: Hashable {
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
    // Per currency where the feed's control sum says which column that is and the rollup keeps it apart.
    let column = feed.columns.lazy.compactMap(\.control?.groupedBy).first
    if let column, let group = rollup.groups.first(where: { $0.source == .column(column) }) {
      source = Source(table: table, currency: quoteIdentifier(column))
      currencyInView = quoteIdentifier(group.name)
    } else {
      source = Source(table: table, currency: "''")
      currencyInView = "''"
    }
  }
}
