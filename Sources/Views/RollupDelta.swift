// The SQL that brings a rollup's state up to date from signed images of what changed, in four temporary steps: what the
// images add up to for each group, where those groups stand in the state, what of them has to be read anew, and the
// change of the state itself.
// Invariant: the state afterwards equals, digit for digit, the one that a rebuild from the table would make. Counts and
// sums add up with the image's weight. An extreme is extended by what came; when what left may have been the extreme,
// or one of several at the same place, the group is read anew. Distinct values are counted in DistinctValues.
// Running the SQL is elsewhere.

internal import Definitions
internal import Ledger
internal import Postgres

/// The SQL that applies the images of some batches to one rollup.
struct RollupDelta {
  let sql: RollupSQL
  /// Where the images are.
  let images: RollupImages
  /// Batches behind this one…
  let after: Int64
  /// …up to this one are applied.
  let through: Int64

  var groups: [RollupGroup] { sql.rollup.groups }
  var measures: [RollupMeasure] { sql.rollup.measures }
  private let weight = quoteIdentifier(JournalTable.weight)

  private func cell(_ measure: RollupMeasure, _ suffix: String) -> String { quoteIdentifier(measure.name + suffix) }

  // MARK: Step 1, what the images add up to

  /// One row for each group that any image is of.
  var createDelta: String {
    let keys = groups.enumerated().map {
      "\(images.name(of: sql.groupExpression($0.element))) as \(Self.key($0.offset))"
    }
    let cells = [#"sum(\#(weight)) as "__n""#] + measures.flatMap(deltaCells)
    return """
      create temporary table daybook_delta on commit drop as
      select row_number() over () as "__number",
      \((keys + cells).map { "  \($0)" }.joined(separator: ",\n"))
      from \(images.source)
      where \(stretch)
      group by \(groups.indices.map { String($0 + 2) }.joined(separator: ", "))
      """
  }

  /// The images that are applied.
  var stretch: String {
    let batch = quoteIdentifier(JournalTable.batch)
    return "\(batch) > \(after) and \(batch) <= \(through)"
  }

  static func key(_ index: Int) -> String { "\"__key\(index)\"" }

  private func deltaCells(_ measure: RollupMeasure) -> [String] {
    func only(_ conditions: String?...) -> String {
      let all = (conditions + [measure.condition.map { images.name(of: "(\($0))") }]).compactMap { $0 }
      return all.isEmpty ? "" : " filter (where \(all.joined(separator: " and ")))"
    }
    let (came, left) = ("\(weight) > 0", "\(weight) < 0")
    func named(_ suffix: String, _ expression: String) -> String { "\(expression) as \(cell(measure, suffix))" }
    switch measure.function {
    case .count:
      return [named("__n", "coalesce(sum(\(weight))\(only()), 0)")]
    case .sum(let column), .average(let column), .variance(let column), .stddev(let column):
      let (name, value) = (quoteIdentifier(column), "\(quoteIdentifier(column))::numeric")
      return [
        named("__n", "coalesce(sum(\(weight))\(only("\(name) is not null")), 0)"),
        named("__sum", "sum(\(weight) * \(value))\(only())"),
      ] + (measure.keepsSquares ? [named("__squares", "sum(\(weight) * (\(value) * \(value)))\(only())")] : [])
    case .min(let column):
      let name = quoteIdentifier(column)
      return [named("__min", "min(\(name))\(only(came))"), named("__out", "min(\(name))\(only(left))")]
    case .max(let column):
      let name = quoteIdentifier(column)
      return [named("__max", "max(\(name))\(only(came))"), named("__out", "max(\(name))\(only(left))")]
    case .first(_, let by), .last(_, let by):
      let name = quoteIdentifier(by)
      let extreme = measure.isLast ? "max" : "min"
      return sql.endpointColumns(measure, filter: only(came)) + [
        named("__out", "\(extreme)(\(name))\(only(left))"),
        named("__odd", "coalesce(bool_or(\(name) is null)\(only()), false)"),
      ]
    // How many values came and left is worked out beside the values.
    case .distinct: return sql.countsValues(measure) ? [named("__distinct", "0::bigint")] : []
    }
  }

  // MARK: Step 2, where the groups stand

  /// The same rows with their place in the state, how many rows the group had, and whether it has to be read anew. A
  /// group of which nothing is left has not.
  var createChange: String {
    let repairs = measures.compactMap(isInDoubt)
    let doubt = repairs.isEmpty ? "false" : repairs.map { "(\($0))" }.joined(separator: " or ")
    let select = """
      select d.*, s.ctid as "__place", s."__n" as "__was",
        coalesce(s."__n", 0) + d."__n" > 0 and (\(doubt)) as "__anew"
      from daybook_delta d left join \(sql.state.quoted) s on
      """
    let parts = matches(groups.indices.map { "s.\(quoteIdentifier(groups[$0].name))" }, keysOf: "d").map {
      "\(select) \($0.on)\($0.only.map { "\nwhere \($0)" } ?? "")"
    }
    return """
      create temporary table daybook_change on commit drop as
      \(parts.joined(separator: "\nunion all\n"))
      """
  }

  /// Conditions under which columns equal the keys of `alias`, nulls being equal. Where keys may be null there are two
  /// parts, because only plain equality can use an index or a hash.
  func matches(_ columns: [String], keysOf alias: String) -> [(on: String, only: String?)] {
    let keys = groups.indices.map { "\(alias).\(Self.key($0))" }
    let plain = zip(columns, keys).map { "\($0) = \($1)" }.joined(separator: " and ")
    let nullable = groups.indices.filter { sql.mayBeNull(groups[$0]) }
    if nullable.isEmpty { return [(plain, nil)] }
    let safe = groups.indices.map {
      nullable.contains($0) ? "\(columns[$0]) is not distinct from \(keys[$0])" : "\(columns[$0]) = \(keys[$0])"
    }
    let isNull = nullable.map { "\(keys[$0]) is null" }.joined(separator: " or ")
    return [(plain, "not (\(isNull))"), (safe.joined(separator: " and "), "(\(isNull))")]
  }

  /// Whether what left a group may have been its extreme; nil for measures that only add up.
  private func isInDoubt(_ measure: RollupMeasure) -> String? {
    let out = "d.\(cell(measure, "__out"))"
    func reaches(_ suffix: String, _ pick: String, _ sign: String) -> String {
      let extreme = "\(pick)(s.\(cell(measure, suffix)), d.\(cell(measure, suffix)))"
      return "\(out) is not null and coalesce(\(out) \(sign) \(extreme), true)"
    }
    switch measure.function {
    case .count, .sum, .average, .variance, .stddev: return nil
    case .min: return reaches("__min", "least", "<=")
    case .max: return reaches("__max", "greatest", ">=")
    case .first, .last:
      let by = cell(measure, "__by")
      // A tie is decided by the key of the row, and a null place by the rows without one: the state knows neither.
      return "d.\(cell(measure, "__odd")) or coalesce(d.\(by) = s.\(by), false) or "
        + (measure.isLast ? reaches("__by", "greatest", ">=") : reaches("__by", "least", "<="))
    case .distinct: return sql.countsValues(measure) ? nil : "true"
    }
  }

  /// What the changes amount to, as `Survey` reads it.
  var survey: String {
    let sums = measures.filter(\.keepsSum).map { "\(cell($0, "__sum")) in ('NaN', 'Infinity', '-Infinity')" }
    let counted = [
      #"coalesce("__was", 0) + "__n" < 0"#, sums.isEmpty ? "false" : sums.joined(separator: " or "),
      #""__anew""#, #""__was" + "__n" = 0"#, #""__was" is null and "__n" <> 0"#,
      longKeys.isEmpty ? "false" : #""__was" is null and "__n" <> 0 and (\#(longKeys.joined(separator: " or ")))"#,
      nullKeys.isEmpty ? "false" : #""__anew" and (\#(nullKeys.joined(separator: " or ")))"#,
    ]
    return "select \(counted.map { "count(*) filter (where \($0))" }.joined(separator: ",\n  ")) from daybook_change"
  }

  private var nullKeys: [String] {
    groups.indices.filter { sql.mayBeNull(groups[$0]) }.map { "\(Self.key($0)) is null" }
  }

  private var longKeys: [String] {
    let unbounded = Set(sql.unboundedGroups.map(\.name))
    return groups.indices.filter { unbounded.contains(groups[$0].name) }.map { sql.isLong(Self.key($0)) }
  }

  /// What the changes amount to, in groups.
  struct Survey {
    /// Of which more left than there were: the state or the journal is not what it should be.
    let impossible: Int
    /// Of which what came or left is no number, which no sum lets go of.
    let notNumbers: Int
    /// To be read anew.
    let anew: Int
    /// Of which no row is left.
    let emptied: Int
    /// That were not there.
    let new: Int
    /// That were not there and have a key that the index of the state may not hold.
    let long: Int
    /// To be read anew, of which a key is null.
    let anewWithNull: Int

    init(_ row: PostgresRow) throws(PostgresError) {
      impossible = try row.decode(0)
      notNumbers = try row.decode(1)
      anew = try row.decode(2)
      emptied = try row.decode(3)
      new = try row.decode(4)
      long = try row.decode(5)
      anewWithNull = try row.decode(6)
    }
  }

  // MARK: Step 4, the change of the state

  /// Takes out the groups of which no row is left.
  var deleteEmptied: String {
    """
    delete from \(sql.state.quoted) s using daybook_change c where s.ctid = c."__place" and c."__was" + c."__n" = 0
    """
  }

  /// Changes the groups that stay. That a place is none says nothing new, but tells the planner how few are to be found.
  ///
  /// - Parameter withAnew: whether any was read anew.
  func update(withAnew: Bool) -> String {
    let cells = measures.flatMap { applied($0, withAnew: withAnew) { "s.\($0)" } }
    let set = ([(#""__n""#, #"s."__n" + c."__n""#)] + cells).map { "\($0.0) = \($0.1)" }
    return """
      update \(sql.state.quoted) s set
      \(set.map { "  \($0)" }.joined(separator: ",\n"))
      from daybook_change c\(withAnew ? joinAnew : "")
      where s.ctid = c."__place" and c."__place" is not null
      """
  }

  /// Adds the groups that are new.
  ///
  /// - Parameter withAnew: whether any was read anew.
  func insert(withAnew: Bool) -> String {
    let cells = measures.flatMap { measure in
      applied(measure, withAnew: withAnew) { $0.hasSuffix("__n\"") ? "0" : "null" }
    }
    let names = groups.map { quoteIdentifier($0.name) } + [#""__n""#] + cells.map(\.0)
    let values = groups.indices.map { "c.\(Self.key($0))" } + [#"c."__n""#] + cells.map(\.1)
    return """
      insert into \(sql.state.quoted) (\(names.joined(separator: ", ")))
      select \(values.joined(separator: ",\n  "))
      from daybook_change c\(withAnew ? joinAnew : "")
      where c."__place" is null and c."__n" <> 0
      """
  }

  private var joinAnew: String { "\nleft join daybook_anew r on r.\"__place\" = c.\"__number\"" }

  /// Each cell of a measure with its new value.
  private func applied(
    _ measure: RollupMeasure, withAnew: Bool, _ old: (String) -> String
  ) -> [(String, String)] {
    func cell(_ suffix: String) -> String { self.cell(measure, suffix) }
    let number = "\(old(cell("__n"))) + c.\(cell("__n"))"
    func added(_ suffix: String) -> (String, String) {
      let sum = "coalesce(\(old(cell(suffix))), 0) + coalesce(c.\(cell(suffix)), 0)"
      return (cell(suffix), "case when \(number) <> 0 then \(sum) end")
    }
    func anew(_ suffix: String, _ otherwise: String) -> (String, String) {
      (cell(suffix), withAnew ? "case when c.\"__anew\" then r.\(cell(suffix)) else \(otherwise) end" : otherwise)
    }
    switch measure.function {
    case .count: return [(cell("__n"), number)]
    case .sum, .average, .variance, .stddev:
      return [(cell("__n"), number), added("__sum")] + (measure.keepsSquares ? [added("__squares")] : [])
    case .min: return [anew("__min", "least(\(old(cell("__min"))), c.\(cell("__min")))")]
    case .max: return [anew("__max", "greatest(\(old(cell("__max"))), c.\(cell("__max")))")]
    case .first, .last:
      let (mine, theirs) = (old(cell("__by")), "c.\(cell("__by"))")
      let isCloser = "\(theirs) is not null and coalesce(\(theirs) \(measure.isLast ? ">" : "<") \(mine), true)"
      return ["__value", "__by"].map { suffix in
        anew(suffix, "case when \(isCloser) then c.\(cell(suffix)) else \(old(cell(suffix))) end")
      }
    case .distinct:
      let cell = cell("__distinct")
      return [sql.countsValues(measure) ? (cell, "coalesce(\(old(cell)), 0) + c.\(cell)") : anew("__distinct", "0")]
    }
  }
}

extension RollupMeasure {
  var keepsSum: Bool {
    switch function {
    case .sum, .average, .variance, .stddev: true
    default: false
    }
  }

  var keepsSquares: Bool {
    switch function {
    case .variance, .stddev: true
    default: false
    }
  }

  var isLast: Bool {
    if case .last = function { return true }
    return false
  }

  /// Whether it is the value at a place, ties going by the feed's key.
  var isEndpoint: Bool {
    switch function {
    case .first, .last: true
    default: false
    }
  }
}
