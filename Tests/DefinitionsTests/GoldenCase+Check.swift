// Broken definitions of one kind, each as the files that make an otherwise good project bad and what is said.
// The table is data alone; BrokenDefinitionTests runs it over the good project of GoldenCase.
// What is said is compared word for word: a better message changes its row here.

extension GoldenCase {
  static let check: [GoldenCase] = [
    GoldenCase(
      name: "tests of a check that cannot be made",
      files: [
        "Jobs/checks/sound.yaml": """
        check: sound
        on: payments
        severity: fatal
        tests:
          - not_null: [amunt]
          - range: { column: amount, min: 5, max: 1 }
          - range: { column: amount, min: many }
          - range: { column: amount }
          - anomaly: { count: true, sum: amount, date: currency, floor: -1, factor: 0 }
          - anomaly: { date: paid_at }
          - freshness: { column: amount }
          - relationship: { column: customer_id, to: customers.id }
          - relationship: { column: customer_id, to: customers }
          - accepted_values: { column: currency, values: [] }
          - { not_null: [amount], where: "amout > 0" }
          - { none: "select 1", where: "amount > 0" }
          - { not_null: [amount], unique: [amount] }
          - nul: "select 1"
          - {}

        """
      ],
      says: """
        error: Jobs/checks/sound.yaml:3:11: "fatal" is not a value of "severity"
          fix: use one of: warn, error
        error: Jobs/checks/sound.yaml:5:16: the test "not_null" needs a column "amunt", which the feed "payments" does not have
          fix: did you mean "amount"?
        error: Jobs/checks/sound.yaml:6:35: "min" (5) is above "max" (1)
        error: Jobs/checks/sound.yaml:7:35: "many" is no number, and "amount" is decimal(14,2)
        error: Jobs/checks/sound.yaml:8:5: "range" has no limits
          fix: add min, max or both, as in min: 0
        error: Jobs/checks/sound.yaml:9:29: "anomaly" is only one of count, sum
        error: Jobs/checks/sound.yaml:9:48: the test "anomaly" needs a date or a time, and "currency" is text
          declared at Jobs/feeds/payments.yaml:8:3
        error: Jobs/checks/sound.yaml:9:65: "floor" must be a number from zero on, not "-1"
        error: Jobs/checks/sound.yaml:9:77: "factor" must be a number above zero, not "0"
        error: Jobs/checks/sound.yaml:10:5: "anomaly" says nothing of what is measured
          fix: add count: true, or a column, as in sum: amount
        error: Jobs/checks/sound.yaml:10:22: the test "anomaly" needs a column "paid_at", which the feed "payments" does not have
          fix: use one of: payment_id, customer_id, amount, currency
        error: Jobs/checks/sound.yaml:11:5: "freshness" has no limit
          fix: add warn_after, error_after or both, as in warn_after: 1d
        error: Jobs/checks/sound.yaml:12:46: the feed "customers" has no column "id"
          fix: use one of: customer_id, name
        error: Jobs/checks/sound.yaml:13:46: "customers" is not a column of a relation
          fix: write both, as in orders.order_id
        error: Jobs/checks/sound.yaml:14:50: "values" is empty
          fix: write at least one
        error: Jobs/checks/sound.yaml:15:34: the feed "payments" has no column "amout"
          fix: did you mean "amount"?
        error: Jobs/checks/sound.yaml:16:25: "where" belongs to tests of columns, not to none
          fix: write the condition into the query
        error: Jobs/checks/sound.yaml:17:27: a test is only one of not_null, unique
          fix: write two tests
        error: Jobs/checks/sound.yaml:18:5: unknown key "nul" in the test
          fix: use one of: not_null, unique, accepted_values, relationship, range, anomaly, freshness, equal, none, severity, where
        error: Jobs/checks/sound.yaml:19:5: the test says nothing
          fix: use one of: not_null, unique, accepted_values, relationship, range, anomaly, freshness, equal, none
        """),
    GoldenCase(
      name: "queries of a check that are not one query",
      files: [
        "Jobs/checks/queries.yaml": """
        check: queries
        tests:
          - none: "delete from payments"
          - none: "select 1; select 2"
          - none: "select 1) as x, (select 2"
          - none: "select (1"
          - none: "select 'open"
          - none: "select $1"
          - equal: { left: "select 1" }
          - not_null: [amount]

        """
      ],
      says: """
        error: Jobs/checks/queries.yaml:3:11: "none" is a query that begins with select, with, values or table, not "delete"
        error: Jobs/checks/queries.yaml:4:11: "none" must be one query; there is a ";" in it
        error: Jobs/checks/queries.yaml:5:11: "none" is not SQL: a ")" has no partner
        error: Jobs/checks/queries.yaml:6:11: "none" is not SQL: a "(" has no partner
        error: Jobs/checks/queries.yaml:7:11: "none" is not SQL: a string (') is not closed
        error: Jobs/checks/queries.yaml:8:11: "none" has no parameters; "$1" is one
        error: Jobs/checks/queries.yaml:9:5: "equal" has no "right"
          fix: add right: …
        error: Jobs/checks/queries.yaml:10:5: the test not_null amount looks at a relation, and the check has no "on"
          fix: say which feed, view or table it looks at: on: transactions
        """),
    GoldenCase(
      name: "a check on a relation that is nearly a feed",
      files: [
        "Jobs/checks/near.yaml": """
        check: near
        on: paymets
        tests:
          - not_null: [anything]

        """
      ],
      says: """
        warning: Jobs/checks/near.yaml:2:5: there is no feed and no view "paymets"
          fix: did you mean "payments"?
        """),
    GoldenCase(
      name: "a check with the name of a feed, and without tests",
      files: [
        "Jobs/checks/payments.yaml": """
        check: payments
        on: ledger_of_somebody_else
        tests: []

        """
      ],
      says: """
        error: Jobs/checks/payments.yaml:1:8: "payments" is a feed already
          first at Jobs/feeds/payments.yaml:1:7
          fix: give the check another name
        error: Jobs/checks/payments.yaml:3:8: the check has no tests
        """),
    GoldenCase(
      name: "a stage that selects no check, view or feed",
      files: [
        "Jobs/nightly.yaml": """
        job: nightly
        stages: [ { check: [paymentz] } ]

        """
      ],
      says: """
        error: Jobs/nightly.yaml:2:21: there is no check, view or feed "paymentz"
          fix: did you mean "payments"?
        """),
  ]
}
