// The page that proves that every row is accounted for, step by step: from the rows of files by what was staged, rejected
// and loaded to the tables, the views made from them, and the reports made from those; in rows, and in money by currency.
// Differences are said out loud, also when they are zero.
// What the senders stated is in `ReconciliationPage+Statements`, the tables and views in `ReconciliationPage+Views`, the
// reports in `ReportTies`; what was rejected and why is on the page data-quality.

internal import Definitions
internal import Finding
internal import Ledger
internal import Markup
internal import Money
internal import Postgres

/// Builds the page `reconciliation`.
struct ReconciliationPage {
  let queries: ReportQueries
  static let name = "reconciliation"
  static let title = "Reconciliation"
  static let shownFiles = 100
  var asOf: PostgresValue { .date(daysSince1970: Int32(clamping: queries.asOf.daysSince1970)) }

  /// - Parameters:
  ///   - tables: what the tables hold in the same snapshot.
  ///   - views: what `viewTotals` gave of it.
  ///   - reports: what `reportTotals` gave.
  func content(tables: TableTotals, views: Comparison, reports: Comparison) async throws -> ReportContent {
    let steps = try await steps(tables)
    let files = try await self.files()
    let money = try await self.money()
    let statements = try await self.statements()
    var blocks = [try await rowVerdict()] + (try await notLoaded())
    blocks += verdicts(money: money, views: views, reports: reports) + [tableVerdict(steps)] + statements.verdicts
    blocks.append(
      ContentBlock(
        title: "Rows, step by step", body: .table, dataset: steps.dataset,
        lead:
          "From the files of this date to the tables. What is staged is what was not rejected; of it the duplicates "
          + "stay out, and what is loaded is inserted, updated or was there already. Files and hand counts what all "
          + "files ever brought and took away, and what was changed by hand."))
    blocks.append(
      ContentBlock(title: "Files", body: .table, dataset: files.dataset, lead: files.lead, wrapped: ["file"]))
    blocks.append(
      ContentBlock(
        title: "Money by currency", body: .table, dataset: money.dataset,
        lead: "Sums of the controlled columns over the same files, step by step: staged is what was read and not "
          + "rejected, loaded what is inserted, updated or unchanged. Currencies are never added together."))
    blocks += statements.tables
    blocks.append(
      ContentBlock(
        title: "Tables against views", body: .table, dataset: views.dataset,
        lead: "Each view's total over all groups, and the same figure computed from the table it is made from."))
    blocks.append(
      ContentBlock(
        title: "Views against reports", body: .table, dataset: reports.dataset,
        lead: "What the columns of reports add up to over all their rows, beside the column of a view that their "
          + "definition ties them to."))
    return ReportContent(
      name: Self.name, title: Self.title,
      description: "What arrived, what became of every row, and whether the totals agree.", blocks: blocks)
  }

  /// The page of a set for which the server failed while it was asked for the proof, and what its banner says.
  static func notMade(_ error: PostgresError) -> (content: ReportContent, sentence: String) {
    let sentence = "The proof was not made, because asking failed: \(visible(error.message))."
    return (
      ReportContent(
        name: name, title: title, description: "Whether the totals agree is not known.",
        blocks: [ContentBlock(title: "Proof", body: .verdict(isGood: false, sentence))]),
      sentence
    )
  }

  // MARK: Verdicts

  private func verdicts(money: Comparison, views: Comparison, reports: Comparison) -> [ContentBlock] {
    var blocks: [ContentBlock] = []
    if !money.differences.isEmpty {
      let parts = money.differences.sorted { $0.key < $1.key }.map { currency, value in
        let format = CellFormat.difference(currencyColumn: nil).figureFormat(currency: currency)
        return "\(currency) difference \(value.map { format.spelled($0) } ?? "beyond 38 digits")"
      }
      let head = money.isEqual ? "Every amount is accounted for: " : "Amounts do not agree: "
      blocks.append(
        ContentBlock(
          title: "Money", body: .verdict(isGood: money.isEqual, head + parts.joined(separator: ", ") + "."),
          evidence: money.dataset))
    }
    func verdict(_ title: String, _ compared: Comparison, good: String, bad: String) -> ContentBlock {
      let all = FigureFormat.integer.spelled(ExactDecimal(compared.total))
      let none = CellFormat.difference(currencyColumn: nil).figureFormat.spelled(.zero)
      let off = FigureFormat.integer.spelled(ExactDecimal(compared.differing))
      return ContentBlock(
        title: title,
        body: .verdict(
          isGood: compared.isEqual,
          compared.isEqual ? "\(good): \(all) totals compared, difference \(none)." : "\(off) of \(all) \(bad)."),
        evidence: compared.dataset)
    }
    if views.total > 0 {
      blocks.append(
        verdict(
          "Views", views, good: "The views agree with their tables", bad: "view totals differ from their tables"))
    }
    if reports.total > 0 {
      blocks.append(
        verdict(
          "Reports", reports, good: "The reports agree with their views",
          bad: "totals of reports differ from their views"))
    }
    return blocks
  }

  /// The equation over all files that are loaded, and not only over those that are listed.
  private func rowVerdict() async throws -> ContentBlock {
    let outcomes = ["inserted", "updated", "unchanged", "duplicate", "rejected"]
    let sums = (["read"] + outcomes).map { "coalesce(sum(rows_\($0)), 0)::bigint AS \($0)" }.joined(separator: ", ")
    let off = "rows_read - rows_inserted - rows_updated - rows_unchanged - rows_duplicate - rows_rejected"
    let (rows, rowsSQL) = try await queries.told(
      """
      SELECT count(*) AS files, coalesce(sum(abs(\(off))), 0)::bigint AS difference, \(sums) FROM daybook.file f
      WHERE status = 'loaded' AND as_of = \(Self.newestAsOf)
      """, [asOf])
    let dataset = try told(rows, rowsSQL, csvPath: "data/row_equation.csv")
    var figures: [Int] = []
    if let row = rows.first { for place in 0..<(outcomes.count + 3) { figures.append(try row.decode(place)) } }
    guard let files = figures.first, files > 0 else {
      return ContentBlock(
        title: "Rows", body: .verdict(isGood: true, "No file of this date was loaded."), dataset: dataset)
    }
    func spelled(_ place: Int) -> String { FigureFormat.integer.spelled(ExactDecimal(figures[place])) }
    let parts = outcomes.enumerated().map { "\(spelled($0.offset + 3)) \($0.element)" }
    let text =
      "\(spelled(2)) \(figures[2] == 1 ? "row" : "rows") read = \(parts.joined(separator: " + ")). Difference \(spelled(1))."
    return ContentBlock(title: "Rows", body: .verdict(isGood: figures[1] == 0, text), dataset: dataset)
  }

  /// The rows behind a verdict, which the page puts into words and the CSV has as they are.
  private func told(_ rows: PostgresRows, _ statement: RanStatement, csvPath: String) throws -> Dataset {
    var dataset = try ReportQueries.dataset(rows, described: [], shown: .max, csvPath: csvPath)
    dataset.statement = statement
    return dataset
  }

  /// What is not in the equation: files that were refused as a whole, and those that are part way in.
  private func notLoaded() async throws -> [ContentBlock] {
    let (rows, rowsSQL) = try await queries.told(
      """
      SELECT count(*) FILTER (WHERE status = 'refused' AND dismissal IS NULL) AS refused,
        coalesce(sum(rows_read) FILTER (WHERE status = 'refused' AND dismissal IS NULL), 0)::bigint AS rows_refused,
        count(*) FILTER (WHERE status = 'refused' AND dismissal IS NOT NULL) AS dismissed,
        count(*) FILTER (WHERE status = 'loading') AS loading
      FROM daybook.file f WHERE \(ReportQueries.isStanding) AND as_of = \(Self.newestAsOf)
      """, [asOf])
    guard let row = rows.first else { return [] }
    func files(_ count: Int, _ one: String, _ many: String) -> String {
      "\(count) file\(count == 1 ? one : "s" + many)"
    }
    let (refused, read): (Int, Int) = (try row.decode(0), try row.decode(1))
    let (dismissed, loading): (Int, Int) = (try row.decode(2), try row.decode(3))
    var blocks: [ContentBlock] = []
    if refused > 0 {
      let count = FigureFormat.integer.spelled(ExactDecimal(read))
      blocks.append(
        ContentBlock(
          title: "Refused files",
          body: .verdict(
            isGood: false,
            files(refused, " was refused as a whole: its", " were refused as a whole: their")
              + " \(count) \(read == 1 ? "row is" : "rows are") not in these figures.")))
    }
    if dismissed > 0 {
      blocks.append(
        ContentBlock(
          title: "Refused files done without",
          body: .verdict(
            isGood: true,
            files(dismissed, " that was refused is", " that were refused are")
              + " done without, by a person's decision.")))
    }
    if loading > 0 {
      blocks.append(
        ContentBlock(
          title: "Files part way in",
          body: .verdict(
            isGood: false,
            files(loading, " is part way in: its", " are part way in: their") + " rows are not counted here.")))
    }
    if blocks.isEmpty { return [] }
    let dataset = try told(rows, rowsSQL, csvPath: "data/files_not_loaded.csv")
    for index in blocks.indices { blocks[index].dataset = dataset }
    return blocks
  }

  // MARK: Files and money

  /// The as-of date whose files the page is about: this one, or the newest before it that had any.
  static let newestAsOf = "(SELECT max(as_of) FROM daybook.file WHERE as_of <= $1 AND status <> 'superseded')"

  private func files() async throws -> (dataset: Dataset, lead: String) {
    let (rows, rowsSQL) = try await queries.told(
      """
      SELECT feed, name AS file, status, rows_read AS read, rows_inserted AS inserted, rows_updated AS updated,
        rows_unchanged AS unchanged, rows_duplicate AS duplicate, rows_rejected AS rejected,
        CASE WHEN status = 'loaded' THEN rows_read - rows_inserted - rows_updated - rows_unchanged
          - rows_duplicate - rows_rejected ELSE 0 END AS difference, rows_deleted AS deleted, bytes, as_of
      FROM daybook.file f WHERE \(ReportQueries.isStanding) AND as_of = \(Self.newestAsOf)
      ORDER BY feed, file_id
      """, [asOf])
    let counts = ["read", "inserted", "updated", "unchanged", "duplicate", "rejected", "deleted", "bytes"]
    var dataset = try ReportQueries.dataset(
      rows, described: [], shown: Self.shownFiles, csvPath: "data/files.csv")
    dataset.statement = rowsSQL
    for index in dataset.columns.indices {
      if counts.contains(dataset.columns[index].name) { dataset.columns[index].format = .integer }
      if dataset.columns[index].name == "difference" { dataset.columns[index].format = .rowDifference }
    }
    let day = dataset.rows.first.flatMap { row in dataset.index(of: "as_of").map { row[$0] } }
    let lead: String
    if case .date(let date)? = day, date != queries.asOf {
      lead = "No file arrived for this date. These are the files of \(DateText.day(date)), the newest before it."
    } else {
      lead =
        dataset.rows.isEmpty
        ? ""
        : "Every file of this date. Of a loaded one read = inserted + updated + unchanged + duplicate + rejected; a "
          + "refused one that came again under its name counts as it ended."
    }
    return (dataset, lead)
  }

  private func money() async throws -> Comparison {
    let (rows, rowsSQL) = try await queries.told(
      """
      SELECT f.feed, s.column_name AS "column", s.currency,
        coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'read'), 0) AS read,
        coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'rejected'), 0) AS rejected,
        coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'read'), 0)
          - coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'rejected'), 0) AS staged,
        coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'duplicate'), 0) AS duplicate,
        coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'inserted'), 0) AS inserted,
        coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'updated'), 0) AS updated,
        coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'unchanged'), 0) AS unchanged,
        coalesce(sum(s.amount) FILTER (WHERE s.outcome IN ('inserted', 'updated', 'unchanged')), 0) AS loaded,
        coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'read'), 0)
          - coalesce(sum(s.amount) FILTER (WHERE s.outcome <> 'read'), 0) AS difference
      FROM daybook.file f JOIN daybook.file_control_sum s USING (file_id)
      WHERE f.status = 'loaded' AND f.as_of = \(Self.newestAsOf)
      GROUP BY 1, 2, 3 ORDER BY coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'read'), 0)
        = coalesce(sum(s.amount) FILTER (WHERE s.outcome <> 'read'), 0), 1, 2, 3
      """, [asOf])
    var dataset = try ReportQueries.dataset(rows, described: [], shown: .max, csvPath: "data/control_sums.csv")
    dataset.statement = rowsSQL
    let currency = dataset.index(of: "currency")
    for index in dataset.columns.indices.dropFirst(3) {
      dataset.columns[index].format =
        dataset.columns[index].name == "difference"
        ? .difference(currencyColumn: currency) : .money(currencyColumn: currency)
    }
    return Comparison(dataset, shown: 500)
  }

  // MARK: Step by step

  /// From the rows of files to the rows of tables, for each feed.
  private func steps(_ tables: TableTotals) async throws -> Comparison {
    let (rows, rowsSQL) = try await queries.told(
      """
      SELECT d.feed, coalesce(n.read, 0), coalesce(n.rejected, 0), coalesce(n.read - n.rejected, 0),
        coalesce(n.duplicate, 0), coalesce(n.loaded, 0),
        coalesce(n.read - n.rejected - n.duplicate - n.loaded, 0), coalesce(e.rows, 0)
      FROM unnest($2::text[]) WITH ORDINALITY AS d(feed, place)
      LEFT JOIN (SELECT feed, sum(rows_read)::bigint AS read, sum(rows_rejected)::bigint AS rejected,
          sum(rows_duplicate)::bigint AS duplicate,
          sum(rows_inserted + rows_updated + rows_unchanged)::bigint AS loaded
        FROM daybook.file f WHERE f.status = 'loaded' AND f.as_of = \(Self.newestAsOf) GROUP BY feed) AS n USING (feed)
      LEFT JOIN (SELECT feed, sum(rows)::bigint AS rows
        FROM (SELECT feed, rows_inserted - rows_deleted AS rows FROM daybook.file
          UNION ALL SELECT feed, rows_plus - rows_minus FROM daybook.batch WHERE made_by IS NOT NULL) AS b
        GROUP BY feed) AS e USING (feed)
      ORDER BY d.place
      """, [asOf, .textArray(queries.project.feeds.map(\.name))])
    var lines: [[Figure]] = []
    for row in rows {
      var line = try rows.columnNames.indices.map { Figure(try row.value(at: $0)) }
      let brought = line.removeLast()
      let inTable = ExactDecimal(tables.counts[line[0].plainText] ?? 0)
      let difference = brought.number.flatMap { inTable.subtracting($0) }
      lines.append(line + [.number(inTable), brought, difference.map { .number($0) } ?? .missing])
    }
    func column(_ name: String, _ label: String, _ format: CellFormat = .integer) -> DatasetColumn {
      DatasetColumn(name: name, label: label, format: format)
    }
    return try Comparison(
      columns: [
        column("feed", "Feed", .text), column("in_files", "In the files"), column("rejected", "Rejected"),
        column("staged", "Staged"), column("duplicate", "Duplicate"), column("loaded", "Loaded"),
        column("difference", "Difference", .rowDifference), column("in_table", "In the table"),
        column("by_files", "By files and hand"), column("table_difference", "Difference", .rowDifference),
      ], lines: lines, difference: "table_difference", shown: 200, csvPath: "data/steps.csv",
      statement: RanStatement(of: [rowsSQL] + tables.ran))
  }

  /// Whether the tables hold what files brought, said out loud.
  private func tableVerdict(_ steps: Comparison) -> ContentBlock {
    let dataset = steps.dataset
    let place = dataset.index(of: "table_difference") ?? 0
    // Tables that differ come first.
    let named = dataset.rows.prefix(min(steps.differing, 20)).map { "\($0[0].plainText) (\(dataset.text($0, place)))" }
    let more = steps.differing > named.count ? " and \(steps.differing - named.count) more" : ""
    let text =
      steps.isEqual
      ? "The tables hold what the files brought: \(steps.total) tables counted, difference 0."
      : "\(named.joined(separator: ", "))\(more): the table does not hold "
        + "as many rows as files and hands have left in it; somebody else changes it, or it is older than Daybook."
    return ContentBlock(title: "Tables", body: .verdict(isGood: steps.isEqual, text), evidence: dataset)
  }
}
