// What the data files of the shipped reports have to hold for a date, computed from the base tables alone: one statement
// for each file, so that no file is published that nobody has added up another way.
// Used by ContentsTests for the newest date and for an earlier one.

import Foundation
import Money
import Testing

@testable import Reports

extension SampleShop {
  /// A column of a data file and the SQL of its sums by currency.
  struct DataFigure: Sendable {
    var file: String
    var column: String
    var sql: String
  }

  /// - Parameters:
  ///   - through: the date of the set.
  ///   - isLast: whether the data hold no later days.
  static func dataFigures(through: String, isLast: Bool) -> [DataFigure] {
    let day = "(occurred_at AT TIME ZONE 'America/New_York')::date"
    let signed = "CASE type WHEN 'payment' THEN amount WHEN 'fee' THEN 0 ELSE -amount END"
    let month = "date_trunc('month', date '\(through)')::date"
    // What the set may know, with a month and a net amount for each row; and the same where only whole months count.
    let known = """
      WITH t AS (SELECT *, \(day) AS day, date_trunc('month', \(day))::date AS month, \(signed) AS net FROM transactions),
      k AS (SELECT * FROM t WHERE day <= '\(through)')
      """
    let whole = isLast ? "month <= \(month)" : "(month + interval '1 month')::date <= date '\(through)' + 1"
    let lastFull = "(date_trunc('month', date '\(through)' + 1) - interval '1 month')::date"
    let byCustomer = """
      , c AS (SELECT currency, customer_id, sum(net) AS net, count(*) FILTER (WHERE type = 'payment') AS payments,
        min(day) FILTER (WHERE type = 'payment') AS first_paid,
        coalesce(sum(net) FILTER (WHERE month < \(month)), 0) AS net_before
        FROM k GROUP BY 1, 2)
      """
    let always = known.replacing("WHERE day <= '\(through)'", with: "")
    let monthly = """
      , m AS (SELECT currency, customer_id, month, sum(amount) FILTER (WHERE type = 'payment') AS paid FROM k
        WHERE \(whole) GROUP BY 1, 2, 3),
      p AS (SELECT *, min(month) OVER (PARTITION BY currency, customer_id) AS cohort FROM m WHERE paid > 0)
      """
    func figure(_ file: String, _ column: String, _ sql: String) -> DataFigure {
      DataFigure(file: file, column: column, sql: sql)
    }
    /// Over transactions, and over customers who paid.
    func all(_ sum: String, where condition: String = "true") -> String {
      "\(known) SELECT currency, \(sum)::text FROM k WHERE \(condition) GROUP BY 1"
    }
    func paying(_ sum: String) -> String {
      "\(known)\(byCustomer) SELECT currency, \(sum)::text FROM c WHERE payments > 0 GROUP BY 1"
    }
    func kind(_ types: String) -> String { "coalesce(sum(amount) FILTER (WHERE type IN (\(types))), 0)" }
    func ofMonth(_ start: String) -> String { "coalesce(sum(net) FILTER (WHERE month = (\(start))::date), 0)" }
    let lastTwoYears = "month > \(month) - interval '24 months'"
    return [
      figure("revenue_net_by_month", "net", all("sum(net)")),
      figure("revenue_months", "net", all("sum(net)")),
      figure("revenue_months", "payment_count", all("count(*) FILTER (WHERE type = 'payment')")),
      figure("revenue_months", "gross", all(kind("'payment'"))),
      figure(
        "revenue_against_year_before", "net", all("sum(net)", where: "currency = 'USD' AND \(lastTwoYears)")),
      figure(
        "revenue_returned_share", "returned",
        """
        \(known), s AS (SELECT currency, sum(amount) FILTER (WHERE type = 'payment') AS paid, sum(net) AS net
          FROM k WHERE \(lastTwoYears) GROUP BY currency, month)
        SELECT currency, sum(round((paid - net) / paid, 4))::text FROM s WHERE paid > 0 GROUP BY 1
        """),
      figure("revenue_bridge_last_month", "closing", all(ofMonth(lastFull))),
      figure("revenue_bridge_last_month", "opening", all(ofMonth("\(lastFull) - interval '1 month'"))),
      figure("revenue_bridge", "closing", all("sum(net)", where: whole)),
      figure(
        "revenue_fiscal_quarters", "net",
        all(
          "sum(net)",
          where: "\(isLast) OR date_trunc('quarter', month) + interval '3 months' <= date '\(through)' + 1")),
      figure("customers_paying", "customers", paying("count(*)")),
      figure("customers_paying", "net_paid", paying("sum(net)")),
      figure(
        "customers_paying", "customers_prior_month", paying("count(*) FILTER (WHERE first_paid < \(month))")),
      figure(
        "customers_paying", "net_paid_prior_month",
        paying("coalesce(sum(net_before) FILTER (WHERE first_paid < \(month)), 0)")),
      figure(
        "customers_ten_largest", "net_paid",
        """
        \(known)\(byCustomer), s AS (SELECT * FROM c WHERE currency = 'USD' AND payments > 0
          ORDER BY net DESC, customer_id LIMIT 10)
        SELECT currency, sum(net)::text FROM s GROUP BY 1
        """),
      figure("customers", "net_paid", all("sum(net)")),
      figure("customers", "payment_count", all("count(*) FILTER (WHERE type = 'payment')")),
      figure("customers", "total_paid", all(kind("'payment'"))),
      figure("customers", "refunded", all(kind("'refund', 'chargeback'"))),
      figure("customers_by_country", "net_paid", paying("sum(net)")),
      figure(
        "customers_by_month", "closing_customers",
        "\(known)\(monthly) SELECT currency, count(*)::text FROM p GROUP BY 1"),
      figure(
        "customers_cohorts", "customers",
        """
        \(known)\(monthly) SELECT currency, count(DISTINCT customer_id)::text FROM p
        WHERE cohort > \(month) - interval '18 months' GROUP BY 1
        """),
      figure(
        "customers_who_paid_again", "customers_retained",
        """
        \(known)\(monthly), s AS (SELECT currency, cohort, count(DISTINCT customer_id) AS size FROM p GROUP BY 1, 2),
        x AS (SELECT s.currency, round(count(p.customer_id)::numeric / s.size, 4) AS share
          FROM s LEFT JOIN p ON p.currency = s.currency AND p.cohort = s.cohort
            AND p.month > s.cohort AND p.month <= s.cohort + interval '13 months'
          WHERE s.cohort > \(month) - interval '14 months' GROUP BY s.currency, s.cohort, s.size, p.month)
        SELECT currency, coalesce(sum(share), 0)::text FROM x GROUP BY 1
        """),
      // What has no date is as of the last load.
      figure(
        "customers_concentration", "customer_net",
        "\(always)\(byCustomer) SELECT currency, sum(net)::text FROM c WHERE net > 0 GROUP BY 1"),
      figure(
        "customers_segments", "net_paid",
        "\(always)\(byCustomer) SELECT currency, sum(net)::text FROM c WHERE payments > 0 GROUP BY 1"),
      figure(
        "products", "units",
        "SELECT currency, sum(quantity)::text FROM orders WHERE status <> 'cancelled' GROUP BY 1"),
      figure(
        "categories", "order_count",
        "SELECT currency, count(*)::text FROM orders WHERE status <> 'cancelled' GROUP BY 1"),
    ]
  }

  /// That the files of a set hold what the base tables say of its date.
  func expectDataFigures(_ set: ReadSet, through: String, isLast: Bool) async throws {
    for figure in Self.dataFigures(through: through, isLast: isLast) {
      let expected = try await amounts(figure.sql)
      let found = try set.sums(figure.file, figure.column)
      #expect(found == expected, "\(figure.file).\(figure.column) through \(through)")
      #expect(!expected.isEmpty, "\(figure.file)")
    }
    // The best hundred percent are all who brought something.
    let best = try set.csv("customers_pareto").filter { $0["part"] == "1.00" }
    let all = try await amounts(
      """
      SELECT currency, sum(net)::text FROM (SELECT currency, sum(CASE type WHEN 'payment' THEN amount WHEN 'fee' THEN 0
        ELSE -amount END) AS net FROM transactions WHERE (occurred_at AT TIME ZONE 'America/New_York')::date <= '\(through)'
        GROUP BY currency, customer_id) s WHERE net > 0 GROUP BY 1
      """)
    #expect(
      Dictionary(uniqueKeysWithValues: best.map { ($0["currency"] ?? "", ExactDecimal($0["net_paid"] ?? "")) }) == all)
    let days = try set.csv("revenue_average_day").map { $0["business_date"] ?? "" }
    #expect(days.max().map { $0 <= through } == true)
    #expect(try set.csv("customers").allSatisfy { ($0["last_paid"] ?? "") <= through })
    let arrivals = try await amounts(
      """
      SELECT segment, count(*)::text FROM customers WHERE signed_up_on <= '\(through)'
        AND signed_up_on > date_trunc('month', date '\(through)') - interval '24 months' GROUP BY 1
      """)
    #expect(try set.sums("customers_new_by_month", "customers", by: "segment") == arrivals)
    #expect(try set.csv("restatements").isEmpty && set.csv("restatement_batches").isEmpty)
    let totals = try set.csv("report_totals")
    #expect(totals.allSatisfy { ExactDecimal($0["difference"] ?? "") == .zero } && !totals.isEmpty)
  }
}
