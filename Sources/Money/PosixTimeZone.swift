// The POSIX TZ string that ends a TZif file: what the clock does after the last transition of the table.
// Source: POSIX.1-2017 8.3, with RFC 8536's extension of transition times from -167 to 167 hours.

/// `EST5EDT,M3.2.0,M11.1.0` and its kin.
struct PosixTimeZone: Sendable, Hashable {
  /// A day of the year and a time on it, in seconds.
  struct Change: Sendable, Hashable {
    enum Day: Sendable, Hashable {
      /// `Jn`: 1 to 365, February 29 never counted.
      case julian(Int)
      /// `n`: 0 to 365, February 29 counted.
      case ordinal(Int)
      /// `Mm.w.d`: weekday d (0 is Sunday) of week w (5 is the last) of month m.
      case weekday(month: Int, week: Int, day: Int)
    }
    var day: Day
    var seconds: Int64
  }

  /// Seconds to add to UTC for standard time.
  let standardOffset: Int64
  /// Seconds to add to UTC for daylight saving time.
  let daylightOffset: Int64
  /// When daylight saving starts and ends; nil where there is none.
  let changes: [Change]

  /// Whether the zone has daylight saving.
  var hasDaylightSaving: Bool { changes.count == 2 }

  /// Reads a TZ string; nil when it is empty or not one.
  init?(_ text: [UInt8]) {
    var reader = Reader(text: text)
    guard reader.skipName(), let standard = reader.time() else { return nil }
    standardOffset = -standard
    guard !reader.isAtEnd else {
      daylightOffset = standardOffset
      changes = []
      return
    }
    guard reader.skipName() else { return nil }
    if let next = reader.peek, next != UInt8(ascii: ",") {
      guard let daylight = reader.time() else { return nil }
      daylightOffset = -daylight
    } else {
      daylightOffset = standardOffset + 3600
    }
    guard let start = reader.change(), let end = reader.change(), reader.isAtEnd else { return nil }
    changes = [start, end]
  }

  /// The instants of `year` at which the offset changes, ascending, with the new offsets.
  func transitions(in year: Int) -> [(instant: Int64, offset: Int64)] {
    guard hasDaylightSaving else { return [] }
    return [
      (Self.local(changes[0], year) - standardOffset, daylightOffset),
      (Self.local(changes[1], year) - daylightOffset, standardOffset),
    ].sorted { $0.0 < $1.0 }
  }

  private static func local(_ change: Change, _ year: Int) -> Int64 {
    let newYear = CivilDate(year: year, month: 1, day: 1)?.daysSince1970 ?? 0
    let isLeap = CivilDate.days(inMonth: 2, of: year) == 29
    let day: Int
    switch change.day {
    case .julian(let number): day = newYear + number - 1 + (isLeap && number >= 60 ? 1 : 0)
    case .ordinal(let number): day = newYear + number
    case .weekday(let month, let week, let weekday):
      let first = CivilDate(year: year, month: month, day: 1)?.daysSince1970 ?? newYear
      // 1970-01-01 was a Thursday, day 4 with Sunday as 0.
      let firstWeekday = ((first + 4) % 7 + 7) % 7
      var dayOfMonth = (weekday - firstWeekday + 7) % 7 + 1 + (week - 1) * 7
      while dayOfMonth > CivilDate.days(inMonth: month, of: year) { dayOfMonth -= 7 }
      day = first + dayOfMonth - 1
    }
    return Int64(day) * 86_400 + change.seconds
  }

  private struct Reader {
    let text: [UInt8]
    var index = 0

    var isAtEnd: Bool { index == text.count }
    var peek: UInt8? { index < text.count ? text[index] : nil }

    mutating func take(_ byte: UInt8) -> Bool {
      guard peek == byte else { return false }
      index += 1
      return true
    }

    mutating func skipName() -> Bool {
      let start = index
      if take(UInt8(ascii: "<")) {
        while let byte = peek, byte != UInt8(ascii: ">") { index += 1 }
        return take(UInt8(ascii: ">"))
      }
      while let byte = peek, (0x41...0x5A).contains(byte & 0xDF) { index += 1 }
      return index - start >= 3
    }

    mutating func number() -> Int? {
      let start = index
      var value = 0
      while let byte = peek, (0x30...0x39).contains(byte), index - start < 4 {
        value = value * 10 + Int(byte - 0x30)
        index += 1
      }
      return index > start ? value : nil
    }

    mutating func time() -> Int64? {
      var sign: Int64 = 1
      if take(UInt8(ascii: "-")) { sign = -1 } else { _ = take(UInt8(ascii: "+")) }
      guard let hours = number() else { return nil }
      var seconds = hours * 3600
      for unit in [60, 1] where take(UInt8(ascii: ":")) {
        guard let value = number() else { return nil }
        seconds += value * unit
      }
      return sign * Int64(seconds)
    }

    mutating func change() -> Change? {
      guard take(UInt8(ascii: ",")) else { return nil }
      let day: Change.Day
      if take(UInt8(ascii: "J")) {
        guard let value = number(), (1...365).contains(value) else { return nil }
        day = .julian(value)
      } else if take(UInt8(ascii: "M")) {
        guard let month = number(), take(UInt8(ascii: ".")), let week = number(), take(UInt8(ascii: ".")),
          let weekday = number(), (1...12).contains(month), (1...5).contains(week), (0...6).contains(weekday)
        else { return nil }
        day = .weekday(month: month, week: week, day: weekday)
      } else {
        guard let value = number(), (0...365).contains(value) else { return nil }
        day = .ordinal(value)
      }
      var seconds: Int64 = 7200
      if take(UInt8(ascii: "/")) {
        guard let value = time() else { return nil }
        seconds = value
      }
      return Change(day: day, seconds: seconds)
    }
  }
}
