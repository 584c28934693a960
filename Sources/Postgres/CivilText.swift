// Dates and times as ISO 8601 text, for those who read them as String: 2026-11-20, 2026-11-20T08:00:00.25,
// and with time zone always in UTC, 2026-11-20T08:00:00Z. Proleptic Gregorian, as in PostgreSQL.
// Calendars with meaning (fiscal years, weeks) are in Money.

enum CivilText {
  private static let microsecondsPerDay: Int64 = 86_400_000_000

  static func date(daysSince1970 days: Int32) -> String {
    if days == .max { return "infinity" }
    if days == .min { return "-infinity" }
    return civil(Int64(days))
  }

  static func timestamp(microsecondsSince1970 microseconds: Int64, suffix: String = "") -> String {
    if microseconds == .max { return "infinity" }
    if microseconds == .min { return "-infinity" }
    var day = microseconds / microsecondsPerDay
    var rest = microseconds % microsecondsPerDay
    if rest < 0 {
      day -= 1
      rest += microsecondsPerDay
    }
    return civil(day) + "T" + time(microseconds: rest) + suffix
  }

  static func time(microseconds: Int64) -> String {
    let seconds = microseconds / 1_000_000
    var text = "\(padded(seconds / 3_600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
    let fraction = microseconds % 1_000_000
    if fraction > 0 {
      var digits = padded(fraction, 6)
      while digits.last == "0" { digits.removeLast() }
      text += ".\(digits)"
    }
    return text
  }

  static func uuid(_ bytes: [UInt8]) -> String {
    var text = ""
    for (index, byte) in bytes.enumerated() {
      if [4, 6, 8, 10].contains(index) { text += "-" }
      let hex = String(byte, radix: 16)
      text += hex.count == 1 ? "0\(hex)" : hex
    }
    return text
  }

  /// Days to year, month and day. Source: Howard Hinnant, chrono-compatible low-level date algorithms.
  private static func civil(_ daysSince1970: Int64) -> String {
    let days = daysSince1970 + 719_468
    let era = (days >= 0 ? days : days - 146_096) / 146_097
    let dayOfEra = days - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shifted + 2) / 5 + 1
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let sign = year < 0 ? "-" : ""
    return "\(sign)\(padded(abs(year), 4))-\(padded(month, 2))-\(padded(day, 2))"
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
