// Whatever the bytes and wherever they are cut, the records are those of one pass and of the reference parser.

import CSV
import TestSupport
import Testing

struct ChunkPropertyTests {
  /// Files of random pieces that matter to a CSV parser, mostly well-formed or mostly not.
  private func randomFile(_ random: inout SeededRandom, isHostile: Bool) -> [UInt8] {
    var bytes: [UInt8] = Bool.random(using: &random) ? [] : [0xEF, 0xBB, 0xBF]
    let ends = ["\n", "\r\n", "\r"]
    if isHostile {
      let pieces = ["a", ",", "\"", "\"\"", "\n", "\r", "\r\n", " ", "bc", ",\"", "\",", "\0", "é"]
      for _ in 0..<Int.random(in: 0..<60, using: &random) {
        bytes += Array(pieces.randomElement(using: &random, orElse: "a").utf8)
      }
      return bytes
    }
    let values = ["", "a", "x y", " z ", "1,5", "q\"q", "two\nlines", "cr\rlf\r\n", "\"", "ünï"]
    for _ in 0..<Int.random(in: 0..<8, using: &random) {
      for column in 0..<Int.random(in: 1..<5, using: &random) {
        if column > 0 { bytes.append(0x2C) }
        let value = values.randomElement(using: &random, orElse: "")
        let isQuoted = value.contains { ",\"\n\r\r\n".contains($0) } || Bool.random(using: &random)
        bytes += isQuoted ? Array("\"\(value.replacing("\"", with: "\"\""))\"".utf8) : Array(value.utf8)
      }
      bytes += Array(ends.randomElement(using: &random, orElse: "\n").utf8)
      if Int.random(in: 0..<10, using: &random) == 0 { bytes += Array("9,\"open\n".utf8) }
    }
    if Bool.random(using: &random) { bytes += Array("last,\"one\"".utf8) }
    return bytes
  }

  @Test(arguments: 0..<120 as Range<UInt64>, [true, false])
  func everyCutGivesTheRecordsOfTheReferenceParser(seed: UInt64, isHostile: Bool) throws {
    var random = SeededRandom(seed: seed &* 2 &+ (isHostile ? 1 : 0))
    let bytes = randomFile(&random, isHostile: isHostile)
    let dialects = [
      CSVDialect.standard,
      try CSVDialect(maxRecordBytes: Int.random(in: 1..<24, using: &random), maxRecordLines: 2),
      try CSVDialect(quote: nil, maxRecordBytes: 12),
      try CSVDialect(delimiter: 0x20),
    ]
    for dialect in dialects {
      let expected = referenceParse(bytes, dialect: dialect)
      let inOnePass = try records(bytes, dialect: dialect)
      #expect(inOnePass == expected, "one pass over \(text(bytes).debugDescription)")
      for chunkBytes in 1..<max(2, bytes.count + 2) {
        let cut = try records(bytes, dialect: dialect, chunkBytes: chunkBytes)
        guard cut != expected else { continue }
        Issue.record("chunks of \(chunkBytes) bytes over \(text(bytes).debugDescription): \(cut)")
        return
      }
    }
  }

  @Test func chunksTileTheFileAndKnowWhereTheyStand() throws {
    var file: [UInt8] = []
    for row in 0..<5_000 { file += Array("\(row),\"line\none \(row)\"\n".utf8) }
    var reader = ChunkReader(source: try FileByteSource(contents: file), dialect: .standard, chunkBytes: 1_000)
    var (offset, line, record) = (0, 1, 1)
    while let chunk = try reader.next() {
      #expect(chunk.byteOffset == offset)
      #expect(chunk.firstLine == line)
      #expect(chunk.firstRecord == record)
      #expect(chunk.bytes == Array(file[offset..<(offset + chunk.bytes.count)]))
      #expect(chunk.bytes.count < 1_000 + 64)
      offset += chunk.bytes.count
      line += 2 * chunk.recordCount
      record += chunk.recordCount
    }
    #expect(offset == file.count)
    #expect(record == 5_001)
  }

  @Test func anEndlessLineNeedsNoMoreMemoryThanALongRecord() throws {
    let dialect = try CSVDialect(maxRecordBytes: 1_000)
    var file = [UInt8](repeating: 0x61, count: 300_000)
    file += Array("\nnext,1\n".utf8)
    var reader = ChunkReader(source: try FileByteSource(contents: file), dialect: dialect, chunkBytes: 500)
    var chunks = 0
    while let chunk = try reader.next() {
      #expect(chunk.bytes.count <= 2_000)
      chunks += 1
    }
    #expect(chunks == 2)
    let seen = try records(file, dialect: dialect, chunkBytes: 500)
    #expect(seen.map(\.defect) == [.tooLong, nil])
    #expect(seen.map(\.byteOffset) == [0, 300_001])
    #expect(seen[0].raw.count == 1_000)
  }

  @Test func aChunkOfTinyRecordsIsCutByItsRecordCount() throws {
    let file = [UInt8](repeating: 0x0A, count: 100) + Array(repeatElement(Array("1\n".utf8), count: 10_000).joined())
    var reader = ChunkReader(source: try FileByteSource(contents: file), dialect: .standard, chunkBytes: 1_600)
    var count = 0
    while let chunk = try reader.next() {
      #expect(chunk.recordCount <= 100)
      #expect(chunk.firstRecord == count + 1)
      #expect(chunk.firstLine == (count == 0 ? 1 : 101 + count))
      count += chunk.recordCount
    }
    #expect(count == 10_000)
  }

  @Test func chunksMayBeParsedOnOtherTasksAfterTheReaderIsGone() async throws {
    let file = Array((0..<2_000).map { "\($0),\"a\"\"b\"\n" }.joined().utf8)
    var chunks: [RecordChunk] = []
    do {
      var reader = ChunkReader(source: try FileByteSource(contents: file), dialect: .standard, chunkBytes: 700)
      while let chunk = try reader.next() { chunks.append(chunk) }
    }
    let counted = await withTaskGroup(of: Int.self) { group in
      for chunk in chunks {
        group.addTask {
          var parser = RecordParser(dialect: .standard)
          var good = 0
          parser.parse(chunk) { if $0.fieldCount == 2, Array($0[1].bytes) == Array("a\"b".utf8) { good += 1 } }
          return good
        }
      }
      return await group.reduce(0, +)
    }
    #expect(counted == 2_000)
  }

  @Test func anErrorOfTheClosureStopsTheChunkAndTheParserGoesOn() throws {
    struct Stop: Error {}
    var reader = ChunkReader(source: try FileByteSource(contents: Array("1\n2\n3\n".utf8)), dialect: .standard)
    let chunk = try #require(try reader.next())
    var parser = RecordParser(dialect: .standard)
    var seen = 0
    #expect(throws: Stop.self) {
      try parser.parse(chunk) { (record) throws(Stop) in
        seen += 1
        if record.record == 2 { throw Stop() }
      }
    }
    #expect(seen == 2)
    parser.parse(chunk) { _ in seen += 1 }
    #expect(seen == 5)
  }

  @Test func aRecordOfManyAndLargeFieldsGrowsTheBuffers() throws {
    let large = String(repeating: "x\"\"", count: 20_000)
    let file = Array(
      (Array(repeating: "\"\(large)\"", count: 3) + Array(repeating: "f", count: 500)).joined(separator: ",").utf8)
    let seen = try records(file, chunkBytes: 4_096)
    #expect(seen == referenceParse(file))
    #expect(seen.first?.fields.count == 503)
  }
}

extension Collection {
  func randomElement(using random: inout SeededRandom, orElse fallback: Element) -> Element {
    randomElement(using: &random) ?? fallback
  }
}
