// The bytes of one record taken apart again, outside of the hot loop: for rejects, whose bytes the ledger keeps.

internal import CSV
internal import Definitions

/// The fields of one record.
struct RecordFields {
  struct Field {
    /// As the reader makes them: UTF-8 whatever the file is encoded in.
    var bytes: [UInt8]
    var isQuoted: Bool
  }

  var fields: [Field]

  /// Nil for bytes that are not one whole record of a file in that format.
  init?(_ raw: [UInt8], format: FeedFormat) {
    guard let dialect = try? FileDialect(format) else { return nil }
    self.init(raw, dialect: dialect)
  }

  /// Nil for bytes that are not one whole record of a file read so.
  init?(_ raw: [UInt8], dialect: FileDialect) {
    guard var reader = try? dialect.reader(ofContents: raw, chunkBytes: max(64, 2 * raw.count + 1)) else { return nil }
    var parser = RecordParser(dialect: dialect.csv)
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
