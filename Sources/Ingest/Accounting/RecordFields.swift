// The bytes of one record taken apart again, outside of the hot loop: for rejects, whose bytes the ledger keeps.

internal import CSV

/// The fields of one record.
struct RecordFields {
  struct Field {
    var bytes: [UInt8]
    var isQuoted: Bool
  }

  var fields: [Field]

  /// Nil for bytes that are not one whole record.
  init?(_ raw: [UInt8], dialect: CSVDialect) {
    guard let source = try? FileByteSource(contents: raw) else { return nil }
    var reader = ChunkReader(source: source, dialect: dialect, chunkBytes: max(64, raw.count + 1))
    var parser = RecordParser(dialect: dialect)
    var fields: [Field] = []
    var records = 0
    var isWhole = true
    while let chunk = try? reader.next() {
      parser.parse(chunk) { record in
        records += 1
        guard record.defect == nil, records == 1 else {
          isWhole = false
          return
        }
        for index in 0..<record.fieldCount {
          fields.append(Field(bytes: Array(record[index].bytes), isQuoted: record[index].isQuoted))
        }
      }
    }
    guard isWhole, records == 1 else { return nil }
    self.fields = fields
  }
}
