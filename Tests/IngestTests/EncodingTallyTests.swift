// Outcomes of chunks in any order against one walk over the whole.

import Ledger
import TestSupport
import Testing

@testable import Ingest

@Suite struct EncodingTallyTests {
  /// Keys that are mostly in order, with some that fall back, by little or by much, and some that come twice.
  private static func keys(_ random: inout SeededRandom) -> [Int64] {
    var next: Int64 = Int64.random(in: -1_000...1_000, using: &random)
    return (0..<Int.random(in: 0...400, using: &random)).map { _ in
      switch Int.random(in: 0..<20, using: &random) {
      case 0: return next - Int64.random(in: 0...300, using: &random)
      case 1: return next
      default:
        next += Int64.random(in: 1...3, using: &random)
        return next
      }
    }
  }

  /// Keys that come more than once.
  private static func repeated(_ keys: [Int64]) -> Set<Int64> {
    Set(Dictionary(grouping: keys, by: { $0 }).filter { $0.value.count > 1 }.keys)
  }

  @Test func aKeyFarTooHighIsTheOnlyOneThatIsLate() {
    var order = KeyOrder(isFollowed: true)
    for key in [1, 2, 5_000_000_001, 3, 4, 5_000_000_002, 5, 6, 6, 7, 3, 8] as [Int64] { order.add(key) }
    #expect(order.late == .known([3, 6, 5_000_000_001, 5_000_000_002]))
    #expect(!order.ascend)
  }

  @Test(arguments: 0..<200)
  func lateKeysAndRejectsAreThoseOfOneWalkOverTheFile(seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed))
    let keys = Self.keys(&random)
    var outcomes: [ChunkOutcome] = []
    var start = 0
    while start < keys.count {
      let end = min(keys.count, start + Int.random(in: 0...60, using: &random))
      var rejects = RejectLog()
      for record in start..<end where record % 3 == 0 { rejects.append { Self.refused(record, bytes: 1) } }
      outcomes.append(
        ChunkOutcome(
          number: outcomes.count, recordsRead: end - start, accepted: end - start, rejects: rejects,
          keys: Array(keys[start..<end])))
      start = end
    }
    var tally = EncodingTally(followsKeys: true)
    for outcome in outcomes.shuffled(using: &random) { tally.add(outcome) }
    guard case .known(let late) = tally.lateKeys else {
      Issue.record("the keys were not followed")
      return
    }
    #expect(Self.repeated(keys).isSubset(of: late))
    let rest = keys.filter { !late.contains($0) }
    #expect(zip(rest, rest.dropFirst()).allSatisfy { $0 < $1 })
    let isAscending = zip(keys, keys.dropFirst()).allSatisfy { $0 < $1 }
    #expect(tally.keysAscend == late.isEmpty && late.isEmpty == isAscending)
    // As many as one walk over the whole finds, however the chunks came.
    var walk = KeyOrder(isFollowed: true)
    for key in keys { walk.add(key) }
    #expect(tally.lateKeys == walk.late)
    #expect(tally.recordsRead == keys.count && tally.earlyCount == 0)
    #expect(tally.rejects.records.map(\.record) == keys.indices.filter { $0 % 3 == 0 })
  }

  @Test func tooManyLateKeysAreUnknown() {
    var order = KeyOrder(isFollowed: true)
    order.add(.max - 1)
    order.add(.max)
    for key in 0..<Int64(LateKeys.maximumCount) { order.add(key) }
    #expect(order.late == .known(Array(0..<Int64(LateKeys.maximumCount))))
    order.add(-1)
    #expect(order.late == .unknown)
    #expect(!order.ascend)
    #expect(KeyOrder(isFollowed: false).late == .unknown)
  }

  @Test func keptRejectsAreTheFirstOnesWithinTheBound() {
    var tally = EncodingTally(followsKeys: false)
    let half = RejectLog.maximumBytes / 2
    for number in [2, 0, 1, 3] {
      var rejects = RejectLog(limitBytes: tally.rejectBytesLeft)
      rejects.append { Self.refused(2 * number, bytes: half) }
      rejects.append { Self.refused(2 * number + 1, bytes: 10) }
      tally.add(ChunkOutcome(number: number, recordsRead: 2, accepted: 0, rejects: rejects, keys: []))
    }
    #expect(tally.rejects.count == 8)
    #expect(tally.rejects.isTruncated)
    #expect(tally.rejects.records.map(\.record) == Array(0..<tally.rejects.records.count))
    #expect(tally.rejects.bytes < RejectLog.maximumBytes + half + 1_000)
  }

  private static func refused(_ record: Int, bytes: Int) -> RefusedRecord {
    RefusedRecord(
      line: record, record: record, byteOffset: record, column: nil, code: .fieldCount, reason: "",
      raw: [UInt8](repeating: 0, count: bytes))
  }
}
