// Workbooks as an independent reader finds them: values, formats, tables, charts, print set-up, the same bytes twice.
// The reader is openpyxl; what it finds is compared with what was asked for, never with what the writer says.

import Foundation
import Money
import TestSupport
import Testing
import Workbook

private let moment: Int64 = 1_795_234_500

private func writer(_ directory: TemporaryDirectory, _ name: String = "a.xlsx") throws -> WorkbookWriter {
  try WorkbookWriter(
    path: directory.appending(name), scratch: directory.path,
    properties: WorkbookProperties(
      title: "Books & more", subject: "Draft", author: "Daybook", comments: "Run 7",
      createdSecondsSince1970: moment))
}

private func number(_ text: String, amount: Int? = nil) throws -> CellValue {
  .number(try #require(ExactDecimal(text)), amountDecimals: amount)
}

private let hostile = [
  "<script>alert(1)</script>", "=HYPERLINK(\"http://x\",\"y\")", "\"; drop table customers; --", "+1", "-2", "@x",
  "\u{202E}gnp.exe", "👩‍👩‍👧 family", "tab\there", "two\nlines", " spaces ", "bell\u{7}", "_x0041_", "http://example.com",
  "mailto:a@b.c", "internal:Sheet1!A1", "{=1+1}", "]]>&amp;", "'=1+1", "1234", "2026-11-20", "TRUE", "#REF!",
  String(repeating: "long name ", count: 1_000),
]

@Suite struct WorkbookWriterTests {
  @Test func everyTextStaysText() async throws {
    try await TemporaryDirectory.with { directory in
      var book = try writer(directory)
      let sheet = try book.addSheet("Names")
      for (row, text) in hostile.enumerated() {
        let fate = try book.write(.text(text), at: CellPlace(row, 0), on: sheet)
        #expect(fate == .whole)
      }
      try book.write(.text("a\0b"), at: CellPlace(100, 0), on: sheet)
      let fate = try book.write(.text(String(repeating: "x", count: 40_000)), at: CellPlace(101, 0), on: sheet)
      #expect(fate == .cut)
      try book.close()
      let read = try await SpreadsheetReader.read(directory.appending("a.xlsx"))
      #expect(!read.formulas && !read.links)
      let cells = try #require(read.sheet("Names")).cells
      #expect(cells.values.allSatisfy { $0.type == "text" && $0.link == nil })
      for (row, text) in hostile.enumerated() {
        #expect(cells["A\(row + 1)"]?.value == text)
        #expect(cells["A\(row + 1)"]?.format == (text.utf16.count > 255 ? "General" : "@"))
      }
      #expect(cells["A101"]?.value == "a\u{FFFD}b")
      #expect(cells["A102"]?.value == String(repeating: "x", count: 32_766) + "…")
    }
  }

  @Test func figuresKeepEveryDigitOrAreSaidToBeText() async throws {
    let figures: [(text: String, decimals: Int?, fate: CellFate)] = [
      ("9999999999999.99", 2, .whole), ("-9999999999999.99", 2, .whole), ("10000000000000.00", 2, .numberAsText),
      ("-123456789012345678.90", 2, .numberAsText), ("0.1", nil, .whole), ("-0.30", 2, .whole), ("0", 2, .whole),
      ("123456789012345", nil, .whole), ("1234567890123456", nil, .numberAsText),
      ("3354.3339130434782609", 2, .rounded), ("-7", 0, .whole), ("12.345", 3, .whole),
    ]
    try await TemporaryDirectory.with { directory in
      var book = try writer(directory)
      let sheet = try book.addSheet("Figures")
      for (row, figure) in figures.enumerated() {
        let style = CellStyle(.body, .money(decimals: figure.decimals ?? 0))
        let value = try number(figure.text, amount: figure.decimals)
        let fate = try book.write(value, at: CellPlace(row, 1), style: style, on: sheet)
        #expect(fate == figure.fate, "\(figure.text)")
      }
      try book.close()
      let cells = try #require(
        try await SpreadsheetReader.read(directory.appending("a.xlsx")).sheet("Figures")
      ).cells
      for (row, figure) in figures.enumerated() {
        let cell = try #require(cells["B\(row + 1)"])
        switch figure.fate {
        case .numberAsText:
          #expect(cell.type == "text" && cell.value == figure.text && cell.format == "@" && cell.color == "FFFFF2CC")
        case .rounded: #expect(cell.type == "number" && cell.value == "3354.33391304348")
        default:
          #expect(cell.type == "number" && ExactDecimal(cell.value) == ExactDecimal(figure.text), "\(figure.text)")
        }
      }
      #expect(cells["B1"]?.format == "#,##0.00_);[Red](#,##0.00)")
      #expect(cells["B11"]?.format == "#,##0_);[Red](#,##0)" && cells["B12"]?.format == "#,##0.000_);[Red](#,##0.000)")
    }
  }

  @Test func datesAreDatesWhereASpreadsheetKnowsThem() async throws {
    try await TemporaryDirectory.with { directory in
      var book = try writer(directory)
      let sheet = try book.addSheet("Dates")
      let days = ["1900-03-01", "2024-02-29", "9999-12-31", "1900-02-28", "0001-01-01"]
      for (row, day) in days.enumerated() {
        let date = try #require(CivilDate(day))
        let fate = try book.write(.date(date), at: CellPlace(row, 0), style: CellStyle(.body, .date), on: sheet)
        #expect(fate == (row < 3 ? .whole : .dateAsText))
      }
      let instant = moment * 1_000_000 + 123_456
      try book.write(
        .moment(microsecondsSince1970: instant), at: CellPlace(9, 0), style: CellStyle(.body, .moment), on: sheet)
      try book.close()
      let cells = try #require(try await SpreadsheetReader.read(directory.appending("a.xlsx")).sheet("Dates")).cells
      for (row, day) in days.enumerated() {
        #expect(cells["A\(row + 1)"]?.value == (row < 3 ? "\(day)T00:00:00.000" : day))
      }
      #expect(cells["A10"]?.value.hasPrefix("2026-11-21T04:15:00.123") == true, "\(String(describing: cells["A10"]))")
    }
  }

  @Test func tablesChartsNamesAndPrintSetUpAreThere() async throws {
    try await TemporaryDirectory.with { directory in
      var book = try writer(directory)
      let page = try book.addSheet("It's Q1")
      let data = try book.addSheet("2026")
      let (name, body) = try book.addTable(
        "q1", at: CellPlace(3, 0), headers: ["Month", "=1+1", "=1+1", ""], rows: 2, on: data)
      #expect(name == "_q1" && body.name == "A5:D6")
      for row in 0..<2 {
        let date = CivilDate(daysSince1970: 20_000 + 31 * row)
        try book.write(.date(date), at: CellPlace(4 + row, 0), style: CellStyle(.body, .month), on: data)
        for column in 1..<3 {
          let value = try number("-\(row + 1).5\(column)", amount: 2)
          try book.write(
            value, at: CellPlace(4 + row, column), style: CellStyle(.body, .money(decimals: 2)), on: data)
        }
      }
      try book.addTable("Q1", at: CellPlace(9, 0), headers: ["a"], rows: 0, on: data)
      try book.write(.text("=Sales"), at: CellPlace(0, 0), style: CellStyle(.heading), on: page)
      for (place, kind) in [SheetChart.Kind.line, .column, .stackedColumn, .bar].enumerated() {
        try book.addChart(
          SheetChart(
            kind: kind, source: data, title: CellPlace(0, 0),
            alternativeText: "Sales <b> & \"more\"; " + String(repeating: "é", count: 3_000),
            categories: CellRange(CellPlace(4, 0), CellPlace(5, 0)), categoryFormat: .month,
            series: [1, 2].map {
              .init(name: CellPlace(3, $0), values: CellRange(CellPlace(4, $0), CellPlace(5, $0)))
            }, valueFormat: .money(decimals: 2)), at: CellPlace(2 + place * SheetChart.coveredRows, 0), on: page)
      }
      let names = [
        try book.define("as_of", as: CellPlace(0, 1), on: page),
        try book.define("AS_OF", as: CellPlace(0, 1), on: data),
      ]
      #expect(names == ["as_of", "AS_OF_2"])
      let setup = SheetSetup(
        columnWidths: [20, 30.5], headRows: 2, header: PageLine(left: "A & B", right: "DRAFT"),
        footer: PageLine(left: "Run", right: "UTC", hasPageNumber: true))
      try book.set(setup, on: page)
      try book.set(setup, on: data)
      try book.expectNumbersAsText(in: [body], on: data)
      try book.close()

      let read = try await SpreadsheetReader.read(directory.appending("a.xlsx"))
      #expect(read.sheets.map(\.name) == ["It's Q1", "(2026)"])
      let sheet = try #require(read.sheet("(2026)"))
      #expect(sheet.tables.map(\.name).sorted() == ["Q1_2", "_q1"] || sheet.tables.map(\.name) == ["_q1", "_Q1_2"])
      #expect(sheet.tables.first?.columns == ["Month", "=1+1", "=1+1 (2)", "Column"])
      #expect(sheet.tables.map(\.ref) == ["A4:D6", "A10:A11"])
      #expect(!read.formulas && sheet.cells["B4"]?.type == "text" && sheet.cells["B4"]?.value == "=1+1")
      #expect(sheet.frozen == "A3" && sheet.repeated == "$1:$2" && sheet.orientation == "landscape")
      #expect(sheet.header == ["A && B", nil, "DRAFT"] || sheet.header == ["A & B", nil, "DRAFT"])
      #expect(sheet.footer == ["Run", "Page &P of &N", "UTC"] || sheet.footer == ["Run", "Page &[Page] of &N", "UTC"])
      #expect(sheet.widths["A"].map { abs($0 - 20.7) < 0.1 } == true)
      #expect(read.names["as_of"] == "'It''s Q1'!$B$1" && read.names["AS_OF_2"] == "'(2026)'!$B$1")

      #expect(read.charts.map(\.kind) == [["lineChart"], ["barChart"], ["barChart"], ["barChart"]])
      #expect(read.charts[2].grouping == ["stacked"])
      let formulas = Set(read.charts[0].formulas)
      #expect(
        formulas == [
          "'It''s Q1'!$A$1", "'(2026)'!$A$5:$A$6", "'(2026)'!$B$4", "'(2026)'!$B$5:$B$6", "'(2026)'!$C$4",
          "'(2026)'!$C$5:$C$6",
        ])
      #expect(read.charts[0].points.contains("=Sales") && read.charts[0].points.contains("-2.52"))
      #expect(read.words.count == 4)
      #expect(read.words.allSatisfy { $0?.hasPrefix("Sales <b> & \"more\"; éé") == true && $0?.hasSuffix("…") == true })
      #expect(read.title == "Books & more" && read.author == "Daybook" && read.comments == "Run 7")
      #expect(read.created == "2026-11-21T04:15:00Z")
      #expect(Set(read.dates).count == 1)
    }
  }

  @Test func sameCallsGiveTheSameBytes() async throws {
    try await TemporaryDirectory.with { directory in
      func make(_ name: String) throws -> Data {
        var book = try writer(directory, name)
        let sheet = try book.addSheet("One")
        try book.addTable("t", at: CellPlace(0, 0), headers: ["a", "b"], rows: hostile.count, on: sheet)
        for (row, text) in hostile.enumerated() {
          try book.write(.text(text), at: CellPlace(row + 1, 0), on: sheet)
          try book.write(number("\(row).25", amount: 2), at: CellPlace(row + 1, 1), on: sheet)
        }
        try book.close()
        return try Data(contentsOf: URL(filePath: directory.appending(name)))
      }
      // Side by side too: the library keeps names and dates in static places.
      let all = try await withThrowingTaskGroup(of: Data.self) { group in
        for index in 0..<8 { group.addTask { try make("\(index).xlsx") } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(Set(all).count == 1 && all.count == 8)
      // Nothing is left beside the files.
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).count == 8)
    }
  }

  @Test func placesOutsideASheetAndOutsideAFolderAreErrors() throws {
    try TemporaryDirectory.with { directory in
      var book = try writer(directory)
      let sheet = try book.addSheet("One")
      #expect(throws: WorkbookError.self) { try book.write(.text("x"), at: CellPlace(1_048_576, 0), on: sheet) }
      #expect(throws: WorkbookError.self) { try book.write(.text("x"), at: CellPlace(0, 16_384), on: sheet) }
      #expect(throws: WorkbookError.self) {
        try book.addTable("t", at: CellPlace(1_048_575, 0), headers: ["a"], rows: 1, on: sheet)
      }
      let properties = WorkbookProperties(title: "", createdSecondsSince1970: 0)
      let path = directory.appending("none/a.xlsx")
      #expect(throws: WorkbookError.cannotWrite(path: path, reason: "No such file or directory")) {
        _ = try WorkbookWriter(path: path, scratch: directory.path, properties: properties)
      }
      #expect(throws: WorkbookError.cannotWrite(path: "/none", reason: "No such file or directory")) {
        _ = try WorkbookWriter(path: directory.appending("b.xlsx"), scratch: "/none", properties: properties)
      }
    }
  }
}
