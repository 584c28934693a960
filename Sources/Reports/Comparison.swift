// Lines of figures that should be equal: how many there are, how many are not, and by how much in each currency.
// Invariant: what is said of them is said of all lines, also of those that a page leaves out; lines that differ come first.

internal import Markup
internal import Money

/// Figures computed twice, beside one another.
struct Comparison: Sendable {
  /// The lines as they are shown, cut; the CSV has all.
  var dataset: Dataset
  /// How many lines there are in all.
  let total: Int
  /// How many of them have a difference that is not zero, or none that could be computed.
  let differing: Int
  /// The absolute differences of all lines, added up in each currency; nil where they have too many digits.
  let differences: [String: ExactDecimal?]

  var isEqual: Bool { differing == 0 }

  /// Judges all rows of `dataset`, and then cuts it.
  ///
  /// - Parameters:
  ///   - dataset: with every row.
  ///   - column: the column of the difference.
  ///   - shown: how many rows a page shows.
  init(_ dataset: Dataset, difference column: String = "difference", shown: Int) {
    var dataset = dataset
    let place = dataset.index(of: column)
    var (count, sums): (Int, [String: ExactDecimal?]) = (0, [:])
    for row in dataset.rows {
      let value = place.flatMap { row[$0].number }
      if value?.isZero != true { count += 1 }
      guard let place, let currency = dataset.currency(of: place, in: row) else { continue }
      let size = value.map(\.magnitude)
      let so = sums[currency] ?? .zero
      sums[currency] = .some(so.flatMap { so in size.flatMap { so.adding($0) } })
    }
    total = dataset.rows.count
    differing = count
    differences = sums
    dataset.currencies = Dataset.currencies(dataset.rows, dataset.columns)
    dataset.rows = Array(dataset.rows.prefix(shown))
    self.dataset = dataset
  }

  /// Makes a comparison of lines in memory.
  init(
    columns: [DatasetColumn], lines: [[Figure]], difference column: String = "difference", shown: Int, csvPath: String,
    statement: RanStatement
  ) throws {
    let place = columns.firstIndex { $0.name == column } ?? columns.count - 1
    func differs(_ line: [Figure]) -> Bool { line[place].number?.isZero != true }
    var dataset = try Dataset(
      columns: columns, rows: lines.filter(differs) + lines.filter { !differs($0) }, csvPath: csvPath)
    dataset.statement = statement
    self.init(dataset, difference: column, shown: shown)
  }
}
