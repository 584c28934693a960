// Which calendar day it is somewhere, by the same rules that read local times of feeds.

public import Ledger
public import Money

/// The calendar day of an instant in a time zone.
public enum BusinessDay {
  /// The day that `moment` falls on in `timeZone`, or nil when this machine does not know the zone.
  public static func day(of moment: Moment, in timeZone: String) -> CivilDate? {
    guard let rules = TimeZoneRules(named: timeZone) else { return nil }
    let seconds = floorDivide(moment.microsecondsSince1970, 1_000_000)
    return CivilDate(daysSince1970: Int(floorDivide(seconds + rules.offset(at: seconds), 86_400)))
  }
}
