// Where a row came from and what changed it since, as the ingest itself wrote it down.

import Definitions
import Finding
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@testable import Ingest

@Suite struct TraceTests {
  private func trace(_ feed: FeedDefinition, _ key: [String], _ fixture: FeedFixture) async throws -> RowHistory {
    let project = fixture.project([feed])
    return try await fixture.pool.withConnection { connection in
      try await RowTrace(feed: feed, project: project).history(of: key, on: connection)
    }
  }

  @Test func everyChangeOfARowIsToldWithItsFileAndLine() async throws {
    let words = feed("words", mode: .snapshot(maxDeletes: .count(10)), key: ["word", "id"])
    try await FeedFixture.with { fixture in
      try fixture.deliver("words_1.csv", "id,word,n\n1,\"o'b,\"\"😀\",1\n2,b,2\n")
      _ = try await fixture.ingest(words)
      try fixture.deliver("words_2.csv", "id,word,n\n2,b,2\n9,x,1\n1,\"o'b,\"\"😀\",5\n9,x,2\n3,c,7\n")
      _ = try await fixture.ingest(words)
      try fixture.deliver("words_3.csv", "id,word,n\n2,b,2\n9,x,2\n3,c,7\n")
      _ = try await fixture.ingest(words)
      let key = try #require(RowTrace.key("\"o'b,\"\"😀\",1", of: words))
      let gone = try await trace(words, key, fixture)
      #expect(!gone.isPresent)
      #expect(gone.events.map(\.kind.rawValue).suffix(2) == ["updated", "deleted"])
      let update = try #require(gone.events.first { $0.kind == .updated })
      #expect(update.changes == [RowEvent.Change(column: "n", old: "1", new: "5")])
      #expect(update.origin.file == "words_2.csv" && update.origin.line == 4)
      #expect(update.origin.run?.isEmpty == false && update.origin.at?.hasPrefix("20") == true)
      #expect(gone.events.first?.origin.file == "words_1.csv" && gone.events.first?.origin.line == 2)
      #expect(gone.events.last?.origin.file == "words_3.csv")
      let inserted = try await trace(words, ["c", "3"], fixture)
      #expect(inserted.isPresent)
      #expect(inserted.events.map(\.kind) == [.inserted])
      #expect(inserted.events.first?.origin.file == "words_2.csv" && inserted.events.first?.origin.line == 6)
      let bulk = try await trace(words, ["b", "2"], fixture)
      #expect(bulk.events.count == 1)
      #expect(bulk.events.first?.origin.file == "words_1.csv" && bulk.events.first?.origin.line == 3)
      let double = try await trace(words, ["x", "9"], fixture)
      #expect(double.duplicates == [RowHistory.Duplicate(file: "words_2.csv", line: 3, keptLine: 5)])
      let nothing = try await trace(words, ["nobody", "0"], fixture)
      #expect(!nothing.isPresent && nothing.events.isEmpty)
      let wrong = await #expect(throws: PostgresError.self) { try await trace(words, ["x", "one"], fixture) }
      #expect(wrong?.sqlState == "22P02")
      // By hand, past Daybook.
      try await fixture.database.psql("update finance.words set n = 99 where id = 3")
      let changed = try await trace(words, ["c", "3"], fixture)
      #expect(changed.remarks.contains { $0.contains("not as its last image") })
    }
  }

  @Test func refusedRecordsOfAKeyAreToldWithWhatBecameOfThem() async throws {
    let words = feed("words", mode: .delta, key: ["id"])
    try await FeedFixture.with { fixture in
      try fixture.deliver(
        "words_1.csv", "word,id,n\na, 007 ,x\nb,7,y\nc,77,z\n\"d\",7\n7,8,bad\ne,7,\"open\nf,9,1\n")
      _ = try await fixture.ingest(words)
      let history = try await trace(words, ["7"], fixture)
      #expect(!history.isPresent)
      // Not the one whose key is 77, nor the one that has the 7 in another column.
      #expect(history.rejects.map(\.line) == [2, 3, 5, 7], "\(history.rejects)")
      #expect(history.rejects.map(\.code) == ["wrong_type", "wrong_type", "field_count", "unterminated_quote"])
      #expect(history.rejects.allSatisfy { $0.file == "words_1.csv" && $0.state == .open && !$0.reason.isEmpty })
      #expect(history.rejects.map(\.column) == ["id", "n", nil, nil])
      try await fixture.database.psql(
        "update daybook.reject set resolved_at = now(), dismissal = 'a test record' where line = 2",
        "update daybook.reject set resolved_at = now(), resolved_by = file_id where line = 3")
      let later = try await trace(words, ["7"], fixture)
      #expect(
        later.rejects.map(\.state) == [.dismissed("a test record"), .replaced(by: "words_1.csv"), .open, .open])
      #expect(later.remarks.isEmpty)
      var strict = words
      strict.rejectLimit = .count(0)
      try fixture.deliver("words_2.csv", "id,word,n\n70,a,x\n")
      #expect(try await fixture.ingest(strict).status == .refused)
      #expect(try await trace(words, ["70"], fixture).rejects.map(\.state) == [.ofRefusedFile])
    }
  }

  @Test func theSearchForRejectsIsBoundedAndSaysSo() async throws {
    let words = feed("words", mode: .delta, key: ["word", "id"])
    try await FeedFixture.with { fixture in
      try fixture.deliver("words_1.csv", "id,word,n\n1,a,x\n2,b,x\n3,c,x\n")
      _ = try await fixture.ingest(words)
      let project = fixture.project([words])
      var trace = RowTrace(feed: words, project: project)
      trace.searchedRejects = 2
      let bounded = trace
      let (first, last) = try await fixture.pool.withConnection { connection in
        (
          try await bounded.history(of: ["a", "1"], on: connection),
          try await bounded.history(of: ["c", "3"], on: connection)
        )
      }
      #expect(first.rejects.isEmpty)
      #expect(last.rejects.map(\.line) == [4])
      #expect(first.remarks == ["only the newest 2 rejects of the ledger were searched for that key"])
    }
  }

  @Test func aTableThatWasNeverMadeHasNoRows() async throws {
    try await FeedFixture.with { fixture in
      let history = try await trace(payments(), ["1"], fixture)
      #expect(!history.isPresent && history.events.isEmpty && history.remarks.isEmpty)
    }
  }

  @Test func aKeyOfSeveralColumnsIsReadAsARecord() {
    let words = feed("words", mode: .delta, key: ["word", "id"])
    #expect(RowTrace.key("a,b", of: words) == ["a", "b"])
    #expect(RowTrace.key("\"a,\"\"b\",1", of: words) == ["a,\"b", "1"])
    #expect(RowTrace.key("a", of: words) == nil)
    #expect(RowTrace.key("a,\"b", of: words) == nil)
    #expect(RowTrace.key("a,b", of: payments()) == ["a,b"])
  }

  private func feed(_ name: String, mode: FeedMode, key: [String]) -> FeedDefinition {
    IngestTests.feed(
      name, key: key, mode: mode, [column("id", .bigint), column("word", .text), column("n", .integer, optional: true)])
  }
}
