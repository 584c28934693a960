// Customers whose first payment moves to another month, night after night: with it all that they ever did leaves one
// cohort for another. Cohorts and bridge are compared with plain loops over the rows after each night.

import Definitions
import Ledger
import Money
import Postgres
import TestSupport
import Testing
import Views

@Suite struct RehomingTests {
  private static let nights = 20
  private static let currencies = ["USD", "EUR"]

  /// The shop's transactions and what has to be told to the database.
  private struct Book {
    var numbers: SeededRandom
    var sales: [Sale] = []
    var statements: [String] = []
    private var lastID = 0

    static let first = CivilDate("2024-02-01")!
    static let months = 14

    init(seed: UInt64) { numbers = SeededRandom(seed: seed) }

    mutating func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &numbers) }

    /// A moment of a month; half of them at its edges, where time zones disagree on the month.
    mutating func moment(of month: Int) -> Int64 {
      let day = Self.first.adding(months: month)
      let length = day.adding(months: 1).daysSince1970 - day.daysSince1970
      let second = [0, 3_599, 18_000, 43_200, 86_399][draw(0...4)]
      let offset = [0, length - 1, draw(0...length - 1)][draw(0...2)]
      return Int64(day.daysSince1970 + offset) * 86_400 + Int64(second)
    }

    mutating func add(customer: Int?, _ type: String, month: Int) {
      lastID += 1
      let cents = draw(0...15) == 0 ? 0 : draw(1...40) * 250
      let sale = Sale(
        id: lastID, order: nil, customer: customer, type: type, cents: cents,
        currency: RehomingTests.currencies[draw(0...1)], instant: moment(of: month))
      sales.append(sale)
      statements.append("insert into finance.transactions values \(values(sale))")
    }

    private func values(_ sale: Sale) -> String {
      "(\(sale.id), null, \(sale.customer.map(String.init) ?? "null"), '\(sale.type)', \(decimal(sale.cents)), "
        + "'\(sale.currency)', 'card', to_timestamp(\(sale.instant)))"
    }

    mutating func change(_ index: Int, _ change: (inout Sale) -> Void) {
      change(&sales[index])
      let sale = sales[index]
      statements.append(
        """
        update finance.transactions set customer_id = \(sale.customer.map(String.init) ?? "null"), type = '\(sale.type)',
          amount = \(decimal(sale.cents)), occurred_at = to_timestamp(\(sale.instant))
        where transaction_id = \(sale.id)
        """)
    }

    mutating func remove(_ index: Int) {
      statements.append("delete from finance.transactions where transaction_id = \(sales[index].id)")
      sales.remove(at: index)
    }

    /// The first payment of some customer in some currency.
    mutating func firstPayment() -> Int? {
      let currency = RehomingTests.currencies[draw(0...1)]
      let customer = draw(1...12)
      return sales.indices.filter {
        sales[$0].customer == customer && sales[$0].currency == currency && sales[$0].type == "payment"
          && sales[$0].cents > 0
      }.min { sales[$0].instant < sales[$1].instant }
    }

    mutating func anything() {
      let types = ["payment", "payment", "payment", "refund", "chargeback", "fee"]
      add(customer: draw(0...20) == 0 ? nil : draw(1...12), types[draw(0...5)], month: draw(0...Self.months - 1))
    }

    /// What a correction does to a first payment.
    mutating func correctFirstPayment() {
      guard let index = firstPayment() else { return anything() }
      let customer = sales[index].customer
      switch draw(0...6) {
      case 0, 1:
        let moment = moment(of: draw(0...Self.months - 1))
        change(index) { $0.instant = moment }
      case 2: remove(index)
      case 3: change(index) { $0.cents = 0 }
      case 4: change(index) { $0.type = "refund" }
      case 5:
        let other = draw(1...12)
        change(index) { $0.customer = other }
      default: add(customer: customer, "payment", month: draw(0...3))
      }
    }
  }

  /// Each customer's cohort, by currency.
  private static func homes(_ model: FinanceModel) -> [String: CivilDate] {
    var homes: [String: CivilDate] = [:]
    for currency in currencies {
      for account in model.accounts(in: currency) {
        if let customer = account.customer { homes["\(customer) \(currency)"] = account.cohort }
      }
    }
    return homes
  }

  private static let keepJournal = """
    create table daybook.journal_transactions (
      _daybook_batch bigint not null, _daybook_weight smallint not null, transaction_id bigint, order_id bigint,
      customer_id bigint, type text, amount numeric(14,2), currency text, method text, occurred_at timestamptz);
    create function finance.keep_images() returns trigger language plpgsql as $$
    begin
      if tg_op <> 'INSERT' then
        insert into daybook.journal_transactions select current_setting('shop.batch')::bigint, -1, old.*;
      end if;
      if tg_op <> 'DELETE' then
        insert into daybook.journal_transactions select current_setting('shop.batch')::bigint, 1, new.*;
      end if;
      return null;
    end $$;
    create trigger keep_images after insert or update or delete on finance.transactions
      for each row execute function finance.keep_images();
    alter table finance.transactions set (autovacuum_enabled = off)
    """

  private static func commit(_ book: inout Book, to shop: FinanceShop) async throws {
    let statements = book.statements.joined(separator: ";\n")
    book.statements = []
    try await shop.pool.withConnection { connection in
      try await connection.withTransaction { connection in
        try await connection.execute("lock table finance.transactions in share row exclusive mode")
        let number = try await BatchLedger.drawNumber(on: connection)
        try await connection.execute("select set_config('shop.batch', $1, true)", [.text("\(number)")])
        try await connection.executeScript(statements)
        let counted = try await connection.query(
          """
          select count(*) filter (where _daybook_weight > 0), count(*) filter (where _daybook_weight < 0)
          from daybook.journal_transactions where _daybook_batch = $1
          """, [.int8(number)])
        let row = try #require(counted.first)
        let (plus, minus): (Int, Int) = (try row.decode(0), try row.decode(1))
        try await BatchLedger.record(
          BatchEntry(
            batchID: number, feed: "transactions", kind: .delta, runID: .make(), fileID: nil, rowsPlus: plus,
            rowsMinus: minus), on: connection)
        _ = try await DataVersions.bump("transactions", on: connection)
      }
    }
  }

  @Test(arguments: [("America/New_York", 71), ("Pacific/Auckland", 72)] as [(String, UInt64)])
  func cohortsAndBridgeFollowCustomersWhoseFirstPaymentMoves(_ zone: String, _ seed: UInt64) async throws {
    let calendar = CalendarSettings(timeZone: zone, fiscalYearStartMonth: 2, weekStart: .monday)
    try await FinanceShop.with(calendar) { shop in
      try await shop.run(Self.keepJournal)
      var book = Book(seed: seed)
      for _ in 1...150 { book.anything() }
      try await Self.commit(&book, to: shop)
      let refresher = ViewRefresher(project: shop.project, pool: shop.pool)
      _ = try await refresher.refresh(.named(["customer_cohorts", "revenue_bridge"]))
      try await shop.run("update pg_class set reltuples = 1000000 where oid = 'finance.transactions'::regclass")
      var homes = Self.homes(FinanceModel(book.sales, orders: [], calendar: calendar))
      var (moved, left, came) = (0, 0, 0)
      for night in 1...Self.nights {
        for _ in 1...book.draw(1...6) { book.correctFirstPayment() }
        for _ in 1...book.draw(1...5) { book.anything() }
        try await Self.commit(&book, to: shop)
        let outcomes = try await refresher.refresh(.named(["customer_cohorts", "revenue_bridge"]))
        let monthly = outcomes.first { $0.view == "customer_monthly" }
        #expect(monthly?.detail.hasPrefix("by delta") == true, "night \(night): \(outcomes)")

        let model = FinanceModel(book.sales, orders: [], calendar: calendar)
        let cohorts = try await shop.lines(
          FinanceModel.cohortColumns, money: FinanceModel.cohortMoney, from: "customer_cohorts")
        expectSame(cohorts, model.cohorts, "customer_cohorts, night \(night)")
        let bridge = try await shop.lines(
          FinanceModel.bridgeColumns, money: FinanceModel.bridgeMoney, from: "revenue_bridge")
        expectSame(bridge, model.bridge, "revenue_bridge, night \(night)")

        let now = Self.homes(model)
        moved += now.count { homes[$0.key] != nil && homes[$0.key] != $0.value }
        left += homes.keys.count { now[$0] == nil }
        came += now.keys.count { homes[$0] == nil }
        homes = now
      }
      let verified = try await refresher.verify(.named(["customer_monthly"]))
      #expect(verified.allSatisfy { $0.isPassed }, "\(verified)")
      // The nights were what they are meant to be.
      #expect(moved >= 15 && left + came >= 1, "\(moved) moved, \(left) left, \(came) came")
    }
  }
}
