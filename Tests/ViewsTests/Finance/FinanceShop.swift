// The shipped definitions of Jobs/ over tables that a test fills itself, in a database of its own.
// Invariant: the views under test are the files of the repository as they are; only the calendar, the database and, for
// rows without a customer, one `optional` are set by the test.

import Definitions
import Foundation
import Ledger
import Money
import Postgres
import Telemetry
import TestSupport
import Testing
import Views

struct FinanceShop {
  let project: Project
  let pool: PostgresPool

  static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path

  /// A fresh database with the shipped views' base tables, empty, and the ledger's schema.
  static func with(
    _ calendar: CalendarSettings = CalendarSettings(), _ body: (FinanceShop) async throws -> Void
  ) async throws {
    var project = try Project.load(root: repository, environment: [:])
    project.calendar = calendar
    let feed = try #require(project.feeds.firstIndex { $0.name == "transactions" })
    let column = try #require(project.feeds[feed].columns.firstIndex { $0.name == "customer_id" })
    project.feeds[feed].columns[column].isOptional = true
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      let configuration = try PostgresConfiguration(url: database.url)
      let ledger = LedgerStore(configuration: configuration)
      try await ledger.open()
      let pool = try PostgresPool(configuration: configuration, settings: PoolSettings(min: 0, max: 3))
      let shop = FinanceShop(project: project, pool: pool)
      do {
        try await shop.run(tables)
        try await body(shop)
      } catch {
        await pool.shutdown(within: .seconds(2))
        await ledger.close()
        throw error
      }
      await pool.shutdown(within: .seconds(2))
      await ledger.close()
    }
  }

  private static let tables = """
    create schema finance;
    create table finance.customers (
      customer_id bigint primary key, name text, email text, country text, segment text, signed_up_on date);
    create table finance.products (
      product_id bigint primary key, sku text, name text not null, category text not null,
      unit_price numeric(12,2), currency text, is_active boolean);
    create table finance.orders (
      order_id bigint primary key, customer_id bigint not null, product_id bigint not null, quantity integer not null,
      unit_price numeric(12,2) not null, currency text not null, status text not null, ordered_at timestamptz not null);
    create table finance.transactions (
      transaction_id bigint primary key, order_id bigint, customer_id bigint, type text not null,
      amount numeric(14,2) not null, currency text not null, method text, occurred_at timestamptz not null)
    """

  /// Brings every view up to date.
  @discardableResult
  func refresh() async throws -> [RefreshOutcome] {
    try await ViewRefresher(project: project, pool: pool).refresh(.all)
  }

  /// Runs statements.
  func run(_ statements: String) async throws {
    try await pool.withConnection { connection in
      try await connection.executeScript("set search_path = finance, public; \(statements); reset search_path")
    }
  }

  /// Adds rows, and counts a change of their tables.
  func add(_ sales: [Sale], orders: [Order] = []) async throws {
    if !orders.isEmpty {
      let rows = orders.map {
        "(\($0.id), 1, \($0.product), \($0.quantity), \(decimal($0.priceCents)), '\($0.currency)', '\($0.status)', now())"
      }
      try await run("insert into finance.orders values \(rows.joined(separator: ", "))")
    }
    if !sales.isEmpty {
      let rows = sales.map {
        """
        (\($0.id), \($0.order.map(String.init) ?? "null"), \($0.customer.map(String.init) ?? "null"), '\($0.type)', \
        \(decimal($0.cents)), '\($0.currency)', 'card', to_timestamp(\($0.instant)))
        """
      }
      try await run("insert into finance.transactions values \(rows.joined(separator: ", "))")
    }
    try await countChanges()
  }

  /// Says that all tables changed.
  func countChanges() async throws {
    try await pool.withConnection { connection in
      for table in ["customers", "products", "orders", "transactions"] {
        _ = try await DataVersions.bump(table, on: connection)
      }
    }
  }

  /// The rows of a view as text, columns joined by `|`, nulls as `∅`, sorted. A column named in `money` is given with
  /// two decimals; every other is given as it is, decimals and all.
  func lines(
    _ columns: [String], money: Set<String> = [], from source: String, where condition: String = "true"
  ) async throws -> [String] {
    let texts = columns.map { column in
      let name = quoteIdentifier(column)
      return "coalesce(\(money.contains(column) ? "\(name)::numeric(30, 2)" : name)::text, '∅')"
    }
    let sql = "select \(texts.joined(separator: " || '|' || ")) from finance.\(source) where \(condition)"
    return try await pool.withConnection { connection in
      let rows = try await connection.query(sql)
      return try rows.map { try $0.decode(0, as: String.self) }
    }.sorted()
  }

  /// The names of a view's columns, in order.
  func columns(of view: String) async throws -> [String] {
    try await pool.withConnection { connection in
      let rows = try await connection.query(
        "select attname::text from pg_attribute where attrelid = $1::regclass and attnum > 0 order by attnum",
        [.text("finance.\(view)")])
      return try rows.map { try $0.decode(0, as: String.self) }
    }
  }

  /// The single number of a query.
  func number(_ sql: String) async throws -> Int {
    try await pool.withConnection { connection in
      try await connection.execute("select set_config('search_path', 'finance', false)")
      let rows = try await connection.query(sql)
      try await connection.execute("select set_config('search_path', 'public', false)")
      return try rows.first?.decode(0, as: Int.self) ?? -1
    }
  }

  /// The number of rows in which two queries differ, duplicates counted.
  func difference(_ a: String, _ b: String) async throws -> Int {
    try await number(
      "select count(*) from (((\(a)) except all (\(b))) union all ((\(b)) except all (\(a)))) as d")
  }
}

/// Cents as a decimal with two places.
func decimal(_ cents: Int) -> String {
  let (whole, part) = cents.magnitude.quotientAndRemainder(dividingBy: 100)
  return "\(cents < 0 ? "-" : "")\(whole).\(part < 10 ? "0" : "")\(part)"
}

/// Expects the same lines, and names the first that differ.
func expectSame(
  _ found: [String], _ expected: [String], _ what: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  let wanted = expected.sorted()
  let surplus = Set(found).subtracting(wanted).sorted().prefix(4)
  let missing = Set(wanted).subtracting(found).sorted().prefix(4)
  #expect(
    surplus.isEmpty && missing.isEmpty && found.count == wanted.count,
    "\(what): \(found.count) rows, \(wanted.count) expected; found \(Array(surplus)); expected \(Array(missing))",
    sourceLocation: sourceLocation)
}
