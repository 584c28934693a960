// A test of a check as SQL text: the rows that violate it, how many they are, and a few of them as text.
// Invariant: names are quoted, and values of a definition are quoted literals, so that they take the type of the column
// they are compared with. Numbers are exact throughout. Free SQL stands in parentheses that it cannot leave, which the
// reading of definitions made sure of; the transaction it runs in cannot write. Running the SQL is elsewhere.

internal import Definitions
internal import Money
internal import Postgres

/// The SQL of one test.
struct CheckSQL {
  /// What a column of days or moments holds.
  enum DateType: String {
    case date
    case timestamp = "timestamp without time zone"
    case timestamptz = "timestamp with time zone"
  }

  let schema: String
  let relation: String?
  let test: CheckTest
  let asOf: CivilDate
  let timeZone: String
  /// The type of the column that tells the day, where the test has one.
  var dateType = DateType.date

  /// At most so many rows are shown of each test.
  static let shownExamples = 10

  var target: QualifiedName { QualifiedName(schema: schema, name: relation ?? "") }

  private var condition: String { test.condition.map { "(\($0)\n)" } ?? "true" }

  /// The column that tells the day; nil for a test without one.
  var dateColumn: String? {
    switch test.kind {
    case .anomaly(let anomaly): anomaly.date
    case .freshness(let column, _, _): column
    default: nil
    }
  }

  /// One row: violations, groups that were judged, groups in all; the last two for an anomaly alone.
  var count: String {
    if case .anomaly(let anomaly) = test.kind {
      return """
        select count(*) filter (where is_judged and is_anomaly), count(*) filter (where is_judged), count(*)
        from (\(judgement(anomaly))) as j
        """
    }
    return "select count(*), null::bigint, null::bigint from (\(violations)\n) as v"
  }

  /// A few violations: the names of the columns and the values as text.
  var examples: String {
    func list(_ expression: String) -> String {
      "array(select \(expression) from json_each_text(row_to_json(v.*)) with ordinality as e(key, value, place) order by place)"
    }
    let most = CheckRunner.shownCharacters
    return """
      select \(list("key")),
        \(list("case when length(value) > \(most) then left(value, \(most)) || '…' else value end"))
      from (select * from (\(violations)\n) as found limit \(Self.shownExamples)) as v
      """
  }

  /// A query for what violates the test.
  var violations: String {
    func rows(_ violated: String) -> String {
      "select * from \(target.quoted) as t where \(condition) and (\(violated))"
    }
    func name(_ column: String) -> String { quoteIdentifier(column) }
    switch test.kind {
    case .notNull(let columns): return rows(columns.map { "\(name($0)) is null" }.joined(separator: " or "))
    case .unique(let columns):
      let key = columns.map(name).joined(separator: ", ")
      let present = columns.map { "\(name($0)) is not null" }.joined(separator: " and ")
      return """
        select \(key), count(*) as rows from \(target.quoted) as t where \(condition) and \(present)
        group by \(key) having count(*) > 1
        """
    case .acceptedValues(let column, let values):
      return rows("\(name(column)) not in (\(values.map(quoteLiteral).joined(separator: ", ")))")
    case .relationship(let column, let relation, let toColumn):
      let other = QualifiedName(schema: schema, name: relation)
      return rows(
        "\(name(column)) is not null and not exists (select from \(other.quoted) as o"
          + " where o.\(name(toColumn)) = t.\(name(column)))")
    case .range(let column, let minimum, let maximum):
      let limits = [
        minimum.map { "\(name(column)) < \(quoteLiteral($0))" },
        maximum.map { "\(name(column)) > \(quoteLiteral($0))" },
      ]
      return rows(limits.compactMap { $0 }.joined(separator: " or "))
    case .anomaly(let anomaly):
      return """
        select group_value as \(name(anomaly.by ?? "all_rows")), day as \(name(anomaly.date)), figure,
          weekday_median, weekday_deviation, monthday_median, monthday_deviation
        from (\(judgement(anomaly))) as j where is_judged and is_anomaly
        """
    // Judged by `freshness`.
    case .freshness: return "select where false"
    case .equal(let left, let right):
      // The right query sees the name of the left one, and would read it in the place of a relation called so.
      let a = Self.unnamed("left_rows", in: right)
      let b = Self.unnamed("right_rows", in: left)
      return """
        with \(a) as materialized (\(left)\n), \(b) as materialized (\(right)\n)
        (select 'left' as only_in, x.* from (select * from \(a) except all select * from \(b)) as x)
        union all
        (select 'right', y.* from (select * from \(b) except all select * from \(a)) as y)
        """
    case .noRow(let query): return "select * from (\(query)\n) as q"
    }
  }

  /// `word`, or a longer one, that does not occur in a text.
  private static func unnamed(_ word: String, in text: String) -> String {
    let text = text.lowercased()
    var name = word
    while text.contains(name) { name += "_" }
    return name
  }

  // MARK: Days

  /// The first moment of a day, in the terms of the column that tells the day.
  private func start(of day: String) -> String {
    switch dateType {
    case .date: day
    case .timestamp: "(\(day))::timestamp"
    case .timestamptz: "((\(day))::timestamp at time zone \(quoteLiteral(timeZone)))"
    }
  }

  private func day(of column: String) -> String {
    dateType == .timestamptz
      ? "(\(quoteIdentifier(column)) at time zone \(quoteLiteral(timeZone)))::date" : "\(quoteIdentifier(column))::date"
  }

  private func date(_ date: CivilDate) -> String { "date \(quoteLiteral(date.description))" }

  /// One row: the newest value as text, its age in seconds at the end of the as-of date, and whether it is beyond each of
  /// the limits. Rows behind that end say nothing of how fresh the date was. A day counts to its end.
  func freshness(_ column: String, _ warnAfter: Duration?, _ errorAfter: Duration?) -> String {
    let end = start(of: "\(date(asOf)) + 1")
    let age =
      dateType == .date ? "((\(date(asOf)) - newest) * 86400)::numeric" : "extract(epoch from \(end) - newest)"
    func beyond(_ limit: Duration?) -> String {
      limit.map { "coalesce(age > \($0.components.seconds), true)" } ?? "false"
    }
    return """
      select newest::text, trunc(age)::bigint, \(beyond(warnAfter)), \(beyond(errorAfter))
      from (
        select newest, \(age) as age
        from (select max(\(quoteIdentifier(column))) as newest from \(target.quoted) as t
          where \(condition) and \(quoteIdentifier(column)) < \(end)) as n
      ) as a
      """
  }

  // MARK: Anomalies

  /// A weekday, and a day of the month, with fewer days behind them than these are not judged.
  static let leastWeekdays = 6
  static let leastMonthdays = 3
  /// No older day takes part.
  static let historyDays = 400

  /// Each group with its figure of the tested day, and what its weekdays and days of the month lead to expect.
  ///
  /// The tested day is the newest that has rows; with a lag it is the day so many days before the as-of date, whether or
  /// not a row came. A day without rows counts as zero from the group's first day on. The last day of a month is compared with last days
  /// of months, whatever their number.
  private func judgement(_ anomaly: AnomalyTest) -> String {
    let column = quoteIdentifier(anomaly.date)
    let last = date(asOf.adding(days: -anomaly.lagDays))
    let figure = anomaly.sum.map { "coalesce(sum(\(quoteIdentifier($0))::numeric), 0)" } ?? "count(*)::numeric"
    let group = anomaly.by.map { "coalesce(\(quoteIdentifier($0))::text, 'null')" } ?? "'all'::text"
    func isMonthEnd(_ day: String) -> String {
      "\(day) = (date_trunc('month', \(day)::timestamp) + interval '1 month' - interval '1 day')::date"
    }
    func median(_ list: String, _ count: String) -> String {
      "(\(list)[(\(count) + 1) / 2] + \(list)[\(count) / 2 + 1]) * 0.5"
    }
    func isFar(_ kind: String) -> String {
      "abs(now.figure - \(kind).median) > greatest(\(anomaly.floor), \(anomaly.factor) * \(kind).deviation)"
    }
    return """
      with figures as (
        select \(day(of: anomaly.date)) as day, \(group) as group_value, \(figure) as figure
        from \(target.quoted) as t
        where \(condition) and \(column) >= \(start(of: "\(last) - \(Self.historyDays)"))
          and \(column) < \(start(of: "\(last) + 1"))
        group by 1, 2
      ), tested as (
        select \(anomaly.lagDays > 0 ? last : "max(day)") as day from figures having count(*) > 0
      ), beginnings as (
        select group_value, min(day) as first_day from figures group by 1
      ), days as (
        select group_value, day, sum(figure) as figure
        from (
          select group_value, day, figure from figures
          union all
          select b.group_value, d.day::date, 0 from tested cross join beginnings as b
          cross join lateral generate_series(b.first_day::timestamp, tested.day::timestamp, interval '1 day') as d(day)
        ) as dense
        group by 1, 2
      ), baseline as (
        select d.group_value, true as is_weekday, d.figure from days as d, tested as t
        where d.day < t.day and extract(isodow from d.day) = extract(isodow from t.day)
        union all
        select d.group_value, false, d.figure from days as d, tested as t
        where d.day < t.day and case when \(isMonthEnd("t.day")) then \(isMonthEnd("d.day"))
          else not (\(isMonthEnd("d.day"))) and extract(day from d.day) = extract(day from t.day) end
      ), medians as (
        select group_value, is_weekday, n, \(median("list", "n")) as median
        from (select group_value, is_weekday, count(*)::integer as n, array_agg(figure order by figure) as list
          from baseline group by 1, 2) as l
      ), spreads as (
        select group_value, is_weekday, n, median, \(median("list", "n")) as deviation
        from (select b.group_value, b.is_weekday, m.n, m.median,
            array_agg(abs(b.figure - m.median) order by abs(b.figure - m.median)) as list
          from baseline as b join medians as m using (group_value, is_weekday) group by 1, 2, 3, 4) as l
      )
      select now.group_value, now.day, now.figure, w.median as weekday_median, w.deviation as weekday_deviation,
        m.median as monthday_median, m.deviation as monthday_deviation,
        coalesce(w.n >= \(Self.leastWeekdays) and m.n >= \(Self.leastMonthdays), false) as is_judged,
        coalesce(\(isFar("w")) and \(isFar("m")), false) as is_anomaly
      from days as now join tested on tested.day = now.day
      left join spreads as w on w.group_value = now.group_value and w.is_weekday
      left join spreads as m on m.group_value = now.group_value and not m.is_weekday
      """
  }
}
