// Sales whose changes are journaled as the ingest does it, by triggers instead, so that a test can change them by any SQL.

import Definitions
import Ledger
import Postgres
import TestSupport
import Testing
import Views

extension Shop {
  /// Makes the journal of `sales` and what fills it.
  func keepJournal() async throws {
    try await run(
      """
      create table daybook.journal_sales (
        _daybook_batch bigint not null, _daybook_weight smallint not null,
        id bigint, customer bigint, kind text, amount numeric(14,2), quantity integer, sold_at timestamptz,
        currency text);
      create function shop.keep_images() returns trigger language plpgsql as $$
      begin
        if tg_op <> 'INSERT' then
          insert into daybook.journal_sales select current_setting('shop.batch')::bigint, -1, old.*;
        end if;
        if tg_op <> 'DELETE' then
          insert into daybook.journal_sales select current_setting('shop.batch')::bigint, 1, new.*;
        end if;
        return null;
      end $$;
      create trigger keep_images after insert or update or delete on shop.sales
        for each row execute function shop.keep_images()
      """)
  }

  /// A shop with sales enough that one change is followed by delta, refreshed.
  static func withSales(_ views: [ViewDefinition], _ body: (Shop) async throws -> Void) async throws {
    try await with(views: views) { shop in
      try await shop.keepJournal()
      try await shop.batch(
        """
        insert into shop.sales select i, i % 7, 'payment', i % 9, 1, timestamptz '2026-03-01' + i * interval '1 hour'
        from generate_series(1, 100) as i
        """)
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("update pg_class set reltuples = 1000000 where oid = 'shop.sales'::regclass")
      try await body(shop)
    }
  }

  /// Expects that every view shows what its feed holds.
  func expectTrue(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let outcomes = try await refresher.verify(.all)
    let lies = outcomes.filter { !$0.isPassed }.map(\.message)
    #expect(lies == [], sourceLocation: sourceLocation)
  }

  /// Runs statements as one batch of a known kind, and counts a change of `sales`.
  func batch(_ statements: String, kind: BatchEntry.Kind = .delta) async throws {
    try await pool.withConnection { connection in
      try await connection.withTransaction { connection in
        try await connection.execute("lock table shop.sales in share row exclusive mode")
        let number = try await BatchLedger.drawNumber(on: connection)
        try await connection.execute("select set_config('shop.batch', $1, true)", [.text("\(number)")])
        try await connection.executeScript(statements)
        let counted = try await connection.query(
          """
          select count(*) filter (where _daybook_weight > 0), count(*) filter (where _daybook_weight < 0)
          from daybook.journal_sales where _daybook_batch = $1
          """, [.int8(number)])
        let (plus, minus) =
          try counted.first.map { (try $0.decode(0, as: Int.self), try $0.decode(1, as: Int.self)) } ?? (0, 0)
        try await BatchLedger.record(
          BatchEntry(
            batchID: number, feed: "sales", kind: kind, runID: .make(), fileID: nil,
            rowsPlus: kind == .delta ? plus : 0, rowsMinus: kind == .delta ? minus : 0), on: connection)
        try await DataVersions.bump("sales", on: connection)
      }
    }
  }
}

/// Random changes of sales.
struct RandomSales {
  var numbers: SeededRandom
  private var lastID = 0
  private let lane: Int
  private let lanes: Int
  /// When the clock changes in the zone, and the end of a year.
  private let changes: [String]

  /// Moments in UTC at which the clock of a zone is set anew, so that a day has another length or none at all.
  static let clockChanges = [
    "America/New_York": ["2026-03-08 07:00", "2026-11-01 06:00"],
    "Europe/Berlin": ["2026-03-29 01:00", "2026-10-25 01:00"],
    // The day that was left out when the islands changed sides of the date line, and their last winter time.
    "Pacific/Apia": ["2011-12-30 10:00", "2021-04-03 14:00"],
    // At midnight, both ways.
    "America/Sao_Paulo": ["2018-11-04 03:00", "2019-02-17 02:00"],
  ]
  /// Onto both sides of a change and of the midnights before and after it, in each of these zones.
  private static let steps = [
    "-1 day", "-4 h", "-3 h", "-121 min", "-2 h", "-1 min", "0", "1 h", "21 h", "23 h", "1 day",
  ]

  /// - Parameters:
  ///   - zone: around whose changes of the clock the sales are.
  ///   - lane: which of the rows are changed.
  ///   - lanes: among how many writers the rows are divided; the groups they are in are everybody's.
  init(seed: UInt64, zone: String = "America/New_York", lane: Int = 0, of lanes: Int = 1) {
    numbers = SeededRandom(seed: seed)
    self.lane = lane
    self.lanes = lanes
    changes = (Self.clockChanges[zone] ?? []) + ["2025-12-31 23:59"]
  }

  private mutating func pick<T>(_ values: [T]) -> T { values[Int.random(in: 0..<values.count, using: &numbers)] }

  private mutating func amount() -> String {
    switch Int.random(in: 0..<12, using: &numbers) {
    case 0: "0.00"
    case 1: "999999999999.99"
    case 2: "-0.01"
    // Few values, so that many rows share an extreme.
    default: "\(Int.random(in: 1...6, using: &numbers)).\(pick(["00", "10", "25"]))"
    }
  }

  /// Few moments, so that many rows share one.
  private mutating func time() -> String { "timestamptz '\(pick(changes))+00' + interval '\(pick(Self.steps))'" }

  private mutating func customer() -> String { pick(["null", "1", "2", "3", "4", "5"]) }
  private mutating func kind() -> String { pick(["'payment'", "'refund'", "'fee'"]) }
  private mutating func currency() -> String { pick(["'EUR'", "'EUR'", "'EUR'", "'JPY'"]) }

  private var ownRows: String { lanes > 1 ? "id % \(lanes) = \(lane)" : "true" }

  private mutating func someRows() -> String { "\(condition()) and \(ownRows)" }

  private mutating func condition() -> String {
    switch Int.random(in: 0..<6, using: &numbers) {
    case 0: "customer is not distinct from \(customer())"
    case 1: "kind = \(kind())"
    case 2: "sold_at = \(time())"
    default: "id % \(Int.random(in: 3...9, using: &numbers)) = 0"
    }
  }

  /// One to three statements.
  mutating func statements() -> String {
    var all: [String] = []
    for _ in 0..<Int.random(in: 1...3, using: &numbers) {
      switch Int.random(in: 0..<13, using: &numbers) {
      case 0...5:
        var rows: [String] = []
        for _ in 0..<Int.random(in: 1...20, using: &numbers) {
          lastID += 1
          rows.append(
            "(\(lastID * lanes + lane), \(customer()), \(kind()), \(amount()), \(Int.random(in: 0...3, using: &numbers)), "
              + "\(time()), \(currency()))")
        }
        all.append("insert into shop.sales values \(rows.joined(separator: ", "))")
      case 6: all.append("update shop.sales set amount = \(amount()) where \(someRows())")
      case 7: all.append("update shop.sales set customer = \(customer()) where \(someRows())")
      case 8: all.append("update shop.sales set sold_at = \(time()), currency = \(currency()) where \(someRows())")
      case 9: all.append("update shop.sales set kind = \(kind()), quantity = quantity + 1 where \(someRows())")
      case 10, 11: all.append("delete from shop.sales where \(someRows())")
      default:
        // To nothing and back, now and then.
        all.append(
          Int.random(in: 0..<6, using: &numbers) == 0
            ? "delete from shop.sales where \(ownRows)" : "update shop.sales set amount = amount where \(someRows())")
      }
    }
    return all.joined(separator: ";\n")
  }
}
