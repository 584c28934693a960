// The list of refused records that lies beside the reports: it says what is open in the ledger, also when the run that
// refused them did not come to write it, and when they were corrected since.

import Definitions
import Finding
import Foundation
import Ledger
import Money
import TestSupport
import Testing

@testable import Ingest

@Suite struct RejectsFileTests {
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
}
