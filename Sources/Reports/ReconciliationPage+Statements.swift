// What the senders of the files stated about them, in a control file or a trailer record, beside what was read.
// Invariant: figures of refused files are shown too, for a difference is why they were refused; without any statement
// nothing is shown, rather than an empty table that reads like agreement.

internal import Markup
internal import Money
internal import Postgres

extension ReconciliationPage {
  /// One verdict over all figures that were stated, and the figures: rows, and sums by currency.
  func statements() async throws -> (verdicts: [ContentBlock], tables: [ContentBlock]) {
    let rows = try await stated("s.column_name = ''", columns: "", csvPath: "data/stated_rows.csv")
    let sums = try await stated(
      "s.column_name <> ''", columns: "s.column_name AS \"column\", s.currency, ", csvPath: "data/stated_sums.csv")
    let count = rows.all + sums.all
    if count == 0 { return ([], []) }
    let differing = rows.differing + sums.differing
    let figures = count == 1 ? "1 figure" : "\(FigureFormat.integer.spelled(ExactDecimal(count))) figures"
    let text =
      differing == 0
      ? "What was read is what the senders stated: \(figures) compared, difference 0."
      : "What was read is not what the senders stated: \(differing) of \(figures) differ; their files were refused."
    let verdict = ContentBlock(
      title: "Statements of the senders", body: .verdict(isGood: differing == 0, text),
      evidence: rows.differing > 0 || sums.all == 0 ? rows.dataset : sums.dataset)
    var tables: [ContentBlock] = []
    if rows.all > 0 {
      tables.append(
        ContentBlock(
          title: "Rows as stated by the senders", body: .table, dataset: rows.dataset,
          lead: "The number of rows in a control file or trailer record, beside the number that was read.",
          wrapped: ["file"]))
    }
    if sums.all > 0 {
      tables.append(
        ContentBlock(
          title: "Money as stated by the senders", body: .table, dataset: sums.dataset,
          lead: "Sums in a control file or trailer record, beside the sums that were read. A file with a difference "
            + "is refused.",
          wrapped: ["file"]))
    }
    return ([verdict], tables)
  }

  /// The figures that satisfy a condition, those that differ first.
  private func stated(
    _ condition: String, columns: String, csvPath: String
  ) async throws -> (dataset: Dataset, all: Int, differing: Int) {
    let (rows, rowsSQL) = try await queries.told(
      """
      SELECT f.feed, f.name AS file, f.status, replace(s.source, '_', ' ') AS source, \(columns)s.stated, s.read,
        s.read - s.stated AS difference
      FROM daybook.file f JOIN daybook.file_statement s USING (file_id)
      WHERE \(ReportQueries.isStanding) AND f.as_of = \(Self.newestAsOf) AND \(condition)
      ORDER BY s.read = s.stated, f.feed, f.file_id, s.source, s.column_name, s.currency
      """, [asOf])
    var dataset = try ReportQueries.dataset(rows, described: [], shown: Self.shownFiles, csvPath: csvPath)
    dataset.statement = rowsSQL
    let currency = dataset.index(of: "currency")
    for index in dataset.columns.indices {
      switch dataset.columns[index].name {
      case "stated", "read":
        dataset.columns[index].format = currency == nil ? .integer : .money(currencyColumn: currency)
      case "difference":
        dataset.columns[index].format = currency == nil ? .rowDifference : .difference(currencyColumn: currency)
      default: break
      }
    }
    dataset.currencies = Dataset.currencies(dataset.rows, dataset.columns)
    let place = rows.columnNames.firstIndex(of: "difference") ?? 0
    var differing = 0
    for row in rows where Figure(try row.value(at: place)).number?.isZero != true { differing += 1 }
    return (dataset, rows.count, differing)
  }
}
