// A small shop for the tests of this room: one base table made by hand, definitions made in code.

import Definitions
import Finding
import Ledger
import Money
import Postgres
import Telemetry
import TestSupport
import Views

struct Shop {
  var project: Project
  let pool: PostgresPool

  var refresher: ViewRefresher { ViewRefresher(project: project, pool: pool) }

  static let position = SourcePosition(file: "Jobs/views/test.yaml", line: 1)

  /// A fresh database with `shop.sales` (empty) and the ledger's schema.
  static func with(
    views: [ViewDefinition], timeZone: String = "America/New_York", weekStart: Weekday = .monday,
    fiscalYearStartMonth: Int = 1, _ body: (Shop) async throws -> Void
  ) async throws {
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      let configuration = try PostgresConfiguration(url: database.url)
      let ledger = LedgerStore(configuration: configuration)
      try await ledger.open()
      let pool = try PostgresPool(configuration: configuration, settings: PoolSettings(min: 0, max: 3))
      let calendar = CalendarSettings(
        timeZone: timeZone, fiscalYearStartMonth: fiscalYearStartMonth, weekStart: weekStart)
      let project = Project(
        name: "test", root: "/nowhere", database: DatabaseSettings(url: .url(database.url), schema: "shop"),
        inbox: "/nowhere/inbox", output: "/nowhere/Output", calendar: calendar, feeds: [sales], views: views,
        reports: [], jobs: [], configurationHash: "test")
      let shop = Shop(project: project, pool: pool)
      do {
        try await shop.run(
          """
          create schema shop;
          create table shop.sales (
            id bigint primary key, customer bigint, kind text not null, amount numeric(14,2) not null,
            quantity integer not null, sold_at timestamptz not null, currency text not null default 'EUR')
          """)
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

  static let sales = FeedDefinition(
    name: "sales", filePattern: "sales_*.csv", key: ["id"],
    columns: [
      column("id", .bigint), column("customer", .bigint, isOptional: true), column("kind", .text),
      column("amount", .decimal(precision: 14, scale: 2)), column("quantity", .integer),
      column("sold_at", .timestamptz), column("currency", .text),
    ], position: SourcePosition(file: "Jobs/feeds/sales.yaml", line: 1), definitionHash: "sales")

  private static func column(_ name: String, _ type: ColumnType, isOptional: Bool = false) -> ColumnDefinition {
    ColumnDefinition(name: name, type: type, isOptional: isOptional, position: position)
  }

  /// - Parameter finer: the rollup that this one sums up; its groups have the same names, and its measures those
  ///   without `of_`.
  static func rollup(
    _ name: String, groups: [RollupGroup], measures: [RollupMeasure], derived: [DerivedMeasure] = [],
    over finer: String? = nil, hash: String = "1"
  ) -> ViewDefinition {
    var rollup = RollupDefinition(source: "sales", groups: groups, measures: measures, derived: derived)
    if let finer {
      rollup.base = RollupBase(
        name: finer,
        groups: Dictionary(
          uniqueKeysWithValues: groups.map { group in
            var isPeriod = true
            if case .column = group.source { isPeriod = false }
            return (group.name, RollupBase.Place(name: group.name, isPeriod: isPeriod))
          }),
        measures: Dictionary(uniqueKeysWithValues: measures.map { ($0.name, String($0.name.dropFirst(3))) }))
    }
    return ViewDefinition(
      name: name, kind: .rollup(rollup), inputs: [finer ?? "sales"], definitionHash: hash, position: position)
  }

  static func native(
    _ name: String, _ sql: String, inputs: [String], unique: [String] = [], indexes: [[String]] = [], hash: String = "1"
  ) -> ViewDefinition {
    ViewDefinition(
      name: name, kind: .native(NativeViewDefinition(sql: sql, uniqueKey: unique, indexes: indexes)), inputs: inputs,
      definitionHash: hash, position: position)
  }

  static let byCustomer = rollup(
    "by_customer", groups: [RollupGroup(name: "customer", source: .column("customer"))],
    measures: [
      RollupMeasure(name: "sales_count", function: .count),
      RollupMeasure(name: "paid", function: .sum("amount"), condition: "kind = 'payment'"),
      RollupMeasure(name: "units", function: .sum("quantity")),
      RollupMeasure(name: "mean", function: .average("amount"), condition: "kind = 'payment'"),
      RollupMeasure(name: "spread", function: .variance("amount")),
      RollupMeasure(name: "deviation", function: .stddev("amount")),
      RollupMeasure(name: "least", function: .min("amount")),
      RollupMeasure(name: "most", function: .max("amount")),
      RollupMeasure(name: "opening", function: .first("amount", by: "sold_at")),
      RollupMeasure(name: "closing", function: .last("amount", by: "sold_at"), condition: "kind = 'payment'"),
      RollupMeasure(name: "kinds", function: .distinct("kind")),
    ],
    derived: [DerivedMeasure(name: "paid_and_units", expression: "paid + units")])

  /// Runs statements and counts one change of `sales`.
  func change(_ statements: String) async throws {
    try await run(statements)
    try await pool.withConnection { connection in _ = try await DataVersions.bump("sales", on: connection) }
  }

  /// Runs statements.
  func run(_ statements: String) async throws {
    try await pool.withConnection { connection in try await connection.executeScript(statements) }
  }

  /// Rows as text, columns joined by `|`, nulls as `∅`.
  func rows(_ sql: String) async throws -> [String] {
    try await pool.withConnection { connection in
      let rows = try await connection.query(
        "select array_to_string(array(select value from jsonb_each_text(to_jsonb(t))), '|', '∅') from (\(sql)) as t")
      return try rows.map { try $0.decode(0, as: String.self) }
    }
  }

  /// The number of rows in which `a` and `b` differ, duplicates counted.
  func difference(_ a: String, _ b: String) async throws -> Int {
    try await pool.withConnection { connection in
      let rows = try await connection.query(
        """
        with a as materialized (\(a)), b as materialized (\(b))
        select count(*) from ((table a except all table b) union all (table b except all table a)) as d
        """)
      return try rows.first?.decode(0, as: Int.self) ?? -1
    }
  }

  /// Adds `count` sales with a fixed spread of customers, kinds, amounts and times; some customers are null.
  func addSales(_ range: ClosedRange<Int>) async throws {
    try await change(
      """
      insert into shop.sales
      select i, nullif(i % 7, 0), (array['payment', 'refund', 'fee'])[1 + i % 3],
        (i * 7919 % 100000)::numeric / 100, 1 + i % 5,
        timestamptz '2026-03-01 00:00:00+00' + i * interval '3 hours 7 minutes'
      from generate_series(\(range.lowerBound), \(range.upperBound)) as i
      """)
  }
}
