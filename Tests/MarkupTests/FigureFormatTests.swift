// How figures read: grouping, parentheses, zero, missing, ratios without a base.
// Tables of a figure and its text, zero, missing and negative among them.
// What machines read (CSV, JSON) is tested with the reports.

import Money
import Testing

@testable import Markup

private let figures: [(FigureFormat, String?, String)] = [
  (FigureFormat.money(decimals: 2), "1234567.5", "1,234,567.50"), (.money(decimals: 2), "-1234.5", "(1,234.50)"),
  (.money(decimals: 2), "0.00", "–"), (.money(decimals: 2), nil, ""), (.money(decimals: 2), "-0.001", "(0.00)"),
  (.money(decimals: 2), "2.675", "2.68"), (.money(decimals: 0), "1500", "1,500"), (.integer, "999", "999"),
  (.integer, "1000", "1,000"), (.integer, "-12345678", "(12,345,678)"), (.percent(decimals: 1), "0.12345", "12.3%"),
  (.percent(decimals: 1), "-0.5", "(50.0%)"), (.percent(decimals: 1), "0", "–"), (.plain, "12.3400", "12.34"),
  (.decimal(places: 3), "1.5", "1.500"),
  (.money(decimals: 2), "99999999999999999999999999999999999.99", "99,999,999,999,999,999,999,999,999,999,999,999.99"),
]

private let changes: [(String?, String?, String)] = [
  ("100", "112.5", "+12.5%"), ("100", "90", "−10.0%"), ("100", "100", "±0"), ("0", "5", "n/m"), ("-4", "5", "n/m"),
  ("0", "0", "±0"), ("-4", "-4", "±0"),
  ("3", "4", "+33.3%"), (nil, "4", ""), ("4", nil, ""), ("2000000000.00", "2000000900.00", "less than 0.1%"),
  ("1000", "1000.4", "less than 0.1%"), ("1000", "1000.5", "+0.1%"),
]

@Suite struct FigureFormatTests {
  @Test(arguments: figures)
  func figureIsWritten(format: FigureFormat, value: String?, text: String) throws {
    let decimal = try value.map { try #require(ExactDecimal($0)) }
    #expect(format.text(decimal) == text)
  }

  @Test func differencesSpellZeroOut() {
    #expect(FigureFormat.money(decimals: 2).spelled(.zero) == "0.00")
    #expect(FigureFormat.integer.spelled(.zero) == "0")
    #expect(FigureFormat.percent(decimals: 1).spelled(.zero) == "0.0%")
    #expect(FigureFormat.money(decimals: 2).spelled(-5) == "(5.00)")
  }

  @Test func figuresFollowTheNotationThatIsBound() throws {
    let amount = try #require(ExactDecimal("-1234567.5"))
    let share = try #require(ExactDecimal("0.125"))
    let day = try #require(CivilDate("2026-11-20"))
    let notation = FigureNotation(decimalMark: ",", groupingMark: ".", datePattern: "dd/MM/yyyy")
    FigureNotation.$current.withValue(notation) {
      #expect(FigureFormat.money(decimals: 2).text(amount) == "(1.234.567,50)")
      #expect(FigureFormat.money(decimals: 2).spelled(.zero) == "0,00")
      #expect(FigureFormat.percent(decimals: 1).signed(share) == "+12,5%")
      #expect(FigureNotation.current.date(day) == "20/11/2026")
    }
    FigureNotation.$current.withValue(FigureNotation(groupingMark: "")) {
      #expect(FigureFormat.plain.text(amount) == "(1234567.5)")
    }
    #expect(FigureFormat.money(decimals: 2).text(amount) == "(1,234,567.50)")
    #expect(FigureNotation.current.date(day) == "2026-11-20")
  }

  @Test(arguments: changes)
  func changeNeedsAPositiveBase(base: String?, value: String?, text: String) throws {
    let change = ChangeRatio(
      from: try base.map { try #require(ExactDecimal($0)) }, to: try value.map { try #require(ExactDecimal($0)) })
    #expect(change.text == text)
  }

  @Test(arguments: [
    ("2000000900.00", "up less than 0.1%"), ("1999999100.00", "down less than 0.1%"), ("2000000000.00", "unchanged"),
    ("2250000000.00", "up 12.5%"), ("1940000000.00", "down 3.0%"),
  ])
  func onlyWhatDidNotChangeIsUnchanged(value: String, words: String) throws {
    let base = try #require(ExactDecimal("2000000000"))
    #expect(ChangeRatio(from: base, to: ExactDecimal(value)).words == words)
  }

  @Test(arguments: [
    (FigureFormat.money(decimals: 2), "-0.001", "(0.001)"), (.money(decimals: 0), "0.4", "0.4"),
    (.integer, "0.2", "0.2"),
    (.percent(decimals: 1), "0.0001", "0.01%"), (.money(decimals: 2), "0.005", "0.01"),
    (.money(decimals: 2), "0", "0.00"),
  ])
  func aDifferenceThatIsNotZeroIsNeverWrittenAsZero(format: FigureFormat, value: String, text: String) throws {
    let difference = try #require(ExactDecimal(value))
    #expect(format.exactlySpelled(difference) == text)
    #expect(difference.isZero || format.signed(difference).hasSuffix(text.filter { !"()".contains($0) }))
  }

  @Test func datesOfHeadingsAndAxesFollowTheNotationThatIsBound() throws {
    let date = try #require(CivilDate("2026-02-09"))
    let patterns = [
      ("dd.MM.yyyy", "09.02.2026", "02.2026", "09.02"), ("MM/dd/yyyy", "02/09/2026", "02/2026", "02/09"),
      ("yyyy-MM-dd", "2026-02-09", "2026-02", "02-09"),
    ]
    for (pattern, day, month, short) in patterns {
      FigureNotation.$current.withValue(FigureNotation(datePattern: pattern)) {
        #expect([DateText.day(date), DateText.month(date), DateText.dayOfMonth(date)] == [day, month, short])
        #expect(DateText.named(date) == "9 Feb 2026")
      }
    }
    #expect(DateText.dayOfMonth(date) == "9 Feb")
  }

  @Test func datesReadAsPeopleWriteThem() throws {
    let date = try #require(CivilDate("2026-02-09"))
    #expect(DateText.day(date) == "9 Feb 2026")
    #expect(DateText.month(date) == "Feb 2026")
  }
}
