// The pool's decisions as a pure value: every event returns the actions to carry out once the lock is released.
// Time is passed in, as a duration since some start; chance is passed in; nothing here waits, and no resource is here.
// Invariants: resources (closing ones included) never exceed max; waiters are served in order of arrival, cancelled
// ones skipped; the most recently used idle resource is lent first; whatever ends, ends in exactly one action.

/// Decides who gets which resource of a pool, and when resources are made and closed.
public struct PoolStateMachine: Sendable {
  /// One resource; never reused for another.
  public struct ResourceID: Sendable, Hashable {
    let slot: Int
    let serial: Int
  }

  /// One caller who waits.
  public struct WaiterID: Sendable, Hashable {
    let serial: Int
  }

  /// One loan of a resource; a lease that was returned is known no more.
  public struct Lease: Sendable, Hashable {
    /// What is lent.
    public let resource: ResourceID
    let serial: Int
  }

  /// What a borrower says of the resource it returns.
  public enum Verdict: Sendable, Hashable {
    /// As good as it was.
    case reusable
    /// In doubt; it is closed.
    case doubtful
  }

  /// Why a waiter gets nothing.
  public enum Refusal: Sendable, Hashable {
    /// Its time is over.
    case timedOut(waited: Duration)
    /// The pool is shut down.
    case closed
    /// None can be made, and trying again would not help.
    case cannotCreate
  }

  /// What the shell has to do.
  public enum Action: Sendable, Hashable {
    /// Make one, then report `created` or `createFailed`.
    case create(ResourceID)
    /// Check one, then report `validated`.
    case validate(ResourceID)
    /// Give one to a waiter.
    case grant(WaiterID, Lease, waited: Duration)
    /// Tell a waiter that it gets none.
    case refuse(WaiterID, Refusal)
    /// Close one, then report `destroyed`.
    case destroy(ResourceID)
    /// Shutting down is complete.
    case drained
  }

  /// How a request was met.
  public enum Answer: Sendable, Hashable {
    /// At once.
    case granted(Lease)
    /// Not yet; an action will name the waiter.
    case waiting(WaiterID)
    /// Never: the pool is shut down.
    case closed
  }

  enum Phase: Sendable {
    case creating, idle, validating
    case leased(Int)
    case closing
  }

  struct Entry: Sendable {
    var serial: Int
    var phase: Phase
    var expiresAt: Duration = .zero
    var idleSince: Duration = .zero
    var leasedAt: Duration = .zero
    var label = ""
  }

  struct Waiter: Sendable {
    var arrived: Duration
    var label: String
  }

  let limits: PoolLimits
  var entries: [Entry?]
  /// Slots of idle resources; the last was used last.
  var idle: [Int] = []
  var waiters = WaiterQueue()
  var nextSerial = 0
  var creating = 0
  var validating = 0
  var leased = 0
  var closing = 0
  /// No resource is made before this moment.
  var createsResumeAt: Duration = .zero
  var isClosed = false
  var isDrained = false
  /// Whether shutting down no longer waits for what is being made or checked.
  var isHurried = false
  var counts = PoolCounts()

  /// Makes an empty machine. The limits must have no defect.
  public init(limits: PoolLimits) {
    precondition(limits.defect == nil, "pool limits: \(limits.defect ?? "")")
    self.limits = limits
    entries = Array(repeating: nil, count: limits.max)
  }

  // MARK: Events

  /// The pool begins; it fills up to its minimum.
  public mutating func start(now: Duration) -> [Action] {
    var actions: [Action] = []
    makeNeeded(now, &actions)
    return actions
  }

  /// Someone wants a resource.
  public mutating func acquire(label: String, now: Duration, actions: inout [Action]) -> Answer {
    if isClosed { return .closed }
    if waiters.isEmpty {
      while let slot = idle.last {
        guard let entry = entries[slot] else { break }
        if entry.expiresAt <= now {
          idle.removeLast()
          close(slot, &actions)
        } else if now - entry.idleSince <= limits.validationBypass {
          idle.removeLast()
          return .granted(lend(slot, label, now))
        } else {
          break
        }
      }
    }
    let waiter = WaiterID(serial: nextSerial)
    nextSerial += 1
    waiters.append(waiter, Waiter(arrived: now, label: label))
    makeNeeded(now, &actions)
    return .waiting(waiter)
  }

  /// A waiter is cancelled. What is being made for it stays and becomes idle.
  ///
  /// - Returns: whether it was still waiting; otherwise it has been or is being answered.
  public mutating func cancel(_ waiter: WaiterID) -> Bool {
    guard waiters.remove(waiter) != nil else { return false }
    counts.cancellations += 1
    return true
  }

  /// A resource has been made.
  ///
  /// - Parameter chance: in 0..<1, how much of the jitter is taken off its age.
  public mutating func created(_ id: ResourceID, chance: Double, now: Duration) -> [Action] {
    guard case .creating = phase(id) else { return [] }
    var actions: [Action] = []
    creating -= 1
    counts.creates += 1
    counts.consecutiveFailures = 0
    createsResumeAt = .zero
    entries[id.slot]?.expiresAt = now + limits.maxAge * (1 - limits.maxAgeJitter * chance)
    settle(id.slot, now, &actions)
    makeNeeded(now, &actions)
    return actions
  }

  /// A resource could not be made.
  ///
  /// - Parameters:
  ///   - isPermanent: whether trying again cannot help; then everyone who waits is told.
  ///   - chance: in 0..<1, how much of half the pause is taken off.
  public mutating func createFailed(
    _ id: ResourceID, isPermanent: Bool, chance: Double, now: Duration
  ) -> [Action] {
    guard case .creating = phase(id) else { return [] }
    var actions: [Action] = []
    creating -= 1
    entries[id.slot] = nil
    counts.failedCreates += 1
    counts.consecutiveFailures += 1
    let doublings = min(counts.consecutiveFailures - 1, 16)
    let pause = min(limits.firstBackoff * (1 << doublings), limits.longestBackoff)
    createsResumeAt = max(createsResumeAt, now + pause * (1 - 0.5 * chance))
    if isPermanent {
      while let (waiter, _) = waiters.popFirst() { actions.append(.refuse(waiter, .cannotCreate)) }
    }
    makeNeeded(now, &actions)
    drainIfDone(&actions)
    return actions
  }

  /// A resource has been checked.
  public mutating func validated(_ id: ResourceID, isGood: Bool, now: Duration) -> [Action] {
    guard case .validating = phase(id) else { return [] }
    var actions: [Action] = []
    validating -= 1
    if isGood {
      settle(id.slot, now, &actions)
    } else {
      close(id.slot, &actions)
    }
    makeNeeded(now, &actions)
    return actions
  }

  /// A borrower returns what it was lent. A lease that was returned before is ignored.
  public mutating func release(_ lease: Lease, _ verdict: Verdict, now: Duration) -> [Action] {
    guard case .leased(let serial) = phase(lease.resource), serial == lease.serial else { return [] }
    var actions: [Action] = []
    leased -= 1
    let slot = lease.resource.slot
    if verdict == .reusable {
      settle(slot, now, &actions)
    } else {
      close(slot, &actions)
    }
    makeNeeded(now, &actions)
    return actions
  }

  /// A resource has been closed.
  public mutating func destroyed(_ id: ResourceID, now: Duration) -> [Action] {
    guard case .closing = phase(id) else { return [] }
    var actions: [Action] = []
    closing -= 1
    entries[id.slot] = nil
    makeNeeded(now, &actions)
    drainIfDone(&actions)
    return actions
  }

  /// Time has passed: waiters whose time is over are refused, idle resources that are too old or too many are
  /// closed, missing ones are made.
  public mutating func tick(now: Duration) -> [Action] {
    var actions: [Action] = []
    while let first = waiters.first, first.arrived + limits.acquireTimeout <= now {
      guard let (waiter, state) = waiters.popFirst() else { break }
      counts.timeouts += 1
      actions.append(.refuse(waiter, .timedOut(waited: now - state.arrived)))
    }
    var kept = leased + creating + validating + idle.count
    var staying: [Int] = []
    // The oldest idle resource is the first in the list.
    for slot in idle {
      guard let entry = entries[slot] else { continue }
      let isTooMany = kept > limits.min && entry.idleSince + limits.idleTimeout <= now
      if entry.expiresAt <= now || isTooMany {
        kept -= 1
        close(slot, &actions)
      } else {
        staying.append(slot)
      }
    }
    idle = staying
    makeNeeded(now, &actions)
    return actions
  }

  /// No more: waiters are refused, idle resources closed, lent ones closed as they come back.
  public mutating func shutDown() -> [Action] {
    guard !isClosed else { return [] }
    isClosed = true
    var actions: [Action] = []
    while let (waiter, _) = waiters.popFirst() { actions.append(.refuse(waiter, .closed)) }
    for slot in idle { close(slot, &actions) }
    idle = []
    drainIfDone(&actions)
    return actions
  }

  /// The time to wait for borrowers is over: what is lent is closed under them, and what is still being made or
  /// checked is no longer waited for; it is closed when it comes.
  public mutating func shutDownNow() -> [Action] {
    var actions: [Action] = []
    isHurried = true
    for (slot, entry) in entries.enumerated() {
      if case .leased = entry?.phase {
        leased -= 1
        close(slot, &actions)
      }
    }
    drainIfDone(&actions)
    return actions
  }

  // MARK: Questions

  /// When `tick` has something to do next; nil when time changes nothing.
  public var nextTick: Duration? {
    var next = waiters.first.map { $0.arrived + limits.acquireTimeout }
    func consider(_ time: Duration) { next = next.map { min($0, time) } ?? time }
    if creating == 0, createsResumeAt > .zero, wanted > 0, entries.contains(where: { $0 == nil }) {
      consider(createsResumeAt)
    }
    let kept = leased + creating + validating + idle.count
    for slot in idle {
      guard let entry = entries[slot] else { continue }
      consider(entry.expiresAt)
      if kept > limits.min { consider(entry.idleSince + limits.idleTimeout) }
    }
    return next
  }

  /// A snapshot.
  public func snapshot(now: Duration) -> PoolCounts {
    var snapshot = counts
    snapshot.active = leased
    snapshot.idle = idle.count
    snapshot.constructing = creating + validating
    snapshot.total = leased + idle.count + creating + validating
    snapshot.closing = closing
    snapshot.waiting = waiters.count
    for case let entry? in entries {
      guard case .leased = entry.phase else { continue }
      let age = now - entry.leasedAt
      if snapshot.longestLease.map({ $0.age < age }) ?? true {
        snapshot.longestLease = PoolLeaseAge(label: entry.label, age: age)
      }
    }
    return snapshot
  }
}
