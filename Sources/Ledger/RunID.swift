// Names of runs: UUID version 7, so that they sort by the time the run started.
// The time and the random bits are passed in; `make()` takes them from the system.
// Source: RFC 9562, section 5.7.

internal import Glibc

/// The name of one run.
public struct RunID: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The 16 bytes, most significant first.
  public let bytes: [UInt8]

  /// Creates a name from a point in time and 74 random bits.
  ///
  /// - Parameters:
  ///   - milliseconds: since 1970; the low 48 bits count.
  ///   - random: where the other bits come from.
  public init(millisecondsSince1970 milliseconds: Int64, random: inout some RandomNumberGenerator) {
    let time = UInt64(bitPattern: milliseconds) & 0xFFFF_FFFF_FFFF
    let high = (time << 16) | 0x7000 | (random.next() & 0x0FFF)
    let low = 0x8000_0000_0000_0000 | (random.next() & 0x3FFF_FFFF_FFFF_FFFF)
    bytes = Self.bigEndian(high) + Self.bigEndian(low)
  }

  /// Creates a name from its 16 bytes, or nil for another count.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 16 else { return nil }
    self.bytes = bytes
  }

  /// Reads the canonical form of 36 characters, or nil for anything else.
  public init?(_ text: some StringProtocol) {
    var bytes: [UInt8] = []
    var high: UInt8?
    for (index, character) in text.utf8.enumerated() {
      if index == 8 || index == 13 || index == 18 || index == 23 {
        guard character == UInt8(ascii: "-") else { return nil }
        continue
      }
      guard let digit = Self.hexDigit(character) else { return nil }
      if let first = high {
        bytes.append(first << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    guard bytes.count == 16, high == nil else { return nil }
    self.bytes = bytes
  }

  /// A new name for now.
  public static func make() -> RunID {
    var generator = SystemRandomNumberGenerator()
    return RunID(millisecondsSince1970: Moment.now().microsecondsSince1970 / 1000, random: &generator)
  }

  /// When the run was named, in milliseconds since 1970.
  public var millisecondsSince1970: Int64 {
    bytes[0..<6].reduce(Int64(0)) { $0 << 8 | Int64($1) }
  }

  /// The canonical form, `xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx`.
  public var description: String {
    var text = ""
    text.reserveCapacity(36)
    for (index, byte) in bytes.enumerated() {
      if index == 4 || index == 6 || index == 8 || index == 10 { text.append("-") }
      text.append(Self.digits[Int(byte >> 4)])
      text.append(Self.digits[Int(byte & 0xF)])
    }
    return text
  }

  public static func < (a: RunID, b: RunID) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }

  private static let digits: [Character] = Array("0123456789abcdef")

  private static func bigEndian(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) }
  }

  private static func hexDigit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
