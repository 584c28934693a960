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
  ///   - views: what `viewTotals` gave in the same snapshot.
  ///   - reports: what `reportTotals` gave.
  func content(views: Dataset, reports: Dataset) async throws -> ReportContent {
    let steps = try await steps()
    let files = try await self.files()
    let money = try await self.money()
    let statements = try await self.statements()
    var blocks = [try await rowVerdict()] + (try await notLoaded())
    blocks += verdicts(money: money, views: views, reports: reports) + [tableVerdict(steps)] + statements.verdicts
    blocks.append(
      ContentBlock(
        title: "Rows, step by step", body: .table, dataset: steps,
        lead:
          "From the files of this date to the tables. What is staged is what was not rejected; of it the duplicates "
          + "stay out, and what is loaded is inserted, updated or was there already. Files and hand counts what all "
          + "files ever brought and took away, and what was changed by hand."))
    blocks.append(
      ContentBlock(title: "Files", body: .table, dataset: files.dataset, lead: files.lead, wrapped: ["file"]))
    blocks.append(
      ContentBlock(
        title: "Money by currency", body: .table, dataset: money,
        lead: "Sums of the controlled columns over the same files, step by step: staged is what was read and not "
          + "rejected, loaded what is inserted, updated or unchanged. Currencies are never added together."))
    blocks += statements.tables
    blocks.append(
      ContentBlock(
        title: "Tables against views", body: .table, dataset: views,
        lead: "Each view's total over all groups, and the same figure computed from the table it is made from."))
    blocks.append(
      ContentBlock(
        title: "Views against reports", body: .table, dataset: reports,
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

  private func verdicts(money: Dataset, views: Dataset, reports: Dataset) -> [ContentBlock] {
    var blocks: [ContentBlock] = []
    var currencies: [String: ExactDecimal] = [:]
    var worst: String?
    for row in money.rows {
      guard let place = money.index(of: "difference"), let currency = money.currency(of: place, in: row),
        let value = row[place].number
      else { continue }
      currencies[currency] = (currencies[currency] ?? .zero).adding(value.isNegative ? -value : value)
      if !value.isZero { worst = currency }
    }
    if !currencies.isEmpty {
      let parts = currencies.sorted { $0.key < $1.key }.map { currency, value in
        let format = CellFormat.difference(currencyColumn: nil).figureFormat(currency: currency)
        return "\(currency) difference \(format.spelled(value))"
      }
      let head = worst == nil ? "Every amount is accounted for: " : "Amounts do not agree: "
      blocks.append(
        ContentBlock(title: "Money", body: .verdict(isGood: worst == nil, head + parts.joined(separator: ", ") + ".")))
    }
    if let place = views.index(of: "difference"), !views.rows.isEmpty {
      let off = views.rows.filter { $0[place].number?.isZero != true }
      let text =
        off.isEmpty
        ? "The views agree with their tables: \(views.rows.count) totals compared, difference 0.00."
        : "\(off.count) of \(views.rows.count) view totals differ from their tables."
      blocks.append(ContentBlock(title: "Views", body: .verdict(isGood: off.isEmpty, text)))
    }
    if !reports.rows.isEmpty {
      let off = Self.differing(reports)
      let text =
        off == 0
        ? "The reports agree with their views: \(reports.rows.count) totals compared, difference 0.00."
        : "\(off) of \(reports.rows.count) totals of reports differ from their views."
      blocks.append(ContentBlock(title: "Reports", body: .verdict(isGood: off == 0, text)))
    }
    return blocks
  }

  /// The equation over all files that are loaded, and not only over those that are listed.
  private func rowVerdict() async throws -> ContentBlock {
    let outcomes = ["inserted", "updated", "unchanged", "duplicate", "rejected"]
    let sums = (["read"] + outcomes).map { "coalesce(sum(rows_\($0)), 0)::bigint" }.joined(separator: ", ")
    let off = "rows_read - rows_inserted - rows_updated - rows_unchanged - rows_duplicate - rows_rejected"
    let rows = try await queries.connection.query(
      """
      SELECT count(*), coalesce(sum(abs(\(off))), 0)::bigint, \(sums) FROM daybook.file f
      WHERE status = 'loaded' AND as_of = \(Self.newestAsOf)
      """, [asOf])
    var figures: [Int] = []
    if let row = rows.first { for place in 0..<(outcomes.count + 3) { figures.append(try row.decode(place)) } }
    guard let files = figures.first, files > 0 else {
      return ContentBlock(
        title: "Rows", body: .verdict(isGood: true, "No file of this date was loaded."))
    }
    func spelled(_ place: Int) -> String { FigureFormat.integer.spelled(ExactDecimal(figures[place])) }
    let parts = outcomes.enumerated().map { "\(spelled($0.offset + 3)) \($0.element)" }
    let text =
      "\(spelled(2)) rows read = \(parts.joined(separator: " + ")). Difference \(spelled(1))."
    return ContentBlock(title: "Rows", body: .verdict(isGood: figures[1] == 0, text))
  }

  /// What is not in the equation: files that were refused as a whole, and those that are part way in.
  private func notLoaded() async throws -> [ContentBlock] {
    let rows = try await queries.connection.query(
      """
      SELECT count(*) FILTER (WHERE status = 'refused' AND dismissal IS NULL),
        coalesce(sum(rows_read) FILTER (WHERE status = 'refused' AND dismissal IS NULL), 0)::bigint,
        count(*) FILTER (WHERE status = 'refused' AND dismissal IS NOT NULL), count(*) FILTER (WHERE status = 'loading')
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

  private func money() async throws -> Dataset {
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
    var dataset = try ReportQueries.dataset(rows, described: [], shown: 500, csvPath: "data/control_sums.csv")
    dataset.statement = rowsSQL
    let currency = dataset.index(of: "currency")
    for index in dataset.columns.indices.dropFirst(3) {
      dataset.columns[index].format =
        dataset.columns[index].name == "difference"
        ? .difference(currencyColumn: currency) : .money(currencyColumn: currency)
    }
    return dataset
  }

  // MARK: Step by step

  /// From the rows of files to the rows of tables, for each feed.
  private func steps() async throws -> Dataset {
    var lines: [[Figure]] = []
    var ran: [RanStatement] = []
    for feed in queries.project.feeds {
      let table = QualifiedName(schema: queries.project.database.schema, name: feed.name)
      let inTable: String = try await exists(table) ? "(SELECT count(*) FROM \(table.quoted))" : "0::bigint"
      let (rows, rowsSQL) = try await queries.told(
        """
        WITH night AS (
          SELECT coalesce(sum(rows_read), 0)::bigint AS read, coalesce(sum(rows_rejected), 0)::bigint AS rejected,
            coalesce(sum(rows_duplicate), 0)::bigint AS duplicate,
            coalesce(sum(rows_inserted + rows_updated + rows_unchanged), 0)::bigint AS loaded
          FROM daybook.file f WHERE f.feed = $2 AND f.status = 'loaded' AND f.as_of = \(Self.newestAsOf)),
        ever AS (
          SELECT coalesce((SELECT sum(rows_inserted - rows_deleted) FROM daybook.file WHERE feed = $2), 0)
            + coalesce((SELECT sum(rows_plus - rows_minus) FROM daybook.batch
              WHERE feed = $2 AND made_by IS NOT NULL), 0) AS rows)
        SELECT n.read, n.rejected, n.read - n.rejected, n.duplicate, n.loaded,
          n.read - n.rejected - n.duplicate - n.loaded, \(inTable), e.rows::bigint, \(inTable) - e.rows::bigint
        FROM night n, ever e
        """, [asOf, .text(feed.name)])
      ran.append(rowsSQL)
      guard let row = rows.first else { continue }
      lines.append([.text(feed.name)] + (try rows.columnNames.indices.map { Figure(try row.value(at: $0)) }))
    }
    func column(_ name: String, _ label: String, _ format: CellFormat = .integer) -> DatasetColumn {
      DatasetColumn(name: name, label: label, format: format)
    }
    var dataset = try Dataset(
      columns: [
        column("feed", "Feed", .text), column("in_files", "In the files"), column("rejected", "Rejected"),
        column("staged", "Staged"), column("duplicate", "Duplicate"), column("loaded", "Loaded"),
        column("difference", "Difference", .rowDifference), column("in_table", "In the table"),
        column("by_files", "By files and hand"), column("table_difference", "Difference", .rowDifference),
      ], rows: lines, shown: 200, csvPath: "data/steps.csv")
    dataset.statement = RanStatement(of: ran)
    return dataset
  }

  /// Whether the tables hold what files brought, said out loud.
  private func tableVerdict(_ steps: Dataset) -> ContentBlock {
    let place = steps.index(of: "table_difference") ?? 0
    let off = steps.rows.filter { $0[place].number?.isZero != true }
    let text =
      off.isEmpty
      ? "The tables hold what the files brought: \(steps.rows.count) tables counted, difference 0."
      : "\(off.map { "\($0[0].plainText) (\(steps.text($0, place)))" }.joined(separator: ", ")): the table does not hold "
        + "as many rows as files and hands have left in it; somebody else changes it, or it is older than Daybook."
    return ContentBlock(title: "Tables", body: .verdict(isGood: off.isEmpty, text))
  }

  func exists(_ relation: QualifiedName) async throws -> Bool {
    let rows = try await queries.connection.query(
      "SELECT to_regclass($1::text) IS NOT NULL", [.text(relation.quoted)])
    return try rows.first?.decode(0, as: Bool.self) ?? false
  }
}
