// Records → rows of binary COPY, or rejects: the hot loop of the ingest.
// Invariant: a record becomes exactly one of the two, and both are counted; nothing is allocated for a good record.
// Order of the checks: the record as a whole (quotes, length, NUL, UTF-8, field count), then its columns by their
// place in the file; in a column: missing, type, range, one_of, pattern. The first fault is the reject's.

internal import CSV
internal import Definitions
internal import Glibc
internal import Ledger
internal import Money

/// Encodes records of one file, chunk by chunk; one for each worker.
struct RecordEncoder: ~Copyable {
  let plan: FilePlan
  let places: RowPlaces
  private let columns: UnsafeMutablePointer<ColumnPlan>
  private let columnCount: Int
  private let placeCount: Int16
  private let hasControls: Bool
  private let rewritesNumbers: Bool
  private let decimalMark: UInt8
  private let hasTrailer: Bool
  /// The control values of the record at hand.
  private let controlValues: UnsafeMutablePointer<Int128>
  private let controlPresent: UnsafeMutablePointer<Bool>
  private var scratch: UnsafeMutablePointer<UInt8>
  private var scratchBytes = 256
  private var stretch: (start: Int64, end: Int64, offset: Int64) = (0, 0, 0)
  /// The key of the record at hand, where the key is followed.
  private var key: Int64?
  private var keys: [Int64] = []
  /// Records of the chunk, the header not counted.
  private var recordsRead = 0
  private(set) var rejects = RejectLog()
  private(set) var controls: ControlAccumulator
  /// What was seen of the end of the file.
  var tail: FileTail

  init(plan: FilePlan, places: RowPlaces) {
    self.plan = plan
    self.places = places
    placeCount = Int16(places.columns.count)
    // An empty list has no address; nothing is read through the stand-in.
    columns = plan.columns.baseAddress ?? UnsafeMutablePointer<ColumnPlan>.allocate(capacity: 1)
    columnCount = plan.columns.count
    controlValues = .allocate(capacity: max(1, plan.controls.count))
    controlPresent = .allocate(capacity: max(1, plan.controls.count))
    scratch = .allocate(capacity: scratchBytes)
    controls = ControlAccumulator(plan.controls)
    hasControls = !plan.controls.isEmpty
    rewritesNumbers = !plan.notation.isPlain
    decimalMark = plan.notation.decimalMark
    tail = FileTail(plan.trailer)
    hasTrailer = plan.trailer != nil
  }

  deinit {
    controlValues.deallocate()
    controlPresent.deallocate()
    scratch.deallocate()
  }

  /// Makes ready for a chunk.
  mutating func begin(rejectBytes: Int) {
    recordsRead = 0
    rejects = RejectLog(limitBytes: rejectBytes)
    let count = keys.count
    keys = []
    keys.reserveCapacity(count)
  }

  /// What the chunk gave.
  func outcome(number: Int, accepted: Int) -> ChunkOutcome {
    ChunkOutcome(number: number, recordsRead: recordsRead, accepted: accepted, rejects: rejects, keys: keys)
  }

  /// Encodes one record into `block`, or keeps it as a reject.
  mutating func encode(_ record: borrowing ParsedRecord, into block: EncodedBlock) {
    if record.record == 1 { return }
    if hasTrailer, tail.takes(record) { return }
    recordsRead &+= 1
    key = nil
    if let defect = record.defect { return refuse(record, defect) }
    switch verdict(onText: record.rawBytes) {
    case .good: break
    case .hasNUL: return refuse(record, nil, .nulByte, "the record holds a NUL byte, which PostgreSQL cannot store")
    case .notUTF8: return refuse(record, nil, .notUTF8, "the record is not valid \(plan.encoding.shown)")
    }
    if record.fieldCount != plan.fieldCount {
      return refuse(
        record, nil, .fieldCount, "the record has \(record.fieldCount) fields, the header has \(plan.fieldCount)")
    }
    block.reserve(record.rawBytes.count &+ columnCount &* (maximumFixedFieldBytes &+ 4) &+ RowPlaces.maximumBytes &+ 64)
    if hasControls { controlPresent.update(repeating: false, count: plan.controls.count) }
    var cursor = block.base + block.count
    put(Int16(truncatingIfNeeded: columnCount) &+ placeCount, &cursor)
    for index in 0..<columnCount {
      let field = record[columns[index].field]
      let fault = encodeField(columns + index, field, &cursor)
      if fault != .none { return refuse(record, column: index, fault) }
    }
    switch places {
    case .staging:
      putInteger(Int64(record.byteOffset), &cursor)
      putInteger(Int64(record.line), &cursor)
      putInteger(Int64(record.record), &cursor)
    case .provenance(let file):
      putInteger(file, &cursor)
      putInteger(Int64(record.line), &cursor)
    case .none: break
    }
    block.count = cursor - block.base
    block.rows &+= 1
    if let key { keys.append(key) }
    if hasControls { addControls(record, isRejected: false) }
  }

  @inline(__always)
  private func isNull(_ column: UnsafeMutablePointer<ColumnPlan>, _ field: FieldBytes) -> Bool {
    // A quoted field of a text column is data; elsewhere "" means nothing, however it is written.
    if field.isQuoted, column.pointee.kind == .text { return false }
    if field.count == 0 { return column.pointee.emptyIsNull }
    guard let tokens = column.pointee.nullTokens else { return false }
    for index in 0..<column.pointee.nullTokenCount where tokens[index].count == field.count {
      if memcmp(tokens[index].start, field.pointer, field.count) == 0 { return true }
    }
    return false
  }

  @inline(__always)
  private mutating func encodeField(
    _ column: UnsafeMutablePointer<ColumnPlan>, _ written: FieldBytes, _ cursor: inout UnsafeMutablePointer<UInt8>
  ) -> FieldFault {
    let field = column.pointee.isTrimmed ? trimmed(written) : written
    if isNull(column, field) {
      guard column.pointee.isOptional else { return .missing }
      putNull(&cursor)
      return .none
    }
    switch column.pointee.kind {
    case .text:
      if column.pointee.choices != nil || column.pointee.steps != nil || column.pointee.expression != nil {
        let fault = checkText(column, field)
        if fault != .none { return fault }
      }
      putBytes(field.pointer, field.count, &cursor)
      return .none
    case .integer, .bigint, .decimal: return encodeNumber(column, field, &cursor)
    case .date, .timestamp, .timestamptz: return encodeTime(column, field, &cursor)
    case .boolean:
      guard let value = parseBoolean(field.pointer, field.count) else { return .wrongType }
      put(Int32(1), &cursor)
      put(value ? 1 : 0 as UInt8, &cursor)
    case .uuid:
      put(Int32(16), &cursor)
      guard parseUUID(field.pointer, field.count, into: cursor) else { return .wrongType }
      cursor += 16
    case .json:
      guard JSONText.isValid(field.pointer, field.count) else { return .wrongType }
      put(Int32(truncatingIfNeeded: field.count &+ 1), &cursor)
      put(1 as UInt8, &cursor)
      cursor.update(from: field.pointer, count: field.count)
      cursor += field.count
    }
    return .none
  }

  @inline(__always)
  private func checkText(_ column: UnsafeMutablePointer<ColumnPlan>, _ field: FieldBytes) -> FieldFault {
    if let choices = column.pointee.choices {
      var isKnown = false
      for index in 0..<column.pointee.choiceCount where choices[index].count == field.count {
        if memcmp(choices[index].start, field.pointer, field.count) == 0 {
          isKnown = true
          break
        }
      }
      if !isKnown { return .notOneOf }
    }
    if let steps = column.pointee.steps {
      return matches(field.pointer, field.count, steps, column.pointee.stepCount) ? .none : .patternMismatch
    }
    if let expression = column.pointee.expression {
      return matches(field.pointer, field.count, expression) ? .none : .patternMismatch
    }
    return .none
  }

  @inline(__always)
  private mutating func encodeNumber(
    _ column: UnsafeMutablePointer<ColumnPlan>, _ field: FieldBytes, _ cursor: inout UnsafeMutablePointer<UInt8>
  ) -> FieldFault {
    var value: Int128 = 0
    let fault = number(column, field, into: &value)
    if column.pointee.control >= 0, fault == .none || fault >= .belowMinimum {
      controlValues[column.pointee.control] = value
      controlPresent[column.pointee.control] = true
    }
    if fault != .none { return fault }
    switch column.pointee.kind {
    case .decimal: putNumeric(value, scale: column.pointee.scale, &cursor)
    case .integer: putInteger(Int32(truncatingIfNeeded: value), &cursor)
    default: putInteger(Int64(truncatingIfNeeded: value), &cursor)
    }
    if column.pointee.isSoleKey { key = Int64(truncatingIfNeeded: value) }
    return .none
  }

  /// Reads and checks a number; `value` is set when the fault concerns only what is allowed.
  @inline(__always)
  private mutating func number(
    _ column: UnsafeMutablePointer<ColumnPlan>, _ field: FieldBytes, into value: inout Int128
  ) -> FieldFault {
    var bytes = field.pointer
    var count = field.count
    if rewritesNumbers {
      if count >= scratchBytes { growScratch(count) }
      count = plan.notation.rewrite(bytes, count, into: scratch)
      if count < 0 { return .wrongType }
      bytes = UnsafePointer(scratch)
    }
    if column.pointee.kind == .decimal {
      let fault = parseDecimal(
        bytes, count, scale: column.pointee.scale, decimalMark: decimalMark, into: &value)
      if fault != .none { return fault }
      if value >= column.pointee.ceiling || value <= -column.pointee.ceiling { return .tooManyDigits }
    } else {
      var whole: Int64 = 0
      let fault = parseInteger(
        bytes, count, acceptsZeroFraction: column.pointee.acceptsZeroFraction, decimalMark: decimalMark,
        into: &whole)
      if fault != .none { return fault }
      if column.pointee.kind == .integer, whole > Int64(Int32.max) || whole < Int64(Int32.min) { return .overflow }
      value = Int128(whole)
    }
    if column.pointee.hasBounds {
      if value < column.pointee.minimum { return .belowMinimum }
      if value > column.pointee.maximum { return .aboveMaximum }
    }
    if let choices = column.pointee.choiceValues {
      for index in 0..<column.pointee.choiceCount where choices[index] == value { return .none }
      return .notOneOf
    }
    return .none
  }

  @inline(__always)
  private mutating func encodeTime(
    _ column: UnsafeMutablePointer<ColumnPlan>, _ field: FieldBytes, _ cursor: inout UnsafeMutablePointer<UInt8>
  ) -> FieldFault {
    var time = CivilTime()
    let format = column.pointee.format
    let isTime =
      format.isEmpty
      ? parseISO(field.pointer, field.count, into: &time)
      : parseFormatted(field.pointer, field.count, parts: UnsafeBufferPointer(format), into: &time)
    guard isTime else { return .wrongType }
    if column.pointee.kind == .date {
      if time.hasTime { return .wrongType }
      let fault = checkBounds(column, Int128(time.day))
      if fault != .none { return fault }
      putInteger(Int32(truncatingIfNeeded: time.day &- daysTo2000), &cursor)
      return .none
    }
    var seconds = time.day &* 86_400 &+ time.second
    if time.hasOffset {
      // Without a zone in the column an offset would be dropped silently.
      if column.pointee.kind == .timestamp { return .wrongType }
      seconds &-= time.offset
    } else if column.pointee.kind == .timestamptz {
      seconds = instant(ofLocal: seconds)
    }
    let microseconds = seconds &* 1_000_000 &+ time.microsecond
    let fault = checkBounds(column, Int128(microseconds))
    if fault != .none { return fault }
    putInteger(microseconds &- daysTo2000 &* 86_400_000_000, &cursor)
    return .none
  }

  @inline(__always)
  private func checkBounds(_ column: UnsafeMutablePointer<ColumnPlan>, _ value: Int128) -> FieldFault {
    guard column.pointee.hasBounds else { return .none }
    if value < column.pointee.minimum { return .belowMinimum }
    return value > column.pointee.maximum ? .aboveMaximum : .none
  }

  @inline(__always)
  private mutating func instant(ofLocal local: Int64) -> Int64 {
    if local >= stretch.start, local < stretch.end { return local &- stretch.offset }
    if let steady = plan.zone.steadyStretch(around: local) { stretch = steady }
    return plan.zone.instant(ofLocal: local)
  }

  private mutating func growScratch(_ count: Int) {
    scratch.deallocate()
    scratchBytes = count * 2 + 1
    scratch = .allocate(capacity: scratchBytes)
  }

  @inline(__always)
  private mutating func addControls(_ record: borrowing ParsedRecord, isRejected: Bool) {
    for control in 0..<plan.controls.count where controlPresent[control] {
      let place = plan.controls[control].groupField
      if place >= 0 {
        let group = plan.controls[control].trimsGroup ? trimmed(record[place]) : record[place]
        controls.add(
          controlValues[control], control: control, group: group.pointer, group.count, isRejected: isRejected)
      } else {
        plan.controls[control].constantGroup.withUnsafeBufferPointer { bytes in
          guard let base = bytes.baseAddress else { return }
          controls.add(controlValues[control], control: control, group: base, bytes.count, isRejected: isRejected)
        }
      }
    }
  }
}

// MARK: Refusing, off the usual path

extension RecordEncoder {
  private mutating func refuse(_ record: borrowing ParsedRecord, _ defect: RecordDefect) {
    switch defect {
    case .unterminatedQuote:
      refuse(record, nil, .unterminatedQuote, "a quoted field that opens on this line does not end properly")
    case .strayQuote:
      refuse(record, nil, .strayQuote, "a quote stands inside an unquoted field, or text behind a closing quote")
    case .tooLong:
      refuse(
        record, nil, .recordTooLong,
        "the record is longer than \(plan.maxRecordBytes) bytes (format.max_record_bytes)")
    }
  }

  private mutating func refuse(
    _ record: borrowing ParsedRecord, _ column: String?, _ code: RejectCode, _ reason: String
  ) {
    let (line, number, offset) = (record.line, record.record, record.byteOffset)
    let (raw, encoding) = (record.rawBytes, record.encoding)
    rejects.append {
      RefusedRecord(
        line: line, record: number, byteOffset: offset, column: column, code: code, reason: reason,
        raw: encoding.originalBytes(of: raw))
    }
  }

  /// Refuses a record for one of its fields. Its money still counts as read where it can be read.
  @inline(never)
  private mutating func refuse(_ record: borrowing ParsedRecord, column index: Int, _ fault: FieldFault) {
    let definition = plan.definitions[index]
    let field = record[columns[index].field]
    refuse(record, definition.name, fault.code, fault.reason(definition, field.bytes, plan.notation))
    for later in index..<columnCount where columns[later].control >= 0 && !controlPresent[columns[later].control] {
      var value: Int128 = 0
      let written = record[columns[later].field]
      let field = columns[later].isTrimmed ? trimmed(written) : written
      guard !isNull(columns + later, field) else { continue }
      let fault = number(columns + later, field, into: &value)
      if fault == .none || fault >= .belowMinimum {
        controlValues[columns[later].control] = value
        controlPresent[columns[later].control] = true
      }
    }
    if hasControls { addControls(record, isRejected: true) }
  }
}
