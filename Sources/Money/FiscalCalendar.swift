// The project's accounting calendar: where its years and weeks begin.
// Months are calendar months; 52/53-week years are deliberately absent until views need them.

/// Fiscal years that begin with a given month, and weeks that begin with a given day.
public struct FiscalCalendar: Sendable, Hashable {
  /// The month in which a fiscal year starts, 1 to 12.
  public let yearStartMonth: Int
  /// The day on which a week starts.
  public let weekStart: Weekday

  /// Creates a calendar, or nil for a month outside 1 to 12.
  public init?(yearStartMonth: Int, weekStart: Weekday) {
    guard (1...12).contains(yearStartMonth) else { return nil }
    self.yearStartMonth = yearStartMonth
    self.weekStart = weekStart
  }

  /// The fiscal year of `date`, named by the calendar year in which it ends.
  public func fiscalYear(of date: CivilDate) -> Int {
    let (year, month, _) = date.components
    return yearStartMonth == 1 || month < yearStartMonth ? year : year + 1
  }

  /// The fiscal quarter of `date`, 1 to 4.
  public func fiscalQuarter(of date: CivilDate) -> Int {
    ((date.month - yearStartMonth + 12) % 12) / 3 + 1
  }

  /// The first day of the fiscal year of `date`.
  public func startOfFiscalYear(of date: CivilDate) -> CivilDate {
    let (year, month, _) = date.components
    let startYear = month < yearStartMonth ? year - 1 : year
    return CivilDate(anyYear: startYear, month: yearStartMonth, day: 1)
  }

  /// The first day of the week of `date`.
  public func startOfWeek(of date: CivilDate) -> CivilDate {
    let days = Weekday.allCases
    let today = days.firstIndex(of: date.weekday) ?? 0
    let first = days.firstIndex(of: weekStart) ?? 0
    return date.adding(days: -((today - first + 7) % 7))
  }
}
