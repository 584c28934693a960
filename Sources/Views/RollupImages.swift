// The images of some batches as the rollups of one feed need them: read from the journal once, with every group and every
// condition worked out once, whatever number of rollups uses it.
// Invariant: a column of the feed keeps its own name; what is worked out has a name that no column can have.

internal import Definitions
internal import Ledger
internal import Postgres

/// Where the rollups of one feed find the images that they absorb.
struct RollupImages {
  /// A relation or a subquery with one row for each image: batch, weight, columns and expressions.
  let source: String
  /// The statement that makes `source`; nil when it is a subquery over the journal.
  let create: String?
  /// The columns of `source` that groups are made of, quoted.
  let grouped: [String]
  private let names: [String: String]

  /// - Parameters:
  ///   - rollups: which follow the journal; all over one feed.
  ///   - after: the earliest batch that one of them has absorbed.
  init(of rollups: [RollupSQL], after: Int64, through: Int64) {
    var columns: Set<String> = []
    var expressions: [String] = []
    func add(_ expression: String) { if !expressions.contains(expression) { expressions.append(expression) } }
    for sql in rollups {
      for group in sql.rollup.groups {
        if case .column(let column) = group.source { columns.insert(column) } else { add(sql.groupExpression(group)) }
      }
      for measure in sql.rollup.measures {
        columns.formUnion(measure.function.columns)
        if measure.isEndpoint { columns.formUnion(sql.feed.key) }
        if let condition = measure.condition { add("(\(condition))") }
      }
    }
    let names = Dictionary(
      uniqueKeysWithValues: expressions.enumerated().map { ($0.element, quoteIdentifier("_daybook_e\($0.offset)")) })
    self.names = names
    var grouped: [String] = []
    for group in rollups.flatMap({ sql in sql.rollup.groups.map { sql.groupExpression($0) } }) {
      let name = names[group] ?? group
      if !grouped.contains(name) { grouped.append(name) }
    }
    self.grouped = grouped
    let list =
      [quoteIdentifier(JournalTable.batch), quoteIdentifier(JournalTable.weight)]
      + columns.sorted().map(quoteIdentifier)
      + expressions.enumerated().map { "\($0.element) as \(quoteIdentifier("_daybook_e\($0.offset)"))" }
    let batch = quoteIdentifier(JournalTable.batch)
    let query = """
      select \(list.joined(separator: ", "))
      from \(rollups.first.map { JournalTable.name(of: $0.feed.name).quoted } ?? "nothing")
      where \(batch) > \(after) and \(batch) <= \(through)
      """
    if rollups.count > 1 {
      source = "daybook_images"
      create = "create temporary table daybook_images on commit drop as\n\(query)"
    } else {
      source = "(\(query)) as daybook_images"
      create = nil
    }
  }

  /// What stands for an expression over the feed's columns.
  func name(of expression: String) -> String { names[expression] ?? expression }
}
