// From exact values to a pixel axis. Ticks are exact multiples of 1, 2 or 5 times a power of ten; only the last
// step, a position in pixels, is floating point.
// The same values give the same ticks, whatever their order.

internal import Money

/// A vertical (or horizontal) value axis.
struct PlotScale: Sendable {
  /// The ticks, lowest first; at least two.
  let ticks: [ExactDecimal]
  private let low: Double
  private let high: Double

  /// An axis that holds all `values` and, when asked, zero.
  init(values: [ExactDecimal], includesZero: Bool, aboutTicks: Int = 5) {
    var bounds = values
    if includesZero || bounds.isEmpty { bounds.append(.zero) }
    // As many decimals as all values have room for: the axis needs no more than six, and 38 digits must do.
    let finest = min(bounds.map(\.normalized.scale).max() ?? 0, 6)
    let scale = (0...finest).last { scale in bounds.allSatisfy { Self.whole($0, scale) != nil } } ?? 0
    let whole = bounds.map { Self.whole($0, scale) ?? 0 }
    var (lowest, highest) = (whole.min() ?? 0, whole.max() ?? 0)
    if lowest == highest {
      if lowest == 0 {
        highest = tenTo(scale)
      } else if lowest > 0 {
        lowest = 0
      } else {
        highest = 0
      }
    }
    let step = Self.niceStep(atLeast: highest / Int128(aboutTicks) - lowest / Int128(aboutTicks))
    let first = Self.floorDivide(lowest, step)
    let last = -Self.floorDivide(-highest, step)
    ticks = (first...max(last, first + 1)).compactMap { ExactDecimal(coefficient: $0 * step, scale: scale) }
    let divisor = Double(tenTo(scale))
    low = Double(first * step) / divisor
    high = Double(max(last, first + 1) * step) / divisor
  }

  /// Where `value` lies between the ends, 0 to 1.
  func fraction(_ value: ExactDecimal) -> Double {
    guard high > low else { return 0 }
    return (Self.double(value) - low) / (high - low)
  }

  /// About how much it is, for a position in pixels and nothing else.
  static func double(_ value: ExactDecimal) -> Double { Double(value.coefficient) / Double(tenTo(value.scale)) }

  private static func whole(_ value: ExactDecimal, _ scale: Int) -> Int128? {
    guard let rounded = value.rounded(scale: min(scale, value.scale)) else { return nil }
    return rounded.coefficient(atScale: scale)
  }

  /// The smallest of 1, 2, 5 · 10^k that is at least `minimum`.
  static func niceStep(atLeast minimum: Int128) -> Int128 {
    var power: Int128 = 1
    while power <= Int128.max / 100 {
      for factor: Int128 in [1, 2, 5] where factor * power >= minimum { return factor * power }
      power *= 10
    }
    return power
  }

  private static func floorDivide(_ a: Int128, _ b: Int128) -> Int128 {
    let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
