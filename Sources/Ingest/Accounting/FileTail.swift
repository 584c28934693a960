// How a file ends: its last record, whether a line end follows it, and the trailer that a feed may declare.
// Invariant: constant memory, and the same result whichever worker saw which chunk: parts are joined with `merge`.
// A record whose first field is the marker is never a row, wherever it stands; whether it stood last is said here.

internal import CSV
internal import Definitions
internal import Finding
internal import Glibc
internal import Ledger
internal import Money

/// A record that looks like the trailer.
struct TrailerRecord: Sendable {
  var line: Int
  var record: Int
  var fields: [String]
}

/// What is known about the end of a file.
struct FileTail: Sendable {
  /// What the first field of a trailer holds; nil when the feed declares none.
  let marker: [UInt8]?
  /// The first and the last record with the marker.
  private(set) var first: TrailerRecord?
  private(set) var last: TrailerRecord?
  /// The number of the last record, trailers included; 0 for a file without records.
  private(set) var lastRecord = 0
  /// The last record's number when the file ends without a line end behind it.
  private(set) var unendedRecord: Int?

  /// Fields of a trailer beyond this are not looked at.
  private static let maximumFields = 256

  init(_ rule: TrailerRule?) {
    marker = rule.map { Array($0.marker.utf8) }
  }

  /// Whether the record is a trailer, which is then remembered and no row.
  @inline(__always)
  mutating func takes(_ record: borrowing ParsedRecord) -> Bool {
    guard let marker, record.defect == nil, record.fieldCount > 0 else { return false }
    let field = record[0]
    guard field.count == marker.count, field.bytes.elementsEqual(marker) else { return false }
    take(record)
    return true
  }

  @inline(never)
  private mutating func take(_ record: borrowing ParsedRecord) {
    var fields: [String] = []
    for index in 0..<min(record.fieldCount, Self.maximumFields) {
      fields.append(String(decoding: record[index].bytes.prefix(200), as: UTF8.self))
    }
    add(TrailerRecord(line: record.line, record: record.record, fields: fields))
  }

  private mutating func add(_ trailer: TrailerRecord) {
    if first.map({ trailer.record < $0.record }) ?? true { first = trailer }
    if last.map({ trailer.record > $0.record }) ?? true { last = trailer }
  }

  /// Takes note of a chunk whose records went by.
  mutating func note(_ chunk: RecordChunk) {
    lastRecord = max(lastRecord, chunk.firstRecord + chunk.recordCount - 1)
    if let unended = chunk.unendedRecord { unendedRecord = unended }
  }

  /// Adds what another worker saw of the same file.
  mutating func merge(_ other: FileTail) {
    if let trailer = other.first { add(trailer) }
    if let trailer = other.last { add(trailer) }
    lastRecord = max(lastRecord, other.lastRecord)
    unendedRecord = unendedRecord ?? other.unendedRecord
  }
}

// MARK: What the trailer says

extension FileTail {
  /// The trailer's figures, or why there are none; nil when the feed declares no trailer.
  func statement(_ rule: TrailerRule?, format: FeedFormat, path: String) -> SenderStatement? {
    guard let rule else { return nil }
    var statement = SenderStatement(source: .trailer, path: path)
    func problem(_ line: Int?, _ message: String, fix: String) {
      statement.problems.append(
        Diagnostic(.error, code: "trailer", at: SourcePosition(file: path, line: line), message, fix: fix))
    }
    guard let first, let last else {
      problem(
        nil, "the file has no trailer: no record begins with \"\(visible(rule.marker))\", so its end is missing",
        fix: "have the file delivered again, whole; or remove trailer: from the feed")
      return statement
    }
    if first.record != lastRecord || last.record != lastRecord {
      let behind = lastRecord - first.record
      problem(
        first.line, "\(behind) record\(behind == 1 ? "" : "s") stand\(behind == 1 ? "s" : "") behind the trailer",
        fix: "have the file delivered again; a trailer is the last record")
      return statement
    }
    func figure(_ field: Int, column: String, group: String?, _ what: String) {
      guard field >= 1, field <= last.fields.count else {
        return problem(
          last.line, "the trailer has \(last.fields.count) fields, and \(what) is to be in field \(field)",
          fix: "correct trailer: in the feed, or have the file delivered again")
      }
      let text = last.fields[field - 1]
      guard let value = Self.number(text, format), column.isEmpty ? value.scale == 0 && !value.isNegative : true else {
        return problem(
          last.line, "\"\(visible(String(text.prefix(80))))\" in field \(field) of the trailer is not \(what)",
          fix: "correct trailer: in the feed, or have the file delivered again")
      }
      statement.figures.append(.init(column: column, group: group, value: value, line: last.line))
    }
    if let field = rule.rowsField { figure(field, column: "", group: "", "the number of rows") }
    for sum in rule.sums {
      figure(sum.field, column: sum.column, group: sum.group, "the sum of \(sum.column)")
    }
    return statement
  }

  /// A number as the feed writes numbers.
  static func number(_ text: String, _ format: FeedFormat) -> ExactDecimal? {
    var bytes = Array(trimmed(text).utf8)
    var isNegative = false
    if format.negatives.contains(.parentheses), bytes.first == 0x28, bytes.last == 0x29, bytes.count > 2 {
      bytes = Array(bytes.dropFirst().dropLast())
      isNegative = true
    } else if format.negatives.contains(.trailingMinus), bytes.last == 0x2D, bytes.count > 1 {
      bytes.removeLast()
      isNegative = true
    }
    if let mark = format.groupingMark { bytes.removeAll { $0 == mark } }
    if format.decimalMark != 0x2E {
      guard !bytes.contains(0x2E) else { return nil }
      bytes = bytes.map { $0 == format.decimalMark ? 0x2E : $0 }
    }
    if isNegative, bytes.first == 0x2D || bytes.first == 0x2B { return nil }
    guard let value = bytes.withUnsafeBytes({ ExactDecimal(utf8: $0) }) else { return nil }
    return isNegative ? -value : value
  }
}
