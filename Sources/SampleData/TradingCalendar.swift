// How busy each day of the period is, and what the clocks show.
// Invariant: the counts handed out over all days add up to the total exactly.
// Weights are whole numbers; a day's weight is weekday × season × growth × a little weather.

internal import Money

/// The days of trade with their share of the business.
struct TradingCalendar: Sendable {
  /// The first day.
  let start: CivilDate
  /// How many days there are.
  let dayCount: Int
  /// Weights summed up to and including each day.
  private let cumulative: [UInt64]
  private let isSummerInEurope: [Bool]
  private let isSummerInAmerica: [Bool]

  private static let weekdayShare = [95, 92, 96, 100, 115, 125, 105]
  private static let monthPerMille = [820, 800, 900, 940, 960, 950, 900, 890, 980, 1_060, 1_350, 1_500]

  init(start: CivilDate, end: CivilDate, seed: UInt64) {
    self.start = start
    dayCount = end.daysSince1970 - start.daysSince1970 + 1
    var dice = Dice(seed: seed, stream: 0xCA1E)
    var sums: [UInt64] = []
    var europe: [Bool] = []
    var america: [Bool] = []
    sums.reserveCapacity(dayCount)
    var sum: UInt64 = 0
    for index in 0..<dayCount {
      let date = start.adding(days: index)
      let (year, month, day) = date.components
      let weekday = (date.daysSince1970 + 3) % 7
      var weight = Self.weekdayShare[weekday] * Self.monthPerMille[month - 1]
      if month == 12, day >= 25 { weight = weight * 6 / 10 }
      // A fifth more each year.
      weight = weight * (1_000 + 200 * index / 365) / 1_000 * dice.within(850...1_150) / 1_000
      sum += UInt64(weight)
      sums.append(sum)
      europe.append(
        date >= Self.lastSunday(month: 3, year: year) && date < Self.lastSunday(month: 10, year: year))
      america.append(
        date >= Self.sunday(2, month: 3, year: year) && date < Self.sunday(1, month: 11, year: year))
    }
    cumulative = sums
    isSummerInEurope = europe
    isSummerInAmerica = america
  }

  /// How many of `total` have happened by the end of day `index`; 0 before the first day.
  func count(of total: Int, byEndOf index: Int) -> Int {
    guard index >= 0, let all = cumulative.last else { return 0 }
    let share = UInt128(cumulative[min(index, dayCount - 1)]) * UInt128(total) / UInt128(all)
    return Int(share)
  }

  /// The date of day `index`.
  func date(_ index: Int) -> CivilDate { start.adding(days: index) }

  /// Minutes ahead of UTC in `country` on day `index`.
  func offsetMinutes(of country: Country, on index: Int) -> Int {
    switch country.clock {
    case .newYork: isSummerInAmerica[index] ? -240 : -300
    case .london: isSummerInEurope[index] ? 60 : 0
    case .centralEurope: isSummerInEurope[index] ? 120 : 60
    }
  }

  private static func sunday(_ number: Int, month: Int, year: Int) -> CivilDate {
    guard let first = CivilDate(year: year, month: month, day: 1) else { return CivilDate(daysSince1970: 0) }
    let weekday = (first.daysSince1970 + 3) % 7
    return first.adding(days: 6 - weekday + 7 * (number - 1))
  }

  private static func lastSunday(month: Int, year: Int) -> CivilDate {
    let fifth = sunday(5, month: month, year: year)
    return fifth.month == month ? fifth : fifth.adding(days: -7)
  }
}
