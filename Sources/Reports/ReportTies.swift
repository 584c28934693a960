// What the figures of reports were promised to add up to, and whether they do: the last step of the reconciliation,
// from the totals of views to the totals of what readers are given.
// Invariant: the totals of a report are those of all its rows, as they stand in its CSV, and those of the
// views are read in the same snapshot.

internal import Definitions
internal import Finding
internal import Ledger
internal import Money
internal import Postgres

/// One promise of one column of a report.
struct ReportTie: Sendable, Hashable {
  var section: String
  var column: String
  /// The view or feed, its column, and which of its rows count.
  var relation: String
  var figure: String
  var condition: String?
  /// The column of the currency, on both sides; empty for counts.
  var currencyColumn: String
  /// Whether it has digits behind the point, though no currency.
  var isDecimal: Bool
  /// The report's total in each currency; nil when it has too many digits.
  var totals: [Total]

  struct Total: Sendable, Hashable {
    var currency: String
    var sum: String?
  }

  /// The promises of a section's columns.
  static func ties(of dataset: Dataset?, section: String) -> [ReportTie] {
    var ties: [ReportTie] = []
    for total in dataset?.totals ?? [] {
      let parts = total.currency.map { [Total(currency: $0, sum: total.sum?.description)] } ?? []
      if let index = ties.firstIndex(where: { $0.column == total.column }) {
        ties[index].totals += parts
      } else {
        ties.append(
          ReportTie(
            section: section, column: total.column, relation: total.tie.relation, figure: total.tie.column,
            condition: total.tie.condition, currencyColumn: total.currencyColumn,
            isDecimal: total.isDecimal, totals: parts))
      }
    }
    return ties
  }
}

extension ReconciliationPage {
  /// The totals of reports beside those of the views that they were promised to tie to.
  func reportTotals(_ reports: [(name: String, ties: [ReportTie])]) async throws -> Comparison {
    var known: [String: [String: String]] = [:]
    var ran: [RanStatement] = []
    var pairs: [TotalPair] = []
    for (report, ties) in reports {
      for tie in ties {
        let key = [tie.relation, tie.figure, tie.condition ?? "", tie.currencyColumn, "\(tie.isDecimal)"].joined(
          separator: "\u{0}")
        if known[key] == nil {
          let (totals, statement) = try await totals(of: tie, in: report)
          known[key] = totals
          ran.append(statement)
        }
        let inView = known[key] ?? [:]
        let inReport = Dictionary(tie.totals.map { ($0.currency, $0.sum) }, uniquingKeysWith: { first, _ in first })
        for currency in Set(inView.keys).union(inReport.keys).sorted() {
          pairs.append(
            TotalPair(
              labels: [
                .text(report), .text(tie.section), .text(tie.column), .text("\(tie.relation).\(tie.figure)"),
                .text(currency),
              ], expected: inView[currency] ?? "0", found: inReport[currency] ?? "0"))
        }
      }
    }
    let columns = [
      DatasetColumn(name: "report", label: "Report", format: .text),
      DatasetColumn(name: "section", label: "Section", format: .text),
      DatasetColumn(name: "column", label: "Column", format: .text),
      DatasetColumn(name: "ties_to", label: "Ties to", format: .text),
      DatasetColumn(name: "currency", label: "Currency", format: .text),
      DatasetColumn(name: "view_total", label: "In the view", format: .money(currencyColumn: 4)),
      DatasetColumn(name: "report_total", label: "In the report", format: .money(currencyColumn: 4)),
      DatasetColumn(name: "difference", label: "Difference", format: .difference(currencyColumn: 4)),
    ]
    return try Comparison(
      columns: columns, lines: try await TotalPair.lines(pairs, on: queries.connection), shown: 500,
      csvPath: "data/report_totals.csv", statement: RanStatement(of: ran))
  }

  private func totals(of tie: ReportTie, in report: String) async throws -> ([String: String], RanStatement) {
    let relation = QualifiedName(schema: queries.project.database.schema, name: tie.relation)
    if tie.currencyColumn.isEmpty, tie.condition == nil { try await refuseMixing(tie, relation, report) }
    let currency = tie.currencyColumn.isEmpty ? "''" : "coalesce(\(quoteIdentifier(tie.currencyColumn))::text, '')"
    let template = StatementTemplate(tie.condition.map { " WHERE \($0)" } ?? "")
    let (rows, statement) = try await summed(
      """
      SELECT \(currency), coalesce(sum(\(quoteIdentifier(tie.figure))), 0)::numeric FROM \(relation.quoted)
      \(template.sql) GROUP BY 1 ORDER BY 1
      """, template.values(asOf: queries.asOf, timeZone: queries.project.calendar.timeZone), tie, report)
    var result: [String: String] = [:]
    for row in rows { result[try row.decode(0)] = TotalPair.text(try row.value(at: 1)) }
    return (result, statement)
  }

  /// Refuses to add up amounts that a relation keeps apart by currency: what is shown with digits behind the point, and
  /// what has some though it is shown without. Counts may be added up.
  private func refuseMixing(_ tie: ReportTie, _ relation: QualifiedName, _ report: String) async throws {
    let rows = try await queries.connection.query(
      "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2 AND NOT attisdropped)",
      [.text(relation.quoted), .text(FigureTie.currency)])
    guard try rows.first?.decode(0, as: Bool.self) == true else { return }
    if !tie.isDecimal {
      let figure = quoteIdentifier(tie.figure)
      let (found, _) = try await summed(
        "SELECT EXISTS (SELECT FROM \(relation.quoted) WHERE \(figure)::numeric <> trunc(\(figure)::numeric))", [], tie,
        report)
      guard try found.first?.decode(0, as: Bool.self) == true else { return }
    }
    throw ReportError.statement(
      Diagnostic(
        .error, code: "mixed_currencies", at: queries.project.report(named: report)?.position,
        "report \(report), \"\(tie.section)\": \(tie.relation) keeps its amounts by \(FigureTie.currency), and "
          + "\(tie.figure) would be added up over all",
        fix: FigureTie.apart))
  }

  /// The rows, or what is wrong with the definition that asked for them.
  private func summed(
    _ sql: String, _ values: [PostgresValue], _ tie: ReportTie, _ report: String
  ) async throws -> (PostgresRows, RanStatement) {
    do {
      return try await queries.told(sql, values)
    } catch {
      guard error.kind == .server, !error.isTransient else { throw error }
      throw ReportError.statement(
        Diagnostic(
          .error, code: "report_statement", at: queries.project.report(named: report)?.position,
          "report \(report), \"\(tie.section)\": the column \(tie.column) ties to \(tie.relation).\(tie.figure), which "
            + "cannot be added up: \(error.message)", notes: error.sqlState.map { ["SQLSTATE \($0)"] } ?? [],
          fix: error.hint))
    }
  }

  /// Why the figures are not final when reports and views disagree, in words; nil when they agree.
  static func draftReason(reports: Comparison) -> String? {
    if reports.isEqual { return nil }
    return
      "\(reports.differing) of \(reports.total) totals of reports differ from their views; Reconciliation lists them."
  }
}
