// Rounds of paired measurements. Invariant: in each round every side is prepared, timed and checked once, the side that
// goes first changes from round to round, and only the work itself is inside the time.

/// One side of a comparison.
struct BenchSide: Sendable {
  typealias Step = @Sendable (_ round: Int) async throws -> Void

  let name: String
  /// Before the clock starts.
  let prepare: Step
  let work: Step
  /// After the clock stopped; throws when the result is not what it must be.
  let check: Step

  init(
    _ name: String, prepare: @escaping Step = { _ in }, work: @escaping Step, check: @escaping Step = { _ in }
  ) {
    self.name = name
    self.prepare = prepare
    self.work = work
    self.check = check
  }
}

extension Workbench {
  /// Measures the sides in rounds.
  ///
  /// - Parameter label: what is told before the number of a round.
  /// - Returns: the seconds of each side, in the order of `sides`, one for each round.
  @discardableResult
  func seconds(_ sides: [BenchSide], rounds: Int, label: String = "round") async throws -> [[Double]] {
    var times = Array(repeating: [Double](), count: sides.count)
    for round in 0..<rounds {
      for place in BenchOrder.order(of: sides.count, round: round) {
        let side = sides[place]
        try await side.prepare(round)
        try Task.checkCancellation()
        let taken = try await seconds { try await side.work(round) }
        try await side.check(round)
        times[place].append(taken)
      }
      let parts = sides.indices.map { "\(sides[$0].name) \(fixed(times[$0][round])) s" }
      told("\(label) \(round + 1) of \(rounds): \(parts.joined(separator: ", "))")
    }
    return times
  }

  /// How long `body` takes.
  func seconds(_ body: () async throws -> Void) async throws -> Double {
    let (seconds, attoseconds) = try await ContinuousClock().measure(body).components
    return Double(seconds) + Double(attoseconds) / 1e18
  }
}

/// Who goes first.
enum BenchOrder {
  /// The places of `count` sides in the order of a round (0-based).
  ///
  /// Every second round goes backwards, and every pair of rounds begins one place further, so that over the rounds no
  /// side always follows the same one: A B, B A, B A, A B.
  static func order(of count: Int, round: Int) -> [Int] {
    let moved = (0..<count).map { ($0 + round / 2) % count }
    return round.isMultiple(of: 2) ? moved : moved.reversed()
  }
}
