// The page about what was wrong with the data: rejected rows by reason with their file and line, what waits to be mended,
// what the checks found, and how fresh each feed is.
// Invariant: every list that is cut names the CSV with all of it, and what was found good is said too: a page without
// rows must not read like a page that nobody filled.
// That every row is accounted for is proven elsewhere: ReconciliationPage.

internal import Definitions
internal import Ledger
internal import Markup
internal import Money
internal import Postgres

/// Builds the page `data-quality`.
struct DataQualityPage {
  let queries: ReportQueries
  let run: RunSnapshot
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
    blocks += try await rejects()
    blocks += try await waiting()
    blocks += checks.tables
    return ReportContent(
      name: Self.name, title: Self.title,
      description: "What was rejected and why, what waits to be mended, what the checks found, and how fresh each feed is.",
      blocks: blocks)
  }

  // MARK: Feeds

  private func feeds() async throws -> Dataset {
    let rows = try await queries.connection.query(
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
      rows,
      [
        ("feed", "Feed", .text), ("files", "Files", .integer), ("refused", "Refused files", .integer),
        ("read", "Rows read", .integer), ("rejected", "Rejected", .integer), ("share", "Share", .percent),
        ("reject_limit", "Limit", .text), ("duplicate", "Duplicate", .integer), ("open", "Open", .integer),
        ("held_back", "Held back", .integer),
      ], shown: 500, csvPath: "data/feed_quality.csv")
  }

  private func freshness(_ reach: [PageContext.FeedReach]) async throws -> Dataset {
    let rows = try await queries.connection.query(
      """
      SELECT d.feed, l.name, to_char(l.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), l.as_of, d.through,
        CASE WHEN d.through ~ '^\\d{4}-\\d\\d-\\d\\d$' THEN $1::date - d.through::date END
      FROM unnest($2::text[], $3::text[]) AS d(feed, through)
      LEFT JOIN LATERAL (SELECT name, recorded_at, as_of FROM daybook.file f
        WHERE f.feed = d.feed AND status = 'loaded' ORDER BY file_id DESC LIMIT 1) l ON true
      ORDER BY d.feed
      """, [asOf, .textArray(reach.map(\.feed)), .textArray(reach.map(\.through))])
    return try dataset(
      rows,
      [
        ("feed", "Feed", .text), ("last_file", "Last file", .text), ("loaded_at_utc", "Loaded (UTC)", .text),
        ("as_of", "For", .date), ("data_through", "Data through", .text), ("days_behind", "Days behind", .integer),
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
        ? "None of the \(of) rows read was rejected."
        : "\(FigureFormat.integer.spelled(rejected)) of \(of) rows read "
          + "(\(FigureFormat.percent(decimals: 2).spelled(share ?? .zero))) \(rejected == 1 ? "was" : "were") rejected; "
          + "each stands below with its file and line, and all of them in data/rejects.csv."
    return ContentBlock(title: "Rejected", body: .verdict(isGood: rejected.isZero, text))
  }

  private func openVerdict() async throws -> ContentBlock {
    let rows = try await queries.connection.query(
      """
      SELECT (SELECT count(*) FROM daybook.reject WHERE resolved_at IS NULL AND code <> 'closed_period'),
        (SELECT count(*) FROM daybook.reject WHERE resolved_at IS NULL AND code = 'closed_period'),
        (SELECT count(*) FROM daybook.file f WHERE \(ReportQueries.isStanding) AND f.status = 'refused'
          AND f.dismissal IS NULL)
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
      : "\(parts.joined(separator: "; ")). To see and mend them: daybook rejects list"
    return ContentBlock(title: "Waiting", body: .verdict(isGood: parts.isEmpty, text))
  }

  // MARK: Rejects and duplicates

  private func rejects() async throws -> [ContentBlock] {
    let causes = try await queries.connection.query(
      """
      SELECT r.feed, r.code, r.column_name AS "column", count(*) AS rows,
        (array_agg(r.file || ':' || r.line ORDER BY r.file, r.line, r.reject_id))[1] AS first_at,
        (array_agg(r.reason ORDER BY r.file, r.line, r.reject_id))[1] AS example
      FROM daybook.reject r JOIN daybook.file f USING (file_id)
      WHERE \(ofThisDate)
      GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3
      """, [asOf])
    let byCause = try dataset(
      causes,
      [
        ("feed", "Feed", .text), ("reason_code", "Reason", .text), ("column", "Column", .text),
        ("rows", "Rows", .integer), ("first_at", "First at file:line", .text), ("example", "For example", .text),
      ], shown: 200, csvPath: "data/reject_causes.csv")
    let list = try await queries.connection.query(
      """
      SELECT r.feed, r.file, r.line, r.column_name AS "column", r.code, r.reason, r.raw, r.record, r.byte_offset
      FROM daybook.reject r JOIN daybook.file f USING (file_id)
      WHERE \(ofThisDate)
      ORDER BY r.feed, r.file, r.line, r.reject_id
      """, [asOf])
    let doubles = try await queries.connection.query(
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
          list, csvPath: "data/rejects.csv", identifiers: ["line", "record", "byte_offset"]),
        lead: "Each rejected row of this date's files with its place, its reason and its bytes.",
        wrapped: ["raw", "reason"]),
      ContentBlock(
        title: "Duplicate rows", body: .table,
        dataset: try originals(
          doubles, csvPath: "data/duplicates.csv", identifiers: ["line", "kept_line", "record", "byte_offset"]),
        lead: "Rows whose key comes again later in the same file. The last one counts."),
    ]
  }

  /// What waits of all dates: rejects that nobody corrected, and files that were refused as a whole.
  private func waiting() async throws -> [ContentBlock] {
    let open = try await queries.connection.query(
      """
      SELECT r.feed, f.as_of, r.code, count(*),
        (array_agg(r.file || ':' || r.line ORDER BY r.file, r.line, r.reject_id))[1]
      FROM daybook.reject r JOIN daybook.file f USING (file_id)
      WHERE r.resolved_at IS NULL GROUP BY 1, 2, 3 ORDER BY 2 DESC, 1, 3
      """)
    let refused = try await queries.connection.query(
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
            open,
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
            refused,
            [
              ("feed", "Feed", .text), ("file", "File", .text), ("as_of", "Of", .date), ("read", "Rows", .integer),
              ("rejected", "Rejected", .integer), ("state", "State", .text),
            ], shown: Self.shownExamples, csvPath: "data/refused_files.csv"),
          lead: "Files of which nothing is in the tables.", wrapped: ["file", "state"]))
    }
    return blocks
  }

  // MARK: Checks

  /// What the checks of this run found, or of the newest run that made any.
  private func checks() async throws -> (verdict: ContentBlock, tables: [ContentBlock]) {
    let newest = try await queries.connection.query(
      """
      SELECT r.run_id, r.as_of FROM daybook.run r
      WHERE EXISTS (SELECT FROM daybook.stage_run s
        WHERE s.run_id = r.run_id AND s.stage = 'check' AND s.status IN ('success', 'warning', 'failed'))
      ORDER BY (r.run_id = $1) DESC, r.started_at DESC, r.run_id DESC LIMIT 1
      """, [.uuid(run.runID.bytes)])
    guard let found = newest.first, case .uuid(let bytes) = try found.value(at: 0) else {
      return (
        ContentBlock(title: "Checks", body: .verdict(isGood: true, "No check has been made of these data yet.")), []
      )
    }
    let outcomes = try await queries.connection.query(
      """
      SELECT s.name, CASE WHEN s.name = ANY ($2::text[]) THEN 'rollup against its table' ELSE 'check' END,
        CASE WHEN f.errors > 0 THEN 'failed' WHEN f.warnings > 0 THEN 'warned' WHEN s.status = 'failed' THEN 'failed'
          WHEN s.status = 'skipped' THEN 'not made' ELSE 'passed' END,
        coalesce(f.errors, 0)::bigint, coalesce(f.warnings, 0)::bigint,
        CASE WHEN s.status = 'skipped' THEN s.skip_reason ELSE coalesce(s.detail, s.error_message) END
      FROM (SELECT DISTINCT ON (name) * FROM daybook.stage_run WHERE run_id = $1 AND stage = 'check'
        ORDER BY name, seq DESC) s
      LEFT JOIN (SELECT name, count(*) FILTER (WHERE severity = 'error') AS errors,
          count(*) FILTER (WHERE severity = 'warn') AS warnings
        FROM daybook.check_failure WHERE run_id = $1 GROUP BY name) f USING (name)
      ORDER BY (f.errors > 0) DESC NULLS LAST, (f.warnings > 0) DESC NULLS LAST, s.name
      """, [.uuid(bytes), .textArray(queries.project.views.map(\.name))])
    let failures = try await queries.connection.query(
      """
      SELECT f.name, f.test, f.severity, f.failing_rows, f.message, f.position, e.number,
        (SELECT string_agg(concat(column_name, ' ', coalesce(value, 'null')), ', ' ORDER BY place)
          FROM unnest(e.columns, e.row_values) WITH ORDINALITY AS u(column_name, value, place)) AS example
      FROM daybook.check_failure f LEFT JOIN daybook.check_example e ON e.failure_id = f.failure_id
      WHERE f.run_id = $1 ORDER BY f.failure_id, e.number
      """, [.uuid(bytes)])
    let table = try dataset(
      outcomes,
      [
        ("check", "Check", .text), ("kind", "Of", .text), ("outcome", "Outcome", .text), ("errors", "Errors", .integer),
        ("warnings", "Warnings", .integer), ("detail", "Detail", .text),
      ], shown: 500, csvPath: "data/check_outcomes.csv")
    var blocks = [
      ContentBlock(title: "Checks", body: .table, dataset: table, wrapped: ["detail"])
    ]
    if !failures.isEmpty {
      blocks.append(
        ContentBlock(
          title: "What the checks found", body: .table,
          dataset: try dataset(
            failures,
            [
              ("check", "Check", .text), ("test", "Test", .text), ("severity", "Severity", .text),
              ("failing_rows", "Rows", .integer), ("found", "Found", .text), ("position", "Declared in", .text),
              ("number", "No", .identifier), ("example", "Example row", .text),
            ], shown: Self.shownExamples, csvPath: "data/check_examples.csv"),
          lead: "One line for each example row; a warning does not keep pages from being published.",
          wrapped: ["found", "example"]))
    }
    return (try verdict(table, asOf: found), blocks)
  }

  private func verdict(_ checks: Dataset, asOf found: PostgresRow) throws -> ContentBlock {
    func count(_ word: String) -> Int { checks.rows.count { $0[2] == .text(word) } }
    let (passed, warned, failed, left) = (count("passed"), count("warned"), count("failed"), count("not made"))
    var text =
      warned + failed == 0
      ? "The checks found nothing: \(passed) made."
      : "Of \(checks.rows.count - left) checks \(passed) passed, \(warned) warned and \(failed) failed."
    if left > 0 { text += " \(left) had nothing new to look at." }
    if case .date(let days) = try found.value(at: 1), CivilDate(daysSince1970: Int(days)) != queries.asOf {
      text += " They were made for \(DateText.day(CivilDate(daysSince1970: Int(days))))."
    }
    return ContentBlock(title: "Checks", body: .verdict(isGood: warned + failed == 0, text))
  }

  // MARK: Rows

  /// Rows in the order of `columns`, each with its name, its heading and its format.
  private func dataset(
    _ rows: PostgresRows, _ columns: [(name: String, label: String, format: CellFormat)], shown: Int, csvPath: String
  ) throws -> Dataset {
    try Dataset(
      columns: columns.map { DatasetColumn(name: $0.name, label: $0.label, format: $0.format) },
      rows: rows.map { row in try columns.indices.map { Figure(try row.value(at: $0)) } }, shown: shown, csvPath: csvPath)
  }

  private func originals(_ result: PostgresRows, csvPath: String, identifiers: Set<String>) throws -> Dataset {
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
    for index in dataset.columns.indices where identifiers.contains(dataset.columns[index].name) {
      dataset.columns[index].format = .identifier
    }
    return dataset
  }
}
