// The client's own control sums, by group: what was read, and what of it was refused.
// Invariant: sums are exact; one that leaves 128 bits marks the accumulator as overflowed.
// The server's sums over the tables are made apart from these, in SQL, and compared (`Reconciliation`).

internal import Ledger
internal import Money

/// Sums of the control columns of one file.
struct ControlAccumulator {
  /// The most groups, such as currencies, that one file may have.
  static let maximumGroups = 1_000
  /// The longest group in bytes.
  static let maximumGroupBytes = 64

  private struct Group {
    var bytes: [UInt8]
    /// Length and bytes of a group of at most seven bytes, else zero.
    var packed: UInt64
  }

  private let plans: [ControlPlan]
  private var groups: [Group] = []
  /// For each group, for each control: the sum and how many values are in it.
  private var read: [Int128] = []
  private var rejected: [Int128] = []
  private(set) var hasOverflowed = false
  private(set) var hasTooManyGroups = false
  private var lastHit = 0

  init(_ plans: [ControlPlan]) {
    self.plans = plans
  }

  /// Adds a value of control `control` in the group that the bytes name.
  mutating func add(
    _ value: Int128, control: Int, group bytes: UnsafePointer<UInt8>, _ count: Int, isRejected: Bool
  ) {
    let index = place(bytes, count)
    guard index >= 0 else { return }
    let slot = index &* plans.count &+ control
    let (sum, overflow) = read[slot].addingReportingOverflow(value)
    read[slot] = sum
    if overflow { hasOverflowed = true }
    if isRejected {
      let (sum, overflow) = rejected[slot].addingReportingOverflow(value)
      rejected[slot] = sum
      if overflow { hasOverflowed = true }
    }
  }

  /// Adds the sums of another part of the same file.
  mutating func add(_ other: ControlAccumulator) {
    if other.hasOverflowed { hasOverflowed = true }
    if other.hasTooManyGroups { hasTooManyGroups = true }
    for (number, group) in other.groups.enumerated() {
      let index = (group.bytes + [0]).withUnsafeBufferPointer { bytes in
        // Never empty, so it has an address.
        bytes.baseAddress.map { place($0, bytes.count - 1) } ?? -1
      }
      guard index >= 0 else { continue }
      for control in 0..<plans.count {
        let (from, to) = (number * plans.count + control, index * plans.count + control)
        let (sum, overflow) = read[to].addingReportingOverflow(other.read[from])
        let (refused, refusedOverflow) = rejected[to].addingReportingOverflow(other.rejected[from])
        read[to] = sum
        rejected[to] = refused
        if overflow || refusedOverflow { hasOverflowed = true }
      }
    }
  }

  private mutating func place(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int {
    let packed = Self.packed(bytes, count)
    if lastHit < groups.count, isGroup(lastHit, packed, bytes, count) { return lastHit }
    for index in groups.indices where isGroup(index, packed, bytes, count) {
      lastHit = index
      return index
    }
    guard groups.count < Self.maximumGroups, count <= Self.maximumGroupBytes else {
      hasTooManyGroups = true
      return -1
    }
    groups.append(Group(bytes: Array(UnsafeBufferPointer(start: bytes, count: count)), packed: packed))
    read += [Int128](repeating: 0, count: plans.count)
    rejected += [Int128](repeating: 0, count: plans.count)
    lastHit = groups.count - 1
    return lastHit
  }

  @inline(__always)
  private func isGroup(_ index: Int, _ packed: UInt64, _ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    if packed != 0 { return groups[index].packed == packed }
    return groups[index].packed == 0
      && groups[index].bytes.elementsEqual(UnsafeBufferPointer(start: bytes, count: count))
  }

  @inline(__always)
  private static func packed(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
    guard count <= 7, count > 0 else { return 0 }
    var word = UInt64(truncatingIfNeeded: count)
    for index in 0..<count { word = word << 8 | UInt64(bytes[index]) }
    return word
  }

  /// What was read and what of it was refused. Groups without a sum of their own are left out.
  var totals: ControlTotals {
    var totals = ControlTotals()
    for (index, group) in groups.enumerated() {
      let name = String(decoding: group.bytes, as: UTF8.self)
      for (control, plan) in plans.enumerated() {
        let slot = index * plans.count + control
        guard let sum = ExactDecimal(coefficient: read[slot], scale: plan.scale),
          let refused = ExactDecimal(coefficient: rejected[slot], scale: plan.scale)
        else { continue }
        totals.add(sum, column: plan.column, currency: name, .read)
        if rejected[slot] != 0 { totals.add(refused, column: plan.column, currency: name, .rejected) }
      }
    }
    return totals
  }
}
