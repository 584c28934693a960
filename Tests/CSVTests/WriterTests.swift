// What is written reads back as it was meant, and nothing is quoted without need.

import CSV
import Glibc
import TestSupport
import Testing

struct WriterTests {
  private struct Case: Sendable {
    let fields: [String]
    let written: String
  }

  @Test func fieldsAreQuotedOnlyWhenTheyMust() throws {
    let cases = [
      Case(fields: ["a", "b c", " d "], written: "a,b c, d \n"),
      Case(fields: ["a,b", "c"], written: "\"a,b\",c\n"),
      Case(fields: ["say \"hi\"", "'x'"], written: "\"say \"\"hi\"\"\",'x'\n"),
      Case(fields: ["two\nlines", "cr\r"], written: "\"two\nlines\",\"cr\r\"\n"),
      Case(fields: ["", ""], written: ",\n"),
      Case(fields: [""], written: "\"\"\n"),
      Case(fields: ["\u{FEFF}mark"], written: "\"\u{FEFF}mark\"\n"),
      Case(fields: ["=1+1", "-5"], written: "=1+1,-5\n"),
      Case(fields: [], written: "\n"),
    ]
    for item in cases {
      var writer = CSVWriter()
      try writer.record(item.fields)
      #expect(text(writer.takeBytes()) == item.written)
    }
  }

  @Test(arguments: ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "＝1", "＋1", "－1", "＠x"])
  func aFormulaInATextColumnIsDefused(_ formula: String) throws {
    var writer = CSVWriter()
    try writer.field(formula, formulaGuard: true)
    try writer.field("plain", formulaGuard: true)
    try writer.field("a=b", formulaGuard: true)
    try writer.endRecord()
    let seen = try records(writer.takeBytes())
    #expect(seen.first?.fields.map { text($0.bytes) } == ["'" + formula, "plain", "a=b"])
  }

  /// A spreadsheet whose list separator is the semicolon divides there, and takes quotes within a field as they are.
  @Test(arguments: [
    ("x;=cmd|' /C calc'!A0;y", "x;'=cmd|' /C calc'!A0;y"), ("a\t@x", "a\t'@x"), ("a\n=1\r\n+2", "a\n'=1\r\n'+2"),
    ("\n=1", "'\n'=1"), (";＝1", ";'＝1"), ("a;b", "a;b"), ("a;-5;;--", "a;'-5;;'--"),
  ])
  func aFormulaBehindAnotherSeparatorIsDefusedAndQuoted(_ formula: String, _ inert: String) throws {
    var writer = CSVWriter()
    try writer.field(1)
    try writer.field(formula, formulaGuard: true)
    try writer.endRecord()
    let bytes = writer.takeBytes()
    #expect(text(bytes) == "1,\"\(inert)\"\n")
    #expect(try records(bytes).first?.fields.map { text($0.bytes) } == ["1", inert])
    try writer.field(formula)
    try writer.endRecord()
    #expect(try records(writer.takeBytes()).first?.fields.map { text($0.bytes) } == [formula])
  }

  /// A quote that begins a divided field is taken off it.
  @Test(arguments: [
    ("a;\"=1+1;", "a;\"'=1+1;"), ("a\t\"=1\"", "a\t\"'=1\""), ("a;\"\"\"@x", "a;\"\"\"'@x"), ("\"=1\"", "\"=1\""),
    ("a;\"b\";=1", "a;\"b\";'=1"),
  ])
  func aFormulaBehindAnotherSeparatorAndQuotesIsDefused(_ formula: String, _ inert: String) throws {
    var writer = CSVWriter()
    try writer.field(formula, formulaGuard: true)
    try writer.endRecord()
    #expect(try records(writer.takeBytes()).first?.fields.map { text($0.bytes) } == [inert])
  }

  @Test func amountsAreNotTakenForFormulasUnlessAsked() throws {
    var writer = CSVWriter()
    try writer.field("-12.50")
    try writer.field(-3)
    try writer.endRecord()
    #expect(text(writer.takeBytes()) == "-12.50,-3\n")
  }

  @Test func emptyAndNothingCanBeToldApart() throws {
    var writer = CSVWriter(lineEnd: .crlf)
    try writer.field("", quoting: .always)
    writer.emptyField()
    try writer.endRecord()
    let bytes = writer.takeBytes()
    #expect(text(bytes) == "\"\",\r\n")
    #expect(try records(bytes).first?.fields.map(\.isQuoted) == [true, false])
  }

  @Test func aDialectWithoutQuoteRefusesWhatItCannotWrite() throws {
    let dialect = try CSVDialect(delimiter: 0x7C, quote: nil)
    for fields in [["a|b"], ["a\nb"], [""]] {
      var writer = CSVWriter(dialect: dialect)
      var failure: CSVError?
      do throws(CSVError) { try writer.record(fields) } catch { failure = error }
      #expect(failure?.kind == .dialect)
    }
    var writer = CSVWriter(dialect: dialect)
    try writer.record(["a,\"b\"", ""])
    #expect(text(writer.takeBytes()) == "a,\"b\"|\n")
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func whatIsWrittenReadsBack(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let alphabet: [UInt8] = Array("ab ,;\"'\n\r\t=\u{FEFF}é".utf8) + [0, 0xFF]
    let dialect = try CSVDialect(
      delimiter: [0x2C, 0x3B, 0x09].randomElement(using: &random, orElse: 0x2C),
      quote: [0x22, 0x27].randomElement(using: &random, orElse: 0x22))
    var expected: [[[UInt8]]] = []
    var writer = CSVWriter(dialect: dialect, lineEnd: Bool.random(using: &random) ? .lf : .crlf)
    for _ in 0..<Int.random(in: 1..<20, using: &random) {
      var record: [[UInt8]] = []
      for _ in 0..<Int.random(in: 1..<6, using: &random) {
        let field = (0..<Int.random(in: 0..<8, using: &random)).map { _ in
          alphabet.randomElement(using: &random, orElse: 0x61)
        }
        let quoting: CSVWriter.Quoting = Bool.random(using: &random) ? .always : .whenNeeded
        var failure: CSVError?
        field.withUnsafeBytes { bytes in
          do throws(CSVError) { try writer.field(bytes: bytes, quoting: quoting) } catch { failure = error }
        }
        #expect(failure == nil)
        record.append(field)
      }
      try writer.endRecord()
      expected.append(record)
    }
    let seen = try records(writer.takeBytes(), dialect: dialect, chunkBytes: 7)
    #expect(seen.map { $0.fields.map(\.bytes) } == expected)
    #expect(seen.allSatisfy { $0.defect == nil })
  }

  @Test func aFileLargerThanTheBufferIsWrittenWhole() throws {
    try withScratchDirectory { directory in
      let path = directory + "/out.csv"
      var writer = try CSVWriter(path: path)
      for row in 0..<40_000 { try writer.record(["\(row)", "some text that fills the buffer, and more"]) }
      try writer.close()
      let seen = try records(FileByteSource(path: path))
      #expect(seen.count == 40_000)
      #expect(seen.last?.fields.map { text($0.bytes) } == ["39999", "some text that fills the buffer, and more"])
    }
  }

  @Test func aBorrowedDescriptorStaysOpen() throws {
    try withScratchDirectory { directory in
      let path = directory + "/shared.csv"
      let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
      defer { close(descriptor) }
      for name in ["first", "second"] {
        var writer = CSVWriter(descriptor: descriptor)
        try writer.record([name])
        try writer.close()
      }
      #expect(try records(FileByteSource(path: path)).map { text($0.raw) } == ["first", "second"])
    }
  }

  @Test func aFileThatCannotBeWrittenIsNamed() throws {
    var failure: CSVError?
    do throws(CSVError) {
      let writer = try CSVWriter(path: "/nonexistent/out.csv")
      try writer.close()
    } catch {
      failure = error
    }
    #expect(failure?.kind == .write)
    #expect(failure?.description == "/nonexistent/out.csv: cannot create: No such file or directory")
  }

  @Test func aFullDiskIsAnError() throws {
    var failure: CSVError?
    do throws(CSVError) {
      var writer = try CSVWriter(path: "/dev/full")
      try writer.record(["x"])
      try writer.close()
    } catch {
      failure = error
    }
    #expect(failure?.kind == .write)
    #expect(failure?.systemError == ENOSPC)
  }
}
