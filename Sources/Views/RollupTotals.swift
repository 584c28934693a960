// The totals of a rollup: the row count, and every count and sum of its measures, as SQL over the state, the table and
// the journal.
// Invariant: all three are exact, so that state = table, and state = what the table once was + the images since.

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

  /// One row: state and source of each total as text, then whether each pair is equal.
  var compareTotals: String {
    let source = totals.enumerated().map { "\($0.element.inSource) as b\($0.offset)" }
    return compareTotals(with: "select \(source.joined(separator: ", ")) from \(self.source.quoted)")
  }

  /// The same with the totals that were proven once, given as text, and what the images of batches `$2` to `$3`, the
  /// first excluded, add to them.
  var compareTotalsByJournal: String {
    let weight = quoteIdentifier(JournalTable.weight)
    let batch = quoteIdentifier(JournalTable.batch)
    let sums = totals.enumerated().map {
      "($1::text[])[\($0.offset + 1)]::numeric + \($0.element.inJournal) as b\($0.offset)"
    }
    let images = "count(*) filter (where \(weight) > 0) as plus, count(*) filter (where \(weight) < 0) as minus"
    return compareTotals(
      with: """
        select \(sums.joined(separator: ", ")), \(images) from \(JournalTable.name(of: feed.name).quoted)
        where \(batch) > $2 and \(batch) <= $3
        """, further: ["base.plus", "base.minus"])
  }

  private func compareTotals(with base: String, further: [String] = []) -> String {
    let totals = self.totals
    let state = totals.enumerated().map { "\($0.element.inState) as s\($0.offset)" }
    let pairs = totals.indices.map { "state.s\($0)::text, base.b\($0)::text" }
    let equal = totals.indices.map { "state.s\($0) = base.b\($0)" }
    return """
      select \((pairs + equal + further).joined(separator: ", "))
      from (select \(state.joined(separator: ", ")) from \(self.state.quoted)) as state, (\(base)) as base
      """
  }
}
