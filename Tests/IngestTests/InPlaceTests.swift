// A first file is copied straight into its empty table; what comes out is what staging would have given.

import Definitions
import Ingest
import Ledger
import TestSupport
import Testing

@Suite struct InPlaceTests {
  private static func feeds(keepsProvenance: Bool) -> (parents: FeedDefinition, children: FeedDefinition) {
    let parents = feed("parents", [column("id", .bigint), column("name", .text)])
    var children = feed(
      "children", limit: .count(10_000),
      [
        column("id", .bigint), column("parent", .bigint, references: ColumnReference(feed: "parents", column: "id")),
        column("elder", .bigint, optional: true, references: ColumnReference(feed: "children", column: "id")),
        column("amount", .decimal(precision: 14, scale: 2), control: "currency"), column("currency", .text),
        column("note", .text, optional: true, indexed: true),
      ])
    children.keepsProvenance = keepsProvenance
    return (parents, children)
  }

  /// Records that come twice, that lead nowhere, that are both, and that are no records.
  private static func file(seed: UInt64, orphans: Bool, rows: Int = 12_000) -> String {
    var random = SeededRandom(seed: seed)
    var text = "id,parent,elder,amount,currency,note\n"
    for row in 1...rows {
      let isLate = random.next() % 50 == 0
      let id = isLate ? 1 + Int(random.next() % UInt64(row)) : row
      let parent = orphans && random.next() % 40 == 0 ? 900 : 1 + Int(random.next() % 100)
      let elder = random.next() % 3 == 0 && id > 1 ? "\(1 + Int(random.next() % UInt64(id)))" : ""
      let amount = random.next() % 200 == 0 ? "x" : "\(random.next() % 1000).25"
      text += "\(id),\(parent),\(elder),\(amount),\(["EUR", "USD"][Int(random.next() % 2)]),\"line\nof \(row)\"\n"
    }
    return text
  }

  private static let told = [
    "select id, parent, elder, amount, currency, note from finance.children order by id",
    """
    select rows_read, rows_inserted, rows_updated, rows_unchanged, rows_duplicate, rows_rejected from daybook.file
    where feed = 'children' order by file_id desc limit 1
    """,
    "select outcome, currency, amount from daybook.file_control_sum order by file_id desc, 1, 2",
    "select line, record, byte_offset, column_name, code, reason, raw from daybook.reject order by line",
    "select line, record, byte_offset, key, kept_line from daybook.duplicate_row order by line",
    "select indexdef from pg_indexes where tablename = 'children' order by 1",
    "select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = 'finance.children'::regclass order by 1",
  ]

  @Test(arguments: [(1, true, true), (2, false, true), (3, true, false), (4, false, false)])
  func whatComesOutIsWhatStagingWouldHaveGiven(seed: Int, orphans: Bool, isNew: Bool) async throws {
    var answers: [[String]] = []
    var paths: [String] = []
    for keepsProvenance in [true, false] {
      let answer = try await FeedFixture.with { fixture -> (told: [String], path: String) in
        let (parents, children) = Self.feeds(keepsProvenance: keepsProvenance)
        try fixture.deliver("parents_1.csv", "id,name\n" + (1...100).map { "\($0),p\n" }.joined())
        _ = try await fixture.ingest(parents)
        if !isNew {
          try fixture.deliver("children_0.csv", "id,parent,elder,amount,currency,note\n1,1,,1.00,EUR,\n")
          _ = try await fixture.ingest(children)
          try await fixture.database.psql("delete from finance.children")
        }
        let text = Self.file(seed: UInt64(seed), orphans: orphans, rows: isNew ? 12_000 : 24_000)
        try fixture.deliver("children_1.csv", text)
        let outcome = try await fixture.ingest(children)
        #expect(outcome.status == .loaded)
        var told: [String] = []
        for query in Self.told { told.append(try await fixture.query(query)) }
        #expect(try await fixture.stagingTables() == "0")
        // The line of each row is that of the record that won.
        if keepsProvenance {
          #expect(
            try await fixture.query(
              """
              select count(*) from finance.children c
              where right(note, -8)::bigint is distinct from (_daybook_line / 2)
              """) == "0")
        }
        return (
          told,
          try await fixture.query("select path from daybook.file where feed = 'children' order by file_id desc limit 1")
        )
      }
      answers.append(answer.told)
      paths.append(answer.path)
    }
    for (mine, theirs) in zip(answers[0], answers[1]) {
      #expect(mine == theirs)
      if mine != theirs { break }
    }
    #expect(paths == ["bulk", "bulk"])
  }

  @Test func anObstacleThatOnlyTheServerKnowsIsGoneAround() async throws {
    try await FeedFixture.with { fixture in
      let (parents, children) = Self.feeds(keepsProvenance: true)
      try fixture.deliver("parents_1.csv", "id,name\n" + (1...100).map { "\($0),p\n" }.joined())
      _ = try await fixture.ingest(parents)
      try fixture.deliver("children_0.csv", "id,parent,elder,amount,currency,note\n1,1,,1.00,EUR,\n")
      _ = try await fixture.ingest(children)
      try await fixture.database.psql(
        "delete from finance.children; alter table finance.children add constraint odd check (id <> 700)")
      let text = Self.file(seed: 5, orphans: true)
      try fixture.deliver("children_1.csv", text)
      try fixture.deliver("children_2.csv", "id,parent,elder,amount,currency,note\n20000,1,,1.00,EUR,\n")
      let outcome = try await fixture.ingest(children)
      #expect(outcome.status == .loaded)
      #expect(outcome.files.count == 2)
      // Rows that refer to the refused one are refused with it.
      #expect(
        try await fixture.query(
          """
          select bool_or(raw like '700,%'), bool_and(raw like '700,%' or raw like '%,700,%') from (
            select convert_from(raw, 'utf8') as raw from daybook.reject where code = 'server_refused') as r
          """) == "t|t")
      #expect(try await fixture.query("select count(*) from finance.children where id in (700, 20000)") == "1")
    }
  }

  @Test func aTableThatGetsRowsWhileTheFileIsOnItsWayIsMergedInto() async throws {
    // Two feeds' worth of programs at once: whoever comes second merges.
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", paymentsHeader)
      _ = try await fixture.ingest(payments())
      let rows = (1...12_000).map { "\($0),\($0),payment,1.00,USD,2026-01-01T00:00:00Z\n" }.joined()
      try fixture.deliver("payments_2.csv", paymentsHeader + rows)
      let writer = Task {
        try await fixture.database.psql(
          "insert into finance.payments values (5, 5, 'payment', 9, 'USD', now()) on conflict do nothing")
      }
      let outcome = try await fixture.ingest(payments())
      _ = await writer.result
      #expect(outcome.rows.read == 12_000)
      #expect(outcome.rows.isReconciled)
      #expect(try await fixture.query("select count(*) from finance.payments") == "12000")
    }
  }
}
