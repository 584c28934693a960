// Closing as a command: never beside a run, and what is refused leaves the lock behind for the next.

import Definitions
import Finding
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

  @Test func aRunInAnotherTimeZoneThanThatOfClosedMonthsIsRefused() async throws {
    var project = Fixture.project()
    project.feeds[1].columns.append(ColumnDefinition(name: "at", type: .timestamptz, position: Fixture.position))
    project.feeds[1].periodColumn = "at"
    let zones: KeyValuePairs = [
      "America/New_York": false, "US/Eastern": false, "Asia/Tokyo": true, "UTC": true,
    ]
    for (zone, isRefused) in zones {
      project.calendar.timeZone = zone
      let project = project
      try await TestDatabase.withDatabase(hasLedger: true) { database in
        try await Fixture.withSession(project, on: database) { session in
          try await database.psql(
            """
            insert into daybook.period (period, state, version, closed_by, batches, time_zone) values
              ('2026-01-01', 'hard', 1, 'ann', '{}', 'America/New_York'), ('2026-02-01', 'soft', 1, 'ann', '{}', null),
              ('2026-03-01', 'soft', 1, 'ann', '{}', 'America/New_York')
            """)
          let work = ScriptedWork()
          let report = await JobRunner(
            session: session, plan: try Fixture.plan(project), record: Fixture.record(),
            surroundings: RunSurroundings(), work: work
          ).run()
          #expect(report.exitCode == (isRefused ? .badDefinition : .ok), "\(zone)")
          #expect(work.calls.isEmpty == isRefused)
          let adopted = try await database.psql("select time_zone from daybook.period where period = '2026-02-01'")
          #expect(adopted.hasPrefix(zone))
          guard isRefused else { return }
          let text = report.failure?.diagnostics.first.map { "\($0.message) \($0.fix ?? "")" } ?? ""
          #expect(text.contains("time_zone is \(zone), and 2 months, the last of them 2026-03, were closed"))
          #expect(text.contains("daybook close --reopen 2026-03"))
          // Opening them is the way out, and closing others is not.
          let april = try #require(CivilDate("2026-04-01"))
          await #expect(throws: StageFailure.self) {
            _ = try await session.carryOut(.close(.soft), april, today: Fixture.asOf, actor: "ann")
          }
          let march = try #require(CivilDate("2026-03-01"))
          let opened = try await session.carryOut(.reopen(isHard: false), march, today: Fixture.asOf, actor: "ann")
          #expect(opened.action == .reopened)
        }
      }
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
