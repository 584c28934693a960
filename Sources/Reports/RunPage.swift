// The page about the run that made the set: its stages and what each cost, and the runs before it.
// The stage that renders this page is still running while it is read, and the page says so.
// Runs are recorded elsewhere: the room Ledger. What checks found is on the page data-quality.

internal import Definitions
internal import Ledger
internal import Markup
internal import Money
internal import Postgres

/// Builds the page `run`.
struct RunPage {
  let queries: ReportQueries
  let run: RunSnapshot
  static let name = "run"
  static let title = "Run"
  static let shownRuns = 15

  private var runID: PostgresValue { .uuid(run.runID.bytes) }

  func content() async throws -> ReportContent {
    let stages = try await stages()
    let runs = try await runs()
    var blocks: [ContentBlock] = []
    if let chart = stageChart(stages) {
      blocks.append(
        ContentBlock(
          title: "Where the time went", body: .chart(chart, .bar, note: nil), lead: "Seconds for each stage."))
    }
    blocks.append(
      ContentBlock(
        title: "Stages", body: .table, dataset: stages,
        lead: "The stage that makes these pages is still running while they are made. What checks found is told under "
          + "\(DataQualityPage.title).", wrapped: ["detail"]))
    blocks.append(ContentBlock(title: "Recent runs", body: .table, dataset: runs, wrapped: ["outcome"]))
    return ReportContent(
      name: Self.name, title: Self.title,
      description: "What the run \(run.job) did and what it cost. It started at \(minutes(run.startedAt)) UTC.",
      blocks: blocks)
  }

  private func stages() async throws -> Dataset {
    let (rows, rowsSQL) = try await queries.told(
      """
      SELECT stage, name, status, wall_ms / 1000.0 AS seconds, (cpu_user_ms + cpu_sys_ms) / 1000.0 AS cpu_seconds,
        rows_read, rows_inserted + rows_updated + rows_deleted AS rows_written, rows_rejected, bytes_in,
        wal_bytes, shared_hit, shared_read, temp_bytes, maxrss_kb,
        coalesce(skip_reason, error_message, detail) AS detail
      FROM daybook.stage_run WHERE run_id = $1 ORDER BY seq
      """, [runID])
    var dataset = try ReportQueries.dataset(
      rows,
      described: [
        ColumnFormat(column: "stage", kind: .text), ColumnFormat(column: "name", kind: .text),
        ColumnFormat(column: "status", kind: .text),
        ColumnFormat(column: "seconds", kind: .decimal(3)),
        ColumnFormat(column: "cpu_seconds", label: "CPU seconds", kind: .decimal(3)),
        ColumnFormat(column: "rows_read", kind: .integer), ColumnFormat(column: "rows_written", kind: .integer),
        ColumnFormat(column: "rows_rejected", label: "Rejected", kind: .integer),
        ColumnFormat(column: "bytes_in", label: "Bytes in", kind: .integer),
        ColumnFormat(column: "wal_bytes", label: "WAL bytes", kind: .integer),
        ColumnFormat(column: "shared_hit", label: "Buffers hit", kind: .integer),
        ColumnFormat(column: "shared_read", label: "Buffers read", kind: .integer),
        ColumnFormat(column: "temp_bytes", label: "Temp bytes", kind: .integer),
        ColumnFormat(column: "maxrss_kb", label: "Peak memory KB", kind: .integer),
        ColumnFormat(column: "detail", kind: .text),
      ], shown: 200, csvPath: "data/stages.csv")
    dataset.statement = rowsSQL
    return dataset
  }

  private func runs() async throws -> Dataset {
    let (rows, rowsSQL) = try await queries.told(
      """
      SELECT r.run_id::text AS run, r.job, r.as_of, r.status, r.exit_code, r.started_at AS started_at_utc,
        r.wall_ms / 1000.0 AS seconds, s.rows_read, s.rows_rejected, coalesce(r.error_message, '') AS outcome
      FROM daybook.run r
      LEFT JOIN LATERAL (SELECT sum(rows_read)::bigint AS rows_read, sum(rows_rejected)::bigint AS rows_rejected
        FROM daybook.stage_run s WHERE s.run_id = r.run_id AND s.stage = 'ingest') s ON true
      ORDER BY r.started_at DESC, r.run_id DESC LIMIT \(Self.shownRuns)
      """)
    var dataset = try ReportQueries.dataset(
      rows,
      described: [
        ColumnFormat(column: "started_at_utc", label: "Started (UTC)", kind: .text),
        ColumnFormat(column: "job", kind: .text), ColumnFormat(column: "as_of", label: "As of", kind: .date),
        ColumnFormat(column: "status", kind: .text),
        ColumnFormat(column: "exit_code", label: "Exit", kind: .text),
        ColumnFormat(column: "seconds", kind: .decimal(3)), ColumnFormat(column: "rows_read", kind: .integer),
        ColumnFormat(column: "rows_rejected", label: "Rejected", kind: .integer),
        ColumnFormat(column: "run", kind: .text), ColumnFormat(column: "outcome", label: "Error", kind: .text),
      ], shown: Self.shownRuns, csvPath: "data/runs.csv")
    if let place = dataset.index(of: "run") { dataset.columns[place].format = .identifier }
    dataset.statement = rowsSQL
    return dataset
  }

  private func stageChart(_ stages: Dataset) -> Chart? {
    guard let name = stages.index(of: "name"), let stage = stages.index(of: "stage"),
      let seconds = stages.index(of: "seconds")
    else { return nil }
    let measured = stages.rows.filter { $0[seconds].number != nil }
    guard !measured.isEmpty else { return nil }
    let axis = ChartAxis.categories(
      measured.map { [$0[stage].plainText, $0[name].plainText].filter { !$0.isEmpty }.joined(separator: " ") })
    let series = ChartSeries(name: "", values: measured.map { $0[seconds].number })
    let finding = ChartFinding(axis: axis, series: [series], format: .decimal(places: 3), unit: "seconds")
    return Chart(
      identifier: "run-stages", title: "Seconds for each stage", finding: finding.text, axis: axis, series: [series],
      format: .decimal(places: 3), unit: "seconds")
  }
}
