// The second opinion on views that look at customers: bridge, cohorts, recency-frequency-monetary, concentration.

import Money

extension FinanceModel {
  /// What one customer did in one currency, by month.
  struct Account {
    let customer: Int?
    var months: [CivilDate: Figures]

    func paid(_ month: CivilDate) -> Int { months[month]?.gross ?? 0 }
    func returned(_ month: CivilDate) -> Int { months[month].map { $0.refunds + $0.chargebacks } ?? 0 }
    func net(_ month: CivilDate) -> Int { months[month]?.net ?? 0 }
    /// The first month with a payment of more than nothing.
    var cohort: CivilDate? { months.filter { $0.value.gross > 0 }.keys.min() }
    var totalNet: Int { months.values.reduce(0) { $0 + $1.net } }
  }

  func accounts(in currency: String) -> [Account] {
    Dictionary(grouping: sales.filter { $0.currency == currency }, by: \.customer).map { customer, sales in
      Account(customer: customer, months: Dictionary(grouping: sales, by: month).mapValues { Figures($0) })
    }
  }

  func months(from first: CivilDate) -> [CivilDate] {
    Array(sequence(first: first) { $0 < lastMonth ? $0.adding(months: 1) : nil })
  }

  // MARK: Bridge

  static let bridgeColumns = [
    "business_month", "currency", "opening", "new", "expansion", "reactivation", "recovered", "contraction", "churn",
    "refunds", "closing", "opening_customers", "new_customers", "reactivated_customers", "churned_customers",
    "closing_customers",
  ]
  static let bridgeMoney: Set = [
    "opening", "new", "expansion", "reactivation", "recovered", "contraction", "churn", "refunds", "closing",
  ]

  /// The view revenue_bridge: `bridgeColumns`.
  var bridge: [String] {
    currencies.flatMap { currency -> [String] in
      let accounts = accounts(in: currency)
      return months(from: accounts.flatMap(\.months.keys).min()!).map { month in
        var parts = [String: Int]()
        var counts = [String: Int]()
        for account in accounts {
          let before = month.adding(months: -1)
          let one = account.customer == nil ? 0 : 1
          let (paid, paidBefore, opening) = (account.paid(month), account.paid(before), account.net(before))
          parts["opening", default: 0] += opening
          parts["refunds", default: 0] += account.returned(month)
          parts["closing", default: 0] += account.net(month)
          if paidBefore > 0 { counts["opening", default: 0] += one }
          if paid > 0 { counts["closing", default: 0] += one }
          parts["recovered", default: 0] += max(0, -opening)
          if paid > 0, account.cohort == month {
            parts["new", default: 0] += paid
            parts["expansion", default: 0] -= opening
            counts["new", default: 0] += one
          } else if paid > 0 {
            parts[paid >= opening ? "expansion" : "contraction", default: 0] += abs(paid - opening)
            if paidBefore == 0 {
              parts["reactivation", default: 0] += paid
              counts["reactivated", default: 0] += one
            }
          } else {
            parts[opening > 0 ? "churn" : "expansion", default: 0] += abs(opening)
            if paidBefore > 0 { counts["churned", default: 0] += one }
          }
        }
        let money = [
          "opening", "new", "expansion", "reactivation", "recovered", "contraction", "churn", "refunds", "closing",
        ].map { decimal(parts[$0] ?? 0) }
        let numbers = ["opening", "new", "reactivated", "churned", "closing"].map { "\(counts[$0] ?? 0)" }
        return (["\(month)", currency] + money + numbers).joined(separator: "|")
      }
    }
  }

  // MARK: Cohorts

  static let cohortColumns = [
    "cohort_month", "business_month", "currency", "months_since", "cohort_customers", "active_customers",
    "customers_retained", "gross", "refunds", "net", "net_retained", "net_to_date", "net_per_customer",
  ]
  static let cohortMoney: Set = ["gross", "refunds", "net", "net_to_date"]

  /// The view customer_cohorts: `cohortColumns`.
  var cohorts: [String] {
    currencies.flatMap { currency -> [String] in
      let groups = Dictionary(grouping: accounts(in: currency)) { $0.customer == nil ? nil : $0.cohort }
      return groups.flatMap { cohort, members -> [String] in
        var shown = Set(members.flatMap(\.months.keys))
        if let cohort { shown.formUnion(months(from: cohort)) }
        return shown.map { month in
          let active = members.count { $0.paid(month) > 0 }
          let gross = members.reduce(0) { $0 + $1.paid(month) }
          let refunds = members.reduce(0) { $0 + $1.returned(month) }
          let money = [decimal(gross), decimal(refunds), decimal(gross - refunds)]
          guard let cohort else {
            return (["∅", "\(month)", currency, "∅", "∅", "∅", "∅"] + money + ["∅", "∅", "∅"]).joined(separator: "|")
          }
          let firstNet = members.reduce(0) { $0 + $1.net(cohort) }
          let toDate = members.reduce(0) { sum, account in
            account.months.reduce(sum) { $1.key <= month ? $0 + $1.value.net : $0 }
          }
          let since = (month.year - cohort.year) * 12 + month.month - cohort.month
          return
            (["\(cohort)", "\(month)", currency, "\(since)", "\(members.count)", "\(active)"]
            + [ratio(active, members.count)] + money
            + [ratio(gross - refunds, firstNet), decimal(toDate), decimal(quotient(toDate, members.count))])
            .joined(separator: "|")
        }
      }
    }
  }

  // MARK: Recency, frequency, monetary

  static let rfmColumns = [
    "customer_id", "currency", "first_paid_on", "last_paid_on", "days_since_last", "payment_count", "net_paid",
    "recency", "frequency", "monetary", "segment",
  ]

  private struct Payer {
    let customer: Int
    let first: CivilDate
    let last: CivilDate
    let count: Int
    let net: Int
  }

  /// The view customer_rfm: `rfmColumns`.
  var rfm: [String] {
    currencies.flatMap { currency -> [String] in
      let payers = Dictionary(grouping: sales.filter { $0.currency == currency }, by: \.customer).compactMap {
        customer, sales -> Payer? in
        let days = sales.filter { $0.type == "payment" }.map(day)
        guard let customer, let first = days.min(), let last = days.max() else { return nil }
        return Payer(customer: customer, first: first, last: last, count: days.count, net: Figures(sales).net)
      }
      func scores(_ keys: (Payer) -> [Int]) -> [Int: Int] {
        let best = payers.sorted { a, b in
          for (x, y) in zip(keys(a), keys(b)) where x != y { return x > y }
          return a.customer < b.customer
        }
        // The first `count % 5` fifths are one larger.
        var scores: [Int: Int] = [:]
        var place = 0
        for fifth in 0..<5 {
          for _ in 0..<(best.count / 5 + (fifth < best.count % 5 ? 1 : 0)) {
            scores[best[place].customer] = 5 - fifth
            place += 1
          }
        }
        return scores
      }
      let recency = scores { [$0.last.daysSince1970, $0.count, $0.net] }
      let frequency = scores { [$0.count, $0.net, $0.last.daysSince1970] }
      let monetary = scores { [$0.net, $0.count, $0.last.daysSince1970] }
      return payers.map { payer in
        let (r, f, m) = (recency[payer.customer]!, frequency[payer.customer]!, monetary[payer.customer]!)
        let since = lastDay.daysSince1970 - payer.last.daysSince1970
        return [
          "\(payer.customer)", currency, "\(payer.first)", "\(payer.last)", "\(since)", "\(payer.count)",
          decimal(payer.net), "\(r)", "\(f)", "\(m)", Self.segment(r, f, m),
        ].joined(separator: "|")
      }
    }
  }

  static func segment(_ recency: Int, _ frequency: Int, _ monetary: Int) -> String {
    if recency <= 2 {
      return max(frequency, monetary) > 3 ? "at_risk" : recency == 2 ? "hibernating" : "lost"
    }
    if frequency > 3 { return recency > 3 && monetary > 3 ? "champion" : "loyal" }
    if monetary > 3 { return "big_spender" }
    return recency > 3 && frequency < 3 ? "new" : "steady"
  }

  // MARK: Concentration

  static let concentrationColumns = [
    "currency", "customers", "customer_net", "other_net", "top_1", "top_5", "top_10", "pareto_customers",
    "pareto_share", "hhi",
  ]
  static let concentrationMoney: Set = ["customer_net", "other_net"]

  /// The view revenue_concentration: `concentrationColumns`.
  var concentration: [String] {
    currencies.map { currency in
      concentration(currency, accounts(in: currency).map { ($0.customer, $0.totalNet) })
    }
  }

  /// The view revenue_concentration_monthly: the month, then `concentrationColumns`.
  var monthlyConcentration: [String] {
    currencies.flatMap { currency in
      let accounts = accounts(in: currency)
      return Set(accounts.flatMap(\.months.keys)).map { month in
        let nets = accounts.filter { $0.months[month] != nil }.map { ($0.customer, $0.net(month)) }
        return "\(month)|" + concentration(currency, nets)
      }
    }
  }

  private func concentration(_ currency: String, _ nets: [(customer: Int?, net: Int)]) -> String {
    let shares = nets.filter { $0.customer != nil && $0.net > 0 }.map(\.net).sorted(by: >)
    let total = shares.reduce(0, +)
    let other = nets.reduce(0) { $0 + $1.net } - total
    let tops = [1, 5, 10].map { ratio(shares.prefix($0).reduce(0, +), total) }
    var (reaching, sum) = (0, 0)
    while sum * 5 < total * 4 {
      sum += shares[reaching]
      reaching += 1
    }
    let squares = shares.reduce(Int128(0)) { $0 + Int128($1) * Int128($1) }
    let whole = Int128(total) * Int128(total)
    let index = total > 0 ? decimal(Int((2 * squares * 1_000_000 + whole) / (2 * whole))) : "∅"
    return
      ([currency, "\(shares.count)", decimal(total), decimal(other)] + tops
      + [total > 0 ? "\(reaching)" : "∅", ratio(reaching, shares.count), index]).joined(separator: "|")
  }
}
