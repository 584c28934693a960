// What a check stage tells of its outcomes.

import Ledger
import Testing
import Views

@testable import Jobs

@Suite struct CheckedUnitTests {
  private static let unchanged = CheckOutcome(name: "a", status: .skipped, message: "unchanged since it was checked")
  private static let behind = CheckOutcome(
    name: "b", status: .unjudged, message: "1 batch of sales came in since its refresh")

  @Test func whatCouldNotBeJudgedIsNotToldAsUnchanged() {
    let unit = UnitOutcome(checks: [Self.unchanged, Self.behind], run: .make())
    #expect(unit.status == .success && unit.skipReason == nil && unit.failure == nil)
    #expect(
      unit.detail
        == "0 comparisons, no difference; 1 not judged: b, 1 batch of sales came in since its refresh; 1 unchanged")
  }

  @Test func whatIsUnchangedIsSkipped() {
    let unit = UnitOutcome(checks: [Self.unchanged], run: .make())
    #expect(unit.status == .skipped && unit.skipReason == "nothing changed since it was checked")
  }
}
