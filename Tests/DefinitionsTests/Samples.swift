// A project that uses every kind of definition, for tests that read it as a whole.
// Values differ from their defaults wherever a key allows it. The report is the example of ReportDefinition,
// shortened; the SQL view hides words in every place where they must not count.

enum Samples {
  static let report = """
    report: customers
    title: Customers
    description: Who pays, and how much.
    sections:
      - kpi: This month
        query: |
          select currency, sum(net) as net, 0.1 as change from daily  -- the month so far
          where business_date between date_trunc('month', :as_of::timestamp) and :as_of group by currency
        columns: { net: money(currency), change: percent }
      - chart: Net revenue
        view: trend
        type: line
        x: business_date
        y: net
        series: currency
      - table: Top currencies
        view: daily
        order_by: total desc
        top: 25
        csv: daily
        columns:
          business_date: { label: Day, format: date }
          total: money(currency)
          share: decimal(2)
      - text: Refunds count on the day they are made.
        title: How to read this
      - note: Figures of the last three days may still change.
    """

  static let trend = """
    -- The trend of each currency.
    -- unique: business_date, currency
    -- index: currency
    -- index: business_date, currency_name
    with recursive days as (select '2026-01-01'::date as day)
    select d.business_date, d.currency, d.net -- from nowhere
    from shop.daily d, days /* join payments */
    where d.note <> 'from payments' and "from" = $q$ join payments $q$;
    """

  static let checks = """
    check: sound
    on: payments
    tests:
      - not_null: [kind, amount]
      - unique: [paid_at, amount]
      - accepted_values: { column: kind, values: [payment, refund] }
        where: "amount > 0 and _daybook_line > 1"
      - relationship: { column: currency, to: daily.currency }
      - range: { column: amount, max: 5000 }
        severity: warn
      - anomaly: { count: true, date: paid_at, by: currency, floor: 100, factor: 6, lag: 1 }
      - freshness: { column: paid_at, warn_after: 1d, error_after: 3d }
      - equal: { left: "select sum(total) from daily", right: "select sum(amount) from shop.payments -- all" }
      - none: |
          select net from daily where daily.net < 0 -- never
      - none: "select 1 from pg_class where now() < 'yesterday'"
    """

  static let shop: [String: String] = [
    "Jobs/daybook.yaml": """
    project: shop
    database:
      url: ${DATABASE_URL:-embedded}
      schema: shop
      pool: { min: 0, max: 8, acquire_timeout: 500ms, max_age: 1d, idle_timeout: 5m }
    inbox: /srv/in/
    output: ./Out
    calendar: { time_zone: Europe/Paris, fiscal_year_starts: april, week_starts: sunday }
    retention: { journal: 90d }
    """,
    "Jobs/feeds/payments.yaml": """
    feed: payments
    files: payments_*.csv*
    format: { delimiter: ";", quote: none, encoding: cp1252, nulls: ["", NULL, "n/a"], decimal_mark: ",", grouping_mark: ".", negatives: [trailing_minus], max_record_bytes: 64KiB, max_record_lines: 20, max_file_bytes: 10GiB }
    provenance: false
    watch: true
    control_file: required
    trailer: { marker: TRL, rows: 2, sums: [ { column: amount, group: EUR, field: 3 }, { column: amount, field: 4 } ] }
    drift: { extra: ignore, missing: refuse }
    mode: snapshot
    max_deletes: 0.5%
    load: copy
    key: [payment_id]
    on_conflict: reject
    required: false
    columns:
      payment_id: { type: bigint, from: "Payment No", accept: [integral_decimal] }
      kind: { type: text, one_of: [payment, refund], trim: true, nulls: ["-"] }
      amount: { type: "decimal(14,2)", min: -5.50, max: 1000000, control: sum_by(currency) }
      currency: { type: text, matches: "^[A-Z]{3}$", index: true }
      paid_at: { type: timestamp, format: dd.MM.yyyy HH:mm, min: 2020-01-01 }
      channel: { type: text, constant: web }
      note: { type: text, optional: true }
    rejects: { limit: 100 }
    """,
    "Jobs/views/daily.yaml": """
    view: daily
    from: payments
    group_by:
      business_date: { date: paid_at }
      currency: currency
      upper_kind: { expression: "upper(kind)" }
    measures:
      total: { sum: amount, where: "kind = 'payment'" }
      refunds: { sum: amount, where: "kind = 'refund' and amount is not null" }
      count: { count: true }
      latest: { last: amount, by: paid_at }
      payers: { distinct: payment_id }
    derive:
      net: total - refunds
      share: round(refunds / nullif(total, 0)::numeric, 4)
    """,
    "Jobs/views/trend.sql": trend,
    "Jobs/reports/customers.yaml": report,
    "Jobs/checks/sound.yaml": checks,
    "Jobs/nightly.yaml": """
    job: nightly
    timeout: 2h
    stages:
      - { ingest: all, timeout: 30m }
      - { refresh: [daily, trend] }
      - { check: all }
      - { report: customers }
    """,
  ]
}
