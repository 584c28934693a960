// Rows to bytes and back, exactly: every value with its type, numerics with every digit and their display scale.
// Invariant: what is decoded is equal to what was encoded, and bytes that are not whole and right decode to nil, never to
// other rows and never to a crash. The layout belongs to one version of the program: the first byte tells which.

public import Postgres

/// A result that is held in memory, apart from the server's reply.
public struct ResultRows: Sendable, Hashable {
  /// The names of the columns.
  public var columns: [String]
  /// What the columns hold by their types, as many as there are columns.
  public var kinds: [PostgresColumnKind]
  /// The rows, each with as many values as there are columns.
  public var rows: [[PostgresValue]]

  /// Creates a result; of columns of text unless told.
  public init(columns: [String], kinds: [PostgresColumnKind]? = nil, rows: [[PostgresValue]]) {
    self.columns = columns
    self.kinds = kinds ?? columns.map { _ in .other }
    self.rows = rows
  }

  /// Takes a result out of the server's reply.
  public init(_ rows: PostgresRows) throws(PostgresError) {
    columns = rows.columnNames
    kinds = rows.columnKinds
    self.rows = []
    self.rows.reserveCapacity(rows.count)
    for row in rows {
      var values: [PostgresValue] = []
      values.reserveCapacity(columns.count)
      for column in columns.indices { values.append(try row.value(at: column)) }
      self.rows.append(values)
    }
  }
}

/// The compact binary form of results.
public enum RowCodec {
  /// Raised whenever the same bytes would mean other rows.
  private static let version: UInt8 = 3

  private enum Tag: UInt8 {
    case null, no, yes, int4, int8, float8, text, bytes, numeric, date, timestamp, timestamptz, uuid, json
    case textArray, int8Array, encoded
  }

  /// The bytes of a result; nil as soon as they are more than `limit`.
  ///
  /// - Parameter day: the business date that it was asked for, in days since 1970.
  public static func encode(_ result: ResultRows, day: Int32? = nil, limit: Int = .max) -> [UInt8]? {
    var bytes: [UInt8] = [version]
    append(day.map { .date(daysSince1970: $0) } ?? .null, to: &bytes)
    append(count: result.columns.count, to: &bytes)
    for (name, kind) in zip(result.columns, result.kinds) {
      append(text: name, to: &bytes)
      bytes.append(kind.rawValue)
    }
    append(count: result.rows.count, to: &bytes)
    for row in result.rows {
      for value in row { append(value, to: &bytes) }
      if bytes.count > limit { return nil }
    }
    return bytes
  }

  /// The result that `encode` gave these bytes for, and the day; nil for any other bytes.
  public static func decode(_ bytes: [UInt8]) -> (rows: ResultRows, day: Int32?)? {
    bytes.withUnsafeBytes { raw -> (rows: ResultRows, day: Int32?)? in
      var reader = Reader(bytes: raw)
      guard reader.byte() == version, let head = reader.peek, head == Tag.null.rawValue || head == Tag.date.rawValue,
        let asked = value(&reader), let columnCount = reader.count()
      else { return nil }
      let day: Int32? = if case .date(let days) = asked { days } else { nil }
      var columns: [String] = []
      var kinds: [PostgresColumnKind] = []
      for _ in 0..<columnCount {
        guard let name = reader.text(), let kind = reader.byte().flatMap(PostgresColumnKind.init(rawValue:)) else {
          return nil
        }
        columns.append(name)
        kinds.append(kind)
      }
      guard let rowCount = reader.rowCount(columns: columnCount) else { return nil }
      var rows: [[PostgresValue]] = []
      rows.reserveCapacity(rowCount)
      for _ in 0..<rowCount {
        var row: [PostgresValue] = []
        row.reserveCapacity(columnCount)
        for _ in 0..<columnCount {
          guard let value = value(&reader) else { return nil }
          row.append(value)
        }
        rows.append(row)
      }
      return reader.isAtEnd ? (ResultRows(columns: columns, kinds: kinds, rows: rows), day) : nil
    }
  }

  // MARK: Values

  static func append(_ value: PostgresValue, to bytes: inout [UInt8]) {
    func tag(_ tag: Tag) { bytes.append(tag.rawValue) }
    switch value {
    case .null: tag(.null)
    case .bool(let flag): tag(flag ? .yes : .no)
    case .int4(let number):
      tag(.int4)
      append(signed: Int64(number), to: &bytes)
    case .int8(let number):
      tag(.int8)
      append(signed: number, to: &bytes)
    case .float8(let number):
      tag(.float8)
      withUnsafeBytes(of: number.bitPattern.bigEndian) { bytes.append(contentsOf: $0) }
    case .text(let text):
      tag(.text)
      append(text: text, to: &bytes)
    case .bytes(let content):
      tag(.bytes)
      append(content, to: &bytes)
    case .numeric(let number):
      tag(.numeric)
      // Its length is not known before; a numeric of the server has at most 131072 + 16383 digits, and nearly all a few.
      var wire: [UInt8] = []
      number.appendWire(to: &wire)
      append(wire, to: &bytes)
    case .date(let days):
      tag(.date)
      append(signed: Int64(days), to: &bytes)
    case .timestamp(let microseconds):
      tag(.timestamp)
      append(signed: microseconds, to: &bytes)
    case .timestamptz(let microseconds):
      tag(.timestamptz)
      append(signed: microseconds, to: &bytes)
    case .uuid(let content):
      tag(.uuid)
      append(content, to: &bytes)
    case .json(let text):
      tag(.json)
      append(text: text, to: &bytes)
    case .textArray(let texts):
      tag(.textArray)
      append(count: texts.count, to: &bytes)
      for text in texts { append(text.map { .text($0) } ?? .null, to: &bytes) }
    case .int8Array(let numbers):
      tag(.int8Array)
      append(count: numbers.count, to: &bytes)
      for number in numbers { append(number.map { .int8($0) } ?? .null, to: &bytes) }
    case .encoded(let type, let content):
      tag(.encoded)
      append(count: Int(type), to: &bytes)
      append(content, to: &bytes)
    }
  }

  private static func value(_ reader: inout Reader) -> PostgresValue? {
    guard let tag = reader.byte().flatMap(Tag.init) else { return nil }
    switch tag {
    case .null: return .null
    case .no: return .bool(false)
    case .yes: return .bool(true)
    case .int4: return reader.signed(Int32.self).map { .int4($0) }
    case .int8: return reader.signed(Int64.self).map { .int8($0) }
    case .float8: return reader.eightBytes().map { .float8(Double(bitPattern: $0)) }
    case .text: return reader.text().map { .text($0) }
    case .bytes: return reader.bytes().map { .bytes($0) }
    case .numeric: return reader.numeric().map { .numeric($0) }
    case .date: return reader.signed(Int32.self).map { .date(daysSince1970: $0) }
    case .timestamp: return reader.signed(Int64.self).map { .timestamp(microsecondsSince1970: $0) }
    case .timestamptz: return reader.signed(Int64.self).map { .timestamptz(microsecondsSince1970: $0) }
    case .uuid: return reader.bytes().map { .uuid($0) }
    case .json: return reader.text().map { .json($0) }
    case .textArray:
      return array(&reader) { value -> String?? in
        switch value {
        case .null: .some(nil)
        case .text(let text): text
        default: nil
        }
      }.map { .textArray($0) }
    case .int8Array:
      return array(&reader) { value -> Int64?? in
        switch value {
        case .null: .some(nil)
        case .int8(let number): number
        default: nil
        }
      }.map { .int8Array($0) }
    case .encoded:
      guard let type = reader.plainCount(), let type = UInt32(exactly: type), let content = reader.bytes() else {
        return nil
      }
      return .encoded(type: type, content)
    }
  }

  private static func array<Element>(
    _ reader: inout Reader, _ element: (PostgresValue) -> Element??
  ) -> [Element?]? {
    guard let count = reader.count() else { return nil }
    var elements: [Element?] = []
    elements.reserveCapacity(count)
    for _ in 0..<count {
      // An element is null or of one kind; an array inside an array is not written, and so not read.
      guard let next = reader.peek, next == Tag.null.rawValue || next == Tag.text.rawValue || next == Tag.int8.rawValue,
        let value = value(&reader), let read = element(value)
      else { return nil }
      elements.append(read)
    }
    return elements
  }

  // MARK: Pieces

  private static func append(text: String, to bytes: inout [UInt8]) {
    append(count: text.utf8.count, to: &bytes)
    bytes.append(contentsOf: text.utf8)
  }

  private static func append(_ content: [UInt8], to bytes: inout [UInt8]) {
    append(count: content.count, to: &bytes)
    bytes += content
  }

  /// Seven bits a byte, the lowest first.
  private static func append(count: Int, to bytes: inout [UInt8]) {
    append(unsigned: UInt64(UInt(bitPattern: count)), to: &bytes)
  }

  /// Small magnitudes are short: 0, -1, 1, -2, …
  private static func append(signed number: Int64, to bytes: inout [UInt8]) {
    append(unsigned: UInt64(bitPattern: (number << 1) ^ (number >> 63)), to: &bytes)
  }

  private static func append(unsigned number: UInt64, to bytes: inout [UInt8]) {
    var rest = number
    while rest > 0x7F {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }
}

/// Reads what the codec wrote; nil for what cannot be there.
private struct Reader {
  let all: UnsafeRawBufferPointer
  private var place = 0

  init(bytes: UnsafeRawBufferPointer) { all = bytes }

  var isAtEnd: Bool { place == all.count }
  var peek: UInt8? { place < all.count ? all[place] : nil }

  mutating func byte() -> UInt8? {
    guard let byte = peek else { return nil }
    place += 1
    return byte
  }

  private mutating func unsigned() -> UInt64? {
    var number: UInt64 = 0
    var shift: UInt64 = 0
    while let byte = byte() {
      guard shift < 63 || shift == 63 && byte < 2 else { return nil }
      number |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return number }
      shift += 7
    }
    return nil
  }

  mutating func signed<Number: FixedWidthInteger>(_ type: Number.Type) -> Number? {
    guard let number = unsigned() else { return nil }
    return Number(exactly: Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1))
  }

  mutating func numeric() -> PostgresNumeric? {
    guard let count = count() else { return nil }
    defer { place += count }
    return PostgresNumeric(wire: UnsafeRawBufferPointer(rebasing: all[place..<place + count]))
  }

  mutating func plainCount() -> Int? { unsigned().flatMap { Int(exactly: $0) } }

  /// A count of things that each take a byte at least, so that no wrong count reserves more memory than there are bytes.
  mutating func count() -> Int? {
    guard let count = plainCount(), count <= all.count - place else { return nil }
    return count
  }

  mutating func rowCount(columns: Int) -> Int? {
    columns == 0 ? plainCount().flatMap { $0 < 1 << 24 ? $0 : nil } : count()
  }

  mutating func eightBytes() -> UInt64? {
    guard all.count - place >= 8 else { return nil }
    defer { place += 8 }
    return UInt64(bigEndian: all.loadUnaligned(fromByteOffset: place, as: UInt64.self))
  }

  mutating func bytes() -> [UInt8]? {
    guard let count = count() else { return nil }
    defer { place += count }
    return [UInt8](all[place..<place + count])
  }

  mutating func text() -> String? {
    guard let count = count() else { return nil }
    defer { place += count }
    return String(validating: UnsafeRawBufferPointer(rebasing: all[place..<place + count]), as: UTF8.self)
  }
}
