// Broken definitions of one kind, each as the files that make an otherwise good project bad and what is said.
// The table is data alone; BrokenDefinitionTests runs it over the good project of GoldenCase.
// What is said is compared word for word: a better message changes its row here.

extension GoldenCase {
  static let report: [GoldenCase] = [
    GoldenCase(
      name: "sections that say nothing",
      files: [
        "Jobs/reports/money.yaml": """
        report: money
        title: Money
        sections:
          - tabel: Top
            view: payments
          - view: payments
          - just text
          - table: A
          - { text: a, note: b }

        """
      ],
      says: """
        error: Jobs/reports/money.yaml:4:5: the section has none of kpi, moves, table, chart, text, note
          fix: did you mean "table"?
        error: Jobs/reports/money.yaml:6:5: the section has none of kpi, moves, table, chart, text, note
          fix: begin it with its kind, such as - table: Top customers
        error: Jobs/reports/money.yaml:7:5: a section must be a mapping of keys to values, not a single value
          fix: begin it with its kind, such as - table: Top customers
        error: Jobs/reports/money.yaml:8:5: the table section has no "query" and no "view"
          fix: say where its rows come from: view: revenue_daily, or query: select …
        error: Jobs/reports/money.yaml:9:5: a section is only one of text, note
        """),
    GoldenCase(
      name: "a report named like a page of every set",
      files: [
        "Jobs/reports/money.yaml": """
        report: run
        title: Money
        sections:
          - text: a

        """
      ],
      says: """
        error: Jobs/reports/money.yaml:1:9: a report cannot be called "run": every published set has a page of that name
          fix: give it another name
        """),
    GoldenCase(
      name: "sources that do not exist",
      files: [
        "Jobs/reports/money.yaml": """
        report: money
        title: Money
        sections:
          - table: Top
            view: payment
          - table: Top
            view: payments
            query: select 1

        """
      ],
      says: """
        error: Jobs/reports/money.yaml:5:11: there is no view "payment"
          fix: did you mean "payments"?
        error: Jobs/reports/money.yaml:7:5: a section has a query or a view, not both
        """),
    GoldenCase(
      name: "queries that cannot run",
      files: [
        "Jobs/reports/money.yaml": """
        report: money
        title: Money
        sections:
          - table: A
            query: select 1;
          - table: B
            query: delete from payments
          - table: C
            query: select :as_off, x[a:b], x[:b]
          - table: D
            query: select 'a
          - table: E
            query: select $1

        """
      ],
      says: """
        error: Jobs/reports/money.yaml:5:12: a query has no final ";"
        error: Jobs/reports/money.yaml:7:12: a query begins with select, with, values or table
        error: Jobs/reports/money.yaml:9:12: the query has the unknown parameter ":as_off"
          fix: did you mean ":as_of"?
        error: Jobs/reports/money.yaml:11:12: the query is not SQL: a string (') is not closed
        error: Jobs/reports/money.yaml:13:12: the query has the unknown parameter "$1"
          fix: use one of: :as_of, :time_zone
        """),
    GoldenCase(
      name: "charts that cannot be drawn",
      files: [
        "Jobs/reports/money.yaml": """
        report: money
        title: Money
        sections:
          - chart: A
            view: payments
            type: pie
            x: amount
            y: [amount, currency]
            series: currency
          - chart: B
            view: payments

        """
      ],
      says: """
        error: Jobs/reports/money.yaml:6:11: "pie" is not a value of "type"
          fix: use one of: line, bar, stacked_bar, waterfall, heat_map
        error: Jobs/reports/money.yaml:9:13: a chart has several columns in "y", or one and a "series"
        error: Jobs/reports/money.yaml:10:5: the chart section has no "type"
          fix: add type: …
        error: Jobs/reports/money.yaml:10:5: the chart section has no "x"
          fix: add x: …
        error: Jobs/reports/money.yaml:10:5: the chart section has no "y"
          fix: add y: …
        """),
    GoldenCase(
      name: "stacked bars that would add currencies up",
      files: [
        "Jobs/reports/money.yaml": """
        report: money
        title: Money
        sections:
          - chart: A
            query: select day, currency, fees, net from payments
            type: stacked_bar
            x: day
            y: net
            series: currency
            columns:
              fees: money(currency)
              net: { format: money(currency) }
          - chart: Side by side
            query: select day, currency, net from payments
            type: bar
            x: day
            y: net
            series: currency
            columns: { net: money(currency) }
          - chart: Of each currency
            query: select currency, fees, net from payments
            type: stacked_bar
            x: currency
            y: [fees, net]
            columns: { fees: money(currency), net: money(currency) }

        """
      ],
      says: """
        error: Jobs/reports/money.yaml:9:13: stacked bars by "currency" would add up "net" in several currencies
          fix: write type: bar, which stands them side by side, or a section for each currency
        """),
    GoldenCase(
      name: "waterfalls and heat maps that cannot be drawn",
      files: [
        "Jobs/reports/money.yaml": """
        report: money
        title: Money
        sections:
          - chart: A
            view: payments
            type: waterfal
            x: currency
            y: amount
          - chart: B
            view: payments
            type: waterfall
            x: currency
            y: [amount, currency]
            series: currency
            value: amount
          - chart: C
            view: payments
            type: heat_map
            x: currency
            y: [currency, amount]
          - chart: D
            view: payments
            type: heat_map
            x: currency
            y: currency
            value: amout
            columns: { amount: sparklin }

        """
      ],
      says: """
        error: Jobs/reports/money.yaml:6:11: "waterfal" is not a value of "type"
          fix: did you mean "waterfall"?
        error: Jobs/reports/money.yaml:13:8: a waterfall has an opening, its steps and a closing in "y": at least three columns
          fix: write y: [opening, new, lost, closing], the steps with their signs
        error: Jobs/reports/money.yaml:14:5: a waterfall has no "series": each row of its source is one
          fix: name the rows by x, such as x: currency
        error: Jobs/reports/money.yaml:15:5: only a heat map has a "value"
          fix: write type: heat_map, or remove the key
        error: Jobs/reports/money.yaml:16:5: the heat map has no "value"
          fix: say which column stands in its cells: value: …
        error: Jobs/reports/money.yaml:20:19: a heat map has one column in "y": the names of its rows
        error: Jobs/reports/money.yaml:26:12: the feed "payments" has no column "amout"
          fix: did you mean "amount"?
        error: Jobs/reports/money.yaml:27:24: "sparklin" is not a format
          fix: did you mean "sparkline"?
        """),
    GoldenCase(
      name: "columns that do not exist",
      files: [
        "Jobs/reports/money.yaml": """
        report: money
        title: Money
        sections:
          - table: A
            view: payments
            order_by: [amout desc, amount down]
            top: 0
            csv: a/b
            columns:
              amount: { label: Amount, format: money }
              curency: text
              currency: { format: dollars, widht: 3 }

        """
      ],
      says: """
        error: Jobs/reports/money.yaml:6:16: the feed "payments" has no column "amout"
          fix: did you mean "amount"?
        error: Jobs/reports/money.yaml:6:28: "amount down" is not a column and its direction
          fix: write a column, or column desc
        error: Jobs/reports/money.yaml:7:10: "top" must be a whole number from 1 to 100000, not "0"
        error: Jobs/reports/money.yaml:8:10: "a/b" cannot be used as "csv": a name has lower-case letters, digits, _ and - only, and begins with a letter or _
        error: Jobs/reports/money.yaml:10:40: "money" is not a format
          fix: name the column of the currency: money(currency)
        error: Jobs/reports/money.yaml:11:7: the feed "payments" has no column "curency"
          fix: did you mean "currency"?
        error: Jobs/reports/money.yaml:12:27: "dollars" is not a format
          fix: use one of: money(currency), integer, percent, date, text, decimal(2), sparkline
        error: Jobs/reports/money.yaml:12:36: unknown key "widht" in the column "currency"
          fix: use one of: label, format, better, ties_to
        """),
    GoldenCase(
      name: "a note with a source, two CSVs of one name",
      files: [
        "Jobs/reports/money.yaml": """
        report: money
        title: Money
        sections:
          - note: x
            view: payments
          - { table: A, view: payments, csv: a }
          - { table: B, view: payments, csv: a }

        """
      ],
      says: """
        error: Jobs/reports/money.yaml:5:5: unknown key "view" in the note section
          fix: use one of: note, title
        error: Jobs/reports/money.yaml:7:5: two sections write the csv "a"
          first at Jobs/reports/money.yaml:6:5
        """),
    GoldenCase(
      name: "two reports that write one csv",
      files: [
        "Jobs/reports/money.yaml": """
        report: money
        title: Money
        sections: [{ table: A, view: payments, csv: a }]

        """,
        "Jobs/reports/owed.yaml": """
        report: owed
        title: Owed
        sections: [{ table: A, view: payments, csv: a }]

        """,
      ],
      says: """
        error: Jobs/reports/owed.yaml:3:12: two reports write the csv "a"
          first at Jobs/reports/money.yaml:3:12
          fix: give one of them another name
        """),
    GoldenCase(
      name: "movements, promises and outputs that cannot be",
      files: [
        "Jobs/reports/money.yaml": """
        report: money
        title: Money
        outputs: [html, pdf, csv, csv]
        sections:
          - moves: What moved
            view: payments
            now: amuont
            before: amount
          - table: A
            view: payments
            columns:
              amount: { format: money(currency), better: hihger, ties_to: paymnts.amount }
              currency: { format: text, ties_to: payments.currency }
              customer_id: { format: integer, ties_to: { figure: payments.amuont, whre: x } }
              payment_id: { format: integer, ties_to: payments }
          - table: B
            view: payments
            columns:
              amount: { format: decimal(2), ties_to: payments.amount }
          - table: Refused
            view: payments
            csv: rejects

        """
      ],
      says: """
        error: Jobs/reports/money.yaml:3:17: "pdf" is not an output of a report
          fix: use one of: html, csv, xlsx, json
        error: Jobs/reports/money.yaml:3:27: "csv" is in "outputs" twice
        error: Jobs/reports/money.yaml:5:5: the moves section has no "against"
          fix: add against: …
        error: Jobs/reports/money.yaml:7:10: the feed "payments" has no column "amuont"
          fix: did you mean "amount"?
        error: Jobs/reports/money.yaml:12:50: "hihger" is not a value of "better"
          fix: use one of: up, down
        error: Jobs/reports/money.yaml:12:67: there is no view "paymnts"
          fix: did you mean "payments"?
        error: Jobs/reports/money.yaml:13:42: "currency" has no sum that could tie to another: it is no amount or count
          fix: give it the format money(currency) or integer, or remove ties_to
        error: Jobs/reports/money.yaml:14:58: "payments" has no column "amuont"
          fix: did you mean "amount"?
        error: Jobs/reports/money.yaml:14:75: unknown key "whre" in "ties_to"
          fix: did you mean "where"?
        error: Jobs/reports/money.yaml:15:47: "payments" is not a column of a view
          fix: write the view and its column: revenue_daily.net
        error: Jobs/reports/money.yaml:19:46: "payments" keeps its amounts by currency, and "amount" would be added up over all
          fix: select the currency too, and write format: money(currency); of what is no amount say which rows count, all of them by ties_to: { figure: …, where: "true" }
        error: Jobs/reports/money.yaml:22:10: a csv cannot be called "rejects": every published set has a file of that name
          fix: give it another name, such as rejects_of_mine
        """),
  ]
}
