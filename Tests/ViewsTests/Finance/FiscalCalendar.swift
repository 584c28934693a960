// Fiscal years and weeks as the model reckons them, day by day, where views let the server do so by other rules.

import Money

/// Fiscal years that begin with a given month, and weeks that begin with a given day.
struct FiscalCalendar: Sendable, Hashable {
  /// The month in which a fiscal year starts, 1 to 12.
  let yearStartMonth: Int
  /// The day on which a week starts.
  let weekStart: Weekday

  /// The fiscal year of `date`, named by the calendar year in which it ends.
  func fiscalYear(of date: CivilDate) -> Int {
    let (year, month, _) = date.components
    return yearStartMonth == 1 || month < yearStartMonth ? year : year + 1
  }

  /// The fiscal quarter of `date`, 1 to 4.
  func fiscalQuarter(of date: CivilDate) -> Int {
    ((date.month - yearStartMonth + 12) % 12) / 3 + 1
  }

  /// The first day of the fiscal year of `date`.
  func startOfFiscalYear(of date: CivilDate) -> CivilDate {
    date.startOfMonth.adding(months: -((date.month - yearStartMonth + 12) % 12))
  }

  /// The first day of the week of `date`.
  func startOfWeek(of date: CivilDate) -> CivilDate {
    let days = Weekday.allCases
    let today = days.firstIndex(of: date.weekday) ?? 0
    let first = days.firstIndex(of: weekStart) ?? 0
    return date.adding(days: -((today - first + 7) % 7))
  }
}
