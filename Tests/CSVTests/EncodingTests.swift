// Files in every encoding: the same records as from UTF-8, at the places where they stand in the file, and nothing that
// the encoding does not allow is ever replaced.

import CSV
import TestSupport
import Testing

struct EncodingTests {
  private static let others = CharacterEncoding.allCases.filter { $0 != .utf8 }
  private static let sample = "id,näme\r\n1,\"a \"\"b\"\"\nc\"\r2,é\u{A0}ÿ\n\n3,\n"

  @Test func encodingsAreNamedAsDefinitionsNameThem() {
    #expect(
      CharacterEncoding.allCases.map(\.rawValue) == ["utf-8", "utf-16le", "utf-16be", "windows-1252", "latin-1"])
  }

  @Test(arguments: CharacterEncoding.allCases, Compression.allCases)
  func everyEncodingGivesTheSameFields(_ encoding: CharacterEncoding, _ compression: Compression) throws {
    let file = encoded(Self.sample, encoding)
    let seen = try records(compression.pack(file), Reading(encoding: encoding, chunkBytes: 5))
    #expect(seen == ReferenceText.records(file, encoding: encoding))
    #expect(seen.map(\.fields) == referenceParse(Array(Self.sample.utf8)).map(\.fields))
    #expect(seen.map(\.line) == [1, 2, 4, 6])
  }

  @Test(arguments: others)
  func membersOfACompressedFileMayEndInsideACharacter(_ encoding: CharacterEncoding) throws {
    let file = encoded("a,😀\n1,€é\n", encoding)
    for compression in [Compression.gzip, .zstandard] {
      for cut in 0...file.count {
        let packed = try compression.pack(Array(file[..<cut])) + compression.pack(Array(file[cut...]))
        let seen = try records(packed, Reading(encoding: encoding))
        #expect(seen == ReferenceText.records(file, encoding: encoding))
      }
    }
  }

  @Test(arguments: others)
  func aCompressedFileCutShortOrDamagedIsAnErrorInEveryEncoding(_ encoding: CharacterEncoding) throws {
    let file = encoded(String(repeating: "1,naïve \"\"\n", count: 3_000), encoding)
    for compression in [Compression.gzip, .zstandard] {
      var packed = try compression.pack(file)
      let reading = Reading(encoding: encoding, chunkBytes: 1_000)
      #expect(failure(Array(packed.dropLast(3)), reading)?.kind == .truncated)
      packed[packed.count / 2] ^= 0x5A
      packed[packed.count / 2 + 1] ^= 0x5A
      #expect(failure(packed, reading)?.kind == .corrupt)
    }
  }

  @Test func aByteOrderMarkIsSkippedAndCounted() throws {
    let text = "\u{FEFF}\"a\",b\n1,2\n"
    for (encoding, places) in [
      (CharacterEncoding.utf8, [3, 9]), (.utf16LittleEndian, [2, 14]), (.utf16BigEndian, [2, 14]),
    ] {
      for chunkBytes in 1...30 {
        let seen = try records(encoded(text, encoding), Reading(encoding: encoding, chunkBytes: chunkBytes))
        #expect(seen.map(\.byteOffset) == places)
        #expect(seen.first?.fields.first == SeenField(bytes: [0x61], isQuoted: true))
      }
    }
  }

  private struct Mark: Sendable {
    var start: [UInt8]
    var name: String
    var declared: [CharacterEncoding]
  }

  @Test func theMarkOfAnotherEncodingRefusesTheFile() {
    let marks = [
      Mark(start: [0xFF, 0xFE], name: "utf-16le", declared: [.utf8, .utf16BigEndian, .windows1252, .latin1]),
      Mark(start: [0xFE, 0xFF], name: "utf-16be", declared: [.utf8, .utf16LittleEndian, .windows1252, .latin1]),
      Mark(
        start: [0xEF, 0xBB, 0xBF], name: "utf-8",
        declared: [.utf16LittleEndian, .utf16BigEndian, .windows1252, .latin1]),
      Mark(start: [0xFF, 0xFE, 0, 0], name: "utf-32le", declared: [.utf8, .utf16BigEndian]),
    ]
    for mark in marks {
      for declared in mark.declared {
        for rest in [[], Array("ab,c\n1,2\n".utf8)] {
          for chunkBytes in [1, 3, 1_000] {
            let error = failure(mark.start + rest, Reading(encoding: declared, chunkBytes: chunkBytes))
            #expect(error?.kind == .encoding)
            #expect(
              error?.message.hasPrefix(
                "the file is declared \(declared.rawValue) but begins with the byte-order mark of \(mark.name) (")
                == true)
            #expect(error?.fix?.isEmpty == false)
          }
        }
      }
    }
    let error = failure([0xFF, 0xFE, 0x61, 0], Reading())
    #expect(
      error?.description
        == "the file is declared utf-8 but begins with the byte-order mark of utf-16le (FF FE)")
    #expect(error?.fix == "set format.encoding: utf-16le, or have the file delivered as utf-8")
  }

  @Test func aReaderThatRefusedAFileGoesOnRefusing() throws {
    var reader = ChunkReader(
      source: try FileByteSource(contents: [0xFE, 0xFF, 0, 0x61]), dialect: .standard, encoding: .utf16LittleEndian)
    for _ in 0..<3 {
      var kind: CSVError.Kind?
      do throws(CSVError) { _ = try reader.next() } catch { kind = error.kind }
      #expect(kind == .encoding)
    }
  }

  @Test func everyByteOfWindows1252MeansItsCharacterOrNothing() throws {
    let undefined: Set<UInt8> = [0x81, 0x8D, 0x8F, 0x90, 0x9D]
    for byte in UInt8(0x80)...0xFF {
      let file: [UInt8] = [0x61, byte, 0x2C, 0x62, 0x0A, 0x63, 0x2C, 0x64]
      let seen = try records(file, Reading(encoding: .windows1252))
      #expect(seen == ReferenceText.records(file, encoding: .windows1252))
      #expect(seen[0].raw == [0x61, byte, 0x2C, 0x62])
      let isValid = String(validating: seen[0].fields[0].bytes, as: UTF8.self) != nil
      #expect(isValid == !undefined.contains(byte))
      #expect(seen[1].fields.map { text($0.bytes) } == ["c", "d"])
    }
    let euro = try records([0x80, 0x8C, 0x9F], Reading(encoding: .windows1252))
    #expect(text(euro[0].fields[0].bytes) == "€ŒŸ")
    let latin = try records([0x80, 0xE9], Reading(encoding: .latin1))
    #expect(text(latin[0].fields[0].bytes) == "\u{80}é")
  }

  @Test func loneSurrogatesAndHalfUnitsSpoilTheirRecordAlone() throws {
    // good, high alone, low alone, high before a line end, good, half a unit
    let units: [UInt16] = [
      0x61, 0x0A, 0xD83D, 0x78, 0x0A, 0xDE00, 0x0A, 0x79, 0xD83D, 0x0A, 0xD83D, 0xDE00, 0x0A, 0x7A,
    ]
    var file: [UInt8] = []
    for unit in units { file += [UInt8(unit & 0xFF), UInt8(unit >> 8)] }
    file.append(0x0A)
    for chunkBytes in 1...file.count {
      let seen = try records(file, Reading(encoding: .utf16LittleEndian, chunkBytes: chunkBytes))
      #expect(seen == ReferenceText.records(file, encoding: .utf16LittleEndian))
      let valid = seen.map { String(validating: $0.fields[0].bytes, as: UTF8.self) }
      #expect(valid == ["a", nil, nil, nil, "😀", nil])
      #expect(seen.map(\.byteOffset) == [0, 4, 10, 14, 20, 26])
      #expect(seen.last?.raw == [0x7A, 0, 0x0A])
    }
  }

  @Test func lineEndsAndQuotesAreCharactersNotBytes() throws {
    // U+0A0D, U+2C22 and U+220A hold the bytes of line ends, commas and quotes.
    let text = "\u{0A0D},\u{2C22}\n\u{220A},x\n"
    for encoding in [CharacterEncoding.utf16LittleEndian, .utf16BigEndian] {
      let seen = try records(encoded(text, encoding), Reading(encoding: encoding))
      #expect(seen.map { $0.fields.count } == [2, 2])
      #expect(seen.map(\.byteOffset) == [0, 8])
    }
  }

  @Test func theLimitOfARecordCountsTranscodedBytesAndKeepsWholeCharacters() throws {
    let dialect = try CSVDialect(maxRecordBytes: 4)
    // Each é is two bytes of text: three do not fit, nor does a euro sign behind two letters and one é.
    let seen = try records(
      [0xE9, 0xE9, 0xE9, 0x0A, 0x61, 0xE9, 0x80, 0x0A, 0xE9, 0xE9], dialect: dialect, Reading(encoding: .windows1252))
    #expect(seen.map(\.defect) == [.tooLong, .tooLong, nil])
    #expect(seen.map(\.raw) == [[0xE9, 0xE9], [0x61, 0xE9], [0xE9, 0xE9]])
    #expect(seen.map(\.byteOffset) == [0, 4, 8])
  }

  @Test func aDelimiterThatIsNoASCIINeedsUTF8() throws {
    let dialect = try CSVDialect(delimiter: 0xA7)
    #expect(failure([0x61], dialect: dialect, Reading(encoding: .latin1))?.kind == .dialect)
    #expect(failure([0x61, 0xA7], dialect: dialect, Reading())?.kind == nil)
  }

  /// Files of random text in an encoding, some with what the encoding does not allow.
  private func randomFile(_ random: inout SeededRandom, _ encoding: CharacterEncoding) -> [UInt8] {
    let pieces = [
      "a", "bc", ",", ",", "\"", "\"\"", "\n", "\r\n", "\r", ",\"", "\",", " ", "é", "€", "ÿ", "😀", "\0", "\u{FEFF}",
      "\u{0A0D}", "\u{FFFD}", "1,\"two\nlines\"\n",
    ]
    var file = Bool.random(using: &random) ? [] : encoded("\u{FEFF}", encoding)
    for _ in 0..<Int.random(in: 0..<40, using: &random) {
      file += encoded(pieces.randomElement(using: &random, orElse: "a"), encoding)
      if Int.random(in: 0..<12, using: &random) == 0 {
        let unit = [[0x81], [0x3D, 0xD8], [0xDE, 0x00], [0x00, 0xDE], [0xD8, 0x3D], [0x9D, 0x8D]] as [[UInt8]]
        file += unit.randomElement(using: &random, orElse: [])
      }
    }
    return file
  }

  @Test(arguments: 0..<60 as Range<UInt64>, others)
  func everyCutGivesTheRecordsOfTheReference(seed: UInt64, encoding: CharacterEncoding) throws {
    var random = SeededRandom(seed: seed &* 31 &+ UInt64(encoding.rawValue.utf8.count))
    var file = randomFile(&random, encoding)
    // What looks like another encoding's mark is refused, which is another test's matter.
    while failure(file, Reading(encoding: encoding)) != nil { file.removeFirst() }
    let dialects = [
      CSVDialect.standard, try CSVDialect(maxRecordBytes: Int.random(in: 1..<24, using: &random), maxRecordLines: 2),
      try CSVDialect(quote: nil),
    ]
    for dialect in dialects {
      for expected in [nil, 2] {
        let reference = ReferenceText.records(
          file, encoding: encoding, dialect: dialect, expectedFieldCount: expected)
        for chunkBytes in Array(1..<max(2, file.count + 2)) + [ChunkReader.defaultChunkBytes] {
          let reading = Reading(encoding: encoding, expectedFieldCount: expected, chunkBytes: chunkBytes)
          let cut = try records(file, dialect: dialect, reading)
          guard cut != reference else { continue }
          Issue.record("\(encoding), chunks of \(chunkBytes) bytes over \(file): \(cut), expected \(reference)")
          return
        }
      }
    }
  }

  @Test(arguments: others)
  func chunksTileAFileOfAnyEncoding(_ encoding: CharacterEncoding) throws {
    let file = encoded((0..<5_000).map { "\($0),é€😀 \"\n" }.joined(), encoding)
    var reader = ChunkReader(
      source: try FileByteSource(contents: file), dialect: .standard, encoding: encoding, chunkBytes: 1_000)
    var (offset, count) = (0, 0)
    var parser = RecordParser(dialect: .standard)
    while let chunk = try reader.next() {
      #expect(chunk.byteOffset == offset)
      #expect(
        chunk.bytes.withUnsafeBytes { encoding.originalBytes(of: $0) } == Array(file[offset..<chunk.endByteOffset]))
      parser.parse(chunk) { record in
        #expect(record.rawBytes.count >= record.originalBytes().count / 2)
        count += 1
      }
      offset = chunk.endByteOffset
    }
    #expect(offset == file.count)
    #expect(count == 5_000)
  }
}
