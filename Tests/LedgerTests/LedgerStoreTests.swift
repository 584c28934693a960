// Runs and stages are written down on a connection of their own, and survive what happens around them.

import Ledger
import Money
import Postgres
import TestSupport
import Testing

@Suite struct LedgerStoreTests {
  static let start = Moment(microsecondsSince1970: 1_764_000_000_000_000)

  static func record(_ run: RunID = .make(), job: String = "nightly") throws -> RunRecord {
    RunRecord(
      runID: run, job: job, asOf: try #require(CivilDate("2026-11-20")), attempt: 2, parent: .make(),
      trigger: .retry, startedAt: start, host: "host", processID: 42, arguments: ["run", "a b", "\"q\"", ""],
      version: "0.1.0", configurationHash: "abc", lockWaitMilliseconds: 3)
  }

  static func withLedger(
    _ database: TestDatabase, mirror: String? = nil, _ body: (LedgerStore) async throws -> Void
  ) async throws {
    let ledger = LedgerStore(configuration: database.configuration, mirrorDirectory: mirror)
    try await ledger.open()
    do {
      try await body(ledger)
    } catch {
      await ledger.close()
      throw error
    }
    await ledger.close()
  }

  @Test func aRunAndItsStagesAreReadBackAsTheyWereWritten() async throws {
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      try await Self.withLedger(database) { ledger in
        let record = try Self.record()
        try await ledger.startRun(record)
        let stage = try await ledger.startStage(
          run: record.runID, stage: "ingest", name: "transactions", startedAt: Self.start)
        let running = try #require(try await ledger.run(record.runID))
        #expect(running.record == record)
        #expect(running.status == .running)
        #expect(running.cost == nil)
        #expect(try await ledger.stages(run: record.runID).first?.status == .running)

        let cost = ProcessCost(
          wallMilliseconds: 1500, cpuUserMilliseconds: 300, cpuSystemMilliseconds: 20, peakResidentKilobytes: 5000)
        let stageResult = StageResult(
          status: .warning, finishedAt: Self.start, cost: cost,
          serverCost: ServerCost(
            walBytes: 1, sharedHit: 2, sharedRead: 3, sharedWritten: 4, temporaryBytes: 5),
          rows: RowCounts(read: 6, inserted: 1, updated: 1, unchanged: 1, deleted: 9, duplicate: 1, rejected: 2),
          rowsOut: 77, bytesIn: 1234, inputPath: "t.csv", inputSHA256: Array(0..<32),
          controlSums: [
            ControlSumEntry(
              column: "amount", currency: "EUR", outcome: .read,
              amount: try #require(ExactDecimal("12345678901234567890.12")))
          ], detail: "6 rows read")
        try await ledger.finishStage(stage, stageResult)
        let failure = RunFailure(stage: "report all", errorClass: "cannot_write", message: "no room")
        try await ledger.finishRun(
          record.runID,
          RunResult(status: .failed, exitCode: 73, finishedAt: Self.start, cost: cost, failure: failure))

        let stages = try await ledger.stages(run: record.runID)
        #expect(stages.count == 1)
        #expect(stages.first?.result == stageResult)
        let finished = try #require(try await ledger.run(record.runID))
        #expect(finished.status == .failed)
        #expect(finished.exitCode == 73)
        #expect(finished.cost == cost)
        #expect(finished.failure == failure)
        #expect(finished.serverVersion >= 150_000)
        #expect(try await ledger.runs(limit: 10).map(\.record.runID) == [record.runID])
      }
    }
  }

  @Test func onlyOneSessionHoldsTheRunLockAndItsDeathGivesItUp() async throws {
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      try await Self.withLedger(database) { first in
        try await Self.withLedger(database) { second in
          let isHeld = try await first.isRunLockHeld()
          #expect(!isHeld)
          #expect(try await first.acquireRunLock())
          #expect(try await second.acquireRunLock() == false)
          #expect(try await second.isRunLockHeld())
          await first.close()
          // A session's locks go with it; the server may take a moment to notice.
          for _ in 0..<4_000 {
            guard try await second.isRunLockHeld() else { break }
            try await Task.sleep(for: .milliseconds(5))
          }
          #expect(try await second.acquireRunLock())
          try await second.releaseRunLock()
          #expect(try await second.isRunLockHeld() == false)
        }
      }
    }
  }

  @Test func runsOfDeadSessionsAreMarkedLostWithTheirStages() async throws {
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      let dead = try Self.record()
      let done = try Self.record()
      try await Self.withLedger(database) { ledger in
        for record in [dead, done] { try await ledger.startRun(record) }
        _ = try await ledger.startStage(run: dead.runID, stage: "ingest", name: "orders", startedAt: Self.start)
        try await ledger.finishRun(
          done.runID, RunResult(status: .success, exitCode: 0, finishedAt: Self.start, cost: .zero))
      }
      try await Self.withLedger(database) { ledger in
        let isLocked = try await ledger.acquireRunLock()
        #expect(isLocked)
        #expect(try await ledger.markLostRuns() == [dead.runID])
        #expect(try await ledger.run(dead.runID)?.status == .lost)
        #expect(try await ledger.stages(run: dead.runID).map(\.status) == [.lost])
        #expect(try await ledger.run(done.runID)?.status == .success)
        #expect(try await ledger.markLostRuns() == [])
      }
    }
  }

  @Test func aCancelledTaskIsStillWrittenDown() async throws {
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      try await Self.withLedger(database) { ledger in
        let record = try Self.record()
        try await ledger.startRun(record)
        let task = Task {
          withUnsafeCurrentTask { $0?.cancel() }
          #expect(Task.isCancelled)
          try await ledger.finishRun(
            record.runID, RunResult(status: .cancelled, exitCode: 130, finishedAt: Self.start, cost: .zero))
        }
        try await task.value
        #expect(try await ledger.run(record.runID)?.status == .cancelled)
      }
    }
  }

  @Test func aLostConnectionIsOpenedAgainAndTheLockTakenAgain() async throws {
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      try await Self.withLedger(database) { ledger in
        let record = try Self.record()
        #expect(try await ledger.acquireRunLock())
        try await ledger.startRun(record)
        try await database.psql(
          "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            + "AND datname = current_database()")
        try await ledger.finishRun(
          record.runID, RunResult(status: .success, exitCode: 0, finishedAt: Self.start, cost: .zero))
        #expect(try await ledger.run(record.runID)?.status == .success)
        #expect(try await ledger.isRunLockHeld())
      }
    }
  }

  @Test func theMirrorTellsTheRunInOrder() async throws {
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      try await TemporaryDirectory.with { directory in
        let record = try Self.record()
        try await Self.withLedger(database, mirror: directory.appending("runs")) { ledger in
          try await ledger.startRun(record)
          let stage = try await ledger.startStage(
            run: record.runID, stage: "refresh", name: "a\nb", startedAt: Self.start)
          try await ledger.finishStage(
            stage, StageResult(status: .skipped, skipReason: "up to date", finishedAt: Self.start, cost: .zero))
          try await ledger.finishRun(
            record.runID, RunResult(status: .success, exitCode: 0, finishedAt: Self.start, cost: .zero))
          #expect(await ledger.mirrorFailure == nil)
        }
        let lines = try directory.read("runs/\(record.runID).jsonl").split(separator: "\n")
        #expect(
          lines.map { String($0.dropFirst(11).prefix { $0 != "\"" }) } == [
            "run_started", "stage_started", "stage_finished", "run_finished",
          ])
      }
    }
  }

  @Test func aMirrorThatCannotBeWrittenFailsNothing() async throws {
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      try await Self.withLedger(database, mirror: "/proc/nowhere/runs") { ledger in
        try await ledger.startRun(try Self.record())
        #expect(await ledger.mirrorFailure?.contains("/proc/nowhere") == true)
      }
    }
  }

  @Test func aLedgerBelongsToOneSchema() async throws {
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      try await Self.withLedger(database) { ledger in
        try await ledger.claim(project: "acme", schema: "finance")
        try await ledger.claim(project: "acme renamed", schema: "finance")
        await #expect(throws: LedgerError.self) { try await ledger.claim(project: "acme", schema: "other") }
      }
    }
  }

  @Test func writtenWALAndBuffersShowUpAsTheCostOfAStage() async throws {
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      try await database.withConnection { connection in
        let before = try await ServerCounters.read(on: connection)
        try await connection.execute("CREATE TABLE t AS SELECT g, repeat('x', 100) FROM generate_series(1, 5000) g")
        try await ServerCounters.flush(on: connection)
        let cost = try await ServerCounters.read(on: connection).since(before)
        #expect(cost.walBytes > 500_000)
        #expect(cost.sharedHit > 50)
        #expect(cost.temporaryBytes == 0)
      }
    }
  }
}
