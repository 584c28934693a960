// Several programs on one database: from one project, and from two machines that share the database and nothing else.

import Foundation
import TestSupport
import Testing

@Suite struct RunsAtOnce {
  @Test func othersAreTurnedAwayWithWhoHoldsTheLockWhereverTheyRun() async throws {
    try await FaultGround.withTrial(.copy, .second) { trial, undisturbed in
      try await TemporaryDirectory.with { elsewhere in
        let other = try await FaultGround.makeProject(
          .copy, .second, in: elsewhere, database: trial.database, feeds: FaultGround.shared.feedsFolder())
        let first = try await FaultGate(.merge, at: trial.url).striking(trial.start) {
          program, _, _ in
          for (project, words) in [
            (trial.project, trial.words), (trial.project, ["ingest", "transactions"]), (other, trial.words),
            (other, ["run", "nightly", "--as-of", trial.night.asOf]),
          ] {
            let outcome = try await project.daybook(words)
            outcome.expectFailure(
              75, saying: "another run holds the lock", "process \(program) on", "nothing was changed", "next:")
          }
        }
        #expect(first.status == 0, "\(first.stderr)")
        try await trial.expectMended(as: undisturbed)
      }
    }
  }

  /// None of them finds so much as a schema: they race for all there is to make, too.
  @Test(arguments: FaultLoad.allCases)
  func startedTogetherOnAnEmptyDatabaseOneLoadsAndNothingIsThereTwice(_ load: FaultLoad) async throws {
    try await FaultGround.withTrial(load, .first) { trial, undisturbed in
      try await TemporaryDirectory.with { elsewhere in
        let other = try await FaultGround.makeProject(
          load, .first, in: elsewhere, database: trial.database, feeds: FaultGround.shared.feedsFolder())
        let statuses = try await withThrowingTaskGroup(of: ProgramOutcome.self) { group in
          for project in [trial.project, other, trial.project, other] {
            group.addTask { try await project.daybook(trial.words) }
          }
          var statuses: [Int] = []
          for try await outcome in group {
            statuses.append(outcome.status)
            if outcome.status != 0 { outcome.expectFailure(75, saying: "another run holds the lock") }
          }
          return statuses
        }
        #expect(statuses.contains(0), "\(statuses)")
        try await trial.expectMended(as: undisturbed)
      }
    }
  }
}
