// Days and times in the notation of a column's `format:` → a civil time. Free functions over bytes.
// Invariant: a day that the calendar does not have, an hour of 0 with AM or PM, and bytes left over are refused; what
// passes names exactly one day of the years 1 to 9999. ISO 8601, which needs no format, is in TemporalText.

internal import Definitions

/// The numbers of a time while its parts are read.
private struct TimeParts {
  var year = 0
  var month = 0
  var day = 0
  var hour = 0
  var minute = 0
  var second = 0
  /// Whether the hour counts from 1 to 12.
  var isHalfDay = false
  var isAfternoon = false
}

/// Reads the notation of a `format:`.
func parseFormatted(
  _ bytes: UnsafePointer<UInt8>, _ count: Int, parts: UnsafeBufferPointer<DateTimeFormat.Part>,
  into result: inout CivilTime
) -> Bool {
  var time = TimeParts()
  var index = 0
  func number(minimum: Int, maximum: Int) -> Int {
    var value = 0
    let start = index
    while index < count, index - start < maximum, bytes[index] &- 0x30 <= 9 {
      value = value * 10 + Int(bytes[index] &- 0x30)
      index += 1
    }
    return index - start >= minimum ? value : -1
  }
  for part in parts {
    switch part {
    case .year: time.year = number(minimum: 4, maximum: 4)
    case .yearOfCentury(let first):
      let short = number(minimum: 2, maximum: 2)
      guard short >= 0 else { return false }
      time.year = first + (short - first % 100 + 100) % 100
    case .month(let digits): time.month = number(minimum: digits, maximum: 2)
    case .monthName, .fullMonthName:
      guard index + 3 <= count else { return false }
      time.month = monthNumber(bytes + index)
      if part == .fullMonthName {
        index = endOfMonth(time.month, bytes, count, from: index)
        if index < 0 { return false }
      } else {
        index += 3
      }
    case .day(let digits): time.day = number(minimum: digits, maximum: 2)
    case .hour(let digits):
      time.hour = number(minimum: digits, maximum: 2)
      result.hasTime = true
    case .hourOfHalfDay(let digits):
      time.hour = number(minimum: digits, maximum: 2)
      time.isHalfDay = true
      result.hasTime = true
    case .halfDay:
      index = readHalfDay(bytes, count, from: index, into: &time.isAfternoon)
      if index < 0 { return false }
    case .minute: time.minute = number(minimum: 2, maximum: 2)
    case .second: time.second = number(minimum: 2, maximum: 2)
    case .fraction(let digits):
      index = readFraction(bytes, count, from: index, minimum: digits, maximum: digits, into: &result.microsecond)
      if index < 0 { return false }
    case .offset:
      index = readOffset(bytes, count, from: index, into: &result)
      if index < 0 { return false }
    case .literal(let byte):
      guard index < count, bytes[index] == byte else { return false }
      index += 1
    case .epochSeconds: return parseEpoch(bytes, count, digitsBehind: 0, into: &result)
    case .epochMilliseconds: return parseEpoch(bytes, count, digitsBehind: 3, into: &result)
    }
  }
  return index == count && settle(time, into: &result)
}

/// Checks the numbers and puts them together.
private func settle(_ time: TimeParts, into result: inout CivilTime) -> Bool {
  var hour = time.hour
  if time.isHalfDay {
    guard (1...12).contains(hour) else { return false }
    hour = hour % 12 + (time.isAfternoon ? 12 : 0)
  }
  guard (0...23).contains(hour), (0...59).contains(time.minute), (0...59).contains(time.second),
    let number = dayNumber(year: time.year, month: time.month, day: time.day)
  else { return false }
  result.day = number
  result.second = Int64(hour * 3600 + time.minute * 60 + time.second)
  return true
}

/// Reads `AM`, `PM`, `A.M.` or `P.M.` in any case; the index behind it, or -1.
private func readHalfDay(
  _ bytes: UnsafePointer<UInt8>, _ count: Int, from start: Int, into isAfternoon: inout Bool
) -> Int {
  guard start + 2 <= count else { return -1 }
  let first = bytes[start] | 0x20
  guard first == UInt8(ascii: "a") || first == UInt8(ascii: "p") else { return -1 }
  isAfternoon = first == UInt8(ascii: "p")
  if bytes[start + 1] | 0x20 == UInt8(ascii: "m") { return start + 2 }
  guard start + 4 <= count, bytes[start + 1] == 0x2E, bytes[start + 2] | 0x20 == UInt8(ascii: "m"),
    bytes[start + 3] == 0x2E
  else { return -1 }
  return start + 4
}

/// The seconds from 0001-01-01 to 1970, negative, and from 1970 to the end of 9999.
private let firstEpoch: Int64 = -62_135_596_800
private let epochEnd: Int64 = 253_402_300_800

/// Reads `[-]digits`, the last `digitsBehind` of them behind an unwritten point; without any such digits a point and
/// up to six more may be written.
private func parseEpoch(
  _ bytes: UnsafePointer<UInt8>, _ count: Int, digitsBehind: Int, into result: inout CivilTime
) -> Bool {
  var index = 0
  let isNegative = count > 0 && bytes[0] == 0x2D
  if isNegative { index = 1 }
  let start = index
  var value: Int64 = 0
  while index < count, bytes[index] &- 0x30 <= 9 {
    guard index - start < 15 else { return false }
    value = value * 10 + Int64(bytes[index] &- 0x30)
    index += 1
  }
  guard index > start else { return false }
  for _ in digitsBehind..<6 {
    let (product, overflow) = value.multipliedReportingOverflow(by: 10)
    if overflow { return false }
    value = product
  }
  if digitsBehind == 0, index < count, bytes[index] == 0x2E {
    var fraction: Int64 = 0
    index = readFraction(bytes, count, from: index + 1, minimum: 1, maximum: 6, into: &fraction)
    if index < 0 { return false }
    let (sum, overflow) = value.addingReportingOverflow(fraction)
    if overflow { return false }
    value = sum
  }
  guard index == count else { return false }
  if isNegative { value = 0 - value }
  let microsecond = (value % 1_000_000 + 1_000_000) % 1_000_000
  let second = (value - microsecond) / 1_000_000
  guard second >= firstEpoch, second < epochEnd else { return false }
  result.second = second
  result.microsecond = microsecond
  result.hasTime = true
  result.hasOffset = true
  return true
}

/// 1 to 12 for `Jan` to `Dec` in any case, else 0.
private func monthNumber(_ bytes: UnsafePointer<UInt8>) -> Int {
  let word = (0..<3).reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[$1] | 0x20) }
  switch word {
  case 0x6A616E: return 1
  case 0x666562: return 2
  case 0x6D6172: return 3
  case 0x617072: return 4
  case 0x6D6179: return 5
  case 0x6A756E: return 6
  case 0x6A756C: return 7
  case 0x617567: return 8
  case 0x736570: return 9
  case 0x6F6374: return 10
  case 0x6E6F76: return 11
  case 0x646563: return 12
  default: return 0
  }
}

/// What follows the first three letters of each month's name.
private let monthEndings: [StaticString] = [
  "uary", "ruary", "ch", "il", "", "e", "y", "ust", "tember", "ober", "ember", "ember",
]

/// The index behind the whole name of `month`, whose first three letters stand at `start`, or -1.
private func endOfMonth(_ month: Int, _ bytes: UnsafePointer<UInt8>, _ count: Int, from start: Int) -> Int {
  guard (1...12).contains(month) else { return -1 }
  let ending = monthEndings[month - 1]
  let end = start + 3 + ending.utf8CodeUnitCount
  guard end <= count else { return -1 }
  for offset in 0..<ending.utf8CodeUnitCount where bytes[start + 3 + offset] | 0x20 != ending.utf8Start[offset] {
    return -1
  }
  return end
}
