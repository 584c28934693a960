// The page about what was wrong with the data: rejected rows by reason with their file and line, what waits to be mended,
// what the checks found, and how fresh each feed is.
// Invariant: every list that is cut names the CSV with all of it, and what was found good is said too: a page without
// rows must not read like a page that nobody filled.
// What the checks found is in `DataQualityPage+Checks`. That every row is accounted for is proven elsewhere:
// ReconciliationPage.

internal import Definitions
internal import Ledger
internal import Markup
internal import Money
internal import Postgres

/// Builds the page `data-quality`.
struct DataQualityPage {
  let queries: ReportQueries
  let standing: CheckStanding
  static let name = "data-quality"
  static let title = "Data quality"
  static let shownRejects = 50
  static let shownExamples = 100

  private var asOf: PostgresValue { .date(daysSince1970: Int32(clamping: queries.asOf.daysSince1970)) }
  /// Files of the date that the page is about, without those that came again.
  private let ofThisDate = "\(ReportQueries.isStanding) AND f.as_of = \(ReconciliationPage.newestAsOf)"

  /// - Parameter reach: how far the data of each feed reach.
  func content(reach: [PageContext.FeedReach]) async throws -> ReportContent {
    let feeds = try await feeds()
    let freshness = try await freshness(reach)
    let checks = try await checks()
    var blocks = [rejectVerdict(feeds), try await openVerdict(), checks.verdict]
    blocks.append(
      ContentBlock(
        title: "Feeds", body: .table, dataset: feeds,
        lead: "Rows of this date's files, and the records of all dates that still wait: open ones are rejected and not "
          + "corrected yet, held back ones fall into a closed month."))
    blocks.append(
      ContentBlock(
        title: "Freshness", body: .table, dataset: freshness,
        lead: "The last file of each feed and how far its data reach, beside the date of these reports.",
        wrapped: ["last_file"]))
    let rejects = try await rejects()
    blocks += rejects.dropLast() + (try await waiting()) + checks.tables
    // What was sent twice hurts nobody, so it comes last.
    blocks += rejects.suffix(1)
    return ReportContent(
      name: Self.name, title: Self.title,
      description:
        "What was rejected and why, what waits to be mended, what the checks found, and how fresh each feed is.",
      blocks: blocks)
  }

  // MARK: Feeds

  private func feeds() async throws -> Dataset {
    let (rows, rowsSQL) = try await queries.told(
      """
      WITH night AS (
        SELECT feed, count(*) AS files, count(*) FILTER (WHERE status = 'refused') AS refused,
          sum(rows_read)::bigint AS read, sum(rows_rejected)::bigint AS rejected,
          sum(rows_duplicate)::bigint AS duplicate
        FROM daybook.file f WHERE \(ofThisDate) GROUP BY feed),
      waiting AS (
        SELECT feed, count(*) FILTER (WHERE code <> 'closed_period') AS open,
          count(*) FILTER (WHERE code = 'closed_period') AS held
        FROM daybook.reject WHERE resolved_at IS NULL GROUP BY feed)
      SELECT d.feed, coalesce(n.files, 0), coalesce(n.refused, 0), coalesce(n.read, 0), coalesce(n.rejected, 0),
        CASE WHEN n.read > 0 THEN round(n.rejected / n.read::numeric, 6) END, d.reject_limit, coalesce(n.duplicate, 0),
        coalesce(w.open, 0), coalesce(w.held, 0)
      FROM unnest($2::text[], $3::text[]) AS d(feed, reject_limit)
      LEFT JOIN night n USING (feed) LEFT JOIN waiting w USING (feed) ORDER BY d.feed
      """,
      [
        asOf, .textArray(queries.project.feeds.map(\.name)),
        .textArray(queries.project.feeds.map { "\($0.rejectLimit)" }),
      ])
    return try dataset(
      rows, rowsSQL,
      [
        ("feed", "Feed", .text), ("files", "Files", .integer), ("refused", "Refused files", .integer),
        ("read", "Rows read", .integer), ("rejected", "Rejected", .integer), ("share", "Share", .percent),
        ("reject_limit", "Limit", .text), ("duplicate", "Duplicate", .integer), ("open", "Open", .integer),
        ("held_back", "Held back", .integer),
      ], shown: 500, csvPath: "data/feed_quality.csv")
  }

  private func freshness(_ reach: [PageContext.FeedReach]) async throws -> Dataset {
    let (rows, rowsSQL) = try await queries.told(
      """
      SELECT d.feed, l.name, date_trunc('minute', l.recorded_at AT TIME ZONE 'UTC'), l.as_of, t.through,
        $1::date - t.through
      FROM unnest($2::text[], $3::text[]) AS d(feed, through)
      CROSS JOIN LATERAL (SELECT CASE WHEN d.through ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN d.through::date END) t(through)
      LEFT JOIN LATERAL (SELECT name, recorded_at, as_of FROM daybook.file f
        WHERE f.feed = d.feed AND status = 'loaded' ORDER BY file_id DESC LIMIT 1) l ON true
      ORDER BY d.feed
      """, [asOf, .textArray(reach.map(\.feed)), .textArray(reach.map(\.through))])
    return try dataset(
      rows, rowsSQL,
      [
        ("feed", "Feed", .text), ("last_file", "Last file", .text), ("loaded_at_utc", "Loaded (UTC)", .text),
        ("as_of", "For", .date), ("data_through", "Data through", .date), ("days_behind", "Days behind", .integer),
      ], shown: 500, csvPath: "data/freshness.csv")
  }

  private func rejectVerdict(_ feeds: Dataset) -> ContentBlock {
    func sum(_ column: String) -> ExactDecimal {
      guard let place = feeds.index(of: column) else { return .zero }
      return feeds.rows.reduce(.zero) { $0.adding($1[place].number ?? .zero) ?? $0 }
    }
    let (read, rejected) = (sum("read"), sum("rejected"))
    let of = FigureFormat.integer.spelled(read)
    let share = rejected.divided(by: read.isZero ? 1 : read, scale: 6, rounding: .halfAwayFromZero)
    let text =
      read.isZero
      ? "No row arrived for this date."
      : rejected.isZero
        ? read == 1 ? "The row that was read was not rejected." : "None of the \(of) rows read was rejected."
        : "\(FigureFormat.integer.spelled(rejected)) of \(of) \(read == 1 ? "row" : "rows") read "
          + "(\(FigureFormat.percent(decimals: 2).spelled(share ?? .zero))) \(rejected == 1 ? "was rejected; it stands" : "were rejected; each stands") "
          + "below with its file and line, and all of them in data/rejects.csv."
    return ContentBlock(title: "Rejected", body: .verdict(isGood: rejected.isZero, text), evidence: feeds)
  }

  private func openVerdict() async throws -> ContentBlock {
    let (rows, rowsSQL) = try await queries.told(
      """
      SELECT (SELECT count(*) FROM daybook.reject WHERE resolved_at IS NULL AND code <> 'closed_period') AS rejected,
        (SELECT count(*) FROM daybook.reject WHERE resolved_at IS NULL AND code = 'closed_period') AS held,
        (SELECT count(*) FROM daybook.file f WHERE \(ReportQueries.isStanding) AND f.status = 'refused'
          AND f.dismissal IS NULL) AS refused_files
      """)
    let counts = try rows.first.map { row in try (0..<3).map { try row.decode($0, as: Int.self) } } ?? [0, 0, 0]
    func counted(_ count: Int, _ one: String, _ many: String) -> String? {
      count == 0 ? nil : "\(FigureFormat.integer.spelled(ExactDecimal(count))) \(count == 1 ? one : many)"
    }
    let parts = [
      counted(counts[0], "rejected row waits for its correction", "rejected rows wait for their correction"),
      counted(counts[1], "row is held back for a closed month", "rows are held back for closed months"),
      counted(counts[2], "refused file waits to come again", "refused files wait to come again"),
    ].compactMap { $0 }
    let text =
      parts.isEmpty
      ? "Nothing waits to be mended: no open reject, no row held back, no refused file."
      : "\(parts.joined(separator: "; ")). To see and mend what waits: daybook rejects list"
    let dataset = try dataset(
      rows, rowsSQL,
      [
        ("rejected", "Rejected rows", .integer), ("held", "Rows held back", .integer),
        ("refused_files", "Refused files", .integer),
      ], shown: .max, csvPath: "data/waiting.csv")
    return ContentBlock(title: "Waiting", body: .verdict(isGood: parts.isEmpty, text), dataset: dataset)
  }

  // MARK: Rejects and duplicates

  private func rejects() async throws -> [ContentBlock] {
    let (causes, causesSQL) = try await queries.told(
      """
      SELECT r.feed, r.code, r.column_name AS "column", count(*) AS rows,
        (array_agg(r.file || ':' || r.line ORDER BY r.file, r.line, r.reject_id))[1] AS first_at,
        (array_agg(r.reason ORDER BY r.file, r.line, r.reject_id))[1] AS example
      FROM daybook.reject r JOIN daybook.file f USING (file_id)
      WHERE \(ofThisDate)
      GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3
      """, [asOf])
    let byCause = try dataset(
      causes, causesSQL,
      [
        ("feed", "Feed", .text), ("reason_code", "Reason", .text), ("column", "Column", .text),
        ("rows", "Rows", .integer), ("first_at", "First at file:line", .text), ("example", "For example", .text),
      ], shown: 200, csvPath: "data/reject_causes.csv")
    let (list, listSQL) = try await queries.told(
      """
      SELECT r.feed, r.file, r.line, r.column_name AS "column", r.code, r.reason, r.raw, r.record, r.byte_offset
      FROM daybook.reject r JOIN daybook.file f USING (file_id)
      WHERE \(ofThisDate)
      ORDER BY r.feed, r.file, r.line, r.reject_id
      """, [asOf])
    let (doubles, doublesSQL) = try await queries.told(
      """
      SELECT d.feed, d.file, d.line, d.key, d.kept_line, d.record, d.byte_offset
      FROM daybook.duplicate_row d JOIN daybook.file f USING (file_id)
      WHERE \(ofThisDate)
      ORDER BY d.feed, d.file, d.line, d.duplicate_id
      """, [asOf])
    return [
      ContentBlock(
        title: "Rejected rows by reason", body: .table, dataset: byCause,
        lead: "The line is where the record starts in its file, the header counted.", wrapped: ["first_at", "example"]),
      ContentBlock(
        title: "Rejected rows", body: .table,
        dataset: try originals(
          list, listSQL, csvPath: "data/rejects.csv", identifiers: ["line", "record", "byte_offset"]),
        lead: "Each rejected row of this date's files with its place, its reason and its bytes.",
        wrapped: ["raw", "reason"]),
      ContentBlock(
        title: "Duplicate rows", body: .table,
        dataset: try originals(
          doubles, doublesSQL, csvPath: "data/duplicates.csv",
          identifiers: ["line", "kept_line", "record", "byte_offset"]),
        lead: "Rows whose key comes again later in the same file. The last one counts."),
    ]
  }

  /// What waits of all dates: rejects that nobody corrected, and files that were refused as a whole.
  private func waiting() async throws -> [ContentBlock] {
    let (open, openSQL) = try await queries.told(
      """
      SELECT r.feed, f.as_of, r.code, count(*),
        (array_agg(r.file || ':' || r.line ORDER BY r.file, r.line, r.reject_id))[1]
      FROM daybook.reject r JOIN daybook.file f USING (file_id)
      WHERE r.resolved_at IS NULL GROUP BY 1, 2, 3 ORDER BY 2 DESC, 1, 3
      """)
    let (refused, refusedSQL) = try await queries.told(
      """
      SELECT f.feed, f.name, f.as_of, f.rows_read, f.rows_rejected,
        CASE WHEN f.dismissal IS NULL THEN 'waits' ELSE 'done without: ' || f.dismissal END
      FROM daybook.file f WHERE \(ReportQueries.isStanding) AND f.status = 'refused' ORDER BY f.as_of DESC, f.file_id DESC
      """)
    var blocks: [ContentBlock] = []
    if !open.isEmpty {
      blocks.append(
        ContentBlock(
          title: "Quarantined rows", body: .table,
          dataset: try dataset(
            open, openSQL,
            [
              ("feed", "Feed", .text), ("as_of", "Of", .date), ("reason_code", "Reason", .text),
              ("rows", "Rows", .integer), ("first_at", "First at file:line", .text),
            ], shown: Self.shownExamples, csvPath: "data/open_rejects.csv"),
          lead: "Rows of any date that are in no figure, because nobody has corrected them or done without them.",
          wrapped: ["first_at"]))
    }
    if !refused.isEmpty {
      blocks.append(
        ContentBlock(
          title: "Refused files", body: .table,
          dataset: try dataset(
            refused, refusedSQL,
            [
              ("feed", "Feed", .text), ("file", "File", .text), ("as_of", "Of", .date), ("read", "Rows", .integer),
              ("rejected", "Rejected", .integer), ("state", "State", .text),
            ], shown: Self.shownExamples, csvPath: "data/refused_files.csv"),
          lead: "Files of which nothing is in the tables.", wrapped: ["file", "state"]))
    }
    return blocks
  }

  // MARK: Rows

  /// Rows in the order of `columns`, each with its name, its heading and its format.
  func dataset(
    _ rows: PostgresRows, _ statement: RanStatement, _ columns: [(name: String, label: String, format: CellFormat)],
    shown: Int, csvPath: String
  ) throws -> Dataset {
    var dataset = try Dataset(
      columns: columns.map { DatasetColumn(name: $0.name, label: $0.label, format: $0.format) },
      rows: rows.map { row in try columns.indices.map { Figure(try row.value(at: $0)) } }, shown: shown,
      csvPath: csvPath)
    dataset.statement = statement
    return dataset
  }

  private func originals(
    _ result: PostgresRows, _ statement: RanStatement, csvPath: String, identifiers: Set<String>
  ) throws -> Dataset {
    let names = result.columnNames
    let figures = try result.map { row in
      try names.indices.map { index -> Figure in
        // The original bytes, as text where they are text.
        if case .bytes(let bytes) = try row.value(at: index) { return .text(String(decoding: bytes, as: UTF8.self)) }
        return Figure(try row.value(at: index))
      }
    }
    var dataset = try Dataset(
      names: names, rows: figures, described: [], shown: Self.shownRejects, csvPath: csvPath)
    dataset.statement = statement
    for index in dataset.columns.indices where identifiers.contains(dataset.columns[index].name) {
      dataset.columns[index].format = .identifier
    }
    return dataset
  }
}
