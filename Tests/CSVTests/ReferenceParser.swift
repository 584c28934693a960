// The CSV rules of this room, written to be read: one byte at a time, over a whole file in memory.
// The fast path is tested against this; nothing here knows chunks, memchr or libcsv.

import CSV

/// A record with all that a caller may see of it.
struct SeenRecord: Equatable, CustomStringConvertible {
  var line: Int
  var record: Int
  var byteOffset: Int
  var raw: [UInt8]
  var defect: RecordDefect?
  var fields: [SeenField]

  var description: String {
    let shown = fields.map(\.description).joined(separator: "|")
    return "[\(line):\(record)@\(byteOffset) \(defect.map { "\($0) " } ?? "")\(text(raw)) → \(shown)]"
  }
}

struct SeenField: Equatable, CustomStringConvertible {
  var bytes: [UInt8]
  var isQuoted: Bool

  var description: String { isQuoted ? "“\(text(bytes))”" : text(bytes) }
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

func referenceParse(
  _ bytes: [UInt8], dialect: CSVDialect = .standard, expectedFieldCount: Int? = nil
) -> [SeenRecord] {
  var records: [SeenRecord] = []
  var line = 1
  var start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0

  func isLineEnd(_ index: Int) -> Bool { bytes[index] == 0x0A || bytes[index] == 0x0D }
  func firstLineEnd(from index: Int) -> Int { (index..<bytes.count).first(where: isLineEnd) ?? bytes.count }
  func behindLineEnd(_ index: Int) -> Int {
    if index == bytes.count { return index }
    let isPair = bytes[index] == 0x0D && index + 1 < bytes.count && bytes[index + 1] == 0x0A
    return index + (isPair ? 2 : 1)
  }
  func linesIn(_ range: Range<Int>) -> Int {
    var count = 0
    var index = range.lowerBound
    while index < range.upperBound {
      if isLineEnd(index) {
        count += 1
        index = behindLineEnd(index)
      } else {
        index += 1
      }
    }
    return count
  }
  /// The record at `start` when quotes and limits allow it.
  func sound(from start: Int) -> (fields: [SeenField], end: Int)? {
    guard firstLineEnd(from: start) - start <= dialect.maxRecordBytes,
      case .record(let fields, let end) = referenceFields(bytes, from: start, dialect: dialect),
      end - start <= dialect.maxRecordBytes,
      end == firstLineEnd(from: start) || linesIn(start..<end) < dialect.maxRecordLines
    else { return nil }
    return (fields, end)
  }
  /// Where the physical lines behind the first one begin, blank ones left out.
  func laterLines(of range: Range<Int>) -> [Int] {
    var starts: [Int] = []
    var lineEnd = firstLineEnd(from: range.lowerBound)
    while lineEnd < range.upperBound {
      let start = behindLineEnd(lineEnd)
      lineEnd = firstLineEnd(from: start)
      if start < lineEnd { starts.append(start) }
    }
    return starts
  }

  while start < bytes.count {
    let lineEnd = firstLineEnd(from: start)
    if lineEnd == start {
      line += 1
      start = behindLineEnd(start)
      continue
    }
    var seen = SeenRecord(
      line: line, record: records.count + 1, byteOffset: start, raw: Array(bytes[start..<lineEnd]), fields: [])
    var end = lineEnd
    if lineEnd - start > dialect.maxRecordBytes {
      seen.raw = Array(seen.raw.prefix(dialect.maxRecordBytes))
      seen.defect = .tooLong
    } else {
      let whole = sound(from: start)
      let later = whole.map { laterLines(of: start..<$0.end) } ?? []
      if let whole,
        expectedFieldCount == nil || later.isEmpty || whole.fields.count == expectedFieldCount
          || !later.contains(where: { sound(from: $0)?.fields.count == expectedFieldCount })
      {
        seen.fields = whole.fields
        seen.raw = Array(bytes[start..<whole.end])
        end = whole.end
      } else if whole == nil, case .violation(let index) = referenceFields(bytes, from: start, dialect: dialect),
        index < lineEnd
      {
        seen.defect = .strayQuote
      } else {
        seen.defect = .unterminatedQuote
      }
    }
    records.append(seen)
    line += linesIn(start..<end) + 1
    start = behindLineEnd(end)
  }
  return records
}

private enum ReferenceOutcome {
  case record([SeenField], end: Int)
  /// At the end of the file for a quote that never closes.
  case violation(Int)
}

private func referenceFields(_ bytes: [UInt8], from start: Int, dialect: CSVDialect) -> ReferenceOutcome {
  var fields: [SeenField] = []
  var index = start
  func isBetween(_ index: Int) -> Bool {
    index == bytes.count || bytes[index] == dialect.delimiter || bytes[index] == 0x0A || bytes[index] == 0x0D
  }
  while true {
    var field = SeenField(bytes: [], isQuoted: false)
    if index < bytes.count, bytes[index] == dialect.quote {
      field.isQuoted = true
      index += 1
      while true {
        if index == bytes.count { return .violation(index) }
        if bytes[index] != dialect.quote {
          field.bytes.append(bytes[index])
          index += 1
        } else if index + 1 < bytes.count, bytes[index + 1] == dialect.quote {
          field.bytes.append(bytes[index])
          index += 2
        } else {
          index += 1
          break
        }
      }
      if !isBetween(index) { return .violation(index) }
    } else {
      while !isBetween(index) {
        if bytes[index] == dialect.quote { return .violation(index) }
        field.bytes.append(bytes[index])
        index += 1
      }
    }
    fields.append(field)
    if index == bytes.count || bytes[index] != dialect.delimiter { return .record(fields, end: index) }
    index += 1
  }
}
