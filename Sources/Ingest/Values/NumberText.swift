// Numbers as feeds write them → integers. Free functions over bytes: no String, nothing allocated.
// Invariant: a result is exact; what does not fit is a fault, never a rounded or wrapped value.
// NaN and infinity are no numbers of a feed. Digit grouping is elsewhere (`removeGrouping`), off the usual path.

/// The magnitude and sign of `[+-]digits[.digits]`, as an integer of `scale` fractional digits.
///
/// Fractional zeros beyond `scale` are allowed, other digits there are a fault.
/// - Complexity: O(bytes).
@inline(__always)
func parseDecimal(
  _ bytes: UnsafePointer<UInt8>, _ count: Int, scale: Int, decimalMark: UInt8, into value: inout Int128
) -> FieldFault {
  // 18 digits fit an Int64 whatever they are; longer fields take the wide path.
  guard count <= 16, scale <= 6 else {
    return parseWideDecimal(bytes, count, scale: scale, decimalMark: decimalMark, into: &value)
  }
  var index = 0
  var isNegative = false
  if count > 0, bytes[0] == 0x2D || bytes[0] == 0x2B {
    isNegative = bytes[0] == 0x2D
    index = 1
  }
  var result: Int64 = 0
  let start = index
  while index < count {
    let digit = bytes[index] &- 0x30
    if digit > 9 { break }
    result = result &* 10 &+ Int64(digit)
    index &+= 1
  }
  var digits = index - start
  var missing = scale
  if index < count {
    guard bytes[index] == decimalMark else { return .wrongType }
    index &+= 1
    var hasExtra = false
    while index < count {
      let digit = bytes[index] &- 0x30
      if digit > 9 { return .wrongType }
      if missing > 0 {
        result = result &* 10 &+ Int64(digit)
        missing &-= 1
      } else if digit != 0 {
        hasExtra = true
      }
      digits &+= 1
      index &+= 1
    }
    if hasExtra { return digits > 0 ? .tooManyFractionDigits : .wrongType }
  }
  if digits == 0 { return .wrongType }
  if missing > 0 {
    // At most 16 digits came in and at most 6 are added: the wide path takes what might not fit.
    if result >= 1_000_000_000_000 {
      return parseWideDecimal(bytes, count, scale: scale, decimalMark: decimalMark, into: &value)
    }
    while missing > 0 {
      result = result &* 10
      missing &-= 1
    }
  }
  value = Int128(isNegative ? 0 &- result : result)
  return .none
}

/// `parseDecimal` for any length, with 38 significant digits at most.
@inline(never)
func parseWideDecimal(
  _ bytes: UnsafePointer<UInt8>, _ count: Int, scale: Int, decimalMark: UInt8, into value: inout Int128
) -> FieldFault {
  var index = 0
  var isNegative = false
  if count > 0, bytes[0] == 0x2D || bytes[0] == 0x2B {
    isNegative = bytes[0] == 0x2D
    index = 1
  }
  var result: Int128 = 0
  var significant = 0
  var fraction = 0
  var seenPoint = false
  var seenDigit = false
  var hasExtra = false
  var isTooLong = false
  while index < count {
    let byte = bytes[index]
    index += 1
    if byte == decimalMark, !seenPoint {
      seenPoint = true
      continue
    }
    let digit = byte &- 0x30
    guard digit <= 9 else { return .wrongType }
    seenDigit = true
    if seenPoint {
      if fraction == scale {
        if digit != 0 { hasExtra = true }
        continue
      }
      fraction += 1
    }
    if significant > 0 || digit != 0 { significant += 1 }
    if significant > 38 {
      isTooLong = true
      continue
    }
    result = result &* 10 &+ Int128(digit)
  }
  guard seenDigit else { return .wrongType }
  if isTooLong { return .overflow }
  if hasExtra { return .tooManyFractionDigits }
  while fraction < scale {
    if significant > 0 { significant += 1 }
    if significant > 38 { return .overflow }
    result = result &* 10
    fraction += 1
  }
  value = isNegative ? -result : result
  return .none
}

/// A whole number within 64 bits: `[+-]digits`, with `.0…` behind it when `acceptsZeroFraction`.
@inline(__always)
func parseInteger(
  _ bytes: UnsafePointer<UInt8>, _ count: Int, acceptsZeroFraction: Bool, decimalMark: UInt8,
  into value: inout Int64
) -> FieldFault {
  var index = 0
  var isNegative = false
  if count > 0, bytes[0] == 0x2D || bytes[0] == 0x2B {
    isNegative = bytes[0] == 0x2D
    index = 1
  }
  let start = index
  var result: Int64 = 0
  var hasOverflowed = false
  while index < count {
    let digit = bytes[index] &- 0x30
    if digit > 9 { break }
    if index - start < 18 {
      result = result &* 10 &- Int64(digit)  // negative, so that Int64.min is reached without overflow
    } else {
      let (product, a) = result.multipliedReportingOverflow(by: 10)
      let (sum, b) = product.subtractingReportingOverflow(Int64(digit))
      if a || b { hasOverflowed = true } else { result = sum }
    }
    index &+= 1
  }
  if index == start { return .wrongType }
  if index < count {
    guard acceptsZeroFraction, bytes[index] == decimalMark, index + 1 < count else { return .wrongType }
    index &+= 1
    while index < count {
      let digit = bytes[index] &- 0x30
      if digit > 9 { return .wrongType }
      if digit != 0 { return .tooManyFractionDigits }
      index &+= 1
    }
  }
  if hasOverflowed { return .overflow }
  if isNegative {
    value = result
    return .none
  }
  if result == Int64.min { return .overflow }
  value = 0 &- result
  return .none
}

/// Copies a number without its digit grouping into `scratch`, or says that the groups are not of three digits.
///
/// - Returns: the bytes written, or -1 for a misplaced mark. `1,203.50` gives `1203.50`; `1,20` gives -1.
func removeGrouping(
  _ bytes: UnsafePointer<UInt8>, _ count: Int, mark: UInt8, decimalMark: UInt8,
  into scratch: UnsafeMutablePointer<UInt8>
) -> Int {
  var written = 0
  var sinceMark = -1  // digits since the last mark; -1 before the first one
  var leading = 0
  var isWhole = true
  for index in 0..<count {
    let byte = bytes[index]
    if isWhole, byte == mark {
      guard sinceMark == 3 || (sinceMark == -1 && (1...3).contains(leading)) else { return -1 }
      sinceMark = 0
      continue
    }
    if byte == decimalMark {
      if sinceMark != -1, sinceMark != 3 { return -1 }
      isWhole = false
    } else if isWhole, byte >= 0x30, byte <= 0x39 {
      if sinceMark >= 0 { sinceMark += 1 } else { leading += 1 }
    }
    scratch[written] = byte
    written += 1
  }
  if isWhole, sinceMark != -1, sinceMark != 3 { return -1 }
  return written
}
