// Control sums over encoded rows: the client's side of a piece's reconciliation.
// Invariant: exact; a sum that leaves 128 bits marks the totals as overflowed.

internal import Ledger
internal import Money

/// Adds up the control columns of encoded rows.
struct EncodedSums: Sendable {
  private let plans: [ControlPlan]
  /// For each control: the place of its field in an encoded row.
  private let amounts: [Int]
  private let kinds: [ValueKind]
  /// For each control: the place of its group, or -1 for a constant.
  private let groups: [Int]

  init(_ plan: FilePlan) {
    plans = plan.controls
    var amounts = [Int](repeating: -1, count: plans.count)
    var kinds = [ValueKind](repeating: .bigint, count: plans.count)
    for (place, column) in plan.columns.enumerated() where column.control >= 0 {
      amounts[column.control] = place
      kinds[column.control] = column.kind
    }
    self.amounts = amounts
    self.kinds = kinds
    groups = plans.map { control in
      control.groupField < 0 ? -1 : plan.columns.firstIndex { $0.field == control.groupField } ?? -1
    }
  }

  /// The sums of `rows`, all under one outcome.
  func totals(
    _ rows: some Sequence<PieceRow>, base: UnsafePointer<UInt8>, _ outcome: ControlSumEntry.Outcome
  ) -> ControlTotals {
    var totals = ControlTotals()
    guard !plans.isEmpty else { return totals }
    var accumulator = ControlAccumulator(plans)
    let width = (amounts + groups).max() ?? 0
    let fields = UnsafeMutablePointer<(start: UnsafePointer<UInt8>, count: Int)>.allocate(capacity: width + 1)
    defer { fields.deallocate() }
    for row in rows {
      EncodedRow.forEachField(base + row.offset) { field, bytes, count in
        if field <= width { fields[field] = (bytes, count) }
      }
      for control in plans.indices where amounts[control] >= 0 {
        let amount = fields[amounts[control]]
        guard amount.count >= 0 else { continue }
        let value = Self.number(amount.start, amount.count, kinds[control], scale: plans[control].scale)
        if groups[control] >= 0 {
          let group = fields[groups[control]]
          accumulator.add(value, control: control, group: group.start, max(0, group.count), isRejected: false)
        } else {
          plans[control].constantGroup.withUnsafeBufferPointer { bytes in
            guard let start = bytes.baseAddress else { return }
            accumulator.add(value, control: control, group: start, bytes.count, isRejected: false)
          }
        }
      }
    }
    for (key, amount) in accumulator.totals.sums where key.outcome == .read {
      totals.add(amount, column: key.column, currency: key.currency, outcome)
    }
    if accumulator.hasOverflowed || accumulator.hasTooManyGroups { totals.markOverflow() }
    return totals
  }

  /// An encoded number at `scale`.
  static func number(_ bytes: UnsafePointer<UInt8>, _ count: Int, _ kind: ValueKind, scale: Int) -> Int128 {
    switch kind {
    case .integer: return Int128(EncodedRow.load(bytes, as: Int32.self))
    case .bigint: return Int128(EncodedRow.load(bytes, as: Int64.self))
    default: break
    }
    let digits = Int(EncodedRow.load(bytes, as: Int16.self))
    let weight = Int(EncodedRow.load(bytes + 2, as: Int16.self))
    let isNegative = EncodedRow.load(bytes + 4, as: UInt16.self) == 0x4000
    // The last group of four may reach behind the scale; those digits are zeros, and would not always fit.
    var value: Int128 = 0
    let last = -((scale + 3) / 4)
    var group = weight
    var index = 0
    while group >= last || index < digits {
      let digit = index < digits ? Int128(EncodedRow.load(bytes + 8 + 2 * index, as: Int16.self)) : 0
      let excess = -group * 4 - scale
      if excess > 0 {
        let unit: Int128 = excess == 1 ? 10 : excess == 2 ? 100 : 1_000
        value = value &* (10_000 / unit) &+ digit / unit
      } else {
        value = value &* 10_000 &+ digit
      }
      group -= 1
      index += 1
    }
    return isNegative ? -value : value
  }
}
