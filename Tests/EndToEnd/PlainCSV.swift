// A CSV reader of a few lines, for figures that a test computes by other means than the program.

/// The records of a well-formed CSV text, the header first.
func plainCSV(_ bytes: [UInt8]) -> [[String]] {
  var records: [[String]] = []
  var record: [String] = []
  var field: [UInt8] = []
  var isQuoted = false
  var index = 0
  func text() -> String { String(decoding: field, as: UTF8.self) }
  while index < bytes.count {
    let byte = bytes[index]
    index += 1
    if isQuoted {
      if byte != 0x22 {
        field.append(byte)
      } else if index < bytes.count, bytes[index] == 0x22 {
        field.append(0x22)
        index += 1
      } else {
        isQuoted = false
      }
    } else if byte == 0x22 {
      isQuoted = true
    } else if byte == 0x2C || byte == 0x0A {
      record.append(text())
      field.removeAll(keepingCapacity: true)
      if byte == 0x0A {
        records.append(record)
        record = []
      }
    } else if byte != 0x0D {
      field.append(byte)
    }
  }
  if !field.isEmpty || !record.isEmpty { records.append(record + [text()]) }
  return records
}
