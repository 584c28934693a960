// A rollup's state made of the state of a finer rollup, where that says all that is needed: months of days.
// Invariant: what comes of it equals what would come of the table. Places of first and last values are decided among equals
// by the feed's key, and distinct values by the values, neither of which a state has: those are read from the table. How
// distinct values change is told by the values that the finest rollup keeps.

internal import Definitions
internal import Postgres

/// The state of a finer rollup over the same feed.
struct RollupBelow: Sendable {
  /// Its table; the next one while the finer rollup is being made anew in the same transaction.
  var state: QualifiedName
  let base: RollupBase

  /// - Returns: nil for a rollup that names no finer one.
  init?(_ rollup: RollupDefinition, schema: String) {
    guard let base = rollup.base else { return nil }
    state = RollupSQL.stateName(of: QualifiedName(schema: schema, name: base.name))
    self.base = base
  }
}

/// The values of distinct measures that the finest of the rollups under a rollup keeps, by which that one counts, too.
struct FinerValues: Sendable {
  /// How the rollup follows from the finest one.
  let base: RollupBase
  /// The finest one's values by the name of the measure here.
  let values: [String: DistinctValues]
  /// Whether the finest one is being made anew in the same transaction.
  var isNext = false

  func table(of measure: RollupMeasure) -> QualifiedName? {
    values[measure.name].map { isNext ? $0.nextTable : $0.table }
  }
}

extension RollupSQL {
  /// The state as it follows from the source, and its distinct measures from the values by which they are counted from now
  /// on. Were they counted from the source, a change by hand that no journal tells of would be in one and not in the other,
  /// and what comes or goes later would be counted twice or not at all.
  func state(countedBy finer: FinerValues) -> String {
    let keys = rollup.groups.map { quoteIdentifier($0.name) }
    // Equal keys have equal hashes, nulls included; of what an expression gives there may be no hash.
    let hashed = rollup.groups.filter { if case .expression = $0.source { false } else { true } }
      .map { quoteIdentifier($0.name) }
    func hash(_ alias: String) -> String {
      "hash_record(row(\(hashed.map { "\(alias).\($0)" }.joined(separator: ", "))))"
    }
    var cells: [String] = []
    var joins: [String] = []
    for (place, values) in countedValues.enumerated() {
      guard let table = finer.table(of: values.measure) else { continue }
      let (alias, cell) = ("v\(place)", quoteIdentifier(values.measure.name + "__distinct"))
      let groups = zip(rollup.groups, keys).map { "\(groupExpression($0.0, from: finer.base)) as \($0.1)" }
      let same =
        [hashed.isEmpty ? nil : "\(hash(alias)) = \(hash("s"))"].compactMap(\.self)
        + keys.map { "\(alias).\($0) is not distinct from s.\($0)" }
      cells.append("coalesce(\(alias).\(cell), 0) as \(cell)")
      joins.append(
        """
        left join (
          select \(groups.joined(separator: ", ")), count(distinct "__value") as \(cell)
          from \(table.quoted)
          group by \((1...keys.count).map(String.init).joined(separator: ", "))
        ) as \(alias) on \(same.joined(separator: " and "))
        """)
    }
    return """
      select \((["s.*"] + cells).joined(separator: ", "))
      from (
      \(state(from: source.quoted, isCounting: false))
      ) as s
      \(joins.joined(separator: "\n"))
      """
  }

  /// The state as it follows from the finer one.
  func state(from below: RollupBelow) -> String {
    let groups = rollup.groups.map { "\(groupExpression($0, from: below.base)) as \(quoteIdentifier($0.name))" }
    let cells = [#"sum("__n")::bigint as "__n""#] + rollup.measures.flatMap { stateColumns($0, from: below) }
    let positions = rollup.groups.indices.map { String($0 + 1) }.joined(separator: ", ")
    return """
      select
      \((groups + cells).map { "  \($0)" }.joined(separator: ",\n"))
      from \(below.state.quoted)
      group by \(positions)
      """
  }

  func groupExpression(_ group: RollupGroup, from base: RollupBase) -> String {
    guard let place = base.groups[group.name] else { return "null" }
    let name = quoteIdentifier(place.name)
    switch group.source {
    case .column, .expression: return name
    default:
      let day = place.isPeriod ? name : group.source.column.map { self.day(of: $0, in: name) } ?? name
      return periodExpression(group.source, day: day)
    }
  }

  /// The cells of a measure, summed up.
  func stateColumns(_ measure: RollupMeasure, from below: RollupBelow) -> [String] {
    let source = below.base.measures[measure.name] ?? measure.name
    func cell(_ aggregate: String, _ suffix: String, _ type: String = "") -> String {
      "\(aggregate)(\(quoteIdentifier(source + suffix)))\(type) as \(quoteIdentifier(measure.name + suffix))"
    }
    let count = cell("sum", "__n", "::bigint")
    switch measure.function {
    case .count: return [count]
    case .sum, .average: return [count, cell("sum", "__sum")]
    case .variance, .stddev: return [count, cell("sum", "__sum"), cell("sum", "__squares")]
    case .min: return [cell("min", "__min")]
    case .max: return [cell("max", "__max")]
    case .first, .last, .distinct: return []
    }
  }
}
