// Random histories of a pool. Whatever happens in whatever order, the invariants hold (PoolWorld checks them after
// every event), grants follow arrival, nobody is forgotten, and time brings every history to rest.

import ResourcePool
import TestSupport
import Testing

@Suite struct PoolPropertyTests {
  @Test(arguments: 0..<200)
  func everyHistoryKeepsTheInvariants(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    let max = Int.random(in: 1...5, using: &random)
    var world = PoolWorld(
      PoolLimits(
        min: Int.random(in: 0...max, using: &random), max: max, acquireTimeout: .seconds(5), maxAge: .seconds(60),
        idleTimeout: .seconds(20), validationBypass: .seconds(1),
        concurrentCreates: Int.random(in: 1...3, using: &random)))
    var asked: [PoolStateMachine.WaiterID] = []
    var cancelled: Set<PoolStateMachine.WaiterID> = []
    for _ in 0..<400 {
      switch Int.random(in: 0..<20, using: &random) {
      case 0..<6:
        if case .waiting(let waiter) = world.acquireAnswer() { asked.append(waiter) }
      case 6..<11:
        if let lease = world.held.randomElement(using: &random) {
          world.release(lease, Int.random(in: 0..<5, using: &random) == 0 ? .doubtful : .reusable)
        }
      case 11..<13: world.finishCreate(chance: .random(in: 0..<1, using: &random))
      case 13: world.failCreate(isPermanent: Int.random(in: 0..<4, using: &random) == 0)
      case 14: world.finishValidation(isGood: Bool.random(using: &random))
      case 15, 16: world.finishDestroy()
      case 17:
        if let waiter = asked.randomElement(using: &random), world.holder(of: waiter) == nil,
          world.refusals[waiter] == nil
        {
          world.cancel(waiter)
          cancelled.insert(waiter)
        }
      default: world.advance(to: world.now + .milliseconds(Int.random(in: 0...3_000, using: &random)))
      }
    }
    let served = world.grantedInOrder.compactMap { asked.firstIndex(of: $0) }
    #expect(served == served.sorted(), "waiters were overtaken")
    // Everything that was begun ends, and everybody gets an answer in time.
    while !world.creating.isEmpty || !world.validating.isEmpty || !world.destroying.isEmpty || world.counts.waiting > 0
    {
      for lease in world.held { world.release(lease) }
      world.finishCreate()
      world.finishValidation(isGood: true)
      world.finishDestroy()
      if world.counts.waiting > 0 { world.advance(to: world.now + .milliseconds(100)) }
    }
    for waiter in asked {
      let isAnswered = world.holder(of: waiter) != nil || world.refusals[waiter] != nil
      #expect(isAnswered != cancelled.contains(waiter), "a waiter was forgotten")
    }
    for lease in world.held { world.release(lease) }
    #expect(world.counts.active == 0)
    world.shutDown()
    while !world.destroying.isEmpty { world.finishDestroy() }
    #expect(world.isDrained && world.counts.total == 0)
  }
}
