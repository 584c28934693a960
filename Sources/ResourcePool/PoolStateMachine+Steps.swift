// The steps the events of the state machine are made of. Each leaves the counts and lists agreeing with the entries.

extension PoolStateMachine {
  func phase(_ id: ResourceID) -> Phase? {
    guard let entry = entries[id.slot], entry.serial == id.serial else { return nil }
    return entry.phase
  }

  private func id(_ slot: Int) -> ResourceID {
    ResourceID(slot: slot, serial: entries[slot]?.serial ?? -1)
  }

  /// How many resources should be made now, room and pauses aside.
  var wanted: Int {
    if isClosed { return 0 }
    let total = creating + validating + leased + idle.count
    // What is being made or checked will serve a waiter each.
    return max(waiters.count - creating - validating, limits.min - total, 0)
  }

  /// Lends a resource that is in no list.
  mutating func lend(_ slot: Int, _ label: String, _ now: Duration) -> Lease {
    let serial = nextSerial
    nextSerial += 1
    leased += 1
    counts.leases += 1
    entries[slot]?.phase = .leased(serial)
    entries[slot]?.leasedAt = now
    entries[slot]?.label = label
    return Lease(resource: id(slot), serial: serial)
  }

  /// Finds the place of a resource that is good and in nobody's hands: with the first waiter, idle, or closed.
  mutating func settle(_ slot: Int, _ now: Duration, _ actions: inout [Action]) {
    if isClosed || (entries[slot]?.expiresAt ?? .zero) <= now {
      close(slot, &actions)
      return
    }
    if let (waiter, state) = waiters.popFirst() {
      actions.append(.grant(waiter, lend(slot, state.label, now), waited: now - state.arrived))
      return
    }
    entries[slot]?.phase = .idle
    entries[slot]?.idleSince = now
    idle.append(slot)
  }

  /// Closes a resource that is in no list and no count.
  mutating func close(_ slot: Int, _ actions: inout [Action]) {
    entries[slot]?.phase = .closing
    closing += 1
    counts.destroys += 1
    actions.append(.destroy(id(slot)))
  }

  /// Has idle resources checked and new ones made, as many as are wanted and there is room for.
  mutating func makeNeeded(_ now: Duration, _ actions: inout [Action]) {
    while !isClosed, waiters.count > creating + validating, let slot = idle.popLast() {
      if (entries[slot]?.expiresAt ?? .zero) <= now {
        close(slot, &actions)
      } else {
        entries[slot]?.phase = .validating
        validating += 1
        actions.append(.validate(id(slot)))
      }
    }
    guard createsResumeAt <= now else { return }
    // While making fails, one attempt at a time is enough to see it succeed again.
    let allowed = counts.consecutiveFailures > 0 ? 1 : limits.concurrentCreates
    while wanted > 0, creating < allowed, let slot = entries.firstIndex(where: { $0 == nil }) {
      entries[slot] = Entry(serial: nextSerial, phase: .creating)
      nextSerial += 1
      creating += 1
      actions.append(.create(id(slot)))
    }
  }

  /// Says once that nothing is left after shutting down.
  mutating func drainIfDone(_ actions: inout [Action]) {
    guard isClosed, !isDrained else { return }
    let awaited = entries.contains { entry in
      switch entry?.phase {
      case nil: false
      case .creating, .validating: !isHurried
      case .idle, .leased, .closing: true
      }
    }
    if awaited { return }
    isDrained = true
    actions.append(.drained)
  }
}

/// Waiters in order of arrival. Removing one in the middle leaves a gap that is skipped; gaps are swept when they
/// outnumber the waiters, so memory follows the waiters.
struct WaiterQueue: Sendable {
  private var order: [PoolStateMachine.WaiterID] = []
  private var head = 0
  private var states: [PoolStateMachine.WaiterID: PoolStateMachine.Waiter] = [:]

  var count: Int { states.count }
  var isEmpty: Bool { states.isEmpty }

  /// The state of the first; the head of `order` is never a gap.
  var first: PoolStateMachine.Waiter? { head < order.count ? states[order[head]] : nil }

  mutating func append(_ id: PoolStateMachine.WaiterID, _ state: PoolStateMachine.Waiter) {
    order.append(id)
    states[id] = state
  }

  mutating func popFirst() -> (PoolStateMachine.WaiterID, PoolStateMachine.Waiter)? {
    guard head < order.count else { return nil }
    let id = order[head]
    guard let state = states.removeValue(forKey: id) else { return nil }
    head += 1
    skipGaps()
    return (id, state)
  }

  mutating func remove(_ id: PoolStateMachine.WaiterID) -> PoolStateMachine.Waiter? {
    guard let state = states.removeValue(forKey: id) else { return nil }
    skipGaps()
    return state
  }

  private mutating func skipGaps() {
    while head < order.count, states[order[head]] == nil { head += 1 }
    if order.count > 2 * states.count + 16 {
      order = order[head...].filter { states[$0] != nil }
      head = 0
    }
  }
}
