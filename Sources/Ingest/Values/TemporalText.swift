// Days and times as feeds write them → PostgreSQL's integers (days, microseconds since 2000-01-01).
// ISO 8601: `yyyy-MM-dd`, and for times `T` or a space, `HH:mm`, `:ss`, up to six digits of a second, `Z` or an
// offset. Free functions over bytes; nothing is allocated. Other notations are in FormattedTime.
// 24:00 and leap seconds are no times here: PostgreSQL would turn them into others silently.

internal import Definitions

/// Days from 1970-01-01 to 2000-01-01, PostgreSQL's first day.
let daysTo2000: Int64 = 10_957

/// A civil day and time of day as read, before any zone.
struct CivilTime {
  /// Days since 1970-01-01.
  var day: Int64 = 0
  /// Seconds since midnight.
  var second: Int64 = 0
  var microsecond: Int64 = 0
  /// The offset from UTC that was written, in seconds.
  var offset: Int64 = 0
  var hasTime = false
  var hasOffset = false
}

/// The day number of a date of the years 1 to 9999, or nil when the calendar has no such day.
/// Source: H. Hinnant, days_from_civil.
@inline(__always)
func dayNumber(year: Int, month: Int, day: Int) -> Int64? {
  guard year >= 1, year <= 9999, month >= 1, month <= 12, day >= 1, day <= 31 else { return nil }
  if day > 28 {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let last = month == 2 ? (isLeap ? 29 : 28) : (month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31)
    if day > last { return nil }
  }
  let y = month <= 2 ? year - 1 : year
  let era = y / 400
  let yearOfEra = y - era * 400
  let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
  let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
  return Int64(era * 146_097 + dayOfEra - 719_468)
}

/// Two digits as a number, or -1.
@inline(__always)
private func twoDigits(_ bytes: UnsafePointer<UInt8>) -> Int {
  let (a, b) = (bytes[0] &- 0x30, bytes[1] &- 0x30)
  return a <= 9 && b <= 9 ? Int(a) &* 10 &+ Int(b) : -1
}

/// Reads ISO 8601.
@inline(__always)
func parseISO(_ bytes: UnsafePointer<UInt8>, _ count: Int, into result: inout CivilTime) -> Bool {
  guard count >= 10, bytes[4] == 0x2D, bytes[7] == 0x2D else { return false }
  let (century, year, month, day) = (
    twoDigits(bytes), twoDigits(bytes + 2), twoDigits(bytes + 5), twoDigits(bytes + 8)
  )
  guard century >= 0, year >= 0, let number = dayNumber(year: century &* 100 &+ year, month: month, day: day) else {
    return false
  }
  result.day = number
  if count == 10 { return true }
  guard count >= 16, bytes[10] == 0x20 || bytes[10] == 0x54, bytes[13] == 0x3A else { return false }
  let (hour, minute) = (twoDigits(bytes + 11), twoDigits(bytes + 14))
  guard hour >= 0, hour <= 23, minute >= 0, minute <= 59 else { return false }
  var second = 0
  var index = 16
  if index &+ 2 < count, bytes[index] == 0x3A {
    second = twoDigits(bytes + 17)
    guard second >= 0, second <= 59 else { return false }
    index = 19
    if index < count, bytes[index] == 0x2E {
      index = readFraction(bytes, count, from: 20, minimum: 1, maximum: 6, into: &result.microsecond)
      if index < 0 { return false }
    }
  }
  result.second = Int64(hour &* 3600 &+ minute &* 60 &+ second)
  result.hasTime = true
  if index == count { return true }
  return readOffset(bytes, count, from: index, into: &result) == count
}

/// Reads digits of a second; the index behind them, or -1. Digits behind the sixth are dropped.
func readFraction(
  _ bytes: UnsafePointer<UInt8>, _ count: Int, from start: Int, minimum: Int, maximum: Int, into value: inout Int64
) -> Int {
  var index = start
  var result: Int64 = 0
  while index < count, index - start < maximum, bytes[index] &- 0x30 <= 9 {
    if index - start < 6 { result = result * 10 + Int64(bytes[index] &- 0x30) }
    index += 1
  }
  guard index - start >= minimum else { return -1 }
  for _ in min(6, index - start)..<6 { result *= 10 }
  value = result
  return index
}

/// Reads `Z`, `+hh`, `+hh:mm` or `+hhmm`, up to 15:59; the index behind it, or -1.
func readOffset(_ bytes: UnsafePointer<UInt8>, _ count: Int, from start: Int, into result: inout CivilTime)
  -> Int
{
  guard start < count else { return -1 }
  result.hasOffset = true
  if bytes[start] | 0x20 == UInt8(ascii: "z") { return start + 1 }
  guard bytes[start] == 0x2B || bytes[start] == 0x2D, start + 3 <= count else { return -1 }
  let hours = twoDigits(bytes + start + 1)
  var index = start + 3
  var minutes = 0
  let hasColon = index < count && bytes[index] == 0x3A
  if hasColon { index += 1 }
  if hasColon || index + 2 <= count {
    guard index + 2 <= count else { return -1 }
    minutes = twoDigits(bytes + index)
    index += 2
  }
  guard hours >= 0, hours <= 15, minutes >= 0, minutes <= 59 else { return -1 }
  let seconds = Int64(hours * 3600 + minutes * 60)
  result.offset = bytes[start] == 0x2D ? -seconds : seconds
  return index
}
