// One of 32 slices of a rollup's groups, and its recompute from the table.
// Invariant: a group is in exactly one slice, the same one in the state and in the table, so that 32 slices are all
// groups; a group that only one side has is in that side's slice. Every slice is found by the group's key alone.
//
// What a slice costs. Where a group is a period of an indexed column, slices are every 32nd period, and the table is read
// through the index by stretches: 1/32 of it. Otherwise the key's hash decides, and the table is read through, but only
// 1/32 of its rows are aggregated. The values of distinct measures are read through, whichever slice: their index begins
// with the value.

internal import Definitions
internal import Postgres

/// A slice of the groups of a rollup.
struct RollupSlice {
  let sql: RollupSQL
  /// Which one, from 0.
  let number: Int

  /// How many there are.
  static let count = 32

  /// The rows of the state that are in the slice.
  var held: String { held(of: sql.state) }

  /// The same rows as they follow from the table.
  var recomputed: String { sql.state(from: rows) }

  /// The rows that values keep of the slice, and the same as they follow from the table.
  func values(_ values: DistinctValues) -> (held: String, fresh: String) {
    (held(of: values.table), values.counted(from: rows))
  }

  private func held(of table: QualifiedName) -> String {
    let key = byPeriod.map { ordinalSlice(quoteIdentifier($0.name), of: $0) }
    let slice = key ?? hashSlice { quoteIdentifier($0.name) }
    return "select * from \(table.quoted) where \(slice) = \(number)"
  }

  /// The rows of the table that are in the slice.
  private var rows: String {
    guard let group = byPeriod else {
      let slice = hashSlice(sql.groupExpression)
      return "(select * from \(sql.source.quoted) where \(slice) = \(number)) as sliced"
    }
    guard isRead(byStretchesOf: group), let column = sql.period(group)?.column else {
      let slice = ordinalSlice(sql.groupExpression(group), of: group)
      return "(select * from \(sql.source.quoted) where \(slice) = \(number)) as sliced"
    }
    return "(\(stretches(of: group, column: column))) as sliced"
  }

  /// Whether the table is read through an index.
  var isIndexed: Bool { byPeriod.map { isRead(byStretchesOf: $0) } ?? false }

  // MARK: Which slice a key is in

  /// The group that decides: a period of an indexed column where there is one, else any period; nil when the hash does.
  private var byPeriod: RollupGroup? {
    let periods = sql.rollup.groups.filter { sql.period($0) != nil }
    return periods.first(where: isRead) ?? periods.first
  }

  private func isRead(byStretchesOf group: RollupGroup) -> Bool {
    guard let name = sql.period(group)?.column, let column = sql.feed.column(named: name) else { return false }
    return column.isIndexed && column.type.isTemporal
  }

  private func hashSlice(_ key: (RollupGroup) -> String) -> String {
    let keys = sql.rollup.groups.map { group in
      // An expression may be of a type that has no hash. Equal values must have equal ones: 0 and 0.00 differ as text.
      if case .expression = group.source { "to_jsonb(\(key(group)))" } else { key(group) }
    }
    // The sign of the remainder is the sign of the hash.
    let hash = "hash_record_extended(row(\(keys.joined(separator: ", "))), 0)"
    return "(\(hash) % \(Self.count) + \(Self.count)) % \(Self.count)"
  }

  /// Counts the periods from a fixed one on. What has no number, null and the infinities, is in slice 0.
  private func ordinalSlice(_ key: String, of group: RollupGroup) -> String {
    let months = "(extract(year from \(key)) * 12 + extract(month from \(key)))"
    let ordinal =
      switch group.source {
      case .week: "floor((\(key) - date '2000-01-03') / 7.0)"
      case .month: months
      case .quarter, .fiscalQuarter: "floor(\(months) / 3)"
      case .year, .fiscalYear: "floor(\(months) / 12)"
      case .date, .column, .expression: "(\(key) - date '2000-01-03')::numeric"
      }
    let slice = "mod(mod(\(ordinal), \(Self.count)) + \(Self.count), \(Self.count))"
    return "(case when isfinite(\(key)) then \(slice) else 0 end)"
  }

  // MARK: Reading the table by stretches

  /// The rows of the slice's periods. A stretch has some hours to spare on both sides, more than any clock was put back
  /// since 1970; what is exactly in the period is decided by the group's own expression, so no row comes twice.
  private func stretches(of group: RollupGroup, column: String) -> String {
    let name = quoteIdentifier(column)
    let length = sql.period(group)?.length ?? ""
    let key = sql.groupExpression(group)
    let finite = "\(name) > '-infinity' and \(name) < 'infinity'"
    func bound(_ pick: String) -> String {
      "(select \(key) from (select \(pick)(\(name)) as \(name) from \(sql.source.quoted) where \(finite)) as bound)"
    }
    // What there is to spare is taken from the moment: on the clock it may fall into a day that a zone skipped, and come
    // behind the midnight that it is to be before.
    func moment(_ day: String, _ sign: String) -> String {
      switch sql.feed.column(named: column)?.type {
      case .timestamptz: "((\(day)) at time zone \(quoteLiteral(sql.calendar.timeZone))) \(sign) interval '4 hours'"
      case .date: "(\(day))::date"
      default: "(\(day))"
      }
    }
    let low = moment("p.beginning", "-")
    let high = moment("p.beginning + interval '\(length)'", "+")
    // A period without an end or without a value is no stretch of time; slice 0 has them all.
    let endless =
      number != 0
      ? ""
      : """

      union all
      select t.* from \(sql.source.quoted) as t where \(name) is null or \(name) in ('-infinity', 'infinity')
      """
    return """
      select t.*
      from (
        select beginning from generate_series(\(bound("min"))::timestamp, \(bound("max"))::timestamp,
          interval '\(length)') as s(beginning)
        where \(ordinalSlice("beginning::date", of: group)) = \(number)
      ) as p
      join lateral (
        select * from \(sql.source.quoted) as s
        where s.\(name) >= \(low) and s.\(name) < \(high) and \(key) = p.beginning::date
      ) as t on true\(endless)
      """
  }
}

extension RollupSQL {
  /// How many groups differ between two tables of states, how many the first one has, and the keys of the first of those
  /// that differ as text: one row at least.
  func differences(between held: String, and fresh: String, atMost limit: Int) -> String {
    let keys = rollup.groups.map { quoteIdentifier($0.name) }
    let texts = keys.map { "\($0)::text" }.joined(separator: ", ")
    return """
      with held as (
      \(held)
      ), fresh as (
      \(fresh)
      ), differing as (
        select distinct \(keys.joined(separator: ", ")) from (
          (select * from held except all select * from fresh)
          union all
          (select * from fresh except all select * from held)
        ) as d
      ), named as (
        select array[\(texts)]::text[] as key from differing order by 1 limit \(limit)
      )
      select (select count(*) from differing), (select count(*) from held), named.key
      from (values (1)) as one left join named on true
      """
  }
}
