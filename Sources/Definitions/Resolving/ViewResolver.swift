// Views against feeds and each other: sources and columns exist and fit, and no view reads itself.
// Invariant: after it every view's inputs are known names, and the views are in dependency order.
// Expressions are checked for names that can be nothing but columns; the rest of SQL is PostgreSQL's to judge.

internal import Finding

/// Resolves what views say about the rest of the project.
struct ViewResolver {
  let views: [String: ViewDraft]
  let feeds: [String: FeedDraft]
  let settings: ProjectSettings
  let findings: Findings

  /// The views, each after those that it reads.
  func resolve() -> [ViewDefinition] {
    var resolved: [String: ViewDefinition] = [:]
    var flattening = RollupFlattening(views: views, feeds: feeds, findings: findings)
    for (name, draft) in views.sorted(by: { $0.key < $1.key }) {
      var view = draft.view
      switch view.kind {
      case .rollup(var rollup):
        if feeds[rollup.source] == nil, let flat = flattening.flat(name) {
          checkDerived(rollup, draft)
          rollup = flat
          view.kind = .rollup(flat)
        } else {
          check(rollup, draft)
        }
        view.definitionHash = rollup.computedHash(
          name: name, source: feeds[rollup.source]?.feed, calendar: settings.calendar)
      case .native:
        view.inputs = inputs(of: draft.relations)
        for (relation, place) in draft.relations { refuseState(relation, at: place) }
      }
      resolved[name] = view
    }
    let order = DependencyOrder(resolved.mapValues { Set($0.inputs) })
    for cycle in order.cycles {
      findings.error(
        "view_cycle", at: position(in: cycle[0], of: cycle[1]),
        "the views read each other in a circle: \(cycle.joined(separator: " → "))",
        fix: "remove one of these steps; no order of refreshing satisfies all of them")
    }
    return order.names.compactMap { resolved[$0] }
  }

  // MARK: Rollups

  private func check(_ rollup: RollupDefinition, _ draft: ViewDraft) {
    guard let place = draft.sourcePosition else { return }
    checkDerived(rollup, draft)
    guard let source = feeds[rollup.source] else {
      if findings.lostNames.contains(rollup.source) { return }
      switch views[rollup.source]?.view.kind {
      // Said where the finer rollup was looked at, or it is wrong itself.
      case .rollup: break
      case .native:
        findings.error(
          "unknown_feed", at: place, "\"\(rollup.source)\" is a view of SQL, and a rollup reads a feed or a rollup",
          fix: "write it as SQL in Jobs/views/\(draft.view.name).sql")
      case nil:
        findings.error(
          "unknown_feed", at: place, "there is no feed and no rollup \"\(rollup.source)\"",
          fix: suggestion(for: rollup.source, among: (Array(feeds.keys) + rollups).sorted()))
      }
      return
    }
    for (name, use) in draft.combined.sorted(by: { $0.key < $1.key }) {
      findings.error(
        "unfit_column", at: use.position, "the measure \"\(name)\" combines, and \"\(rollup.source)\" is a feed",
        fix:
          "combine carries on a measure of a finer rollup; over a feed write what is measured, for example sum: amount")
    }
    guard !source.feed.columns.isEmpty else { return }
    for use in draft.columnUses { check(use, in: source) }
    let columns = source.feed.columns.map(\.name)
    for (sql, place) in draft.sourceExpressions {
      check(sql, at: place, against: columns, of: "the feed \"\(source.feed.name)\"")
    }
  }

  private var rollups: [String] {
    views.values.compactMap { draft in
      if case .rollup = draft.view.kind { draft.view.name } else { nil }
    }
  }

  private func check(_ use: ColumnUse, in source: FeedDraft) {
    guard let column = source.feed.column(named: use.column) else {
      findings.error(
        "unknown_column", at: use.position,
        "\(use.user) needs a column \"\(use.column)\", which the feed \"\(source.feed.name)\" does not have",
        fix: suggestion(for: use.column, among: source.feed.columns.map(\.name)))
      return
    }
    guard !source.doubtfulColumns.contains(column.name) else { return }
    let (fits, wanted) =
      switch use.need {
      case .any: (true, "")
      case .numeric: (column.type.isNumeric, "a number")
      case .temporal: (column.type.isTemporal, "a date or a time")
      case .ordered: (column.type.isOrdered, "a number, a date, a time or text")
      }
    if !fits {
      findings.error(
        "unfit_column", at: use.position, "\(use.user) needs \(wanted), and \"\(column.name)\" is \(column.type)",
        notes: ["declared at \(column.position)"])
    }
  }

  private func checkDerived(_ rollup: RollupDefinition, _ draft: ViewDraft) {
    let derived = Set(rollup.derived.map(\.name))
    let columns = draft.declaredColumns.filter { !derived.contains($0) }
    for (sql, place) in draft.derivedExpressions {
      check(sql, at: place, against: columns, of: "this view")
      // What it says would change while the rollup does not.
      guard let more = sql.moreThanItsRow else { continue }
      findings.error(
        "unfit_column", at: place,
        "a derived figure is made of the groups and measures of its row alone, and \(more) is more than that",
        fix: "write it in a view of SQL that reads \"\(draft.view.name)\"")
    }
  }

  /// Reports names that are neither columns nor words of SQL.
  private func check(_ sql: ScannedSQL, at place: SourcePosition, against columns: [String], of owner: String) {
    var reported: Set<String> = []
    for name in sql.columnNames where !columns.contains(name) && reported.insert(name).inserted {
      findings.error(
        "unknown_column", at: place, "\(owner) has no column \"\(name)\"", fix: suggestion(for: name, among: columns))
    }
  }

  // MARK: SQL

  /// Whether a relation is a feed or a view.
  func isKnown(_ relation: String) -> Bool { feeds[relation] != nil || views[relation] != nil }

  /// Whether every relation is a feed or a view of the project.
  func areKnown(_ relations: [ScannedSQL.Relation]) -> Bool {
    relations.allSatisfy { relation in
      (relation.schema.isEmpty || relation.schema == settings.database.schema) && isKnown(relation.name)
    }
  }

  /// The feeds and views among `relations`; a near miss is a warning.
  func inputs(of relations: [(relation: ScannedSQL.Relation, position: SourcePosition)]) -> [String] {
    var inputs: Set<String> = []
    var warned: Set<String> = []
    for (relation, place) in relations {
      if let own = ledgerInput(relation) { inputs.insert(own) }
      guard relation.schema.isEmpty || relation.schema == settings.database.schema else { continue }
      if feeds[relation.name] != nil || views[relation.name] != nil {
        inputs.insert(relation.name)
      } else if findings.lostNames.contains(relation.name) {
        continue
      } else if let nearest = nearestWord(to: relation.name, in: (Array(feeds.keys) + views.keys).sorted()),
        warned.insert(relation.name).inserted
      {
        findings.warning(
          "unknown_relation", at: place, "there is no feed and no view \"\(relation.name)\"",
          fix: "did you mean \"\(nearest)\"?")
      }
    }
    return inputs.sorted()
  }

  /// Reports a table of a rollup's own: a view that reads it would be in the way of the next one in its place.
  private func refuseState(_ relation: ScannedSQL.Relation, at place: SourcePosition) {
    guard relation.schema.isEmpty || relation.schema == settings.database.schema,
      let own = relation.name.wholeMatch(of: /(.+)__(?:state|v[0-9]+)/), rollups.contains(String(own.1))
    else { return }
    findings.error(
      "state_table", at: place,
      "\(relation.name) is where the rollup \"\(own.1)\" keeps what its figures are made of, and each rebuild replaces it",
      fix: "read \(own.1)")
  }

  /// What moves when the relation of Daybook's own schema does: the feed of a journal, or the record of closed months.
  private func ledgerInput(_ relation: ScannedSQL.Relation) -> String? {
    guard relation.schema == "daybook" else { return nil }
    if relation.name.hasPrefix("journal_") {
      let feed = String(relation.name.dropFirst("journal_".count))
      return feeds[feed] == nil ? nil : feed
    }
    return ViewDefinition.closedMonthTables.contains(relation.name) ? ViewDefinition.closedMonths : nil
  }

  private func position(in view: String, of other: String) -> SourcePosition? {
    guard let draft = views[view] else { return nil }
    return draft.relations.first { $0.relation.name == other }?.position ?? draft.namePosition
  }
}
