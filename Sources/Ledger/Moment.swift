// A point in time as PostgreSQL keeps it: microseconds since 1970, UTC.
// Business dates are `CivilDate`; which day a moment falls on depends on the time zone, whose rules are in `Money`.

internal import Glibc
public import Money

/// A point in time, to the microsecond.
public struct Moment: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// Microseconds since 1970-01-01 00:00 UTC.
  public let microsecondsSince1970: Int64

  /// Creates the point `microseconds` after 1970-01-01 00:00 UTC.
  public init(microsecondsSince1970 microseconds: Int64) {
    microsecondsSince1970 = microseconds
  }

  /// The system's clock.
  public static func now() -> Moment {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Moment(microsecondsSince1970: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }

  /// The calendar day in UTC.
  public var dayInUTC: CivilDate { CivilDate(daysSince1970: Int(seconds.day)) }

  /// The calendar day in a time zone, or nil when this machine does not know the zone.
  public func day(in timeZone: String) -> CivilDate? {
    let (day, second) = seconds
    return TimeZoneRules(named: timeZone)?.day(at: day * 86_400 + second)
  }

  /// RFC 3339 with milliseconds, in UTC: `2026-11-20T04:15:00.123Z`.
  public var description: String {
    let (day, second) = seconds
    let milliseconds = (microsecondsSince1970 - (day * 86_400 + second) * 1_000_000) / 1000
    let date = CivilDate(daysSince1970: Int(day))
    return "\(date)T\(Self.padded(second / 3600, 2)):\(Self.padded(second / 60 % 60, 2)):"
      + "\(Self.padded(second % 60, 2)).\(Self.padded(milliseconds, 3))Z"
  }

  public static func < (a: Moment, b: Moment) -> Bool { a.microsecondsSince1970 < b.microsecondsSince1970 }

  /// Milliseconds from `start` to this point.
  public func milliseconds(since start: Moment) -> Int {
    Int((microsecondsSince1970 - start.microsecondsSince1970) / 1000)
  }

  private var seconds: (day: Int64, second: Int64) {
    let total =
      microsecondsSince1970 >= 0
      ? microsecondsSince1970 / 1_000_000 : (microsecondsSince1970 - 999_999) / 1_000_000
    let day = total >= 0 ? total / 86_400 : (total - 86_399) / 86_400
    return (day, total - day * 86_400)
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
