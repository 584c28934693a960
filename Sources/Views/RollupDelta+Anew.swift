// Reading groups anew whose extremes may have left: from the finer state where that tells all, otherwise from the table.
// Invariant: all ways of reading the table, one pass for all groups and a lookup for each, give the same cells. What is
// exactly in a group is decided by the group's own expression; the rest only lets an index serve.

internal import Definitions
internal import Postgres

extension RollupDelta {
  /// How the groups in doubt are found in the table.
  enum AnewReading: Equatable {
    /// One pass over the table, whatever the number of groups.
    case pass
    /// A lookup for each group by its keys, which takes an index on one of them, and keys that are not null.
    case lookups
    /// A lookup for each group by the stretch of time that contains it, which takes an index on that column.
    case stretches
  }

  /// The measures that have to be read anew.
  private var read: [RollupMeasure] { measures.filter(sql.isReadAnew) }

  /// The ways in which the groups can be looked up one by one.
  var lookups: [AnewReading] {
    if read.isEmpty || sql.belowForAnew != nil { return [] }
    return (periods.count < groups.count ? [.lookups] : []) + (periods.isEmpty ? [] : [.stretches])
  }

  /// How many rows lie in the periods of the groups in doubt, each counted for every such group, and how many there are.
  var countStretches: String {
    let names = periods.map { quoteIdentifier(groups[$0.group].name) }.joined(separator: ", ")
    let keys = periods.map { Self.key($0.group) }.joined(separator: ", ")
    let state = sql.state.quoted
    return """
      select coalesce(sum(c.n * s.n), 0)::float8, (select coalesce(sum("__n"), 0)::float8 from \(state))
      from (select \(keys), count(*) as n from daybook_change where "__anew" group by \(keys)) as c
      join (select \(names), sum("__n") as n from \(state) group by \(names)) as s
        on (\(periods.map { "c.\(Self.key($0.group))" }.joined(separator: ", "))) =
          (\(periods.map { "s.\(quoteIdentifier(groups[$0.group].name))" }.joined(separator: ", ")))
      """
  }

  /// Makes `daybook_anew`, the extremes of the groups in doubt by their number; nil when measures only add up.
  ///
  /// - Parameter withNull: whether a key of any such group is null.
  func createAnew(by reading: AnewReading, withNull: Bool) -> String? {
    if read.isEmpty { return nil }
    return "create temporary table daybook_anew on commit drop as\n\(selectAnew(by: reading, withNull: withNull))"
  }

  func selectAnew(by reading: AnewReading, withNull: Bool) -> String {
    let inner = groups.enumerated().map { index, group in
      let expression = sql.belowForAnew.map { sql.groupExpression(group, from: $0.base) } ?? sql.groupExpression(group)
      return "\(expression) as \(Self.key(index))"
    }
    let source = sql.belowForAnew?.state ?? sql.source
    let rows = "(select \(inner.joined(separator: ", ")), t.* from \(source.quoted) t) as b"
    let inDoubt = "(select * from daybook_change where \"__anew\") as c"
    let cells = read.flatMap { measure in
      sql.belowForAnew.map { sql.stateColumns(measure, from: $0) } ?? sql.stateColumns(measure)
    }.joined(separator: ", ")
    let parts = matches(groups.indices.map { "b.\(Self.key($0))" }, keysOf: "c").prefix(withNull ? 2 : 1).map { match in
      // Where a key may be null, no stretch of time contains it.
      let stretches =
        sql.belowForAnew != nil || reading == .lookups
        ? [] : periods.filter { match.only == nil || !withNull || !sql.mayBeNull(groups[$0.group]) }.map(\.condition)
      return (conditions: (stretches + [match.on]).joined(separator: " and "), only: withNull ? match.only : nil)
    }
    switch reading {
    case .lookups, .stretches:
      // An aggregate for each group: no plan can make one pass of it.
      return """
        select c."__number" as "__place", r.*
        from \(inDoubt) cross join lateral (select \(cells) from \(rows) where \(parts[0].conditions)) as r
        """
    case .pass:
      let joined = parts.map {
        """
        select c."__number" as "__place", b.*
        from \(rows)
        join \(inDoubt) on \($0.conditions)\($0.only.map { "\nwhere \($0)" } ?? "")
        """
      }
      return """
        select "__place", \(cells)
        from (
        \(joined.joined(separator: "\nunion all\n"))
        ) as rows
        group by "__place"
        """
    }
  }

  /// For each group by period a stretch of the column that contains it, which an index can serve; what is exactly in
  /// the group is decided by the group's own expression. The day to spare covers midnights that a clock skips or has twice.
  /// Both ends belong to it: infinity is the only moment of its period.
  private var periods: [(group: Int, condition: String)] {
    groups.enumerated().compactMap { index, group in
      guard let (column, length, _) = sql.period(group) else { return nil }
      let name = "b.\(quoteIdentifier(column))"
      let key = "c.\(Self.key(index))"
      // Behind the last day of which moments can be counted on, the stretch has no end: `infinity` is in it. Before the
      // first, it has no beginning.
      let isNear = "\(key) < date '290000-01-01'"
      let low = """
        (case when \(key) < date '4714-12-31 BC' then timestamp '-infinity' \
        when \(isNear) then \(key)::timestamp - interval '1 day' else timestamp '289999-12-31' end)
        """
      let high = """
        (case when \(isNear) then \(key)::timestamp + interval '\(length)' + interval '1 day' \
        else timestamp 'infinity' end)
        """
      switch sql.feed.column(named: column)?.type {
      case .timestamptz:
        let zone = quoteLiteral(sql.calendar.timeZone)
        return (index, "\(name) >= \(low) at time zone \(zone) and \(name) <= \(high) at time zone \(zone)")
      case .timestamp: return (index, "\(name) >= \(low) and \(name) <= \(high)")
      case .date: return (index, "\(name) >= \(low)::date and \(name) <= \(high)::date")
      default: return nil
      }
    }
  }
}
