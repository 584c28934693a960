// What the checks found, test by test, and how far the proof of each rollup has come.
// Invariant: a test that found nothing is listed too, and one that was never made is not called good.

internal import Definitions
internal import Ledger
internal import Markup
internal import Money
internal import Postgres

extension DataQualityPage {
  /// What one test or one rollup came to.
  private struct Outcome {
    var name: String
    var test: String
    var severity: String
    var failure: (isError: Bool, rows: Int?, message: String)?
    var lastPassed: String?
    var position: String
  }

  /// What the checks of this run found, or of the newest run that made any.
  func checks() async throws -> (verdict: ContentBlock, tables: [ContentBlock]) {
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
    let (outcomes, statement) = try await outcomes(run: bytes)
    var blocks = [ContentBlock(title: "Checks", body: .table, dataset: try table(outcomes), wrapped: ["found"])]
    blocks[0].dataset?.statement = statement
    blocks[0].lead = "Every test of Jobs/checks, and every rollup against the table it is made from."
    if let examples = try await examples(run: bytes) { blocks.append(examples) }
    var asOf = queries.asOf
    if case .date(let days) = try found.value(at: 1) { asOf = CivilDate(daysSince1970: Int(days)) }
    return (verdict(outcomes, asOf: asOf), blocks)
  }

  private func outcomes(run: [UInt8]) async throws -> (all: [Outcome], statement: RanStatement) {
    var failures: [String: (isError: Bool, rows: Int?, message: String)] = [:]
    let (found, foundSQL) = try await queries.told(
      """
      SELECT name, coalesce(position, ''), severity = 'error', failing_rows, message
      FROM daybook.check_failure WHERE run_id = $1 ORDER BY failure_id
      """, [.uuid(run)])
    for row in found {
      let (name, position): (String, String) = (try row.decode(0), try row.decode(1))
      // A rollup has no place of its own; of several slices that differ the first stands for it.
      let key = position.isEmpty ? name : "\(name) \(position)"
      if failures[key] == nil { failures[key] = (try row.decode(2), try row.decode(3), try row.decode(4)) }
    }
    let utc = "to_char(%@ AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"
    func times(_ sql: String) async throws -> [String: String] {
      var result: [String: String] = [:]
      for row in try await queries.connection.query(sql) { result[try row.decode(0)] = try row.decode(1) }
      return result
    }
    let passes = try await times(
      "SELECT name || ' ' || test_hash, \(utc.replacing("%@", with: "passed_at")) FROM daybook.check_pass")
    let proofs = try await times("SELECT view, \(utc.replacing("%@", with: "proven_at")) FROM daybook.view_proof")
    var outcomes: [Outcome] = []
    for check in queries.project.checks {
      for test in check.tests {
        outcomes.append(
          Outcome(
            name: check.name, test: test.label, severity: test.severity.rawValue,
            failure: failures["\(check.name) \(test.position)"], lastPassed: passes["\(check.name) \(test.hash)"],
            position: "\(test.position)"))
      }
    }
    for view in queries.project.views {
      guard case .rollup = view.kind else { continue }
      outcomes.append(
        Outcome(
          name: view.name, test: "equal to its table", severity: "error", failure: failures[view.name],
          lastPassed: proofs[view.name], position: "\(view.position)"))
    }
    return (outcomes, foundSQL)
  }

  private func table(_ outcomes: [Outcome]) throws -> Dataset {
    func rank(_ outcome: Outcome) -> Int { outcome.failure.map { $0.isError ? 0 : 1 } ?? 2 }
    let sorted = outcomes.enumerated().sorted { (rank($0.element), $0.offset) < (rank($1.element), $1.offset) }
    let rows = sorted.map { _, outcome -> [Figure] in
      let word = outcome.failure.map { $0.rows == nil ? "not made" : $0.isError ? "failed" : "warned" } ?? "passed"
      return [
        .text(outcome.name), .text(outcome.test), .text(word), .text(outcome.severity),
        outcome.failure?.rows.map { .number(ExactDecimal($0)) } ?? .missing,
        outcome.failure.map { .text($0.message) } ?? .missing, outcome.lastPassed.map { .text($0) } ?? .missing,
        .text(outcome.position),
      ]
    }
    let columns: [(name: String, label: String, format: CellFormat)] = [
      ("check", "Check", .text), ("test", "Test", .text), ("outcome", "Outcome", .text),
      ("severity", "Severity", .text),
      ("failing_rows", "Rows", .integer), ("found", "Found", .text), ("proven_at_utc", "Last proven (UTC)", .text),
      ("position", "Declared in", .text),
    ]
    return try Dataset(
      columns: columns.map { DatasetColumn(name: $0.name, label: $0.label, format: $0.format) }, rows: rows, shown: 500,
      csvPath: "data/check_outcomes.csv")
  }

  private func examples(run: [UInt8]) async throws -> ContentBlock? {
    let (rows, rowsSQL) = try await queries.told(
      """
      SELECT f.name, f.test, f.severity, f.failing_rows, f.message, f.position, e.number,
        (SELECT string_agg(concat(column_name, ' ', coalesce(value, 'null')), ', ' ORDER BY place)
          FROM unnest(e.columns, e.row_values) WITH ORDINALITY AS u(column_name, value, place)) AS example
      FROM daybook.check_failure f LEFT JOIN daybook.check_example e ON e.failure_id = f.failure_id
      WHERE f.run_id = $1 ORDER BY f.failure_id, e.number
      """, [.uuid(run)])
    if rows.isEmpty { return nil }
    return ContentBlock(
      title: "What the checks found", body: .table,
      dataset: try dataset(
        rows, rowsSQL,
        [
          ("check", "Check", .text), ("test", "Test", .text), ("severity", "Severity", .text),
          ("failing_rows", "Rows", .integer), ("found", "Found", .text), ("position", "Declared in", .text),
          ("number", "No", .identifier), ("example", "Example row", .text),
        ], shown: Self.shownExamples, csvPath: "data/check_examples.csv"),
      lead: "One line for each example row; a warning does not keep pages from being published.",
      wrapped: ["found", "example"])
  }

  private func verdict(_ outcomes: [Outcome], asOf: CivilDate) -> ContentBlock {
    let failed = outcomes.count { $0.failure?.isError == true }
    let warned = outcomes.count { $0.failure?.isError == false }
    let count = "\(outcomes.count) check\(outcomes.count == 1 ? "" : "s")"
    var text =
      failed + warned == 0
      ? "The checks found nothing: \(count), all passed."
      : "Of \(count) \(outcomes.count - failed - warned) passed, \(warned) warned and \(failed) failed."
    if asOf != queries.asOf { text += " They were made for \(DateText.day(asOf))." }
    return ContentBlock(title: "Checks", body: .verdict(isGood: failed + warned == 0, text))
  }
}
