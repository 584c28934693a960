// Closing as a command: never beside a run, and what is refused leaves the lock behind for the next.

import Ledger
import Money
import TestSupport
import Testing
import Views

@testable import Jobs

@Suite struct MonthClosingTests {
  @Test func aMonthIsNotClosedWhileARunIsAtWork() async throws {
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      let project = Fixture.project()
      let running = LedgerStore(configuration: database.configuration)
      try await running.open()
      #expect(try await running.acquireRunLock())
      try await Fixture.withSession(project, on: database) { session in
        let error = await #expect(throws: StageFailure.self) {
          _ = try await session.carryOut(
            .close(.soft), Fixture.asOf.startOfMonth.adding(months: -1), today: Fixture.asOf, actor: "ann@desk")
        }
        #expect(error?.exitCode == .locked)
      }
      await running.close()
    }
  }

  @Test func aRefusalHasItsExitCodeAndGivesTheLockBack() async throws {
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      try await Fixture.withSession(Fixture.project(), on: database) { session in
        let (month, today) = (Fixture.asOf.startOfMonth, Fixture.asOf)
        // The month has not ended; and no feed of the project names its accounting date.
        for (first, code) in [(month, ExitStatus.usage), (month.adding(months: -1), .badDefinition)] {
          do {
            _ = try await session.carryOut(.close(.soft), first, today: today, actor: "ann@desk")
            Issue.record("it was closed")
          } catch {
            #expect(StageFailure(error).exitCode == code)
          }
        }
        let other = LedgerStore(configuration: database.configuration)
        try await other.open()
        #expect(try await other.acquireRunLock())
        await other.close()
      }
    }
  }
}
