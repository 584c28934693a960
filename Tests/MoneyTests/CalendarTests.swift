// Civil dates over ±4000 years, walked day by day against a counting calendar; currencies.

import Foundation
import Money
import TestSupport
import Testing

struct CivilDateTests {
  private func isLeap(_ year: Int) -> Bool { year % 400 == 0 || year % 4 == 0 && year % 100 != 0 }

  private func length(_ year: Int, _ month: Int) -> Int {
    month == 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
  }

  /// 400 Gregorian years are 146,097 days, so that 1 January of year 1970 - 400 n is known without conversion.
  @Test func everyDayOfEightCenturiesFollowsTheOneBefore() {
    var (year, month, day) = (1970 - 400, 1, 1)
    var wrong = 0
    for days in -146_097..<146_097 {
      let date = CivilDate(daysSince1970: days)
      if date.components != (year, month, day) || CivilDate(year: year, month: month, day: day) != date { wrong += 1 }
      if day < length(year, month) {
        day += 1
      } else {
        (year, month, day) = month == 12 ? (year + 1, 1, 1) : (year, month + 1, 1)
      }
    }
    #expect(wrong == 0)
  }

  @Test func everyMonthOfEightThousandYearsBeginsAfterTheOneBefore() {
    var days = -1_460_970
    var wrong = 0
    for year in 1970 - 4000..<1970 + 4000 {
      for month in 1...12 {
        let last = length(year, month)
        for day in [1, 15, last] {
          let date = CivilDate(daysSince1970: days + day - 1)
          if date.components != (year, month, day) { wrong += 1 }
          if CivilDate(year: year, month: month, day: day) != (year >= 1 ? date : nil) { wrong += 1 }
        }
        days += last
      }
    }
    #expect(days == 1_460_970)
    #expect(wrong == 0)
  }

  @Test(arguments: [
    ("1970-01-01", 0, Weekday.thursday), ("2000-02-29", 11_016, .tuesday), ("2026-11-21", 20_778, .saturday),
    ("1969-12-31", -1, .wednesday), ("0001-01-01", -719_162, .monday), ("9999-12-31", 2_932_896, .friday),
  ])
  func knownDays(_ text: String, _ days: Int, _ weekday: Weekday) {
    let date = CivilDate(text)
    #expect(date?.daysSince1970 == days)
    #expect(date?.weekday == weekday)
    #expect(date?.description == text)
  }

  @Test(arguments: [
    "", "2026-1-01", "2026-13-01", "2026-00-10", "2026-02-29", "2100-02-29", "2026-04-31", "2026-01-00", "0000-01-01",
    "20260101", "2026/01/01", "2026-01-01 ", "2026-01-0a", "-026-01-01", "2026-01-1", "٢٠٢٦-01-01",
  ])
  func refusesWhatIsNoDay(_ text: String) {
    #expect(CivilDate(text) == nil)
  }

  @Test(arguments: [
    ("2026-01-31", 1, "2026-02-28"), ("2024-01-31", 1, "2024-02-29"), ("2026-03-31", -1, "2026-02-28"),
    ("2026-11-21", 12, "2027-11-21"), ("2026-01-15", -1, "2025-12-15"), ("2024-02-29", -48, "2020-02-29"),
    ("2024-02-29", 12, "2025-02-28"), ("0001-01-15", -1, "0000-12-15"), ("0001-01-15", -13, "-0001-12-15"),
    ("9999-12-31", 2, "10000-02-29"),
  ])
  func monthsAreAddedWithinTheMonth(_ from: String, _ months: Int, _ to: String) {
    #expect(CivilDate(from)?.adding(months: months).description == to)
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func addingMonthsLandsInThatMonth(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let date = CivilDate(daysSince1970: Int.random(in: -1_460_970...1_460_970, using: &random))
    let months = Int.random(in: -30_000...30_000, using: &random)
    let later = date.adding(months: months)
    #expect(later.year * 12 + later.month == date.year * 12 + date.month + months)
    #expect(later.day == min(date.day, CivilDate.days(inMonth: later.month, of: later.year)))
    #expect(date.startOfMonth.day == 1 && date.startOfMonth.month == date.month && date.startOfMonth <= date)
  }

  @Test func weekdaysFollowOneAnother() {
    for days in -800...800 {
      let today = Weekday.allCases.firstIndex(of: CivilDate(daysSince1970: days).weekday) ?? -1
      let tomorrow = Weekday.allCases.firstIndex(of: CivilDate(daysSince1970: days + 1).weekday) ?? -1
      #expect(tomorrow == (today + 1) % 7)
    }
  }

  @Test func datesAreTextInJSON() throws {
    let date = try #require(CivilDate("2026-11-21"))
    #expect(try String(decoding: JSONEncoder().encode([date]), as: UTF8.self) == "[\"2026-11-21\"]")
    #expect(try JSONDecoder().decode([CivilDate].self, from: Data("[\"2026-11-21\"]".utf8)) == [date])
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode([CivilDate].self, from: Data("[\"2026-02-30\"]".utf8))
    }
  }
}

struct CurrencyCodeTests {
  @Test(arguments: ["", "US", "USDX", "usd", "U D", "ÄBC", "12A", "US\n"])
  func refusesWhatIsNotThreeCapitals(_ letters: String) {
    #expect(CurrencyCode(letters) == nil)
  }

  @Test(arguments: [("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("ZZZ", 2)])
  func minorUnitsFollowISO4217(_ letters: String, _ units: Int) {
    #expect(CurrencyCode(letters)?.minorUnits == units)
    #expect(CurrencyCode(letters)?.description == letters)
  }
}
