// What a check stage tells of its outcomes.

import Finding
import Ledger
import Testing
import Views

@testable import Jobs

@Suite struct CheckedUnitTests {
  private static let unchanged = CheckOutcome(name: "a", status: .skipped, message: "unchanged since it was checked")
  private static let behind = CheckOutcome(
    name: "b", status: .unjudged, message: "1 batch of sales came in since its refresh")

  @Test func whatCouldNotBeJudgedIsNotToldAsUnchanged() {
    let unit = UnitOutcome(proofs: [Self.unchanged, Self.behind], tests: [], run: .make())
    #expect(unit.status == .success && unit.skipReason == nil && unit.failure == nil)
    #expect(
      unit.detail
        == "0 comparisons, no difference; 1 not judged: b, 1 batch of sales came in since its refresh; 1 unchanged")
  }

  @Test func whatIsUnchangedIsSkipped() {
    let unit = UnitOutcome(proofs: [], tests: [Self.unchanged], run: .make())
    #expect(unit.status == .skipped && unit.skipReason == "nothing changed since it was checked")
  }

  private static func outcome(
    _ name: String, _ status: CheckOutcome.Status, sqlState: String? = nil, isRepaired: Bool = false
  )
    -> CheckOutcome
  {
    CheckOutcome(
      name: name, status: status, message: "m",
      failure: CheckFailure(
        name: name, test: "t", isError: true, failingRows: sqlState == nil ? 2 : nil, message: "m", sqlState: sqlState,
        isRepaired: isRepaired))
  }

  private static let violated = outcome("c: not_null n", .failed)
  private static let broken = outcome("c: none", .broken, sqlState: "42601")
  private static let mended = outcome("v: slice 1 of 32", .failed, isRepaired: true)
  private static let lasting = outcome("v: slice 1 of 32", .failed)

  private static let run = RunID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")!

  private static func next(_ failure: StageFailure) throws -> String? {
    FailureText(try FailureTests.report(failure)).lines.last
  }

  /// The same rows fail again: they are to be seen before anything is done again.
  @Test func aViolatedTestSendsOneToItsRowsAndThenOn() throws {
    let failure = try #require(UnitOutcome(proofs: [Self.mended], tests: [Self.violated], run: Self.run).failure)
    #expect(failure.exitCode == .dataRefused)
    #expect(failure.diagnostics.map(\.fix) == [nil, "correct the rows or the test, then: daybook retry \(Self.run)"])
    #expect(try Self.next(failure) == "  next: daybook runs show \(Self.run)")
  }

  @Test func whatIsMendedIsDoneAgain() throws {
    let failure = try #require(UnitOutcome(proofs: [Self.mended], tests: [], run: Self.run).failure)
    #expect(try Self.next(failure) == "  next: daybook retry \(Self.run)")
    let lasting = try #require(UnitOutcome(proofs: [Self.lasting], tests: [], run: Self.run).failure)
    #expect(lasting.diagnostics.map(\.fix) == ["daybook refresh --full v"])
    #expect(try Self.next(lasting) == "  next: daybook runs show \(Self.run)")
  }

  @Test func theCodeOfABrokenTestIsItsOwn() throws {
    for tests in [[Self.violated, Self.broken], [Self.broken, Self.violated]] {
      let failure = try #require(UnitOutcome(proofs: [], tests: tests, run: Self.run).failure)
      #expect(failure.sqlState == nil && failure.exitCode == .dataRefused)
      #expect(failure.diagnostics.map { $0.notes.contains("SQLSTATE 42601") } == tests.map { $0.status == .broken })
    }
    let failure = try #require(UnitOutcome(proofs: [], tests: [Self.broken], run: Self.run).failure)
    #expect(failure.sqlState == "42601" && failure.exitCode == .badDefinition)
    #expect(failure.diagnostics.map(\.fix) == ["correct the test, then: daybook retry \(Self.run)"])
    #expect(try Self.next(failure) == "  next: daybook retry \(Self.run)")
  }
}
