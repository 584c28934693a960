// Which views are refreshed together, what each of these units has to wait for, and the one place that runs units side by
// side. It knows no database: what a unit does is its caller's.
// Invariant: rollups over one feed are one unit, because they follow one journal in one transaction; a view of SQL is a
// unit by itself. A unit begins after all that it reads, and no unit begins after one has failed.

public import Definitions

/// Views that are brought up to date in one transaction.
public struct RefreshUnit: Sendable, Hashable {
  /// Their names, each after those that it reads.
  public var views: [String]
  /// The feed whose rollups they are; nil for a view of SQL.
  public var feed: String?

  /// Creates a unit.
  public init(views: [String], feed: String? = nil) {
    self.views = views
    self.feed = feed
  }
}

/// The units of a refresh.
public struct RefreshSchedule: Sendable {
  /// The units, in the order of the definitions.
  public let units: [RefreshUnit]
  /// For each unit the indices of those that it waits for.
  public let needs: [Set<Int>]

  /// Groups views.
  ///
  /// - Parameters:
  ///   - views: in dependency order.
  ///   - known: what views read by the database's catalog, beyond what their definitions say.
  public init(_ views: [ViewDefinition], known: [String: Set<String>] = [:]) {
    var units: [RefreshUnit] = []
    var places: [String: Int] = [:]
    var rollups: [String: Int] = [:]
    for view in views {
      if case .rollup(let rollup) = view.kind {
        if let place = rollups[rollup.source] {
          units[place].views.append(view.name)
          places[view.name] = place
          continue
        }
        rollups[rollup.source] = units.count
        units.append(RefreshUnit(views: [view.name], feed: rollup.source))
      } else {
        units.append(RefreshUnit(views: [view.name], feed: nil))
      }
      places[view.name] = units.count - 1
    }
    var needs = Array(repeating: Set<Int>(), count: units.count)
    for view in views {
      guard let place = places[view.name] else { continue }
      for input in Set(view.inputs).union(known[view.name] ?? []) {
        if let other = places[input], other != place { needs[place].insert(other) }
      }
    }
    self.units = units
    self.needs = needs
  }

  /// Runs the units, at most `limit` of them at the same time.
  ///
  /// - Parameter body: does one unit; nil when it failed, and then no other begins.
  /// - Returns: what came of the units that were begun, by index.
  public func carryOut<R: Sendable>(
    atMost limit: Int, _ body: @escaping @Sendable (RefreshUnit) async -> (result: R, isDone: Bool)
  ) async -> [Int: R] {
    var results: [Int: R] = [:]
    var waiting = Set(units.indices)
    var running: Set<Int> = []
    var done: Set<Int> = []
    var hasFailed = false
    await withTaskGroup(of: (Int, R, Bool).self) { group in
      func begin() {
        for index in waiting.sorted() where !hasFailed && running.count < max(1, limit) {
          // Two views that read each other by way of something made by hand would wait for ever: the definitions'
          // order decides then.
          let isFree =
            needs[index].isSubset(of: done) || running.isEmpty && !waiting.contains { needs[$0].isSubset(of: done) }
          guard isFree else { continue }
          waiting.remove(index)
          running.insert(index)
          let unit = units[index]
          group.addTask {
            let (result, isDone) = await body(unit)
            return (index, result, isDone)
          }
        }
      }
      begin()
      while let (index, result, isDone) = await group.next() {
        results[index] = result
        running.remove(index)
        done.insert(index)
        if !isDone { hasFailed = true }
        begin()
      }
    }
    return results
  }
}
