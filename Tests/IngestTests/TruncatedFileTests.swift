// Files that were cut off in the middle of a record are refused, and by both ways of loading for the same reason.

import Definitions
import Finding
import Ledger
import TestSupport
import Testing

@testable import Ingest

@Suite struct TruncatedFileTests {
  private static let whole = SafetyTests.file(1...200)

  /// What stands behind 200 good records, and whether it means that the file was cut.
  private static let ends: [(text: String, isCut: Bool)] = [
    ("201,,payment,1.0", true),
    ("201", true),
    ("201,,payment,1.00,USD,\"2026-11-19 10:0", true),
    ("201,,\"payment\",1.00", true),
    ("201,,\"pay\nment,1.00,USD", true),
    ("201,,payment,1.00,USD,\(SafetyTests.line)", false),
    ("201,,payment,1.00,USD,\"\(SafetyTests.line)\"", false),
    ("201,,payment\n", false),
    ("201,,payment,1.00,USD,\(SafetyTests.line),more", false),
    ("\u{1A}", false),
  ]

  @Test(arguments: ends.indices, [LoadStrategy.copy, .insert])
  func bothWaysAgreeOnWhatIsCut(_ index: Int, _ load: LoadStrategy) async throws {
    let (end, isCut) = Self.ends[index]
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", Self.whole + end)
      let outcome = try await fixture.ingest(payments().loaded(by: load))
      #expect(outcome.status == (isCut ? .refused : .loaded))
      #expect(outcome.findings.contains { $0.code == "truncated_file" } == isCut)
      guard isCut else { return }
      let table = try await fixture.query("select to_regclass('finance.payments') is not null")
      if table == "t" { #expect(try await fixture.query("select count(*) from finance.payments") == "0") }
      #expect(try await fixture.query("select status from daybook.file") == "refused")
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...201))
      #expect(try await fixture.ingest(payments().loaded(by: load)).rows == RowCounts(read: 201, inserted: 201))
    }
  }

  @Test func aCutLastLineIsSeenBeforeTheFirstOfManyChunks() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try fixture.deliver("payments_1.csv", Self.whole + "201,,pay")
      let outcome = try await fixture.ingestInChunks(payments())
      #expect(outcome.status == .refused)
      #expect(outcome.findings.map(\.code) == ["truncated_file"])
      #expect(outcome.findings.first?.notes.last == "state: nothing of payments_1.csv is committed")
      #expect(try await fixture.query("select count(*) from finance.payments") == "0")
    }
  }

  @Test func whatOnlyTheParserCanTellStopsTheLoadAtItsLastChunk() async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try fixture.deliver("payments_1.csv", Self.whole + "201,,\"pay")
      for _ in 1...2 {
        let outcome = try await fixture.ingestInChunks(payments())
        #expect(outcome.status == .refused)
        let finding = outcome.findings.first { $0.code == "truncated_file" }
        #expect(finding?.position?.line == 202)
        #expect(finding?.notes.last?.contains("the file does not count as loaded") == true)
        #expect(try await fixture.query("select status from daybook.file where name = 'payments_1.csv'") == "loading")
        #expect(try await fixture.query("select count(*) from daybook.reject") == "0")
      }
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...201))
      let outcome = try await fixture.ingestInChunks(payments())
      #expect(outcome.status == .loaded)
      #expect(outcome.rows.read == 201)
      #expect(try await fixture.query("select count(*) from finance.payments") == "201")
      #expect(try await fixture.journalDifference() == "")
    }
  }
}
