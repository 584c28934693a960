// Checks against the rest of the project: relations and columns exist and fit where Daybook knows them.
// Invariant: the columns of feeds and rollups are checked; those of SQL views and of tables that are no feeds are
// PostgreSQL's. A relation that is neither a feed nor a view may be a table of the schema: only a near miss is told.

internal import Finding
internal import Money

/// Resolves what checks say about the rest of the project.
struct CheckResolver {
  let views: ViewResolver
  let findings: Findings

  /// The checks, by name.
  func resolve(_ drafts: [String: CheckDraft]) -> [CheckDefinition] {
    drafts.values.map { draft in
      if let relation = draft.relation { known(relation, at: draft.relationPosition) }
      let tests = draft.tests.map { resolve($0, of: draft) }
      var hash = StableHash()
      hash.add(["check 1", draft.name, draft.relation ?? ""])
      hash.add(tests.map(\.hash))
      return CheckDefinition(
        name: draft.name, relation: draft.relation, tests: tests, position: draft.position, definitionHash: hash.digest)
    }.sorted { $0.name < $1.name }
  }

  private func isKnown(_ relation: String) -> Bool { views.isKnown(relation) }

  private func known(_ relation: String, at place: SourcePosition) {
    guard !isKnown(relation), !findings.lostNames.contains(relation) else { return }
    if let nearest = nearestWord(to: relation, in: (Array(views.feeds.keys) + views.views.keys).sorted()) {
      findings.warning(
        "unknown_relation", at: place, "there is no feed and no view \"\(relation)\"",
        fix: "did you mean \"\(nearest)\"?")
    }
  }

  private func resolve(_ draft: CheckTestDraft, of check: CheckDraft) -> CheckTest {
    var test = draft.test
    var relations: Set<String> = []
    if let relation = check.relation { relations.insert(relation) }
    if let relation = check.relation {
      for use in draft.columnUses { self.check(use, in: relation, limits: draft.limits) }
      if let condition = draft.condition { self.check(condition.sql, at: condition.position, in: relation) }
    }
    if let target = draft.target {
      known(target.relation, at: target.position)
      relations.insert(target.relation)
      if let columns = columns(of: target.relation), !columns.contains(target.column) {
        findings.error(
          "unknown_column", at: target.position, "\(owner(target.relation)) has no column \"\(target.column)\"",
          fix: suggestion(for: target.column, among: columns))
      }
    }
    var inputs = Set(relations.filter(isKnown))
    test.isSteady = relations.isSubset(of: inputs)
    for (sql, place) in draft.queries + (draft.condition.map { [$0] } ?? []) {
      inputs.formUnion(views.inputs(of: sql.relations.map { ($0, place) }))
      if !views.areKnown(sql.relations) || sql.hasUnsteadyWord { test.isSteady = false }
      // A function may read what the text does not name; whose it is the database knows.
      test.calls = Set(test.calls + sql.calls).sorted()
    }
    // A query that names no relation has its rows from somewhere else.
    if draft.queries.contains(where: { $0.sql.relations.isEmpty }) { test.isSteady = false }
    if case .freshness = test.kind { test.isSteady = false }
    test.inputs = inputs.sorted()
    test.hash = hash(of: test, on: check.relation)
    return test
  }

  // MARK: Columns

  /// The columns of a feed or a rollup; nil where they are PostgreSQL's to know.
  private func columns(of relation: String) -> [String]? {
    if let feed = views.feeds[relation] { return feed.feed.columns.isEmpty ? nil : feed.feed.columns.map(\.name) }
    if let view = views.views[relation], case .rollup(let rollup) = view.view.kind {
      return view.declaredColumns.isEmpty ? nil : rollup.columnNames + view.declaredColumns
    }
    return nil
  }

  private func owner(_ relation: String) -> String {
    views.feeds[relation] != nil ? "the feed \"\(relation)\"" : "the view \"\(relation)\""
  }

  private func check(
    _ use: ColumnUse, in relation: String, limits: [(text: String, position: SourcePosition)]
  ) {
    guard let columns = columns(of: relation) else { return }
    guard columns.contains(use.column) else {
      var valid: [String] = []
      for column in columns where !valid.contains(column) { valid.append(column) }
      findings.error(
        "unknown_column", at: use.position,
        "\(use.user) needs a column \"\(use.column)\", which \(owner(relation)) does not have",
        fix: suggestion(for: use.column, among: valid))
      return
    }
    guard let feed = views.feeds[relation], let column = feed.feed.column(named: use.column),
      !feed.doubtfulColumns.contains(column.name)
    else { return }
    if let wanted = use.need.unmet(by: column.type) {
      findings.error(
        "unfit_column", at: use.position, "\(use.user) needs \(wanted), and \"\(column.name)\" is \(column.type)",
        notes: ["declared at \(column.position)"])
    } else if use.need == .ordered, column.type.isNumeric {
      for limit in limits where ExactDecimal(limit.text) == nil {
        findings.error(
          "wrong_type", at: limit.position, "\"\(limit.text)\" is no number, and \"\(column.name)\" is \(column.type)")
      }
    }
  }

  private func check(_ sql: ScannedSQL, at place: SourcePosition, in relation: String) {
    guard let columns = columns(of: relation) else { return }
    var reported: Set<String> = []
    let unknown = sql.columnNames.filter { !columns.contains($0) && !$0.hasPrefix("_daybook_") }
    for name in unknown where reported.insert(name).inserted {
      findings.error(
        "unknown_column", at: place, "\(owner(relation)) has no column \"\(name)\"",
        fix: suggestion(for: name, among: columns))
    }
  }

  // MARK: Meaning

  private func hash(of test: CheckTest, on relation: String?) -> String {
    var hash = StableHash()
    // In which zone a day begins and in which schema a name is looked up can decide any test.
    let settings = [views.settings.calendar.timeZone, views.settings.database.schema]
    hash.add(["test 2", relation ?? "", test.severity.rawValue, test.condition.map(normalizedSQL) ?? ""] + settings)
    switch test.kind {
    case .equal(let left, let right): hash.add(["equal", normalizedSQL(left), normalizedSQL(right)])
    case .noRow(let query): hash.add(["none", normalizedSQL(query)])
    default: hash.add(["\(test.kind)"])
    }
    return hash.digest
  }
}

extension ColumnUse.Need {
  /// What is needed, in words, when columns of `type` do not have it.
  func unmet(by type: ColumnType) -> String? {
    switch self {
    case .any: nil
    case .numeric: type.isNumeric ? nil : "a number"
    case .temporal: type.isTemporal ? nil : "a date or a time"
    case .ordered: type.isOrdered ? nil : "a number, a date, a time or text"
    }
  }
}
