// Values as the server sends them become figures: numbers of any length stay numbers, and times are shown by the clock of
// the project.
// No database takes part; what the server does with the same values is said where it matters.

import Definitions
import Finding
import Foundation
import Ledger
import Markup
import Money
import Postgres
import Testing
import Workbook

@testable import Reports

private func numeric(_ text: String) throws -> Figure { Figure(.numeric(try #require(PostgresNumeric(text)))) }

/// 2026-11-20 23:30 and 2026-11-21 00:30 in New York.
private let evening = Moment(microsecondsSince1970: 1_795_235_400_000_000)
private let night = Moment(microsecondsSince1970: 1_795_239_000_000_000)

private func inNewYork<R>(_ body: () throws -> R) throws -> R {
  let zone = try #require(TimeZoneRules(named: "America/New_York"))
  return try FigureNotation.$current.withValue(FigureNotation(timeZone: zone)) { try body() }
}

@Suite struct FigureTests {
  @Test(arguments: [
    // A share of a share at scale 40, as `x / y * z / w` gives it, and one whose rounding makes one digit more.
    ("0.0123456789012345678901234567890123456789", "0.01234567890123456789012345678901234568"),
    ("-0.0000000000000000000000000000000000000050", "-0.00000000000000000000000000000000000001"),
    ("9.99999999999999999999999999999999999999", "10.000000000000000000000000000000000000"),
    ("-123456789012345678901234567890.123456789012", "-123456789012345678901234567890.12345679"),
    ("99999999999999999999999999999999999999.4", "99999999999999999999999999999999999999"),
    ("1203.50", "1203.50"),
  ])
  func longNumericsAreNumbersOfAtMost38Digits(sent: String, kept: String) throws {
    #expect(try numeric(sent) == .number(try #require(ExactDecimal(kept))))
  }

  @Test(arguments: [
    (-0.000_05, "-0.00005"), (1e16, "10000000000000000"), (0.1, "0.1"), (-2.5e-7, "-0.00000025"), (1e-300, "0"),
  ])
  func doublesOfAnySizeAreNumbers(sent: Double, kept: String) throws {
    #expect(Figure(.float8(sent)).number == ExactDecimal(kept))
  }

  /// Of two figures that are written alike the difference still says that they are not.
  @Test(arguments: [("0", "0.00"), ("0.004", "0.004"), ("-0.000001", "(0.000001)"), ("0.005", "0.01"), ("12", "12.00")])
  func aDifferenceThatIsNotZeroIsNeverWrittenAsZero(value: String, shown: String) throws {
    let format = CellFormat.difference(currencyColumn: nil)
    #expect(format.text(.number(try #require(ExactDecimal(value))), currency: "EUR") == shown)
  }

  @Test func aNumberIsNeverGuardedInCSVWhateverItsLength() throws {
    let huge = "-1" + String(repeating: "0", count: 45)
    let figures = [
      try numeric("-0.0000000000000000000000000000000000000001234"), Figure(.float8(-0.000_05)), try numeric(huge),
      try numeric("-Infinity"), Figure(.float8(-.infinity)), Figure(.float8(-1e300)), .text("-1+2"),
    ]
    let data = try Dataset(
      names: figures.indices.map { "c\($0)" }, rows: [figures], described: [], shown: 9, csvPath: "data/x.csv")
    #expect(
      String(decoding: data.csv, as: UTF8.self).split(separator: "\n").last
        == "0.00000000000000000000000000000000000000,-0.00005,\(huge),-Infinity,-Infinity,-1e+300,'-1+2")
    #expect(data.columns[2].format == .plain && data.text(data.rows[0], 2) == huge)
    #expect(SheetCell(figures[2], format: .plain, currency: nil).value == .text(huge))
  }

  /// A spreadsheet takes what begins with a sign for a formula, also a day before the year 0.
  @Test func onlyNumbersBeginWithASignInCSV() throws {
    let old = CivilDate(daysSince1970: -2_440_550)
    let data = try Dataset(
      names: ["a", "b", "c"],
      rows: [[.date(old), .clock(Moment(microsecondsSince1970: -210_866_803_200_000_000)), .number(-1)]], described: [],
      shown: 9, csvPath: "data/x.csv")
    let line = try #require(String(decoding: data.csv, as: UTF8.self).split(separator: "\n").last)
    let fields = line.split(separator: ",")
    #expect(fields.count == 3 && fields[0].hasPrefix("'-") && fields[1].hasPrefix("'-") && fields[2] == "-1", "\(line)")
  }

  @Test func pointInTimeIsWrittenWithTheDateOfTheProject() {
    FigureNotation.$current.withValue(FigureNotation(datePattern: "dd.MM.yyyy")) {
      #expect(CellFormat.text.text(.moment(night)) == "21.11.2026 05:30")
      #expect(CellFormat.text.text(.clock(night)) == "21.11.2026 05:30")
      #expect(WorkbookRendering.dateCode == "dd.mm.yyyy")
    }
    FigureNotation.$current.withValue(FigureNotation(datePattern: "MM/dd/yyyy")) {
      #expect(WorkbookRendering.dateCode == "mm\\/dd\\/yyyy")
    }
  }

  /// A total with a part that no exact decimal holds is unknown, not the total of the others.
  @Test func totalOfANumberTooLongIsUnknown() throws {
    let column = ColumnFormat(
      column: "n", kind: .integer, tie: FigureTie(relation: "v", column: "n", condition: nil))
    let long = try numeric("1" + String(repeating: "0", count: 40))
    let data = try Dataset(
      names: ["n"], rows: [[long], [.number(2)]], described: [column], shown: 9, csvPath: "data/x.csv")
    #expect(data.totals.map(\.sum) == [nil])
    let known = try Dataset(names: ["n"], rows: [[.number(2)]], described: [column], shown: 9, csvPath: "data/x.csv")
    #expect(known.totals.map(\.sum) == [2])
  }

  @Test func pointInTimeIsShownByTheClockOfTheProject() throws {
    let figure = Figure(.timestamptz(microsecondsSince1970: night.microsecondsSince1970))
    let clock = Figure(.timestamp(microsecondsSince1970: night.microsecondsSince1970))
    #expect(CellFormat.text.text(figure) == "2026-11-21 05:30")
    try inNewYork {
      #expect(CellFormat.text.text(figure) == "2026-11-21 00:30")
      #expect(CellFormat.date.text(.moment(evening)) == "2026-11-20")
      #expect(SheetCell(.moment(evening), format: .date, currency: nil).value.day == CivilDate("2026-11-20"))
      // What a clock showed somewhere is shown as it is.
      #expect(CellFormat.text.text(clock) == "2026-11-21 05:30" && clock.day == CivilDate("2026-11-21"))
    }
    // Programs read the moment itself.
    #expect(figure.plainText == "2026-11-21T05:30:00.000Z" && clock.plainText == "2026-11-21T05:30:00.000")
    #expect(Figure(.timestamptz(microsecondsSince1970: .max)) == .text("infinity"))
    #expect(Figure(.timestamp(microsecondsSince1970: .max - 1)) == .text("after 294247-01-10"))
    // To the microsecond, as the server has it.
    let later = night.microsecondsSince1970 + 123_045
    #expect(Figure(.timestamptz(microsecondsSince1970: later)).plainText == "2026-11-21T05:30:00.123045Z")
    #expect(Figure(.timestamp(microsecondsSince1970: later)).plainText == "2026-11-21T05:30:00.123045")
    #expect(Figure(.timestamp(microsecondsSince1970: -1)).plainText == "1969-12-31T23:59:59.999999")
    #expect(JSONValue(Figure(.timestamptz(microsecondsSince1970: later)), format: .text).text.contains(".123045Z"))
  }

  @Test func identifiersAreWrittenAsTheServerWritesThem() throws {
    let bytes: [UInt8] = [
      0x3F, 0x33, 0x3D, 0xF6, 0x90, 0xA4, 0x4F, 0xDA, 0x8D, 0xD3, 0x94, 0x85, 0xD2, 0x7C, 0xEE, 0x36,
    ]
    #expect(Figure(.uuid(bytes)) == .text("3f333df6-90a4-4fda-8dd3-9485d27cee36"))
    #expect(Figure(.bytes([0x0A, 0xFF])) == .text("0aff"))
  }

  @Test func chartOfTimesCountsDaysAsTheProjectDoes() throws {
    let rows: [[Figure]] = [[.moment(evening), .number(1)], [.moment(night), .number(2)]]
    let data = try Dataset(names: ["at", "n"], rows: rows, described: [], shown: 9, csvPath: "data/x.csv")
    try inNewYork {
      let days = ["2026-11-20", "2026-11-21"].compactMap { CivilDate($0) }
      #expect(ChartPoints(dataset: data, x: 0, ys: [1], by: nil).axis == .days(days))
    }
  }
}

extension CellValue {
  /// The day of a time.
  fileprivate var day: CivilDate? {
    guard case .moment(let microseconds) = self else { return nil }
    return Moment(microsecondsSince1970: microseconds).dayInUTC
  }
}
