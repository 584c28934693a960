// Carries out a plan: order, time limits, retries, recording, and what a failure means for the rest.
//
// The rule for failures. A feed whose data was refused, or that is missing, holds back every feed that references
// it; feeds that do not are still loaded, because each commits by itself and a second run finds them loaded.
// After any failure no later stage runs: views and reports are never made from half a night, and Output/latest
// stays what it was. Any other failure (database, time, signal, a bug) stops the run at once.

internal import Definitions
internal import Finding
public import Ledger
internal import Money
internal import Postgres
internal import Reports
public import Telemetry

/// Hears of stages as they start and end.
public protocol RunObserver: Sendable {
  /// A stage starts.
  func stageStarted(stage: String, name: String)
  /// A stage ended.
  func stageFinished(_ report: StageReport)
}

/// What a run takes from outside: the clock, chance, and whoever watches.
public struct RunSurroundings: Sendable {
  /// The clock.
  public var now: @Sendable () -> Moment
  /// Numbers from 0 up to 1, for the pauses between attempts.
  public var jitter: @Sendable () -> Double
  /// How often something that failed for a passing reason is tried again.
  public var retry: RetryPolicy
  /// The signal that ends the run.
  public var interruption: Interruption
  /// Who sees how far a stage has come.
  public var progress: any ProgressSink
  /// Who hears of stages; nobody when nil.
  public var observer: (any RunObserver)?

  /// Creates surroundings with the system's clock and chance.
  public init(
    now: @escaping @Sendable () -> Moment = { .now() },
    jitter: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }, retry: RetryPolicy = RetryPolicy(),
    interruption: Interruption = Interruption(), progress: any ProgressSink = NullProgress(),
    observer: (any RunObserver)? = nil
  ) {
    self.now = now
    self.jitter = jitter
    self.retry = retry
    self.interruption = interruption
    self.progress = progress
    self.observer = observer
  }
}

/// Carries out one plan once.
public struct JobRunner: Sendable {
  private let session: Session
  private let plan: Plan
  private let record: RunRecord
  private let surroundings: RunSurroundings
  private let work: any StageWork

  /// - Parameters:
  ///   - session: the open project.
  ///   - plan: what to do.
  ///   - record: the run as it is to be written down.
  ///   - surroundings: the clock, chance, and whoever watches.
  public init(session: Session, plan: Plan, record: RunRecord, surroundings: RunSurroundings) {
    let snapshot = RunSnapshot(runID: record.runID, job: plan.job, asOf: plan.asOf, startedAt: record.startedAt)
    let work = RoomWork(session: session, plan: plan, run: snapshot, progress: surroundings.progress)
    self.init(session: session, plan: plan, record: record, surroundings: surroundings, work: work)
  }

  init(
    session: Session, plan: Plan, record: RunRecord, surroundings: RunSurroundings, work: any StageWork
  ) {
    self.session = session
    self.plan = plan
    self.record = record
    self.surroundings = surroundings
    self.work = work
  }

  /// What has happened so far.
  private struct Progress {
    var report: RunReport
    /// Feeds that were refused or could not be tried, with the reason.
    var heldBack: [String: String] = [:]
    var counters: ServerCounters?
    var isHalted = false

    mutating func fail(_ failure: StageFailure) {
      if report.failure == nil {
        report.failure = failure
        report.exitCode = failure.exitCode
      } else {
        let known = report.failure?.diagnostics.map(\.message) ?? []
        report.findings += failure.diagnostics.filter { !known.contains($0.message) }
      }
    }
  }

  /// Carries out the plan; whatever happens is in the report, and in the ledger as far as it can be reached.
  public func run() async -> RunReport {
    let start = ContinuousClock().now
    let usage = ProcessUsage.current()
    var progress = Progress(
      report: RunReport(runID: nil, job: plan.job, asOf: plan.asOf, status: .running, exitCode: .ok))
    progress.report.published = Publication.state(of: session.project.output)
    do {
      guard try await session.ledger.acquireRunLock() else { throw await session.lockHeld() }
      for run in try await session.ledger.markLostRuns() {
        progress.report.findings.append(
          Diagnostic(
            .note, code: "lost_run", "run \(run) ended without a word and is marked lost; what it committed stands"))
      }
      try await session.ledger.startRun(record)
      progress.report.runID = record.runID
      progress.counters = try await session.ledger.serverCounters()
    } catch {
      progress.fail(explained(error, stage: ""))
    }
    if progress.report.failure == nil {
      let heartbeat = makeHeartbeat()
      await carryOut(&progress, until: Deadline("job \(plan.job)", after: plan.timeout, from: start))
      heartbeat.cancel()
    }
    finish(&progress, cost: cost(since: start, usage))
    await recordEnd(&progress, cost: cost(since: start, usage))
    return progress.report
  }

  private func carryOut(_ progress: inout Progress, until jobDeadline: Deadline?) async {
    for stage in plan.stages {
      let limit = Deadline(
        "stage \(stage.kind.rawValue)", after: stage.timeout, from: ContinuousClock().now)
      let deadline = Deadline.earlier(limit, jobDeadline)
      for unit in WorkUnit.units(of: stage) {
        if let reason = reasonNotToRun(unit, progress) {
          await skip(unit, reason, &progress)
        } else {
          await carryOut(unit, deadline, &progress)
        }
      }
      // The feeds after a failure were looked at one by one; no other stage is.
      if progress.report.failure != nil { progress.isHalted = true }
    }
  }

  private func reasonNotToRun(_ unit: WorkUnit, _ progress: Progress) -> String? {
    if progress.isHalted { return progress.report.failure.map { "not run: \(Self.place($0)) failed" } }
    guard case .ingest(let name) = unit, let feed = session.project.feed(named: name) else { return nil }
    return feed.referencedFeeds.first { progress.heldBack[$0] != nil }
      .map { "not run: it references \($0), which \(progress.heldBack[$0] ?? "failed")" }
  }

  private static func place(_ failure: StageFailure) -> String { failure.stage.isEmpty ? "the run" : failure.stage }

  private func skip(_ unit: WorkUnit, _ reason: String, _ progress: inout Progress) async {
    if case .ingest(let feed) = unit { progress.heldBack[feed] = "was not run" }
    let result = StageResult(status: .skipped, skipReason: reason, finishedAt: surroundings.now(), cost: .zero)
    progress.report.stages.append(StageReport(stage: unit.stage, name: unit.name, result: result))
    // Written down as far as the ledger can be reached; the failure that caused it is what counts.
    if let id = try? await session.ledger.startStage(
      run: record.runID, stage: unit.stage, name: unit.name, startedAt: surroundings.now())
    {
      try? await session.ledger.finishStage(id, result)
    }
  }

  private func carryOut(_ unit: WorkUnit, _ deadline: Deadline?, _ progress: inout Progress) async {
    var attempt = 1
    var first: StageFailure?
    while true {
      let (report, failure) = await tryOnce(unit, attempt: attempt, deadline, &progress)
      progress.report.stages.append(report)
      surroundings.observer?.stageFinished(report)
      guard var failure else { return }
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
      progress.fail(failure)
      if case .ingest(let feed) = unit, failure.isConfined {
        progress.heldBack[feed] = failure.exitCode == .missingFeed ? "is missing" : "was refused"
      } else {
        progress.isHalted = true
      }
      return
    }
  }

  /// One attempt at one unit, recorded at its start and its end.
  private func tryOnce(
    _ unit: WorkUnit, attempt: Int, _ deadline: Deadline?, _ progress: inout Progress
  ) async -> (StageReport, StageFailure?) {
    let place = "\(unit.stage) \(unit.name)"
    let start = ContinuousClock().now
    let usage = ProcessUsage.current()
    var stageID: StageID?
    var outcome = UnitOutcome()
    var failure: StageFailure?
    surroundings.observer?.stageStarted(stage: unit.stage, name: unit.name)
    do {
      stageID = try await session.ledger.startStage(
        run: record.runID, stage: unit.stage, name: unit.name, attempt: attempt, startedAt: surroundings.now())
      outcome = try await withDeadline(deadline) { [work] in try await work.perform(unit) }
      failure = outcome.failure
      failure?.stage = place
    } catch {
      failure = explained(error, stage: place)
    }
    progress.report.findings += outcome.findings
    if !outcome.reports.isEmpty {
      progress.report.reports = outcome.reports
      progress.report.indexPath = outcome.indexPath
    }
    if unit.stage == "report", failure == nil, outcome.status == .success {
      progress.report.published = .published(plan.asOf.description)
    }
    var result = StageResult(
      status: failure.map(status) ?? outcome.status, skipReason: outcome.skipReason, finishedAt: surroundings.now(),
      cost: cost(since: start, usage), rows: outcome.rows, rowsOut: outcome.rowsOut, bytesIn: outcome.bytesIn,
      inputPath: outcome.inputPath, inputSHA256: outcome.inputSHA256, controlSums: outcome.controlSums,
      failure: failure.map(runFailure), detail: outcome.detail)
    result.serverCost = await serverCost(&progress)
    if let stageID {
      do {
        try await session.ledger.finishStage(stageID, result)
      } catch {
        if failure == nil { failure = explained(error, stage: place) }
      }
    }
    return (StageReport(stage: unit.stage, name: unit.name, attempt: attempt, result: result), failure)
  }

  /// What the server did since the last unit ended.
  private func serverCost(_ progress: inout Progress) async -> ServerCost? {
    guard let before = progress.counters, !Task.isCancelled else { return nil }
    // The connection that worked last is the one that is lent next; its counters are then current.
    try? await session.pool.withConnection(label: "cost") { connection in
      try await ServerCounters.flush(on: connection)
    }
    guard let after = try? await session.ledger.serverCounters() else { return nil }
    progress.counters = after
    return after.since(before)
  }

  private func finish(_ progress: inout Progress, cost: ProcessCost) {
    progress.report.wallMilliseconds = cost.wallMilliseconds
    if let failure = progress.report.failure {
      progress.report.status = status(failure)
    } else {
      let hasWarnings = progress.report.stages.contains { $0.result.status == .warning }
      progress.report.status = hasWarnings ? .warning : .success
    }
  }

  private func recordEnd(_ progress: inout Progress, cost: ProcessCost) async {
    guard let run = progress.report.runID else { return }
    do {
      try await session.ledger.finishRun(
        run,
        RunResult(
          status: progress.report.status, exitCode: Int(progress.report.exitCode.rawValue),
          finishedAt: surroundings.now(), cost: cost, failure: progress.report.failure.map(runFailure)))
      try await session.ledger.releaseRunLock()
      if let reason = await session.ledger.mirrorFailure {
        progress.report.findings.append(
          Diagnostic(
            .warning, code: "run_mirror", "the run's record under .daybook/runs could not be written: \(reason)"))
      }
    } catch {
      let failure = explained(error, stage: "")
      progress.fail(failure)
      progress.report.status = status(progress.report.failure ?? failure)
    }
  }

  private func makeHeartbeat() -> Task<Void, Never> {
    Task { [session, record, surroundings] in
      while (try? await Task.sleep(for: .seconds(10))) != nil {
        try? await session.ledger.heartbeat(record.runID, at: surroundings.now())
      }
    }
  }

  /// The failure that `error` is, seen with the signal that may have caused it.
  private func explained(_ error: any Error, stage: String) -> StageFailure {
    var failure = StageFailure(error, stage: stage)
    guard failure.exitCode != .timeout, let signal = surroundings.interruption.signal else { return failure }
    failure.exitCode = ExitStatus(signal: signal)
    failure.errorClass = "cancelled"
    failure.isTransient = false
    let name = signal == 15 ? "SIGTERM" : "SIGINT"
    failure.diagnostics = [
      Diagnostic(.error, code: "cancelled", "stopped by \(name); what was not committed is rolled back")
    ]
    return failure
  }

  private func status(_ failure: StageFailure) -> RunStatus {
    switch failure.exitCode {
    case .timeout: .timeout
    case .interrupted, .terminated: .cancelled
    default: .failed
    }
  }

  private func runFailure(_ failure: StageFailure) -> RunFailure {
    RunFailure(
      stage: failure.stage, errorClass: failure.errorClass, message: failure.locatedMessage,
      sqlState: failure.sqlState)
  }

  private func cost(since start: ContinuousClock.Instant, _ usage: ProcessUsage) -> ProcessCost {
    let used = ProcessUsage.current().since(usage)
    let (seconds, attoseconds) = (ContinuousClock().now - start).components
    return ProcessCost(
      wallMilliseconds: Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000),
      cpuUserMilliseconds: used.cpuUserMilliseconds, cpuSystemMilliseconds: used.cpuSystemMilliseconds,
      peakResidentKilobytes: used.peakResidentKilobytes)
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
