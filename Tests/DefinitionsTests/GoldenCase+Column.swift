// Broken definitions of one kind, each as the files that make an otherwise good project bad and what is said.
// The table is data alone; BrokenDefinitionTests runs it over the good project of GoldenCase.
// What is said is compared word for word: a better message changes its row here.

extension GoldenCase {
  static let column: [GoldenCase] = [
    GoldenCase(
      name: "a column that is no name",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)" }
          currency: { type: text }
          Amount: { type: text }
          ctid: { type: text }
          daybook_file: { type: text }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:7:3: "Amount" cannot be a column's name: a name has lower-case letters, digits and _ only, and begins with a letter or _
        error: Jobs/feeds/payments.yaml:8:3: "ctid" cannot be a column's name: every table of PostgreSQL has such a column already
        error: Jobs/feeds/payments.yaml:9:3: "daybook_file" cannot be a column's name: names that begin with daybook_ or end in __state are Daybook's own
        """),
    GoldenCase(
      name: "a type that is none",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        columns:
          a: { type: string }
          b: { type: decimal(14,2) }
          c: { type: "decimal(2,14)" }
          d: { type: "decimal(99,2)" }
          e: { type: timestmp }
          f: { type: float }
          g: {}
          h: { type: [text] }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:4:14: "string" is not a type
          fix: write text
        error: Jobs/feeds/payments.yaml:5:14: "decimal(14" is not a type: inside { } the comma ends the value
          fix: put it in quotes: type: "decimal(14,2)"
        error: Jobs/feeds/payments.yaml:6:14: "decimal(2,14)" is not a type
          fix: write decimal(digits,behind): 1 to 38 digits, of which 0 to all behind the point
        error: Jobs/feeds/payments.yaml:7:14: "decimal(99,2)" is not a type
          fix: write decimal(digits,behind): 1 to 38 digits, of which 0 to all behind the point
        error: Jobs/feeds/payments.yaml:8:14: "timestmp" is not a type
          fix: did you mean "timestamp"?
        error: Jobs/feeds/payments.yaml:9:14: "float" is not a type
          fix: write "decimal(14,2)"
        error: Jobs/feeds/payments.yaml:10:3: the column "g" has no "type"
          fix: add type: …
        error: Jobs/feeds/payments.yaml:11:14: "type" must be a single value, not a list
        """),
    GoldenCase(
      name: "control sums that cannot be kept",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        columns:
          id: { type: bigint, control: sum_by(currency) }
          a: { type: "decimal(14,2)", control: sum_by(curency) }
          b: { type: "decimal(14,2)", control: sum_by(note) }
          c: { type: "decimal(14,2)", control: average }
          currency: { type: text }
          note: { type: text, optional: true }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:4:32: a control sum needs a decimal column, and "id" is bigint
          fix: declare type: "decimal(14,2)"
        error: Jobs/feeds/payments.yaml:5:40: the control sum's column "curency" is not among the columns
          fix: did you mean "currency"?
        error: Jobs/feeds/payments.yaml:6:40: a control sum is kept per value of a text column that is never missing; "note" is optional
          declared at Jobs/feeds/payments.yaml:9:3
        error: Jobs/feeds/payments.yaml:7:40: "average" is not a control sum
          fix: write sum_by(column), such as sum_by(currency)
        """),
    GoldenCase(
      name: "regular expressions that cannot be used",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        columns:
          a: { type: text, matches: "^[A-Z" }
          b: { type: text, matches: "\\d+" }
          c: { type: text, matches: "((a{200}){200}){200}" }
          d: { type: bigint, matches: "^1" }

        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:4:29: "^[A-Z" is not a POSIX extended regular expression: Unmatched [, [^, [:, [., or [=
        error: Jobs/feeds/payments.yaml:5:29: "\d+" is not a POSIX extended regular expression: \d is not POSIX; write [0-9]
        error: Jobs/feeds/payments.yaml:6:29: "((a{200}){200}){200}" is not a POSIX extended regular expression: its repetitions unfold into more than 20000 steps
        error: Jobs/feeds/payments.yaml:7:22: "matches" is for text, not for bigint
        """#),
    GoldenCase(
      name: "checks that do not fit the type",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        columns:
          a: { type: text, min: 1 }
          b: { type: bigint, min: ten, max: 9 }
          c: { type: bigint, min: 9, max: 1 }
          d: { type: date, min: 01/02/2026 }
          e: { type: integer, one_of: [1, two, 1] }
          f: { type: boolean, one_of: [true] }
          g: { type: text, one_of: [] }
          h: { type: text, accept: [integral_decimal] }
          i: { type: bigint, accept: [integral] }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:4:20: "min" is for numbers and dates, not for text
        error: Jobs/feeds/payments.yaml:5:27: "min" of bigint cannot be "ten"
          fix: write a plain number
        error: Jobs/feeds/payments.yaml:6:27: "min" (9) is above "max" (1)
        error: Jobs/feeds/payments.yaml:7:25: "min" of date cannot be "01/02/2026"
          fix: write a day as yyyy-MM-dd
        error: Jobs/feeds/payments.yaml:8:35: "two" in "one_of" is not a value of integer
        error: Jobs/feeds/payments.yaml:8:40: "1" is in "one_of" twice
        error: Jobs/feeds/payments.yaml:9:23: "one_of" is for text and numbers, not for boolean
        error: Jobs/feeds/payments.yaml:10:28: "one_of" is empty: no value would pass
        error: Jobs/feeds/payments.yaml:11:20: "accept" is for integer and bigint, not for text
        error: Jobs/feeds/payments.yaml:12:31: "integral" is not a value of "accept"
          fix: use one of: integral_decimal
        """),
    GoldenCase(
      name: "date formats that cannot be read",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        columns:
          a: { type: date, format: dd/MM/yyy }
          b: { type: date, format: dd/MM/yyyy HH:mm }
          c: { type: timestamp, format: yyyy-MM-ddTHH:mm }
          d: { type: timestamp, format: yyyy-MM-dd mm }
          e: { type: timestamp, format: yyyy-MM-dd HH:mm XXX }
          f: { type: date, format: dMyyyy }
          g: { type: text, format: yyyy }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:4:28: "dd/MM/yyy" cannot be the format of a date: "yyy" is not a part of a date or time (yyyy, yy, MM, M, MMM, MMMM, dd, d, HH, H, hh, h, a, mm, ss, SSS, XXX); letters that stand for themselves are quoted: 'T'
        error: Jobs/feeds/payments.yaml:5:28: "dd/MM/yyyy HH:mm" cannot be the format of a date: a date has no time of day
        error: Jobs/feeds/payments.yaml:6:33: "yyyy-MM-ddTHH:mm" cannot be the format of a timestamp: "T" is not a part of a date or time (yyyy, yy, MM, M, MMM, MMMM, dd, d, HH, H, hh, h, a, mm, ss, SSS, XXX); letters that stand for themselves are quoted: 'T'
        error: Jobs/feeds/payments.yaml:7:33: "yyyy-MM-dd mm" cannot be the format of a timestamp: a smaller part of the time stands without the larger one (HH, mm, ss, SSS)
        error: Jobs/feeds/payments.yaml:8:33: "yyyy-MM-dd HH:mm XXX" cannot be the format of a timestamp: an offset (XXX) belongs to timestamptz
        error: Jobs/feeds/payments.yaml:9:28: "dMyyyy" cannot be the format of a date: a number of one or two digits must be followed by something else than a digit
        error: Jobs/feeds/payments.yaml:10:20: "format" is for date, timestamp and timestamptz, not for text
        """),
    GoldenCase(
      name: "constants that do not fit",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        columns:
          a: { type: bigint, constant: web }
          b: { type: text, constant: web, from: Channel }
          c: { type: text, constant: web, one_of: [shop] }
          d: { type: text }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:4:32: the constant "web" is not a value of bigint
        error: Jobs/feeds/payments.yaml:5:35: a constant column reads nothing "from" the file
          fix: remove from or constant
        error: Jobs/feeds/payments.yaml:6:30: the constant "web" is not in one_of
        """),
    GoldenCase(
      name: "two columns from one field",
      files: [
        "Jobs/feeds/payments.yaml": """
        feed: payments
        files: payments_*.csv
        columns:
          a: { type: text, from: Note }
          b: { type: text, from: Note }

        """
      ],
      says: """
        error: Jobs/feeds/payments.yaml:5:3: the columns "a" and "b" both read the field "Note"
          declared at Jobs/feeds/payments.yaml:4:3
        """),
  ]
}
