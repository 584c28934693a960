// The queries of a set, all inside one read-only transaction of one snapshot, so that no two pages can disagree. They are
// asked one after another: on two connections side by side those of the shipped reports took 0.8 times as long, which is
// a twentieth of the stage, and would need an exported snapshot and more of the project's connections.
// A statement that the server refuses becomes a diagnostic at the line of its section.
// What becomes of the rows is elsewhere: SectionRendering.

internal import Cache
internal import Definitions
internal import Finding
internal import Ledger
internal import Markup
internal import Money
internal import Postgres
internal import Workbook

/// Runs the statements of reports.
struct ReportQueries: Sendable {
  let project: Project
  let asOf: CivilDate
  let connection: PostgresConnection
  /// Through which the rows of sections are asked for; nil asks the server itself.
  var cache: SectionCache?
  /// In which order the rows of feeds and views come that sections show as they are.
  private var orders: [String: RelationOrder] = [:]

  init(project: Project, asOf: CivilDate, connection: PostgresConnection) {
    self.project = project
    self.asOf = asOf
    self.connection = connection
  }

  /// Makes the session read the project's schema in the project's time zone, until the transaction ends.
  ///
  /// - Returns: `moment` in UTC and in the project's time zone, to the minute.
  mutating func begin(at moment: Moment) async throws(PostgresError) -> (utc: String, local: String) {
    let rows = try await connection.query(
      """
      SELECT set_config('search_path', $1::text, true), set_config('TimeZone', $2::text, true),
        to_char($3::timestamptz AT TIME ZONE $2::text, 'YYYY-MM-DD HH24:MI')
      """,
      [
        .text(quoteIdentifier(project.database.schema)), .text(project.calendar.timeZone),
        .timestamptz(microsecondsSince1970: moment.microsecondsSince1970),
      ])
    orders = try await RelationOrder.read(of: project, on: connection)
    return (minutes(moment), try rows.first?.decode(2, as: String.self) ?? "")
  }

  /// The figures of a section; none for words.
  ///
  /// - Parameter extracts: where a workbook with all rows is made when there are very many; nil makes none.
  func figures(
    _ section: ReportSection, of report: ReportDefinition, csvPath: String, extracts: OutputFolder? = nil
  ) async throws -> SectionFigures {
    guard let (rows, source) = try await rows(section, of: report) else { return SectionFigures() }
    try SectionRendering.check(section, of: report, among: rows.columns)
    let figures = rows.rows.map { $0.map(Figure.init) }
    var dataset = try Dataset(
      names: rows.columns, kinds: rows.kinds, rows: figures, described: section.columns,
      shown: SectionRendering.keptRows(section),
      newestBy: SectionRendering.axis(section), csvPath: csvPath)
    if let folder = extracts, let path = dataset.extractPath {
      let places = Dataset.places(of: rows.columns, described: section.columns)
      let extract = WorkbookExtract(
        dataset: dataset, title: section.title.isEmpty ? report.title : section.title, project: project.name, asOf: asOf
      )
      // The thread is another one, on which no task's notation holds.
      let notation = FigureNotation.current
      dataset.extract = try await WaitingThread.run { [asOf] in
        FigureNotation.$current.withValue(notation) {
          Result { () throws(ReportError) in
            try folder.workbook(path, for: asOf) { scratch throws(WorkbookError) in
              try extract.bytes(figures.lazy.map { row in places.map { row[$0] } }, scratch: scratch)
            }
          }
        }
      }.get()
    }
    guard case .stale(let standIn, let error) = source else { return SectionFigures(dataset: dataset) }
    let reason = (error as? PostgresError)?.message ?? "\(error)"
    return SectionFigures(
      dataset: dataset,
      stale: StaleFigures(
        section: SectionCache.label(section, of: report), since: standIn.since,
        asOf: standIn.day.map { CivilDate(daysSince1970: Int($0)) }.flatMap { $0 == asOf ? nil : $0 }, reason: reason))
  }

  /// The rows of a section, kept or asked for; nil for words.
  func rows(_ section: ReportSection, of report: ReportDefinition) async throws
    -> (rows: ResultRows, source: QueryCache.Source)?
  {
    guard let (sql, values) = try statement(section, of: report) else { return nil }
    do {
      if let cache, section.isSteady {
        return try await cache.rows(section, of: report, sql, values, on: connection)
      }
      return (
        try await QueryCache.ask(sql, values, on: connection), .past(reason: "it reads more than feeds and views")
      )
    } catch let error as PostgresError {
      throw try await unread(error, section: section, report: report)
        ?? failure(error, section: section, report: report)
    }
  }

  /// The reports with a section that is never kept: no version tells when it says something else. The texts say so of some;
  /// one look at what the server knows of the statements of all others.
  func untold(_ reports: [ReportDefinition]) async throws -> [ReportDefinition] {
    let known = try reports.map { report -> [String]? in
      let statements = try statements(of: [report])
      let isTold = report.sections.allSatisfy { $0.source == .none || $0.isSteady }
      return isTold && statements.allSatisfy { StatementRule.refusal($0) == nil } ? statements : nil
    }
    let calls = StatementCalls(foreseen: known.flatMap { $0 ?? [] })
    var untold: [ReportDefinition] = []
    for (report, statements) in zip(reports, known) {
      var isTold = statements != nil
      for statement in statements ?? [] where isTold {
        isTold = try await calls.reason(statement, on: connection) == nil
      }
      if !isTold { untold.append(report) }
    }
    return untold
  }

  /// The statements of all sections of some reports.
  func statements(of reports: [ReportDefinition]) throws(ReportError) -> [String] {
    var statements: [String] = []
    for report in reports {
      for section in report.sections {
        if let (sql, _) = try statement(section, of: report) { statements.append(sql) }
      }
    }
    return statements
  }

  /// The statement of a section as it runs; nil for words.
  func ran(_ section: ReportSection, of report: ReportDefinition) throws(ReportError) -> RanStatement? {
    guard let (sql, values) = try statement(section, of: report) else { return nil }
    let shown = values.map { value in
      switch value {
      case .date(let days): CivilDate(daysSince1970: Int(days)).description
      case .text(let text): text
      default: ""
      }
    }
    return RanStatement(
      sql: sql, values: shown, inputs: section.inputs,
      position: section.position)
  }

  /// What `body` asks of the server, or how that failed where the same may be answered later; the snapshot stays usable.
  nonisolated(nonsending) func attempt<R: Sendable>(
    _ body: nonisolated(nonsending) () async throws -> R
  ) async throws -> Result<R, PostgresError> {
    do {
      return .success(try await connection.withTransaction { _ in try await body() })
    } catch {
      guard let failure = error as? PostgresError, QueryCache.isPassing(failure), !Task.isCancelled else { throw error }
      return .failure(failure)
    }
  }

  /// Rows of Daybook's own state, with the statement that gave them.
  func told(_ sql: String, _ values: [PostgresValue] = []) async throws(PostgresError) -> (PostgresRows, RanStatement) {
    let rows = try await connection.query(sql, values)
    let shown = values.map { value in
      switch value {
      case .date(let days): CivilDate(daysSince1970: Int(days)).description
      case .text(let text): text
      case .uuid: String.decode(value) ?? ""
      case .timestamptz(let moment): Moment(microsecondsSince1970: moment).description
      case .textArray(let texts): "{\(texts.map { $0 ?? "" }.joined(separator: ","))}"
      case .int8Array(let numbers): "{\(numbers.map { $0.map(String.init) ?? "" }.joined(separator: ","))}"
      default: ""
      }
    }
    return (rows, RanStatement(sql: sql, values: shown, inputs: [], position: SourcePosition(file: "")))
  }

  /// Rows of the proof that depend on nothing but some feeds, kept or asked for, with the statement that gave them.
  func proven(_ sql: String, inputs: [String]) async throws -> ([[PostgresValue]], RanStatement) {
    let rows =
      if let cache {
        try await cache.proof(sql, inputs: inputs, on: connection).rows
      } else {
        try ResultRows(try await connection.query(sql))
      }
    return (rows.rows, RanStatement(sql: sql, values: [], inputs: [], position: SourcePosition(file: "")))
  }

  /// Whether there is such a table or view.
  func exists(_ relation: QualifiedName) async throws(PostgresError) -> Bool {
    let rows = try await connection.query("SELECT to_regclass($1::text) IS NOT NULL", [.text(relation.quoted)])
    return try rows.first?.decode(0, as: Bool.self) ?? false
  }

  /// Which files `f` of the ledger count: of a file that was refused and came again under its name the last delivery.
  static let isStanding = """
    f.status <> 'superseded' AND NOT (f.status = 'refused' AND EXISTS (SELECT FROM daybook.file later
      WHERE later.feed = f.feed AND later.name = f.name AND later.file_id > f.file_id))
    """

  /// A dataset of rows as the server sent them.
  static func dataset(_ rows: PostgresRows, described: [ColumnFormat], shown: Int, csvPath: String) throws -> Dataset {
    let names = rows.columnNames
    let figures = try rows.map { row in try names.indices.map { Figure(try row.value(at: $0)) } }
    return try Dataset(
      names: names, kinds: rows.columnKinds, rows: figures, described: described, shown: shown, csvPath: csvPath)
  }

  private func statement(_ section: ReportSection, of report: ReportDefinition) throws(ReportError)
    -> (String, [PostgresValue])?
  {
    let order = section.orderBy.map { "\(quoteIdentifier($0.column)) \($0.isDescending ? "DESC NULLS LAST" : "ASC")" }
    switch section.source {
    case .none: return nil
    case .view(let name):
      let relation = QualifiedName(schema: project.database.schema, name: name)
      let whole = order + (orders[name]?.terms(after: section.orderBy.map(\.column)) ?? [])
      return (
        "SELECT * FROM \(relation.quoted)" + (whole.isEmpty ? "" : " ORDER BY " + whole.joined(separator: ", ")), []
      )
    case .query(let source):
      let template = StatementTemplate(source)
      if let unknown = template.unknownParameters.first {
        throw .statement(
          Diagnostic(
            .error, code: "unknown_parameter", at: section.position,
            "report \(report.name), \"\(section.title)\": there is no parameter :\(unknown)",
            fix: "use :as_of or :time_zone"))
      }
      let values = template.values(asOf: asOf, timeZone: project.calendar.timeZone)
      if order.isEmpty { return (template.sql, values) }
      // Rows of one rank in the order of their text, so that the same rows come in the same order from any server.
      return (
        "SELECT * FROM (\n\(template.sql)\n) AS section_row ORDER BY \(order.joined(separator: ", ")), "
          + "section_row::text COLLATE \"C\"", values
      )
    }
  }

  /// That a column has a type whose values are not read, by the type's name; nil for other errors.
  private func unread(_ error: PostgresError, section: ReportSection, report: ReportDefinition) async throws
    -> ReportError?
  {
    guard let column = error.column, let type = error.unreadType else { return nil }
    let names = try await connection.query("SELECT format_type($1::bigint::oid, NULL)", [.int8(Int64(type))])
    let name = try names.first?.decode(0, as: String.self) ?? "unknown"
    return .statement(
      Diagnostic(
        .error, code: "unread_type", at: section.position,
        "report \(report.name), \"\(section.title)\": the column \"\(column)\" is of type \(name), which reports do not read",
        fix: "write \(quoteIdentifier(column))::text in the query"))
  }

  private func failure(_ error: PostgresError, section: ReportSection, report: ReportDefinition) -> any Error {
    guard error.kind == .server, let state = error.sqlState, !error.isTransient else { return error }
    var notes = ["SQLSTATE \(state)"]
    if let detail = error.detail { notes.append(detail) }
    if let position = error.position, let statement = error.statement {
      let before = statement.prefix(position - 1)
      let line = before.split(separator: "\n", omittingEmptySubsequences: false).count
      let text = statement.split(separator: "\n", omittingEmptySubsequences: false)
      if line <= text.count { notes.append("near: \(text[line - 1].trimmingSpaces)") }
    }
    return ReportError.statement(
      Diagnostic(
        .error, code: "report_statement", at: section.position,
        "report \(report.name), \"\(section.title)\": \(error.message)", notes: notes, fix: error.hint))
  }
}

extension Substring {
  fileprivate var trimmingSpaces: String {
    String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
  }
}
