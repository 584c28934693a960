// Values to PostgreSQL's binary wire format: big-endian integers, days and microseconds since 2000.
// Source: the type's `_send` functions, src/backend/utils/adt.

enum BinaryEncoding {
  /// How an encoded value is declared to the server.
  struct Declared {
    var oid: UInt32
    var isText = false
  }

  static let microsecondsTo2000: Int64 = 946_684_800_000_000
  static let daysTo2000: Int32 = 10_957

  /// Appends a value; nil for SQL null, which has no bytes.
  static func append(_ value: PostgresValue, to bytes: inout [UInt8]) -> Declared? {
    switch value {
    case .null: return nil
    case .bool(let value):
      bytes.append(value ? 1 : 0)
      return Declared(oid: TypeOID.bool)
    case .int4(let value):
      append(value, to: &bytes)
      return Declared(oid: TypeOID.int4)
    case .int8(let value):
      append(value, to: &bytes)
      return Declared(oid: TypeOID.int8)
    case .float8(let value):
      append(value.bitPattern, to: &bytes)
      return Declared(oid: TypeOID.float8)
    case .text(let value):
      bytes.append(contentsOf: value.utf8)
      return Declared(oid: 0, isText: true)
    case .bytes(let value):
      bytes.append(contentsOf: value)
      return Declared(oid: TypeOID.bytea)
    case .numeric(let value):
      value.appendWire(to: &bytes)
      return Declared(oid: TypeOID.numeric)
    case .date(let days):
      append(days == .max || days == .min ? days : days.subtractingClamped(daysTo2000), to: &bytes)
      return Declared(oid: TypeOID.date)
    case .timestamp(let microseconds):
      append(since2000(microseconds), to: &bytes)
      return Declared(oid: TypeOID.timestamp)
    case .timestamptz(let microseconds):
      append(since2000(microseconds), to: &bytes)
      return Declared(oid: TypeOID.timestamptz)
    case .uuid(let value):
      bytes.append(contentsOf: value)
      return Declared(oid: TypeOID.uuid)
    case .json(let value):
      bytes.append(1)  // jsonb's version
      bytes.append(contentsOf: value.utf8)
      return Declared(oid: TypeOID.jsonb)
    case .textArray(let values):
      appendArray(values, of: TypeOID.text, to: &bytes) { $1.append(contentsOf: $0.utf8) }
      return Declared(oid: TypeOID.textArray)
    case .int8Array(let values):
      appendArray(values, of: TypeOID.int8, to: &bytes) { append($0, to: &$1) }
      return Declared(oid: TypeOID.int8Array)
    case .encoded(let type, let value):
      bytes.append(contentsOf: value)
      return Declared(oid: type)
    }
  }

  static func append<Number: FixedWidthInteger>(_ value: Number, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }

  private static func since2000(_ microseconds: Int64) -> Int64 {
    microseconds == .max || microseconds == .min
      ? microseconds : microseconds.subtractingClamped(microsecondsTo2000)
  }

  private static func appendArray<Element>(
    _ values: [Element?], of type: UInt32, to bytes: inout [UInt8], _ encode: (Element, inout [UInt8]) -> Void
  ) {
    append(Int32(values.isEmpty ? 0 : 1), to: &bytes)
    append(Int32(values.contains { $0 == nil } ? 1 : 0), to: &bytes)
    append(type, to: &bytes)
    guard !values.isEmpty else { return }
    append(Int32(clamping: values.count), to: &bytes)
    append(Int32(1), to: &bytes)
    for value in values {
      guard let value else {
        append(Int32(-1), to: &bytes)
        continue
      }
      let lengthAt = bytes.count
      append(Int32(0), to: &bytes)
      encode(value, &bytes)
      let length = Int32(clamping: bytes.count - lengthAt - 4)
      withUnsafeBytes(of: length.bigEndian) {
        for (offset, byte) in $0.enumerated() { bytes[lengthAt + offset] = byte }
      }
    }
  }
}

extension FixedWidthInteger {
  func subtractingClamped(_ other: Self) -> Self {
    let (value, overflow) = subtractingReportingOverflow(other)
    // One away from the ends, which mean infinity.
    return overflow ? (self < 0 ? .min + 1 : .max - 1) : value
  }

  func addingClamped(_ other: Self) -> Self {
    let (value, overflow) = addingReportingOverflow(other)
    return overflow ? (self < 0 ? .min + 1 : .max - 1) : value
  }
}
