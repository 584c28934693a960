// kill -9 of the built program amid a load by chunks, at moments drawn from a seed, and then run again.
// DAYBOOK_KILL_TRIALS=50 makes more of it than the few trials of the suite.

import Foundation
import Glibc
import TestSupport
import Testing

@Suite(.serialized) struct KilledChunkedLoad {
  private static let trials = ProcessInfo.processInfo.environment["DAYBOOK_KILL_TRIALS"].flatMap { Int($0) } ?? 4
  private static let forget =
    "truncate finance.transactions; delete from daybook.file where feed = 'transactions'; "
    + "truncate daybook.journal_transactions; delete from daybook.batch where feed = 'transactions'"

  @Test func killedLoadsEndAsIfNothingHadHappened() async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
        let definition = project.root + "/Jobs/feeds/transactions.yaml"
        let text = try String(contentsOfFile: definition, encoding: .utf8)
        func load(by word: String) throws {
          try text.replacing("load: auto", with: "load: \(word)").write(
            toFile: definition, atomically: true, encoding: .utf8)
        }
        _ = try await project.sample(to: project.inbox, transactions: 40_000, nights: 1, dirty: "0.002")
        try load(by: "copy")
        let copied = try await project.daybook("ingest", "customers", "products", "orders", "transactions")
        #expect(copied.status == 0, "\(copied.stderr)")
        let expected = try await state(at: database.url)

        try load(by: "insert")
        try await database.psql(
          "create table if not exists daybook.journal_transactions ()", Self.forget,
          "drop table daybook.journal_transactions")
        var generator = SystemRandomNumberGenerator()
        var kills = 0
        let undisturbed = try await project.daybook("ingest", "transactions")
        #expect(undisturbed.status == 0, "\(undisturbed.stderr)")
        #expect(try await state(at: database.url) == expected)
        let span = max(50, Int(undisturbed.wall / .milliseconds(1)))
        for trial in 0..<Self.trials {
          try await database.psql(Self.forget)
          for _ in 0..<(trial % 3 + 1) {
            let pause = Int.random(in: 10...span, using: &generator)
            let outcome = try await project.daybook(
              ["ingest", "transactions"],
              started: { pid in
                Task {
                  try await Task.sleep(for: .milliseconds(pause))
                  kill(pid, SIGKILL)
                }
              })
            if outcome.status == 128 + Int(SIGKILL) { kills += 1 }
          }
          var last = try await project.daybook("ingest", "transactions")
          // The server may need a moment to notice that the killed program is gone.
          for _ in 0..<300 where last.status == 75 {
            try await Task.sleep(for: .milliseconds(100))
            last = try await project.daybook("ingest", "transactions")
          }
          #expect(last.status == 0, "trial \(trial): \(last.stderr)")
          #expect(try await state(at: database.url) == expected, "trial \(trial)")
          #expect(try await imbalance(at: database.url) == ["0"], "trial \(trial)")
        }
        #expect(kills > 0)
      }
    }
  }

  /// The table and what the ledger says about it, apart from numbers that depend on the order of runs.
  private func state(at url: String) async throws -> [String] {
    try await lines(
      """
      select 'table', md5(string_agg((to_jsonb(t) - '_daybook_file' - '_daybook_line')::text, chr(10)
        order by transaction_id)) from finance.transactions t
      union all select 'rejects', md5(string_agg(concat_ws('|', file, line, record, byte_offset, column_name, code, reason,
        raw), chr(10) order by file, record)) from daybook.reject where feed = 'transactions'
      union all select 'read', concat_ws('|', name, status, rows_read, rows_rejected) from daybook.file
        where feed = 'transactions'
      union all select 'sums', concat_ws('|', name, column_name, currency, outcome, amount)
        from daybook.file_control_sum join daybook.file using (file_id)
        where feed = 'transactions' and outcome in ('read', 'rejected')
      """, at: url)
  }

  /// What the journal's images leave over against the table.
  private func imbalance(at url: String) async throws -> [String] {
    try await lines(
      """
      select count(*) from (
        select transaction_id, amount from (
          select transaction_id, amount, _daybook_weight::int as weight from daybook.journal_transactions
          union all select transaction_id, amount, -1 from finance.transactions) as t
        group by 1, 2 having sum(weight) <> 0) as d
      """, at: url)
  }
}
