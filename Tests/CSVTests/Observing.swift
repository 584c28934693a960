// Runs the room under test and keeps what it said, and makes the random bytes of the property tests.

import CSV

/// Everything the room says about `bytes`, read in chunks of about `chunkBytes`.
func records(
  _ bytes: [UInt8], dialect: CSVDialect = .standard, chunkBytes: Int = ChunkReader.defaultChunkBytes
) throws -> [SeenRecord] {
  try records(FileByteSource(contents: bytes), dialect: dialect, chunkBytes: chunkBytes)
}

func records(
  _ source: consuming FileByteSource, dialect: CSVDialect = .standard,
  chunkBytes: Int = ChunkReader.defaultChunkBytes
) throws -> [SeenRecord] {
  var reader = ChunkReader(source: source, dialect: dialect, chunkBytes: chunkBytes)
  var parser = RecordParser(dialect: dialect)
  var seen: [SeenRecord] = []
  while let chunk = try reader.next() {
    parser.parse(chunk) { record in
      seen.append(
        SeenRecord(
          line: record.line, record: record.record, byteOffset: record.byteOffset, raw: Array(record.rawBytes),
          defect: record.defect,
          fields: (0..<record.fieldCount).map {
            SeenField(bytes: Array(record[$0].bytes), isQuoted: record[$0].isQuoted)
          }))
    }
  }
  return seen
}

/// A small generator with a known seed, so that a failure can be run again.
/// Source: G. L. Steele et al., "Fast splittable pseudorandom number generators", 2014 (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
