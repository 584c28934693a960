// The pool's decisions, with no clock and no resource: events in, actions out.

import ResourcePool
import Testing

@Suite struct PoolStateMachineTests {
  typealias Machine = PoolStateMachine

  @Test func theFirstCallerHasOneMade() throws {
    var world = PoolWorld(PoolLimits(min: 0, max: 2))
    let waiter = try world.acquire()
    #expect(world.creating.count == 1)
    world.finishCreate()
    #expect(world.holder(of: waiter) != nil)
    #expect(world.counts.active == 1)
  }

  @Test func theLastReturnedIsLentFirst() throws {
    var world = PoolWorld(PoolLimits(min: 2, max: 2))
    world.finishCreate()
    world.finishCreate()
    let first = try world.acquireNow()
    let second = try world.acquireNow()
    world.release(first)
    world.release(second)
    let third = try world.acquireNow()
    #expect(third.resource == second.resource)
  }

  @Test func waitersAreServedInOrderOfArrivalAndCancelledOnesSkipped() throws {
    var world = PoolWorld(PoolLimits(min: 1, max: 1))
    world.finishCreate()
    var held = try world.acquireNow()
    let waiters = try world.acquire(5)
    world.cancel(waiters[0])
    world.cancel(waiters[2])
    for index in [1, 3, 4] {
      world.release(held)
      let next = try #require(world.holder(of: waiters[index]))
      held = next
    }
    #expect(world.holder(of: waiters[0]) == nil && world.holder(of: waiters[2]) == nil)
    #expect(world.counts.cancellations == 2)
  }

  @Test func aFailureToMakeOneStrandsNoOtherWaiter() throws {
    var world = PoolWorld(PoolLimits(min: 0, max: 2, concurrentCreates: 2))
    let waiters = try world.acquire(2)
    world.failCreate()
    world.finishCreate()
    #expect(world.holder(of: waiters[0]) != nil)
    world.release(try #require(world.holder(of: waiters[0])))
    #expect(world.holder(of: waiters[1]) != nil)
  }

  @Test func afterAFailureMakingIsTriedAgainAfterAPause() throws {
    var world = PoolWorld(
      PoolLimits(min: 0, max: 2, firstBackoff: .milliseconds(100), longestBackoff: .milliseconds(400)))
    let waiter = try world.acquire()
    for pause in [100, 200, 400, 400] {
      world.failCreate()
      #expect(world.creating.isEmpty)
      let resumesAt = world.now + .milliseconds(pause)
      #expect(world.machine.nextTick == resumesAt)
      world.advance(to: resumesAt)
      #expect(world.creating.count == 1)
    }
    world.finishCreate()
    #expect(world.holder(of: waiter) != nil)
    #expect(world.counts.consecutiveFailures == 0)
  }

  @Test func aFailureThatWouldRepeatItselfIsToldAtOnce() throws {
    var world = PoolWorld(PoolLimits(min: 0, max: 2))
    let waiters = try world.acquire(3)
    world.failCreate(isPermanent: true)
    #expect(waiters.allSatisfy { world.refusals[$0] == .cannotCreate })
  }

  @Test func aWaiterIsRefusedWhenItsTimeIsOver() throws {
    var world = PoolWorld(PoolLimits(min: 0, max: 1, acquireTimeout: .seconds(5)))
    let waiter = try world.acquire()
    #expect(world.machine.nextTick == .seconds(5))
    world.advance(to: .milliseconds(4_999))
    #expect(world.refusals[waiter] == nil)
    world.advance(to: .seconds(5))
    #expect(world.refusals[waiter] == .timedOut(waited: .seconds(5)))
    world.finishCreate()
    #expect(world.counts.idle == 1)
  }

  @Test func cancellingACallerLeavesWhatIsBeingMadeToBecomeIdle() throws {
    var world = PoolWorld(PoolLimits(min: 0, max: 1))
    world.cancel(try world.acquire())
    world.finishCreate()
    #expect(world.counts.idle == 1 && world.counts.active == 0)
  }

  @Test func nothingIsMadeOnceDemandHasEnded() throws {
    var world = PoolWorld(PoolLimits(min: 1, max: 10, concurrentCreates: 1))
    world.finishCreate()
    let held = try world.acquireNow()
    let waiters = try world.acquire(8)
    #expect(world.creating.count == 1)
    world.release(held)
    for waiter in waiters {
      guard let lease = world.holder(of: waiter) else { continue }
      world.release(lease)
    }
    world.finishCreate()
    #expect(world.creating.isEmpty)
    #expect(world.counts.total == 2)
  }

  @Test func idleTimeoutNeverGoesBelowTheMinimum() throws {
    var world = PoolWorld(PoolLimits(min: 2, max: 5, idleTimeout: .seconds(60), concurrentCreates: 5))
    let waiters = try world.acquire(5)
    for _ in 0..<5 { world.finishCreate() }
    for waiter in waiters { world.release(try #require(world.holder(of: waiter))) }
    #expect(world.counts.idle == 5)
    #expect(world.machine.nextTick == .seconds(60))
    world.advance(to: .seconds(60))
    #expect(world.counts.idle == 2 && world.counts.destroys == 3)
    world.advance(to: .seconds(600))
    #expect(world.counts.total == 2)
  }

  @Test func oldAgeEndsIdleResourcesAndNeverARunningLease() throws {
    var world = PoolWorld(PoolLimits(min: 1, max: 2, maxAge: .seconds(300), maxAgeJitter: 0))
    world.finishCreate()
    let lease = try world.acquireNow()
    world.advance(to: .seconds(400))
    #expect(world.counts.destroys == 0)
    world.release(lease)
    #expect(world.counts.destroys == 1)
    world.finishDestroy()
    world.finishCreate()
    world.advance(to: .seconds(701))
    #expect(world.counts.destroys == 2)
  }

  @Test func chanceTakesResourcesOfOneAgeAtDifferentTimes() throws {
    var world = PoolWorld(PoolLimits(min: 2, max: 2, maxAge: .seconds(1_000), maxAgeJitter: 0.1))
    world.finishCreate(chance: 0)
    world.finishCreate(chance: 0.5)
    world.advance(to: .seconds(950))
    #expect(world.counts.destroys == 1)
    world.advance(to: .seconds(1_000))
    #expect(world.counts.destroys == 2)
  }

  @Test func oneThatLayIdleIsCheckedAndABadOneReplaced() throws {
    var world = PoolWorld(PoolLimits(min: 1, max: 1, validationBypass: .seconds(1)))
    world.finishCreate()
    world.advance(to: .seconds(1))
    world.release(try world.acquireNow())
    world.advance(to: .seconds(3))
    let waiter = try world.acquire()
    #expect(world.validating.count == 1 && world.holder(of: waiter) == nil)
    world.finishValidation(isGood: false)
    #expect(world.counts.closing == 1 && world.creating.isEmpty)
    world.finishDestroy()
    world.finishCreate()
    #expect(world.holder(of: waiter) != nil)
  }

  @Test func aDoubtfulResourceIsNeverLentAgain() throws {
    var world = PoolWorld(PoolLimits(min: 0, max: 1))
    let waiter = try world.acquire()
    world.finishCreate()
    let lease = try #require(world.holder(of: waiter))
    let next = try world.acquire()
    world.release(lease, .doubtful)
    #expect(world.holder(of: next) == nil && world.creating.isEmpty, "its room is free only when it is closed")
    world.finishDestroy()
    world.finishCreate()
    #expect(try #require(world.holder(of: next)).resource != lease.resource)
  }

  @Test func returningTwiceIsHarmless() throws {
    var world = PoolWorld(PoolLimits(min: 1, max: 1))
    world.finishCreate()
    let first = try world.acquireNow()
    world.release(first)
    let second = try world.acquireNow()
    world.release(first)
    world.release(first, .doubtful)
    #expect(world.counts.active == 1)
    world.release(second)
    #expect(world.counts.idle == 1)
  }

  @Test func shuttingDownRefusesWaitersAndWaitsForBorrowers() throws {
    var world = PoolWorld(PoolLimits(min: 1, max: 1))
    world.finishCreate()
    let lease = try world.acquireNow()
    let waiter = try world.acquire()
    world.shutDown()
    world.shutDown()
    #expect(world.refusals[waiter] == .closed)
    let answer = world.acquireAnswer()
    #expect(answer == .closed)
    #expect(!world.isDrained)
    world.release(lease)
    world.finishDestroy()
    #expect(world.isDrained)
  }

  @Test func shuttingDownNowClosesWhatIsLentAndWaitsForNoConnect() throws {
    var world = PoolWorld(PoolLimits(min: 2, max: 2))
    world.finishCreate()
    let lease = try world.acquireNow()
    world.shutDown()
    world.shutDownNow()
    #expect(!world.isDrained)
    world.finishDestroy()
    #expect(world.isDrained)
    world.release(lease)
    world.finishCreate()
    world.finishDestroy()
    #expect(world.counts.total == 0 && world.counts.closing == 0)
  }

  @Test(arguments: [
    (PoolLimits(min: 5, max: 4), "min"), (PoolLimits(max: 0), "max"),
    (PoolLimits(maxAge: .seconds(10), idleTimeout: .seconds(11)), "idle_timeout"),
    (PoolLimits(acquireTimeout: .seconds(1), validationTimeout: .seconds(1)), "validation"),
    (PoolLimits(acquireTimeout: .zero), "acquire_timeout"), (PoolLimits(maxAgeJitter: 1), "jitter"),
    (PoolLimits(concurrentCreates: 0), "concurrent"), (PoolLimits(firstBackoff: .zero), "backoff"),
  ])
  func limitsThatContradictEachOtherAreRefused(limits: PoolLimits, word: String) {
    #expect(limits.defect?.contains(word) == true)
    #expect(PoolLimits().defect == nil)
  }
}
