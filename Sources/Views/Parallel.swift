// Work on several connections of the pool at once.

/// Does `body` for each item, at most `limit` at a time.
///
/// - Returns: what came of each, in the order of the items.
/// - Throws: what the first body to throw threw, after the others were cancelled and have ended.
func inParallel<Item: Sendable, Result: Sendable>(
  _ items: [Item], atMost limit: Int, _ body: @escaping @Sendable (Item) async throws -> Result
) async throws -> [Result] {
  try await withThrowingTaskGroup(of: (Int, Result).self) { group in
    var results: [Result?] = Array(repeating: nil, count: items.count)
    var next = 0
    func begin() {
      guard next < items.count else { return }
      let (index, item) = (next, items[next])
      next += 1
      group.addTask { (index, try await body(item)) }
    }
    for _ in 0..<max(1, limit) { begin() }
    while let (index, result) = try await group.next() {
      results[index] = result
      begin()
    }
    return results.compactMap { $0 }
  }
}
