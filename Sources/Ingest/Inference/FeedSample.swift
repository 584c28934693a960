// What inference looks at: the first bytes of the decompressed stream, and blocks from further in when the file is
// plain and can be sought in. Nothing after this touches the file: the phases are pure functions of these bytes.
// Invariant: the same file gives the same sample; memory is bounded by the constants below.

internal import CSV
internal import Glibc

/// Bytes of a file, before anything is known about them.
struct FeedSample: Sendable {
  /// The first bytes, decompressed.
  var head: [UInt8]
  /// Stretches from further in, of a plain file only.
  var blocks: [[UInt8]] = []
  /// Whether `head` is all there is.
  var isWhole: Bool

  /// Bytes of the head.
  static let headBytes = 1 << 20
  /// Blocks further in, the last one at the end of the file.
  static let blockCount = 16
  static let blockBytes = 64 << 10

  init(head: [UInt8], blocks: [[UInt8]] = [], isWhole: Bool) {
    self.head = head
    self.blocks = blocks
    self.isWhole = isWhole
  }

  /// Samples an open file.
  init(_ file: OpenFile) throws(CSVError) {
    var source = try FileByteSource(path: file.stablePath)
    var bytes = [UInt8](repeating: 0, count: Self.headBytes)
    var count = 0
    var isWhole = false
    while count < bytes.count, !isWhole {
      let step = try Self.step(&source, &bytes, from: count)
      count += step
      isWhole = step == 0
    }
    bytes.removeLast(bytes.count - count)
    // A plain file was read byte for byte, read-ahead apart; a compressed one cannot be sought in.
    let start = Self.plainBytes(file, 4)
    let isPlain = bytes.starts(with: start) && file.identity.bytes >= count
    self.init(
      head: bytes, blocks: isPlain && !isWhole ? Self.blocks(file, behind: count) : [],
      isWhole: isWhole || isPlain && file.identity.bytes == count)
  }

  private static func step(
    _ source: inout FileByteSource, _ bytes: inout [UInt8], from count: Int
  ) throws(CSVError) -> Int {
    var failure: CSVError?
    let step = bytes.withUnsafeMutableBytes { buffer -> Int in
      do throws(CSVError) {
        return try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
      } catch {
        failure = error
        return 0
      }
    }
    if let failure { throw failure }
    return step
  }

  private static func plainBytes(_ file: OpenFile, _ count: Int, at offset: Int = 0) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      filled = max(0, pread(file.descriptor, buffer.baseAddress, count, off_t(offset)))
    }
  }

  /// Evenly spread blocks behind the head; even offsets, so that UTF-16 is not cut inside a unit.
  private static func blocks(_ file: OpenFile, behind head: Int) -> [[UInt8]] {
    let room = file.identity.bytes - head
    if room <= blockCount * blockBytes { return [plainBytes(file, room, at: head & ~1)] }
    let stride = (room - blockBytes) / (blockCount - 1)
    return (0..<blockCount).map { plainBytes(file, blockBytes, at: (head + $0 * stride) & ~1) }
  }
}

/// One different value of a column, and how often it stands there.
struct SampledValue: Sendable, Hashable {
  var bytes: [UInt8]
  var isQuoted: Bool
  var count = 1

  /// The bytes without blanks and tabs around them, which `trim: true` takes off unquoted values only.
  var trimmed: ArraySlice<UInt8> {
    if isQuoted { return bytes[...] }
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    let front = bytes.drop(while: isBlank)
    guard let last = front.lastIndex(where: { !isBlank($0) }) else { return [] }
    return front[front.startIndex...last]
  }

  var isPadded: Bool { !isQuoted && trimmed.count != bytes.count }
}

/// The values of one column, each once, in the order of their first appearance.
struct SampledColumn: Sendable {
  private(set) var values: [SampledValue] = []
  /// For each record, its value's place in `values`.
  private(set) var rows: [Int32] = []
  private var places: [Key: Int32] = [:]

  private struct Key: Hashable {
    var bytes: [UInt8]
    var isQuoted: Bool
  }

  mutating func append(_ bytes: [UInt8], isQuoted: Bool) {
    let key = Key(bytes: bytes, isQuoted: isQuoted)
    if let place = places[key] {
      values[Int(place)].count += 1
      rows.append(place)
    } else {
      let place = Int32(truncatingIfNeeded: values.count)
      places[key] = place
      rows.append(place)
      values.append(SampledValue(bytes: bytes, isQuoted: isQuoted))
    }
  }
}

/// The sample as records.
struct SampledTable: Sendable {
  /// The fields of the first record.
  var header: [SampledValue] = []
  var columns: [SampledColumn] = []
  /// Records in `columns`.
  var records = 0
  /// Records that cannot be used, by reason, in words for a person.
  var unusable: [String: Int] = [:]

  var unusableCount: Int { unusable.values.reduce(0, +) }

  mutating func append(_ fields: [(bytes: [UInt8], isQuoted: Bool)]) {
    records += 1
    for index in columns.indices { columns[index].append(fields[index].bytes, isQuoted: fields[index].isQuoted) }
  }
}
