// numeric on the wire: four 16-bit words (digit count, weight, sign, display scale), then base-10000 digits.
// Source: numeric_send and numeric_recv, src/backend/utils/adt/numeric.c.

extension PostgresNumeric {
  private static let negativeSign: UInt16 = 0x4000
  private static let notANumberSign: UInt16 = 0xC000
  private static let infinitySign: UInt16 = 0xD000
  private static let negativeInfinitySign: UInt16 = 0xF000

  /// Appends the binary form, without the length that COPY and parameters put before it.
  public func appendWire(to bytes: inout [UInt8]) {
    let sign: UInt16 =
      switch form {
      case .positive: 0
      case .negative: Self.negativeSign
      case .notANumber: Self.notANumberSign
      case .infinity: Self.infinitySign
      case .negativeInfinity: Self.negativeInfinitySign
      }
    BinaryEncoding.append(UInt16(clamping: digits.count), to: &bytes)
    BinaryEncoding.append(Int16(clamping: weight), to: &bytes)
    BinaryEncoding.append(sign, to: &bytes)
    BinaryEncoding.append(UInt16(clamping: scale), to: &bytes)
    for digit in digits { BinaryEncoding.append(digit, to: &bytes) }
  }

  /// Reads the binary form; nil when it is malformed.
  public init?(wire bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= 8 else { return nil }
    let count = Int(BinaryDecoding.integer(bytes, at: 0, as: UInt16.self))
    let weight = Int(BinaryDecoding.integer(bytes, at: 2, as: Int16.self))
    let sign = BinaryDecoding.integer(bytes, at: 4, as: UInt16.self)
    let scale = Int(BinaryDecoding.integer(bytes, at: 6, as: UInt16.self))
    guard bytes.count == 8 + 2 * count else { return nil }
    switch sign {
    case Self.notANumberSign: self = .notANumber
    case Self.infinitySign: self = .infinity
    case Self.negativeInfinitySign: self = .negativeInfinity
    case 0, Self.negativeSign:
      let digits = (0..<count).map { BinaryDecoding.integer(bytes, at: 8 + 2 * $0, as: UInt16.self) }
      guard digits.allSatisfy({ $0 < 10_000 }) else { return nil }
      self.init(form: sign == 0 ? .positive : .negative, weight: weight, scale: scale, digits: digits)
      normalize()
    default: return nil
    }
  }
}
