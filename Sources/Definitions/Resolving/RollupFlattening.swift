// A rollup of a rollup → the rollup over the feed that it amounts to: months of days of transactions.
// Invariant: a flat rollup has the groups and measures that summing up the finer one would give. What would not be the
// same (months of weeks, an average of averages) is an error.
// Circles are ViewResolver's to report; here they only end the search.

internal import Finding

/// Works out what rollups of rollups amount to.
struct RollupFlattening {
  let views: [String: ViewDraft]
  let feeds: [String: FeedDraft]
  let findings: Findings
  private var known: [String: RollupDefinition?] = [:]

  init(views: [String: ViewDraft], feeds: [String: FeedDraft], findings: Findings) {
    self.views = views
    self.feeds = feeds
    self.findings = findings
  }

  /// The rollup over the feed; nil when there is none, the reason being reported.
  mutating func flat(_ name: String) -> RollupDefinition? {
    if let found = known[name] { return found }
    guard let draft = views[name], case .rollup(let rollup) = draft.view.kind else { return nil }
    if feeds[rollup.source] != nil { return rollup }
    known[name] = .some(nil)
    guard let finer = flat(rollup.source) else { return nil }
    let found = flatten(rollup, draft, over: finer)
    known[name] = .some(found)
    return found
  }

  private func flatten(
    _ rollup: RollupDefinition, _ draft: ViewDraft, over finer: RollupDefinition
  ) -> RollupDefinition? {
    var flat = RollupDefinition(source: finer.source, groups: [], measures: [], derived: rollup.derived)
    var base = RollupBase(name: rollup.source, groups: [:], measures: [:])
    for group in rollup.groups {
      guard let place = draft.places[group.name], let found = find(group, in: finer, named: rollup.source, at: place)
      else { continue }
      flat.groups.append(RollupGroup(name: group.name, source: found.source))
      base.groups[group.name] = RollupBase.Place(name: found.from.name, isPeriod: found.from.source.isPeriod)
    }
    for measure in rollup.measures {
      guard let place = draft.places[measure.name],
        let found = find(measure, draft, in: finer, named: rollup.source, at: place)
      else { continue }
      flat.measures.append(
        RollupMeasure(name: measure.name, function: found.function, condition: found.condition))
      base.measures[measure.name] = found.name
    }
    flat.base = base
    let isWhole = flat.groups.count == rollup.groups.count && flat.measures.count == rollup.measures.count
    return isWhole ? flat : nil
  }

  // MARK: Groups

  private func find(
    _ group: RollupGroup, in finer: RollupDefinition, named source: String, at place: SourcePosition
  ) -> (source: RollupGroup.Source, from: RollupGroup)? {
    guard let name = group.source.column else {
      findings.error(
        "unfit_column", at: place, "the group \"\(group.name)\" is an expression, and \"\(source)\" is a rollup",
        fix: "give \"\(source)\" a group of that expression and name it here, or read the feed \"\(finer.source)\"")
      return nil
    }
    guard let from = finer.groups.first(where: { $0.name == name }) else {
      findings.error(
        "unknown_column", at: place,
        "the group \"\(group.name)\" needs a group \"\(name)\", which the rollup \"\(source)\" does not have",
        fix: nearestWord(to: name, in: finer.groups.map(\.name)).map { "did you mean \"\($0)\"?" })
      return nil
    }
    guard group.source.isPeriod else { return (from.source, from) }
    if case .column(let column) = from.source {
      let type = feeds[finer.source]?.feed.column(named: column)?.type
      if let type, !type.isTemporal {
        findings.error(
          "unfit_column", at: place, "the group \"\(group.name)\" needs a date or a time, and \"\(name)\" is \(type)")
        return nil
      }
      return (group.source.reading(column), from)
    }
    guard let column = from.source.column, group.source.isMade(of: from.source) else {
      findings.error(
        "unfit_column", at: place,
        "the group \"\(group.name)\" cannot be made of \"\(name)\", whose periods do not lie within its own",
        fix: "sum up a rollup by date, or read the feed \"\(finer.source)\"")
      return nil
    }
    return (group.source.reading(column), from)
  }

  // MARK: Measures

  private func find(
    _ measure: RollupMeasure, _ draft: ViewDraft, in finer: RollupDefinition, named source: String,
    at place: SourcePosition
  ) -> RollupMeasure? {
    if measure.condition != nil {
      findings.error(
        "unfit_column", at: place,
        "the measure \"\(measure.name)\" has a condition on rows, and \"\(source)\" has summed its rows up already",
        fix: "give \"\(source)\" a measure with that condition and write combine: and its name")
      return nil
    }
    let named = draft.combined[measure.name]?.measure ?? measure.function.columns.first
    guard let named else {
      findings.error(
        "unfit_column", at: place,
        "the measure \"\(measure.name)\" counts rows, and the rows of \"\(source)\" are groups",
        fix: "write combine: and the name of a count in \"\(source)\"")
      return nil
    }
    guard let found = finer.measures.first(where: { $0.name == named }) else {
      findings.error(
        "unknown_column", at: place,
        "the measure \"\(measure.name)\" needs a measure \"\(named)\", which the rollup \"\(source)\" does not have",
        fix: nearestWord(to: named, in: finer.measures.map(\.name)).map { "did you mean \"\($0)\"?" })
      return nil
    }
    let isSame =
      switch (measure.function, found.function) {
      case (.sum, .sum), (.sum, .count), (.min, .min), (.max, .max): true
      default: draft.combined[measure.name] != nil
      }
    guard isSame else {
      findings.error(
        "unfit_column", at: place,
        "the measure \"\(measure.name)\" would be taken over the groups of \"\(source)\" and not over the rows under them",
        fix: "write combine: \(named), which carries it on")
      return nil
    }
    return found
  }
}

extension RollupGroup.Source {
  /// Whether it is the first day of a period.
  var isPeriod: Bool {
    switch self {
    case .column, .expression: false
    case .date, .week, .month, .quarter, .year, .fiscalQuarter, .fiscalYear: true
    }
  }

  /// The same period of another column.
  func reading(_ column: String) -> Self {
    switch self {
    case .column: .column(column)
    case .date: .date(column)
    case .week: .week(column)
    case .month: .month(column)
    case .quarter: .quarter(column)
    case .year: .year(column)
    case .fiscalQuarter: .fiscalQuarter(column)
    case .fiscalYear: .fiscalYear(column)
    case .expression(let sql): .expression(sql)
    }
  }

  /// Whether each period of `finer` lies within one of these.
  func isMade(of finer: Self) -> Bool {
    switch (self, finer) {
    case (_, .date), (.week, .week), (.month, .month), (.quarter, .month), (.year, .month), (.fiscalQuarter, .month),
      (.fiscalYear, .month), (.quarter, .quarter), (.year, .quarter), (.year, .year),
      (.fiscalQuarter, .fiscalQuarter), (.fiscalYear, .fiscalQuarter), (.fiscalYear, .fiscalYear):
      true
    default: false
    }
  }
}
