// `Jobs/checks/*.yaml` → a check, as far as one file can tell.
// Invariant: a test is of exactly one kind, and SQL in it can be cut into tokens and is one query or one condition.
// Whether relations and columns exist and fit is checked by CheckResolver.

internal import Finding
internal import Money

/// A check and what remains to be checked against the rest of the project.
struct CheckDraft {
  var name: String
  let namePosition: SourcePosition
  let position: SourcePosition
  var relation: String?
  var relationPosition: SourcePosition
  var tests: [CheckTestDraft] = []
}

/// A test and where its names stand.
struct CheckTestDraft {
  var test: CheckTest
  /// Columns of the check's relation.
  var columnUses: [ColumnUse] = []
  /// The limits of a range, to be compared with the type of its column.
  var limits: [(text: String, position: SourcePosition)] = []
  /// The column of another relation that must exist.
  var target: (relation: String, column: String, position: SourcePosition)?
  /// The condition, over columns of the check's relation.
  var condition: (sql: ScannedSQL, position: SourcePosition)?
  /// Its queries.
  var queries: [(sql: ScannedSQL, position: SourcePosition)] = []
}

/// Reads one check.
struct CheckReader {
  let file: String
  let findings: Findings

  static let kinds = [
    "not_null", "unique", "accepted_values", "relationship", "range", "anomaly", "freshness", "equal", "none",
  ]

  func read(_ node: DefinitionNode) -> CheckDraft? {
    guard
      let reader = MappingReader(
        node, subject: "the check", keys: ["check", "on", "severity", "tests"], required: ["check", "tests"],
        findings: findings)
    else { return nil }
    var draft = CheckDraft(
      name: reader.identifier("check", .relation) ?? "", namePosition: reader.position(of: "check"),
      position: SourcePosition(file: file, line: node.position.line, column: node.position.column),
      relation: reader.identifier("on", .relation), relationPosition: reader.position(of: "on"))
    let severity: CheckSeverity = reader.word("severity") ?? .error
    let elements = reader.elements("tests")
    if elements.isEmpty, case .sequence = reader.node("tests")?.content {
      findings.error("missing_value", at: reader.position(of: "tests"), "the check has no tests")
    }
    for element in elements {
      guard let test = test(element, severity) else { continue }
      if draft.relation == nil, !reader.mentions("on"), test.queries.isEmpty {
        findings.error(
          "missing_key", at: test.test.position,
          "the test \(test.test.label) looks at a relation, and the check has no \"on\"",
          fix: "say which feed, view or table it looks at: on: transactions")
      }
      draft.tests.append(test)
    }
    return draft
  }

  // MARK: One test

  private func test(_ node: DefinitionNode, _ severity: CheckSeverity) -> CheckTestDraft? {
    let before = findings.all.count
    guard
      let reader = MappingReader(
        node, subject: "the test", keys: Self.kinds + ["severity", "where"], findings: findings)
    else { return nil }
    let present = Self.kinds.filter(reader.has)
    guard let kind = present.first else {
      if findings.all.count == before {
        findings.error(
          "missing_key", at: reader.position, "the test says nothing",
          fix: "use one of: \(Self.kinds.joined(separator: ", "))")
      }
      return nil
    }
    if present.count > 1 {
      findings.error(
        "too_many_keys", at: reader.keyPosition(of: present[1]),
        "a test is only one of \(present.joined(separator: ", "))", fix: "write two tests")
    }
    var draft = CheckTestDraft(
      test: CheckTest(kind: .notNull([]), severity: reader.word("severity") ?? severity, position: reader.position))
    if reader.has("where"), kind == "equal" || kind == "none" {
      findings.error(
        "unused_key", at: reader.keyPosition(of: "where"), "\"where\" belongs to tests of columns, not to \(kind)",
        fix: "write the condition into the query")
    } else if let scalar = reader.scalar("where"), let sql = condition(scalar, at: reader.position(of: "where")) {
      draft.test.condition = scalar.text
      draft.condition = (sql, reader.position(of: "where"))
    }
    guard let read = read(kind, reader, &draft) else { return nil }
    draft.test.kind = read
    return draft
  }

  private func read(_ kind: String, _ reader: MappingReader, _ draft: inout CheckTestDraft) -> CheckTest.Kind? {
    switch kind {
    case "not_null", "unique":
      let columns = reader.identifiers(kind, .column)
      for column in columns { use(column.name, .any, at: column.position, of: kind, &draft) }
      if columns.isEmpty, case .sequence(let elements) = reader.node(kind)?.content, elements.isEmpty {
        findings.error("missing_value", at: reader.position(of: kind), "\"\(kind)\" names no column")
      }
      if columns.isEmpty { return nil }
      return kind == "unique" ? .unique(columns.map(\.name)) : .notNull(columns.map(\.name))
    case "accepted_values": return acceptedValues(reader, &draft)
    case "relationship": return relationship(reader, &draft)
    case "range": return range(reader, &draft)
    case "anomaly": return anomaly(reader, &draft)
    case "freshness": return freshness(reader, &draft)
    case "equal":
      guard let inner = inner(kind, ["left", "right"], required: ["left", "right"], of: reader) else { return nil }
      let left = query(inner, "left", &draft)
      let right = query(inner, "right", &draft)
      if let left, let right { return .equal(left: left, right: right) }
      return nil
    default: return query(reader, kind, &draft).map { .noRow(query: $0) }
    }
  }

  private func inner(
    _ kind: String, _ keys: [String], required: [String], of reader: MappingReader
  ) -> MappingReader? {
    reader.node(kind).flatMap {
      MappingReader(
        $0, subject: "\"\(kind)\"", keys: keys, required: required, at: reader.keyPosition(of: kind), findings: findings
      )
    }
  }

  private func use(
    _ column: String, _ need: ColumnUse.Need, at place: SourcePosition, of kind: String, _ draft: inout CheckTestDraft
  ) {
    draft.columnUses.append(ColumnUse(column: column, need: need, position: place, user: "the test \"\(kind)\""))
  }

  private func column(
    _ key: String, _ need: ColumnUse.Need, in reader: MappingReader, of kind: String, _ draft: inout CheckTestDraft
  ) -> String? {
    guard let column = reader.identifier(key, .column) else { return nil }
    use(column, need, at: reader.position(of: key), of: kind, &draft)
    return column
  }

  // MARK: Kinds

  private func acceptedValues(_ reader: MappingReader, _ draft: inout CheckTestDraft) -> CheckTest.Kind? {
    let kind = "accepted_values"
    guard let inner = inner(kind, ["column", "values"], required: ["column", "values"], of: reader) else { return nil }
    let column = column("column", .any, in: inner, of: kind, &draft)
    let elements = inner.elements("values")
    let values = elements.compactMap { $0.scalar(as: "values", findings)?.text }
    if elements.isEmpty, case .sequence = inner.node("values")?.content {
      findings.error(
        "missing_value", at: inner.position(of: "values"), "\"values\" is empty", fix: "write at least one")
    }
    guard let column, !values.isEmpty else { return nil }
    return .acceptedValues(column: column, values: values)
  }

  private func relationship(_ reader: MappingReader, _ draft: inout CheckTestDraft) -> CheckTest.Kind? {
    let kind = "relationship"
    guard let inner = inner(kind, ["column", "to"], required: ["column", "to"], of: reader) else { return nil }
    let column = column("column", .any, in: inner, of: kind, &draft)
    guard let scalar = inner.scalar("to") else { return nil }
    let parts = scalar.text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, NameKind.relation.problem(with: parts[0]) == nil,
      NameKind.column.problem(with: parts[1]) == nil
    else {
      findings.error(
        "bad_reference", at: inner.position(of: "to"), "\"\(scalar.shown)\" is not a column of a relation",
        fix: "write both, as in orders.order_id")
      return nil
    }
    draft.target = (parts[0], parts[1], inner.position(of: "to"))
    return column.map { .relationship(column: $0, relation: parts[0], toColumn: parts[1]) }
  }

  private func range(_ reader: MappingReader, _ draft: inout CheckTestDraft) -> CheckTest.Kind? {
    let kind = "range"
    guard let inner = inner(kind, ["column", "min", "max"], required: ["column"], of: reader) else { return nil }
    let column = column("column", .ordered, in: inner, of: kind, &draft)
    if !inner.mentions("min"), !inner.mentions("max") {
      findings.error(
        "missing_key", at: inner.position, "\"range\" has no limits", fix: "add min, max or both, as in min: 0")
    }
    let (minimum, maximum) = (inner.text("min"), inner.text("max"))
    for (key, text) in [("min", minimum), ("max", maximum)] {
      if let text { draft.limits.append((text, inner.position(of: key))) }
    }
    if let minimum, let maximum, let low = ExactDecimal(minimum), let high = ExactDecimal(maximum), high < low {
      findings.error("out_of_range", at: inner.position(of: "min"), "\"min\" (\(low)) is above \"max\" (\(high))")
    }
    guard let column, minimum != nil || maximum != nil else { return nil }
    return .range(column: column, minimum: minimum, maximum: maximum)
  }

  private func anomaly(_ reader: MappingReader, _ draft: inout CheckTestDraft) -> CheckTest.Kind? {
    let kind = "anomaly"
    guard
      let inner = inner(
        kind, ["count", "sum", "date", "by", "floor", "factor", "lag"], required: ["date"], of: reader)
    else { return nil }
    let sum = column("sum", .numeric, in: inner, of: kind, &draft)
    if inner.mentions("count"), inner.mentions("sum") {
      findings.error("too_many_keys", at: inner.keyPosition(of: "sum"), "\"anomaly\" is only one of count, sum")
    } else if !inner.mentions("count"), !inner.mentions("sum") {
      findings.error(
        "missing_key", at: inner.position, "\"anomaly\" says nothing of what is measured",
        fix: "add count: true, or a column, as in sum: amount")
    }
    if inner.boolean("count") == false {
      findings.error("wrong_type", at: inner.position(of: "count"), "\"count\" counts rows", fix: "write count: true")
    }
    let by = column("by", .any, in: inner, of: kind, &draft)
    guard let date = column("date", .temporal, in: inner, of: kind, &draft) else { return nil }
    var test = AnomalyTest(sum: sum, date: date, by: by)
    if let floor = number("floor", in: inner, isZeroAllowed: true) { test.floor = floor }
    if let factor = number("factor", in: inner, isZeroAllowed: false) { test.factor = factor }
    if let lag = inner.integer("lag", in: 0...366) { test.lagDays = lag }
    return .anomaly(test)
  }

  private func number(_ key: String, in reader: MappingReader, isZeroAllowed: Bool) -> ExactDecimal? {
    guard let scalar = reader.scalar(key) else { return nil }
    guard let number = ExactDecimal(scalar.text), !number.isNegative, isZeroAllowed || !number.isZero else {
      findings.error(
        "wrong_type", at: reader.position(of: key),
        "\"\(key)\" must be a number \(isZeroAllowed ? "from zero on" : "above zero"), not \"\(scalar.shown)\"")
      return nil
    }
    return number
  }

  private func freshness(_ reader: MappingReader, _ draft: inout CheckTestDraft) -> CheckTest.Kind? {
    let kind = "freshness"
    guard
      let inner = inner(kind, ["column", "warn_after", "error_after"], required: ["column"], of: reader)
    else { return nil }
    let column = column("column", .temporal, in: inner, of: kind, &draft)
    if !inner.mentions("warn_after"), !inner.mentions("error_after") {
      findings.error(
        "missing_key", at: inner.position, "\"freshness\" has no limit",
        fix: "add warn_after, error_after or both, as in warn_after: 1d")
    }
    let (warn, error) = (inner.duration("warn_after"), inner.duration("error_after"))
    if let warn, let error, error < warn {
      findings.error(
        "out_of_range", at: inner.position(of: "warn_after"), "\"warn_after\" is longer than \"error_after\"")
    }
    guard let column, warn != nil || error != nil else { return nil }
    return .freshness(column: column, warnAfter: warn, errorAfter: error)
  }

  // MARK: SQL

  private func condition(_ scalar: DefinitionNode.Scalar, at place: SourcePosition) -> ScannedSQL? {
    guard let sql = scan(scalar.text, "where", at: place) else { return nil }
    if sql.tokens.contains(where: { $0.isSymbol(";") }) {
      findings.error("bad_sql", at: place, "\"where\" must be one expression; there is a \";\" in it")
      return nil
    }
    return sql
  }

  private func query(_ reader: MappingReader, _ key: String, _ draft: inout CheckTestDraft) -> String? {
    let place = reader.position(of: key)
    guard let text = reader.text(key), let sql = scan(text, key, at: place) else { return nil }
    let first = sql.tokens.first { !$0.isSymbol("(") }
    if let first, !["select", "with", "values", "table"].contains(where: first.isWord) {
      findings.error(
        "bad_sql", at: place,
        "\"\(key)\" is a query that begins with select, with, values or table, not \"\(first.raw)\"")
      return nil
    }
    if sql.tokens.contains(where: { $0.isSymbol(";") }) {
      findings.error("bad_sql", at: place, "\"\(key)\" must be one query; there is a \";\" in it")
      return nil
    }
    draft.queries.append((sql, place))
    return text
  }

  /// The tokens of SQL that may stand inside other SQL: what is opened is closed, and nothing else is.
  private func scan(_ text: String, _ key: String, at place: SourcePosition) -> ScannedSQL? {
    do throws(SQLProblem) {
      let sql = try ScannedSQL(text)
      guard !sql.tokens.isEmpty else {
        findings.error("missing_value", at: place, "\"\(key)\" is empty", fix: "write one, or remove the key")
        return nil
      }
      if let parenthesis = sql.unpairedParenthesis {
        findings.error("bad_sql", at: place, "\"\(key)\" is not SQL: a \"\(parenthesis)\" has no partner")
        return nil
      }
      if let parameter = sql.tokens.first(where: { $0.kind == .parameter && $0.text.hasPrefix("$") }) {
        findings.error("bad_sql", at: place, "\"\(key)\" has no parameters; \"\(parameter.raw)\" is one")
        return nil
      }
      return sql
    } catch {
      findings.error("bad_sql", at: place, "\"\(key)\" is not SQL: \(error.message)")
      return nil
    }
  }
}
