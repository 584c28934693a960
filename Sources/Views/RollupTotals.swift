// The totals of a rollup: the row count, and every count and sum of its measures, as SQL over the state, the table and
// the journal.
// Invariant: all three are exact, so that state = table, and state = what the table once was + the images since. Where a
// rollup keeps currencies apart, so do its totals: errors in two of them do not cancel out.

internal import Definitions
internal import Ledger
internal import Postgres

extension RollupSQL {
  /// One total that state, table and journal must share.
  struct Total {
    let label: String
    let inState: String
    let inSource: String
    /// What images add to it.
    let inJournal: String
  }

  /// The row count, and every count and sum of the measures.
  var totals: [Total] {
    let weight = quoteIdentifier(JournalTable.weight)
    var totals = [
      Total(
        label: "rows", inState: #"coalesce(sum("__n"), 0)"#, inSource: "count(*)",
        inJournal: "coalesce(sum(\(weight)), 0)")
    ]
    for measure in rollup.measures {
      let only = measure.condition.map { " filter (where \($0))" } ?? ""
      switch measure.function {
      case .count:
        totals.append(
          Total(
            label: "count of \(measure.name)",
            inState: "coalesce(sum(\(quoteIdentifier(measure.name + "__n"))), 0)", inSource: "count(*)\(only)",
            inJournal: "coalesce(sum(\(weight))\(only), 0)"))
      case .sum(let column), .average(let column), .variance(let column), .stddev(let column):
        let value = "\(quoteIdentifier(column))::numeric"
        totals.append(
          Total(
            label: "sum of \(measure.name)",
            inState: "coalesce(sum(\(quoteIdentifier(measure.name + "__sum"))), 0)",
            inSource: "coalesce(sum(\(value))\(only), 0)", inJournal: "coalesce(sum(\(weight) * \(value))\(only), 0)"))
      case .min, .max, .first, .last, .distinct: continue
      }
    }
    return totals
  }

  /// The column of the table and the group of the state by which totals are kept apart; nil where the rollup adds all rows
  /// up whatever their currency.
  private var currency: (column: String, group: String)? {
    guard let column = feed.currencyColumn, let group = rollup.groups.first(where: { $0.source == .column(column) })
    else { return nil }
    return (quoteIdentifier(column), quoteIdentifier(group.name))
  }

  /// One row per currency, which is empty where there is none: state and source of each total as text, then whether each
  /// pair is equal.
  var compareTotals: String {
    let source = totals.enumerated().map { "\($0.element.inSource) as b\($0.offset)" }
    return compareTotals(with: apart(currency?.column, source, from: self.source.quoted))
  }

  /// The same with the totals that were proven once, given as text (a currency, its totals, the next currency), and what
  /// the images of batches `$2` to `$3`, the first excluded, add to them; then how many images there are of each weight.
  var compareTotalsByJournal: String {
    let weight = quoteIdentifier(JournalTable.weight)
    let batch = quoteIdentifier(JournalTable.batch)
    let totals = self.totals
    let width = totals.count + 1
    let proven = totals.indices.map { "($1::text[])[place + \($0 + 2)]::numeric as b\($0)" }
    let images =
      totals.enumerated().map { "\($0.element.inJournal) as b\($0.offset)" } + [
        "count(*) filter (where \(weight) > 0) as plus", "count(*) filter (where \(weight) < 0) as minus",
      ]
    let sums = totals.indices.map { "sum(b\($0)) as b\($0)" } + ["sum(plus) as plus", "sum(minus) as minus"]
    let journal =
      "\(JournalTable.name(of: feed.name).quoted) where \(batch) > $2 and \(batch) <= $3"
    return compareTotals(
      with: """
        select currency, \(sums.joined(separator: ", ")) from (
          select ($1::text[])[place + 1] as currency, \(proven.joined(separator: ", ")), 0 as plus, 0 as minus
          from generate_series(0, cardinality($1::text[]) - 1, \(width)) as place
          union all
          \(apart(currency?.column, images, from: journal))
        ) as parts group by currency
        """, further: ["coalesce(base.plus, 0)::bigint", "coalesce(base.minus, 0)::bigint"])
  }

  private func compareTotals(with base: String, further: [String] = []) -> String {
    let totals = self.totals
    let state = totals.enumerated().map { "\($0.element.inState) as s\($0.offset)" }
    let (held, fresh) = (totals.indices.map { "coalesce(s\($0), 0)" }, totals.indices.map { "coalesce(b\($0), 0)" })
    let pairs = totals.indices.map { "(\(held[$0]))::text, (\(fresh[$0]))::text" }
    let equal = totals.indices.map { "\(held[$0]) = \(fresh[$0])" }
    return """
      select currency, \((pairs + equal + further).joined(separator: ", "))
      from (\(apart(currency?.group, state, from: self.state.quoted))) as state
      full join (\(base)) as base using (currency) order by 1
      """
  }

  /// Totals of rows for each value of `column`; of all rows where it is nil, also when there is none.
  private func apart(_ column: String?, _ totals: [String], from rows: String) -> String {
    let key = column.map { "coalesce(\($0)::text, '')" } ?? "''::text"
    return "select \(key) as currency, \(totals.joined(separator: ", ")) from \(rows) "
      + "group by \(column == nil ? "()" : "1")"
  }
}

/// The totals of one currency in a view and in what witnesses them.
struct ComparedTotals {
  /// Empty where rows are not kept apart, or have none.
  let currency: String
  let inView: [String]
  let inSource: [String]
  let isEqual: [Bool]
  /// Images of either weight, where the witness is the journal.
  var images = (plus: 0, minus: 0)

  init(_ row: PostgresRow, totals: Int, hasImages: Bool) throws {
    currency = try row.decode(0)
    inView = try (0..<totals).map { try row.decode(1 + 2 * $0) }
    inSource = try (0..<totals).map { try row.decode(2 + 2 * $0) }
    isEqual = try (0..<totals).map { try row.decode(1 + 2 * totals + $0) }
    if hasImages { images = (try row.decode(1 + 3 * totals), try row.decode(2 + 3 * totals)) }
  }

  /// `949.00 USD`.
  func text(_ figure: String) -> String { currency.isEmpty ? figure : "\(figure) \(currency)" }
}
