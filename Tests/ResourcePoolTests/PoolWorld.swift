// The world around the state machine as tests need it: it keeps what the actions ask for, so that a test can say
// when a resource is made, fails, or is closed. After every event it checks the invariants that always hold.

import ResourcePool
import Testing

struct PoolWorld {
  var machine: PoolStateMachine
  let limits: PoolLimits
  var now: Duration = .zero
  var creating: [PoolStateMachine.ResourceID] = []
  var validating: [PoolStateMachine.ResourceID] = []
  var destroying: [PoolStateMachine.ResourceID] = []
  var leases: [PoolStateMachine.WaiterID: PoolStateMachine.Lease] = [:]
  var held: Set<PoolStateMachine.Lease> = []
  var refusals: [PoolStateMachine.WaiterID: PoolStateMachine.Refusal] = [:]
  var grantedInOrder: [PoolStateMachine.WaiterID] = []
  var isDrained = false

  init(_ limits: PoolLimits) {
    self.limits = limits
    machine = PoolStateMachine(limits: limits)
    take(machine.start(now: now))
  }

  var counts: PoolCounts { machine.snapshot(now: now) }

  mutating func acquireAnswer() -> PoolStateMachine.Answer {
    var actions: [PoolStateMachine.Action] = []
    let answer = machine.acquire(label: "test", now: now, actions: &actions)
    if case .granted(let lease) = answer { note(lease) }
    take(actions)
    return answer
  }

  struct Unexpected: Error { var answer: PoolStateMachine.Answer }

  /// Acquires where one has to wait.
  mutating func acquire() throws -> PoolStateMachine.WaiterID {
    let answer = acquireAnswer()
    guard case .waiting(let waiter) = answer else { throw Unexpected(answer: answer) }
    return waiter
  }

  /// Acquires several times where each has to wait.
  mutating func acquire(_ count: Int) throws -> [PoolStateMachine.WaiterID] {
    var waiters: [PoolStateMachine.WaiterID] = []
    for _ in 0..<count { waiters.append(try acquire()) }
    return waiters
  }

  /// Acquires where one is at hand.
  mutating func acquireNow() throws -> PoolStateMachine.Lease {
    let answer = acquireAnswer()
    guard case .granted(let lease) = answer else { throw Unexpected(answer: answer) }
    return lease
  }

  func holder(of waiter: PoolStateMachine.WaiterID) -> PoolStateMachine.Lease? { leases[waiter] }

  mutating func release(_ lease: PoolStateMachine.Lease, _ verdict: PoolStateMachine.Verdict = .reusable) {
    held.remove(lease)
    take(machine.release(lease, verdict, now: now))
  }

  mutating func cancel(_ waiter: PoolStateMachine.WaiterID) {
    _ = machine.cancel(waiter)
  }

  mutating func finishCreate(chance: Double = 0) {
    guard !creating.isEmpty else { return }
    take(machine.created(creating.removeFirst(), chance: chance, now: now))
  }

  mutating func failCreate(isPermanent: Bool = false) {
    guard !creating.isEmpty else { return }
    take(machine.createFailed(creating.removeFirst(), isPermanent: isPermanent, chance: 0, now: now))
  }

  mutating func finishValidation(isGood: Bool) {
    guard !validating.isEmpty else { return }
    take(machine.validated(validating.removeFirst(), isGood: isGood, now: now))
  }

  mutating func finishDestroy() {
    guard !destroying.isEmpty else { return }
    take(machine.destroyed(destroying.removeFirst(), now: now))
  }

  mutating func advance(to time: Duration) {
    now = time
    take(machine.tick(now: now))
    if let next = machine.nextTick { hold(next > now, "the timer would fire for ever") }
  }

  mutating func shutDown() { take(machine.shutDown()) }

  mutating func shutDownNow() {
    held = []
    take(machine.shutDownNow())
  }

  private mutating func note(_ lease: PoolStateMachine.Lease) {
    let isShared = held.contains { $0.resource == lease.resource }
    hold(!isShared, "one resource is lent twice")
    held.insert(lease)
  }

  private mutating func take(_ actions: [PoolStateMachine.Action]) {
    for action in actions {
      switch action {
      case .create(let id): creating.append(id)
      case .validate(let id): validating.append(id)
      case .destroy(let id): destroying.append(id)
      case .grant(let waiter, let lease, _):
        hold(leases[waiter] == nil && refusals[waiter] == nil, "a waiter is answered twice")
        leases[waiter] = lease
        grantedInOrder.append(waiter)
        note(lease)
      case .refuse(let waiter, let refusal):
        hold(leases[waiter] == nil && refusals[waiter] == nil, "a waiter is answered twice")
        refusals[waiter] = refusal
      case .drained:
        hold(!isDrained, "drained twice")
        isDrained = true
      }
    }
    let counts = counts
    hold(counts.total == counts.idle + counts.active + counts.constructing, "the counts disagree")
    hold(counts.total + counts.closing <= limits.max, "the counts disagree")
    hold(counts.active == held.count, "the counts disagree")
    hold(counts.constructing == creating.count + validating.count, "the counts disagree")
    hold(counts.closing == destroying.count, "the counts disagree")
  }
}

/// Expects something that is checked after every event; cheaper than `#expect` where it holds.
private func hold(_ isTrue: Bool, _ comment: Comment) {
  if !isTrue { Issue.record(comment) }
}
