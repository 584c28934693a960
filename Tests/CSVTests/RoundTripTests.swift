// What was written is read back, whole or cut off, by one task or by several.

import CSV
import TestSupport
import Testing

struct RoundTripTests {
  /// Records of random fields, at least one each; any scalar up to `highest`, with a liking for punctuation.
  private func randomTexts(_ random: inout SeededRandom, highest: UInt32) -> [[String]] {
    (0..<Int.random(in: 1..<12, using: &random)).map { _ in
      (0..<Int.random(in: 1..<6, using: &random)).map { _ in
        var field = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0..<6, using: &random) {
          let any = Unicode.Scalar(UInt32.random(in: 0...highest, using: &random)) ?? "x"
          field.append(
            Bool.random(using: &random) ? any : "\",\n\r a".unicodeScalars.randomElement(using: &random, orElse: "a"))
        }
        return String(field)
      }
    }
  }

  private func written(_ texts: [[String]], lineEnd: CSVWriter.LineEnd) throws -> String {
    var writer = CSVWriter(lineEnd: lineEnd)
    for record in texts { try writer.record(record) }
    return text(writer.takeBytes())
  }

  @Test(arguments: 0..<100 as Range<UInt64>)
  func anyBytesReadBack(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var writer = CSVWriter(lineEnd: Bool.random(using: &random) ? .lf : .crlf)
    var expected: [[[UInt8]]] = []
    for _ in 0..<Int.random(in: 1..<30, using: &random) {
      let record = (0..<Int.random(in: 1..<5, using: &random)).map { _ in
        (0..<Int.random(in: 0..<40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      }
      for field in record {
        var failure: CSVError?
        field.withUnsafeBytes { bytes in
          do throws(CSVError) { try writer.field(bytes: bytes) } catch { failure = error }
        }
        #expect(failure == nil)
      }
      try writer.endRecord()
      expected.append(record)
    }
    let file = writer.takeBytes()
    for chunkBytes in [1, 17, 1 << 20] {
      let seen = try records(file, chunkBytes: chunkBytes)
      #expect(seen.map { $0.fields.map(\.bytes) } == expected)
    }
  }

  @Test(arguments: 0..<40 as Range<UInt64>, CharacterEncoding.allCases)
  func anyTextReadsBackInItsEncoding(seed: UInt64, encoding: CharacterEncoding) throws {
    var random = SeededRandom(seed: seed)
    let highest: UInt32 = encoding == .latin1 ? 0xFF : encoding == .windows1252 ? 0x7F : 0x10_FFFF
    let texts = randomTexts(&random, highest: highest)
    let file = encoded(try written(texts, lineEnd: .crlf), encoding)
    guard failure(file, Reading(encoding: encoding)) == nil else { return }
    let seen = try records(file, Reading(encoding: encoding, chunkBytes: 64))
    #expect(seen.map { $0.fields.map { text($0.bytes) } } == texts)
  }

  @Test(arguments: CharacterEncoding.allCases)
  func aFileCutOffAnywhereGivesWholeRecordsAndAtMostOneBrokenPlace(_ encoding: CharacterEncoding) throws {
    let content = "id,näme,note\r\n1,\"a \"\"b\"\"\",x\n2,\"two\nlines\r\n\",é\r3,,\"\"\r\n4,\",\",ÿ\n"
    let file = encoded(content, encoding)
    let lineEndBytes = encoded("\n", encoding).count
    let whole = try records(file, Reading(encoding: encoding, expectedFieldCount: 3))
    for count in 0...file.count {
      for chunkBytes in [1, 7, 1 << 20] {
        let cut = Array(file[..<count])
        let reading = Reading(encoding: encoding, expectedFieldCount: 3, chunkBytes: chunkBytes)
        let seen = try records(cut, reading)
        #expect(seen == ReferenceText.records(cut, encoding: encoding, expectedFieldCount: 3))
        let intact = zip(seen, whole).prefix { $0 == $1 }.count
        // Behind the last intact record stands at most what one record left behind, line by line.
        #expect(seen.count - intact <= 3)
        #expect(intact >= whole.count { $0.byteOffset + $0.raw.count + lineEndBytes <= count })
      }
    }
  }

  @Test(arguments: CharacterEncoding.allCases)
  func severalTasksSeeWhatOnePassSees(_ encoding: CharacterEncoding) async throws {
    let rows = (0..<3_000).map { row in
      switch row % 7 {
      case 0: "\(row),\"two\nlines é\",x\r\n"
      case 1: "\(row),\"open,x\n"
      case 2: "\(row),\"\nm\",y\r"
      case 3: "\(row),sh\"ort\n"
      default: "\(row),\"ü \"\"q\"\"\",z\n"
      }
    }
    let file = encoded("id,one,two\n" + rows.joined(), encoding)
    let expected = ReferenceText.records(file, encoding: encoding, expectedFieldCount: 3)
    #expect(try records(file, Reading(encoding: encoding, expectedFieldCount: 3)) == expected)

    var reader = ChunkReader(
      source: try FileByteSource(contents: file), dialect: .standard, encoding: encoding, expectedFieldCount: 3,
      chunkBytes: 2_000)
    var chunks: [RecordChunk] = []
    while let chunk = try reader.next() { chunks.append(chunk) }
    let workers = 4
    let parts = await withTaskGroup(of: [Int: [SeenRecord]].self) { group in
      for worker in 0..<workers {
        group.addTask { [chunks] in
          // One parser for many chunks, which come out of order.
          var parser = RecordParser(dialect: .standard)
          var seen: [Int: [SeenRecord]] = [:]
          for number in stride(from: worker, to: chunks.count, by: workers).reversed() {
            seen[number] = records(chunks[number], with: &parser)
          }
          return seen
        }
      }
      return await group.reduce(into: [:]) { $0.merge($1) { first, _ in first } }
    }
    #expect(chunks.count > 20)
    #expect((0..<chunks.count).flatMap { parts[$0] ?? [] } == expected)
  }
}
