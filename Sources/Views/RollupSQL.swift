// A rollup definition as SQL text: the additive state that is stored and the view people query.
// Invariant: every stored column is additive or an extreme (counts, exact sums, sums of squares,
// minima, maxima, first and last with their ordering value), so that signed deltas are
// applied to the same table (RollupDelta). Quotients (average, variance) exist only in the view on top.
// How a state is made of another rollup's state is in RollupBelow.
// Running the SQL is elsewhere; nothing here knows a connection.

internal import Definitions
internal import Postgres

/// The SQL of one rollup over one base table.
struct RollupSQL: Sendable {
  let view: QualifiedName
  let rollup: RollupDefinition
  let feed: FeedDefinition
  let calendar: CalendarSettings
  /// Columns of the table that may be null, whatever the definition says.
  var nullable: Set<String> = []
  /// The state of the finer rollup that the definition names, if it names one.
  var below: RollupBelow?
  /// The values that the finest rollup keeps for this one; nil where it keeps its own.
  var finerValues: FinerValues?

  /// Name of the table that holds the additive state of the rollup `view`.
  static func stateName(of view: QualifiedName) -> QualifiedName {
    QualifiedName(schema: view.schema, name: view.name + "__state")
  }

  /// Name of the table that the next state is built in, before it takes the place of that one.
  static func nextStateName(of view: QualifiedName) -> QualifiedName {
    QualifiedName(schema: view.schema, name: view.name + "__next")
  }

  /// Name under which the state that readers saw is put aside while the next one takes its place.
  var oldState: QualifiedName { QualifiedName(schema: view.schema, name: view.name + "__old") }

  var state: QualifiedName { Self.stateName(of: view) }
  var nextState: QualifiedName { Self.nextStateName(of: view) }
  var source: QualifiedName { QualifiedName(schema: view.schema, name: feed.name) }

  /// Builds the next state from all rows of the source. A plain CREATE TABLE AS, because only that
  /// form may use a parallel plan (PostgreSQL 15 manual, "When Can Parallel Query Be Used?").
  var buildNextState: String {
    let state = belowForAll.map(state(from:)) ?? finerValues.map(state(countedBy:)) ?? stateFromSource
    return "create table \(nextState.quoted) as\n\(state)"
  }

  /// The state as it follows from all rows of the source.
  var stateFromSource: String { state(from: source.quoted) }

  /// The state as it follows from some rows of the source: measures that are counted by values last.
  ///
  /// - Parameter isCounting: whether those are in it.
  func state(from rows: String, isCounting: Bool = true) -> String {
    let groups = rollup.groups.map { "\(groupExpression($0)) as \(quoteIdentifier($0.name))" }
    let counted = isCounting ? rollup.measures.filter(countsValues) : []
    let measures = rollup.measures.filter { !countsValues($0) } + counted
    let cells = [#"count(*) as "__n""#] + measures.flatMap(stateColumns)
    let columns = (groups + cells).map { "  \($0)" }.joined(separator: ",\n")
    let positions = rollup.groups.indices.map { String($0 + 1) }.joined(separator: ", ")
    return "select\n\(columns)\nfrom \(rows)\ngroup by \(positions)"
  }

  /// The index of the next state's key; null keys are one group, as in GROUP BY. Without `left` it is unique.
  ///
  /// - Parameter left: groups that are not in it, because an entry cannot hold their longest key.
  func indexNextState(leaving left: Set<String>) -> String? {
    let key = rollup.groups.filter { !left.contains($0.name) }.map { quoteIdentifier($0.name) }
    if key.isEmpty { return nil }
    let isUnique = key.count == rollup.groups.count
    return "create \(isUnique ? "unique " : "")index on \(nextState.quoted) (\(key.joined(separator: ", ")))"
      + (isUnique ? " nulls not distinct" : "")
  }

  /// Whether such a key is longer than what an index entry has room for: as it is stored, compressed where it is, for so it
  /// stands in the entry.
  func isLong(_ key: String) -> String { "coalesce(pg_column_size(\(key)) > \(keyBytesMaximum), false)" }

  /// The groups whose keys may be of any length.
  var unboundedGroups: [RollupGroup] {
    rollup.groups.filter { group in
      switch group.source {
      case .column(let name): [.text, .json].contains(feed.column(named: name)?.type)
      case .expression: true
      default: false
      }
    }
  }

  /// So many bytes of each such key fit into an index entry of at most 2,704 bytes beside those of the other groups.
  /// Source: PostgreSQL 15, src/include/access/nbtree.h, BTMaxItemSize.
  var keyBytesMaximum: Int { 2_000 / max(1, unboundedGroups.count) }

  /// The view people query: groups, measures, then derived columns, over the state table.
  var createView: String {
    let groups = rollup.groups.map { quoteIdentifier($0.name) }
    let measures = rollup.measures.map { "\(readExpression($0)) as \(quoteIdentifier($0.name))" }
    let inner = (groups + measures).map { "    \($0)" }.joined(separator: ",\n")
    let derived = rollup.derived.map { "  \($0.expression) as \(quoteIdentifier($0.name))" }
    let outer = (["  measured.*"] + derived).joined(separator: ",\n")
    return """
      create or replace view \(view.quoted) as
      select
      \(outer)
      from (
        select
      \(inner)
        from \(state.quoted)
      ) as measured
      """
  }

  // MARK: Groups

  func groupExpression(_ group: RollupGroup) -> String {
    switch group.source {
    case .column(let column): quoteIdentifier(column)
    // One value for each row: in this place the server refuses what would make several rows of one.
    case .expression(let sql): "(case when true then (\(sql)) end)"
    default: periodExpression(group.source, day: group.source.column.map { day(of: $0) } ?? "null")
    }
  }

  /// The first day of the period in which a day lies.
  func periodExpression(_ period: RollupGroup.Source, day: String) -> String {
    switch period {
    case .column, .expression, .date: return day
    case .week:
      // date_trunc knows Monday weeks: move the day so that the project's first weekday falls on a Monday, and back.
      let shift = calendar.weekStart.daysAfterMonday
      return "(date_trunc('week', (\(day) - \(shift))::timestamp)::date + \(shift))"
    // Of a date alone the server makes a moment of the session's time zone, in which that day may never have been.
    case .month: return "date_trunc('month', \(day)::timestamp)::date"
    case .quarter: return "date_trunc('quarter', \(day)::timestamp)::date"
    case .year: return "date_trunc('year', \(day)::timestamp)::date"
    case .fiscalQuarter: return fiscal("quarter", day)
    case .fiscalYear: return fiscal("year", day)
    }
  }

  /// The column that a group by period is made of, the length of the period as an interval, and the most days that it has.
  func period(_ group: RollupGroup) -> (column: String, length: String, days: Int)? {
    switch group.source {
    case .column, .expression: nil
    case .date(let column): (column, "1 day", 1)
    case .week(let column): (column, "7 days", 7)
    case .month(let column): (column, "1 month", 31)
    case .quarter(let column), .fiscalQuarter(let column): (column, "3 months", 92)
    case .year(let column), .fiscalYear(let column): (column, "1 year", 366)
    }
  }

  /// Whether a row's group may be null.
  func mayBeNull(_ group: RollupGroup) -> Bool {
    var column = period(group)?.column
    if case .column(let name) = group.source { column = name }
    guard let column, let declared = feed.column(named: column) else { return true }
    return declared.isOptional || nullable.contains(column)
  }

  /// The first day of a fiscal period: the calendar period of the day moved back to a January start, moved forth again.
  private func fiscal(_ period: String, _ day: String) -> String {
    let months = calendar.fiscalYearStartMonth - 1
    let shift = "interval '\(months) months'"
    // The first of the month, because moving a 31st by months would land in a neighbouring period.
    let month = "date_trunc('month', \(day)::timestamp)"
    return "(date_trunc('\(period)', \(month) - \(shift)) + \(shift))::date"
  }

  /// The civil day of a column, in the project's time zone when the column holds an instant.
  ///
  /// - Parameter name: what holds the column's value; the column itself when nil.
  func day(of column: String, in name: String? = nil) -> String {
    let name = name ?? quoteIdentifier(column)
    guard feed.column(named: column)?.type == .timestamptz else { return "\(name)::date" }
    return "(\(name) at time zone \(quoteLiteral(calendar.timeZone)))::date"
  }

  // MARK: Measures

  /// The columns of the state table that `measure` needs.
  func stateColumns(_ measure: RollupMeasure) -> [String] {
    func cell(_ suffix: String, _ expression: String) -> String {
      "\(expression) as \(quoteIdentifier(measure.name + suffix))"
    }
    let only = measure.condition.map { " filter (where \($0))" } ?? ""
    func exact(_ column: String) -> String { "\(quoteIdentifier(column))::numeric" }
    switch measure.function {
    case .count:
      return [cell("__n", "count(*)\(only)")]
    case .sum(let column):
      return [cell("__n", "count(\(quoteIdentifier(column)))\(only)"), cell("__sum", "sum(\(exact(column)))\(only)")]
    case .average(let column):
      return [cell("__n", "count(\(quoteIdentifier(column)))\(only)"), cell("__sum", "sum(\(exact(column)))\(only)")]
    case .variance(let column), .stddev(let column):
      let value = exact(column)
      return [
        cell("__n", "count(\(quoteIdentifier(column)))\(only)"), cell("__sum", "sum(\(value))\(only)"),
        cell("__squares", "sum(\(value) * \(value))\(only)"),
      ]
    case .min(let column):
      return [cell("__min", "min(\(quoteIdentifier(column)))\(only)")]
    case .max(let column):
      return [cell("__max", "max(\(quoteIdentifier(column)))\(only)")]
    case .first, .last: return endpointColumns(measure, filter: only)
    case .distinct(let column):
      return [cell("__distinct", "count(distinct \(quoteIdentifier(column)))\(only)")]
    }
  }

  /// The names of the columns of the state.
  var stateColumnNames: Set<String> {
    var names = Set(rollup.groups.map(\.name) + ["__n"])
    for measure in rollup.measures {
      let suffixes =
        switch measure.function {
        case .count: ["__n"]
        case .sum, .average: ["__n", "__sum"]
        case .variance, .stddev: ["__n", "__sum", "__squares"]
        case .min: ["__min"]
        case .max: ["__max"]
        case .first, .last: ["__value", "__by"]
        case .distinct: ["__distinct"]
        }
      names.formUnion(suffixes.map { measure.name + $0 })
    }
    return names
  }

  /// The value at the earliest or latest `by`; ties go by the feed's key, or by the value where rows have no key, so that
  /// the answer is the same every time.
  ///
  /// - Parameter filter: which rows take part, as a filter clause.
  func endpointColumns(_ measure: RollupMeasure, filter only: String) -> [String] {
    let column: String
    let by: String
    let direction: String
    switch measure.function {
    case .first(let value, let place): (column, by, direction) = (value, place, "asc")
    case .last(let value, let place): (column, by, direction) = (value, place, "desc")
    default: return []
    }
    func cell(_ suffix: String, _ expression: String) -> String {
      "\(expression) as \(quoteIdentifier(measure.name + suffix))"
    }
    let order = ([by] + (feed.key.isEmpty ? [column] : feed.key).filter { $0 != by })
      .map { "\(quoteIdentifier($0)) \(direction) nulls last" }.joined(separator: ", ")
    return [
      cell("__value", "(array_agg(\(quoteIdentifier(column)) order by \(order))\(only))[1]"),
      cell("__by", "(array_agg(\(quoteIdentifier(by)) order by \(order))\(only))[1]"),
    ]
  }

  /// A measure as read from the state. The quotients are those of PostgreSQL's own aggregates, digit for digit.
  private func readExpression(_ measure: RollupMeasure) -> String {
    func cell(_ suffix: String) -> String { quoteIdentifier(measure.name + suffix) }
    let spread = "(\(cell("__n")) * \(cell("__squares")) - \(cell("__sum")) * \(cell("__sum")))"
    let quotient = "\(spread) / (\(cell("__n"))::numeric * (\(cell("__n")) - 1))"
    // Of equal values the server says 0 without decimals. What is no number is greater than any to it.
    func ofSeveral(_ expression: String) -> String {
      "case when \(cell("__n")) > 1 then case when \(spread) <= 0 then 0::numeric else \(expression) end end"
    }
    switch measure.function {
    case .count: return cell("__n")
    case .sum: return "coalesce(\(cell("__sum")), 0)"
    case .average: return "\(cell("__sum")) / nullif(\(cell("__n")), 0)"
    case .variance: return ofSeveral(quotient)
    case .stddev:
      // PostgreSQL keeps as many decimals as the variance has; its sqrt() would keep more. With twice as many, and one more
      // for each digit, no root that is not half of the last one lies so near it that rounding twice makes it that.
      let places = "2 * scale(\(quotient)) + length((\(quotient))::text)"
      return ofSeveral(
        "coalesce(round(sqrt(round(\(quotient), \(places))), scale(\(quotient))), 'NaN'::numeric)")
    case .min: return cell("__min")
    case .max: return cell("__max")
    case .first, .last: return cell("__value")
    case .distinct: return cell("__distinct")
    }
  }
}
