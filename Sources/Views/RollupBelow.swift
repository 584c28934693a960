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
