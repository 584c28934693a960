// What of each definition counts as its meaning, for detecting change.
// Invariant: positions and white space are left out; everything that changes what is stored or shown is in.
// Each kind begins with its name and a number, to be raised when the same text comes to mean something else.

internal import Money

extension FeedDefinition {
  /// The hash of everything but the position.
  var computedHash: String {
    var hash = StableHash()
    hash.add([
      "feed 2", name, filePattern, "\(format.delimiter)", format.quote.map { "\($0)" } ?? "none",
      format.encoding.rawValue, "\(format.decimalMark)", format.groupingMark.map { "\($0)" } ?? "none",
      load.rawValue, onConflict.rawValue, "\(rejectLimit)", "\(isRequired)",
      "\(keepsProvenance)", controlFile.rawValue, drift.extra.rawValue, drift.missing.rawValue,
      "\(format.maxRecordBytes) \(format.maxRecordLines) \(format.maxFileBytes)",
    ])
    hash.add(format.negatives.map(\.rawValue).sorted())
    if let trailer {
      hash.add(["trailer", trailer.marker, trailer.rowsField.map { "\($0)" } ?? ""])
      hash.add(trailer.sums.map { "\($0.column) \($0.field) \($0.group ?? "")" })
    }
    if isWatched { hash.add("watch") }
    if let periodColumn { hash.add(["period", periodColumn]) }
    switch mode {
    case .delta: hash.add("delta")
    case .snapshot(let limit): hash.add("snapshot \(limit)")
    }
    hash.add(format.nullTokens)
    hash.add(key)
    for column in columns {
      hash.add([
        column.name, "\(column.type)", column.sourceName, column.constant.map { "=\($0)" } ?? "",
        "\(column.isOptional)", "\(column.isIndexed)", column.reference?.description ?? "",
        column.minimum?.description ?? "", column.maximum?.description ?? "", column.pattern ?? "",
        column.control?.groupedBy ?? "", column.format?.pattern ?? "", "\(column.acceptsIntegralDecimal)",
        "\(column.isTrimmed)", "\(column.nullTokens != nil)",
      ])
      hash.add(column.nullTokens ?? [])
      hash.add(column.oneOf)
    }
    return hash.digest
  }
}

extension RollupDefinition {
  /// The hash of the definition, of the types it builds on, and of the calendar where periods depend on it.
  func computedHash(name: String, source feed: FeedDefinition?, calendar: CalendarSettings) -> String {
    var hash = StableHash()
    hash.add(["rollup 1", name, source])
    if let base { hash.add(["over", base.name]) }
    var (usesPeriods, usesWeeks, usesFiscal) = (false, false, false)
    var columns: Set<String> = []
    for group in groups {
      hash.add(group.name)
      switch group.source {
      case .column(let column):
        hash.add(["column", column])
        columns.insert(column)
      case .expression(let sql):
        hash.add(["expression", normalizedSQL(sql)])
        usesPeriods = true
      case .date(let column), .week(let column), .month(let column), .quarter(let column), .year(let column),
        .fiscalQuarter(let column), .fiscalYear(let column):
        hash.add(["\(group.source)"])
        columns.insert(column)
        usesPeriods = true
        switch group.source {
        case .week: usesWeeks = true
        case .fiscalQuarter, .fiscalYear: usesFiscal = true
        default: break
        }
      }
    }
    for measure in measures {
      hash.add([measure.name, "\(measure.function)", measure.condition.map(normalizedSQL) ?? ""])
      columns.formUnion(measure.function.columns)
      // SQL may compare a day with a moment, or make either of text.
      if measure.condition != nil { usesPeriods = true }
    }
    if measures.contains(where: \.function.isDistinct) { hash.add("values 2") }
    // The numbers are raised with what the view makes of a state, and a state of its rows.
    if measures.contains(where: \.function.isDeviation) { hash.add("deviations 2") }
    if groups.contains(where: \.source.isLongerThanADay) { hash.add("periods 2") }
    if let feed, measures.contains(where: \.function.isEndpoint) {
      hash.add(feed.key.isEmpty ? ["ties by value"] : ["ties by"] + feed.key)
      columns.formUnion(feed.key)
    }
    for figure in derived { hash.add([figure.name, normalizedSQL(figure.expression)]) }
    for column in columns.sorted() { hash.add([column, feed?.column(named: column)?.type.sql ?? ""]) }
    if usesPeriods { hash.add(["zone", calendar.timeZone]) }
    if usesFiscal { hash.add(["fiscal", "\(calendar.fiscalYearStartMonth)"]) }
    if usesWeeks { hash.add(["week", calendar.weekStart.rawValue]) }
    return hash.digest
  }
}

extension RollupMeasure.Function {
  /// Whether it is the value at a place.
  var isEndpoint: Bool {
    switch self {
    case .first, .last: true
    default: false
    }
  }

  /// Whether it is a square root.
  var isDeviation: Bool { if case .stddev = self { true } else { false } }

  /// Whether it counts values.
  var isDistinct: Bool { if case .distinct = self { true } else { false } }

  /// The columns of the source that the measure reads.
  public var columns: [String] {
    switch self {
    case .count: []
    case .sum(let column), .average(let column), .variance(let column), .stddev(let column), .min(let column),
      .max(let column), .distinct(let column):
      [column]
    case .first(let column, let by), .last(let column, let by): [column, by]
    }
  }
}

extension RollupGroup.Source {
  /// Whether it is the first day of a period that has several.
  var isLongerThanADay: Bool {
    switch self {
    case .column, .expression, .date: false
    case .week, .month, .quarter, .year, .fiscalQuarter, .fiscalYear: true
    }
  }

  /// The column of the source that the group reads, or nil for an expression.
  public var column: String? {
    switch self {
    case .column(let column), .date(let column), .week(let column), .month(let column), .quarter(let column),
      .year(let column), .fiscalQuarter(let column), .fiscalYear(let column):
      column
    case .expression: nil
    }
  }
}

extension NativeViewDefinition {
  func computedHash(name: String) -> String {
    var hash = StableHash()
    hash.add(["native 1", name, normalizedSQL(sql)])
    hash.add(uniqueKey)
    for index in indexes { hash.add(index) }
    return hash.digest
  }
}

extension ReportDefinition {
  /// The hash of everything but positions.
  var computedHash: String {
    var hash = StableHash()
    hash.add(["report 1", name, title, description])
    for section in sections {
      hash.add([section.title, "\(section.kind)", section.text, section.top.map { "\($0)" } ?? "", section.csv ?? ""])
      switch section.source {
      case .none: hash.add("none")
      case .view(let name): hash.add(["view", name])
      case .query(let sql): hash.add(["query", normalizedSQL(sql)])
      }
      for column in section.columns {
        hash.add([column.column, column.label, "\(column.kind)"])
        if let better = column.better { hash.add(["better", better.rawValue]) }
        if let tie = column.tie { hash.add(["tie", tie.relation, tie.column, tie.condition.map(normalizedSQL) ?? ""]) }
      }
      for term in section.orderBy { hash.add([term.column, "\(term.isDescending)"]) }
    }
    if outputs.count < ReportOutput.allCases.count { hash.add(["outputs"] + outputs.map(\.rawValue).sorted()) }
    return hash.digest
  }
}

extension JobDefinition {
  /// The hash of everything but the position.
  var computedHash: String {
    var hash = StableHash()
    hash.add(["job 1", name, "\(timeout)"])
    for stage in stages {
      hash.add([stage.kind.rawValue, "\(stage.selection)", stage.timeout.map { "\($0)" } ?? ""])
    }
    return hash.digest
  }
}

extension Project {
  /// The hash over all definitions; the database's address is left out, for it may carry a password.
  var computedHash: String {
    var hash = StableHash()
    hash.add([
      "project 1", name, database.schema, "\(database.pool)",
      inbox.hasPrefix(root) ? String(inbox.dropFirst(root.count)) : inbox,
      String(output.dropFirst(root.count)), calendar.timeZone,
      "\(calendar.fiscalYearStartMonth)", calendar.weekStart.rawValue, "\(retention.journalDays)", close.late.rawValue,
    ])
    if locale != LocaleSettings() {
      hash.add(["locale", locale.decimalMark, locale.groupingMark, locale.datePattern ?? ""])
    }
    hash.add(feeds.sorted { $0.name < $1.name }.map(\.definitionHash))
    hash.add(views.sorted { $0.name < $1.name }.map(\.definitionHash))
    hash.add(checks.map(\.definitionHash))
    hash.add(reports.map(\.definitionHash))
    hash.add(jobs.map(\.definitionHash))
    return hash.digest
  }
}

/// The tokens of `sql`, or the text itself when it cannot be cut into tokens.
func normalizedSQL(_ sql: String) -> String {
  (try? ScannedSQL(sql))?.normalized ?? sql
}
