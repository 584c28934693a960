// The program ended by kill -9 and by signals, anywhere in a load.
// Trials at random moments are drawn from a seed that a failure prints; DAYBOOK_FAULT_TRIALS says how many there are for
// each way of loading, and `make soak` asks for many. Trials at a gate are in the middle of what they say they are.

import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct KilledProgram {
  private static let environment = ProcessInfo.processInfo.environment
  private static let trials = environment["DAYBOOK_FAULT_TRIALS"].flatMap { Int($0) } ?? 3
  private static let seed =
    environment["DAYBOOK_FAULT_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...UInt64(UInt32.max))

  @Test(arguments: FaultLoad.allCases)
  func killedAnywhereItIsFinishedByTheNextRunAsIfNothingHadHappened(_ load: FaultLoad) async throws {
    var walls = try await FaultGround.shared.undisturbed(load).wall
    var dice = SeededRandom(seed: Self.seed)
    var (killed, number) = (0, 0)
    // A run that ended before its moment is no trial; it tells how fast the machine is by now.
    while killed < Self.trials, number < 10 * Self.trials {
      number += 1
      let night = FaultNight.allCases[number % 2]
      let wall = try #require(walls[night])
      // In every other pair of trials the run that resumes is killed, too.
      let moments = (0...(number % 4) / 2).map { _ in wall * Double.random(in: 0..<1, using: &dice) }
      let comment = "DAYBOOK_FAULT_SEED=\(Self.seed), trial \(number), \(load), \(night), killed after \(moments)"
      let survivor = try await FaultGround.withTrial(load, night) { trial, picture -> Duration? in
        var survivor: Duration?
        for moment in moments {
          let outcome = try await trial.ingest(timeout: moment)
          if outcome.status != 128 + Int(SIGKILL), survivor == nil { survivor = outcome.wall }
        }
        try await trial.expectMended(as: picture, comment)
        return survivor
      }
      if let survivor { walls[night] = min(wall, survivor) } else { killed += 1 }
    }
    #expect(killed >= Self.trials, "DAYBOOK_FAULT_SEED=\(Self.seed): \(killed) kills in \(number) trials")
  }

  @Test(arguments: [
    (FaultLoad.copy, FaultNight.first, FaultPlace.copy), (.copy, .second, .copy), (.copy, .second, .merge),
    (.insert, .second, .merge),
  ])
  func killedInTheMiddleOfAStatementItIsFinishedByTheNextRun(
    _ load: FaultLoad, _ night: FaultNight, _ place: FaultPlace
  ) async throws {
    try await FaultGround.withTrial(load, night) { trial, undisturbed in
      let outcome = try await FaultGate(place, at: trial.url).striking(trial.start) {
        program, _, _ in kill(program, SIGKILL)
      }
      #expect(outcome.status == 128 + Int(SIGKILL))
      try await trial.expectMended(as: undisturbed, "\(place)")
    }
  }

  /// The base extract of each feed has bad records, and the file behind it has none.
  @Test(arguments: ["customers", "products"])
  func killedBetweenTwoFilesItShowsTheRejectsOfTheFirst(_ feed: String) async throws {
    try await FaultGround.withTrial(.insert, .first) { trial, undisturbed in
      let gate = try await FaultGate(.lastFile, of: feed, at: trial.url)
      let outcome = try await gate.striking(trial.start) { program, _, _ in kill(program, SIGKILL) }
      #expect(outcome.status == 128 + Int(SIGKILL))
      try await trial.expectMended(as: undisturbed, feed)
    }
  }

  /// The server goes on with the COMMIT of a client that is gone. Whether it takes effect is open when the next run
  /// looks for new files, and decided while that run goes on.
  @Test(arguments: FaultLoad.allCases)
  func killedInTheMiddleOfCommitNothingIsLoadedTwice(_ load: FaultLoad) async throws {
    try await FaultGround.withTrial(load, .second) { trial, undisturbed in
      let outcome = try await FaultGate(.commit, at: trial.url).striking(trial.start) {
        program, _, holder in
        kill(program, SIGKILL)
        let next = Task { try await trial.ingest() }
        try await Task.sleep(for: .milliseconds(300))
        await holder.open()
        let outcome = try await next.value
        #expect([0, 75].contains(outcome.status), "\(outcome.stderr)")
      }
      #expect(outcome.status == 128 + Int(SIGKILL))
      try await trial.expectMended(as: undisturbed)
    }
  }

  @Test(arguments: [
    (SIGINT, FaultNight.first, FaultPlace.copy), (SIGTERM, .second, .copy), (SIGINT, .second, .merge),
    (SIGTERM, .second, .merge),
  ])
  func signalledItRollsBackCleansUpAndSaysSoWithinSeconds(
    _ signal: Int32, _ night: FaultNight, _ place: FaultPlace
  ) async throws {
    try await FaultGround.withTrial(.copy, night) { trial, undisturbed in
      let clock = ContinuousClock()
      let struck = MomentBox()
      let table = "select count(*), coalesce(sum(hashtext(t::text)), 0) from finance.transactions t"
      let before = night == .first ? [] : try await lines(table, at: trial.url)
      let outcome = try await FaultGate(place, at: trial.url).striking(trial.start) {
        program, _, _ in
        await struck.set(clock.now)
        kill(program, signal)
        // The gate stays closed until the program is gone: the statement itself has to be cancelled.
        for _ in 0..<15_000 where !isEnded(program) {
          try await Task.sleep(for: .milliseconds(20))
        }
        await struck.set(end: clock.now)
      }
      #expect(try #require(await struck.wall) < .seconds(300))
      outcome.expectFailure(
        signal == SIGTERM ? 143 : 130, saying: signal == SIGTERM ? "SIGTERM" : "SIGINT", "rolled back", "next:")
      try await trial.expectNothingLeftOver()
      if night == .second { #expect(try await lines(table, at: trial.url) == before) }
      try await trial.expectMended(as: undisturbed)
    }
  }
}

private actor MomentBox {
  private var start: ContinuousClock.Instant?
  private(set) var wall: Duration?

  func set(_ moment: ContinuousClock.Instant) { start = moment }
  func set(end: ContinuousClock.Instant) { wall = start.map { end - $0 } }
}
