// Extracts of very many rows: the same values, more than one sheet, memory that does not grow; and what is cut off on the
// way to the disk is found.

import Foundation
import Glibc
import Money
import TestSupport
import Testing

@testable import Workbook

private let properties = WorkbookProperties(title: "Rows", author: "Daybook", createdSecondsSince1970: 1_795_234_500)

/// The most memory that this process has had, in KiB. Not getrusage: it would count the parent's too.
private func peakKibibytes() throws -> Int {
  let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
  let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
  return try #require(Int(line.filter(\.isNumber)))
}

@Suite struct ExtractWriterTests {
  @Test func rowsGoOnOnTheNextSheet() async throws {
    try await TemporaryDirectory.with { directory in
      var book = try ExtractWriter(
        path: directory.appending("a.xlsx"), scratch: directory.path, properties: properties, title: "Rows",
        headers: ["Name", "Net"], setup: SheetSetup(columnWidths: [20, 12]), rowsPerSheet: 400)
      let names = ["=1+1", "<b>", " x ", "bell\u{7}", "-5", "😀"]
      for row in 0..<1_000 {
        let fates = try book.append([
          (.text(names[row % names.count]), .text),
          (.number(try #require(ExactDecimal("-\(row).25")), amountDecimals: 2), .money(decimals: 2)),
        ])
        #expect(fates == [.whole, .whole])
      }
      try book.addNotes(["One note."])
      try book.close()
      let read = try await SpreadsheetReader.read(directory.appending("a.xlsx"))
      #expect(read.sheets.map(\.name) == ["Rows", "Rows (2)", "Rows (3)", "Notes"])
      #expect(read.sheets.map(\.rows) == [401, 401, 201, 1] && !read.formulas)
      for row in 0..<1_000 {
        let cells = read.sheets[row / 400].cells
        let name = try #require(cells["A\(row % 400 + 2)"])
        let net = try #require(cells["B\(row % 400 + 2)"])
        #expect(name.type == "text" && name.value == names[row % names.count])
        #expect(net.type == "number" && ExactDecimal(net.value) == ExactDecimal("-\(row).25"))
      }
      #expect(read.sheets[2].cells["A1"]?.value == "Name" && read.sheets[2].frozen == "A2")
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["a.xlsx"])
    }
  }

  @Test func twoHundredThousandRowsTakeNoMemory() async {
    await #expect(processExitsWith: .success) {
      try TemporaryDirectory.with { directory in
        var book = try ExtractWriter(
          path: directory.appending("a.xlsx"), scratch: directory.path, properties: properties, title: "Rows",
          headers: (0..<4).map { "Column \($0)" })
        let text = (0..<2).map { (value: CellValue.text("some text \($0)"), format: NumberFormat.text) }
        func figure(_ value: Int) -> (value: CellValue, format: NumberFormat) {
          (.number(ExactDecimal(value), amountDecimals: 2), .money(decimals: 2))
        }
        try book.append(text + (0..<2).map(figure))
        let before = try peakKibibytes()
        for row in 0..<200_000 { try book.append(text + (0..<2).map { figure(row + $0) }) }
        try book.close()
        let grown = try peakKibibytes() - before
        // The finished file is mapped once, to be looked through; without this mode it would be 90 MB.
        #expect(grown < 40_000)
      }
    }
  }

  @Test func diskThatIsFullIsAnErrorThoughTheLibrarySaysNothing() async {
    // A file larger than the process may write stands for the disk. Temporary files reach the limit and the finished
    // archive, which is smaller, does not: the library reports success for a sheet that stops in the middle.
    await #expect(processExitsWith: .success) {
      try TemporaryDirectory.with { directory in
        var small = rlimit(rlim_cur: 1 << 16, rlim_max: 1 << 30)
        signal(SIGXFSZ, SIG_IGN)
        #expect(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &small) == 0)
        let path = directory.appending("a.xlsx")
        let found = WorkbookError.incomplete(path: path, part: "xl/worksheets/sheet1.xml")
        var extract = try ExtractWriter(
          path: path, scratch: directory.path, properties: properties, title: "Rows", headers: ["a"])
        for row in 0..<5_000 { try extract.append([(.number(ExactDecimal(row), amountDecimals: nil), .integer)]) }
        do throws(WorkbookError) {
          try extract.close()
          Issue.record("no error")
        } catch {
          #expect(error == found)
        }
        var whole = try WorkbookWriter(path: path, scratch: directory.path, properties: properties)
        let sheet = try whole.addSheet("Rows")
        for row in 0..<5_000 {
          try whole.write(.number(ExactDecimal(row), amountDecimals: nil), at: CellPlace(row, 0), on: sheet)
        }
        do throws(WorkbookError) {
          try whole.close()
          Issue.record("no error")
        } catch {
          #expect(error == found)
        }
      }
    }
  }

  @Test func partThatEndsInTheMiddleIsFound() async throws {
    try await TemporaryDirectory.with { directory in
      let path = directory.appending("a.xlsx")
      var book = try ExtractWriter(
        path: path, scratch: directory.path, properties: properties, title: "Rows", headers: ["a"])
      for row in 0..<2_000 { try book.append([(.number(ExactDecimal(row), amountDecimals: nil), .integer)]) }
      try book.close()
      try WorkbookProof.check(path)
      let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
      // What a full disk leaves: an archive in order, one part of which stops.
      let script = """
        import sys, zipfile
        with zipfile.ZipFile(sys.argv[1]) as whole, zipfile.ZipFile(sys.argv[2], "w", zipfile.ZIP_DEFLATED) as cut:
            for item in whole.infolist():
                data = whole.read(item)
                if item.filename.endswith("sheet1.xml"): data = data[:data.index(b"<c ", 8192)]
                cut.writestr(item.filename, data)
        """
      let outcome = try await ProgramRun.run(
        "/usr/bin/python3", ["-c", script, path, directory.appending("cut.xlsx")], environment: ["PATH": "/usr/bin"],
        timeout: .seconds(60))
      try #require(outcome.status == 0, "\(outcome.stderr)")
      #expect(
        throws: WorkbookError.incomplete(path: directory.appending("cut.xlsx"), part: "xl/worksheets/sheet1.xml")
      ) {
        try WorkbookProof.check(directory.appending("cut.xlsx"))
      }
      for end in [0, 21, 22, bytes.count / 2, bytes.count - 1] {
        let file = try directory.write(Array(bytes.prefix(end)), to: "short.xlsx")
        #expect(throws: WorkbookError.self) { try WorkbookProof.check(file) }
      }
      var generator = SystemRandomNumberGenerator()
      for _ in 0..<300 {
        var broken = bytes
        for _ in 0..<4 {
          broken[Int.random(in: 0..<broken.count, using: &generator)] = .random(in: 0...255, using: &generator)
        }
        // Whatever it finds, it comes back.
        let file = try directory.write(broken, to: "broken.xlsx")
        _ = try? WorkbookProof.check(file)
      }
    }
  }
}
