// CSV text, formatted straight into one block of memory.
// Invariant: a row is begun with room for `longestRow` bytes, so nothing inside a row checks or grows.
// A field is quoted after it was written, when a look at its bytes shows the need (RFC 4180).

internal import Money

/// A growing block of CSV rows.
struct RowBuffer: ~Copyable {
  /// No row may be longer.
  static let longestRow = 8_192

  private(set) var count = 0
  /// Whether a field of the current row was quoted.
  private(set) var sawQuote = false
  /// Line breaks inside fields of the current row.
  private(set) var innerLines = 0

  private var base: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private var fieldStart = 0
  private var cachedDay = Int.min
  private var cachedDate: (UInt64, UInt16) = (0, 0)

  init(capacity: Int) {
    self.capacity = max(capacity, 2 * Self.longestRow)
    base = .allocate(capacity: self.capacity)
  }

  deinit { base.deallocate() }

  /// Calls `body` with all bytes, then forgets them.
  mutating func drain<E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> Void) throws(E) {
    try body(UnsafeRawBufferPointer(start: base, count: count))
    count = 0
  }

  /// Starts a row.
  mutating func beginRow() {
    if capacity - count < Self.longestRow { grow() }
    fieldStart = count
    sawQuote = false
    innerLines = 0
  }

  /// Takes back everything after `position`.
  mutating func rewind(to position: Int) { count = position }

  /// The bytes from `position` on.
  func bytes(from position: Int) -> [UInt8] {
    Array(UnsafeBufferPointer(start: base + position, count: count - position))
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity * 2)
    larger.update(from: base, count: count)
    base.deallocate()
    base = larger
    capacity *= 2
  }

  mutating func put(byte: UInt8) {
    base[count] = byte
    count += 1
  }

  /// Ends a field that cannot need quotes.
  mutating func comma() {
    put(byte: 0x2C)
    fieldStart = count
  }

  /// Ends a row whose last field cannot need quotes.
  mutating func newline() { put(byte: 0x0A) }

  mutating func put(_ text: StaticString) {
    let length = text.utf8CodeUnitCount
    (base + count).update(from: text.utf8Start, count: length)
    count += length
  }

  mutating func put(_ bytes: [UInt8]) {
    for byte in bytes { put(byte: byte) }
  }

  /// Puts quotes around the field written since the last comma when it needs them.
  mutating func quoteIfNeeded() {
    var quotes = 0
    var needed = false
    for index in fieldStart..<count {
      switch base[index] {
      case 0x22:
        quotes += 1
        needed = true
      case 0x2C: needed = true
      case 0x0A:
        innerLines += 1
        needed = true
      default: break
      }
    }
    guard needed else { return }
    sawQuote = true
    var source = count - 1
    count += quotes + 2
    var target = count - 1
    base[target] = 0x22
    target -= 1
    while source >= fieldStart {
      let byte = base[source]
      base[target] = byte
      target -= 1
      if byte == 0x22 {
        base[target] = byte
        target -= 1
      }
      source -= 1
    }
    base[target] = 0x22
  }

  mutating func put(_ number: Int) {
    put(UInt64(number.magnitude), isNegative: number < 0, leastDigits: 1)
  }

  /// `number` padded with zeros.
  mutating func put(_ number: Int, digits: Int) {
    put(UInt64(number.magnitude), isNegative: number < 0, leastDigits: digits)
  }

  /// An amount in hundredths, with two digits behind the point.
  mutating func put(cents: Int) {
    let (whole, rest) = cents.magnitude.quotientAndRemainder(dividingBy: 100)
    put(UInt64(whole), isNegative: cents < 0, leastDigits: 1)
    put(byte: 0x2E)
    putPair(Int(rest))
  }

  private mutating func put(_ magnitude: UInt64, isNegative: Bool, leastDigits: Int) {
    if isNegative { put(byte: 0x2D) }
    var length = 1
    var limit: UInt64 = 10
    while magnitude >= limit, length < 20 {
      length += 1
      let (next, overflow) = limit.multipliedReportingOverflow(by: 10)
      if overflow { break }
      limit = next
    }
    length = max(length, leastDigits)
    var rest = magnitude
    var index = count + length
    count = index
    for _ in 0..<length {
      index -= 1
      base[index] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
  }

  private mutating func putPair(_ number: Int) {
    base[count] = 0x30 + UInt8(truncatingIfNeeded: number / 10)
    base[count + 1] = 0x30 + UInt8(truncatingIfNeeded: number % 10)
    count += 2
  }

  /// `yyyy-MM-dd` of a day counted from 1970-01-01.
  mutating func put(day: Int) {
    if day == cachedDay {
      let target = UnsafeMutableRawPointer(base + count)
      target.storeBytes(of: cachedDate.0, as: UInt64.self)
      (target + 8).storeBytes(of: cachedDate.1, as: UInt16.self)
      count += 10
      return
    }
    let (year, month, dayOfMonth) = CivilDate(daysSince1970: day).components
    put(year, digits: 4)
    put(byte: 0x2D)
    putPair(month)
    put(byte: 0x2D)
    putPair(dayOfMonth)
    let written = UnsafeRawPointer(base + count - 10)
    cachedDate = (written.loadUnaligned(as: UInt64.self), (written + 8).loadUnaligned(as: UInt16.self))
    cachedDay = day
  }

  /// An instant in seconds since 1970, as the clock of `zone` shows it.
  mutating func put(instant: Int, zone: ZoneForm) {
    let shown = instant + zone.offsetMinutes * 60
    let day = shown >= 0 ? shown / 86_400 : (shown - 86_399) / 86_400
    let second = shown - day * 86_400
    put(day: day)
    put(byte: 0x54)
    putPair(second / 3_600)
    put(byte: 0x3A)
    putPair(second / 60 % 60)
    put(byte: 0x3A)
    putPair(second % 60)
    if zone.isUTC {
      put(byte: 0x5A)
    } else {
      let minutes = Int(zone.offsetMinutes.magnitude)
      put(byte: zone.offsetMinutes < 0 ? 0x2D : 0x2B)
      putPair(minutes / 60)
      put(byte: 0x3A)
      putPair(minutes % 60)
    }
  }
}

/// How an instant's zone is written: an offset, or `Z`.
struct ZoneForm: Sendable, Equatable {
  private let minutes: Int16

  static let utc = ZoneForm(minutes: .min)

  private init(minutes: Int16) { self.minutes = minutes }

  init(offsetMinutes: Int) { minutes = Int16(offsetMinutes) }

  var isUTC: Bool { minutes == .min }
  var offsetMinutes: Int { isUTC ? 0 : Int(minutes) }
}
