// The page that proves that every row is accounted for: file by file in rows, currency by currency in money, what was
// rejected and where, what the senders stated (`ReconciliationPage+Statements`), and base tables against the views made from them. Differences are said out loud, also when
// they are zero.

internal import Definitions
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
  static let shownRejects = 50

  var asOf: PostgresValue { .date(daysSince1970: Int32(clamping: queries.asOf.daysSince1970)) }

  /// - Parameter views: what `viewTotals` gave in the same snapshot.
  func content(views: Dataset) async throws -> ReportContent {
    let files = try await self.files()
    let money = try await self.money()
    let statements = try await self.statements()
    var blocks = [try await rowVerdict()] + (try await notLoaded())
    blocks += verdicts(money: money, views: views) + statements.verdicts
    blocks.append(
      ContentBlock(title: "Files", body: .table, dataset: files.dataset, lead: files.lead, wrapped: ["file"]))
    blocks.append(
      ContentBlock(
        title: "Money by currency", body: .table, dataset: money,
        lead: "Sums of the controlled columns over the same files. Currencies are never added together."))
    blocks += statements.tables
    blocks += try await rejects()
    blocks.append(
      ContentBlock(
        title: "Tables against views", body: .table, dataset: views,
        lead: "Each view's total over all groups, and the same figure computed from the table it is made from."))
    return ReportContent(
      name: Self.name, title: Self.title,
      description: "What arrived, what became of every row, and whether the totals agree.", blocks: blocks)
  }

  // MARK: Verdicts

  private func verdicts(money: Dataset, views: Dataset) -> [ContentBlock] {
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
    let rows = try await queries.connection.query(
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
    let rows = try await queries.connection.query(
      """
      SELECT f.feed, s.column_name AS "column", s.currency,
        coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'read'), 0) AS read,
        coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'inserted'), 0) AS inserted,
        coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'updated'), 0) AS updated,
        coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'unchanged'), 0) AS unchanged,
        coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'duplicate'), 0) AS duplicate,
        coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'rejected'), 0) AS rejected,
        coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'read'), 0)
          - coalesce(sum(s.amount) FILTER (WHERE s.outcome <> 'read'), 0) AS difference
      FROM daybook.file f JOIN daybook.file_control_sum s USING (file_id)
      WHERE f.status = 'loaded' AND f.as_of = \(Self.newestAsOf)
      GROUP BY 1, 2, 3 ORDER BY coalesce(sum(s.amount) FILTER (WHERE s.outcome = 'read'), 0)
        = coalesce(sum(s.amount) FILTER (WHERE s.outcome <> 'read'), 0), 1, 2, 3
      """, [asOf])
    var dataset = try ReportQueries.dataset(rows, described: [], shown: 500, csvPath: "data/control_sums.csv")
    let currency = dataset.index(of: "currency")
    for index in dataset.columns.indices.dropFirst(3) {
      dataset.columns[index].format =
        dataset.columns[index].name == "difference"
        ? .difference(currencyColumn: currency) : .money(currencyColumn: currency)
    }
    return dataset
  }

  // MARK: Rejects and duplicates

  private func rejects() async throws -> [ContentBlock] {
    let causes = try await queries.connection.query(
      """
      SELECT r.feed, r.code, r.column_name AS "column", count(*) AS rows, min(r.line) AS first_line
      FROM daybook.reject r JOIN daybook.file f USING (file_id)
      WHERE \(ReportQueries.isStanding) AND f.as_of = \(Self.newestAsOf)
      GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3
      """, [asOf])
    var byCause = try ReportQueries.dataset(causes, described: [], shown: 200, csvPath: "data/reject_causes.csv")
    if let place = byCause.index(of: "rows") { byCause.columns[place].format = .integer }
    if let place = byCause.index(of: "first_line") { byCause.columns[place].format = .identifier }
    let list = try await queries.connection.query(
      """
      SELECT r.feed, r.file, r.line, r.column_name AS "column", r.code, r.reason, r.raw, r.record, r.byte_offset
      FROM daybook.reject r JOIN daybook.file f USING (file_id)
      WHERE \(ReportQueries.isStanding) AND f.as_of = \(Self.newestAsOf)
      ORDER BY r.feed, r.file, r.line, r.reject_id
      """, [asOf])
    let listed = try rows(
      list, csvPath: "data/rejects.csv", shown: Self.shownRejects,
      identifiers: ["line", "record", "byte_offset"])
    let doubles = try await queries.connection.query(
      """
      SELECT d.feed, d.file, d.line, d.key, d.kept_line, d.record, d.byte_offset
      FROM daybook.duplicate_row d JOIN daybook.file f USING (file_id)
      WHERE \(ReportQueries.isStanding) AND f.as_of = \(Self.newestAsOf)
      ORDER BY d.feed, d.file, d.line, d.duplicate_id
      """, [asOf])
    let duplicates = try rows(
      doubles, csvPath: "data/duplicates.csv", shown: Self.shownRejects,
      identifiers: ["line", "kept_line", "record", "byte_offset"])
    return [
      ContentBlock(title: "Rejected rows by cause", body: .table, dataset: byCause),
      ContentBlock(
        title: "Rejected rows", body: .table, dataset: listed,
        lead: "Where each stands in its file; the line is where the record starts, the header counted.",
        wrapped: ["raw", "reason"]),
      ContentBlock(
        title: "Duplicate rows", body: .table, dataset: duplicates,
        lead: "Rows whose key comes again later in the same file. The last one counts."),
    ]
  }

  private func rows(_ result: PostgresRows, csvPath: String, shown: Int, identifiers: Set<String>) throws -> Dataset {
    let names = result.columnNames
    let figures = try result.map { row in
      try names.indices.map { index -> Figure in
        // The original bytes, as text where they are text.
        if case .bytes(let bytes) = try row.value(at: index) { return .text(String(decoding: bytes, as: UTF8.self)) }
        return Figure(try row.value(at: index))
      }
    }
    var dataset = try Dataset(names: names, rows: figures, described: [], shown: shown, csvPath: csvPath)
    for index in dataset.columns.indices where identifiers.contains(dataset.columns[index].name) {
      dataset.columns[index].format = .identifier
    }
    return dataset
  }

  // MARK: Tables against views

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
    for (source, readers) in Dictionary(grouping: rollups, by: \.source) {
      let sums = Set(readers.flatMap { $0.sums.map(\.fromTable) }).sorted()
      let values = try await totals(of: sums, by: source.currency, from: source.table)
      tables[source] = values.mapValues { Dictionary(uniqueKeysWithValues: zip(sums, $0)) }
    }
    var lines: [[Figure]] = []
    for rollup in rollups {
      let inView = try await totals(of: rollup.sums.map(\.fromView), by: rollup.currencyInView, from: rollup.view)
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
    return try Dataset(columns: columns, rows: lines, shown: 200, csvPath: "data/view_totals.csv")
  }

  /// Sums of a relation by currency.
  private func totals(
    of sums: [String], by currency: String, from relation: QualifiedName
  ) async throws -> [String: [ExactDecimal]] {
    try keyed(
      await queries.connection.query(
        "SELECT \(currency)::text, \(sums.joined(separator: ", ")) FROM \(relation.quoted) GROUP BY 1 ORDER BY 1"))
  }

  private func exists(_ relation: QualifiedName) async throws -> Bool {
    let rows = try await queries.connection.query(
      "SELECT to_regclass($1::text) IS NOT NULL", [.text(relation.quoted)])
    return try rows.first?.decode(0, as: Bool.self) ?? false
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
