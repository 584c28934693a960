// One piece of a file: the rows of one chunk whose keys fall into one part, on their way to one transaction.
// Invariant: a piece never changes once it is made; its rows lie in the encoded block of their chunk, which all parts of
// the chunk share, and their bytes as they were in the chunk itself. Equal keys of a file are always in the same part.

internal import CSV
internal import Ledger
internal import Postgres

/// Where one accepted record lies.
struct PieceRow {
  /// Of the encoded row in the chunk's block.
  var offset: Int
  /// Of the record's bytes in the chunk.
  var rawStart: Int
  var rawCount: Int
  var line: Int
  var record: Int
  /// Of the key's encoded bytes.
  var hash: UInt64
}

/// A chunk after parsing: what its pieces share.
final class EncodedChunk: @unchecked Sendable {  // no lock: nothing changes after the producer has handed it over
  let number: Int
  let source: RecordChunk
  let block: EncodedBlock

  init(number: Int, source: RecordChunk, block: EncodedBlock) {
    self.number = number
    self.source = source
    self.block = block
  }
}

/// The rows of one part of one chunk.
struct Piece: Sendable {
  var id: PieceID
  var chunk: EncodedChunk
  var rows: [PieceRow]
  /// Records that the client refused; all of a chunk's are with its first part.
  var rejects: RejectLog
  /// What was read, and what of it the client refused.
  var controls: ControlTotals

  /// All records that this piece accounts for.
  var recordsRead: Int { rows.count + rejects.count }

  /// The raw bytes of a row's record.
  func raw(_ row: PieceRow) -> [UInt8] {
    Array(chunk.source.bytes[row.rawStart..<(row.rawStart + row.rawCount)])
  }

  func byteOffset(_ row: PieceRow) -> Int { chunk.source.byteOffset + row.rawStart }

  func refused(_ row: PieceRow, column: String?, code: RejectCode, reason: String) -> RefusedRecord {
    RefusedRecord(
      line: row.line, record: row.record, byteOffset: byteOffset(row), column: column, code: code, reason: reason,
      raw: raw(row))
  }
}

// MARK: Rows to arrays

/// The fields of encoded rows, from the layout of binary COPY.
enum EncodedRow {
  /// Calls `body` with each field of the row at `start`: its place, its bytes and their count, -1 for null.
  @inline(__always)
  static func forEachField(
    _ start: UnsafePointer<UInt8>, _ body: (Int, UnsafePointer<UInt8>, Int) -> Void
  ) {
    var cursor = start
    let count = Int(load(cursor, as: Int16.self))
    cursor += 2
    for field in 0..<count {
      let length = Int(load(cursor, as: Int32.self))
      cursor += 4
      body(field, cursor, length)
      if length > 0 { cursor += length }
    }
  }

  @inline(__always)
  static func load<T: FixedWidthInteger>(_ bytes: UnsafePointer<UInt8>, as type: T.Type) -> T {
    T(bigEndian: UnsafeRawPointer(bytes).loadUnaligned(as: type))
  }

  /// FNV-1a over the lengths and bytes of the fields that `isKey` marks.
  static func keyHash(_ start: UnsafePointer<UInt8>, isKey: UnsafePointer<Bool>) -> UInt64 {
    var hash: UInt64 = 14_695_981_039_346_656_037
    forEachField(start) { field, bytes, count in
      guard isKey[field] else { return }
      hash = (hash ^ UInt64(truncatingIfNeeded: count)) &* 1_099_511_628_211
      if count > 0 { for index in 0..<count { hash = (hash ^ UInt64(bytes[index])) &* 1_099_511_628_211 } }
    }
    // The low bits of FNV alone divide badly.
    return hash ^ hash >> 32
  }

  /// Whether two rows have the same key, byte for byte: every type has one encoding for each value at its scale.
  static func hasEqualKeys(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, isKey: UnsafePointer<Bool>) -> Bool {
    var cursor = b + 2
    var isEqual = true
    forEachField(a) { field, bytes, count in
      let other = Int(load(cursor, as: Int32.self))
      cursor += 4
      if isKey[field], isEqual {
        isEqual = other == count
        if isEqual, count > 0 { for index in 0..<count where bytes[index] != cursor[index] { isEqual = false } }
      }
      if other > 0 { cursor += other }
    }
    return isEqual
  }
}

extension Piece {
  /// The fields at `fields` (places in the encoded row) of the rows at `selection`, one array each.
  ///
  /// - Parameter types: the element type of each array.
  func arrays(_ fields: [Int], types: [ElementType], of selection: [Int]) -> [PostgresValue] {
    var slots = [Int](repeating: -1, count: (fields.max() ?? 0) + 1)
    for (slot, field) in fields.enumerated() { slots[field] = slot }
    var arrays = types.map { ArrayBytes(of: $0, count: selection.count) }
    let base = UnsafePointer(chunk.block.base)
    for index in selection {
      EncodedRow.forEachField(base + rows[index].offset) { field, bytes, count in
        guard field < slots.count, slots[field] >= 0 else { return }
        arrays[slots[field]].append(bytes, count)
      }
    }
    return arrays.map(\.value)
  }

  /// The losers among `selection`: every row whose key comes again later in it, with the last row of that key.
  func losers(in selection: [Int], isKey: [Bool]) -> [(row: Int, winner: Int)] {
    guard isKey.contains(true), selection.count > 1 else { return [] }
    var bits = 1
    while 1 << bits < selection.count * 2 { bits += 1 }
    let mask = 1 << bits - 1
    var table = [Int32](repeating: -1, count: 1 << bits)
    var losers: [(row: Int, winner: Int)] = []
    let base = UnsafePointer(chunk.block.base)
    isKey.withUnsafeBufferPointer { isKey in
      guard let isKey = isKey.baseAddress else { return }
      // From the end, so that the first row met of a key is its winner.
      for index in selection.reversed() {
        var slot = Int(truncatingIfNeeded: rows[index].hash) & mask
        while table[slot] >= 0 {
          let other = Int(table[slot])
          if rows[other].hash == rows[index].hash,
            EncodedRow.hasEqualKeys(base + rows[index].offset, base + rows[other].offset, isKey: isKey)
          {
            losers.append((index, other))
            break
          }
          slot = (slot + 1) & mask
        }
        if table[slot] < 0 { table[slot] = Int32(truncatingIfNeeded: index) }
      }
    }
    return losers.reversed()
  }
}

/// An element type and its array type, by their fixed numbers in PostgreSQL's catalog (pg_type.dat).
struct ElementType: Sendable, Hashable {
  var oid: UInt32
  var array: UInt32
  /// The element type's name in a cast.
  var name: String

  static let bigint = ElementType(oid: 20, array: 1016, name: "bigint")

  init(oid: UInt32, array: UInt32, name: String) {
    self.oid = oid
    self.array = array
    self.name = name
  }

  init(_ kind: ValueKind) {
    switch kind {
    case .text: self.init(oid: 25, array: 1009, name: "text")
    case .integer: self.init(oid: 23, array: 1007, name: "integer")
    case .bigint: self = .bigint
    case .decimal: self.init(oid: 1700, array: 1231, name: "numeric")
    case .boolean: self.init(oid: 16, array: 1000, name: "boolean")
    case .date: self.init(oid: 1082, array: 1182, name: "date")
    case .timestamp: self.init(oid: 1114, array: 1115, name: "timestamp")
    case .timestamptz: self.init(oid: 1184, array: 1185, name: "timestamptz")
    case .uuid: self.init(oid: 2950, array: 2951, name: "uuid")
    case .json: self.init(oid: 3802, array: 3807, name: "jsonb")
    }
  }
}

/// A one-dimensional array in its binary format.
///
/// Source: PostgreSQL 15, src/backend/utils/adt/arrayfuncs.c, array_recv.
private struct ArrayBytes {
  private let type: ElementType
  private var bytes: [UInt8]
  private static let flagsAt = 7

  init(of type: ElementType, count: Int) {
    self.type = type
    bytes = []
    bytes.reserveCapacity(20 + count * 12)
    append(UInt32(count == 0 ? 0 : 1))
    append(UInt32(0))
    append(type.oid)
    guard count > 0 else { return }
    append(UInt32(truncatingIfNeeded: count))
    append(UInt32(1))
  }

  private mutating func append(_ word: UInt32) {
    withUnsafeBytes(of: word.bigEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ element: UnsafePointer<UInt8>, _ count: Int) {
    append(UInt32(bitPattern: Int32(truncatingIfNeeded: count)))
    guard count >= 0 else {
      bytes[Self.flagsAt] = 1
      return
    }
    bytes.append(contentsOf: UnsafeBufferPointer(start: element, count: count))
  }

  var value: PostgresValue { .encoded(type: type.array, bytes) }
}
