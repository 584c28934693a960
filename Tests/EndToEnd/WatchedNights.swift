// Corrections that somebody makes with psql in a watched table reach the views at the next refresh, by delta, and the views
// equal a recompute after each; a table that is watched no longer has nothing of that left.

import Foundation
import TestSupport
import Testing

@Suite struct WatchedNights {
  private static let corrections: [(sql: String, says: String)] = [
    ("update finance.transactions set amount = amount + 1 where transaction_id % 500 = 0", "by delta: "),
    (
      """
      begin; update finance.transactions set occurred_at = occurred_at - interval '2 years' where transaction_id = 7;
      delete from finance.transactions where transaction_id between 100 and 110;
      insert into finance.transactions (transaction_id, customer_id, type, amount, currency, method, occurred_at)
      select 90000000 + i, customer_id, 'refund', i, 'CHF', 'cash', now() from finance.transactions, generate_series(1, 3) i
      where transaction_id = 7; commit
      """, "by delta: "
    ),
    (
      """
      insert into finance.transactions (transaction_id, customer_id, type, amount, currency, method, occurred_at)
      select transaction_id, customer_id, type, amount * 2, currency, method, occurred_at
      from finance.transactions where transaction_id in (8, 9, 90000001)
      on conflict (transaction_id) do update set amount = excluded.amount, currency = 'EUR'
      """, "by delta: "
    ),
    (
      "\\copy finance.transactions (transaction_id, customer_id, type, amount, currency, method, occurred_at) from "
        + "program 'printf \"99000001,1,fee,3.50,USD,card,2024-02-29 12:00+00\\n\"' csv", "by delta: "
    ),
    ("begin; delete from finance.transactions; rollback", "up to date with transactions at version"),
    ("create table finance.kept as table finance.transactions; truncate finance.transactions", "rebuilt and swapped: "),
    ("insert into finance.transactions table finance.kept", "customer_value"),
  ]

  @Test func correctionsByHandReachTheViewsAtTheNextRefresh() async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
        let file = project.root + "/Jobs/feeds/transactions.yaml"
        let plain = try String(contentsOfFile: file, encoding: .utf8)
        try (plain + "watch: true\n").write(toFile: file, atomically: true, encoding: .utf8)
        let feeds = project.root + "/feeds"
        _ = try await project.sample(to: feeds, transactions: 4_000, nights: 2, dirty: "0")
        try project.deliver(from: feeds) { $0.contains("2024-12-29") }
        let first = try await project.daybook("run", "nightly", "--as-of", "2024-12-29")
        #expect(first.status == 0, "\(first.stderr)")
        for correction in Self.corrections {
          try await database.psql(correction.sql)
          let refreshed = try await project.daybook("refresh", "-v")
          #expect(
            refreshed.status == 0 && refreshed.stderr.contains(correction.says),
            "\(correction.sql)\n\(refreshed.stderr)")
          let verified = try await project.daybook("refresh", "--verify")
          #expect(verified.status == 0, "\(correction.sql)\n\(verified.stderr)")
        }
        let trace = try await project.daybook("trace", "transactions", "500")
        #expect(trace.stdout.contains("  updated  by hand, by ") && trace.stdout.contains(" (psql)"), "\(trace.stdout)")
        try await database.psql("delete from finance.transactions where transaction_id = 99000001")
        try project.deliver(from: feeds) { $0.contains("2024-12-30") }
        let second = try await project.daybook("run", "nightly", "--as-of", "2024-12-30")
        #expect(second.status == 0, "\(second.stderr)")
        #expect(try await project.daybook("refresh", "--verify").status == 0)
        try plain.write(toFile: file, atomically: true, encoding: .utf8)
        let third = try await project.daybook("ingest", "transactions")
        #expect(third.status == 0, "\(third.stderr)")
        let left = try await database.psql("select count(*) from pg_trigger where tgname like 'daybook_watch%'")
        #expect(left.hasPrefix("0"))
      }
    }
  }
}
