// Broken definitions of one kind, each as the files that make an otherwise good project bad and what is said.
// The table is data alone; BrokenDefinitionTests runs it over the good project of GoldenCase.
// What is said is compared word for word: a better message changes its row here.

extension GoldenCase {
  static let view: [GoldenCase] = [
    GoldenCase(
      name: "a source that does not exist",
      files: [
        "Jobs/views/daily.yaml": """
        view: daily
        from: paymets
        group_by: { currency: currency }
        measures: { total: { sum: amount } }

        """
      ],
      says: """
        error: Jobs/views/daily.yaml:2:7: there is no feed and no rollup "paymets"
          fix: did you mean "payments"?
        """),
    GoldenCase(
      name: "columns that do not exist or do not fit",
      files: [
        "Jobs/views/daily.yaml": """
        view: daily
        from: payments
        group_by:
          day: { date: currency }
          curr: curency
          both: { date: amount, month: amount }
          none: {}
          odd: { dat: amount }
        measures:
          total: { sum: currency }
          last: { last: amount }
          n: { count: 1 }
          worst: { min: amont, by: amount }
          paid: { sum: amount, where: "kind = 'paid'" }
        derive:
          net: total - refundz
          total: 1

        """
      ],
      says: """
        error: Jobs/views/daily.yaml:4:16: the group "day" needs a date or a time, and "currency" is text
          declared at Jobs/feeds/payments.yaml:8:3
        error: Jobs/views/daily.yaml:5:9: the group "curr" needs a column "curency", which the feed "payments" does not have
          fix: did you mean "currency"?
        error: Jobs/views/daily.yaml:6:17: the group "both" needs a date or a time, and "amount" is decimal(14,2)
          declared at Jobs/feeds/payments.yaml:7:3
        error: Jobs/views/daily.yaml:6:25: the group "both" can be only one of date, month
        error: Jobs/views/daily.yaml:7:3: the group "none" says nothing
          fix: use one of: date, week, month, quarter, year, fiscal_quarter, fiscal_year, expression
        error: Jobs/views/daily.yaml:8:10: unknown key "dat" in the group "odd"
          fix: did you mean "date"?
        error: Jobs/views/daily.yaml:10:17: the measure "total" needs a number, and "currency" is text
          declared at Jobs/feeds/payments.yaml:8:3
        error: Jobs/views/daily.yaml:11:17: the measure "last" has no "by"
          fix: say by which column the last is found: by: occurred_at
        error: Jobs/views/daily.yaml:12:15: "count" must be true or false, not "1"
        error: Jobs/views/daily.yaml:13:17: the measure "worst" needs a column "amont", which the feed "payments" does not have
          fix: did you mean "amount"?
        error: Jobs/views/daily.yaml:13:24: "by" belongs to first and last, not to min
        error: Jobs/views/daily.yaml:14:31: the feed "payments" has no column "kind"
          fix: use one of: payment_id, customer_id, amount, currency
        error: Jobs/views/daily.yaml:16:8: this view has no column "refundz"
          fix: use one of: both, curr, day, last, n, none, odd, paid, total, worst
        error: Jobs/views/daily.yaml:17:3: the view has two columns "total"
          first at Jobs/views/daily.yaml:10:3
        """),
    GoldenCase(
      name: "groups that are called as columns of Daybook's own",
      files: [
        "Jobs/views/daily.yaml": """
        view: daily
        from: payments
        group_by:
          total__sum: currency
          __n: customer_id
        measures: { total: { sum: amount } }

        """
      ],
      says: """
        error: Jobs/views/daily.yaml:4:15: "total__sum" cannot be a group's name: Daybook keeps the measure "total" in a column of that name
          fix: call the group by a name that has no two underscores in it
        error: Jobs/views/daily.yaml:5:8: "__n" cannot be a group's name: Daybook keeps the number of rows or a value in a column of that name
          fix: call the group by a name that has no two underscores in it
        """),
    GoldenCase(
      name: "expressions that are not SQL",
      files: [
        "Jobs/views/daily.yaml": """
        view: daily
        from: payments
        group_by: { currency: currency }
        measures: { total: { sum: amount } }
        derive:
          a: total * 'x
          b: total; drop table payments
          c: [1]
          d: (total
          e: 1) + (total
          f: total * $1

        """
      ],
      says: """
        error: Jobs/views/daily.yaml:6:6: "a" is not SQL: a string (') is not closed
        error: Jobs/views/daily.yaml:7:6: "b" must be one expression; there is a ";" in it
        error: Jobs/views/daily.yaml:8:6: "c" must be a single value, not a list
        error: Jobs/views/daily.yaml:9:6: "d" is not SQL: a "(" has no partner
        error: Jobs/views/daily.yaml:10:6: "e" is not SQL: a ")" has no partner
        error: Jobs/views/daily.yaml:11:6: "f" has the parameter $1, and nothing gives it a value
          fix: write the value itself
        """),
    GoldenCase(
      name: "derived figures that are more than their row tells",
      files: [
        "Jobs/views/daily.yaml": """
        view: daily
        from: payments
        group_by: { currency: currency }
        measures: { total: { sum: amount }, now: { max: amount } }
        derive:
          a: total * random()
          b: current_date - 1
          c: (select max(amount) from payments)
          d: now - total
          e: case when total > 0 then 'sold today' end
          f: date 'Today' - 1

        """
      ],
      says: """
        error: Jobs/views/daily.yaml:6:6: a derived figure is made of the groups and measures of its row alone, and "random" is more than that
          fix: write it in a view of SQL that reads "daily"
        error: Jobs/views/daily.yaml:7:6: a derived figure is made of the groups and measures of its row alone, and "current_date" is more than that
          fix: write it in a view of SQL that reads "daily"
        error: Jobs/views/daily.yaml:8:6: a derived figure is made of the groups and measures of its row alone, and a query is more than that
          fix: write it in a view of SQL that reads "daily"
        error: Jobs/views/daily.yaml:11:6: a derived figure is made of the groups and measures of its row alone, and "today" is more than that
          fix: write it in a view of SQL that reads "daily"
        """),
    GoldenCase(
      name: "columns named with what they are in",
      files: [
        "Jobs/views/daily.yaml": """
        view: daily
        from: payments
        group_by: { currency: currency, size: { expression: 'shop.payments."amount" > 5' } }
        measures:
          total: { sum: amount, where: "payments.amount > public.floor(1.5) and amount::pg_catalog.int4 > 0" }
          paid: { sum: amount, where: "amount > public.floor(1.5) and amount::pg_catalog.int4 > 0" }
          full: { count: true, where: "num_nulls(payments.*) = 0 and amount * 1. * 2 > 0" }

        """
      ],
      says: """
        error: Jobs/views/daily.yaml:3:53: "expression" names the column shop.payments."amount" with what it is in
          fix: write "amount" alone
        error: Jobs/views/daily.yaml:5:32: "where" names the column payments.amount with what it is in
          fix: write amount alone
        error: Jobs/views/daily.yaml:7:31: "where" names the column payments.* with what it is in
          fix: name each column
        """),
    GoldenCase(
      name: "a view named like a feed",
      files: [
        "Jobs/views/daily.yaml": """
        view: payments
        from: payments
        group_by: { currency: currency }
        measures: { total: { sum: amount } }

        """
      ],
      says: """
        error: Jobs/views/daily.yaml:1:7: "payments" is a feed already
          first at Jobs/feeds/payments.yaml:1:7
          fix: give the view another name
        """),
    GoldenCase(
      name: "two views with one name",
      files: [
        "Jobs/views/daily.yaml": """
        view: daily
        from: payments
        group_by: { currency: currency }
        measures: { total: { sum: amount } }

        """,
        "Jobs/views/daily.sql": "select 1 as one\n",
      ],
      says: """
        error: Jobs/views/daily.yaml:1:7: there are two views "daily"
          first at Jobs/views/daily.sql:1:1
          fix: rename one of them
        """),
    GoldenCase(
      name: "a rollup of a view",
      files: [
        "Jobs/views/daily.yaml": """
        view: daily
        from: trend
        group_by: { currency: currency }
        measures: { total: { sum: amount } }

        """,
        "Jobs/views/trend.sql": "select * from payments\n",
      ],
      says: """
        error: Jobs/views/daily.yaml:2:7: "trend" is a view of SQL, and a rollup reads a feed or a rollup
          fix: write it as SQL in Jobs/views/daily.sql
        """),
    GoldenCase(
      name: "a rollup of a rollup that would not be the same",
      files: [
        "Jobs/feeds/sales.yaml": """
        feed: sales
        files: sales_*.csv
        key: [sale_id]
        columns:
          sale_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          currency: { type: text }
          paid_at: { type: timestamptz }
        """,
        "Jobs/views/weekly.yaml": """
        view: weekly
        from: sales
        group_by: { week: { week: paid_at }, currency: currency }
        measures:
          total: { sum: amount }
          mean: { average: amount }
        """,
        "Jobs/views/monthly.yaml": """
        view: monthly
        from: weekly
        group_by:
          month: { month: week }
          place: { expression: "lower(currency)" }
          money: curency
          day: { date: currency }
        measures:
          n: { count: true }
          total: { sum: total, where: "currency = 'EUR'" }
          mean: { average: mean }
          worst: { min: totl }
        """,
        "Jobs/views/odd.yaml": """
        view: odd
        from: payments
        group_by: { currency: currency }
        measures: { total: { combine: amount } }
        """,
        "Jobs/views/round.yaml": "view: round\nfrom: round\ngroup_by: { a: b }\nmeasures: { n: { combine: n } }\n",
      ],
      says: """
        error: Jobs/views/monthly.yaml:4:10: the group "month" cannot be made of "week", whose periods do not lie within its own
          fix: sum up a rollup by date, or read the feed "sales"
        error: Jobs/views/monthly.yaml:5:10: the group "place" is an expression, and "weekly" is a rollup
          fix: give "weekly" a group of that expression and name it here, or read the feed "sales"
        error: Jobs/views/monthly.yaml:6:10: the group "money" needs a group "curency", which the rollup "weekly" does not have
          fix: did you mean "currency"?
        error: Jobs/views/monthly.yaml:7:8: the group "day" needs a date or a time, and "currency" is text
        error: Jobs/views/monthly.yaml:9:6: the measure "n" counts rows, and the rows of "weekly" are groups
          fix: write combine: and the name of a count in "weekly"
        error: Jobs/views/monthly.yaml:10:10: the measure "total" has a condition on rows, and "weekly" has summed its rows up already
          fix: give "weekly" a measure with that condition and write combine: and its name
        error: Jobs/views/monthly.yaml:11:9: the measure "mean" would be taken over the groups of "weekly" and not over the rows under them
          fix: write combine: mean, which carries it on
        error: Jobs/views/monthly.yaml:12:10: the measure "worst" needs a measure "totl", which the rollup "weekly" does not have
          fix: did you mean "total"?
        error: Jobs/views/odd.yaml:4:31: the measure "total" combines, and "payments" is a feed
          fix: combine carries on a measure of a finer rollup; over a feed write what is measured, for example sum: amount
        error: Jobs/views/round.yaml:1:7: the views read each other in a circle: round → round
          fix: remove one of these steps; no order of refreshing satisfies all of them
        """),
    GoldenCase(
      name: "a view with a reserved name",
      files: [
        "Jobs/views/daybook_x.sql": "select 1\n",
        "Jobs/views/x__state.sql": "select 1\n",
        "Jobs/views/My View.sql": "select 1\n",
      ],
      says: """
        error: Jobs/views/My View.sql:1:1: "My View" (the file's name) cannot be a view's name: a name has lower-case letters, digits and _ only, and begins with a letter or _
        error: Jobs/views/daybook_x.sql:1:1: "daybook_x" (the file's name) cannot be a view's name: names that begin with daybook_ or end in __state are Daybook's own
        error: Jobs/views/x__state.sql:1:1: "x__state" (the file's name) cannot be a view's name: names that begin with daybook_ or end in __state are Daybook's own
        """),
    GoldenCase(
      name: "headers that are wrong",
      files: [
        "Jobs/views/trend.sql": """
        -- uniqe: a
        -- unique: a, a
        -- unique: A b
        -- index: lower(a)
        select 1 as a
        -- index: a

        """
      ],
      says: """
        error: Jobs/views/trend.sql:1:1: unknown header "uniqe"
          fix: did you mean "unique"?
        error: Jobs/views/trend.sql:2:1: "a" is in "unique" twice
        error: Jobs/views/trend.sql:3:1: "unique" is here twice
          fix: use index for a further one
        error: Jobs/views/trend.sql:3:1: "A b" in "unique" cannot be a column's name: a name has lower-case letters, digits and _ only, and begins with a letter or _
        error: Jobs/views/trend.sql:4:1: "lower(a)" in "index" cannot be a column's name: a name has lower-case letters, digits and _ only, and begins with a letter or _
        error: Jobs/views/trend.sql:6:1: "-- index:" must stand before the query
          fix: move the line to the top of the file
        """),
    GoldenCase(
      name: "SQL that is not one query",
      files: [
        "Jobs/views/trend.sql": "create table x ();\n",
        "Jobs/views/two.sql": """
        select 1;
        select 2;

        """,
        "Jobs/views/none.sql": "-- only a comment\n",
        "Jobs/views/open.sql": "select 'a\n",
        "Jobs/views/par.sql": "select $1, :as_of\n",
        "Jobs/views/comment.sql": "select 1 /* a /* b */\n",
        "Jobs/views/dollar.sql": "select $x$ a $y$\n",
      ],
      says: """
        error: Jobs/views/comment.sql:1:10: a comment (/*) is not closed
        error: Jobs/views/dollar.sql:1:8: a string ($x$) is not closed
        error: Jobs/views/none.sql:1:1: the file holds no SQL
          fix: delete it, or write a query
        error: Jobs/views/open.sql:1:8: a string (') is not closed
        error: Jobs/views/par.sql:1:8: a view has no parameters; "$1" is one
        error: Jobs/views/par.sql:1:12: a view has no parameters; ":as_of" is one
        error: Jobs/views/trend.sql:1:1: a view is a query that begins with select, with, values or table, not "create"
          fix: write the query alone; Daybook creates the view
        error: Jobs/views/two.sql:2:1: a second statement begins here
          fix: one query per file
        """),
    GoldenCase(
      name: "views that go in a circle",
      files: [
        "Jobs/views/a.sql": "select * from b\n",
        "Jobs/views/b.sql": """
        select 1
        from shop.c

        """,
        "Jobs/views/c.sql": "select * from payments p, a\n",
      ],
      says: """
        error: Jobs/views/a.sql:1:15: the views read each other in a circle: a → b → c → a
          fix: remove one of these steps; no order of refreshing satisfies all of them
        """),
    GoldenCase(
      name: "rollups of rollups that go in a circle",
      files: [
        "Jobs/views/days.yaml": """
        view: days
        from: years
        group_by: { currency: currency }
        measures: { total: { combine: total } }
        """,
        "Jobs/views/months.yaml": """
        view: months
        from: days
        group_by: { currency: currency }
        measures: { total: { combine: total } }
        """,
        "Jobs/views/trend.sql": "select * from months\n",
        "Jobs/views/years.yaml": """
        view: years
        from: months
        group_by: { currency: currency }
        measures: { total: { combine: total } }
        """,
      ],
      says: """
        error: Jobs/views/days.yaml:1:7: the views read each other in a circle: days → years → months → days
          fix: remove one of these steps; no order of refreshing satisfies all of them
        """),
    GoldenCase(
      name: "a view that reads itself",
      files: [
        "Jobs/views/a.sql": "select * from a\n"
      ],
      says: """
        error: Jobs/views/a.sql:1:15: the views read each other in a circle: a → a
          fix: remove one of these steps; no order of refreshing satisfies all of them
        """),
    GoldenCase(
      name: "SQL that reads the tables of a rollup",
      files: [
        "Jobs/views/days.yaml": """
        view: days
        from: payments
        group_by: { currency: currency }
        measures: { total: { sum: amount } }
        """,
        "Jobs/views/trend.sql": "select * from days__state join other.days__v0 using (currency)\n",
      ],
      says: """
        error: Jobs/views/trend.sql:1:15: days__state is where the rollup "days" keeps what its figures are made of, and \
        each rebuild replaces it
          fix: read days
        """),
    GoldenCase(
      name: "a name in SQL that is nearly one of ours",
      files: [
        "Jobs/views/trend.sql": "select * from paymnts join other on true\n"
      ],
      says: """
        warning: Jobs/views/trend.sql:1:15: there is no feed and no view "paymnts"
          fix: did you mean "payments"?
        """),
  ]
}
