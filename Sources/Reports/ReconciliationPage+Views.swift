// Base tables against the views that are made from them: every sum of every rollup, computed twice.
// Invariant: both sides are of the snapshot of the set, so a difference is one of the figures and not of the moment.
// How tables are read is elsewhere: TableTotals.

internal import Definitions
internal import Markup
internal import Postgres

extension ReconciliationPage {
  /// Why the figures are not final when views and tables disagree, in words; nil when they agree.
  static func draftReason(views: Comparison) -> String? {
    if views.isEqual { return nil }
    return "\(views.differing) of \(views.total) view totals differ from their tables; Reconciliation lists them."
  }

  /// Why the figures are not final when anything else on the page does not add up, in words. What is refused or part way
  /// in, and the comparisons of totals, say so themselves.
  static func draftReasons(_ content: ReportContent) -> [String] {
    content.blocks.compactMap { block in
      guard case .verdict(false, let words) = block.body, !saidElsewhere.contains(block.title) else { return nil }
      return "\(block.title): \(words)"
    }
  }

  private static let saidElsewhere: Set<String> = ["Views", "Reports", "Refused files", "Files part way in"]

  /// The sums of every rollup, from the view and from its table.
  func viewTotals(_ tables: TableTotals) async throws -> Comparison {
    var ran = tables.ran
    var pairs: [TotalPair] = []
    for rollup in tables.rollups {
      let columns = ["coalesce(\(rollup.currencyInView)::text, '')"] + rollup.sums.map(\.fromView)
      let (rows, statement) = try await queries.told(
        "SELECT \(columns.joined(separator: ", ")) FROM \(rollup.view.quoted) GROUP BY 1")
      ran.append(statement)
      var inView: [String: [String]] = [:]
      for row in rows {
        inView[try row.decode(0)] = try columns.indices.dropFirst().map { TotalPair.text(try row.value(at: $0)) }
      }
      let inTable = tables.sums[rollup.source] ?? [:]
      for (index, sum) in rollup.sums.enumerated() {
        for key in Set(inTable.keys).union(inView.keys).sorted() {
          // A side without such rows has nothing to add up.
          pairs.append(
            TotalPair(
              labels: [.text(rollup.view.name), .text(sum.name), .text(key)],
              expected: inTable[key]?[sum.fromTable] ?? "0", found: inView[key]?[index] ?? "0"))
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
    return try Comparison(
      columns: columns, lines: try await TotalPair.lines(pairs, on: queries.connection), shown: 200,
      csvPath: "data/view_totals.csv", statement: RanStatement(of: ran))
  }
}
