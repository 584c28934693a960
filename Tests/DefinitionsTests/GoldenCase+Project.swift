// Broken definitions of one kind, each as the files that make an otherwise good project bad and what is said.
// The table is data alone; BrokenDefinitionTests runs it over the good project of GoldenCase.
// What is said is compared word for word: a better message changes its row here.

extension GoldenCase {
  static let project: [GoldenCase] = [
    GoldenCase(
      name: "a name that is no name",
      files: [
        "Jobs/daybook.yaml": "project: My Shop\n"
      ],
      says: """
        error: Jobs/daybook.yaml:1:10: "My Shop" cannot be used as "project": a name has lower-case letters, digits, _ and - only, and begins with a letter or _
        """),
    GoldenCase(
      name: "a schema that is not ours to use",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        database: { schema: daybook }

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:21: "daybook" cannot be used as "schema": the schema daybook is Daybook's own
        """),
    GoldenCase(
      name: "a schema in upper case",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        database: { schema: Finance }

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:21: "Finance" cannot be used as "schema": a name has lower-case letters, digits and _ only, and begins with a letter or _
        """),
    GoldenCase(
      name: "a database address that is none, not shown",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        database: { url: "user:hunter2@host" }

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:18: "url" is neither embedded nor the address of a PostgreSQL
          fix: write embedded, or postgresql://user@host:5432/database
        """),
    GoldenCase(
      name: "durations without a unit or with a wrong one",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        database:
          pool: { acquire_timeout: 10, max_age: 30 min, idle_timeout: 0s }

        """
      ],
      says: """
        error: Jobs/daybook.yaml:3:28: "10" is not a duration for "acquire_timeout"
          fix: write a whole number above zero with its unit: 500ms, 10s, 30m, 2h, 1d
        error: Jobs/daybook.yaml:3:41: "30 min" is not a duration for "max_age"
          fix: write a whole number above zero with its unit: 500ms, 10s, 30m, 2h, 1d
        error: Jobs/daybook.yaml:3:63: "0s" is not a duration for "idle_timeout"
          fix: write a whole number above zero with its unit: 500ms, 10s, 30m, 2h, 1d
        """),
    GoldenCase(
      name: "more connections kept than allowed",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        database: { pool: { min: 5, max: 2 } }

        """
      ],
      says: "error: Jobs/daybook.yaml:2:26: \"min\" (5) is above \"max\" (2)"),
    GoldenCase(
      name: "an integer that is none",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        database: { pool: { min: -1, max: many } }

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:26: "min" must be a whole number from 0 to 500, not "-1"
        error: Jobs/daybook.yaml:2:35: "max" must be a whole number from 1 to 500, not "many"
        """),
    GoldenCase(
      name: "paths that leave the project",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        inbox: ../in
        output: /srv/out

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:8: "inbox" may not contain "..": "../in"
          fix: write a path inside the project, or an absolute one
        error: Jobs/daybook.yaml:3:9: "output" must be inside the project, not "/srv/out"
          fix: output: Output
        """),
    GoldenCase(
      name: "an output that would replace the definitions",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        output: Jobs/out

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:9: "output" must be a folder of its own
          fix: output: Output
        """),
    GoldenCase(
      name: "an unknown time zone",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        calendar: { time_zone: Europe/Pariss, fiscal_year_starts: apri, week_starts: 1 }

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:24: this machine knows no time zone "Europe/Pariss"
          fix: did you mean "Europe/Paris"?
        error: Jobs/daybook.yaml:2:59: "apri" is not a value of "fiscal_year_starts"
          fix: did you mean "april"?
        error: Jobs/daybook.yaml:2:78: "1" is not a value of "week_starts"
          fix: use one of: monday, tuesday, wednesday, thursday, friday, saturday, sunday
        """),
    GoldenCase(
      name: "a time zone that is no place's",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        calendar: { time_zone: right/Europe/Paris }

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:24: "right/Europe/Paris" is no time zone that is the same everywhere
          fix: write Europe/Paris
        """),
    GoldenCase(
      name: "a time zone that each machine has its own of",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        calendar: { time_zone: localtime }

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:24: "localtime" is no time zone that is the same everywhere
          fix: write a name such as Europe/Paris or UTC
        """),
    GoldenCase(
      name: "a retention that is none",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        retention: { journal: 0d, jornal: 10d }

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:23: "0d" is not a number of days for "journal"
          fix: write whole days from 1d to 36525d: 400d
        error: Jobs/daybook.yaml:2:27: unknown key "jornal" in "retention"
          fix: did you mean "journal"?
        """),
    GoldenCase(
      name: "a retention in other units",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        retention: { journal: 2h }

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:23: "2h" is not a number of days for "journal"
          fix: write whole days from 1d to 36525d: 400d
        """),
    GoldenCase(
      name: "a rule for late changes that is none",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        close: { late: quarantined, hard: true }

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:16: "quarantined" is not a value of "late"
          fix: did you mean "quarantine"?
        error: Jobs/daybook.yaml:2:29: unknown key "hard" in "close"
          fix: use one of: late
        """),
    GoldenCase(
      name: "a locale that cannot be read back",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        locale: { decimal_mark: ".", grouping_mark: ".", dates: dd.mm.yyyy, langauge: de }

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:45: "grouping_mark" and "decimal_mark" are both ".": no number could be read
          fix: make one of them another mark
        error: Jobs/daybook.yaml:2:57: "dd.mm.yyyy" does not say how to write a date: it needs yyyy, MM and dd once each, with . / or - between them
          fix: did you mean "dd.MM.yyyy"?
        error: Jobs/daybook.yaml:2:69: unknown key "langauge" in "locale"
          fix: use one of: decimal_mark, grouping_mark, dates
        """),
    GoldenCase(
      name: "a locale with unknown marks",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        locale: { decimal_mark: ";", grouping_mark: spase, dates: soon }

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:25: ";" is not a value of "decimal_mark"
          fix: use one of: ., ,
        error: Jobs/daybook.yaml:2:45: "spase" is not a value of "grouping_mark"
          fix: did you mean "space"?
        error: Jobs/daybook.yaml:2:59: "soon" does not say how to write a date: it needs yyyy, MM and dd once each, with . / or - between them
          fix: write one such as dd.MM.yyyy, MM/dd/yyyy or yyyy-MM-dd
        """),
  ]
}
