// `Jobs/reports/*.yaml` → a report, as far as one file can tell.
// Invariant: a section has exactly one kind and only the keys that mean something for it. Names of views and their
// columns are checked by ReportResolver; columns of queries by PostgreSQL.

internal import Finding

/// A report and what remains to be checked against the rest of the project.
struct ReportDraft {
  var report: ReportDefinition
  let namePosition: SourcePosition
  var sections: [SectionDraft]
}

/// A section and where its names stand.
struct SectionDraft {
  var section: ReportSection
  var sourcePosition: SourcePosition
  /// Columns of a view that the section names.
  var columnUses: [(column: String, position: SourcePosition)] = []
  /// The relations that a query names.
  var relations: [ScannedSQL.Relation] = []
  var commonTableNames: Set<String> = []
  /// Whether a query asks for the moment, for chance or for the session.
  var hasUnsteadyWord = false
}

/// Reads one report.
struct ReportReader {
  let file: String
  let findings: Findings

  private static let kinds = ["kpi", "table", "chart", "text", "note"]
  private static let dataKeys = ["query", "view", "columns", "top", "order_by", "csv"]
  private static let chartKeys = ["type", "x", "y", "series"]

  func read(_ node: DefinitionNode) -> ReportDraft? {
    guard
      let reader = MappingReader(
        node, subject: "the report", keys: ["report", "title", "description", "sections"],
        required: ["report", "title", "sections"], findings: findings)
    else { return nil }
    let elements = reader.elements("sections")
    if elements.isEmpty, case .sequence = reader.node("sections")?.content {
      findings.error("missing_value", at: reader.position(of: "sections"), "the report has no sections")
    }
    let sections = elements.compactMap(section)
    var csvs: [String: SourcePosition] = [:]
    for section in sections {
      guard let csv = section.section.csv else { continue }
      if let earlier = csvs[csv] {
        findings.error(
          "duplicate_name", at: section.section.position, "two sections write the csv \"\(csv)\"",
          notes: ["first at \(earlier)"])
      }
      csvs[csv] = section.section.position
    }
    let name = reader.identifier("report", .label) ?? ""
    if ReportDefinition.builtInPages.contains(name) {
      findings.error(
        "reserved_name", at: reader.position(of: "report"),
        "a report cannot be called \"\(name)\": every published set has a page of that name",
        fix: "give it another name")
    }
    return ReportDraft(
      report: ReportDefinition(
        name: name, title: reader.text("title") ?? "",
        description: reader.text("description") ?? "", sections: [],
        position: SourcePosition(file: file, line: node.position.line, column: node.position.column),
        definitionHash: ""),
      namePosition: reader.position(of: "report"), sections: sections)
  }

  // MARK: Sections

  private func section(_ node: DefinitionNode) -> SectionDraft? {
    let present: [String] =
      if case .mapping(let entries) = node.content { entries.map(\.key).filter(Self.kinds.contains) } else { [] }
    guard let kind = present.first else {
      if case .mapping(let entries) = node.content {
        let misspelt = entries.first { nearestWord(to: $0.key, in: Self.kinds) != nil }
        findings.error(
          "missing_key", at: misspelt?.position ?? node.position,
          "the section has none of \(Self.kinds.joined(separator: ", "))",
          fix: misspelt.flatMap { nearestWord(to: $0.key, in: Self.kinds) }.map { "did you mean \"\($0)\"?" }
            ?? "begin it with its kind, such as - table: Top customers")
      } else {
        findings.error(
          "wrong_type", at: node.position, "a section must be a mapping of keys to values, not \(node.kindName)",
          fix: "begin it with its kind, such as - table: Top customers")
      }
      return nil
    }
    if present.count > 1 {
      findings.error(
        "too_many_keys", at: node.position, "a section is only one of \(present.joined(separator: ", "))")
      return nil
    }
    let isWords = kind == "text" || kind == "note"
    let keys = [kind] + (isWords ? ["title"] : Self.dataKeys) + (kind == "chart" ? Self.chartKeys : [])
    guard
      let reader = MappingReader(
        node, subject: "the \(kind) section", keys: keys, required: kind == "chart" ? ["type", "x", "y"] : [],
        findings: findings)
    else { return nil }
    if isWords {
      let section = ReportSection(
        title: reader.text("title") ?? "", kind: kind == "text" ? .text : .note, source: .none,
        text: reader.text(kind) ?? "", position: node.position)
      return SectionDraft(section: section, sourcePosition: node.position)
    }
    return dataSection(reader, kind, node)
  }

  private func dataSection(_ reader: MappingReader, _ kind: String, _ node: DefinitionNode) -> SectionDraft {
    var draft = SectionDraft(
      section: ReportSection(
        title: reader.text(kind) ?? "", kind: kind == "kpi" ? .kpi : .table, source: .none, position: node.position),
      sourcePosition: node.position)
    readSource(reader, kind, into: &draft)
    if kind == "chart" { readChart(reader, into: &draft) }
    readColumns(reader, into: &draft)
    draft.section.top = reader.integer("top", in: 1...100_000)
    draft.section.csv = reader.identifier("csv", .label)
    readOrder(reader, into: &draft)
    return draft
  }

  private func readSource(_ reader: MappingReader, _ kind: String, into draft: inout SectionDraft) {
    if reader.has("query"), reader.has("view") {
      findings.error(
        "too_many_keys", at: reader.keyPosition(of: "view"), "a section has a query or a view, not both")
    }
    if let query = reader.text("query") {
      draft.sourcePosition = reader.position(of: "query")
      draft.section.source = .query(query)
      do throws(SQLProblem) {
        let sql = try ScannedSQL(query)
        check(sql, at: draft.sourcePosition)
        draft.relations = sql.relations
        draft.commonTableNames = sql.commonTableNames
        draft.hasUnsteadyWord = sql.hasUnsteadyWord
      } catch {
        findings.error("bad_sql", at: draft.sourcePosition, "the query is not SQL: \(error.message)")
      }
    } else if let view = reader.identifier("view", .relation) {
      draft.sourcePosition = reader.position(of: "view")
      draft.section.source = .view(view)
    } else if !reader.mentions("query"), !reader.mentions("view") {
      findings.error(
        "missing_key", at: reader.position, "the \(kind) section has no \"query\" and no \"view\"",
        fix: "say where its rows come from: view: revenue_daily, or query: select …")
    }
  }

  private func check(_ sql: ScannedSQL, at place: SourcePosition) {
    let first = sql.tokens.first { !$0.isSymbol("(") }
    if let first, !["select", "with", "values", "table"].contains(where: first.isWord) {
      findings.error("bad_sql", at: place, "a query begins with select, with, values or table")
    }
    if let semicolon = sql.tokens.firstIndex(where: { $0.isSymbol(";") }) {
      findings.error(
        "bad_sql", at: place,
        semicolon + 1 < sql.tokens.count ? "a query is one statement" : "a query has no final \";\"")
    }
    let known = [":as_of", ":time_zone"]
    for token in sql.tokens where token.kind == .parameter && !known.contains(token.text) {
      // In an array slice (a[1:n]) the colon follows a value directly.
      if token.text.hasPrefix(":"), isSlice(token, in: sql) { continue }
      findings.error(
        "unknown_parameter", at: place, "the query has the unknown parameter \"\(token.text)\"",
        fix: suggestion(for: token.text, among: known))
    }
  }

  private func isSlice(_ token: SQLToken, in sql: ScannedSQL) -> Bool {
    guard let index = sql.tokens.firstIndex(of: token), index > 0 else { return false }
    let before = sql.tokens[index - 1]
    return before.isSymbol("[") || before.kind == .number && index > 1 && sql.tokens[index - 2].isSymbol("[")
  }

  private func readChart(_ reader: MappingReader, into draft: inout SectionDraft) {
    let y = reader.identifiers("y", .column)
    let chart = ChartDefinition(
      type: reader.word("type") ?? .line, x: reader.identifier("x", .column) ?? "", y: y.map(\.name),
      series: reader.identifier("series", .column))
    if chart.series != nil, y.count > 1 {
      findings.error(
        "too_many_keys", at: reader.position(of: "series"),
        "a chart has several columns in \"y\", or one and a \"series\"")
    }
    draft.section.kind = .chart(chart)
    if reader.has("x") { draft.columnUses.append((chart.x, reader.position(of: "x"))) }
    draft.columnUses += y.map { ($0.name, $0.position) }
    if let series = chart.series { draft.columnUses.append((series, reader.position(of: "series"))) }
  }

  private func readOrder(_ reader: MappingReader, into draft: inout SectionDraft) {
    guard let node = reader.node("order_by") else { return }
    var nodes = [node]
    if case .sequence(let elements) = node.content { nodes = elements }
    for node in nodes {
      guard let scalar = node.scalar(as: "order_by", findings) else { continue }
      let words = scalar.text.split(separator: " ").map(String.init)
      guard let column = words.first, NameKind.column.problem(with: column) == nil, words.count <= 2,
        words.count == 1 || words[1] == "asc" || words[1] == "desc"
      else {
        findings.error(
          "bad_order", at: node.position, "\"\(scalar.shown)\" is not a column and its direction",
          fix: "write a column, or column desc")
        continue
      }
      draft.section.orderBy.append(OrderTerm(column: column, isDescending: words.last == "desc" && words.count == 2))
      draft.columnUses.append((column, node.position))
    }
  }

  // MARK: Columns

  private func readColumns(_ reader: MappingReader, into draft: inout SectionDraft) {
    for entry in reader.entries("columns", of: "formats") {
      if let problem = NameKind.column.problem(with: entry.key) {
        findings.error("bad_name", at: entry.position, "\"\(entry.key)\" cannot be a column's name: \(problem)")
        continue
      }
      draft.columnUses.append((entry.key, entry.position))
      var label: String?
      var formatNode: DefinitionNode? = entry.value
      if case .mapping = entry.value.content {
        guard
          let column = MappingReader(
            entry.value, subject: "the column \"\(entry.key)\"", keys: ["label", "format"], at: entry.position,
            findings: findings)
        else { continue }
        label = column.text("label")
        formatNode = column.node("format")
      }
      var kind = ColumnFormat.Kind.text
      if let formatNode, let scalar = formatNode.scalar(as: entry.key, findings) {
        if let read = format(scalar.text) {
          kind = read
          if case .money(let currency) = read { draft.columnUses.append((currency, formatNode.position)) }
        } else {
          findings.error(
            "unknown_word", at: formatNode.position, "\"\(scalar.shown)\" is not a format",
            fix: formatFix(scalar))
        }
      }
      draft.section.columns.append(ColumnFormat(column: entry.key, label: label, kind: kind))
    }
  }

  private func format(_ text: String) -> ColumnFormat.Kind? {
    switch text {
    case "integer": return .integer
    case "percent": return .percent
    case "date": return .date
    case "text": return .text
    default: break
    }
    guard text.hasSuffix(")"), let open = text.firstIndex(of: "(") else { return nil }
    let argument = String(text[text.index(after: open)...].dropLast())
    switch text[..<open] {
    case "money" where NameKind.column.problem(with: argument) == nil: return .money(currencyColumn: argument)
    case "decimal": return Int(argument).flatMap { (0...12).contains($0) ? .decimal($0) : nil }
    default: return nil
    }
  }

  private func formatFix(_ scalar: DefinitionNode.Scalar) -> String? {
    switch scalar.text {
    case "money": "name the column of the currency: money(currency)"
    case "decimal": "say how many digits stand behind the point: decimal(2)"
    default:
      scalar.usesEnvironment
        ? nil
        : suggestion(for: scalar.text, among: ["money(currency)", "integer", "percent", "date", "text", "decimal(2)"])
    }
  }
}
