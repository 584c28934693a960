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
  let session: Session
  let plan: Plan
  let record: RunRecord
  let surroundings: RunSurroundings
  let work: any StageWork

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

  /// Carries out the plan; whatever happens is in the report, and in the ledger as far as it can be reached.
  public func run() async -> RunReport {
    let start = ContinuousClock().now
    let usage = ProcessUsage.current()
    var progress = RunProgress(
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
      try await session.requireZoneOfClosedMonths()
      progress.counters = try await session.ledger.serverCounters()
    } catch {
      progress.fail(explained(error, stage: ""))
    }
    if progress.report.failure == nil {
      let heartbeat = makeHeartbeat()
      await carryOut(&progress, until: Deadline("job \(plan.job)", after: plan.timeout, from: start))
      heartbeat.cancel()
    }
    await work.end()
    finish(&progress, cost: cost(since: start, usage))
    await tellReaders(&progress)
    await recordEnd(&progress, cost: cost(since: start, usage))
    return progress.report
  }

  private func finish(_ progress: inout RunProgress, cost: ProcessCost) {
    progress.report.wallMilliseconds = cost.wallMilliseconds
    if let failure = progress.report.failure {
      progress.report.status = status(failure)
    } else {
      let hasWarnings = progress.report.stages.contains { $0.result.status == .warning }
      progress.report.status = hasWarnings ? .warning : .success
    }
  }

  /// After a night that was to publish and did not, the newest set says so. The run lock is still held, so no other run
  /// publishes meanwhile.
  private func tellReaders(_ progress: inout RunProgress) async {
    guard let failure = progress.report.failure, plan.isNight(record.trigger) else { return }
    if case .published = progress.report.published { return }
    let next = FailureText.nextCommand(
      failure.exitCode, errorClass: failure.errorClass, stage: failure.stage, run: progress.report.runID, job: plan.job,
      options: "")
    let (date, finding) = await Publication.markStale(
      output: session.project.output, asOf: plan.asOf, failure: failure, run: progress.report.runID, next: next,
      at: surroundings.now())
    if let date { progress.report.published = .stale(date) }
    if let finding { progress.report.findings.append(finding) }
  }

  private func recordEnd(_ progress: inout RunProgress, cost: ProcessCost) async {
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
  func explained(_ error: any Error, stage: String) -> StageFailure {
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

  func status(_ failure: StageFailure) -> RunStatus {
    switch failure.exitCode {
    case .timeout: .timeout
    case .interrupted, .terminated: .cancelled
    default: .failed
    }
  }

  func runFailure(_ failure: StageFailure) -> RunFailure {
    RunFailure(
      stage: failure.stage, errorClass: failure.errorClass, message: failure.locatedMessage,
      sqlState: failure.sqlState)
  }

  func cost(since start: ContinuousClock.Instant, _ usage: ProcessUsage) -> ProcessCost {
    let used = ProcessUsage.current().since(usage)
    let (seconds, attoseconds) = (ContinuousClock().now - start).components
    return ProcessCost(
      wallMilliseconds: Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000),
      cpuUserMilliseconds: used.cpuUserMilliseconds, cpuSystemMilliseconds: used.cpuSystemMilliseconds,
      peakResidentKilobytes: used.peakResidentKilobytes)
  }
}
