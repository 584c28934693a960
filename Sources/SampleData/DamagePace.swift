// When the next bad row is due, and of which kind.
// Invariant: bad rows never exceed rate × good rows of the file so far.

internal import Money

/// Spaces bad rows over a file and takes their kinds in turn.
struct DamagePace {
  private let kinds: [Damage]
  private let ratePPB: UInt64
  private var credit: UInt64 = 0
  private var delayRows: Int?
  private var nextKind = 0

  init(rate: ExactDecimal, kinds: [Damage]) {
    self.kinds = kinds
    let billionths = rate.rounded(scale: 9, rounding: .towardZero)?.coefficient ?? 0
    ratePPB = UInt64(max(0, min(billionths, 500_000_000)))
  }

  /// Whether there are any bad rows at all.
  var isPlanned: Bool { ratePPB > 0 }
  /// Whether a bad row is owed.
  var isPending: Bool { delayRows != nil }

  /// Forgets what was owed.
  mutating func beginFile() {
    credit = 0
    delayRows = nil
  }

  /// Counts one good row, and says whether a bad one has to follow it.
  mutating func isDue(using dice: inout Dice) -> Bool {
    credit += ratePPB
    var isDue = false
    if let rows = delayRows {
      isDue = rows <= 0
      delayRows = isDue ? nil : rows - 1
    }
    if credit >= 1_000_000_000 {
      credit -= 1_000_000_000
      if delayRows != nil { isDue = true }
      delayRows = dice.below(Int(1_000_000_000 / ratePPB))
    }
    return isDue
  }

  /// The kind of the next bad row.
  mutating func takeKind() -> Damage {
    defer { nextKind = (nextKind + 1) % kinds.count }
    return kinds[nextKind]
  }
}
