// The runner against a live ledger, with other work in place of the rooms: order, the rule for failures, retries,
// time limits, signals and the lock.

import Definitions
import Finding
import Ledger
import Postgres
import Synchronization
import TestSupport
import Testing
import Views

@testable import Jobs

/// Work that answers as it is told, and remembers what it was asked.
final class ScriptedWork: StageWork {
  typealias Answer = @Sendable (_ attempt: Int) async throws -> UnitOutcome
  private let answers: [String: Answer]
  private let asked = Mutex<[String]>([])

  init(_ answers: [String: Answer] = [:]) {
    self.answers = answers
  }

  var calls: [String] { asked.withLock { $0 } }

  let width = 1

  func schedule(_ views: [String]) async throws -> RefreshSchedule { RefreshSchedule(Fixture.project().views) }

  func perform(_ unit: WorkUnit) async throws -> UnitOutcome {
    let key = "\(unit.stage) \(unit.name)"
    let attempt = asked.withLock { calls in
      calls.append(key)
      return calls.filter { $0 == key }.count
    }
    return try await answers[key]?(attempt) ?? UnitOutcome()
  }
}

@Suite struct JobRunnerTests {
  private static let all = [
    "ingest customers", "ingest orders", "ingest products", "refresh daily", "refresh trend", "check all", "report all",
  ]

  private static func refused(_ feed: String) -> UnitOutcome {
    UnitOutcome(failure: StageFailure(.dataRefused, "reject_limit", "\(feed) was refused"))
  }

  private static func run(
    _ work: ScriptedWork, timeout: Duration = .seconds(600), stageTimeout: Duration? = nil,
    surroundings: RunSurroundings = RunSurroundings(jitter: { 0 }, retry: RetryPolicy(firstPause: .milliseconds(2))),
    then check: @Sendable (RunReport, Session) async throws -> Void
  ) async throws {
    let project = Fixture.project(timeout: timeout, stageTimeout: stageTimeout)
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      try await Fixture.withSession(project, on: database) { session in
        let plan = try Fixture.plan(project)
        let report = await JobRunner(
          session: session, plan: plan, record: Fixture.record(), surroundings: surroundings, work: work
        ).run()
        try await check(report, session)
      }
    }
  }

  @Test func everyStageRunsInOrderAndIsWrittenDown() async throws {
    let work = ScriptedWork(["ingest orders": { _ in UnitOutcome(rows: RowCounts(read: 5, inserted: 5), bytesIn: 9) }])
    try await Self.run(work) { report, session in
      #expect(work.calls == Self.all)
      #expect(report.exitCode == .ok)
      #expect(report.status == .success)
      #expect(report.rows.inserted == 5)
      let run = try #require(report.runID)
      let summary = try #require(try await session.ledger.run(run))
      #expect(summary.status == .success)
      #expect(summary.exitCode == 0)
      let stages = try await session.ledger.stages(run: run)
      #expect(stages.map { "\($0.stage) \($0.name)" } == Self.all)
      #expect(stages.allSatisfy { $0.result?.serverCost != nil })
      #expect(stages[1].result?.rows.inserted == 5)
      #expect(try await session.ledger.isRunLockHeld() == false)
    }
  }

  @Test func aRefusedFeedHoldsBackWhatReferencesItAndEveryLaterStage() async throws {
    let work = ScriptedWork(["ingest customers": { _ in Self.refused("customers") }])
    try await Self.run(work) { report, session in
      #expect(work.calls == ["ingest customers", "ingest products"])
      #expect(report.exitCode == .dataRefused)
      #expect(report.status == .failed)
      #expect(report.failure?.stage == "ingest customers")
      let stages = try await session.ledger.stages(run: try #require(report.runID))
      #expect(stages.map(\.status) == [.failed, .skipped, .success, .skipped, .skipped, .skipped, .skipped])
      #expect(stages[1].result?.skipReason == "not run: it references customers, which was refused")
      #expect(stages[6].result?.skipReason == "not run: ingest customers failed")
    }
  }

  @Test func aFailureOfTheDatabaseStopsTheRunAtOnce() async throws {
    let work = ScriptedWork([
      "ingest customers": { _ in throw PostgresError(.server, "no room", sqlState: "XX000") }
    ])
    try await Self.run(work) { report, _ in
      #expect(work.calls == ["ingest customers"])
      #expect(report.exitCode == .stageFailed)
      #expect(report.failure?.sqlState == "XX000")
    }
  }

  @Test func onlyPassingFailuresAreTriedAgainAndEachAttemptIsWrittenDown() async throws {
    let work = ScriptedWork([
      "refresh daily": { attempt in
        if attempt < 3 { throw PostgresError(.server, "deadlock", sqlState: "40P01") }
        return UnitOutcome()
      }
    ])
    try await Self.run(work) { report, session in
      #expect(report.exitCode == .ok)
      #expect(work.calls.filter { $0 == "refresh daily" }.count == 3)
      let tries = try await session.ledger.stages(run: try #require(report.runID)).filter { $0.name == "daily" }
      #expect(tries.map(\.attempt) == [1, 2, 3])
      #expect(tries.map(\.status) == [.failed, .failed, .success])
    }
  }

  @Test func triesAreBounded() async throws {
    let work = ScriptedWork(["refresh daily": { _ in throw PostgresError(.server, "deadlock", sqlState: "40P01") }])
    try await Self.run(work) { report, _ in
      #expect(report.exitCode == .stageFailed)
      #expect(work.calls.filter { $0 == "refresh daily" }.count == 3)
      #expect(!work.calls.contains("refresh trend"))
    }
  }

  @Test(arguments: [true, false])
  func whatTakesTooLongIsCancelledAndExits124(limitsTheStage: Bool) async throws {
    let ended = Flag()
    let work = ScriptedWork([
      "ingest orders": { _ in
        do { try await Task.sleep(for: .seconds(600)) } catch {
          ended.set()
          throw error
        }
        return UnitOutcome()
      }
    ])
    // Long enough for a loaded machine to come to the stage at all.
    let limit = Duration.seconds(2)
    try await Self.run(
      work, timeout: limitsTheStage ? .seconds(600) : limit, stageTimeout: limitsTheStage ? limit : nil
    ) { report, session in
      #expect(report.exitCode == .timeout)
      #expect(report.status == .timeout)
      #expect(ended.isSet)
      #expect(report.failure?.message.contains(limitsTheStage ? "stage ingest" : "job nightly") == true)
      let run = try #require(report.runID)
      #expect(try await session.ledger.run(run)?.status == .timeout)
    }
  }

  @Test func aSignalIsRecordedAsCancelledWithItsExitCode() async throws {
    let interruption = Interruption()
    let (started, start) = AsyncStream.makeStream(of: Void.self)
    let work = ScriptedWork([
      "ingest orders": { _ in
        start.yield()
        try await Task.sleep(for: .seconds(600))
        return UnitOutcome()
      }
    ])
    let project = Fixture.project()
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      try await Fixture.withSession(project, on: database) { session in
        let runner = JobRunner(
          session: session, plan: try Fixture.plan(project), record: Fixture.record(),
          surroundings: RunSurroundings(interruption: interruption), work: work)
        let task = Task { await runner.run() }
        for await _ in started { break }
        #expect(interruption.record(15))
        #expect(!interruption.record(2))
        task.cancel()
        let report = await task.value
        #expect(report.exitCode == .terminated)
        #expect(report.status == .cancelled)
        let run = try #require(report.runID)
        #expect(try await session.ledger.run(run)?.status == .cancelled)
        #expect(try await session.ledger.run(run)?.exitCode == 143)
        #expect(try await session.ledger.stages(run: run).map(\.status).prefix(2) == [.success, .cancelled])
      }
    }
  }

  @Test func aRunWhileAnotherHoldsTheLockChangesNothing() async throws {
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      let other = LedgerStore(configuration: database.configuration)
      try await other.open()
      let isHeld = try await other.acquireRunLock()
      #expect(isHeld)
      let holder = Fixture.record()
      try await other.startRun(holder)
      let work = ScriptedWork()
      try await Fixture.withSession(Fixture.project(), on: database) { session in
        let report = await JobRunner(
          session: session, plan: try Fixture.plan(session.project), record: Fixture.record(),
          surroundings: RunSurroundings(), work: work
        ).run()
        #expect(report.exitCode == .locked)
        #expect(report.runID == nil)
        #expect(work.calls.isEmpty)
        #expect(report.failure?.diagnostics.first?.notes.first?.contains(holder.runID.description) == true)
        #expect(try await session.ledger.runs(limit: 10).count == 1)
        #expect(try await session.ledger.run(holder.runID)?.status == .running)
      }
      await other.close()
    }
  }

  @Test func aLostRunIsNamedByTheNextOne() async throws {
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      let dead = LedgerStore(configuration: database.configuration)
      try await dead.open()
      let lost = Fixture.record()
      try await dead.startRun(lost)
      await dead.close()
      try await Fixture.withSession(Fixture.project(), on: database) { session in
        let report = await JobRunner(
          session: session, plan: try Fixture.plan(session.project), record: Fixture.record(),
          surroundings: RunSurroundings(), work: ScriptedWork()
        ).run()
        #expect(report.findings.first?.message.contains(lost.runID.description) == true)
        #expect(try await session.ledger.run(lost.runID)?.status == .lost)
      }
    }
  }

  @Test func aNightWithNothingNewChangesNothingAndSaysSo() async throws {
    let nothing: ScriptedWork.Answer = { _ in UnitOutcome(status: .skipped, skipReason: "nothing new") }
    let work = ScriptedWork(Dictionary(uniqueKeysWithValues: Self.all.map { ($0, nothing) }))
    try await Self.run(work) { report, _ in
      #expect(report.exitCode == .ok)
      #expect(report.status == .success)
      #expect(report.isNothingNew)
      #expect(work.calls == Self.all)
    }
  }
}
