// The CSV of refused records after runs that committed and did not live to write it: the next run does, whatever it loads.
// Where a run ends is not guessed at: a trigger fails its second file, or a link stands in the folder's place.

import Definitions
import Finding
import Foundation
import Glibc
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@testable import Ingest

@Suite struct RejectsFileTests {
  private static let bad = "x,,payment,1.00,USD,\(SafetyTests.line)\n"
  private static let path = "Output/rejects/2026-11-20/payments.csv"
  private static let stopSecond =
    "create function f() returns trigger language plpgsql as $$begin raise 'enough'; end$$; "
    + "create trigger t before insert on daybook.file for each row when (new.name = 'payments_2.csv') "
    + "execute function f()"

  /// A run by chunks whose first file is loaded, with a refused record, and that ended before it showed that.
  private func withUnshownReject(_ body: @Sendable (FeedFixture) async throws -> Void) async throws {
    try await FeedFixture.with { fixture in
      try await fixture.makeTableWithProvenance(payments())
      try await fixture.database.psql(Self.stopSecond)
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...3) + Self.bad)
      try fixture.deliver("payments_2.csv", SafetyTests.file(4...6))
      _ = await #expect(throws: IngestError.self) { try await fixture.ingestInChunks(payments()) }
      #expect(try await fixture.query("select status from daybook.file where name = 'payments_1.csv'") == "loaded")
      #expect(access(fixture.directory.appending(Self.path), F_OK) != 0)
      try await fixture.database.psql("drop function f() cascade")
      try await body(fixture)
    }
  }

  /// Long records come in pages; the list is in order all the same, and is not written again.
  @Test func aListOfLongRecordsIsWrittenPieceByPiece() async throws {
    try await FeedFixture.with { fixture in
      for file in 1...2 {
        let bad = (1...12).map { "x\($0),,\(String(repeating: "y", count: 500_000)),1.00,USD,\(SafetyTests.line)\n" }
        try fixture.deliver("payments_\(file).csv", SafetyTests.file(file...file) + bad.joined())
      }
      #expect(try await fixture.ingest(payments()).rows == RowCounts(read: 26, inserted: 2, rejected: 24))
      let path = fixture.directory.appending(Self.path)
      let lines = try fixture.directory.read(Self.path).split(separator: "\n")
      #expect(lines.count == 25)
      let places = lines.dropFirst().map { $0.split(separator: ",")[1...2].joined(separator: ":") }
      #expect(places == (1...2).flatMap { file in (3...14).map { "payments_\(file).csv:\($0)" } })
      #expect(lines.dropFirst().allSatisfy { $0.utf8.count > 500_000 })
      var (before, after) = (stat(), stat())
      #expect(stat(path, &before) == 0)
      try await fixture.database.psql("update daybook.file set recorded_at = now()")
      _ = try await fixture.ingest(payments())
      #expect(stat(path, &after) == 0)
      #expect(before.st_ino == after.st_ino)
      #expect(leftOverDrafts(of: path).isEmpty)
    }
  }

  @Test func aRunThatLoadsOnlyGoodRecordsShowsWhatAnEndedOneRefused() async throws {
    try await withUnshownReject { fixture in
      let outcome = try await fixture.ingestInChunks(payments())
      #expect(outcome.rows == RowCounts(read: 3, inserted: 3))
      #expect(try fixture.directory.read(Self.path).contains("payments_1.csv,5,5,"))
    }
  }

  @Test func aRunWithoutNewFilesShowsWhatAnEndedOneRefused() async throws {
    try await withUnshownReject { fixture in
      unlink(fixture.directory.appending("inbox/payments_2.csv"))
      let outcome = try await fixture.ingestInChunks(payments())
      #expect(outcome.status == .nothingNew)
      #expect(try fixture.directory.read(Self.path).contains("payments_1.csv,5,5,"))
    }
  }

  @Test func aRunOfTheNextDayShowsWhatAnEndedOneRefused() async throws {
    try await withUnshownReject { fixture in
      let next = CivilDate(daysSince1970: FeedFixture.asOf.daysSince1970 + 1)
      let outcome = try await fixture.ingest(payments(), asOf: next)
      #expect(outcome.rows == RowCounts(read: 3, inserted: 3))
      #expect(outcome.rejectsFile == nil)
      #expect(try fixture.directory.read(Self.path).contains("payments_1.csv,5,5,"))
    }
  }

  @Test(arguments: [LoadStrategy.copy, .insert])
  func aCSVThatIsThereIsNotTakenForWhole(_ load: LoadStrategy) async throws {
    try await FeedFixture.with { fixture in
      let feed = payments().loaded(by: load)
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...3) + Self.bad)
      _ = try await fixture.ingest(feed)
      let folder = fixture.directory.appending("Output/rejects")
      #expect(rename(folder, folder + "-aside") == 0)
      #expect(symlink("nowhere", folder) == 0)
      try fixture.deliver("payments_2.csv", SafetyTests.file(4...6) + Self.bad)
      let problem = try await fixture.ingest(feed).outputProblem
      #expect(problem.map(\.code) == ["rejects_file"])
      #expect(unlink(folder) == 0)
      #expect(rename(folder + "-aside", folder) == 0)
      let stale = try fixture.directory.read(Self.path)
      #expect(!stale.contains("payments_2.csv"))
      #expect(try await fixture.ingest(feed).status == .nothingNew)
      #expect(try fixture.directory.read(Self.path).contains("payments_2.csv,5,5,"))
      // What is shown is not written again.
      let mark = fixture.directory.appending(".daybook/rejects/payments")
      var (before, after) = (stat(), stat())
      #expect(stat(mark, &before) == 0)
      #expect(try await fixture.ingest(feed).status == .nothingNew)
      #expect(stat(mark, &after) == 0 && before.st_ino == after.st_ino)
    }
  }

  private static let at = "2026-11-19 10:00:00"

  private func list(_ fixture: FeedFixture) -> String? {
    try? fixture.directory.read("Output/rejects/2026-11-20/payments.csv")
  }

  /// A run that was killed between its commit and the list leaves the list to the next one, whatever that one loads.
  @Test(arguments: [LoadStrategy.copy, .insert])
  func theListThatAKilledRunOwesIsWrittenByTheNextOne(_ load: LoadStrategy) async throws {
    try await FeedFixture.with { fixture in
      let payments = payments().loaded(by: load)
      try fixture.deliver(
        "payments_1.csv", paymentsHeader + "1,,payment,x,USD,\(Self.at)\n2,,payment,1.00,USD,\(Self.at)\n")
      _ = try await fixture.ingest(payments)
      let written = try #require(list(fixture))
      #expect(written.contains("payments_1.csv,2,2,"))
      try FileManager.default.removeItem(atPath: fixture.directory.appending("Output/rejects"))
      try fixture.deliver("payments_2.csv", paymentsHeader + "3,,payment,1.00,USD,\(Self.at)\n")
      let next = try await fixture.ingest(payments)
      #expect(next.status == .loaded && next.rows.rejected == 0)
      #expect(list(fixture) == written)
      // What is told is about this run's records.
      #expect(!next.findings.contains { $0.code == "rejects" })
    }
  }

  @Test func aListOfWhatIsCorrectedByNowIsTakenAway() async throws {
    try await FeedFixture.with { fixture in
      let strict = payments(limit: .count(0))
      try fixture.deliver("payments_1.csv", paymentsHeader + "1,,payment,x,USD,\(Self.at)\n")
      #expect(try await fixture.ingest(strict).status == .refused)
      #expect(list(fixture)?.contains("\"x\"") == true)
      try fixture.deliver("payments_1.csv", paymentsHeader + "1,,payment,1.00,USD,\(Self.at)\n")
      let outcome = try await fixture.ingest(strict)
      #expect(outcome.status == .loaded && outcome.rejectsFile == nil)
      #expect(list(fixture) == nil)
    }
  }

  /// Rejects of an earlier day are closed by a correction, by a person, and by a file that takes the refused one's place.
  @Test func theListOfAnEarlierDayFollowsWhatIsClosedLater() async throws {
    try await FeedFixture.with { fixture in
      let next = CivilDate(daysSince1970: FeedFixture.asOf.daysSince1970 + 1)
      let bad = { (id: Int) in "\(id),,payment,x\(id),USD,\(Self.at)\n" }
      try fixture.deliver("payments_1.csv", paymentsHeader + bad(1) + bad(2) + bad(3))
      _ = try await fixture.ingest(payments())
      #expect(list(fixture)?.split(separator: "\n").count == 4)

      let corrected = "_reject_id,id,kind,amount,currency,at\n1,1,payment,1.00,USD,\(Self.at)\n"
      let path = try fixture.directory.write(corrected, to: "good.csv")
      #expect(try await fixture.ingest(payments(), .correction(path), asOf: next).rows.inserted == 1)
      #expect(list(fixture)?.split(separator: "\n").count == 3)
      #expect(list(fixture)?.contains("x1") == false)

      try await fixture.pool.withConnection { connection in
        _ = try await FileLedger.dismiss(.these([2]), reason: "a test row", on: connection)
      }
      #expect(try await fixture.ingest(payments(), asOf: next).status == .nothingNew)
      #expect(list(fixture)?.split(separator: "\n").count == 2)
      #expect(list(fixture)?.contains("x3") == true)

      try fixture.deliver("payments_2.csv", paymentsHeader + bad(4))
      #expect(try await fixture.ingest(payments(limit: .count(0))).status == .refused)
      #expect(list(fixture)?.contains("x4") == true)
      try fixture.deliver("payments_2.csv", paymentsHeader + "4,,payment,1.00,USD,\(Self.at)\n")
      #expect(try await fixture.ingest(payments(limit: .count(0)), asOf: next).status == .loaded)
      #expect(list(fixture)?.contains("x4") == false)
      #expect(list(fixture)?.contains("x3") == true)
    }
  }
}
