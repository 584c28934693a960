// The traps of CSV, one row each: what stands in the file, and what every record of it must be.

import CSV
import Testing

struct Trap: CustomTestStringConvertible, Sendable {
  let name: String
  let file: String
  /// One text per record: `line@offset`, a space, then fields between bars (quoted ones in ‹›), or `!defect raw`.
  let expected: [String]
  var dialect = CSVDialect.standard
  var testDescription: String { name }
}

private func dialect(
  _ delimiter: String = ",", quote: String? = "\"", maxRecordBytes: Int = 1 << 20, maxRecordLines: Int = 1_000
) -> CSVDialect {
  do {
    return try CSVDialect(
      delimiter: Array(delimiter.utf8)[0], quote: quote.map { Array($0.utf8)[0] }, maxRecordBytes: maxRecordBytes,
      maxRecordLines: maxRecordLines)
  } catch {
    Issue.record(error)
    return .standard
  }
}

private let traps: [Trap] = [
  Trap(name: "plain", file: "a,b\n1,2\n", expected: ["1@0 a|b", "2@4 1|2"]),
  Trap(name: "spaces are kept", file: "  a , b\t,c  \n", expected: ["1@0   a | b\t|c  "]),
  Trap(name: "only spaces is a record", file: "   \n", expected: ["1@0    "]),
  Trap(
    name: "space before a quote is a stray quote", file: "1, \"a\"\n2,b\n",
    expected: ["1@0 !strayQuote 1, \"a\"", "2@7 2|b"]),
  Trap(
    name: "space after a quote is a stray quote", file: "1,\"a\" ,c\n2,b\n",
    expected: ["1@0 !strayQuote 1,\"a\" ,c", "2@9 2|b"]),
  Trap(name: "blank lines are lines, not records", file: "a\n\n\nb\n\n", expected: ["1@0 a", "4@4 b"]),
  Trap(name: "blank lines at the start", file: "\n\r\n\ra\n", expected: ["4@4 a"]),
  Trap(
    name: "byte-order mark before a quoted header", file: "\u{FEFF}\"a\",b\n1,2\n", expected: ["1@3 ‹a›|b", "2@9 1|2"]),
  Trap(name: "byte-order mark alone", file: "\u{FEFF}", expected: []),
  Trap(name: "byte-order mark later is data", file: "a\n\u{FEFF}b\n", expected: ["1@0 a", "2@2 \u{FEFF}b"]),
  Trap(name: "empty file", file: "", expected: []),
  Trap(name: "header only, no line end", file: "a,b", expected: ["1@0 a|b"]),
  Trap(name: "LF, CRLF and CR mixed", file: "a\nb\r\nc\rd\r\n", expected: ["1@0 a", "2@2 b", "3@5 c", "4@7 d"]),
  Trap(name: "LF CR is a line end and a blank line", file: "a\n\rb", expected: ["1@0 a", "3@3 b"]),
  Trap(name: "CR alone at the end", file: "a\rb\r", expected: ["1@0 a", "2@2 b"]),
  Trap(
    name: "quoted line ends of every kind", file: "\"a\r\nb\rc\nd\",2\nx,y\n",
    expected: ["1@0 ‹a\r\nb\rc\nd›|2", "5@13 x|y"]),
  Trap(name: "no final line end after a quoted field", file: "1,\"a\"", expected: ["1@0 1|‹a›"]),
  Trap(name: "empty fields", file: ",\n,,\n", expected: ["1@0 |", "2@2 ||"]),
  Trap(name: "empty quoted differs from empty", file: "\"\",,\"\"\n", expected: ["1@0 ‹›||‹›"]),
  Trap(name: "a lone empty quoted field is a record", file: "\"\"\n\n\"\"", expected: ["1@0 ‹›", "3@4 ‹›"]),
  Trap(name: "doubled quotes", file: "\"a\"\"b\",\"\"\"\",\"\"\"c\"\"\"\n", expected: ["1@0 ‹a\"b›|‹\"›|‹\"c\"›"]),
  Trap(
    name: "two fields with doubled quotes keep apart", file: "\"\"\"x\",y,\"z\"\"\"\n", expected: ["1@0 ‹\"x›|y|‹z\"›"]),
  Trap(
    name: "stray quote in an unquoted field", file: "a\"b,c\nd,e\n", expected: ["1@0 !strayQuote a\"b,c", "2@6 d|e"]),
  Trap(
    name: "a stray quote does not open a later field", file: "a\"b,\"c\nd\",e\n",
    expected: ["1@0 !strayQuote a\"b,\"c", "2@7 !strayQuote d\",e"]),
  Trap(name: "text after a closing quote", file: "\"a\"b,c\nd,e\n", expected: ["1@0 !strayQuote \"a\"b,c", "2@7 d|e"]),
  Trap(
    name: "quote after a closing quote and a space", file: "\"a\" \"b\"\nd\n",
    expected: ["1@0 !strayQuote \"a\" \"b\"", "2@8 d"]),
  Trap(
    name: "unterminated to the end of the file", file: "1,\"a\n2,b\n3,c\n",
    expected: ["1@0 !unterminatedQuote 1,\"a", "2@5 2|b", "3@9 3|c"]),
  Trap(
    name: "unterminated on the last line", file: "1,a\n2,\"b", expected: ["1@0 1|a", "2@4 !unterminatedQuote 2,\"b"]),
  Trap(
    name: "unterminated, then a good quoted row", file: "1,\"a\n2,\"b\"\n3,c\n",
    expected: ["1@0 !unterminatedQuote 1,\"a", "2@5 2|‹b›", "3@11 3|c"]),
  Trap(
    name: "unterminated with CRLF", file: "1,\"a\r\n2,b\r\n", expected: ["1@0 !unterminatedQuote 1,\"a", "2@6 2|b"]),
  Trap(
    name: "a closed multi-line field with text behind it gives up line by line", file: "1,\"a\nb\"c,2\n3,4\n",
    expected: ["1@0 !unterminatedQuote 1,\"a", "2@5 !strayQuote b\"c,2", "3@11 3|4"]),
  Trap(
    name: "more lines than allowed", file: "\"a\nb\nc\"\nd\n",
    expected: ["1@0 !unterminatedQuote \"a", "2@3 b", "3@5 !strayQuote c\"", "4@8 d"],
    dialect: dialect(maxRecordLines: 2)),
  Trap(
    name: "as many lines as allowed", file: "\"a\nb\"\nd\n", expected: ["1@0 ‹a\nb›", "3@6 d"],
    dialect: dialect(maxRecordLines: 2)),
  Trap(
    name: "more bytes than allowed inside a quote", file: "\"a\nbcd\"\nd\n",
    expected: ["1@0 !unterminatedQuote \"a", "2@3 !strayQuote bcd\"", "3@8 d"], dialect: dialect(maxRecordBytes: 6)),
  Trap(
    name: "as many bytes as allowed", file: "\"a\nbcd\"\nabcdefg\n", expected: ["1@0 ‹a\nbcd›", "3@8 abcdefg"],
    dialect: dialect(maxRecordBytes: 7)),
  Trap(
    name: "a line too long is cut and passed over", file: "abcdefgh,1\nx\n\"abcdefgh\"\ny",
    expected: ["1@0 !tooLong abcd", "2@11 x", "3@13 !tooLong \"abc", "4@24 y"], dialect: dialect(maxRecordBytes: 4)),
  Trap(name: "NUL bytes pass", file: "a\0b,\"\0\"\n", expected: ["1@0 a\0b|‹\0›"]),
  Trap(
    name: "no quote configured", file: "\"a,b\"\n\"\n", expected: ["1@0 \"a|b\"", "2@6 \""],
    dialect: dialect(quote: nil)),
  Trap(
    name: "tabs and single quotes", file: "a\t'b\tc'\t \n", expected: ["1@0 a|‹b\tc›| "],
    dialect: dialect("\t", quote: "'")),
  Trap(name: "space as delimiter", file: "a  \"b c\"\n", expected: ["1@0 a||‹b c›"], dialect: dialect(" ")),
  Trap(name: "semicolons", file: "1,5;\"a;b\"\n", expected: ["1@0 1,5|‹a;b›"], dialect: dialect(";")),
]

struct TrapTests {
  @Test(arguments: traps)
  func everyTrapGivesItsRecords(_ trap: Trap) throws {
    #expect(try shown(records(Array(trap.file.utf8), dialect: trap.dialect)) == trap.expected)
  }

  @Test(arguments: traps)
  func everyTrapIsTheSameAtEveryChunkSize(_ trap: Trap) throws {
    for chunkBytes in 1...max(1, trap.file.utf8.count) {
      let cut = try records(Array(trap.file.utf8), dialect: trap.dialect, chunkBytes: chunkBytes)
      #expect(shown(cut) == trap.expected, "chunks of \(chunkBytes) bytes")
    }
  }

  @Test(arguments: traps)
  func theReferenceParserAgreesOnEveryTrap(_ trap: Trap) {
    #expect(shown(referenceParse(Array(trap.file.utf8), dialect: trap.dialect)) == trap.expected)
  }

  @Test func recordNumbersCountEveryRecordOnce() throws {
    let seen = try records(Array("h\n\n1\na\"\n\"b\nc\n".utf8))
    #expect(seen.map(\.record) == [1, 2, 3, 4, 5])
    #expect(seen.map(\.line) == [1, 3, 4, 5, 6])
  }

  private func shown(_ records: [SeenRecord]) -> [String] {
    records.map { record in
      let place = "\(record.line)@\(record.byteOffset) "
      if let defect = record.defect { return place + "!\(defect) \(text(record.raw))" }
      return place + record.fields.map { $0.isQuoted ? "‹\(text($0.bytes))›" : text($0.bytes) }.joined(separator: "|")
    }
  }
}
