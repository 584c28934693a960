// The values that a distinct measure has counted, each with the number of rows that have it in a group: the one measure
// whose change cannot be told from a sum.
// Invariant: a value is in the table exactly when a row of its group has it, so that the measure is the number of its
// rows; a value that comes to its first row raises the measure by one, one that loses its last row lowers it by one.
// A rollup by periods that sums up finer ones keeps none: what is left of a value in its group is the sum over the groups
// of the finest one, which follows the same journal first, in the same transaction.
// Values of JSON are not kept, because equal ones may be written differently: they are counted anew.

internal import Definitions
internal import Ledger
internal import Postgres

/// The values of one distinct measure, in a table of their own or in that of the finest rollup under its own.
struct DistinctValues: Sendable {
  let sql: RollupSQL
  let measure: RollupMeasure
  let column: String
  /// Its place among the measures of its rollup that count values.
  let ordinal: Int

  /// The ends of the names of such tables: in use, and while the next one is built.
  private static let (suffix, nextSuffix) = ("__v", "__w")

  var table: QualifiedName { named(Self.suffix) }
  var nextTable: QualifiedName { named(Self.nextSuffix) }

  /// The beginning of what the table says of itself.
  static let mark = "the values that "

  /// Writes on the next table whose it is.
  var markNext: String {
    "comment on table \(nextTable.quoted) is \(quoteLiteral("\(Self.mark)\(measure.name) of \(sql.view.name) counts"))"
  }

  private func named(_ suffix: String) -> QualifiedName {
    QualifiedName(schema: sql.view.schema, name: "\(sql.view.name)\(suffix)\(ordinal)")
  }

  /// A regular expression for the names of all such tables of a view that are in use.
  static func pattern(of view: String) -> String { "^\(view)\(suffix)[0-9]+$" }

  /// Whether such a table of a view may have this name.
  static func isTable(_ name: String, of view: String) -> Bool {
    let number = name.dropFirst(view.count + suffix.count)
    return name.hasPrefix(view + suffix) && !number.isEmpty && number.allSatisfy(\.isWholeNumber)
  }

  /// The names of its columns.
  var columns: Set<String> { Set(sql.rollup.groups.map(\.name) + ["__value", "__n"]) }

  private var keys: [String] { sql.rollup.groups.map { quoteIdentifier($0.name) } }
  private var isText: Bool { sql.feed.column(named: column)?.type == .text }

  /// What an index can hold of a value: an entry has at most 2.7 kB, and a text may be longer.
  private func indexed(_ value: String) -> String { isText ? "md5(\(value))" : value }

  // MARK: From the table

  var buildNext: String { "create table \(nextTable.quoted) as\n\(counted(from: sql.source.quoted))" }

  /// The values as they follow from some rows of the source.
  func counted(from rows: String) -> String {
    let groups = zip(sql.rollup.groups, keys).map { "\(sql.groupExpression($0.0)) as \($0.1)" }
    let name = quoteIdentifier(column)
    let conditions = ["\(name) is not null"] + (measure.condition.map { ["(\($0))"] } ?? [])
    return """
      select \(groups.joined(separator: ", ")), \(name) as "__value", count(*) as "__n"
      from \(rows)
      where \(conditions.joined(separator: " and "))
      group by \((1...(keys.count + 1)).map(String.init).joined(separator: ", "))
      """
  }

  /// By the value first and by periods last: all that a coarser rollup asks for stands side by side.
  ///
  /// - Parameter left: groups that are not in it, because an entry cannot hold their longest key.
  func indexNext(leaving left: Set<String>) -> String {
    let value = isText ? "(\(indexed(#""__value""#)))" : #""__value""#
    let groups = sql.rollup.groups.filter { !left.contains($0.name) }
    let (periods, others) = (groups.filter { sql.period($0) != nil }, groups.filter { sql.period($0) == nil })
    let keys = (others + periods).map { quoteIdentifier($0.name) }
    return "create index on \(nextTable.quoted) (\(([value] + keys).joined(separator: ", ")))"
  }

  // MARK: From images

  /// The changes of values, beside what is known of them: `daybook_values`, numbered as `daybook_delta`.
  func createChanges(_ delta: RollupDelta) -> String {
    let numbered = sql.rollup.groups.indices.map { RollupDelta.key($0) }
    let groups = sql.rollup.groups.enumerated().map {
      "\(delta.images.name(of: sql.groupExpression($0.element))) as \(numbered[$0.offset])"
    }
    let name = quoteIdentifier(column)
    let conditions =
      ["\(name) is not null", delta.stretch]
      + (measure.condition.map { [delta.images.name(of: "(\($0))")] } ?? [])
    let weight = quoteIdentifier(JournalTable.weight)
    let changes = """
      select \(groups.joined(separator: ", ")), \(name) as "__value", sum(\(weight)) as "__n"
      from \(delta.images.source)
      where \(conditions.joined(separator: " and "))
      group by \((1...(keys.count + 1)).map(String.init).joined(separator: ", "))
      having sum(\(weight)) <> 0
      """
    let finer = sql.finerValues.flatMap { finer in finer.table(of: measure).map { (finer.base, $0) } }
    let cells = sql.rollup.groups.map { group in
      finer.map { sql.groupExpression(group, from: $0.0) } ?? "t.\(quoteIdentifier(group.name))"
    }
    let matches = zip(delta.matches(numbered.map { "d.\($0)" }, keysOf: "c"), delta.matches(cells, keysOf: "c"))
    let value = #"t."__value" = c."__value""#
    let place = isText ? "\(indexed(#"t."__value""#)) = \(indexed(#"c."__value""#)) and \(value)" : value
    let parts = matches.enumerated().map { part, matches in
      let (groups, cells) = matches
      let lookup: String
      if let (base, table) = finer {
        let conditions = [place, cells.on] + stretches(base, withNull: part > 0)
        lookup = """
          select null::tid as "__place", d."__number", c."__value", c."__n", t."__left" - c."__n" as "__old"
          from changes c join daybook_delta d on \(groups.on)
          cross join lateral (
            select coalesce(sum(t."__n"), 0)::bigint as "__left" from \(table.quoted) t
            where \(conditions.joined(separator: " and "))
          ) as t
          """
      } else {
        // In the first part no key is null: the index finds the one row of a value, and the limit keeps the server from
        // reading all the values of history instead.
        lookup = """
          select t."__place", d."__number", c."__value", c."__n", coalesce(t."__n", 0) as "__old"
          from changes c join daybook_delta d on \(groups.on)
          left join lateral (
            select t.ctid as "__place", t."__n" from \(table.quoted) t
            where \(cells.on) and \(place)\(part == 0 ? " limit 1" : "")
          ) as t on true
          """
      }
      return lookup + (groups.only.map { "\nwhere \($0)" } ?? "")
    }
    return """
      create temporary table daybook_values on commit drop as
      with changes as (
      \(changes)
      )
      \(parts.joined(separator: "\nunion all\n"))
      """
  }

  /// For each group by period the finest rollup's days or periods among which its own are, which an index can serve; which
  /// of them are exactly in it is decided by the group's own expression. No stretch contains a key that is null.
  private func stretches(_ base: RollupBase, withNull: Bool) -> [String] {
    sql.rollup.groups.enumerated().compactMap { index, group in
      if withNull, sql.mayBeNull(group) { return nil }
      guard let place = base.groups[group.name], place.isPeriod, let days = sql.period(group)?.days else { return nil }
      let (name, key) = ("t.\(quoteIdentifier(place.name))", "c.\(RollupDelta.key(index))")
      return "\(name) >= \(key) and \(name) <= \(key) + \(days)"
    }
  }

  static let countImpossible = #"select count(*) from daybook_values where "__old" < 0 or "__old" + "__n" < 0"#

  /// Brings the values up to date, where they are its own, and puts the change of their number into `daybook_change`.
  var apply: [String] { (sql.finerValues == nil ? applyToTable : []) + [applyToChange] }

  private var applyToTable: [String] {
    let columns = (keys + [#""__value""#, #""__n""#]).joined(separator: ", ")
    let groups = sql.rollup.groups.indices.map { "d.\(RollupDelta.key($0))" }.joined(separator: ", ")
    return [
      """
      delete from \(table.quoted) t using daybook_values c where t.ctid = c."__place" and c."__old" + c."__n" = 0
      """,
      """
      update \(table.quoted) t set "__n" = c."__old" + c."__n"
      from daybook_values c where t.ctid = c."__place" and c."__old" + c."__n" <> 0
      """,
      """
      insert into \(table.quoted) (\(columns))
      select \(groups), c."__value", c."__n"
      from daybook_values c join daybook_delta d using ("__number") where c."__place" is null
      """,
    ]
  }

  private var applyToChange: String {
    let cell = quoteIdentifier(measure.name + "__distinct")
    return """
      update daybook_change d set \(cell) = c."__change"
      from (
        select "__number", count(*) filter (where "__old" = 0) - count(*) filter (where "__old" + "__n" = 0) as "__change"
        from daybook_values group by 1
      ) as c
      where c."__number" = d."__number"
      """
  }
}

extension RollupSQL {
  /// Whether a distinct measure is counted by values that are kept.
  func countsValues(_ measure: RollupMeasure) -> Bool {
    guard case .distinct(let column) = measure.function else { return false }
    return feed.column(named: column)?.type != .json
  }

  /// The values of each distinct measure that is counted by them.
  var countedValues: [DistinctValues] {
    rollup.measures.filter(countsValues).enumerated().compactMap { ordinal, measure in
      guard case .distinct(let column) = measure.function else { return nil }
      return DistinctValues(sql: self, measure: measure, column: column, ordinal: ordinal)
    }
  }

  /// Those of which the tables belong to the state.
  var distinctValues: [DistinctValues] { finerValues == nil ? countedValues : [] }

  /// Whether something that leaves can change a measure in a way that only the table knows.
  func isReadAnew(_ measure: RollupMeasure) -> Bool {
    switch measure.function {
    case .min, .max, .first, .last: true
    case .count, .sum, .average, .variance, .stddev: false
    case .distinct: !countsValues(measure)
    }
  }

  /// The finer state, where all that may have to be read anew can be read from it.
  var belowForAnew: RollupBelow? {
    let isTold = rollup.measures.filter(isReadAnew).allSatisfy { measure in
      switch measure.function {
      case .min, .max: true
      default: false
      }
    }
    return isTold ? below : nil
  }

  /// The finer state, where the whole state can be made of it.
  var belowForAll: RollupBelow? {
    let isTold = rollup.measures.allSatisfy { measure in
      switch measure.function {
      case .count, .sum, .average, .variance, .stddev, .min, .max: true
      case .first, .last, .distinct: false
      }
    }
    return isTold ? below : nil
  }
}
