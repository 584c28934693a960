// What the checks found, test by test, and how far the proof of each rollup has come.
// Invariant: a test that found nothing is listed too, and one that was not made of these data is not called good.
// What each came to is decided elsewhere: CheckStanding.

internal import Definitions
internal import Ledger
internal import Markup
internal import Money
internal import Postgres

extension DataQualityPage {
  /// What stands of the checks for the data of the set.
  func checks() async throws -> (verdict: ContentBlock, tables: [ContentBlock]) {
    let outcomes = try table()
    let verdict = ContentBlock(title: "Checks", body: verdict(), evidence: outcomes)
    if standing.entries.isEmpty { return (verdict, []) }
    var blocks = [ContentBlock(title: "Checks", body: .table, dataset: outcomes, wrapped: ["found"])]
    blocks[0].lead = "Every test of Jobs/checks, and every rollup against the table it is made from."
    if let examples = try await examples() { blocks.append(examples) }
    return (verdict, blocks)
  }

  private func table() throws -> Dataset {
    func rank(_ outcome: CheckStanding.Entry.Outcome) -> Int {
      switch outcome {
      case .failed: 0
      case .warned: 1
      case .notMade: 2
      case .passed: 3
      }
    }
    let sorted = standing.entries.enumerated().sorted {
      (rank($0.element.outcome), $0.offset) < (rank($1.element.outcome), $1.offset)
    }
    let rows = sorted.map { _, entry -> [Figure] in
      [
        .text(entry.name), .text(entry.test), .text(entry.word), .text(entry.severity),
        entry.rows.map { .number(ExactDecimal($0)) } ?? .missing, entry.found.map { .text($0) } ?? .missing,
        entry.lastPassed.map { .text($0) } ?? .missing, .text(entry.position),
      ]
    }
    let columns: [(name: String, label: String, format: CellFormat)] = [
      ("check", "Check", .text), ("test", "Test", .text), ("outcome", "Outcome", .text),
      ("severity", "Severity", .text),
      ("failing_rows", "Rows", .integer), ("found", "Found", .text), ("proven_at_utc", "Last proven (UTC)", .text),
      ("position", "Declared in", .text),
    ]
    var dataset = try Dataset(
      columns: columns.map { DatasetColumn(name: $0.name, label: $0.label, format: $0.format) }, rows: rows, shown: 500,
      csvPath: "data/check_outcomes.csv")
    dataset.statement = standing.statement
    return dataset
  }

  private func examples() async throws -> ContentBlock? {
    if standing.failures.isEmpty { return nil }
    let (rows, rowsSQL) = try await queries.told(
      """
      SELECT f.name, f.test, f.severity, f.failing_rows, f.message, f.position, e.number,
        (SELECT string_agg(concat(column_name, ' ', coalesce(value, 'null')), ', ' ORDER BY place)
          FROM unnest(e.columns, e.row_values) WITH ORDINALITY AS u(column_name, value, place)) AS example
      FROM daybook.check_failure f LEFT JOIN daybook.check_example e ON e.failure_id = f.failure_id
      WHERE f.failure_id = ANY ($1) ORDER BY f.failure_id, e.number
      """, [.int8Array(standing.failures)])
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

  private func verdict() -> ContentBlock.Body {
    let entries = standing.entries
    func count(_ outcome: CheckStanding.Entry.Outcome) -> Int { entries.count { $0.outcome == outcome } }
    let (failed, warned, notMade) = (count(.failed), count(.warned), count(.notMade))
    let checks = "\(entries.count) check\(entries.count == 1 ? "" : "s")"
    if entries.isEmpty { return .verdict(isGood: true, "There is nothing to check: no test and no rollup is defined.") }
    if notMade == entries.count, entries.allSatisfy({ $0.lastPassed == nil }) {
      return .verdict(isGood: false, "No check has been made of these data yet.")
    }
    if failed + warned + notMade == 0 {
      return .verdict(isGood: true, "The checks found nothing: \(checks), all passed.")
    }
    var text = "Of \(checks) \(count(.passed)) passed, \(warned) warned and \(failed) failed."
    if notMade > 0 { text += " \(notMade) \(notMade == 1 ? "was" : "were") not made of these data." }
    return .verdict(isGood: false, text)
  }
}
