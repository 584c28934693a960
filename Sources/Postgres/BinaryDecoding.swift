// PostgreSQL's binary wire format to values, chosen by type OID. Nil means the bytes are malformed or the type is
// not known; the row turns that into an error that names the column and says to cast.
// Source: the type's `_send` functions, src/backend/utils/adt.

enum BinaryDecoding {
  static func integer<Number: FixedWidthInteger>(
    _ bytes: UnsafeRawBufferPointer, at offset: Int, as type: Number.Type
  ) -> Number {
    Number(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Number.self))
  }

  private static func whole<Number: FixedWidthInteger>(
    _ bytes: UnsafeRawBufferPointer, _ type: Number.Type
  ) -> Number? {
    bytes.count == MemoryLayout<Number>.size ? integer(bytes, at: 0, as: type) : nil
  }

  static func value(_ bytes: UnsafeRawBufferPointer, type: UInt32) -> PostgresValue? {
    switch type {
    case TypeOID.text, TypeOID.varchar, TypeOID.bpchar, TypeOID.name, TypeOID.unknown, TypeOID.char, TypeOID.xml:
      return text(bytes).map { .text($0) }
    case TypeOID.int8: return whole(bytes, Int64.self).map { .int8($0) }
    case TypeOID.int4: return whole(bytes, Int32.self).map { .int4($0) }
    case TypeOID.int2: return whole(bytes, Int16.self).map { .int4(Int32($0)) }
    case TypeOID.bool: return bytes.count == 1 ? .bool(bytes[0] != 0) : nil
    case TypeOID.numeric: return PostgresNumeric(wire: bytes).map { .numeric($0) }
    case TypeOID.date: return whole(bytes, Int32.self).map { .date(daysSince1970: daysSince1970($0)) }
    case TypeOID.timestamp: return whole(bytes, Int64.self).map { .timestamp(microsecondsSince1970: since1970($0)) }
    case TypeOID.timestamptz:
      return whole(bytes, Int64.self).map { .timestamptz(microsecondsSince1970: since1970($0)) }
    case TypeOID.time: return whole(bytes, Int64.self).map { .text(CivilText.time(microseconds: $0)) }
    case TypeOID.float8: return whole(bytes, UInt64.self).map { .float8(Double(bitPattern: $0)) }
    case TypeOID.float4: return whole(bytes, UInt32.self).map { .float8(Double(Float(bitPattern: $0))) }
    case TypeOID.bytea: return .bytes([UInt8](bytes))
    case TypeOID.uuid: return bytes.count == 16 ? .uuid([UInt8](bytes)) : nil
    case TypeOID.json: return text(bytes).map { .json($0) }
    case TypeOID.jsonb:
      guard bytes.first == 1 else { return nil }
      return text(UnsafeRawBufferPointer(rebasing: bytes.dropFirst())).map { .json($0) }
    case TypeOID.oid, TypeOID.xid, TypeOID.regclass, TypeOID.regproc:
      return whole(bytes, UInt32.self).map { .int8(Int64($0)) }
    case TypeOID.xid8: return whole(bytes, UInt64.self).map { .int8(Int64(clamping: $0)) }
    case TypeOID.pgLSN: return whole(bytes, UInt64.self).map { .text(logPosition($0)) }
    case TypeOID.void: return .null
    case TypeOID.textArray, TypeOID.varcharArray, TypeOID.nameArray:
      return array(bytes) { text($0) }.map { .textArray($0) }
    case TypeOID.int8Array: return array(bytes) { whole($0, Int64.self) }.map { .int8Array($0) }
    case TypeOID.int4Array: return array(bytes) { whole($0, Int32.self).map(Int64.init) }.map { .int8Array($0) }
    case TypeOID.int2Array: return array(bytes) { whole($0, Int16.self).map(Int64.init) }.map { .int8Array($0) }
    case TypeOID.oidArray: return array(bytes) { whole($0, UInt32.self).map(Int64.init) }.map { .int8Array($0) }
    // Enums and text-like extension types send their text; composites begin with a count, which has zero bytes.
    case TypeOID.firstUserDefined...: return bytes.contains(0) ? nil : text(bytes).map { .text($0) }
    default: return nil
    }
  }

  private static func text(_ bytes: UnsafeRawBufferPointer) -> String? {
    String(validating: bytes, as: UTF8.self)
  }

  private static func daysSince1970(_ days: Int32) -> Int32 {
    days == .max || days == .min ? days : days.addingClamped(BinaryEncoding.daysTo2000)
  }

  private static func since1970(_ microseconds: Int64) -> Int64 {
    microseconds == .max || microseconds == .min
      ? microseconds : microseconds.addingClamped(BinaryEncoding.microsecondsTo2000)
  }

  private static func logPosition(_ value: UInt64) -> String {
    String(value >> 32, radix: 16, uppercase: true) + "/"
      + String(value & 0xFFFF_FFFF, radix: 16, uppercase: true)
  }

  /// One-dimensional arrays.
  private static func array<Element>(
    _ bytes: UnsafeRawBufferPointer, _ element: (UnsafeRawBufferPointer) -> Element?
  ) -> [Element?]? {
    guard bytes.count >= 12 else { return nil }
    let dimensions = integer(bytes, at: 0, as: Int32.self)
    if dimensions == 0 { return [] }
    guard dimensions == 1, bytes.count >= 20 else { return nil }
    let count = Int(integer(bytes, at: 12, as: Int32.self))
    guard count >= 0, count <= bytes.count / 4 else { return nil }
    var values: [Element?] = []
    values.reserveCapacity(count)
    var offset = 20
    for _ in 0..<count {
      guard offset + 4 <= bytes.count else { return nil }
      let length = Int(integer(bytes, at: offset, as: Int32.self))
      offset += 4
      if length < 0 {
        values.append(nil)
        continue
      }
      guard offset + length <= bytes.count,
        let value = element(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]))
      else { return nil }
      values.append(value)
      offset += length
    }
    return values
  }
}
