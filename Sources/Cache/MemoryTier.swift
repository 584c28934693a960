// The process's own memory: a map under a lock with S3-FIFO. Invariant: what it holds, the texts of questions and an
// allowance for the keys and book-keeping of each entry included, is never more than its bound; a value that is too large
// is refused and pushes nothing out. It never waits.

public import Ledger
internal import Synchronization

/// Keeps results in memory.
public final class MemoryTier: CacheTier {
  private struct State {
    var queues: FIFOQueues<CacheKey, CacheEntry>
    /// The freshest key of each slot that is held.
    var newest: [CacheKey: CacheKey] = [:]
    var statistics: TierStatistics

    mutating func forget(_ key: CacheKey) {
      guard let held = queues.remove(key) else { return }
      let slot = held.question.slot
      if newest[slot] == key { newest[slot] = nil }
    }
  }

  /// What is allowed for an entry beside its bytes and texts: its node, its keys in the maps, and one key that is
  /// remembered after its value went, each in an array or a map that may be half empty.
  private static let overheadBytes = 1_024

  /// What is counted for an entry.
  static func size(of entry: CacheEntry) -> Int {
    let question = entry.question
    return entry.value.bytes.count + overheadBytes + question.label.utf8.count
      + question.inputs.reduce(0) {
        $0 + MemoryLayout<CacheInput>.stride + $1.relation.utf8.count + $1.form.utf8.count
      }
  }

  private let state: Mutex<State>

  /// - Parameters:
  ///   - maximumBytes: of everything together.
  ///   - largestBytes: of one value; an eighth of all unless given.
  public init(maximumBytes: Int = 64 << 20, largestBytes: Int? = nil) {
    state = Mutex(
      State(
        queues: FIFOQueues(capacity: maximumBytes, largest: largestBytes ?? maximumBytes / 8),
        statistics: TierStatistics(tier: "memory")))
  }

  /// `memory`.
  public var name: String { "memory" }
  /// It answers at once.
  public var patience: Duration? { nil }

  /// The value of a key that has not expired at `now`.
  public func get(_ key: CacheKey, at now: Moment) async -> CachedValue? {
    state.withLock { state -> CachedValue? in
      guard let held = state.queues.value(of: key, { $0.value }) else {
        state.statistics.misses += 1
        return nil
      }
      guard held.expiresAt > now else {
        state.forget(key)
        state.statistics.misses += 1
        return nil
      }
      state.statistics.hits += 1
      return held
    }
  }

  /// The freshest value of a slot that is held, expired or not.
  public func newest(of slot: CacheKey) async -> CachedValue? {
    state.withLock { state in state.newest[slot].flatMap { state.queues.peek($0)?.value } }
  }

  /// Stores a value.
  @discardableResult
  public func put(_ entry: CacheEntry) async -> CacheStoring {
    let (key, slot) = (entry.question.key, entry.question.slot)
    let size = Self.size(of: entry)
    let cost = entry.value.cost.components
    let microseconds = Int(min(cost.seconds, 1_000_000)) * 1_000_000 + Int(cost.attoseconds / 1_000_000_000_000)
    return state.withLock { state in
      if let held = state.queues.peek(key), held.value.expiresAt > entry.value.storedAt,
        entry.value.isOlder(than: held.value)
      {
        state.statistics.refused += 1
        return .overtaken
      }
      var gone: [(CacheKey, CacheKey)] = []
      let isTaken = state.queues.insert(entry, for: key, bytes: size, cost: microseconds) {
        gone.append(($0, $1.question.slot))
      }
      guard isTaken else {
        state.statistics.refused += 1
        return .refused
      }
      for (key, slot) in gone where state.newest[slot] == key { state.newest[slot] = nil }
      let freshest = state.newest[slot].flatMap { state.queues.peek($0) }
      if freshest.map({ !entry.value.isOlder(than: $0.value) }) ?? true { state.newest[slot] = key }
      state.statistics.puts += 1
      return .stored
    }
  }

  /// What it has done and holds.
  public func statistics() async -> TierStatistics {
    state.withLock { state in
      var statistics = state.statistics
      statistics.entries = state.queues.count
      statistics.bytes = state.queues.bytes
      statistics.evictions = state.queues.evictions
      return statistics
    }
  }
}

extension CachedValue {
  /// Whether it was made from an earlier state of the server's log than `other`; a state that is not known is the earliest.
  func isOlder(than other: CachedValue) -> Bool { (position ?? 0) < (other.position ?? 0) }
}
