// Runs the room under test and keeps what it said, raw bytes as they stand in the file, and makes the random bytes of
// the property tests.

import CSV

/// How a file is read, besides its dialect.
struct Reading: Sendable {
  var encoding = CharacterEncoding.utf8
  var expectedFieldCount: Int?
  var chunkBytes = ChunkReader.defaultChunkBytes
}

/// Everything the room says about `bytes`, read in chunks of about `chunkBytes`.
func records(
  _ bytes: [UInt8], dialect: CSVDialect = .standard, chunkBytes: Int = ChunkReader.defaultChunkBytes
) throws -> [SeenRecord] {
  try records(FileByteSource(contents: bytes), dialect: dialect, Reading(chunkBytes: chunkBytes))
}

func records(_ bytes: [UInt8], dialect: CSVDialect = .standard, _ reading: Reading) throws -> [SeenRecord] {
  try records(FileByteSource(contents: bytes), dialect: dialect, reading)
}

func records(
  _ source: consuming FileByteSource, dialect: CSVDialect = .standard, _ reading: Reading = Reading()
) throws -> [SeenRecord] {
  var reader = ChunkReader(
    source: source, dialect: dialect, encoding: reading.encoding, expectedFieldCount: reading.expectedFieldCount,
    chunkBytes: reading.chunkBytes)
  var parser = RecordParser(dialect: dialect)
  var seen: [SeenRecord] = []
  while let chunk = try reader.next() { seen += records(chunk, with: &parser) }
  return seen
}

/// Everything a parser says about one chunk.
func records(_ chunk: RecordChunk, with parser: inout RecordParser) -> [SeenRecord] {
  var seen: [SeenRecord] = []
  parser.parse(chunk) { record in
    seen.append(
      SeenRecord(
        line: record.line, record: record.record, byteOffset: record.byteOffset, raw: record.originalBytes(),
        defect: record.defect,
        fields: (0..<record.fieldCount).map {
          SeenField(bytes: Array(record[$0].bytes), isQuoted: record[$0].isQuoted)
        }))
  }
  return seen
}

/// What stops the reading of `bytes`.
func failure(
  _ bytes: [UInt8], dialect: CSVDialect = .standard, _ reading: Reading = Reading(),
  maxFileBytes: Int = FileByteSource.defaultMaxFileBytes
) -> CSVError? {
  do {
    _ = try records(FileByteSource(contents: bytes, maxFileBytes: maxFileBytes), dialect: dialect, reading)
    return nil
  } catch {
    return error as? CSVError
  }
}
