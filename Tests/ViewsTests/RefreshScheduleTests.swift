// The order of a refresh, without a database: what waits for what, what is done side by side, and what a failure stops.

import Definitions
import Synchronization
import TestSupport
import Testing
import Views

@Suite(.timeLimit(.minutes(5))) struct RefreshScheduleTests {
  private static func native(_ name: String, _ inputs: String...) -> ViewDefinition {
    Shop.native(name, "select 1", inputs: inputs)
  }

  private static func rollup(_ name: String, of feed: String, over finer: String? = nil) -> ViewDefinition {
    ViewDefinition(
      name: name, kind: .rollup(RollupDefinition(source: feed, groups: [], measures: [], derived: [])),
      inputs: [finer ?? feed], definitionHash: "1", position: Shop.position)
  }

  /// What began and ended, in order, and how many were at work at once.
  private final class Diary: Sendable {
    private let state = Mutex((begun: [String](), ended: [String](), most: 0))

    /// - Returns: what had ended when `name` began.
    func begin(_ name: String) -> Set<String> {
      state.withLock { state in
        state.begun.append(name)
        state.most = max(state.most, state.begun.count - state.ended.count)
        return Set(state.ended)
      }
    }

    func end(_ name: String) { state.withLock { $0.ended.append(name) } }
    var begun: [String] { state.withLock { $0.begun } }
    var most: Int { state.withLock { $0.most } }
  }

  /// A place where some wait for each other.
  private actor Meeting {
    private var missing: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(of count: Int) { missing = count }

    func arrive() async {
      missing -= 1
      guard missing > 0 else {
        for each in waiting { each.resume() }
        waiting = []
        return
      }
      await withCheckedContinuation { waiting.append($0) }
    }
  }

  /// Runs a schedule whose units do nothing but be at work for a moment.
  private func run(
    _ schedule: RefreshSchedule, atMost limit: Int, failing: String? = nil,
    _ work: @escaping @Sendable (String) async -> Void = { _ in await Task.yield() }
  ) async -> (diary: Diary, seen: [String: Set<String>], results: [Int: String]) {
    let diary = Diary()
    let seen = Mutex<[String: Set<String>]>([:])
    let results = await schedule.carryOut(atMost: limit) { unit -> (result: String, isDone: Bool) in
      let name = unit.views.joined(separator: "+")
      let before = diary.begin(name)
      seen.withLock { $0[name] = before }
      await work(name)
      diary.end(name)
      return (name, name != failing)
    }
    return (diary, seen.withLock { $0 }, results)
  }

  private static let diamond = [
    native("top", "sales"), native("left", "top"), native("right", "top"), native("bottom", "left", "right"),
  ]

  @Test(arguments: 1...4)
  func aDiamondIsGoneThroughFromTheTop(limit: Int) async {
    let schedule = RefreshSchedule(Self.diamond)
    #expect(schedule.needs == [[], [0], [0], [1, 2]])
    let (diary, seen, results) = await run(schedule, atMost: limit)
    #expect(seen["left"]?.contains("top") == true && seen["right"]?.contains("top") == true)
    #expect(seen["bottom"] == ["top", "left", "right"])
    #expect(diary.begun.count == 4 && results.count == 4)
    #expect(diary.most <= limit)
  }

  @Test func rollupsOfOneFeedAreOneUnitThatComesBeforeWhatReadsAnyOfThem() {
    let schedule = RefreshSchedule([
      Self.rollup("days", of: "sales"), Self.native("trend", "days"), Self.rollup("returns", of: "goods"),
      Self.rollup("months", of: "sales", over: "days"), Self.native("both", "months", "returns", "trend"),
    ])
    #expect(
      schedule.units == [
        RefreshUnit(views: ["days", "months"], feed: "sales"), RefreshUnit(views: ["trend"]),
        RefreshUnit(views: ["returns"], feed: "goods"), RefreshUnit(views: ["both"]),
      ])
    #expect(schedule.needs == [[], [0], [], [0, 1, 2]])
  }

  @Test func whatIsInNobodysWayIsDoneSideBySide() async {
    let wide = [Self.native("top")] + (1...3).map { Self.native("side_\($0)", "top") } + [Self.native("end", "side_2")]
    let meeting = Meeting(of: 3)
    // Each waits for the other two: one after the other they would never end.
    let (diary, _, results) = await run(RefreshSchedule(wide), atMost: 3) { name in
      if name.hasPrefix("side") { await meeting.arrive() }
    }
    #expect(diary.most == 3 && results.count == 5)
  }

  @Test(arguments: [0, 1, 2, 3])
  func noMoreThanTheLimitAreAtWorkAtOnce(limit: Int) async {
    let many = (1...12).map { Self.native("v\($0)") }
    let meeting = Meeting(of: max(1, limit))
    let isFirst = Mutex(max(1, limit))
    let (diary, _, results) = await run(RefreshSchedule(many), atMost: limit) { _ in
      // The first ones wait for each other, so that the limit is reached.
      let waits = isFirst.withLock { left in
        left -= 1
        return left >= 0
      }
      if waits { await meeting.arrive() }
      for _ in 0..<5 { await Task.yield() }
    }
    #expect(diary.most == max(1, limit))
    #expect(results.count == 12)
  }

  @Test func aFailureStopsWhatHasNotBegunAndLetsGoOnWhatHas() async {
    let views = [
      Self.native("broken"), Self.native("beside"), Self.native("later"), Self.native("reader", "broken"),
    ]
    let failed = Meeting(of: 2)
    let (diary, _, results) = await run(RefreshSchedule(views), atMost: 2, failing: "broken") { name in
      // Both are at work before either ends.
      await failed.arrive()
      if name == "beside" { for _ in 0..<100 { await Task.yield() } }
    }
    #expect(Set(diary.begun) == ["broken", "beside"])
    #expect(Set(results.values) == ["broken", "beside"])
  }

  @Test func whatTheCatalogKnowsOrdersBeyondTheDefinitions() {
    let schedule = RefreshSchedule(
      [Self.native("a"), Self.native("b")], known: ["a": ["b", "sales"], "gone": ["a"], "b": ["b"]])
    #expect(schedule.needs == [[1], []])
  }

  @Test(arguments: 1...3)
  func viewsThatWaitForEachOtherByWayOfSomethingMadeByHandAreDoneInTheDefinitionsOrder(limit: Int) async {
    let views = [
      Self.native("a"), Self.native("b"), Self.native("c"), Self.native("free"), Self.native("behind", "c"),
    ]
    let schedule = RefreshSchedule(views, known: ["a": ["c"], "b": ["a"], "c": ["b"]])
    let (diary, seen, results) = await run(schedule, atMost: limit)
    #expect(results.count == 5)
    // Once the knot is cut at its first view, the others follow from there.
    #expect(diary.begun.first == "free")
    #expect(diary.begun.filter { ["a", "b", "c"].contains($0) } == ["a", "b", "c"])
    #expect(seen["behind"]?.contains("c") == true)
  }

  @Test func aScheduleOfNothingEndsAtOnce() async {
    #expect(await run(RefreshSchedule([]), atMost: 3).results.isEmpty)
  }

  /// Random graphs: each unit begins once, after all that it reads unless it lies in a knot or behind one.
  @Test(arguments: 1...40)
  func everyUnitOfARandomGraphBeginsOnceAndInOrder(seed: Int) async {
    var numbers = SeededRandom(seed: UInt64(seed))
    let count = Int.random(in: 1...25, using: &numbers)
    let views = (0..<count).map { number in
      let inputs = (0..<Int.random(in: 0...3, using: &numbers)).compactMap { _ in
        number == 0 ? nil : "v\(Int.random(in: 0..<number, using: &numbers))"
      }
      return Shop.native("v\(number)", "select 1", inputs: Array(Set(inputs)).sorted())
    }
    let schedule = RefreshSchedule(views)
    let limit = Int.random(in: 1...5, using: &numbers)
    let (diary, seen, results) = await run(schedule, atMost: limit)
    #expect(diary.begun.count == count && Set(diary.begun).count == count && results.count == count)
    #expect(diary.most <= limit)
    for view in views { #expect(Set(view.inputs).isSubset(of: seen[view.name] ?? [])) }
  }
}
