// Which entries a bounded memory keeps: S3-FIFO, three queues and no reordering on a hit. New entries wait in a small
// queue; those that were asked for there move to the main one, the others leave and only their keys are remembered, and a
// key that comes back soon goes to the main queue at once. One scan over many keys therefore costs the small queue only.
// Beyond the paper, an entry that cost more for each byte than the average of those held counts as asked for once more when
// it is judged; where all cost the same this is the paper's algorithm.
// Invariant: the bytes held are never more than the capacity, and an entry larger than the largest allowed is not taken;
// no more keys are remembered than entries are held.
// Source: J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023,
// algorithm 1: a tenth for the small queue, moves at more than one hit, at most three hits counted.

/// A bounded store under S3-FIFO; it knows no clock and no lock.
struct FIFOQueues<Key: Hashable, Value> {
  private enum Queue { case small, main }

  private struct Node {
    var key: Key
    var value: Value
    var bytes: Int
    /// Microseconds.
    var cost: Int
    var queue: Queue
    var hits: UInt8 = 0
    /// Whether its price has kept it in the main queue once already.
    var hasBeenSpared = false
    var older = -1
    var newer = -1
  }

  /// Both ends of a list of nodes.
  private struct List {
    var oldest = -1
    var newest = -1
    var bytes = 0
  }

  let capacity: Int
  /// Larger entries are not taken.
  let largest: Int
  private let smallTarget: Int
  private var places: [Key: Int] = [:]
  private var nodes: [Node?] = []
  private var free: [Int] = []
  private var small = List()
  private var main = List()
  private var totalCost = 0
  private var ghosts: [Key: Int] = [:]
  private var ghostQueue: [(key: Key, ticket: Int, bytes: Int)] = []
  private var ghostHead = 0
  private var ghostBytes = 0
  private var lastTicket = 0
  /// How many entries had to go for others.
  private(set) var evictions = 0

  /// - Parameters:
  ///   - capacity: in bytes.
  ///   - largest: of one entry, in bytes.
  init(capacity: Int, largest: Int) {
    self.capacity = max(1, capacity)
    self.largest = min(largest, capacity)
    smallTarget = max(1, capacity / 10)
  }

  var bytes: Int { small.bytes + main.bytes }
  var count: Int { places.count }
  /// How many keys are remembered without their values.
  var remembered: Int { ghostQueue.count - ghostHead }

  /// What `part` takes of the value of a key; asking for it counts.
  mutating func value<Part>(of key: Key, _ part: (borrowing Value) -> Part) -> Part? {
    guard let place = places[key] else { return nil }
    if let hits = nodes[place]?.hits, hits < 3 { nodes[place]?.hits = hits + 1 }
    switch nodes[place] {
    case .some(let node): return part(node.value)
    case nil: return nil
    }
  }

  /// The value of a key, without counting.
  func peek(_ key: Key) -> Value? { places[key].flatMap { nodes[$0]?.value } }

  /// Takes a value, and lets others go for it; told of each that went.
  ///
  /// - Returns: whether it was taken.
  @discardableResult
  mutating func insert(
    _ value: Value, for key: Key, bytes: Int, cost: Int, evicted: (Key, Value) -> Void = { _, _ in }
  ) -> Bool {
    guard bytes <= largest else { return false }
    // A new value of a key that is there starts over at its place.
    let known = places[key].flatMap { nodes[$0] }
    if known != nil { remove(key) }
    let isRemembered = ghosts.removeValue(forKey: key) != nil
    while self.bytes + bytes > capacity { evict(evicted) }
    let queue: Queue = isRemembered || known?.queue == .main ? .main : .small
    append(Node(key: key, value: value, bytes: bytes, cost: max(0, cost), queue: queue, hits: known?.hits ?? 0))
    forgetGhosts()
    return true
  }

  /// Forgets a key; nothing is remembered of it.
  @discardableResult
  mutating func remove(_ key: Key) -> Value? {
    guard let place = places[key], let node = detach(place) else { return nil }
    forgetGhosts()
    return node.value
  }

  // MARK: Eviction

  private mutating func evict(_ evicted: (Key, Value) -> Void) {
    if small.bytes >= smallTarget || main.oldest < 0 { evictFromSmall(evicted) } else { evictFromMain(evicted) }
  }

  private mutating func evictFromSmall(_ evicted: (Key, Value) -> Void) {
    while small.oldest >= 0 {
      let isDear = isDear(small.oldest)
      guard var node = detach(small.oldest) else { return }
      if node.hits + (isDear ? 1 : 0) > 1 {
        node.queue = .main
        node.hits = 0
        append(node)
        // What moves is already counted; the caller goes on until there is room.
        if main.bytes > capacity - smallTarget { return evictFromMain(evicted) }
      } else {
        remember(node)
        evictions += 1
        return evicted(node.key, node.value)
      }
    }
  }

  private mutating func evictFromMain(_ evicted: (Key, Value) -> Void) {
    while main.oldest >= 0 {
      let isDear = isDear(main.oldest)
      guard var node = detach(main.oldest) else { return }
      if node.hits > 0 {
        node.hits -= 1
        append(node)
      } else if isDear, !node.hasBeenSpared {
        node.hasBeenSpared = true
        append(node)
      } else {
        evictions += 1
        return evicted(node.key, node.value)
      }
    }
  }

  /// Whether an entry cost more for each byte than the average of all.
  private func isDear(_ place: Int) -> Bool {
    guard let node = nodes[place] else { return false }
    return Int128(node.cost) * Int128(bytes) > Int128(totalCost) * Int128(node.bytes)
  }

  // MARK: Lists

  private mutating func append(_ node: Node) {
    var node = node
    let place = free.popLast() ?? nodes.count
    if place == nodes.count { nodes.append(nil) }
    places[node.key] = place
    totalCost += node.cost
    var list = node.queue == .small ? small : main
    node.older = list.newest
    node.newer = -1
    list.bytes += node.bytes
    if list.newest >= 0 { nodes[list.newest]?.newer = place } else { list.oldest = place }
    list.newest = place
    set(list, node.queue)
    nodes[place] = node
  }

  private mutating func detach(_ place: Int) -> Node? {
    guard let node = nodes[place] else { return nil }
    if node.older >= 0 { nodes[node.older]?.newer = node.newer }
    if node.newer >= 0 { nodes[node.newer]?.older = node.older }
    var list = node.queue == .small ? small : main
    list.bytes -= node.bytes
    if list.oldest == place { list.oldest = node.newer }
    if list.newest == place { list.newest = node.older }
    set(list, node.queue)
    nodes[place] = nil
    free.append(place)
    places[node.key] = nil
    totalCost -= node.cost
    return node
  }

  private mutating func set(_ list: List, _ queue: Queue) {
    if queue == .small { small = list } else { main = list }
  }

  // MARK: Ghosts

  /// Keys that left the small queue.
  private mutating func remember(_ node: Node) {
    lastTicket += 1
    ghosts[node.key] = lastTicket
    ghostQueue.append((node.key, lastTicket, node.bytes))
    ghostBytes += node.bytes
  }

  /// Keeps as many keys as the main queue could hold of their size, and no more than there are entries.
  private mutating func forgetGhosts() {
    while ghostBytes > capacity - smallTarget || remembered > count, ghostHead < ghostQueue.count {
      let oldest = ghostQueue[ghostHead]
      ghostHead += 1
      ghostBytes -= oldest.bytes
      if ghosts[oldest.key] == oldest.ticket { ghosts[oldest.key] = nil }
    }
    if ghostHead > 64, ghostHead * 2 > ghostQueue.count {
      ghostQueue.removeFirst(ghostHead)
      ghostHead = 0
    }
  }
}
