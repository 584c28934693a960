// What libcsv's callback writes into: a plain struct behind a pointer, so that a field costs no retain.
// Invariant: a field points into the chunk's own bytes, at the place where it stands in the file; only a field with
// doubled quotes is copied, into a scratch buffer that is as large as the record and therefore never moves.

internal import CLibCSV
internal import Glibc

/// The fields of the record that libcsv is reading.
struct FieldCollector {
  /// Where the next field starts in the record.
  var cursor: UnsafePointer<UInt8>
  /// Behind the record.
  var end: UnsafePointer<UInt8>
  let quote: UInt8
  let delimiter: UInt8
  var fields: UnsafeMutablePointer<FieldBytes>
  var count = 0
  private var capacity = 64
  private var scratch: UnsafeMutablePointer<UInt8>
  private var scratchCount = 0
  private var scratchCapacity = 4096

  init(delimiter: UInt8, quote: UInt8) {
    self.delimiter = delimiter
    self.quote = quote
    fields = .allocate(capacity: capacity)
    scratch = .allocate(capacity: scratchCapacity)
    cursor = UnsafePointer(scratch)
    end = UnsafePointer(scratch)
  }

  func deallocate() {
    fields.deallocate()
    scratch.deallocate()
  }

  /// Makes ready for a record of `byteCount` bytes at `start`.
  mutating func begin(_ start: UnsafePointer<UInt8>, byteCount: Int) {
    cursor = start
    end = start + byteCount
    count = 0
    scratchCount = 0
    if byteCount > scratchCapacity {
      scratch.deallocate()
      scratchCapacity = max(byteCount, scratchCapacity * 2)
      scratch = .allocate(capacity: scratchCapacity)
    }
  }

  /// Takes over the field that libcsv holds at `text`.
  mutating func append(_ text: UnsafeRawPointer?, byteCount: Int) {
    if count == capacity { growFields() }
    // libcsv does not say whether a field was quoted, nor where it stood: the record's own bytes do.
    guard cursor < end, cursor.pointee == quote, let text else {
      // libcsv may have trimmed spaces: the field ends at the delimiter, wherever libcsv thinks it does.
      var whole = byteCount
      if cursor + whole < end, cursor[whole] != delimiter {
        let rest = cursor.distance(to: end)
        whole = memchr(cursor, Int32(delimiter), rest).map { UnsafeRawPointer(cursor).distance(to: $0) } ?? rest
      }
      fields[count] = FieldBytes(pointer: cursor, count: whole, isQuoted: false)
      count += 1
      cursor += whole + 1
      return
    }
    let doubled = countQuotes(text, byteCount: byteCount)
    if doubled == 0 {
      fields[count] = FieldBytes(pointer: cursor + 1, count: byteCount, isQuoted: true)
    } else {
      let copy = scratch + scratchCount
      memcpy(copy, text, byteCount)
      scratchCount += byteCount
      fields[count] = FieldBytes(pointer: UnsafePointer(copy), count: byteCount, isQuoted: true)
    }
    count += 1
    cursor += byteCount + doubled + 3
  }

  private func countQuotes(_ text: UnsafeRawPointer, byteCount: Int) -> Int {
    var found = 0
    var here = text
    let stop = text + byteCount
    while here < stop, let hit = memchr(here, Int32(quote), here.distance(to: stop)) {
      found += 1
      here = UnsafeRawPointer(hit) + 1
    }
    return found
  }

  private mutating func growFields() {
    let larger = UnsafeMutablePointer<FieldBytes>.allocate(capacity: capacity * 2)
    larger.update(from: fields, count: count)
    fields.deallocate()
    fields = larger
    capacity *= 2
  }
}
