// The server, or one of its processes, lost in the middle of a load.
// A lost session is tried again by the run itself; a lost server ends the run with 69, and the next command starts it.
// The server here is the durable one of a project: what was committed is on disk.

import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct LostServer {
  @Test(arguments: [(FaultNight.first, FaultPlace.copy), (.second, .copy), (.second, .merge), (.second, .commit)])
  func terminatedBackendIsReplacedByTheRunItself(_ night: FaultNight, _ place: FaultPlace) async throws {
    try await FaultGround.withTrial(.copy, night) { trial, undisturbed in
      let outcome = try await FaultGate(place, at: trial.url).striking(trial.start) {
        _, backend, holder in
        try await Psql.run(["select pg_terminate_backend(\(backend))"], at: trial.url)
        await holder.open()
      }
      #expect(outcome.status == 0, "\(outcome.stderr)")
      #expect(
        try await lines(
          "select name, max(attempt) from daybook.stage_run where stage = 'ingest' group by 1 having max(attempt) > 1",
          at: trial.url) == ["transactions|2"])
      try await trial.expectMended(as: undisturbed, "\(place)")
    }
  }

  @Test func terminatedLedgerSessionIsOpenedAgainAndKeepsTheLock() async throws {
    try await FaultGround.withTrial(.copy, .second) { trial, undisturbed in
      let outcome = try await FaultGate(.merge, at: trial.url).striking(trial.start) {
        _, backend, _ in
        let ended = try await Psql.run(
          [
            """
            select count(pg_terminate_backend(pid)) from pg_stat_activity
            where datname = current_database() and application_name like 'daybook%' and pid <> \(backend)
            """
          ], at: trial.url)
        #expect(ended != "0\n")
      }
      #expect(outcome.status == 0, "\(outcome.stderr)")
      try await trial.expectMended(as: undisturbed)
    }
  }

  /// What happens to the server, by a signal to one process of it.
  enum Loss: String, CaseIterable, Sendable {
    case postmasterKilled, stoppedAtOnce, backendKilled
  }

  /// One cluster for all, because making one is what takes long: each night that is delivered is disturbed once.
  @Test func killedServerIsStartedAgainByTheNextCommandAndNothingIsLostOrTwice() async throws {
    let undisturbed = try await FaultGround.shared.undisturbed(.copy)
    let feeds = try await FaultGround.shared.feedsFolder()
    try await TemporaryDirectory.with { directory in
      let project = try FaultGround.makeProject(.copy, .first, in: directory, database: nil, feeds: feeds)
      // The run itself waits for a lost server to come back; here nobody starts it, so it need not wait long.
      let settings = project.root + "/Jobs/daybook.yaml"
      try String(contentsOfFile: settings, encoding: .utf8)
        .replacingOccurrences(of: "acquire_timeout: 10s", with: "acquire_timeout: 1s")
        .write(toFile: settings, atomically: true, encoding: .utf8)
      let started = try await project.daybook("db", "start")
      try #require(started.status == 0, "\(started.stderr)")
      let url = started.stdout.split(separator: "\n").map(String.init)[0]
      do {
        let first = FaultTrial(project: project, night: .first, url: url)
        try await lose(.postmasterKilled, during: first, at: .copy)
        try await first.expectMended(as: undisturbed.picture(.first), "\(Loss.postmasterKilled)")

        let second = FaultTrial(project: project, night: .second, url: url)
        try project.deliver(from: feeds) { $0.hasSuffix("_2024-12-30.csv") }
        try await lose(.stoppedAtOnce, during: second, at: .merge)
        // The same files again: nobody can say of a COMMIT that was not answered what became of it.
        try await lose(.stoppedAtOnce, during: second, at: .commit)
        #expect(try await second.ingest().status == 0)

        try project.deliver(from: feeds) { $0.hasSuffix("_2024-12-31.csv") }
        try await lose(.backendKilled, during: second, at: .copy)
        try await second.expectMended(as: undisturbed.picture(.second), "\(Loss.backendKilled)")
        #expect(try await lines("show fsync", at: url) == ["on"])
      } catch {
        _ = try await project.daybook("db", "stop", "--force")
        throw error
      }
      #expect(try await project.daybook("db", "stop").status == 0)
      #expect(!project.isServerRunning)
    }
  }

  private func lose(_ loss: Loss, during trial: FaultTrial, at place: FaultPlace) async throws {
    let postmaster = try #require(
      Int32(
        String(contentsOfFile: trial.project.root + "/.daybook/postgres/data/postmaster.pid", encoding: .utf8)
          .prefix { $0 != "\n" }))
    let outcome = try await FaultGate(place, at: trial.url).striking(trial.start) {
      _, backend, _ in
      switch loss {
      case .postmasterKilled: kill(postmaster, SIGKILL)
      case .stoppedAtOnce: kill(postmaster, SIGQUIT)
      case .backendKilled: kill(backend, SIGKILL)
      }
      // The gate stays closed until that session is gone: let through in its last moment it could still commit.
      for _ in 0..<15_000 where !isEnded(backend) { try await Task.sleep(for: .milliseconds(20)) }
      #expect(isEnded(backend))
    }
    if loss != .backendKilled || outcome.status != 0 {
      outcome.expectFailure(
        69, saying: "the first attempt: ", "stage: ingest transactions", "next: daybook doctor")
      #expect(
        outcome.message.contains(place == .commit ? "perhaps transactions" : "nothing of transactions"),
        "\(loss) at \(place): \(outcome.message)")
      #expect(outcome.message.components(separatedBy: "error:").count == 2, "said twice: \(outcome.message)")
    }
    // The next command finds the server stopped, starting or left over, and mends it.
    let next = try await trial.project.daybook("db", "psql", "--", "-c", removal)
    #expect(next.status == 0, "\(loss): \(next.stderr)")
  }

  private var removal: String {
    "drop event trigger if exists gate; drop schema gate cascade"
  }
}
