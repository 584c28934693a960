// What the tests of chunked loads share: small chunks, tables with provenance, and what is compared with the copy path.

import Definitions
import Ledger
import Money
import Postgres
import TestSupport

@testable import Ingest

extension FeedDefinition {
  /// The same feed, loaded another way.
  func loaded(by load: LoadStrategy) -> FeedDefinition {
    var feed = self
    feed.load = load
    return feed
  }
}

extension FeedFixture {
  /// Ingests by chunks of about `chunkBytes`, dealt out to up to three parts.
  nonisolated(nonsending) func ingestInChunks(
    _ feed: FeedDefinition, _ selection: FileSelection = .inbox, chunkBytes: Int = 400, shareBytes: Int = 100,
    pool: PostgresPool? = nil, late: LateChangeRule = .restate
  ) async throws -> IngestOutcome {
    let feed = feed.loaded(by: .insert)
    var ingestion = FeedIngestion(
      project: project([feed], late: late), feed: feed, pool: pool ?? self.pool, runID: .make(), asOf: FeedFixture.asOf)
    ingestion.chunkBytes = chunkBytes
    ingestion.chunkShareBytes = shareBytes
    return try await ingestion.run(selection)
  }

  /// Makes the feed's table with the two columns of provenance, which a table of the copy path gets by its design.
  nonisolated(nonsending) func makeTableWithProvenance(_ feed: FeedDefinition) async throws {
    try deliver("\(feed.name)_0.csv", feed.columns.map(\.sourceName).joined(separator: ",") + "\n")
    _ = try await ingest(feed.loaded(by: .copy))
    try await database.psql(
      """
      alter table finance.\(feed.name) add column if not exists _daybook_file bigint,
        add column if not exists _daybook_line bigint
      """)
  }

  /// The payments as they are in the table.
  nonisolated(nonsending) func payments() async throws -> String {
    try await query("select id, customer, kind, amount, currency, at from finance.payments order by 1, 2, 3, 4, 5, 6")
  }

  /// The refused records of the ledger.
  nonisolated(nonsending) func rejects() async throws -> String {
    try await query(
      """
      select file, line, record, byte_offset, column_name, code, reason, encode(raw, 'escape') from daybook.reject
      where resolved_at is null order by file, line, code
      """)
  }

  /// The weighted images of a journal against the table, which must be nothing when the table began empty.
  nonisolated(nonsending) func journalDifference() async throws -> String {
    try await query(
      """
      select id, customer, kind, amount, currency, at, sum(weight) from (
        select id, customer, kind, amount, currency, at, _daybook_weight as weight from daybook.journal_payments
        union all select id, customer, kind, amount, currency, at, -1 from finance.payments) as t
      group by 1, 2, 3, 4, 5, 6 having sum(weight) <> 0
      """)
  }
}

/// A file of payments with everything that can be wrong, the same for the same seed.
func dirtyPayments(records: Int, ids: Int, seed: UInt64) -> String {
  var state = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
  func next(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }
  var text = paymentsHeader
  for _ in 0..<records {
    let id = next(ids) + 1
    let currency = ["USD", "EUR", "GBP"][next(3)]
    let amount = "\(next(900)).\(10 + next(89))"
    let customer = next(4) == 0 ? "" : "\(next(50))"
    let time = "2026-11-1\(next(10)) 10:00:0\(next(10))"
    switch next(24) {
    case 0: text += "\(id),\(customer),payment,-\(amount),\(currency),\(time)\n"
    case 1: text += "\(id),\(customer),payment,\(amount),\(currency)\n"
    case 2: text += "x\(id),\(customer),payment,\(amount),\(currency),\(time)\n"
    case 3: text += "\(id),\(customer),gift,\(amount),\(currency),\(time)\n"
    case 4: text += "\(id),\"\(customer)\",\"refund\",\"\(amount)\",\(currency),\"\(time)\"\n"
    case 5: text += "\n"
    default: text += "\(id),\(customer),payment,\(amount),\(currency),\(time)\n"
    }
  }
  return text
}
