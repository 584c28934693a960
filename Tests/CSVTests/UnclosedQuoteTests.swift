// A quote that was never closed costs its own line, also where the quotes of a good row happen to close it; a record
// that truly spans several lines is never cut.

import CSV
import TestSupport
import Testing

private struct Case: CustomTestStringConvertible, Sendable {
  let name: String
  let file: String
  /// One text per record: its line, then its fields between bars, or `!defect` and its raw bytes.
  let expected: [String]
  var fields = 3
  var maxRecordBytes = 1 << 20
  var maxRecordLines = 1_000
  var testDescription: String { name }
}

private let cases: [Case] = [
  Case(
    name: "a good record of several lines", file: "1,\"a\n2,b,c\n\",x\n4,5,6\n",
    expected: ["1 1|a\n2,b,c\n|x", "4 4|5|6"]),
  Case(
    name: "closed and opened again by a good row", file: "1,\"a,x\n2,\",\",y\n3,b,z\n",
    expected: ["1 !unterminatedQuote 1,\"a,x", "2 2|,|y", "3 3|b|z"]),
  Case(
    name: "closed by a good row of several lines", file: "1,\"a,x\n2,\"\nb\",y\n3,c,z\n",
    expected: ["1 !unterminatedQuote 1,\"a,x", "2 2|\nb|y", "4 3|c|z"]),
  Case(
    name: "rows before the one that closes it", file: "1,\"a,x\n2,b,y\n3,c,z\n4,\",\",w\n5,d,v\n",
    expected: ["1 !unterminatedQuote 1,\"a,x", "2 2|b|y", "3 3|c|z", "4 4|,|w", "5 5|d|v"]),
  Case(
    name: "lines that are no rows come out one by one", file: "1,\"a,x\nfoo\n\nb,ar\n4,\",\",w\n",
    expected: ["1 !unterminatedQuote 1,\"a,x", "2 foo", "4 b|ar", "5 4|,|w"]),
  Case(
    name: "two open quotes in a row", file: "1,\"a,x\n2,\"b,y\n3,\",\",z\n4,c,w\n",
    expected: ["1 !unterminatedQuote 1,\"a,x", "2 !unterminatedQuote 2,\"b,y", "3 3|,|z", "4 4|c|w"]),
  Case(
    name: "closed by the second defect", file: "1,\"a,x\n2,b,y\n3,c\"\n4,d,w\n",
    expected: ["1 !unterminatedQuote 1,\"a,x", "2 2|b|y", "3 !strayQuote 3,c\"", "4 4|d|w"]),
  Case(
    name: "a text of several lines with a field missing stays whole", file: "1,\"a\nb\"\n2,c,d\n",
    expected: ["1 1|a\nb", "3 2|c|d"]),
  Case(
    name: "a text of several lines with a field too many stays whole", file: "1,\"a\nb\",c,d\n2,c,d\n",
    expected: ["1 1|a\nb|c|d", "3 2|c|d"]),
  Case(
    name: "one column", file: "\"a\nb\"\n\"c\",\"d\ne\"\n", expected: ["1 a\nb", "3 c|d\ne"], fields: 1),
  Case(
    name: "carriage returns", file: "1,\"a,x\r2,\",\",y\r\n3,b,z\r",
    expected: ["1 !unterminatedQuote 1,\"a,x", "2 2|,|y", "3 3|b|z"]),
  Case(
    name: "the good row is the last, without a line end", file: "1,\"a,x\n2,\",\",y",
    expected: ["1 !unterminatedQuote 1,\"a,x", "2 2|,|y"]),
  Case(
    name: "as many fields as expected but more lines than allowed", file: "1,\"a\nb\nc\",x\n2,d,y\n",
    expected: ["1 !unterminatedQuote 1,\"a", "2 b", "3 !strayQuote c\",x", "4 2|d|y"], maxRecordLines: 2),
  Case(
    name: "as many fields as expected but more bytes than allowed", file: "1,\"aaaaa\nb\",x\n2,d,y\n",
    expected: ["1 !unterminatedQuote 1,\"aaaaa", "2 !strayQuote b\",x", "3 2|d|y"], maxRecordBytes: 11),
  Case(
    name: "a row that is too long is no row to resume at", file: "1,\"a,x\n2,\"\nbbbbbbbb\",y\n3,c,z\n",
    expected: ["1 1|a,x\n2,", "3 !strayQuote bbbbbbbb\",y", "4 3|c|z"], maxRecordBytes: 12),
]

struct UnclosedQuoteTests {
  @Test(arguments: cases)
  private func everyCaseGivesItsRecordsAtEveryChunkSize(_ item: Case) throws {
    let dialect = try CSVDialect(maxRecordBytes: item.maxRecordBytes, maxRecordLines: item.maxRecordLines)
    let bytes = Array(item.file.utf8)
    #expect(shown(referenceParse(bytes, dialect: dialect, expectedFieldCount: item.fields)) == item.expected)
    for chunkBytes in 1...bytes.count {
      let seen = try records(bytes, dialect: dialect, Reading(expectedFieldCount: item.fields, chunkBytes: chunkBytes))
      #expect(shown(seen) == item.expected, "chunks of \(chunkBytes) bytes")
    }
  }

  @Test func withoutAnExpectedNumberAClosedQuoteIsClosed() throws {
    let seen = try records(Array("1,\"a,x\n2,\"\nb\",y\n".utf8))
    #expect(shown(seen) == ["1 1|a,x\n2,", "3 !strayQuote b\",y"])
  }

  /// Good rows of three fields, some of several lines, with open quotes planted between them.
  @Test(arguments: 0..<150 as Range<UInt64>)
  func noGoodRowIsLostToAnOpenQuote(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let values = [
      "a", "\"b\"", "\",\"", "\"c,d\"", "", "\"x\"\"y\"", "\"\"", "\"\"\"\"", "\"\nm\"", "\"n\n\"",
    ]
    let ends = ["\n", "\r\n", "\r"]
    var (file, good, planted) = ("id,one,two\n", ["id"], Set<String>())
    for row in 1..<Int.random(in: 2..<12, using: &random) {
      let end = ends.randomElement(using: &random, orElse: "\n")
      if Int.random(in: 0..<4, using: &random) == 0 {
        file += "\(row),\"open,x" + end
        planted.insert("\(row)")
        continue
      }
      let one = values.randomElement(using: &random, orElse: "")
      file += "\(row),\(one),\(values.randomElement(using: &random, orElse: ""))" + end
      good.append("\(row)")
    }
    let seen = try records(Array(file.utf8), Reading(expectedFieldCount: 3))
    let rows = seen.filter { $0.defect == nil && $0.fields.count == 3 }.map { text($0.fields[0].bytes) }
    // An open quote may join rows into three fields exactly: the one thing that cannot be told. It is rare.
    if planted.isDisjoint(with: rows) {
      #expect(rows == good, "\(file.debugDescription)")
      #expect(seen.count { $0.defect == .unterminatedQuote } == planted.count)
      #expect(seen.count == good.count + planted.count)
    }
  }

  @Test(arguments: 0..<120 as Range<UInt64>)
  func everyCutGivesTheRecordsOfTheReference(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let pieces = [
      "a", ",", ",", "\"", "\"", "\"\"", "\n", "\n", "\r\n", "\r", ",\"", "\",", "\n\"", "\"\n", "1,2\n", "\",\"",
      "3,\",\"\n", "4,\"x\ny\"\n",
    ]
    var bytes: [UInt8] = []
    for _ in 0..<Int.random(in: 0..<40, using: &random) {
      bytes += Array(pieces.randomElement(using: &random, orElse: "a").utf8)
    }
    let dialects = [
      CSVDialect.standard,
      try CSVDialect(
        maxRecordBytes: Int.random(in: 1..<40, using: &random), maxRecordLines: Int.random(in: 1..<5, using: &random)),
    ]
    for dialect in dialects {
      for expected in [1, 2, 3] {
        let reference = referenceParse(bytes, dialect: dialect, expectedFieldCount: expected)
        for chunkBytes in Array(1..<max(2, bytes.count + 2)) {
          let cut = try records(bytes, dialect: dialect, Reading(expectedFieldCount: expected, chunkBytes: chunkBytes))
          guard cut != reference else { continue }
          Issue.record(
            "\(expected) fields, chunks of \(chunkBytes) over \(text(bytes).debugDescription): \(cut), expected \(reference)"
          )
          return
        }
      }
    }
  }

  @Test func lookingAgainCostsInProportionToTheFile() throws {
    // Each quote is closed by the next line, which opens the next: a cost that grew with the square would take hours.
    let dialect = try CSVDialect(maxRecordBytes: 1 << 20, maxRecordLines: 100_000)
    let filler = String(repeating: "x\n", count: 40_000)
    let file = Array(String(repeating: "1,\"\n\(filler)2,\"\n", count: 12).utf8)
    let seen = try records(file, dialect: dialect, Reading(expectedFieldCount: 3))
    #expect(seen.count { $0.defect != nil } <= 24)
    let balanced = Array(("1,\"\n" + String(repeating: ",\"\",\"\"\n", count: 60_000) + "\"\n").utf8)
    let found = try records(balanced, dialect: dialect, Reading(expectedFieldCount: 3))
    #expect(found.count { $0.fields.count == 3 } == 60_000)
  }

  private func shown(_ records: [SeenRecord]) -> [String] {
    records.map { record in
      if let defect = record.defect { return "\(record.line) !\(defect) \(text(record.raw))" }
      return "\(record.line) " + record.fields.map { text($0.bytes) }.joined(separator: "|")
    }
  }
}
