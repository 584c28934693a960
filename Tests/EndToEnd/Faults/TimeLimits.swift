// Limits of time that somebody set: on statements, on waiting for locks, on the whole job.

import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct TimeLimits {
  @Test func statementTimeoutIsNamedAndNothingIsCommitted() async throws {
    try await FaultGround.withTrial(.copy, .second) { trial, undisturbed in
      let gate = try await FaultGate(.merge, at: trial.url)
      try await set("statement_timeout", "'1s'", in: trial)
      let outcome = try await gate.striking(trial.start) { program, _, _ in
        try await waitForEnd(of: program)
      }
      outcome.expectFailure(
        1, saying: "feed transactions", "57014", "statement_timeout is 1s", "nothing of this feed is committed",
        "next:")
      try await trial.expectNothingLeftOver()
      try await set("statement_timeout", "default", in: trial)
      try await trial.expectMended(as: undisturbed)
    }
  }

  @Test func lockTimeoutNamesWhoHoldsTheTableAndIsTriedAgainBefore() async throws {
    try await FaultGround.withTrial(.copy, .second) { trial, undisturbed in
      try await set("lock_timeout", "'200ms'", in: trial)
      let outcome = try await whileLocked(trial) { pid in
        let outcome = try await trial.ingest()
        outcome.expectFailure(
          1, saying: "feed transactions", "55P03", "lock_timeout", "process \(pid)", "somebody's report",
          "nothing of this feed is committed", "next:")
        return outcome
      }
      #expect(outcome.status == 1)
      #expect(
        try await lines("select max(attempt) from daybook.stage_run where name = 'transactions'", at: trial.url) == [
          "3"
        ])
      try await trial.expectNothingLeftOver()
      try await trial.expectMended(as: undisturbed)
    }
  }

  @Test func lockThatIsGivenBackInTimeCostsOnlyAnotherAttempt() async throws {
    try await FaultGround.withTrial(.copy, .second) { trial, undisturbed in
      try await set("lock_timeout", "'100ms'", in: trial)
      let load = try await whileLocked(trial) { _ in
        let load = Task { try await trial.ingest() }
        // As soon as the first attempt is written down as failed the lock is given back.
        let failed = "select 1 from daybook.stage_run where name = 'transactions' and status = 'failed'"
        for _ in 0..<2_000 {
          if try await !lines(failed, at: trial.url).isEmpty { break }
          try await Task.sleep(for: .milliseconds(20))
        }
        return load
      }
      let outcome = try await load.value
      #expect(outcome.status == 0, "\(outcome.stderr)")
      try await trial.expectMended(as: undisturbed)
    }
  }

  @Test func jobThatTakesTooLongIsEndedWith124() async throws {
    try await FaultGround.withTrial(.copy, .second) { trial, undisturbed in
      let path = trial.project.root + "/Jobs/nightly.yaml"
      let text = try String(contentsOfFile: path, encoding: .utf8)
      try text.replacingOccurrences(of: "timeout: 2h", with: "timeout: 4s")
        .write(toFile: path, atomically: true, encoding: .utf8)
      let gate = try await FaultGate(.merge, at: trial.url)
      let start: @Sendable (@escaping @Sendable (Int32) -> Void) async throws -> ProgramOutcome = { started in
        try await trial.project.daybook(["run", "nightly", "--as-of", trial.night.asOf], started: started)
      }
      let outcome = try await gate.striking(start) { program, _, _ in
        try await waitForEnd(of: program)
      }
      outcome.expectFailure(
        124, saying: "timeout of 4s", "stage: ingest transactions", "nothing of transactions", "next:")
      try await trial.expectNothingLeftOver()
      try await trial.expectMended(as: undisturbed)
    }
  }

  private func set(_ name: String, _ value: String, in trial: FaultTrial) async throws {
    let database = try await lines("select current_database()", at: trial.url)
    try await Psql.run(["alter database \(database[0]) set \(name) = \(value)"], at: trial.url)
  }

  /// Waits for the program while the gate stays closed.
  private func waitForEnd(of program: Int32) async throws {
    for _ in 0..<15_000 where !isEnded(program) { try await Task.sleep(for: .milliseconds(20)) }
    #expect(isEnded(program), "the program still waits after five minutes")
  }

  /// Holds the table of the transactions as a careless report would.
  private func whileLocked<R: Sendable>(
    _ trial: FaultTrial, _ body: @Sendable (_ holder: Int) async throws -> R
  ) async throws -> R {
    var configuration = try PostgresConfiguration(url: trial.url, applicationName: "somebody's report")
    configuration.sessionSettings["lock_timeout"] = "0"
    let holder = try await PostgresConnection.connect(configuration)
    do {
      try await holder.execute("begin")
      try await holder.execute("lock table finance.transactions in access exclusive mode")
      let pid = try await holder.query("select pg_backend_pid()").first?.decode(0, as: Int.self)
      let result = try await body(try #require(pid))
      await holder.close()
      return result
    } catch {
      await holder.close()
      throw error
    }
  }
}
