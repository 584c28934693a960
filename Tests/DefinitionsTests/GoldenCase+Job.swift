// Broken definitions of one kind, each as the files that make an otherwise good project bad and what is said.
// The table is data alone; BrokenDefinitionTests runs it over the good project of GoldenCase.
// What is said is compared word for word: a better message changes its row here.

extension GoldenCase {
  static let job: [GoldenCase] = [
    GoldenCase(
      name: "stages that are none",
      files: [
        "Jobs/nightly.yaml": """
        job: nightly
        timeout: 2 hours
        stages:
          - { ingets: all }
          - ingest
          - { ingest: all, refresh: all }
          - { timeout: 5m }
          - { ingest: [] }

        """
      ],
      says: """
        error: Jobs/nightly.yaml:2:10: "2 hours" is not a duration for "timeout"
          fix: write a whole number above zero with its unit: 500ms, 10s, 30m, 2h, 1d
        error: Jobs/nightly.yaml:4:7: unknown key "ingets" in the stage
          fix: did you mean "ingest"?
        error: Jobs/nightly.yaml:5:5: the stage must be a mapping of keys to values, not a single value
          fix: it can have the keys: ingest, refresh, check, report, timeout
        error: Jobs/nightly.yaml:6:20: a stage is only one of ingest, refresh
          fix: write two stages
        error: Jobs/nightly.yaml:7:5: the stage says nothing
          fix: write one of: ingest, refresh, check, report, as in { ingest: all }
        error: Jobs/nightly.yaml:8:15: the stage selects nothing
          fix: write all, or names
        """),
    GoldenCase(
      name: "names that do not exist",
      files: [
        "Jobs/nightly.yaml": """
        job: nightly
        stages:
          - { ingest: [payments, paymnts] }
          - { refresh: daily }
          - { report: mony, timeout: 30m }

        """
      ],
      says: """
        error: Jobs/nightly.yaml:3:26: there is no feed "paymnts"
          fix: did you mean "payments"?
        error: Jobs/nightly.yaml:4:16: there is no view "daily"
        error: Jobs/nightly.yaml:5:15: there is no report "mony"
        """),
    GoldenCase(
      name: "two jobs with one name",
      files: [
        "Jobs/again.yaml": """
        job: nightly
        stages: [ { ingest: all } ]

        """
      ],
      says: """
        error: Jobs/nightly.yaml:1:6: there are two jobs "nightly"
          first at Jobs/again.yaml:1:6
          fix: rename one of them
        """),
    GoldenCase(
      name: "a job without stages",
      files: [
        "Jobs/nightly.yaml": """
        job: nightly
        stages: []

        """
      ],
      says: "error: Jobs/nightly.yaml:2:9: the job has no stages"),
    GoldenCase(
      name: "one broken file does not blame those that mention it",
      files: [
        "Jobs/feeds/customers.yaml": """
        feed: customers
          files: [

        """,
        "Jobs/views/daily.yaml": """
        view: daily
        from: customers
        group_by: { currency: currency }
        measures: { total: { sum: amount } }

        """,
        "Jobs/nightly.yaml": """
        job: nightly
        stages: [ { ingest: customers } ]

        """,
      ],
      says: """
        error: Jobs/feeds/customers.yaml:2:8: not YAML: mapping values are not allowed in this context
        """),
  ]
}
