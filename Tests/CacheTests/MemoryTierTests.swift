// Checks 3, 8 and 12 for the tier in memory, and check 9: S3-FIFO against the paper's algorithm written down plainly, and
// against LRU, whose counts of misses on the strings of the textbooks are known.

import Ledger
import TestSupport
import Testing

@testable import Cache

@Suite struct MemoryTierTests {
  @Test func boundHoldsUnderStressAndHitsAndMissesAreGets() async {
    let bound = 200_000
    let tier = MemoryTier(maximumBytes: bound, largestBytes: 20_000)
    let asked = Counter()
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<8 {
        group.addTask {
          var dice = SeededRandom(seed: UInt64(worker) + 1)
          for _ in 0..<800 {
            let number = Int.random(in: 0..<400, using: &dice)
            let key = question("select \(number)").key
            asked.next()
            if await tier.get(key, at: noon) == nil {
              let bytes = [UInt8](repeating: 7, count: number * 60)
              await tier.put(CacheEntry(question: question("select \(number)"), value: value(bytes)))
            }
            if number % 100 == 3 {
              let held = await tier.statistics()
              #expect(held.bytes <= bound)
            }
          }
        }
      }
    }
    let statistics = await tier.statistics()
    #expect(statistics.bytes <= bound && statistics.entries > 0 && statistics.evictions > 0)
    #expect(statistics.gets == asked.count && statistics.hits + statistics.misses == statistics.gets)
    #expect(statistics.hits > 0 && statistics.refused > 0)
  }

  @Test func oversizedItemIsRefusedAndPushesNothingOut() async {
    let tier = MemoryTier(maximumBytes: 100_000)
    let small = (0..<50).map { question("select \($0)") }
    for item in small { await tier.put(CacheEntry(question: item, value: value([UInt8](repeating: 1, count: 400)))) }
    let before = await tier.statistics()
    #expect(before.entries == 50 && before.evictions == 0)
    let giant = question("select giant")
    let isStored = await tier.put(CacheEntry(question: giant, value: value([UInt8](repeating: 1, count: 50_000))))
    #expect(isStored == .refused)
    let after = await tier.statistics()
    #expect(after.entries == 50 && after.evictions == 0 && after.refused == 1)
    for item in small {
      let found = await tier.get(item.key, at: noon)
      #expect(found != nil)
    }
  }

  @Test func valueExpiresAndANewOneLivesItsWholeLife() async {
    let tier = MemoryTier()
    await tier.put(CacheEntry(question: question(), value: value(lives: 100)))
    #expect(await tier.get(question().key, at: moment(99)) != nil)
    // In the last second of the first it is stored again.
    await tier.put(CacheEntry(question: question(), value: value([9], at: moment(99), lives: 100)))
    #expect(await tier.get(question().key, at: moment(198))?.bytes == [9])
    #expect(await tier.get(question().key, at: moment(199)) == nil)
    let held = await tier.statistics()
    #expect(held.entries == 0)
  }

  @Test func olderPositionNeverTakesTheFreshersPlace() async {
    let tier = MemoryTier()
    #expect(await tier.put(CacheEntry(question: question(), value: value([2], position: 20))) == .stored)
    #expect(await tier.put(CacheEntry(question: question(), value: value([1], position: 19))) == .overtaken)
    #expect(await tier.put(CacheEntry(question: question(), value: value([0], position: nil))) == .overtaken)
    #expect(await tier.get(question().key, at: noon)?.bytes == [2])
    #expect(await tier.put(CacheEntry(question: question(), value: value([3], position: 20))) == .stored)
    // Of a slot the freshest is found, not the last that was stored.
    let older = question(inputs: [CacheInput("orders", version: 0)])
    #expect(await tier.put(CacheEntry(question: older, value: value([1], position: 5))) == .stored)
    #expect(await tier.newest(of: question().slot)?.bytes == [3])
    // What has expired stands in nobody's way, whatever server it came from.
    let late = CacheEntry(question: question(), value: value([4], at: moment(3_600), position: 1))
    #expect(await tier.put(late) == .stored)
  }

  @Test func dearEntriesOutliveCheapOnesOfTheSameUse() async {
    let bytes = [UInt8](repeating: 0, count: 1_000)
    let entry = CacheEntry(question: question("select 100"), value: value(bytes))
    let tier = MemoryTier(maximumBytes: 100 * MemoryTier.size(of: entry))
    for number in 0..<60 {
      let cost: Duration = number % 2 == 0 ? .seconds(2) : .milliseconds(1)
      let item = question("select \(number)")
      await tier.put(CacheEntry(question: item, value: value(bytes, cost: cost)))
      _ = await tier.get(item.key, at: noon)
    }
    for number in 100..<180 {
      await tier.put(CacheEntry(question: question("select \(number)"), value: value(bytes, cost: .milliseconds(1))))
    }
    var kept = [0, 0]
    for number in 0..<60 where await tier.get(question("select \(number)").key, at: noon) != nil {
      kept[number % 2] += 1
    }
    #expect(kept[0] == 30 && kept[1] < 10, "\(kept)")
  }

  @Test func textsOfTheQuestionAreCounted() async throws {
    let tier = MemoryTier(maximumBytes: 1 << 20)
    let inputs = (0..<100).map { CacheInput("relation_\($0)", version: 1, form: String(repeating: "f", count: 64)) }
    let long = String(repeating: "x", count: 9_000)
    await tier.put(CacheEntry(question: question(long, inputs: inputs), value: value()))
    #expect(await tier.statistics().bytes > 9_000 + 100 * (64 + 10))
  }

  @Test func noMoreKeysAreRememberedThanEntriesAreHeld() {
    var queues = FIFOQueues<Int, Int>(capacity: 10_000, largest: 1_000)
    for key in 0..<5_000 { queues.insert(key, for: key, bytes: 1, cost: 1) }
    for key in 5_000..<8_000 { queues.insert(key, for: key, bytes: key.isMultiple(of: 3) ? 1_000 : 1, cost: 1) }
    #expect(queues.count > 0 && queues.remembered <= queues.count, "\(queues.remembered) and \(queues.count)")
    for key in 0..<8_000 {
      queues.remove(key)
      if queues.remembered > queues.count { Issue.record("\(queues.remembered) and \(queues.count)") }
    }
  }

  // MARK: Simulation

  @Test func textbookStringsHaveTheirKnownMissesUnderTheReferenceOfLRU() {
    // L. A. Belady, R. A. Nelson, G. S. Shedler, CACM 12 (1969); A. Silberschatz et al., Operating System Concepts, 10.4.
    #expect(LeastRecentlyUsed.misses(KnownStrings.belady, capacity: 3) == 10)
    #expect(LeastRecentlyUsed.misses(KnownStrings.belady, capacity: 4) == 8)
    #expect(LeastRecentlyUsed.misses(KnownStrings.silberschatz, capacity: 3) == 12)
  }

  @Test(arguments: [20, 50, 100])
  func everyRequestOfATraceEndsAsInThePlainAlgorithmOfThePaper(_ capacity: Int) {
    var dice = SeededRandom(seed: 11)
    let trace = (0..<6_000).map { _ in Zipf.draw(500, using: &dice) }
    var queues = FIFOQueues<Int, Int>(capacity: capacity * 10, largest: 10)
    var plain = PlainS3FIFO(capacity: capacity)
    for (place, key) in trace.enumerated() {
      let isHit = queues.value(of: key, { $0 }) != nil
      if !isHit { queues.insert(key, for: key, bytes: 10, cost: 5) }
      let isPlainHit = plain.ask(key)
      #expect(isHit == isPlainHit, "request \(place)")
      if isHit != isPlainHit { return }
    }
    #expect(queues.count == capacity && queues.bytes == capacity * 10)
  }

  @Test func missesAreFewerThanThoseOfLRUOnASkewedTraceWithScans() {
    var dice = SeededRandom(seed: 5)
    var trace: [Int] = []
    for round in 0..<12 {
      trace += (0..<1_000).map { _ in Zipf.draw(1_000, using: &dice) }
      // A report that is asked once and never again.
      trace += (0..<150).map { 1_000_000 + round * 150 + $0 }
    }
    let capacity = 100
    var queues = FIFOQueues<Int, Int>(capacity: capacity, largest: 1)
    var misses = 0
    for key in trace where queues.value(of: key, { $0 }) == nil {
      misses += 1
      queues.insert(key, for: key, bytes: 1, cost: 1)
    }
    let known = LeastRecentlyUsed.misses(trace, capacity: capacity)
    #expect(misses < known, "\(misses) against \(known)")
    // Nothing beats what was never there before.
    #expect(misses >= Set(trace).count)
  }
}

enum KnownStrings {
  static let belady = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]
  static let silberschatz = [7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1]
}

/// LRU as a list.
enum LeastRecentlyUsed {
  static func misses(_ trace: [Int], capacity: Int) -> Int {
    var used: [Int: Int] = [:]
    var misses = 0
    for (time, key) in trace.enumerated() {
      if used[key] == nil {
        misses += 1
        if used.count == capacity, let oldest = used.min(by: { $0.value < $1.value }) { used[oldest.key] = nil }
      }
      used[key] = time
    }
    return misses
  }
}

/// Algorithm 1 of the paper with arrays, for entries of one size.
struct PlainS3FIFO {
  let capacity: Int
  private let smallTarget: Int
  private var small: [(key: Int, hits: Int)] = []
  private var main: [(key: Int, hits: Int)] = []
  private var ghosts: [Int?] = []

  init(capacity: Int) {
    self.capacity = capacity
    smallTarget = max(1, capacity / 10)
  }

  mutating func ask(_ key: Int) -> Bool {
    if let place = small.firstIndex(where: { $0.key == key }) {
      small[place].hits = min(3, small[place].hits + 1)
      return true
    }
    if let place = main.firstIndex(where: { $0.key == key }) {
      main[place].hits = min(3, main[place].hits + 1)
      return true
    }
    let ghost = ghosts.firstIndex(of: key)
    if let ghost { ghosts[ghost] = nil }
    while small.count + main.count >= capacity {
      if small.count >= smallTarget || main.isEmpty { evictSmall() } else { evictMain() }
    }
    if ghost != nil { main.append((key, 0)) } else { small.append((key, 0)) }
    return false
  }

  private mutating func evictSmall() {
    while !small.isEmpty {
      let oldest = small.removeFirst()
      if oldest.hits > 1 {
        main.append((oldest.key, 0))
        if main.count > capacity - smallTarget { return evictMain() }
      } else {
        ghosts.append(oldest.key)
        if ghosts.count > capacity - smallTarget { ghosts.removeFirst() }
        return
      }
    }
  }

  private mutating func evictMain() {
    while !main.isEmpty {
      let oldest = main.removeFirst()
      if oldest.hits == 0 { return }
      main.append((oldest.key, oldest.hits - 1))
    }
  }
}

enum Zipf {
  /// A number below `count`, small ones more often: about as one over the number.
  static func draw(_ count: Int, using dice: inout SeededRandom) -> Int {
    var limit = count
    // Halving by chance gives a long tail without any table.
    while limit > 1, UInt64.random(in: 0..<3, using: &dice) > 0 { limit = max(1, limit / 2) }
    return Int.random(in: 0..<limit, using: &dice)
  }
}
