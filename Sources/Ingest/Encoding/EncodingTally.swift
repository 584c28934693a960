// What the encoders found, added up in the order of the file whoever read which part of it.
// Invariant: outcomes are added chunk by chunk, in order; one that comes early waits. So rejects, late keys and
// the question whether keys ascend come out as if one encoder had read everything.

/// What encoding one chunk gave.
struct ChunkOutcome: Sendable {
  /// Place of the chunk in the file, from 0.
  var number: Int
  var recordsRead: Int
  var accepted: Int
  var rejects: RejectLog
  /// The keys of the accepted records in order, where the key is followed.
  var keys: [Int64]
}

/// Adds outcomes up.
struct EncodingTally: Sendable {
  /// The chunk whose outcome is added next.
  private(set) var next = 0
  private var early: [Int: ChunkOutcome] = [:]
  private(set) var recordsRead = 0
  private(set) var accepted = 0
  private(set) var rejects = RejectLog()
  private var keys: KeyOrder

  /// - Parameter followsKeys: whether outcomes have the keys of their records.
  init(followsKeys: Bool) {
    keys = KeyOrder(isFollowed: followsKeys)
  }

  /// How many outcomes wait for an earlier one.
  var earlyCount: Int { early.count }

  /// How many bytes of rejects the next chunk may keep.
  var rejectBytesLeft: Int {
    max(0, RejectLog.maximumBytes - rejects.bytes - early.values.reduce(0) { $0 + $1.rejects.bytes })
  }

  mutating func add(_ outcome: ChunkOutcome) {
    early[outcome.number] = outcome
    while let outcome = early.removeValue(forKey: next) {
      next += 1
      recordsRead += outcome.recordsRead
      accepted += outcome.accepted
      rejects.append(contentsOf: outcome.rejects)
      for key in outcome.keys { keys.add(key) }
    }
  }

  var keysAscend: Bool { keys.ascend }
  var lateKeys: LateKeys { keys.late }
}

/// Follows the keys of a file in order: an ascending row of keys, and beside it those that do not fit into it.
struct KeyOrder: Sendable {
  private let isFollowed: Bool
  private var highest: Int64?
  /// The key before the highest in the ascending row.
  private var below: Int64?
  private var lateKeys: Set<Int64> = []
  private var hasTooMany = false

  init(isFollowed: Bool) {
    self.isFollowed = isFollowed
  }

  @inline(__always)
  mutating func add(_ key: Int64) {
    if let highest, key <= highest { return addOutOfOrder(key, highest) }
    below = highest
    highest = key
  }

  /// One key far too high must not make all behind it late: it leaves the row when the next one fits without it.
  private mutating func addOutOfOrder(_ key: Int64, _ highest: Int64) {
    if below.map({ $0 < key }) ?? true {
      self.highest = key
      addLate(highest)
    } else {
      addLate(key)
    }
  }

  private mutating func addLate(_ key: Int64) {
    if hasTooMany { return }
    lateKeys.insert(key)
    guard lateKeys.count > LateKeys.maximumCount else { return }
    hasTooMany = true
    lateKeys = []
  }

  var ascend: Bool { isFollowed && !hasTooMany && lateKeys.isEmpty }
  var late: LateKeys { isFollowed && !hasTooMany ? .known(lateKeys.sorted()) : .unknown }
}
