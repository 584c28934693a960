// Finds where records begin and end in raw bytes.
// Invariant: what a record is depends on the bytes alone, never on where a buffer was cut. A record that breaks
// the quoting rules, or outgrows a limit while a quote is open, is its first physical line and nothing more;
// splitting resumes at the next line, so that one bad quote never swallows a good row.
// An open quote may also be closed by chance, by the quotes of a good row behind it. What is then decidable:
//   - A record of several lines with the expected number of fields is a record, whatever its lines look like. (Rows
//     that a stray pair of quotes joins into exactly that number cannot be told from a text of several lines.)
//   - A record of several lines with another number of fields is wrong either way. If one of its later lines, read
//     as the start of a record of its own, begins a sound record with the expected number of fields, then the first
//     line is the defect: `unterminatedQuote`, that line alone, and splitting resumes at the next line. The lines
//     before the sound one come out by the same rules, each with its own number of fields, for the ingest to refuse.
//   - If none does, the record stays whole and the ingest refuses it for its number of fields.
//   - Without an expected number there is nothing to hold a closed quote against: every closed record is one.
// Looking again costs time in proportion to the record: its lines but the first and the last hold pairs of quotes
// only, so each is a record of one line or none; the record of its last line may reach beyond it, within the limits.
// Each kind of byte is looked for with memchr and the find is remembered, so a buffer is read about once.
// Fields are deliberately elsewhere: libcsv reads them, in `RecordParser`.

internal import Glibc

/// Splits one buffer after another; positions are relative to the buffer of the current call.
struct RecordSplitter {
  /// How a call to `split` ended.
  enum Outcome { case needsMore, full, finished }

  /// What the punctuation of one record amounts to.
  private enum Shape {
    case clean(end: Int, lineEnds: Int)
    case broken(RecordDefect)
    case needsMore
  }

  /// The next byte to look at.
  var position = 0
  /// Line ends passed in this buffer.
  var lines = 0
  /// Whether the rest of an overlong line is being passed over.
  private var isSkipping = false

  private let delimiter: UInt8
  private let quote: UInt8?
  private let maxRecordBytes: Int
  private let maxRecordLines: Int
  private let expectedFieldCount: Int?
  private var nextLineFeed = NextByte(0x0A)
  private var nextReturn = NextByte(0x0D)
  private var nextQuote: NextByte

  init(dialect: CSVDialect, expectedFieldCount: Int?) {
    self.expectedFieldCount = expectedFieldCount
    delimiter = dialect.delimiter
    quote = dialect.quote
    maxRecordBytes = dialect.maxRecordBytes
    maxRecordLines = dialect.maxRecordLines
    nextQuote = NextByte(dialect.quote ?? 0)
  }

  /// Appends the spans of all whole records from `position` on, at most until `spans` has `limit` elements.
  ///
  /// - Parameter isFinal: whether the stream ends with this buffer.
  /// - Returns: `.needsMore` when the rest is an unfinished record, or a record that what follows will
  ///   decide about: at most 2 × (`maxRecordBytes` + 1) bytes.
  mutating func split(
    _ bytes: UnsafeRawBufferPointer, isFinal: Bool, limit: Int, into spans: inout [RecordSpan]
  ) -> Outcome {
    guard let start = bytes.baseAddress else { return isFinal ? .finished : .needsMore }
    let base = start.assumingMemoryBound(to: UInt8.self)
    let end = bytes.count
    nextLineFeed.forget()
    nextReturn.forget()
    nextQuote.forget()
    while position < end {
      let lineEnd = nextLineEnd(base, from: position, end: end)
      if lineEnd == end, !isFinal {
        if isSkipping {
          position = end
        } else if end - position > maxRecordBytes {
          append(&spans, count: maxRecordBytes, .tooLong)
          isSkipping = true
          position = end
        }
        return .needsMore
      }
      // A return at the very end may be half of a CR LF.
      if lineEnd == end - 1, base[lineEnd] == 0x0D, !isFinal { return .needsMore }
      if isSkipping {
        isSkipping = false
        pass(base, lineEnd: lineEnd, end: end)
        continue
      }
      if lineEnd == position {
        pass(base, lineEnd: lineEnd, end: end)
        continue
      }
      if spans.count == limit { return .full }
      if lineEnd - position > maxRecordBytes {
        append(&spans, count: maxRecordBytes, .tooLong)
        pass(base, lineEnd: lineEnd, end: end)
        continue
      }
      if quote == nil || nextQuote.find(base, from: position, end: end) >= lineEnd {
        append(&spans, count: lineEnd - position, nil)
        pass(base, lineEnd: lineEnd, end: end)
        continue
      }
      switch verdict(base, firstLineEnd: lineEnd, end: end, isFinal: isFinal) {
      case .clean(let recordEnd, let lineEnds):
        append(&spans, count: recordEnd - position, nil)
        lines += lineEnds
        pass(base, lineEnd: recordEnd, end: end)
      case .broken(let defect):
        append(&spans, count: lineEnd - position, defect)
        pass(base, lineEnd: lineEnd, end: end)
      case .needsMore:
        return .needsMore
      }
    }
    return isFinal ? .finished : .needsMore
  }

  /// The shape of the record at `position`, held against the expected number of fields when it spans several lines.
  private mutating func verdict(
    _ base: UnsafePointer<UInt8>, firstLineEnd: Int, end: Int, isFinal: Bool
  ) -> Shape {
    let whole = shape(base, from: position, firstLineEnd: firstLineEnd, end: end, isFinal: isFinal)
    guard let expectedFieldCount, case .clean(let recordEnd, let lineEnds) = whole, lineEnds > 0,
      fieldCount(base, from: position, to: recordEnd) != expectedFieldCount
    else { return whole }
    var lineEnd = firstLineEnd
    while lineEnd < recordEnd {
      let start = behind(base, lineEnd, end: end)
      lineEnd = nextLineEnd(base, from: start, end: end)
      if lineEnd == start { continue }
      switch shape(base, from: start, firstLineEnd: lineEnd, end: end, isFinal: isFinal) {
      case .clean(let ownEnd, _):
        if fieldCount(base, from: start, to: ownEnd) == expectedFieldCount { return .broken(.unterminatedQuote) }
      case .broken: break
      case .needsMore: return .needsMore
      }
    }
    return whole
  }

  /// How many fields a clean record has.
  private func fieldCount(_ base: UnsafePointer<UInt8>, from start: Int, to stop: Int) -> Int {
    var count = 1
    var isQuoted = false
    for index in start..<stop {
      let byte = base[index]
      // A doubled quote turns twice.
      if byte == quote { isQuoted.toggle() } else if byte == delimiter, !isQuoted { count += 1 }
    }
    return count
  }

  /// Follows the quotes of the record that begins at `start`.
  private mutating func shape(
    _ base: UnsafePointer<UInt8>, from start: Int, firstLineEnd: Int, end: Int, isFinal: Bool
  ) -> Shape {
    var here = start
    var lineEnds = 0
    // What a violation beyond the first line means: its quote should have ended on the first.
    func stray(at offset: Int) -> Shape { .broken(offset < firstLineEnd ? .strayQuote : .unterminatedQuote) }
    let isOverlong = end - start > maxRecordBytes
    let unfinished: Shape = isOverlong ? .broken(.unterminatedQuote) : .needsMore

    while true {
      let opener = nextQuote.find(base, from: here, end: end)
      let recordEnd = nextLineEnd(base, from: here, end: end)
      if opener >= recordEnd {
        if recordEnd == end, !isFinal { return unfinished }
        return finished(base, from: start, at: recordEnd, lineEnds: lineEnds, end: end, isFinal: isFinal)
      }
      guard opener == start || base[opener - 1] == delimiter else { return stray(at: opener) }

      here = opener + 1
      while true {
        let closer = nextQuote.find(base, from: here, end: end)
        if closer == end { return isFinal ? .broken(.unterminatedQuote) : unfinished }
        if closer - start > maxRecordBytes { return .broken(.unterminatedQuote) }
        here = closer + 1
        if here == end || base[here] != base[closer] { break }
        here += 1
      }
      lineEnds += countLineEnds(base, from: opener, to: here, end: end)
      if lineEnds >= maxRecordLines { return .broken(.unterminatedQuote) }
      if here == end {
        guard isFinal else { return unfinished }
        return finished(base, from: start, at: end, lineEnds: lineEnds, end: end, isFinal: true)
      }
      switch base[here] {
      case delimiter: here += 1
      case 0x0A, 0x0D:
        return finished(base, from: start, at: here, lineEnds: lineEnds, end: end, isFinal: isFinal)
      default: return stray(at: here)
      }
    }
  }

  private func finished(
    _ base: UnsafePointer<UInt8>, from start: Int, at recordEnd: Int, lineEnds: Int, end: Int, isFinal: Bool
  ) -> Shape {
    if recordEnd - start > maxRecordBytes { return .broken(.unterminatedQuote) }
    if recordEnd == end - 1, base[recordEnd] == 0x0D, !isFinal { return .needsMore }
    return .clean(end: recordEnd, lineEnds: lineEnds)
  }

  private mutating func append(_ spans: inout [RecordSpan], count: Int, _ defect: RecordDefect?) {
    spans.append(
      RecordSpan(
        start: UInt32(truncatingIfNeeded: position), count: UInt32(truncatingIfNeeded: count),
        lineDelta: UInt32(truncatingIfNeeded: lines), defect: defect))
  }

  /// Moves behind the line end at `lineEnd`, or to the end of the buffer when there is none.
  private mutating func pass(_ base: UnsafePointer<UInt8>, lineEnd: Int, end: Int) {
    guard lineEnd < end else {
      position = end
      return
    }
    position = behind(base, lineEnd, end: end)
    lines += 1
  }

  /// The place behind the line end at `lineEnd`.
  private func behind(_ base: UnsafePointer<UInt8>, _ lineEnd: Int, end: Int) -> Int {
    let isPair = base[lineEnd] == 0x0D && lineEnd + 1 < end && base[lineEnd + 1] == 0x0A
    return lineEnd + (isPair ? 2 : 1)
  }

  private mutating func nextLineEnd(_ base: UnsafePointer<UInt8>, from start: Int, end: Int) -> Int {
    min(nextLineFeed.find(base, from: start, end: end), nextReturn.find(base, from: start, end: end))
  }

  /// Line ends between `start` and `stop`, a CR LF counted once.
  private mutating func countLineEnds(
    _ base: UnsafePointer<UInt8>, from start: Int, to stop: Int, end: Int
  ) -> Int {
    var count = 0
    var here = start
    while true {
      let lineEnd = nextLineEnd(base, from: here, end: end)
      if lineEnd >= stop { return count }
      count += 1
      let isPair = base[lineEnd] == 0x0D && lineEnd + 1 < stop && base[lineEnd + 1] == 0x0A
      here = lineEnd + (isPair ? 2 : 1)
    }
  }
}

/// The next place of one byte value, remembered between questions.
///
/// Invariant: no such byte lies in `from..<found`.
private struct NextByte {
  private let byte: Int32
  private var from = 0
  private var found = -1

  init(_ byte: UInt8) {
    self.byte = Int32(byte)
  }

  mutating func forget() {
    from = 0
    found = -1
  }

  /// The first place at or after `start`, or `end`.
  mutating func find(_ base: UnsafePointer<UInt8>, from start: Int, end: Int) -> Int {
    if start >= from, start <= found { return found }
    // After a step back to an earlier line only the bytes before the known stretch are new.
    let stop = start < from && found >= from ? from : end
    if let hit = memchr(base + start, byte, stop - start) {
      found = UnsafeRawPointer(base).distance(to: UnsafeRawPointer(hit))
    } else if stop == end {
      found = end
    }
    from = start
    return found
  }
}
