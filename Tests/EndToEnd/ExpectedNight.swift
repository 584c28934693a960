// expected.json as the generator wrote it, and the same figures as the ledger and the tables have them.
// Invariant: the database is asked through psql, not through the code under test.

import Foundation
import Money
import TestSupport
import Testing

/// What loading a set of sample feeds must result in.
struct ExpectedNight: Decodable {
  struct File: Decodable {
    struct Reject: Decodable {
      let line: Int
      let column: String?
      let code: String
    }

    let feed: String
    let file: String
    let rows: [String: Int]
    let controlSums: [String: [String: [String: ExactDecimal]]]
    let rejects: [Reject]

    private enum CodingKeys: String, CodingKey {
      case feed, file, rows, rejects
      case controlSums = "control_sums"
    }
  }

  let files: [File]
  let tables: [String: Int]
  let totals: [String: [String: ExactDecimal]]

  /// `file|read|inserted|updated|unchanged|duplicate|rejected`, sorted.
  var rowLines: [String] {
    let outcomes = ["read", "inserted", "updated", "unchanged", "duplicate", "rejected"]
    return files.map { file in ([file.file] + outcomes.map { "\(file.rows[$0] ?? 0)" }).joined(separator: "|") }
      .sorted()
  }

  /// `file|currency|outcome|amount` for every sum that is not zero, sorted.
  var sumLines: [String] {
    var lines: [String] = []
    for file in files {
      for (currency, outcomes) in file.controlSums["amount"] ?? [:] {
        for (outcome, sum) in outcomes where !sum.isZero { lines.append("\(file.file)|\(currency)|\(outcome)|\(sum)") }
      }
    }
    return lines.sorted()
  }

  /// `file|line|column|code`, sorted.
  var rejectLines: [String] {
    files.flatMap { file in file.rejects.map { "\(file.file)|\($0.line)|\($0.column ?? "")|\($0.code)" } }.sorted()
  }

  /// `currency|type|sum` for every sum that is not zero, sorted.
  var totalLines: [String] {
    totals.flatMap { currency, sums in
      sums.filter { $0.key != "net" && !$0.value.isZero }.map { "\(currency)|\($0.key.dropLast())|\($0.value)" }
    }.sorted()
  }

  /// Compares the ledger's files and the tables of `schema` with this.
  func expectIn(_ url: String, schema: String = "finance") async throws {
    let rows = try await lines(
      """
      select name, rows_read, rows_inserted, rows_updated, rows_unchanged, rows_duplicate, rows_rejected
      from daybook.file where status = 'loaded'
      """, at: url)
    #expect(rows == rowLines)
    let sums = try await lines(
      """
      select f.name, s.currency, s.outcome, s.amount::numeric(20,2)
      from daybook.file f join daybook.file_control_sum s using (file_id)
      where f.status = 'loaded' and s.column_name = 'amount' and s.amount <> 0 and s.currency in ('USD', 'EUR', 'GBP')
      """, at: url)
    #expect(sums == sumLines)
    try await expectTablesIn(url, schema: schema)
  }

  /// Compares only what the tables and the daily view hold.
  func expectTablesIn(_ url: String, schema: String = "finance") async throws {
    for (table, count) in tables {
      #expect(try await lines("select count(*) from \(schema).\(table)", at: url) == ["\(count)"], "\(table)")
    }
    let totals = try await lines(
      "select currency, type, sum(amount)::numeric(20,2) from \(schema).transactions group by 1, 2", at: url)
    #expect(totals == totalLines)
    let net = try await lines(
      "select currency, sum(net)::numeric(20,2) from \(schema).revenue_daily group by 1", at: url)
    #expect(net == self.totals.map { "\($0.key)|\($0.value["net"] ?? .zero)" }.sorted())
  }
}

/// The rows of a statement, sorted, columns separated by `|`.
func lines(_ statement: String, at url: String) async throws -> [String] {
  try await Psql.run([statement], at: url).split(separator: "\n").map(String.init).sorted()
}

/// A digest of everything in a table, whatever the order of its rows.
func digest(of table: String, at url: String) async throws -> String {
  try await lines(
    """
    select md5(coalesce(string_agg(row, chr(10) order by row collate "C"), '')) from (
      select (to_jsonb(t) - '_daybook_file')::text || coalesce(f.name, '') as row
      from \(table) t left join daybook.file f on to_jsonb(f) -> 'file_id' = to_jsonb(t) -> '_daybook_file') as rows
    """, at: url
  ).joined()
}
