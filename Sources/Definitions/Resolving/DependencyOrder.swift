// Puts names in an order in which each stands after all that it needs, otherwise by name; or finds the circle.
// Invariant: the outcome depends on the names and edges alone, not on the order in which they were given.
// Source: A. B. Kahn, "Topological sorting of large networks", Communications of the ACM 5(11), 1962.

/// Names in dependency order.
public struct DependencyOrder {
  /// All names; those on a circle, or behind one, come last by name.
  public private(set) var names: [String] = []
  /// One circle for each knot of names, each beginning and ending with its least name.
  public private(set) var cycles: [[String]] = []

  /// Puts names in order.
  ///
  /// - Parameter needs: what each name needs; needed names that are no keys are ignored.
  public init(_ needs: [String: Set<String>]) {
    var pending = needs.mapValues { $0.filter { needs[$0] != nil } }
    var users: [String: [String]] = [:]
    for (name, needed) in pending { for other in needed { users[other, default: []].append(name) } }
    var ready = pending.filter(\.value.isEmpty).map(\.key).sorted(by: >)
    while let name = ready.popLast() {
      names.append(name)
      pending[name] = nil
      for user in users[name] ?? [] {
        pending[user]?.remove(name)
        if pending[user]?.isEmpty == true {
          let place = ready.firstIndex { $0 < user } ?? ready.endIndex
          ready.insert(user, at: place)
        }
      }
    }
    names += pending.keys.sorted()
    findCycles(in: pending)
  }

  /// Follows the least need of each name until a name comes back; every name is followed once.
  private mutating func findCycles(in pending: [String: Set<String>]) {
    var seen: Set<String> = []
    for start in pending.keys.sorted() where !seen.contains(start) {
      var path: [String] = []
      var name = start
      while seen.insert(name).inserted {
        path.append(name)
        guard let next = pending[name]?.min() else { break }
        name = next
      }
      guard let back = path.firstIndex(of: name), pending[path[path.count - 1]]?.min() == name else { continue }
      let circle = Array(path[back...])
      guard let least = circle.indices.min(by: { circle[$0] < circle[$1] }) else { continue }
      let turned = circle[least...] + circle[..<least]
      cycles.append(turned + [circle[least]])
    }
  }
}
