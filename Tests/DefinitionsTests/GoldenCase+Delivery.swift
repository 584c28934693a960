// Broken definitions of one kind, each as the files that make an otherwise good project bad and what is said.
// The table is data alone; BrokenDefinitionTests runs it over the good project of GoldenCase.
// What is said is compared word for word: a better message changes its row here.

extension GoldenCase {
  static let delivery: [GoldenCase] = [
    GoldenCase(
      name: "words of a delivery that are none",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        provenance: maybe
        watch: [insert]
        control_file: requird
        drift: { extra: drop, missing: refused, added: warn }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:13: "provenance" must be true or false, not "maybe"
        error: Jobs/feeds/payments.yaml:4:8: "watch" must be a single value, not a list
        error: Jobs/feeds/payments.yaml:5:15: "requird" is not a value of "control_file"
          fix: did you mean "required"?
        error: Jobs/feeds/payments.yaml:6:17: "drop" is not a value of "extra"
          fix: use one of: ignore, warn, refuse
        error: Jobs/feeds/payments.yaml:6:32: "refused" is not a value of "missing"
          fix: did you mean "refuse"?
        error: Jobs/feeds/payments.yaml:6:41: unknown key "added" in "drift"
          fix: use one of: extra, missing
        """#),
    GoldenCase(
      name: "a drift that is a word",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        drift: refuse
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:8: "drift" must be a mapping of keys to values, not a single value
          fix: it can have the keys: extra, missing
        """#),
    GoldenCase(
      name: "a trailer that cannot be compared",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        trailer:
          marker: TRL
          rows: 1
          sums:
            - { column: amuont, field: 3 }
            - { column: payment_id, field: 3 }
            - { column: amount, group: EUR, field: 3 }
            - { column: amount, group: EUR, field: 4 }
            - { column: amount, group: USD, field: 3 }
            - { column: amount, group: USDD, field: 5 }
            - { column: amount }
            - 7
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text, one_of: [USD, EUR] }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:5:9: "rows" must be a whole number from 2 to 10000, not "1"
        error: Jobs/feeds/payments.yaml:7:17: the trailer's column "amuont" is not among the columns
          fix: did you mean "amount"?
        error: Jobs/feeds/payments.yaml:8:17: no control sum is kept over "payment_id"
          declared at Jobs/feeds/payments.yaml:16:3
          fix: add control: sum_by(currency) to the column
        error: Jobs/feeds/payments.yaml:10:17: the sum of "amount" of EUR is in "sums" twice
        error: Jobs/feeds/payments.yaml:11:44: field 3 of the trailer would be both the sum of "amount" of EUR and the sum of "amount" of USD
        error: Jobs/feeds/payments.yaml:12:32: "USDD" is not a value of the column "currency"
          declared at Jobs/feeds/payments.yaml:18:3
          fix: did you mean "USD"?
        error: Jobs/feeds/payments.yaml:13:7: a sum of the trailer has no "field"
          fix: add field: …
        error: Jobs/feeds/payments.yaml:14:7: a sum of the trailer must be a mapping of keys to values, not a single value
          fix: it can have the keys: column, group, field
        """#),
    GoldenCase(
      name: "a trailer without its marker",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        trailer: { rows: 2 }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:1: "trailer" has no "marker"
          fix: add marker: …
        """#),
    GoldenCase(
      name: "a trailer without its marker (2)",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        trailer: { marker: "", rows: 2 }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:20: "marker" is empty
          fix: write one, or remove the key
        """#),
    GoldenCase(
      name: "a trailer without its marker (3)",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        trailer: TRL
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:10: "trailer" must be a mapping of keys to values, not a single value
          fix: it can have the keys: marker, rows, sums
        """#),
    GoldenCase(
      name: "a trailer without its marker (4)",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        trailer: { marker: TRL, rows: 2, sums: [ { column: amount, field: 2 } ] }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:67: field 2 of the trailer would be both the number of rows and the sum of "amount"
        """#),
    GoldenCase(
      name: "a snapshot by insert",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        mode: snapshot
        max_deletes: 1
        load: insert
        key: payment_id
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:5:7: snapshot needs load: copy: what a file leaves out is known only when all of it is there
          fix: write load: copy or load: auto
        """#),
    GoldenCase(
      name: "columns that would be Daybook's",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
          _daybook_file: { type: bigint }
          _daybook_x: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:7:3: "_daybook_file" cannot be a column's name: names that begin with _daybook_ are Daybook's own
        error: Jobs/feeds/payments.yaml:8:3: "_daybook_x" cannot be a column's name: names that begin with _daybook_ are Daybook's own
        """#),
    GoldenCase(
      name: "a period column that does not exist",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        key: [payment_id]
        period: paid_a
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          paid_at: { type: timestamptz }
          settled_on: { type: date, optional: true }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:4:9: the period column "paid_a" is not among the columns
          fix: did you mean "paid_at"?
        """),
    GoldenCase(
      name: "a period column that is no date",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        key: [payment_id]
        period: amount
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          paid_at: { type: timestamptz }
          settled_on: { type: date, optional: true }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:4:9: "period" needs a date or a time, and "amount" is decimal(14,2)
          declared at Jobs/feeds/payments.yaml:7:3
        """),
    GoldenCase(
      name: "a period column that may be missing",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        key: [payment_id]
        period: settled_on
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          paid_at: { type: timestamptz }
          settled_on: { type: date, optional: true }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:4:9: the period column "settled_on" is optional, and a row without it falls into no month that could be closed
          declared at Jobs/feeds/payments.yaml:9:3
          fix: remove optional from the column, or name another one
        """),
  ]
}
