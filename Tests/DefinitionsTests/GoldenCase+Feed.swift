// Broken definitions of one kind, each as the files that make an otherwise good project bad and what is said.
// The table is data alone; BrokenDefinitionTests runs it over the good project of GoldenCase.
// What is said is compared word for word: a better message changes its row here.

extension GoldenCase {
  static let feed: [GoldenCase] = [
    GoldenCase(
      name: "a key that does not exist or is optional",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        key: [payment, note, payment_id, payment_id]
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          currency: { type: text }
          note: { type: text, optional: true }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:3:7: the key column "payment" is not among the columns
          fix: did you mean "payment_id"?
        error: Jobs/feeds/payments.yaml:3:16: the key column "note" is optional
          declared at Jobs/feeds/payments.yaml:8:3
          fix: remove optional from the column, or the column from the key
        error: Jobs/feeds/payments.yaml:3:34: "payment_id" is in "key" twice
        """),
    GoldenCase(
      name: "limits that are none",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        key: payment_id
        mode: snapshot
        max_deletes: -1
        rejects: { limit: 101% }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          currency: { type: text }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:5:14: "-1" is not a limit for "max_deletes"
          fix: write a count (100) or a share of the rows from 0% to 100% (1%, 0.5%)
        error: Jobs/feeds/payments.yaml:6:19: "101%" is not a limit for "limit"
          fix: write a count (100) or a share of the rows from 0% to 100% (1%, 0.5%)
        """),
    GoldenCase(
      name: "a snapshot without its key and limit",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        mode: snapshot
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          currency: { type: text }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:3:7: mode: snapshot needs a key to tell which rows are absent
          fix: add key: [column]
        error: Jobs/feeds/payments.yaml:3:7: mode: snapshot has no "max_deletes"
          fix: add max_deletes: 5%, the most rows that one file may delete
        """),
    GoldenCase(
      name: "settings that mean nothing here",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        max_deletes: 5%
        on_conflict: ignore
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          currency: { type: text }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:3:1: "max_deletes" belongs to mode: snapshot
          fix: remove it, or write mode: snapshot
        error: Jobs/feeds/payments.yaml:4:14: "on_conflict" has no meaning without a key
          fix: add key: [column], or remove on_conflict
        """),
    GoldenCase(
      name: "words that are none",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        mode: delt
        load: cpy
        on_conflict: replace
        key: payment_id
        required: yes
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          currency: { type: text }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:3:7: "delt" is not a value of "mode"
          fix: did you mean "delta"?
        error: Jobs/feeds/payments.yaml:4:7: "cpy" is not a value of "load"
          fix: did you mean "copy"?
        error: Jobs/feeds/payments.yaml:5:14: "replace" is not a value of "on_conflict"
          fix: use one of: update, ignore, reject
        error: Jobs/feeds/payments.yaml:7:11: "required" must be true or false, not "yes"
        """),
    GoldenCase(
      name: "a pattern for files that is a path",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: in/payments_*.csv
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          currency: { type: text }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:2:8: "files" is a pattern for names inside the inbox and may not contain "/" or "..": "in/payments_*.csv"
          fix: write the file's name only, such as transactions_*.csv*
        """),
    GoldenCase(
      name: "a format that contradicts itself",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        format: { delimiter: ";;", quote: '"', encoding: latin-1, decimal_mark: ",", grouping_mark: "," }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          currency: { type: text }

        """
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:22: "delimiter" must be one ASCII character, not ";;"
          fix: write ",", ";", "|", "\t" or "\u0001"
        error: Jobs/feeds/payments.yaml:3:93: "decimal_mark" and "grouping_mark" are the same character
        """#),
    GoldenCase(
      name: "a delimiter that is the quote",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        format: { delimiter: "|", quote: "|", nulls: NULL }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          currency: { type: text }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:3:34: "delimiter" and "quote" are the same character
        error: Jobs/feeds/payments.yaml:3:39: "nulls" has no value
          fix: write one, or remove the key
        """),
    GoldenCase(
      name: "references that lead nowhere",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          currency: { type: text }
          a: { type: bigint, references: custmers.customer_id }
          b: { type: bigint, references: customers.customerid }
          c: { type: bigint, references: customers }
          d: { type: integer, references: customers.customer_id }
          e: { type: text, references: customers.name }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:7:34: there is no feed "custmers"
          fix: did you mean "customers"?
        error: Jobs/feeds/payments.yaml:8:34: the feed "customers" has no column "customerid"
          declared at Jobs/feeds/customers.yaml:1:7
          fix: did you mean "customer_id"?
        error: Jobs/feeds/payments.yaml:9:34: "customers" is not a feed and its column
          fix: write feed.column, such as customers.customer_id
        error: Jobs/feeds/payments.yaml:10:35: "d" is integer but "customers.customer_id" is bigint
          declared at Jobs/feeds/customers.yaml:5:3
          fix: give both the same type
        error: Jobs/feeds/payments.yaml:11:32: "customers.name" is not the key of its feed, so a row could not be found by it
          declared at Jobs/feeds/customers.yaml:6:3
          fix: reference customers.customer_id
        """),
    GoldenCase(
      name: "references that go in a circle",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        key: [payment_id]
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          currency: { type: text }
          customer_id: { type: bigint, references: customers.customer_id }

        """,
        "Jobs/feeds/customers.yaml": """
        feed: customers
        files: customers_*.csv
        key: [customer_id]
        columns:
          customer_id: { type: bigint }
          name: { type: text }
          first_payment: { type: bigint, references: payments.payment_id }

        """,
      ],
      says: """
        error: Jobs/feeds/customers.yaml:7:46: the feeds reference each other in a circle: customers → payments → customers
          fix: remove one of these references; no order of loading satisfies all of them
        """),
    GoldenCase(
      name: "two feeds with one name",
      files: [
        "Jobs/feeds/payments_2.yaml": """
        feed: payments
        files: p_*.csv
        columns:
          a: { type: text }

        """
      ],
      says: """
        error: Jobs/feeds/payments_2.yaml:1:7: there are two feeds "payments"
          first at Jobs/feeds/payments.yaml:1:7
          fix: rename one of them
        """),
    GoldenCase(
      name: "keys of the future",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        distribute: customer_id
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          currency: { type: text }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:3:1: unknown key "distribute" in the feed
          fix: use one of: feed, files, format, mode, max_deletes, load, key, on_conflict, columns, rejects, required, provenance, watch, control_file, trailer, drift, period
        """),
    GoldenCase(
      name: "a feed without columns",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        columns: {}

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:3:10: "columns" is empty
          fix: write at least one
        """),
    GoldenCase(
      name: "a value of the environment is not shown through a name either",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        key: ["${SECRET}"]
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          currency: { type: text }
          a: { type: bigint, references: "${SECRET}.id" }

        """
      ],
      environment: ["SECRET": "hunter_two"],
      says: """
        error: Jobs/feeds/payments.yaml:3:7: the key column "${SECRET}" is not among the columns
          fix: use one of: payment_id, amount, currency, a
        error: Jobs/feeds/payments.yaml:8:34: there is no feed "${SECRET}"
          fix: use one of: customers, payments
        """),
    GoldenCase(
      name: "two feeds of the same files",
      files: [
        "Jobs/feeds/second.yaml": """
        feed: second
        files: payments_*.csv
        columns:
          a: { type: text }

        """
      ],
      says: """
        warning: Jobs/feeds/second.yaml:1:1: the feeds "payments" and "second" take the same files: payments_*.csv
          fix: each file is meant for one feed; tell them apart by name
        """),
  ]
}
