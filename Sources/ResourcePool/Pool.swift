// The shell around the state machine: a lock, a clock, and the carrying out of actions after the lock is released.
// Invariant: nothing foreign runs under the lock. A lease that meets an idle resource costs one lock and one look at
// the clock. Resources are made by tasks of the pool, so that cancelling a caller never cancels a connect.
// What a resource is, and when it is in doubt, is deliberately elsewhere.

internal import Synchronization
public import Telemetry

/// A resource on loan.
public struct PoolLease<Resource: Sendable>: Sendable {
  /// What is lent.
  public let resource: Resource
  let lease: PoolStateMachine.Lease
}

/// A pool of resources of one kind.
public final class Pool<Resource: Sendable>: Sendable {
  /// How resources are made, checked and closed. None of them is called under a lock.
  public struct Operations: Sendable {
    /// Makes one.
    public var create: @Sendable () async throws -> Resource
    /// Whether one is still good; gives up by itself within the validation timeout.
    public var validate: @Sendable (Resource) async -> Bool
    /// Closes one, in use or not.
    public var destroy: @Sendable (Resource) async -> Void
    /// Whether a failure to make one would only repeat itself.
    public var isPermanent: @Sendable (any Error) -> Bool

    /// Makes operations.
    public init(
      create: @escaping @Sendable () async throws -> Resource, validate: @escaping @Sendable (Resource) async -> Bool,
      destroy: @escaping @Sendable (Resource) async -> Void,
      isPermanent: @escaping @Sendable (any Error) -> Bool = { _ in false }
    ) {
      self.create = create
      self.validate = validate
      self.destroy = destroy
      self.isPermanent = isPermanent
    }
  }

  private typealias Answer = Result<PoolLease<Resource>, PoolError>

  private struct State {
    var machine: PoolStateMachine
    /// By slot; the machine gives a slot to the next resource only after the last one's `destroyed`.
    var resources: [Resource?]
    var continuations: [PoolStateMachine.WaiterID: CheckedContinuation<Answer, Never>] = [:]
    /// Answers that came before their waiter had its continuation in place.
    var earlyAnswers: [PoolStateMachine.WaiterID: Answer] = [:]
    var drainWaiters: [CheckedContinuation<Void, Never>] = []
    var isDrained = false
    var lastFailure: (any Error)?
    var timer: Task<Void, Never>?
    var timerFiresAt: Duration?
  }

  private let state: Mutex<State>
  private let operations: Operations
  private let telemetry: any TelemetrySink
  private let origin = ContinuousClock.now

  /// Makes a pool, which begins at once to fill up to its minimum. The limits must have no defect.
  public init(limits: PoolLimits, operations: Operations, telemetry: any TelemetrySink = NullTelemetry()) {
    state = Mutex(
      State(
        machine: PoolStateMachine(limits: limits), resources: Array(repeating: nil, count: limits.max)))
    self.operations = operations
    self.telemetry = telemetry
    perform { $0.machine.start(now: $1) }
  }

  deinit {
    let (timer, left) = state.withLock { state in (state.timer, state.resources.compactMap { $0 }) }
    timer?.cancel()
    let destroy = operations.destroy
    if !left.isEmpty { Task { for resource in left { await destroy(resource) } } }
  }

  private var now: Duration { origin.duration(to: .now) }

  // MARK: Borrowing

  /// Borrows a resource; it must be given to `release` exactly once, whatever happens.
  ///
  /// - Parameter label: who borrows, for messages.
  public nonisolated(nonsending) func acquire(label: String) async throws(PoolError) -> PoolLease<Resource> {
    let began = now
    var actions: [PoolStateMachine.Action] = []
    let (answer, resource) = state.withLock { state -> (PoolStateMachine.Answer, Resource?) in
      let answer = state.machine.acquire(label: label, now: began, actions: &actions)
      guard case .granted(let lease) = answer else { return (answer, nil) }
      return (answer, state.resources[lease.resource.slot])
    }
    if !actions.isEmpty { carryOut(actions) }
    telemetry.count("pool.acquire", 1)
    switch answer {
    case .granted(let lease):
      guard let resource else { throw failure(.closed, since: began) }
      return PoolLease(resource: resource, lease: lease)
    case .closed:
      throw failure(.closed, since: began)
    case .waiting(let waiter):
      scheduleTick()
      let result = await wait(waiter, since: began)
      telemetry.record("pool.wait", now - began)
      return try result.get()
    }
  }

  /// Returns a resource. Returning a lease twice is harmless.
  public func release(_ lease: PoolLease<Resource>, _ verdict: PoolStateMachine.Verdict) {
    let time = now
    let (actions, firesAt, nextTick) = state.withLock { state in
      (state.machine.release(lease.lease, verdict, now: time), state.timerFiresAt, state.machine.nextTick)
    }
    if !actions.isEmpty { carryOut(actions) }
    if let nextTick, firesAt.map({ nextTick < $0 }) ?? true { scheduleTick() }
  }

  private nonisolated(nonsending) func wait(_ waiter: PoolStateMachine.WaiterID, since began: Duration) async -> Answer
  {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let early = state.withLock { state -> Answer? in
          if let answer = state.earlyAnswers.removeValue(forKey: waiter) { return answer }
          state.continuations[waiter] = continuation
          return nil
        }
        if let early { continuation.resume(returning: early) }
        // The handler may have run before there was a continuation.
        if Task.isCancelled { cancel(waiter, since: began) }
      }
    } onCancel: {
      cancel(waiter, since: began)
    }
  }

  private func cancel(_ waiter: PoolStateMachine.WaiterID, since began: Duration) {
    let continuation = state.withLock { state -> CheckedContinuation<Answer, Never>? in
      guard let continuation = state.continuations[waiter], state.machine.cancel(waiter) else { return nil }
      state.continuations[waiter] = nil
      return continuation
    }
    continuation?.resume(returning: .failure(failure(.cancelled, since: began)))
  }

  private func failure(_ reason: PoolError.Reason, since began: Duration) -> PoolError {
    let time = now
    return state.withLock { state in
      PoolError(
        reason: reason, waited: time - began, counts: state.machine.snapshot(now: time),
        lastFailure: state.lastFailure)
    }
  }

  // MARK: Watching and ending

  /// A snapshot.
  public var counts: PoolCounts {
    let time = now
    return state.withLock { $0.machine.snapshot(now: time) }
  }

  /// What last went wrong when making a resource, unless one has been made since.
  public var lastFailure: (any Error)? {
    state.withLock { $0.lastFailure }
  }

  /// Ends the pool: who waits is refused, idle resources are closed, lent ones are closed as they come back, and after
  /// `limit` under their borrowers. Returns when all are closed; may be called more than once.
  public func shutDown(within limit: Duration) async {
    perform { state, _ in state.machine.shutDown() }
    let deadline = Task { [weak self] in
      guard (try? await Task.sleep(for: limit)) != nil else { return }
      self?.perform { state, _ in state.machine.shutDownNow() }
    }
    await withCheckedContinuation { continuation in
      let isDrained = state.withLock { state in
        if !state.isDrained { state.drainWaiters.append(continuation) }
        return state.isDrained
      }
      if isDrained { continuation.resume() }
    }
    deadline.cancel()
    state.withLock { state in
      state.timer?.cancel()
      state.timer = nil
    }
  }

  // MARK: Carrying out

  private func perform(_ event: (inout State, Duration) -> [PoolStateMachine.Action]) {
    let time = now
    let actions = state.withLock { event(&$0, time) }
    carryOut(actions)
    scheduleTick()
  }

  private func carryOut(_ actions: [PoolStateMachine.Action]) {
    for action in actions {
      switch action {
      case .create(let id): create(id)
      case .validate(let id): validate(id)
      case .destroy(let id): destroy(id)
      case .grant(let waiter, let lease, _):
        answer(waiter) { state in
          state.resources[lease.resource.slot].map { .success(PoolLease(resource: $0, lease: lease)) }
        }
      case .refuse(let waiter, let refusal):
        answer(waiter) { [self] state in .failure(error(refusal, state)) }
      case .drained:
        let waiting = state.withLock { state in
          state.isDrained = true
          defer { state.drainWaiters = [] }
          return state.drainWaiters
        }
        for continuation in waiting { continuation.resume() }
      }
    }
  }

  private func answer(_ waiter: PoolStateMachine.WaiterID, _ make: (State) -> Answer?) {
    let (continuation, answer) = state.withLock { state -> (CheckedContinuation<Answer, Never>?, Answer?) in
      let answer = make(state)
      let continuation = state.continuations.removeValue(forKey: waiter)
      if continuation == nil { state.earlyAnswers[waiter] = answer }
      return (continuation, answer)
    }
    if let continuation, let answer { continuation.resume(returning: answer) }
  }

  private func error(_ refusal: PoolStateMachine.Refusal, _ state: State) -> PoolError {
    let counts = state.machine.snapshot(now: now)
    let (reason, waited): (PoolError.Reason, Duration) =
      switch refusal {
      case .timedOut(let waited): (.timedOut, waited)
      case .closed: (.closed, .zero)
      case .cannotCreate: (.cannotCreate, .zero)
      }
    return PoolError(reason: reason, waited: waited, counts: counts, lastFailure: state.lastFailure)
  }

  private func create(_ id: PoolStateMachine.ResourceID) {
    Task { [self] in
      let began = now
      do {
        let resource = try await operations.create()
        telemetry.record("pool.create", now - began)
        perform { state, now in
          state.resources[id.slot] = resource
          state.lastFailure = nil
          return state.machine.created(id, chance: .random(in: 0..<1), now: now)
        }
      } catch {
        let isPermanent = operations.isPermanent(error)
        perform { state, now in
          state.lastFailure = error
          return state.machine.createFailed(
            id, isPermanent: isPermanent, chance: .random(in: 0..<1), now: now)
        }
      }
    }
  }

  private func validate(_ id: PoolStateMachine.ResourceID) {
    guard let resource = state.withLock({ $0.resources[id.slot] }) else { return }
    Task { [self] in
      let isGood = await operations.validate(resource)
      perform { $0.machine.validated(id, isGood: isGood, now: $1) }
    }
  }

  private func destroy(_ id: PoolStateMachine.ResourceID) {
    let resource = state.withLock { state in
      defer { state.resources[id.slot] = nil }
      return state.resources[id.slot]
    }
    Task { [self] in
      if let resource { await operations.destroy(resource) }
      perform { $0.machine.destroyed(id, now: $1) }
    }
  }

  /// Makes sure that a timer fires when the machine next has something to do with time.
  private func scheduleTick() {
    let stale = state.withLock { state -> Task<Void, Never>? in
      guard !state.isDrained, let next = state.machine.nextTick else { return nil }
      if let firesAt = state.timerFiresAt, firesAt <= next { return nil }
      let stale = state.timer
      state.timerFiresAt = next
      let instant = origin + next
      state.timer = Task { [weak self] in
        guard (try? await Task.sleep(until: instant, clock: .continuous)) != nil else { return }
        self?.timerFired(at: next)
      }
      return stale
    }
    stale?.cancel()
  }

  private func timerFired(at time: Duration) {
    state.withLock { state in
      if state.timerFiresAt == time {
        state.timerFiresAt = nil
        state.timer = nil
      }
    }
    perform { $0.machine.tick(now: $1) }
  }
}
