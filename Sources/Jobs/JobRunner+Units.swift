// One unit of work after the other, and those of a refresh side by side: attempts, pauses, records.
// Invariant: the ledger has a row for every view, feed, check and report from the moment it is begun; what came of units
// that ran side by side is taken into the run's report in the order of the plan.

internal import Definitions
internal import Finding
internal import Ledger
internal import Money
internal import Postgres
internal import Synchronization
internal import Telemetry
internal import Views

/// What has happened in a run so far.
struct RunProgress {
  var report: RunReport
  /// Feeds that were refused or could not be tried, with the reason.
  var heldBack: [String: String] = [:]
  var counters: ServerCounters?
  var isHalted = false

  mutating func fail(_ failure: StageFailure) {
    guard let first = report.failure else {
      report.failure = failure
      report.exitCode = failure.exitCode
      return
    }
    // A server that is down refuses, is starting up, or does not answer, as it happens: whichever came first is enough.
    if first.exitCode == .databaseUnreachable, failure.exitCode == .databaseUnreachable { return }
    let known = first.diagnostics.map(\.message)
    report.findings += failure.diagnostics.filter { !known.contains($0.message) }
  }
}

/// All attempts at one unit.
private struct Attempts: Sendable {
  var reports: [StageReport] = []
  /// What the last attempt brought.
  var outcome = UnitOutcome()
  /// Why the last attempt failed, if it did.
  var failure: StageFailure?
}

extension JobRunner {
  func carryOut(_ progress: inout RunProgress, until jobDeadline: Deadline?) async {
    for stage in plan.stages {
      let limit = Deadline(
        "stage \(stage.kind.rawValue)", after: stage.timeout, from: ContinuousClock().now)
      let deadline = Deadline.earlier(limit, jobDeadline)
      if stage.kind == .refresh, !progress.isHalted {
        await refresh(stage, deadline, &progress)
      } else {
        for unit in WorkUnit.units(of: stage) {
          if let reason = reasonNotToRun(unit, progress) {
            await skip(unit, reason, &progress)
          } else {
            let attempts = await attempts(at: unit, deadline, counters: &progress.counters)
            take(attempts, at: unit, &progress)
          }
        }
      }
      // The feeds after a failure were looked at one by one; no other stage is.
      if progress.report.failure != nil { progress.isHalted = true }
    }
  }

  private func reasonNotToRun(_ unit: WorkUnit, _ progress: RunProgress) -> String? {
    if progress.isHalted { return progress.report.failure.map { "not run: \(Self.place($0)) failed" } }
    guard case .ingest(let name) = unit, let feed = session.project.feed(named: name) else { return nil }
    return feed.referencedFeeds.first { progress.heldBack[$0] != nil }
      .map { "not run: it references \($0), which \(progress.heldBack[$0] ?? "failed")" }
  }

  private static func place(_ failure: StageFailure) -> String { failure.stage.isEmpty ? "the run" : failure.stage }

  private func skip(_ unit: WorkUnit, _ reason: String, _ progress: inout RunProgress) async {
    if case .ingest(let feed) = unit { progress.heldBack[feed] = "was not run" }
    for name in unit.names {
      let result = StageResult(status: .skipped, skipReason: reason, finishedAt: surroundings.now(), cost: .zero)
      progress.report.stages.append(StageReport(stage: unit.stage, name: name, result: result))
      // Written down as far as the ledger can be reached; the failure that caused it is what counts.
      if let id = try? await session.ledger.startStage(
        run: record.runID, stage: unit.stage, name: name, startedAt: surroundings.now())
      {
        try? await session.ledger.finishStage(id, result)
      }
    }
  }

  private func take(_ attempts: Attempts, at unit: WorkUnit, _ progress: inout RunProgress) {
    progress.report.stages += attempts.reports
    let outcome = attempts.outcome
    progress.report.findings += outcome.findings
    if !outcome.reports.isEmpty {
      progress.report.reports = outcome.reports
      progress.report.indexPath = outcome.indexPath
    }
    guard let failure = attempts.failure else {
      if unit.stage == "report", outcome.status == .success {
        // A set of an earlier date takes nobody's place.
        progress.report.published = Publication.state(of: session.project.output, publishing: plan.asOf)
      }
      return
    }
    progress.fail(failure)
    if case .ingest(let feed) = unit, failure.isConfined {
      progress.heldBack[feed] = failure.exitCode == .missingFeed ? "is missing" : "was refused"
    } else {
      progress.isHalted = true
    }
  }

  // MARK: Side by side

  private func refresh(_ stage: PlannedStage, _ deadline: Deadline?, _ progress: inout RunProgress) async {
    let schedule: RefreshSchedule
    do {
      schedule = try await withDeadline(deadline) { [work] in try await work.schedule(stage.items) }
    } catch {
      progress.fail(explained(error, stage: "refresh"))
      progress.isHalted = true
      for unit in WorkUnit.units(of: stage) { await skip(unit, "not run: refresh failed", &progress) }
      return
    }
    // What the server did meanwhile is one unit's doing only where units do not run side by side.
    let isAlone = schedule.units.count == 1 || work.width == 1
    let counters = Mutex(progress.counters)
    let results = await schedule.carryOut(atMost: work.width) { unit in
      var mine = isAlone ? counters.withLock { $0 } : nil
      let attempts = await attempts(at: .refresh(unit), deadline, counters: &mine)
      if isAlone { counters.withLock { $0 = mine } }
      return (attempts, attempts.failure == nil)
    }
    progress.counters = isAlone ? counters.withLock { $0 } : try? await session.ledger.serverCounters()
    for index in schedule.units.indices {
      if let attempts = results[index] { take(attempts, at: .refresh(schedule.units[index]), &progress) }
    }
    for index in schedule.units.indices where results[index] == nil {
      let unit = WorkUnit.refresh(schedule.units[index])
      await skip(unit, reasonNotToRun(unit, progress) ?? "not run", &progress)
    }
  }

  // MARK: One unit

  private func attempts(
    at unit: WorkUnit, _ deadline: Deadline?, counters: inout ServerCounters?
  ) async -> Attempts {
    var all = Attempts()
    var attempt = 1
    var first: StageFailure?
    while true {
      let (reports, outcome, failed) = await tryOnce(unit, attempt: attempt, deadline, counters: &counters)
      all.reports += reports
      for report in reports { surroundings.observer?.stageFinished(report) }
      all.outcome = outcome
      guard var failure = failed else { return all }
      if failure.isTransient, let pause = surroundings.retry.pause(after: attempt, jitter: surroundings.jitter()),
        (try? await withDeadline(deadline, { try await Task.sleep(for: pause) })) != nil
      {
        attempt += 1
        first = first ?? failure
        continue
      }
      // A server that went down is later only one that does not answer.
      if let first, first.message != failure.message, !failure.diagnostics.isEmpty {
        failure.diagnostics[0].notes.insert("the first attempt: \(first.message)", at: 0)
      }
      all.failure = failure
      return all
    }
  }

  /// One attempt at one unit, recorded at its start and its end: one row for each name.
  private func tryOnce(
    _ unit: WorkUnit, attempt: Int, _ deadline: Deadline?, counters: inout ServerCounters?
  ) async -> ([StageReport], UnitOutcome, StageFailure?) {
    let start = ContinuousClock().now
    let usage = ProcessUsage.current()
    var stageIDs: [StageID] = []
    var outcome = UnitOutcome()
    var failure: StageFailure?
    do {
      for name in unit.names {
        surroundings.observer?.stageStarted(stage: unit.stage, name: name)
        stageIDs.append(
          try await session.ledger.startStage(
            run: record.runID, stage: unit.stage, name: name, attempt: attempt, startedAt: surroundings.now()))
      }
      outcome = try await withDeadline(deadline) { [work] in try await work.perform(unit) }
      failure = outcome.failure
      failure?.stage = "\(unit.stage) \(unit.name)"
    } catch {
      let culprit = unit.names.first { $0 == (error as? ViewError)?.view } ?? unit.name
      failure = explained(error, stage: "\(unit.stage) \(culprit)")
    }
    var serverCost = await serverCost(&counters)
    var cost = cost(since: start, usage)
    var reports: [StageReport] = []
    for (index, name) in unit.names.enumerated() {
      let part = outcome.parts[name] ?? outcome
      // Of several views in one transaction the first stands for what all of them cost.
      if let wall = part.wall { cost.wallMilliseconds = Int(wall / .milliseconds(1)) }
      var result = StageResult(
        status: part.status, skipReason: part.skipReason, finishedAt: surroundings.now(), cost: cost, rows: part.rows,
        rowsOut: part.rowsOut, bytesIn: part.bytesIn, inputPath: part.inputPath, inputSHA256: part.inputSHA256,
        controlSums: part.controlSums, detail: part.detail)
      if let failure {
        if unit.names.count == 1 || failure.stage == "\(unit.stage) \(name)" {
          result.status = status(failure)
          result.failure = runFailure(failure)
        } else {
          result.status = .skipped
          result.skipReason = "rolled back: \(Self.place(failure)) failed"
        }
      }
      result.serverCost = serverCost
      serverCost = nil
      cost = ProcessCost(
        wallMilliseconds: 0, cpuUserMilliseconds: 0, cpuSystemMilliseconds: 0,
        peakResidentKilobytes: cost.peakResidentKilobytes)
      if stageIDs.indices.contains(index) {
        do {
          try await session.ledger.finishStage(stageIDs[index], result)
        } catch {
          if failure == nil { failure = explained(error, stage: "\(unit.stage) \(name)") }
        }
      }
      reports.append(StageReport(stage: unit.stage, name: name, attempt: attempt, result: result))
    }
    return (reports, outcome, failure)
  }

  /// What the server did since the last unit ended.
  private func serverCost(_ counters: inout ServerCounters?) async -> ServerCost? {
    guard let before = counters, !Task.isCancelled else { return nil }
    // The connection that worked last is the one that is lent next; its counters are then current.
    try? await session.pool.withConnection(label: "cost") { connection in
      try await ServerCounters.flush(on: connection)
    }
    guard let after = try? await session.ledger.serverCounters() else { return nil }
    counters = after
    return after.since(before)
  }
}

extension StageFailure {
  /// Whether the failure is about one feed's data or definition, so that other feeds can still be loaded.
  var isConfined: Bool {
    switch exitCode {
    case .dataRefused, .missingFeed, .badDefinition: true
    default: false
    }
  }
}
