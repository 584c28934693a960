// Seeded randomness in whole numbers only: no floating point and no library function, so that the same seed
// gives the same shop on any machine.
// Sources: D. Blackman and S. Vigna, "Scrambled Linear Pseudorandom Number Generators" (xoshiro256**);
// G. Steele, D. Lea and C. Flood, "Fast Splittable Pseudorandom Number Generators" (SplitMix64);
// D. Lemire, "Fast Random Integer Generation in an Interval" (multiply-high, without the rejection step).

/// One step of SplitMix64: a number well mixed from `state`.
func splitMix(_ state: UInt64) -> UInt64 {
  var z = state &+ 0x9E37_79B9_7F4A_7C15
  z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
  return z ^ (z >> 31)
}

/// xoshiro256**, seeded by SplitMix64.
struct Dice: Sendable {
  private var a: UInt64
  private var b: UInt64
  private var c: UInt64
  private var d: UInt64

  /// Dice of their own for each `stream` of one seed.
  init(seed: UInt64, stream: UInt64) {
    let origin = splitMix(seed) ^ splitMix(stream &* 0xD134_2543_DE82_EF95)
    a = splitMix(origin)
    b = splitMix(origin &+ 0x9E37_79B9_7F4A_7C15)
    c = splitMix(origin &+ 0x3C6E_F372_FE94_F82A)
    d = splitMix(origin &+ 0xDAA6_6D2C_7DDF_743F)
  }

  mutating func next() -> UInt64 {
    let product = b &* 5
    let result = ((product << 7) | (product >> 57)) &* 9
    let shifted = b << 17
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = (d << 45) | (d >> 19)
    return result
  }

  /// A number from 0 up to but not including `bound`, which is positive.
  mutating func below(_ bound: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// A number within `range`, both ends included.
  mutating func within(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + below(range.upperBound - range.lowerBound + 1)
  }

  /// True in `share` of 1,000 cases.
  mutating func perMille(_ share: Int) -> Bool { below(1_000) < share }

  /// A number from 0 up to but not including `count`, rank r about as likely as 1 / (r + 16) (Zipf and Mandelbrot).
  ///
  /// All powers of two are equally likely, and so are all numbers between two of them.
  mutating func skewed(below count: Int) -> Int {
    let first = 16
    let limit = count + first
    let lowest = first.trailingZeroBitCount
    let highest = Int.bitWidth - 1 - (limit - 1).leadingZeroBitCount
    while true {
      let power = within(lowest...highest)
      let rank = (1 << power) + below(1 << power)
      if rank < limit { return rank - first }
    }
  }
}
