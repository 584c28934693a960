// The page about the run that made the set: its stages and what each cost, beside what it usually costs, and the runs
// before it. When a cost is far from its history is decided elsewhere: StageHistory.
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
  static let shownStages = 200
  /// So many runs are listed in the CSV.
  static let listedRuns = 1_000
  /// So many runs of the job are its history.
  static let comparedRuns = 60

  private var runID: PostgresValue { .uuid(run.runID.bytes) }

  func content() async throws -> ReportContent {
    let all = try await stages()
    let verdict = StageHistory.verdict(Self.histories(all), job: run.job)
    let compared = ["usual_seconds", "times_usual", "usual_spread", "us_per_row", "usual_us_per_row", "earlier_runs"]
    let stages = try part(of: all, "data/stages.csv") { !compared.contains($0) }
    let history = try part(of: all, "data/stage_history.csv") {
      ["stage", "name", "seconds"].contains($0) || compared.contains($0)
    }
    let runs = try await runs()
    var blocks: [ContentBlock] = []
    blocks.append(
      ContentBlock(title: "Cost", body: .verdict(isGood: verdict.isGood, verdict.text), evidence: history))
    if let chart = stageChart(stages) {
      blocks.append(
        ContentBlock(
          title: "Where the time went", body: .chart(chart, .bar, note: nil), evidence: stages,
          lead: "Seconds for each stage."))
    }
    blocks.append(
      ContentBlock(
        title: "Stages", body: .table, dataset: stages,
        lead: "The stage that makes these pages is still running while they are made. What checks found is told under "
          + "\(DataQualityPage.title).", wrapped: ["detail"]))
    blocks.append(
      ContentBlock(
        title: "Stages against their history", body: .table, dataset: history,
        lead:
          "What is usual is the median of the runs among the last \(Self.comparedRuns) of \(run.job) in which a stage "
          + "did its work, and the spread the median distance from it."))
    blocks.append(
      ContentBlock(
        title: "Recent runs", body: .table, dataset: runs,
        lead: runs.totalRows < Self.listedRuns
          ? ""
          : "The newest \(FigureFormat.integer.text(ExactDecimal(Self.listedRuns))) runs; the ledger has those before them.",
        wrapped: ["outcome"]))
    return ReportContent(
      name: Self.name, title: Self.title,
      description: "What the run \(run.job) did and what it cost. It started at "
        + "\(readable(minutes: minutes(run.startedAt))) UTC.",
      blocks: blocks)
  }

  /// Some columns of all stages.
  private func part(of all: Dataset, _ csvPath: String, where isIn: (String) -> Bool) throws -> Dataset {
    let places = all.columns.indices.filter { isIn(all.columns[$0].name) }
    var part = try Dataset(
      columns: places.map { all.columns[$0] }, rows: all.rows.map { row in places.map { row[$0] } },
      shown: Self.shownStages, csvPath: csvPath)
    part.statement = all.statement
    return part
  }

  private func stages() async throws -> Dataset {
    let (rows, rowsSQL) = try await queries.told(
      """
      WITH recent AS (
        SELECT run_id FROM daybook.run WHERE job = $2 AND run_id <> $1 AND started_at <= $3
        ORDER BY started_at DESC, run_id DESC LIMIT \(Self.comparedRuns)),
      past AS (
        SELECT stage, name, wall_ms, CASE WHEN rows_read > 0 THEN wall_ms * 1000.0 / rows_read END AS us_per_row
        FROM daybook.stage_run JOIN recent USING (run_id)
        WHERE status IN ('success', 'warning') AND wall_ms IS NOT NULL),
      usual AS (
        SELECT stage, name, count(*) AS runs, percentile_disc(0.5) WITHIN GROUP (ORDER BY wall_ms) AS wall_ms,
          percentile_disc(0.5) WITHIN GROUP (ORDER BY us_per_row) AS us_per_row
        FROM past GROUP BY stage, name),
      spread AS (
        SELECT stage, name, percentile_disc(0.5) WITHIN GROUP (ORDER BY abs(p.wall_ms - u.wall_ms)) AS wall_ms
        FROM past p JOIN usual u USING (stage, name) GROUP BY stage, name)
      SELECT s.stage, s.name, s.status, round(s.wall_ms / 1000.0, 3) AS seconds,
        round(u.wall_ms / 1000.0, 3) AS usual_seconds,
        round(s.wall_ms::numeric / nullif(u.wall_ms, 0), 2) AS times_usual,
        round(d.wall_ms / 1000.0, 3) AS usual_spread,
        CASE WHEN s.rows_read > 0 THEN round(s.wall_ms * 1000.0 / s.rows_read, 3) END AS us_per_row,
        round(u.us_per_row, 3) AS usual_us_per_row, u.runs AS earlier_runs,
        round((s.cpu_user_ms + s.cpu_sys_ms) / 1000.0, 3) AS cpu_seconds,
        s.rows_read, s.rows_inserted + s.rows_updated + s.rows_deleted AS rows_written, s.rows_rejected, s.bytes_in,
        s.wal_bytes, s.shared_hit, s.shared_read, s.temp_bytes, s.maxrss_kb,
        coalesce(s.skip_reason, s.error_message, s.detail) AS detail
      FROM daybook.stage_run s
      -- A stage that had nothing to do is not compared with nights on which it had.
      LEFT JOIN usual u ON u.stage = s.stage AND u.name = s.name AND s.status <> 'skipped'
      LEFT JOIN spread d ON d.stage = u.stage AND d.name = u.name
      WHERE s.run_id = $1 ORDER BY s.seq
      """,
      [runID, .text(run.job), .timestamptz(microsecondsSince1970: run.startedAt.microsecondsSince1970)])
    var dataset = try ReportQueries.dataset(
      rows,
      described: [
        ColumnFormat(column: "stage", kind: .text), ColumnFormat(column: "name", kind: .text),
        ColumnFormat(column: "status", kind: .text),
        ColumnFormat(column: "seconds", kind: .decimal(3)),
        ColumnFormat(column: "usual_seconds", label: "Usually", kind: .decimal(3)),
        ColumnFormat(column: "times_usual", label: "× usual", kind: .decimal(2)),
        ColumnFormat(column: "usual_spread", label: "Spread", kind: .decimal(3)),
        ColumnFormat(column: "us_per_row", label: "µs a row", kind: .decimal(1)),
        ColumnFormat(column: "usual_us_per_row", label: "Usually µs a row", kind: .decimal(1)),
        ColumnFormat(column: "earlier_runs", label: "Earlier runs", kind: .integer),
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
      ], shown: .max, csvPath: "data/stages.csv")
    dataset.statement = rowsSQL
    return dataset
  }

  private func runs() async throws -> Dataset {
    let (rows, rowsSQL) = try await queries.told(
      """
      SELECT r.run_id::text AS run, r.job, r.as_of, r.status, r.exit_code,
        r.started_at AT TIME ZONE 'UTC' AS started_at_utc, round(r.wall_ms / 1000.0, 3) AS seconds, s.rows_read,
        s.rows_rejected, coalesce(r.error_message, '') AS outcome
      FROM daybook.run r
      LEFT JOIN LATERAL (SELECT sum(rows_read)::bigint AS rows_read, sum(rows_rejected)::bigint AS rows_rejected
        FROM daybook.stage_run s WHERE s.run_id = r.run_id AND s.stage = 'ingest') s ON true
      ORDER BY r.started_at DESC, r.run_id DESC LIMIT \(Self.listedRuns)
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

  /// The stages whose cost is known, with their history.
  static func histories(_ stages: Dataset) -> [StageHistory] {
    func figure(_ row: [Figure], _ column: String) -> ExactDecimal? {
      stages.index(of: column).flatMap { row[$0].number }
    }
    func milliseconds(_ row: [Figure], _ column: String) -> Int? {
      figure(row, column)?.rounded(scale: 3, rounding: .halfAwayFromZero)?.coefficient(atScale: 3).flatMap {
        Int(exactly: $0)
      }
    }
    return stages.rows.compactMap { row -> StageHistory? in
      guard let wall = milliseconds(row, "seconds"), let usual = milliseconds(row, "usual_seconds"),
        let spread = milliseconds(row, "usual_spread"), let runs = row[stages.index(of: "earlier_runs") ?? 0].number,
        let stage = stages.index(of: "stage"), let name = stages.index(of: "name")
      else { return nil }
      var history = StageHistory(
        stage: [row[stage].plainText, row[name].plainText].filter { !$0.isEmpty }.joined(separator: " "),
        milliseconds: wall, usual: usual, spread: spread, runs: Int(runs.description) ?? 0)
      if let now = figure(row, "us_per_row"), let before = figure(row, "usual_us_per_row") {
        history.perRow = (now, before)
      }
      return history
    }
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
