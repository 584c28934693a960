// Broken definitions of one kind, each as the files that make an otherwise good project bad and what is said.
// The table is data alone; BrokenDefinitionTests runs it over the good project of GoldenCase.
// What is said is compared word for word: a better message changes its row here.

extension GoldenCase {
  static let text: [GoldenCase] = [
    GoldenCase(
      name: "there is no project",
      files: [
        "Jobs/daybook.yaml": nil
      ],
      says: """
        error: Jobs/daybook.yaml: there is no project in this folder
          fix: change to a folder that holds Jobs/daybook.yaml, or name it: --project DIR
        """),
    GoldenCase(
      name: "an unknown key is named with the nearest key",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        outptu: Out

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:1: unknown key "outptu" in the project
          fix: did you mean "output"?
        """),
    GoldenCase(
      name: "an unknown key without a near one lists the valid ones",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        zebra: 1

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:1: unknown key "zebra" in the project
          fix: use one of: project, database, inbox, output, calendar, retention, close, locale
        """),
    GoldenCase(
      name: "a duplicate key hides no other error",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        output: Out
        output: Output
        zebra: 1
        database: { schema: a, schema: b }

        """
      ],
      says: """
        error: Jobs/daybook.yaml:3:1: the key "output" is here twice
          first at Jobs/daybook.yaml:2:1
          fix: remove one of the two
        error: Jobs/daybook.yaml:4:1: unknown key "zebra" in the project
          fix: use one of: project, database, inbox, output, calendar, retention, close, locale
        error: Jobs/daybook.yaml:5:24: the key "schema" is here twice
          first at Jobs/daybook.yaml:5:13
          fix: remove one of the two
        """),
    GoldenCase(
      name: "a missing required key is named",
      files: [
        "Jobs/daybook.yaml": "inbox: in\n"
      ],
      says: """
        error: Jobs/daybook.yaml:1:1: the project has no "project"
          fix: add project: …
        """),
    GoldenCase(
      name: "a key without a value is named",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        output:

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:1: "output" has no value
          fix: write one, or remove the key
        """),
    GoldenCase(
      name: "a list in place of a mapping",
      files: [
        "Jobs/daybook.yaml": "- project\n"
      ],
      says: """
        error: Jobs/daybook.yaml:1:1: the project must be a mapping of keys to values, not a list
          fix: it can have the keys: project, database, inbox, output, calendar, retention, close, locale
        """),
    GoldenCase(
      name: "an empty file",
      files: [
        "Jobs/daybook.yaml": ""
      ],
      says: """
        error: Jobs/daybook.yaml:1:1: the file is empty
          fix: delete it, or write a definition
        """),
    GoldenCase(
      name: "a file of comments",
      files: [
        "Jobs/nightly.yaml": "# nothing yet\n"
      ],
      says: """
        error: Jobs/nightly.yaml:1:1: the file is empty
          fix: delete it, or write a definition
        """),
    GoldenCase(
      name: "broken YAML",
      files: [
        "Jobs/nightly.yaml": """
        job: nightly
        stages: [ { ingest: all }

        """
      ],
      says: "error: Jobs/nightly.yaml:3:1: not YAML: did not find expected ',' or ']'"),
    GoldenCase(
      name: "a tab as indentation",
      files: [
        "Jobs/nightly.yaml": """
        job: nightly
        stages:
        \t- ingest: all

        """
      ],
      says: """
        error: Jobs/nightly.yaml:3:1: a tab cannot stand here
          fix: indent with spaces
        """),
    GoldenCase(
      name: "a second document",
      files: [
        "Jobs/nightly.yaml": """
        job: nightly
        stages: [ { ingest: all } ]
        ---
        job: other

        """
      ],
      says: """
        error: Jobs/nightly.yaml:3:1: a second document begins here
          fix: one definition per file
        """),
    GoldenCase(
      name: "a NUL byte",
      files: [
        "Jobs/nightly.yaml": """
        job: nightly
        stages: [ { ingest: a\0ll } ]

        """
      ],
      says: "error: Jobs/nightly.yaml:2:22: a NUL byte cannot stand in a definition"),
    GoldenCase(
      name: "an anchor and its alias",
      files: [
        "Jobs/nightly.yaml": """
        job: nightly
        stages:
          - &all { ingest: all }
          - *all

        """
      ],
      says: """
        error: Jobs/nightly.yaml:3:5: YAML anchors (&) and aliases (*) are not supported
          fix: write the value out; quote text that begins with & or *
        """),
    GoldenCase(
      name: "values nested without end",
      files: [
        "Jobs/nightly.yaml": """
        job: nightly
        stages: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]

        """
      ],
      says: """
        error: Jobs/nightly.yaml:2:10: the stage must be a mapping of keys to values, not a list
          fix: it can have the keys: ingest, refresh, check, report, timeout
        error: Jobs/nightly.yaml:2:32: values are nested deeper than 24 levels
        """),
    GoldenCase(
      name: "an alias as a key",
      files: [
        "Jobs/nightly.yaml": """
        a: &a [x, x]
        b: &b [*a, *a]
        ? *b
        : c

        """
      ],
      says: """
        error: Jobs/nightly.yaml:1:4: YAML anchors (&) and aliases (*) are not supported
          fix: write the value out; quote text that begins with & or *
        """),
    GoldenCase(
      name: "a mapping as a key",
      files: [
        "Jobs/nightly.yaml": """
        job: nightly
        stages: [ { ingest: all } ]
        ? { a: b }
        : c

        """
      ],
      says: "error: Jobs/nightly.yaml:3:3: a key must be a single word, written out"),
    GoldenCase(
      name: "an unset variable",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        database: { url: "${DATABASE_URL}" }

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:18: the environment has no DATABASE_URL
          fix: set DATABASE_URL, or give a default: ${DATABASE_URL:-…}
        """),
    GoldenCase(
      name: "a reference that is never closed",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        inbox: ${HOME

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:8: "${" without a "}"
          fix: write $${ for the characters themselves
        """),
    GoldenCase(
      name: "a reference that is no name",
      files: [
        "Jobs/daybook.yaml": """
        project: shop
        inbox: ${HOME-x}

        """
      ],
      says: """
        error: Jobs/daybook.yaml:2:8: "${HOME-x}" is not a reference to the environment
          fix: write ${NAME} or ${NAME:-default}; $${ for the characters themselves
        """),
    GoldenCase(
      name: "a secret from the environment is never shown",
      files: [
        "Jobs/daybook.yaml": """
        project: ${SECRET}
        database: { url: "${SECRET}", schema: "${SECRET}", pool: { max: "${SECRET}", max_age: "${SECRET}" } }
        output: /${SECRET}
        calendar: { time_zone: "${SECRET}", week_starts: "${SECRET}" }

        """
      ],
      environment: ["SECRET": "Monday hunter2 ../x"],
      says: """
        error: Jobs/daybook.yaml:1:10: "${SECRET}" cannot be used as "project": a name has lower-case letters, digits, _ and - only, and begins with a letter or _
        error: Jobs/daybook.yaml:2:18: "url" is neither embedded nor the address of a PostgreSQL
          fix: write embedded, or postgresql://user@host:5432/database
        error: Jobs/daybook.yaml:2:39: "${SECRET}" cannot be used as "schema": a name has lower-case letters, digits and _ only, and begins with a letter or _
        error: Jobs/daybook.yaml:2:65: "max" must be a whole number from 1 to 500, not "${SECRET}"
        error: Jobs/daybook.yaml:2:87: "${SECRET}" is not a duration for "max_age"
          fix: write a whole number above zero with its unit: 500ms, 10s, 30m, 2h, 1d
        error: Jobs/daybook.yaml:3:9: "output" must be inside the project, not "/${SECRET}"
          fix: output: Output
        error: Jobs/daybook.yaml:4:24: this machine knows no time zone "${SECRET}"
          fix: write a name such as Europe/Paris or UTC
        error: Jobs/daybook.yaml:4:50: "${SECRET}" is not a value of "week_starts"
          fix: use one of: monday, tuesday, wednesday, thursday, friday, saturday, sunday
        """),
    GoldenCase(
      name: "a file that nobody reads",
      files: [
        "Jobs/feeds/refunds.yml": "feed: refunds\n",
        "Jobs/feeds/payments.yaml.bak": "x",
        "Jobs/feed/x.yaml": "feed: x\n",
      ],
      says: """
        warning: Jobs/feed: this folder is not read
          fix: did you mean Jobs/feeds?
        warning: Jobs/feeds/payments.yaml.bak: this file is not read
          fix: definitions here end in .yaml
        warning: Jobs/feeds/refunds.yml: this file is not read
          fix: rename it to refunds.yaml
        """),
    GoldenCase(
      name: "duplicate keys in quotes, three of one",
      files: [
        "Jobs/nightly.yaml": """
        "job": nightly
        "job": nightly
        stages: [ { ingest: all, ingest: all } ]
        job: x

        """
      ],
      says: """
        error: Jobs/nightly.yaml:2:1: the key "job" is here twice
          first at Jobs/nightly.yaml:1:1
          fix: remove one of the two
        error: Jobs/nightly.yaml:3:26: the key "ingest" is here twice
          first at Jobs/nightly.yaml:3:13
          fix: remove one of the two
        error: Jobs/nightly.yaml:4:1: the key "job" is here twice
          first at Jobs/nightly.yaml:1:1
          fix: remove one of the two
        """),
    GoldenCase(
      name: "a file in place of a folder",
      files: [
        "Jobs/reports": "x"
      ],
      says: "error: Jobs/reports: must be a folder of definitions, not a file"),
  ]
}
