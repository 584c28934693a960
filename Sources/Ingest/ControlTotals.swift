// Money added up by column, currency and outcome.
// Invariant: amounts of different currencies are never added together, and a sum that overflows 38 digits is
// remembered as unusable instead of wrapping.

internal import Ledger
internal import Money

/// Sums by column, currency and outcome.
struct ControlTotals: Sendable {
  /// What a sum belongs to.
  struct Key: Hashable, Comparable, Sendable {
    var column: String
    var currency: String
    var outcome: ControlSumEntry.Outcome

    static func < (a: Key, b: Key) -> Bool {
      (a.column, a.currency, a.outcome.rawValue) < (b.column, b.currency, b.outcome.rawValue)
    }
  }

  private(set) var sums: [Key: ExactDecimal] = [:]
  /// Whether a sum no longer fits.
  private(set) var hasOverflowed = false

  init() {}

  init(_ entries: [ControlSumEntry]) {
    for entry in entries { add(entry.amount, column: entry.column, currency: entry.currency, entry.outcome) }
  }

  mutating func add(_ amount: ExactDecimal, column: String, currency: String, _ outcome: ControlSumEntry.Outcome) {
    let key = Key(column: column, currency: currency, outcome: outcome)
    guard let sum = (sums[key] ?? .zero).adding(amount) else {
      hasOverflowed = true
      return
    }
    sums[key] = sum
  }

  /// Remembers that a sum made elsewhere does not fit.
  mutating func markOverflow() { hasOverflowed = true }

  mutating func add(_ other: ControlTotals) {
    for (key, amount) in other.sums { add(amount, column: key.column, currency: key.currency, key.outcome) }
    if other.hasOverflowed { hasOverflowed = true }
  }

  /// The sums in a fixed order.
  var entries: [ControlSumEntry] {
    sums.sorted { $0.key < $1.key }.map {
      ControlSumEntry(column: $0.key.column, currency: $0.key.currency, outcome: $0.key.outcome, amount: $0.value)
    }
  }

  /// Every column and currency whose read sum differs from the sum of the other outcomes.
  var differences: [(column: String, currency: String, read: ExactDecimal, accounted: ExactDecimal)] {
    struct Pair: Hashable { var column: String, currency: String }
    var read: [Pair: ExactDecimal] = [:]
    var accounted: [Pair: ExactDecimal] = [:]
    for (key, amount) in sums {
      let pair = Pair(column: key.column, currency: key.currency)
      if key.outcome == .read {
        read[pair] = amount
      } else {
        accounted[pair] = (accounted[pair] ?? .zero).adding(amount) ?? .zero
      }
    }
    return Set(read.keys).union(accounted.keys)
      .map { ($0.column, $0.currency, read[$0] ?? .zero, accounted[$0] ?? .zero) }
      .filter { $0.2 != $0.3 }
      .sorted { ($0.0, $0.1) < ($1.0, $1.1) }
  }
}
