// The repository's own project on made-up data: its feeds' tables filled by SQL from hashes (the same every time), a
// ledger that says where the rows came from, and its views built. What reports show of it can then be compared with
// SQL computed apart.

import Cache
import Definitions
import Foundation
import Ledger
import Money
import Postgres
import Reports
import TestSupport
import Views

struct SampleShop: Sendable {
  var project: Project
  let pool: PostgresPool
  let asOf: CivilDate
  let run: RunID

  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  private static let environment = ["DAYBOOK_INBOX": ".daybook/none", "DESK_WORD": "finance-desk"]

  /// The shipped project, publishing under `output`.
  init(root: String = SampleShop.root, output: String, pool: PostgresPool, asOf: String = "2026-11-20") throws {
    project = try Project.load(root: root, environment: Self.environment)
    project.output = output
    self.pool = pool
    guard let date = CivilDate(asOf), let run = RunID("01020304-0506-7000-8000-000000000009") else {
      throw TestSupportError("\(asOf) is not a date")
    }
    self.asOf = date
    self.run = run
  }

  /// A publisher for a run at a fixed time.
  func publisher(
    run other: RunID? = nil, project changed: Project? = nil, asOf date: CivilDate? = nil, cache: TieredCache? = nil
  ) -> ReportPublisher {
    let moment = Moment(microsecondsSince1970: 1_795_234_500_000_000)
    return ReportPublisher(
      project: changed ?? project, pool: pool,
      run: RunSnapshot(runID: other ?? run, job: "nightly", asOf: date ?? asOf, startedAt: moment),
      cache: cache, clock: { moment })
  }

  /// Makes the ledger, tables without rows, and views.
  func prepare(configuration: PostgresConfiguration, customers: Int, orders: Int) async throws {
    let ledger = LedgerStore(configuration: configuration)
    try await ledger.open()
    try await pool.withConnection { connection in
      try await connection.executeScript(Self.tables)
      if customers > 0 { try await connection.executeScript(Self.rows(customers: customers, orders: orders)) }
      try await recordFiles(on: connection)
      // What the server counts of the tables' changes is then as it stays.
      _ = try await connection.query("SELECT pg_stat_force_next_flush()")
    }
    try await recordRun(ledger)
    await ledger.close()
    _ = try await ViewRefresher(project: project, pool: pool).refresh(.all)
  }

  /// One file for each feed, its rows and sums counted from the table, and a few rejects and duplicates.
  private func recordFiles(on connection: PostgresConnection) async throws {
    for feed in project.feeds {
      let table = "finance.\(feed.name)"
      let count: Int = try await connection.query("SELECT count(*) FROM \(table)")[0].decode(0)
      if count == 0 { continue }
      let isMoney = feed.name == "transactions"
      let rejected = isMoney ? 3 : 0
      var sums: [ControlSumEntry] = []
      if isMoney {
        for row in try await connection.query(
          "SELECT currency, sum(amount)::text FROM \(table) GROUP BY 1 ORDER BY 1")
        {
          let amount = ExactDecimal(try row.decode(1, as: String.self)) ?? .zero
          let currency: String = try row.decode(0)
          let fifty = currency == "USD" ? ExactDecimal("50.00") ?? .zero : .zero
          sums.append(
            .init(column: "amount", currency: currency, outcome: .read, amount: amount.adding(fifty) ?? .zero))
          sums.append(.init(column: "amount", currency: currency, outcome: .inserted, amount: amount))
          sums.append(.init(column: "amount", currency: currency, outcome: .rejected, amount: fifty))
        }
      }
      let file = try await FileLedger.record(
        FileEntry(
          feed: feed.name, name: "\(feed.name)_\(asOf).csv",
          sha256: Array(repeating: UInt8(feed.name.utf8.count), count: 32), bytes: count * 64, runID: run, asOf: asOf,
          status: .loaded,
          rows: RowCounts(read: count + rejected + 1, inserted: count, duplicate: 1, rejected: rejected),
          controlSums: sums), on: connection)
      try await FileLedger.recordDuplicates(
        [
          DuplicateEntry(
            fileID: file, runID: run, feed: feed.name, file: "\(feed.name)_\(asOf).csv", line: 12, record: 12,
            byteOffset: 700, key: "10", keptLine: 40)
        ], on: connection)
      if isMoney {
        let raws = ["17,,5,payment,abc,USD,card,2026-11-20", "18,9,<b>,payment,\"1\u{7},\u{202E}\",EUR", "19,=1+1"]
        try await FileLedger.recordRejects(
          raws.enumerated().map { index, raw in
            RejectEntry(
              fileID: file, runID: run, feed: feed.name, file: "\(feed.name)_\(asOf).csv", line: 100 + index,
              record: 100 + index, byteOffset: 9_000 + index * 40, column: index == 2 ? nil : "amount",
              code: index == 2 ? .fieldCount : .wrongType,
              reason: index == 2 ? "2 fields, 8 expected" : "\"abc\" is not a decimal(14,2)", raw: Array(raw.utf8))
          }, on: connection)
      }
      try await DataVersions.bump(feed.name, on: connection)
    }
  }

  private func recordRun(_ ledger: LedgerStore) async throws {
    let start = Moment(microsecondsSince1970: 1_795_234_490_000_000)
    try await ledger.startRun(
      RunRecord(
        runID: run, job: "nightly", asOf: asOf, trigger: .unattended, startedAt: start, host: "books", processID: 7,
        arguments: ["daybook", "run"], version: "0.1.0", configurationHash: project.configurationHash))
    let work: [(String, String, Int)] =
      project.feeds.map { ("ingest", $0.name, 240 + $0.name.count * 91) }
      + project.views.map { ("refresh", $0.name, 60 + $0.name.count * 23) }
    for (stage, name, milliseconds) in work {
      let id = try await ledger.startStage(run: run, stage: stage, name: name, startedAt: start)
      try await ledger.finishStage(
        id,
        StageResult(
          status: .success, finishedAt: start,
          cost: ProcessCost(
            wallMilliseconds: milliseconds, cpuUserMilliseconds: milliseconds / 2, cpuSystemMilliseconds: 11,
            peakResidentKilobytes: 40_000), rows: RowCounts(read: 100, inserted: 97, duplicate: 0, rejected: 3),
          bytesIn: 12_345, detail: "\(name) done"))
    }
    _ = try await ledger.startStage(run: run, stage: "report", name: "all", startedAt: start)
  }

  private static let tables = """
    CREATE SCHEMA finance;
    CREATE TABLE finance.customers (customer_id bigint PRIMARY KEY, name text NOT NULL, email text,
      country text NOT NULL, segment text NOT NULL, signed_up_on date NOT NULL);
    CREATE TABLE finance.products (product_id bigint PRIMARY KEY, sku text NOT NULL, name text NOT NULL,
      category text NOT NULL, unit_price numeric(12,2) NOT NULL, currency text NOT NULL, is_active boolean NOT NULL);
    CREATE TABLE finance.orders (order_id bigint PRIMARY KEY, customer_id bigint NOT NULL, product_id bigint NOT NULL,
      quantity integer NOT NULL, unit_price numeric(12,2) NOT NULL, currency text NOT NULL, status text NOT NULL,
      ordered_at timestamptz NOT NULL);
    CREATE INDEX ON finance.orders (ordered_at);
    CREATE TABLE finance.transactions (transaction_id bigint PRIMARY KEY, order_id bigint, customer_id bigint NOT NULL,
      type text NOT NULL, amount numeric(14,2) NOT NULL, currency text NOT NULL, method text NOT NULL,
      occurred_at timestamptz NOT NULL);
    CREATE INDEX ON finance.transactions (occurred_at);
    """

  private static func rows(customers: Int, orders: Int) -> String {
    """
    CREATE FUNCTION pg_temp.chance(text) RETURNS double precision LANGUAGE sql IMMUTABLE AS
      $$ SELECT ('x' || substr(md5($1), 1, 8))::bit(32)::bigint / 4294967296.0 $$;
    INSERT INTO finance.customers
    SELECT i,
      CASE i WHEN 1 THEN '<script>alert(1)</script> & Sons' WHEN 2 THEN '=HYPERLINK("http://x","y")'
        WHEN 3 THEN U&'\\202Egnp.tnemyap' WHEN 4 THEN repeat('long name ', 1000) WHEN 5 THEN U&'bell\\0007 Ltd'
        ELSE (ARRAY['Ada','Bruno','Chen','Dana','Emil','Farah','Gita','Hugo'])[1 + i % 8] || ' '
          || (ARRAY['Almeida','Brandt','Costa','Dubois','Eriksen','Fischer','Grant'])[1 + i / 8 % 7] END,
      NULL, (ARRAY['US','US','US','DE','FR','GB','ES'])[1 + i % 7],
      (ARRAY['consumer','consumer','business','wholesale'])[1 + i % 4],
      date '2024-10-01' + (pg_temp.chance('s' || i) * 760)::int
    FROM generate_series(1, \(customers)) i;
    INSERT INTO finance.products
    SELECT i, 'SKU-' || i, (ARRAY['Oak','Linen','Copper','Glass','Wool'])[1 + i % 5] || ' '
        || (ARRAY['lamp','chair','bowl','blanket','shelf','clock'])[1 + i % 6] || ' ' || i,
      (ARRAY['Living','Kitchen','Bedroom'])[1 + i % 3], round((5 + pg_temp.chance('p' || i) * 200)::numeric, 2), 'USD', true
    FROM generate_series(1, 40) i;
    INSERT INTO finance.orders
    SELECT i, c, p, 1 + (pg_temp.chance('q' || i) * 4)::int, pr.unit_price,
      (ARRAY['USD','USD','USD','USD','USD','USD','EUR','EUR','EUR','GBP'])[1 + c % 10],
      (ARRAY['delivered','delivered','delivered','shipped','returned','cancelled'])[1 + i % 6],
      timestamptz '2024-11-01 09:00+00' + sqrt(pg_temp.chance('t' || i)) * interval '749 days'
        + sin(i) * interval '5 hours'
    FROM (SELECT i, 1 + floor(power(pg_temp.chance('c' || i), 2.2) * \(customers))::bigint AS c,
        1 + floor(power(pg_temp.chance('r' || i), 1.5) * 40)::bigint AS p FROM generate_series(1, \(orders)) i) o
    JOIN finance.products pr ON pr.product_id = o.p;
    INSERT INTO finance.transactions
    SELECT row_number() OVER (ORDER BY order_id, type), order_id, customer_id, type, amount, currency, 'card', at
    FROM (
      SELECT order_id, customer_id, 'payment' AS type, quantity * unit_price AS amount, currency, ordered_at AS at
      FROM finance.orders WHERE status <> 'cancelled'
      UNION ALL SELECT order_id, customer_id, 'refund', quantity * unit_price, currency, ordered_at + interval '9 days'
      FROM finance.orders WHERE status = 'returned' AND order_id % 4 = 0
      UNION ALL SELECT order_id, customer_id, 'fee', round(quantity * unit_price * 0.029, 2), currency, ordered_at
      FROM finance.orders WHERE status <> 'cancelled' AND order_id % 2 = 0
      UNION ALL SELECT order_id, customer_id, 'chargeback', unit_price, currency, ordered_at + interval '30 days'
      FROM finance.orders WHERE order_id % 97 = 0) t
    WHERE at < timestamptz '2026-11-21 03:00+00';
    """
  }
}
