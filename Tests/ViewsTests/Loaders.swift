// Writers that change `sales` while it is being looked at, as loaders by chunks and corrections by hand do it: each batch
// is numbered under the lock that writers share, and committed whenever its transaction comes to its end.

import Definitions
import Ledger
import Postgres
import TestSupport
import Testing
import Views

extension Shop {
  /// How a batch comes to its end.
  enum Ending {
    /// It commits and counts the change as a loader does.
    case loaded
    /// It commits and leaves the change to be counted, as a trigger of a watched table does.
    case byHand
    /// It is rolled back, and its number is never recorded.
    case rolledBack
  }

  private struct RolledBack: Error {}

  /// Where this shop's database is.
  var url: String {
    guard case .url(let url) = project.database.url else { return "" }
    return url
  }

  /// Lends a pool of other connections than those of the refresher.
  func withOtherPool<R: Sendable>(max: Int, _ body: (PostgresPool) async throws -> R) async throws -> R {
    let pool = try PostgresPool(
      configuration: PostgresConfiguration(url: url), settings: PoolSettings(min: 0, max: max))
    let outcome: Result<R, any Error>
    do { outcome = .success(try await body(pool)) } catch { outcome = .failure(error) }
    await pool.shutdown(within: .seconds(5))
    return try outcome.get()
  }

  /// Draws a number, does `statements`, lets `middle` pass, and ends the batch.
  ///
  /// - Parameter lock: what is taken before the number is drawn; TRUNCATE and a swap of tables take the whole table.
  static func load(
    _ statements: String, ending: Ending = .loaded, kind: BatchEntry.Kind = .delta, lock: String = "row exclusive",
    on connection: PostgresConnection, middle: () async throws -> Void = {}
  ) async throws {
    do {
      try await connection.withTransaction { connection in
        // A test whose writer is kept waiting is to fail, not to hang.
        try await connection.executeScript(
          "set local statement_timeout = '60s'; lock table shop.sales in \(lock) mode")
        let number = try await BatchLedger.drawNumber(on: connection)
        try await connection.execute("select set_config('shop.batch', $1, true)", [.text("\(number)")])
        try await connection.executeScript(statements)
        try await middle()
        let rows = try await connection.query(
          """
          select count(*) filter (where _daybook_weight > 0), count(*) filter (where _daybook_weight < 0)
          from daybook.journal_sales where _daybook_batch = $1
          """, [.int8(number)])
        let row = try #require(rows.first)
        let (plus, minus): (Int, Int) = (try row.decode(0), try row.decode(1))
        try await BatchLedger.record(
          BatchEntry(
            batchID: number, feed: "sales", kind: kind, runID: .make(), fileID: nil,
            rowsPlus: kind == .delta ? plus : 0, rowsMinus: kind == .delta ? minus : 0), on: connection)
        switch ending {
        case .loaded: try await DataVersions.bump("sales", on: connection)
        case .byHand:
          try await connection.execute(
            "insert into daybook.uncounted_change (batch_id, relation) values ($1, 'sales')", [.int8(number)])
        case .rolledBack: throw RolledBack()
        }
      }
    } catch is RolledBack {
      // As it should be.
    }
  }

  /// Waits until so many sessions of this database wait for a lock that `condition` describes.
  func waitForWaiting(_ count: Int = 1, where condition: String) async throws {
    let deadline = ContinuousClock.now + .seconds(120)
    while ContinuousClock.now < deadline {
      let waiting = try await Psql.run(
        [
          """
          select count(distinct pid) from pg_locks where not granted and (\(condition))
            and database = (select oid from pg_database where datname = current_database())
          """
        ], at: url)
      if (Int(waiting.split(separator: "\n").first ?? "") ?? 0) >= count { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    throw TestSupportError("nobody waited for a lock within two minutes: \(condition)")
  }

  /// The lock by which a look at `sales` keeps writers out.
  static let gateLock = "relation = 'shop.sales'::regclass and mode = 'ShareLock'"
}
