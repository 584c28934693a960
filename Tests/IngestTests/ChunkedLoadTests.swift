// `load: insert` against the copy path: the same table, the same money, the same refused records.

import Definitions
import Finding
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@testable import Ingest

@Suite struct ChunkedLoadTests {
  @Test(arguments: ConflictRule.allCases)
  func aFileOfOneChunkIsCountedAsTheCopyPathCountsIt(rule: ConflictRule) async throws {
    let feed = payments(onConflict: rule)
    let files = [
      dirtyPayments(records: 300, ids: 400, seed: 1), dirtyPayments(records: 500, ids: 500, seed: 2),
    ]
    var copied = try await load(files, feed) { fixture in try await fixture.ingest(feed.loaded(by: .copy)) }
    // A file that fills an empty table is in the journal as a rebuild, without images.
    copied.difference = ""
    let inserted = try await load(files, feed) { fixture in
      try await fixture.ingestInChunks(feed, chunkBytes: 1 << 20, shareBytes: 1 << 20)
    }
    #expect(inserted == copied)
    #expect(inserted.difference == "")
  }

  @Test(arguments: [1, 2, 3, 4, 5, 6])
  func smallChunksInPartsGiveTheSameTableAsTheCopyPath(seed: UInt64) async throws {
    let rule = ConflictRule.allCases[Int(seed) % 3]
    let feed = payments(onConflict: rule)
    let files = [
      dirtyPayments(records: 60, ids: 90, seed: seed), dirtyPayments(records: 200, ids: 150, seed: seed + 100),
    ]
    let copied = try await load(files, feed) { fixture in try await fixture.ingest(feed.loaded(by: .copy)) }
    let inserted = try await load(files, feed) { fixture in
      try await fixture.ingestInChunks(feed, chunkBytes: 150 + Int(seed) * 160)
    }
    #expect(inserted.table == copied.table)
    #expect(inserted.difference == "")
    if rule != .reject { #expect(inserted.rejects == copied.rejects) }
    for (a, b) in zip(inserted.rows, copied.rows) {
      #expect(a.read == b.read)
      #expect(a.isReconciled)
    }
    #expect(inserted.readSums == copied.readSums)
  }

  private struct Loaded: Equatable {
    var table: String
    var rejects: String
    var rows: [RowCounts]
    var sums: String
    var readSums: String
    var duplicates: String
    var difference: String
  }

  private func load(
    _ files: [String], _ feed: FeedDefinition,
    _ ingest: @Sendable (FeedFixture) async throws -> IngestOutcome
  ) async throws -> Loaded {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(feed)
      var rows: [RowCounts] = []
      for (index, file) in files.enumerated() {
        try fixture.deliver("payments_\(index + 1).csv", file)
        let outcome = try await ingest(fixture)
        #expect(outcome.status == .loaded)
        rows.append(outcome.rows)
      }
      let sums = """
        select name, column_name, currency, outcome, amount from daybook.file_control_sum join daybook.file using (file_id)
        where amount <> 0
        """
      let hasJournal = try await fixture.query("select to_regclass('daybook.journal_payments') is not null") == "t"
      return Loaded(
        table: try await fixture.payments(), rejects: try await fixture.rejects(), rows: rows,
        sums: try await fixture.query(sums + " order by 1, 2, 3, 4"),
        readSums: try await fixture.query(sums + " and outcome = 'read' order by 1, 2, 3, 4"),
        duplicates: try await fixture.query(
          "select file, line, record, byte_offset, key, kept_line from daybook.duplicate_row order by 1, 2"),
        difference: hasJournal ? try await fixture.journalDifference() : "")
    }
  }

  @Test func everyTypeConstantAndNullArrivesAsByCopy() async throws {
    let feed = feed(
      "things", key: ["code", "day"],
      [
        column("code", .text), column("day", .date), column("small", .integer, optional: true),
        column("exact", .decimal(precision: 38, scale: 7), optional: true), column("flag", .boolean, optional: true),
        column("at", .timestamp, optional: true), column("moment", .timestamptz, optional: true),
        column("number", .uuid, optional: true), column("body", .json, optional: true),
        column("channel", .text, constant: "it's"), column("since", .timestamptz, constant: "2026-07-01 00:00:00"),
        column("note", .text, optional: true),
      ])
    let file = #"""
      code,day,small,exact,flag,at,moment,number,body,note
      a,2026-01-02,-7,-1234567890123456789012345678901.0000007,true,2026-01-02 03:04:05.678901,2026-07-01 12:00:00,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,"{""x"": [1, null]}","two
      lines, ""quoted"""
      a,2026-01-03,,0.0000000,false,,,,,
      b,1969-12-31,2147483647,0.1,,1969-12-31 23:59:59.999999,1969-12-31 23:59:59+00:00,,,ünï

      """#
    var tables: [String] = []
    for load in [LoadStrategy.copy, .insert] {
      try await tables.append(
        FeedFixture.with { fixture in
          try fixture.deliver("things_1.csv", file)
          let outcome = try await fixture.ingest(feed.loaded(by: load))
          #expect(outcome.rows == RowCounts(read: 3, inserted: 3))
          return try await fixture.query(
            """
            select code, day, small, exact, flag, at, moment, number, body, channel, since, note
            from finance.things order by 1, 2
            """)
        })
    }
    #expect(tables[0] == tables[1])
    #expect(tables[0].contains("it's"))
  }

  @Test func orphansAreRefusedWithTheirFirstBadColumnAndTheirBytes() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("shops_1.csv", "id,name\n1,North\n2,South\n")
      _ = try await fixture.ingest(ReferenceTests.shops)
      try fixture.deliver(
        "sales_1.csv", "partner,id,shop,amount,currency\n,1,1,5.00,USD\n2,2,9,6.00,EUR\n8,3,9,7.00,\"USD\"\n")
      let outcome = try await fixture.ingestInChunks(ReferenceTests.sales)
      #expect(outcome.rows == RowCounts(read: 3, inserted: 1, rejected: 2))
      #expect(
        try await fixture.rejects() == """
          sales_1.csv|3|3|46|shop|orphan_reference|"9" is not in shops.id|2,2,9,6.00,EUR
          sales_1.csv|4|4|61|partner|orphan_reference|"8" is not in shops.id|8,3,9,7.00,"USD"
          """)
      let sums = try await fixture.query(
        "select currency, amount from daybook.file_control_sum where outcome = 'rejected' order by 1")
      #expect(sums == "EUR|6.00\nUSD|7.00")
    }
  }

  @Test func aKeyThatComesAgainInALaterChunkIsListedAndTheLastOneCounts() async throws {
    for rule in ConflictRule.allCases {
      try await FeedFixture.with { fixture in
        let feed = payments(onConflict: rule)
        try await fixture.makeTableWithProvenance(feed)
        let at = SafetyTests.line
        let text =
          paymentsHeader + "1,,payment,1.00,USD,\(at)\n"
          + (2...40).map { "\($0),,payment,2.00,USD,\(at)\n" }.joined() + "1,,payment,9.00,USD,\(at)\n"
        try fixture.deliver("payments_1.csv", text)
        let outcome = try await fixture.ingestInChunks(feed)
        #expect(outcome.rows == RowCounts(read: 41, inserted: 40, updated: 1))
        #expect(try await fixture.query("select amount, _daybook_line from finance.payments where id = 1") == "9.00|42")
        #expect(try await fixture.query("select line, key, kept_line from daybook.duplicate_row") == "2|1|42")
        #expect(try await fixture.journalDifference() == "")
        #expect(
          try await fixture.query(
            """
            select count(*) from finance.payments p join daybook.file f on f.file_id = p._daybook_file
            where f.name = 'payments_1.csv' and p._daybook_line between 3 and 42
            """) == "40")
      }
    }
  }

  @Test func aFeedWithoutAKeyAppendsEveryRecord() async throws {
    try await FeedFixture.with { fixture in
      var feed = payments()
      feed.key = []
      try fixture.deliver("payments_1.csv", dirtyPayments(records: 300, ids: 20, seed: 5))
      let outcome = try await fixture.ingestInChunks(feed)
      #expect(outcome.rows.inserted + outcome.rows.rejected == outcome.rows.read)
      #expect(try await fixture.query("select count(*) from finance.payments") == "\(outcome.rows.inserted)")
      #expect(try await fixture.ingestInChunks(feed).status == .nothingNew)
    }
  }

  @Test func onlyOneConnectionIsEnough() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.database.withPool(max: 1) { pool in
        try fixture.deliver("payments_1.csv", dirtyPayments(records: 300, ids: 200, seed: 6))
        let outcome = try await fixture.ingestInChunks(payments(), pool: pool)
        #expect(outcome.status == .loaded)
        #expect(outcome.rows.isReconciled)
      }
    }
  }

  @Test(arguments: SafetyTests.faults)
  func aTableThatDoesNotKeepWhatItIsGivenFailsReconciliation(fault: String) async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...3))
      _ = try await fixture.ingestInChunks(payments())
      let before = try await fixture.payments()
      try await fixture.database.psql(fault)
      try fixture.deliver(
        "payments_2.csv",
        paymentsHeader + (3...5).map { "\($0),,payment,2.00,USD,\(SafetyTests.line)\n" }.joined())
      let error = await #expect(throws: IngestError.self) { try await fixture.ingestInChunks(payments()) }
      #expect(error?.kind == .reconciliation)
      #expect(try await fixture.payments() == before)
      #expect(try await fixture.query("select count(*) from daybook.file where status = 'loaded'") == "1")
    }
  }

  @Test func whatChunksCannotDoIsDoneByCopyAndSaid() async throws {
    try await FeedFixture.with { fixture in
      let feed = payments(mode: .snapshot(maxDeletes: .count(5)))
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...3))
      let outcome = try await fixture.ingestInChunks(feed)
      #expect(outcome.status == .loaded)
      #expect(outcome.choice?.sentence == "by bulk: a snapshot is compared as a whole")
    }
  }
}
