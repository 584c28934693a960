// A hash that is the same on every machine and in every version: FNV-1a of 128 bits.
// It detects change by people who have no reason to cheat; it proves nothing against someone who forges.
// Invariant: every piece carries its length, so that no two lists of pieces run together.
// Source: G. Fowler, L. C. Noll, K.-P. Vo, D. Eastlake, "The FNV Non-Cryptographic Hash Algorithm".

/// Hashes a sequence of texts.
struct StableHash {
  private var state: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
  private static let prime: UInt128 = 0x0000_0000_0100_0000_0000_0000_0000_013b

  mutating func add(_ text: String) {
    var length = text.utf8.count
    repeat {
      step(UInt8(truncatingIfNeeded: length))
      length >>= 8
    } while length > 0
    step(0xFF)
    for byte in text.utf8 { step(byte) }
  }

  mutating func add(_ texts: [String]) {
    add("\(texts.count)")
    for text in texts { add(text) }
  }

  private mutating func step(_ byte: UInt8) {
    state ^= UInt128(byte)
    state = state &* Self.prime
  }

  /// 32 hexadecimal digits.
  var digest: String {
    let digits = String(state, radix: 16)
    return String(repeating: "0", count: 32 - digits.count) + digits
  }
}
