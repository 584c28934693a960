// Reports and jobs against the rest of the project: every name they mention exists.
// Invariant: columns are checked where Daybook knows them (feeds and rollups); those of SQL are PostgreSQL's.
// Words that only look like a feed or a view count as inputs: a report made once too often does no harm.

internal import Finding

/// Resolves what reports and jobs say about the rest of the project.
struct ReportResolver {
  let views: ViewResolver
  let findings: Findings

  /// The reports, by name.
  func resolve(_ drafts: [String: ReportDraft]) -> [ReportDefinition] {
    drafts.values.map { draft in
      var report = draft.report
      report.sections = draft.sections.map(resolve)
      report.definitionHash = report.computedHash
      return report
    }.sorted { $0.name < $1.name }
  }

  private func resolve(_ draft: SectionDraft) -> ReportSection {
    var section = draft.section
    for (tie, kind, place) in draft.ties { check(tie, kind, at: place) }
    switch section.source {
    case .none:
      break
    case .query:
      section.inputs = views.inputs(of: draft.relations.map { ($0, draft.sourcePosition) })
      section.isSteady = !draft.hasUnsteadyWord && views.areKnown(draft.relations)
    case .view(let name):
      section.inputs = [name]
      section.isSteady = views.isKnown(name)
      if let feed = views.feeds[name] {
        check(draft, against: feed.feed.columns.map(\.name), of: "the feed \"\(name)\"")
      } else if let view = views.views[name] {
        if case .rollup = view.view.kind {
          check(draft, against: view.declaredColumns, of: "the view \"\(name)\"")
        }
      } else if !findings.lostNames.contains(name) {
        let known = (Array(views.views.keys) + views.feeds.keys).sorted()
        findings.error(
          "unknown_view", at: draft.sourcePosition, "there is no view \"\(name)\"",
          fix: suggestion(for: name, among: known))
      }
    }
    return section
  }

  private func check(_ tie: FigureTie, _ kind: ColumnFormat.Kind, at place: SourcePosition) {
    var currency: String?
    if case .money(let column) = kind { currency = column }
    var columns: [String] = []
    if let feed = views.feeds[tie.relation] {
      columns = feed.feed.columns.map(\.name)
    } else if let view = views.views[tie.relation] {
      if case .rollup = view.view.kind { columns = view.declaredColumns }
    } else if !findings.lostNames.contains(tie.relation) {
      let known = (Array(views.views.keys) + views.feeds.keys).sorted()
      findings.error(
        "unknown_view", at: place, "there is no view \"\(tie.relation)\"",
        fix: suggestion(for: tie.relation, among: known))
    }
    guard !columns.isEmpty else { return }
    if case .decimal = kind, tie.condition == nil, columns.contains(FigureTie.currency) {
      findings.error(
        "mixed_currencies", at: place,
        "\"\(tie.relation)\" keeps its amounts by \(FigureTie.currency), and \"\(tie.column)\" would be added up over all",
        fix: FigureTie.apart)
    }
    for column in [tie.column] + [currency].compactMap(\.self) where !columns.contains(column) {
      findings.error(
        "unknown_column", at: place, "\"\(tie.relation)\" has no column \"\(column)\"",
        fix: suggestion(for: column, among: columns))
    }
  }

  private func check(_ draft: SectionDraft, against columns: [String], of owner: String) {
    guard !columns.isEmpty else { return }
    for (column, place) in draft.columnUses where !columns.contains(column) {
      findings.error(
        "unknown_column", at: place, "\(owner) has no column \"\(column)\"",
        fix: suggestion(for: column, among: columns))
    }
  }

  /// The jobs, by name; every name that a stage selects exists.
  func resolve(_ drafts: [String: JobDraft], checks: Set<String>, reports: Set<String>) -> [JobDefinition] {
    for draft in drafts.values {
      for (kind, name, place) in draft.selections {
        let (known, what): (Set<String>, String) =
          switch kind {
          case .ingest: (Set(views.feeds.keys), "feed")
          case .refresh: (Set(views.views.keys), "view")
          case .check: (Set(views.views.keys).union(views.feeds.keys).union(checks), "check, view or feed")
          case .report: (reports, "report")
          }
        if !known.contains(name), !findings.lostNames.contains(name) {
          findings.error(
            "unknown_name", at: place, "there is no \(what) \"\(name)\"",
            fix: suggestion(for: name, among: known.sorted()))
        }
      }
    }
    return drafts.values.map(\.job).sorted { $0.name < $1.name }
  }
}
