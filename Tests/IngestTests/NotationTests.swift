// Numbers and times in a feed's own notation: what is declared is understood, and nothing else.
// Each table is the rule; values that reach a real table are in FormatTests and ValueTests.

import Definitions
import Money
import TestSupport
import Testing

@testable import Definitions
@testable import Ingest

@Suite struct NotationTests {
  private func rewritten(_ text: String, _ notation: NumberNotation) -> String? {
    let bytes = Array(text.utf8)
    var scratch = [UInt8](repeating: 0, count: bytes.count + 1)
    let count = bytes.withUnsafeBufferPointer { buffer in
      buffer.baseAddress.map { notation.rewrite($0, buffer.count, into: &scratch) } ?? 0
    }
    return count < 0 ? nil : String(decoding: scratch[0..<count], as: UTF8.self)
  }

  private func value(_ text: String, _ notation: NumberNotation, scale: Int = 2) -> Int128? {
    let bytes = Array((notation.isPlain ? text : rewritten(text, notation) ?? "x").utf8)
    var value: Int128 = 0
    let fault = bytes.withUnsafeBufferPointer { buffer in
      buffer.baseAddress.map {
        parseDecimal($0, buffer.count, scale: scale, decimalMark: notation.decimalMark, into: &value)
      } ?? .wrongType
    }
    return fault == .none ? value : nil
  }

  @Test(
    arguments: [
      ("(5)", -500), ("5-", -500), ("(12.50)", -1250), ("12.50-", -1250), ("-5", -500), ("+5", 500), ("5", 500),
      ("(.5)", -50), (".5-", -50), ("(0)", 0), ("0-", 0), ("(0.00)", 0), ("(1.)", -100), ("-(5)", nil), ("(-5)", nil),
      ("(+5)", nil), ("5--", nil), ("-5-", nil), ("+5-", nil), ("()", nil), ("(", nil), (")", nil), ("-", nil),
      ("(5", nil), ("5)", nil), (")5(", nil), ("((5))", nil), ("(5)-", nil), ("(5-)", nil), ("( 5)", nil),
      ("5 -", nil), ("(5) ", nil), ("(1e2)", nil), ("(5)(5)", nil), ("--", nil), ("(NaN)", nil),
    ] as [(String, Int128?)])
  func negativesAreReadAsDeclaredAndNeverWithTwoSigns(text: String, expected: Int128?) {
    let notation = NumberNotation(decimalMark: 0x2E, groupingMark: nil, negatives: [.parentheses, .trailingMinus])
    #expect(value(text, notation) == expected)
  }

  @Test(arguments: ["(5)", "5-"])
  func negativesThatAreNotDeclaredAreNoNumbers(text: String) {
    #expect(value(text, NumberNotation(decimalMark: 0x2E, groupingMark: nil)) == nil)
    let one: NegativeNotation = text == "(5)" ? .parentheses : .trailingMinus
    for notation in NegativeNotation.allCases {
      let numbers = NumberNotation(decimalMark: 0x2E, groupingMark: nil, negatives: [notation])
      #expect((value(text, numbers) != nil) == (notation == one))
    }
  }

  @Test(
    arguments: [
      ("(1.203,50)", -120_350), ("1.203,50-", -120_350), ("-1.203,50", -120_350), ("1.234.567,89", 123_456_789),
      ("(1.23,5)", nil), ("1.2.3", nil), ("1,2,3", nil), ("12.34,5-", nil), ("(.203)", nil), ("1.203.", nil),
      ("1..203", nil), ("1.203,5.0", nil), ("(1.203,50", nil), ("12,5", 1250), ("1203,5", 120_350), ("1203.500", nil),
      ("", nil), (",", nil), (".", nil),
    ] as [(String, Int128?)])
  func negativesGoTogetherWithGroupsAndTheDecimalComma(text: String, expected: Int128?) {
    let notation = NumberNotation(
      decimalMark: 0x2C, groupingMark: 0x2E, negatives: [.parentheses, .trailingMinus])
    #expect(value(text, notation) == expected)
  }

  @Test func rewritingNeverLeavesItsScratchNorCrashesOnAnyBytes() {
    var random = SeededRandom(seed: 0x5EED_0101)
    let alphabet = Array("0123456789()-+.,' e\0é".utf8)
    for _ in 0..<20_000 {
      let text = (0..<Int(random.next() % 12)).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] }
      let notation = NumberNotation(
        decimalMark: random.next() % 2 == 0 ? 0x2E : 0x2C, groupingMark: random.next() % 2 == 0 ? 0x27 : nil,
        negatives: [.parentheses, .trailingMinus])
      var scratch = [UInt8](repeating: 0xEE, count: text.count + 2)
      let count = text.withUnsafeBufferPointer { buffer in
        buffer.baseAddress.map { notation.rewrite($0, buffer.count, into: &scratch) } ?? 0
      }
      #expect(count <= text.count + 1)
      #expect(scratch.last == 0xEE)
    }
  }

  // MARK: Times

  private func moment(_ text: String, _ pattern: String) throws -> String? {
    let format = try DateTimeFormat.parse(pattern, for: .timestamptz)
    let bytes = Array(text.utf8)
    var time = CivilTime()
    let isTime = bytes.withUnsafeBufferPointer { buffer in
      format.parts.withUnsafeBufferPointer { parts in
        buffer.baseAddress.map { parseFormatted($0, buffer.count, parts: parts, into: &time) } ?? false
      }
    }
    guard isTime else { return nil }
    let seconds = time.day * 86_400 + time.second - time.offset
    let day = CivilDate(daysSince1970: Int((seconds - (seconds % 86_400 + 86_400) % 86_400) / 86_400))
    let second = (seconds % 86_400 + 86_400) % 86_400
    func two(_ number: Int64) -> String { (number < 10 ? "0" : "") + String(number) }
    let clock = "\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))"
    return "\(day) \(clock)" + (time.microsecond == 0 ? "" : ".\(time.microsecond)")
  }

  @Test(
    arguments: [
      ("dd/MM/yy", "01/02/69", "2069-02-01"), ("dd/MM/yy", "01/02/70", "1970-02-01"),
      ("dd/MM/yy", "31/12/99", "1999-12-31"), ("dd/MM/yy", "01/01/00", "2000-01-01"),
      ("dd/MM/yy(1930)", "01/01/30", "1930-01-01"), ("dd/MM/yy(1930)", "01/01/29", "2029-01-01"),
      ("dd/MM/yy(2000)", "01/01/99", "2099-01-01"), ("yyMMdd", "260229", nil), ("yyMMdd", "240229", "2024-02-29"),
      ("yyMMdd", "26022", nil), ("dd/MM/yy", "1/02/26", nil), ("dd/MM/yy", "01/02/2026", nil),
      ("d/M/yy", "1/2/26", "2026-02-01"),
      ("yyyyMMdd", "20261120", "2026-11-20"), ("yyyyMMdd", "2026112", nil), ("yyyyMMdd", "202611200", nil),
      ("dd MMM yyyy", "29 feb 2000", "2000-02-29"), ("dd MMM yyyy", "29 FEB 1900", nil),
      ("dd MMM yyyy", "31 Apr 2026", nil), ("dd MMM yyyy", "00 Jan 2026", nil), ("dd MMM yyyy", "01 Foo 2026", nil),
      ("d MMMM yyyy", "1 September 2026", "2026-09-01"), ("d MMMM yyyy", "1 may 2026", "2026-05-01"),
      ("d MMMM yyyy", "1 Sep 2026", nil), ("d MMMM yyyy", "1 Septembre 2026", nil),
      ("MMMM d, yyyy", "FEBRUARY 29, 2024", "2024-02-29"),
      ("MMMM d, yyyy", "Mayo 1, 2026", nil), ("dd.MM.yyyy", "31.11.2026", nil),
      ("dd.MM.yyyy", "30.11.2026", "2026-11-30"),
      ("dd.MM.yyyy", "01.13.2026", nil), ("dd.MM.yyyy", "01.00.2026", nil), ("dd.MM.yyyy", "01.01.0000", nil),
      ("dd.MM.yyyy", "01.01.0001", "0001-01-01"), ("dd.MM.yyyy", "31.12.9999", "9999-12-31"), ("dd.MM.yyyy", "", nil),
      ("'Q'dd''MM'x'yyyy", "Q01'02x2026", "2026-02-01"), ("dd.MM.yyyy", "01.01.2026 ", nil),
    ] as [(String, String, String?)])
  func daysAreReadByTheirFormatAndImpossibleOnesRefused(format: String, text: String, day: String?) throws {
    #expect(try moment(text, format) == day.map { "\($0) 00:00:00" })
  }

  @Test(
    arguments: [
      ("hh:mm a", "12:00 AM", "00:00:00"), ("hh:mm a", "12:59 am", "00:59:00"), ("hh:mm a", "01:00 AM", "01:00:00"),
      ("hh:mm a", "12:00 PM", "12:00:00"), ("hh:mm a", "11:59 pm", "23:59:00"), ("h:mm a", "1:05 P.M.", "13:05:00"),
      ("h:mma", "1:05a.m.", "01:05:00"), ("h:mm a", "0:05 AM", nil), ("h:mm a", "13:05 PM", nil),
      ("hh:mm a", "1:05 PM", nil), ("h:mm a", "1:05", nil), ("h:mm a", "1:05 XM", nil), ("h:mm a", "1:05 A.", nil),
      ("h:mm a", "1:05 A", nil), ("HH:mm", "24:00", nil), ("HH:mm", "23:60", nil), ("HH:mm:ss", "23:59:60", nil),
      ("HH:mm:ss", "23:59:59", "23:59:59"), ("H:mm", "7:05", "07:05:00"),
      ("HH:mm:ss.SSS", "07:05:01.250", "07:05:01.250000"),
      ("HH:mm:ss.SSS", "07:05:01.25", nil), ("HH:mm:ss,SSSSSS", "07:05:01,000001", "07:05:01.1"),
      ("HH:mm:ss.SSSSSSS", "07:05:01.1234567", "07:05:01.123456"),
      ("HH:mm:ss.SSSSSSSSS", "07:05:01.123456789", "07:05:01.123456"),
      ("HH:mm:ss.SSSSSSSSS", "07:05:01.12345678", nil), ("HH:mmXXX", "07:05Z", "07:05:00"),
      ("HH:mmXXX", "07:05+02:00", "05:05:00"), ("HH:mm XXX", "07:05 -0330", "10:35:00"),
      ("HH:mmXXX", "07:05+02", "05:05:00"),
      ("HH:mmXXX", "07:05", nil), ("HH:mmXXX", "07:05+16:00", nil), ("HH:mmXXX", "07:05+02:", nil),
    ] as [(String, String, String?)])
  func timesOfDayAreReadByTheirFormat(format: String, text: String, time: String?) throws {
    // The fraction is shown as the microseconds behind the point, without leading zeros.
    let expected = time.map { "2026-11-20 \($0)" }
    #expect(try moment("2026-11-20 \(text)", "yyyy-MM-dd \(format)") == expected)
  }

  @Test(
    arguments: [
      ("epoch", "0", "1970-01-01 00:00:00"), ("epoch", "1795132800", "2026-11-20 00:00:00"),
      ("epoch", "-1", "1969-12-31 23:59:59"), ("epoch", "-0.5", "1969-12-31 23:59:59.500000"),
      ("epoch", "1795132800.25", "2026-11-20 00:00:00.250000"), ("epoch", "1795132800.", nil),
      ("epoch", "1.1234567", nil), ("epoch", "253402300799", "9999-12-31 23:59:59"), ("epoch", "253402300800", nil),
      ("epoch", "-62135596800", "0001-01-01 00:00:00"), ("epoch", "-62135596801", nil), ("epoch", "1e9", nil),
      ("epoch", "+1", nil), ("epoch", "", nil), ("epoch", "-", nil), ("epoch", ".5", nil), ("epoch", " 1", nil),
      ("epoch", "99999999999999999999", nil), ("epoch_ms", "0", "1970-01-01 00:00:00"),
      ("epoch_ms", "1795132800250", "2026-11-20 00:00:00.250000"), ("epoch_ms", "-1", "1969-12-31 23:59:59.999000"),
      ("epoch_ms", "253402300799999", "9999-12-31 23:59:59.999000"), ("epoch_ms", "253402300800000", nil),
      ("epoch_ms", "1.5", nil), ("epoch_ms", "999999999999999", nil), ("epoch_ms", "9223372036854775807", nil),
    ] as [(String, String, String?)])
  func epochsAreMoments(format: String, text: String, expected: String?) throws {
    #expect(try moment(text, format) == expected)
  }

  @Test func everyDayOfTheCalendarIsReadAndNoOther() throws {
    let format = try DateTimeFormat.parse("yyyyMMdd", for: .date)
    var expected = try #require(CivilDate("0001-01-01")).daysSince1970
    for year in 1...9999 where year < 6 || year > 9995 || year % 100 == 0 || (1895...2105).contains(year) {
      if let first = CivilDate(year: year, month: 1, day: 1) { expected = first.daysSince1970 }
      for month in 0...13 {
        for day in 0...32 {
          var digits = Array("00000000".utf8)
          var rest = year * 10_000 + month * 100 + day
          for place in (0..<8).reversed() {
            digits[place] += UInt8(rest % 10)
            rest /= 10
          }
          var time = CivilTime()
          let isDay = format.parts.withUnsafeBufferPointer { parseFormatted(digits, 8, parts: $0, into: &time) }
          let isReal = CivilDate(year: year, month: month, day: day) != nil
          if isDay != isReal || isDay && time.day != Int64(expected) {
            Issue.record("\(year)-\(month)-\(day): \(isDay) \(time.day), expected \(isReal) \(expected)")
            return
          }
          if isReal { expected += 1 }
        }
      }
    }
  }

  @Test func noBytesCrashAFormat() throws {
    var random = SeededRandom(seed: 0x5EED_0102)
    let patterns = [
      "d MMMM yy hh:mm a", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "epoch", "epoch_ms", "dMMMyyyy", "M/d/yy(1950) h:mm:ss a",
    ]
    let alphabet = Array("0123456789 :/-.TZ+JanFebMarchseptemberAPM.\0é".utf8)
    for pattern in patterns {
      let format = try DateTimeFormat.parse(pattern, for: .timestamptz)
      for _ in 0..<5000 {
        let text = (0..<Int(random.next() % 30)).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] }
        var time = CivilTime()
        let isTime = text.withUnsafeBufferPointer { buffer in
          format.parts.withUnsafeBufferPointer { parts in
            buffer.baseAddress.map { parseFormatted($0, buffer.count, parts: parts, into: &time) } ?? false
          }
        }
        if isTime { #expect((0..<1_000_000).contains(time.microsecond)) }
      }
    }
  }

  // MARK: Reasons

  @Test(arguments: [
    (" 5", "\" 5\" is not a bigint; trim: true takes off the blanks around it"),
    ("12923.0", "\"12923.0\" is not a bigint; accept: [integral_decimal] would take its zero fraction"),
    ("(5)", "\"(5)\" is not a bigint; format.negatives: [parentheses] would read it as a negative"),
    ("1,250-", "\"1,250-\" is not a bigint; format.negatives: [trailing_minus] would read it as a negative"),
    ("12.5", "\"12.5\" is not a bigint"), ("()", "\"()\" is not a bigint"), ("--", "\"--\" is not a bigint"),
    (".0", "\".0\" is not a bigint"), ("1.0.0", "\"1.0.0\" is not a bigint"),
  ])
  func aReasonNamesTheWordThatWouldMakeSenseOfTheValue(text: String, expected: String) {
    let id = column("id", .bigint)
    #expect(Array(text.utf8).withUnsafeBytes { FieldFault.wrongType.reason(id, $0) } == expected)
  }

  @Test(
    arguments: [
      ("1,203.50", ".", nil, "format.grouping_mark: \",\" would read it"),
      ("1,5", ".", nil, "format.decimal_mark: \",\" would read it"),
      ("1.203,50", ".", nil, "format.decimal_mark: \",\" with grouping_mark: \".\" would read it"),
      ("1 203.50", ".", ",", "format.grouping_mark: \" \" would read it"),
      ("1203.5", ",", nil, "format.decimal_mark: \".\" would read it"), ("1,20,3", ".", nil, nil),
      (",,", ".", nil, nil),
      ("1.2.3", ".", nil, nil), ("x,5", ".", nil, nil),
    ] as [(String, String, String?, String?)])
  func aReasonNamesTheMarksThatWouldMakeANumber(text: String, decimal: String, grouping: String?, expected: String?) {
    let amount = column("amount", .decimal(precision: 14, scale: 2))
    let notation = NumberNotation(
      decimalMark: Array(decimal.utf8)[0], groupingMark: grouping.flatMap { Array($0.utf8).first })
    let reason = Array(text.utf8).withUnsafeBytes { FieldFault.wrongType.reason(amount, $0, notation) }
    #expect(reason == "\"\(text)\" is not a decimal(14,2)" + (expected.map { "; " + $0 } ?? ""))
  }

  @Test(
    arguments: [
      (ColumnType.date, "2026-11-20 00:00:00", "yyyy-MM-dd' 00:00:00'"),
      (.date, "2026-11-20T00:00:00", "yyyy-MM-dd'T00:00:00'"), (.date, "2026-11-20 01:00:00", nil),
      (.timestamp, "2026-11-20 10:00:00.1234567", "yyyy-MM-dd HH:mm:ss.SSSSSSS"),
      (.timestamptz, "2026-11-20T10:00:00.123456789Z", "yyyy-MM-dd'T'HH:mm:ss.SSSSSSSSSXXX"),
      (.timestamp, "2026-11-20 25:00:00.1234567", nil), (.timestamp, "2026-11-20 10:00:00.1234567x", nil),
    ] as [(ColumnType, String, String?)])
  func aReasonNamesAFormatThatReadsTheTime(type: ColumnType, text: String, format: String?) throws {
    let reason = Array(text.utf8).withUnsafeBytes { FieldFault.wrongType.reason(column("at", type), $0) }
    #expect(reason.contains("; format: ") == (format != nil), "\(reason)")
    guard let format else { return }
    #expect(reason.contains("; format: \"\(format)\" would read it"), "\(reason)")
    let (feed, diagnostics) = FeedDefinition.read(
      "feed: f\nfiles: f_*.csv\ncolumns:\n  at: { type: \(type), format: \"\(format)\" }\n", file: "f.yaml")
    #expect(diagnostics == [])
    let preview = try TemporaryDirectory.with { directory in
      try FeedPreview(feed: try #require(feed), timeZone: "UTC").read(
        try directory.write("at\n\(text)\n", to: "f_1.csv"), rows: 1)
    }
    #expect(preview.recordsRefused == 0)
  }
}
