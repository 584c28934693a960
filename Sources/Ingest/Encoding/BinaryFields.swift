// Fields of binary COPY: a four-byte length and the value, all big-endian. Each function writes at the cursor and
// moves it; the caller has reserved the room (`maximumFixedFieldBytes`, plus the text's own length).
// Sources: PostgreSQL 15, src/backend/utils/adt: int8recv, numeric_recv, timestamptz_recv, date_recv, uuid_recv,
// jsonb_recv.

/// The most bytes that any field but text and JSON takes: a numeric of 38 digits.
let maximumFixedFieldBytes = 4 + 8 + 2 * 11

/// Stores an integer big-endian.
@inline(__always)
func put<T: FixedWidthInteger>(_ value: T, _ cursor: inout UnsafeMutablePointer<UInt8>) {
  UnsafeMutableRawPointer(cursor).storeBytes(of: value.bigEndian, as: T.self)
  cursor += MemoryLayout<T>.size
}

/// Writes NULL.
@inline(__always)
func putNull(_ cursor: inout UnsafeMutablePointer<UInt8>) { put(Int32(-1), &cursor) }

/// Writes an integer column's value.
@inline(__always)
func putInteger<T: FixedWidthInteger>(_ value: T, _ cursor: inout UnsafeMutablePointer<UInt8>) {
  put(Int32(MemoryLayout<T>.size), &cursor)
  put(value, &cursor)
}

/// Writes bytes as they are.
@inline(__always)
func putBytes(_ bytes: UnsafePointer<UInt8>, _ count: Int, _ cursor: inout UnsafeMutablePointer<UInt8>) {
  put(Int32(truncatingIfNeeded: count), &cursor)
  cursor.update(from: bytes, count: count)
  cursor += count
}

/// Writes a numeric: `value` / 10^`scale`, shown with `scale` digits behind the point.
@inline(__always)
func putNumeric(_ value: Int128, scale: Int, _ cursor: inout UnsafeMutablePointer<UInt8>) {
  // 10^15 leaves room for the padding to whole groups of four digits.
  if value < 1_000_000_000_000_000, value > -1_000_000_000_000_000 {
    let narrow = Int64(truncatingIfNeeded: value)
    putNumericDigits(narrow.magnitude, isNegative: narrow < 0, scale: scale, &cursor)
  } else {
    putWideNumeric(value, scale: scale, &cursor)
  }
}

@inline(never)
private func putWideNumeric(_ value: Int128, scale: Int, _ cursor: inout UnsafeMutablePointer<UInt8>) {
  putNumericDigits(value.magnitude, isNegative: value < 0, scale: scale, &cursor)
}

@inline(__always)
private func putNumericDigits<T: FixedWidthInteger & UnsignedInteger>(
  _ magnitude: T, isNegative: Bool, scale: Int, _ cursor: inout UnsafeMutablePointer<UInt8>
) {
  // The digits of a group stand together on one side of the point, so the last group may need padding.
  // 38 digits and 3 more exceed 128 bits; then the last group is cut off before the padding is applied.
  let groups = (scale &+ 3) / 4
  var padding = groups &* 4 &- scale
  var rest = magnitude
  var lastDigit: UInt16 = 0
  var digits = 0
  if padding > 0, rest > T.max / 1000 {
    let unit: T = padding == 1 ? 1000 : padding == 2 ? 100 : 10
    let factor: UInt16 = padding == 1 ? 10 : padding == 2 ? 100 : 1000
    lastDigit = UInt16(truncatingIfNeeded: rest % unit) &* factor
    rest /= unit
    digits = 1
  } else {
    while padding > 0 {
      rest = rest &* 10
      padding &-= 1
    }
  }
  var probe = rest
  while probe > 0 {
    probe /= 10_000
    digits &+= 1
  }
  let weight = rest == 0 && lastDigit == 0 ? 0 : digits &- groups &- 1
  let hasCutDigit = digits > 0 && lastDigit > 0
  if !hasCutDigit {
    if padding > 0, digits > 0 { digits &-= 1 }  // the cut digit was zero
    while digits > 0, rest % 10_000 == 0 {
      rest /= 10_000
      digits &-= 1
    }
  }
  put(Int32(truncatingIfNeeded: 8 &+ 2 &* digits), &cursor)
  put(Int16(truncatingIfNeeded: digits), &cursor)
  put(Int16(truncatingIfNeeded: weight), &cursor)
  put(isNegative ? 0x4000 : 0 as UInt16, &cursor)
  put(UInt16(truncatingIfNeeded: scale), &cursor)
  var at = cursor + 2 &* digits
  var remaining = digits
  if hasCutDigit {
    at -= 2
    UnsafeMutableRawPointer(at).storeBytes(of: lastDigit.bigEndian, as: UInt16.self)
    remaining &-= 1
  }
  while remaining > 0 {
    at -= 2
    UnsafeMutableRawPointer(at).storeBytes(
      of: UInt16(truncatingIfNeeded: rest % 10_000).bigEndian, as: UInt16.self)
    rest /= 10_000
    remaining &-= 1
  }
  cursor += 2 &* digits
}
