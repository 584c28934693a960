// Whose turn it is among the slices of a rollup: each comes within 32 comparisons, whichever nights there are.

import Ledger
import Money
import Testing

@testable import Views

@Suite struct SliceTurnTests {
  /// The nights of a schedule, and after which of them the view has changed.
  struct Schedule: CustomTestStringConvertible {
    let testDescription: String
    /// The business date of each night, in days from some day on.
    let day: @Sendable (Int) -> Int
    /// Whether the view changed before this night.
    let changes: @Sendable (Int) -> Bool

    init(
      _ name: String, day: @escaping @Sendable (Int) -> Int, changes: @escaping @Sendable (Int) -> Bool = { _ in true }
    ) {
      (testDescription, self.day, self.changes) = (name, day, changes)
    }
  }

  private static let start = CivilDate("1969-11-20")!

  private static func night(_ day: Int) -> CivilDate { start.adding(days: day) }

  /// Proves as a night does.
  ///
  /// - Returns: the slice that was compared; nil when nothing was.
  private static func prove(_ proven: inout [SliceProof], at version: Int64, on night: CivilDate) -> Int? {
    let turn = SliceTurn(among: proven, at: version, in: night)
    if turn.isKnown { return nil }
    proven.removeAll { $0.number == turn.number }
    proven.append(SliceProof(number: turn.number, version: version, night: night))
    return turn.number
  }

  @Test(arguments: [
    Schedule("every night", day: { $0 }),
    Schedule("every 2nd night", day: { 2 * $0 }),
    Schedule("every 7th night", day: { 7 * $0 }),
    Schedule("every 32nd night", day: { 32 * $0 }),
    Schedule("once a month", day: { 365 * $0 / 12 }),
    Schedule("backwards", day: { 500 - $0 }),
    Schedule("the same night again and again", day: { _ in 5 }),
    Schedule("many days side by side, by turns", day: { $0 % 16 * 2 }),
    Schedule("after some weeks in which nothing changed", day: { 2 * $0 }, changes: { $0 > 40 }),
    Schedule("a change every third night", day: { 4 * $0 }, changes: { $0.isMultiple(of: 3) }),
    Schedule("a change every hundredth night", day: { 2 * $0 }, changes: { $0.isMultiple(of: 100) }),
  ])
  func everySliceComesWithinAnyThirtyTwoComparisons(_ schedule: Schedule) {
    var proven: [SliceProof] = []
    var version: Int64 = 1
    var compared: [Int] = []
    for number in 0..<300 {
      if schedule.changes(number) { version += 1 }
      let night = Self.night(schedule.day(number))
      if let slice = Self.prove(&proven, at: version, on: night) { compared.append(slice) }
      #expect(Self.prove(&proven, at: version, on: night) == nil, "the second run of night \(number)")
    }
    #expect(compared.count >= RollupSlice.count)
    for end in RollupSlice.count...compared.count {
      #expect(Set(compared[end - RollupSlice.count..<end]).count == RollupSlice.count, "up to comparison \(end)")
    }
  }

  @Test func thoseNeverProvenComeFirstFromTheDatesPlaceOn() {
    let proven = [2, 3, 5].map { SliceProof(number: $0, version: 9, night: nil) }
    let place = Int(Self.night(0).daysSince1970 % 32 + 32)
    #expect(SliceTurn(among: [], at: 9, in: Self.night(0)).number == place)
    let second = CivilDate(daysSince1970: 2)
    #expect(SliceTurn(among: proven, at: 9, in: second).number == 4)
    let all = (0..<32).map { SliceProof(number: ($0 + 20) % 32, version: $0 < 31 ? 8 : 9, night: nil) }
    let oldest = SliceTurn(among: all, at: 9, in: second)
    #expect(oldest.number == 20 && !oldest.isKnown)
  }

  @Test func nothingIsComparedOnceAllAreProvenAtOneVersion() {
    let all = (0..<32).map { SliceProof(number: $0, version: 9, night: Self.night($0)) }
    #expect((0..<100).allSatisfy { SliceTurn(among: all, at: 9, in: Self.night($0)).isKnown })
    // The night of the third one says so of the third one.
    #expect(SliceTurn(among: all, at: 9, in: Self.night(2)).number == 2)
    #expect(!SliceTurn(among: all, at: 10, in: Self.night(2)).isKnown)
  }

  @Test func aRepeatedRangeOfNightsDoesNothingAgain() {
    var proven: [SliceProof] = []
    for _ in 0..<2 {
      for day in 0..<10 { _ = Self.prove(&proven, at: 4, on: Self.night(day)) }
    }
    #expect(proven.count == 10)
  }
}
