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
  /// What the sums of columns are to be equal to.
  var ties: [(tie: FigureTie, kind: ColumnFormat.Kind, position: SourcePosition)] = []
  /// Whether a query asks for the moment, for chance or for the session.
  var hasUnsteadyWord = false
}

/// Reads one report.
struct ReportReader {
  let file: String
  let findings: Findings

  private static let kinds = ["kpi", "moves", "table", "chart", "text", "note"]
  private static let dataKeys = ["query", "view", "columns", "top", "order_by", "csv"]
  private static let chartKeys = ["type", "x", "y", "series", "value"]
  private static let movesKeys = ["now", "before", "against"]

  func read(_ node: DefinitionNode) -> ReportDraft? {
    guard
      let reader = MappingReader(
        node, subject: "the report", keys: ["report", "title", "description", "outputs", "sections"],
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
        description: reader.text("description") ?? "", sections: [], outputs: outputs(reader),
        position: SourcePosition(file: file, line: node.position.line, column: node.position.column),
        definitionHash: ""),
      namePosition: reader.position(of: "report"), sections: sections)
  }

  private func outputs(_ reader: MappingReader) -> Set<ReportOutput> {
    guard let node = reader.node("outputs") else { return Set(ReportOutput.allCases) }
    var nodes = [node]
    if case .sequence(let elements) = node.content { nodes = elements }
    var outputs: Set<ReportOutput> = []
    for node in nodes {
      guard let scalar = node.scalar(as: "outputs", findings) else { continue }
      let words = ReportOutput.allCases.map(\.rawValue)
      guard let output = ReportOutput(rawValue: scalar.text) else {
        findings.error(
          "unknown_word", at: node.position, "\"\(scalar.shown)\" is not an output of a report",
          fix: scalar.usesEnvironment
            ? "use one of: \(words.joined(separator: ", "))" : suggestion(for: scalar.text, among: words))
        continue
      }
      if !outputs.insert(output).inserted {
        findings.error("duplicate_name", at: node.position, "\"\(scalar.text)\" is in \"outputs\" twice")
      }
    }
    if nodes.isEmpty {
      findings.error(
        "missing_value", at: node.position, "\"outputs\" is empty", fix: "name some, or remove the key for all of them")
    }
    return outputs
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
    let own = kind == "chart" ? Self.chartKeys : kind == "moves" ? Self.movesKeys : []
    let required = kind == "chart" ? ["type", "x", "y"] : kind == "moves" ? Self.movesKeys : []
    guard
      let reader = MappingReader(
        node, subject: "the \(kind) section", keys: [kind] + (isWords ? ["title"] : Self.dataKeys) + own,
        required: required, findings: findings)
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
    if kind == "moves" { readMoves(reader, into: &draft) }
    readColumns(reader, into: &draft)
    if kind == "chart" { checkStacking(reader, draft.section) }
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
      findings.error(
        "unknown_parameter", at: place, "the query has the unknown parameter \"\(token.text)\"",
        fix: suggestion(for: token.text, among: known))
    }
  }

  private func readMoves(_ reader: MappingReader, into draft: inout SectionDraft) {
    let moves = MovesDefinition(
      now: reader.identifier("now", .column) ?? "", before: reader.identifier("before", .column) ?? "",
      against: reader.text("against") ?? "")
    draft.section.kind = .moves(moves)
    if reader.has("now") { draft.columnUses.append((moves.now, reader.position(of: "now"))) }
    if reader.has("before") { draft.columnUses.append((moves.before, reader.position(of: "before"))) }
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
      var better: ColumnFormat.Better?
      var described: MappingReader?
      var formatNode: DefinitionNode? = entry.value
      if case .mapping = entry.value.content {
        guard
          let column = MappingReader(
            entry.value, subject: "the column \"\(entry.key)\"", keys: ["label", "format", "better", "ties_to"],
            at: entry.position, findings: findings)
        else { continue }
        described = column
        label = column.text("label")
        better = column.word("better")
        formatNode = column.node("format")
      }
      var kind = ColumnFormat.Kind.text
      if let formatNode, let scalar = formatNode.scalar(as: entry.key, findings) {
        if let read = ColumnFormat.Kind(definition: scalar.text) {
          kind = read
          if case .money(let currency) = read { draft.columnUses.append((currency, formatNode.position)) }
        } else {
          findings.error(
            "unknown_word", at: formatNode.position, "\"\(scalar.shown)\" is not a format",
            fix: ColumnFormat.Kind.fix(for: scalar))
        }
      }
      let tie = described.flatMap { readTie($0, of: entry.key, kind, into: &draft) }
      draft.section.columns.append(
        ColumnFormat(column: entry.key, label: label, kind: kind, better: better, tie: tie))
    }
  }

  /// `ties_to: revenue_daily.net`, or a mapping of it and the condition on the rows that count.
  private func readTie(
    _ column: MappingReader, of name: String, _ kind: ColumnFormat.Kind, into draft: inout SectionDraft
  ) -> FigureTie? {
    guard let node = column.node("ties_to") else { return nil }
    var figure: DefinitionNode? = node
    var condition: String?
    if case .mapping = node.content {
      guard
        let reader = MappingReader(
          node, subject: "\"ties_to\"", keys: ["figure", "where"], required: ["figure"],
          at: column.keyPosition(of: "ties_to"), findings: findings)
      else { return nil }
      figure = reader.node("figure")
      condition = reader.text("where")
    }
    guard let figure, let scalar = figure.scalar(as: "ties_to", findings) else { return nil }
    let parts = scalar.text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, NameKind.relation.problem(with: parts[0]) == nil,
      NameKind.column.problem(with: parts[1]) == nil
    else {
      findings.error(
        "bad_name", at: figure.position, "\"\(scalar.shown)\" is not a column of a view",
        fix: "write the view and its column: revenue_daily.net")
      return nil
    }
    switch kind {
    case .money, .integer, .decimal: break
    case .percent, .date, .text, .sparkline:
      findings.error(
        "bad_tie", at: figure.position, "\"\(name)\" has no sum that could tie to another: it is no amount or count",
        fix: "give it the format money(currency) or integer, or remove ties_to")
      return nil
    }
    let tie = FigureTie(relation: parts[0], column: parts[1], condition: condition)
    draft.ties.append((tie, kind, figure.position))
    return tie
  }
}
