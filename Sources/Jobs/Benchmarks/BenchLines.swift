// Lines of an experiment's files, read and written in blocks, so that a file of any size takes little memory.

internal import Glibc
internal import Money

/// What a line of the sample holds.
enum BenchLine {
  private static let comma = UInt8(ascii: ",")

  /// The number before the first comma.
  static func key(_ line: UnsafeRawBufferPointer) -> Int? {
    var key = 0
    for byte in line {
      if byte == comma { return key }
      guard byte >= 0x30, byte <= 0x39, key < 1 << 50 else { return nil }
      key = key * 10 + Int(byte - 0x30)
    }
    return nil
  }

  /// The fields.
  static func fields(_ line: UnsafeRawBufferPointer) -> [String] {
    line.split(separator: comma, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
  }

  /// One field, by its place.
  static func field(_ line: UnsafeRawBufferPointer, _ place: Int) -> UnsafeRawBufferPointer {
    var start = 0
    var field = 0
    for (index, byte) in line.enumerated() where byte == comma {
      if field == place { return UnsafeRawBufferPointer(rebasing: line[start..<index]) }
      field += 1
      start = index + 1
    }
    return UnsafeRawBufferPointer(rebasing: line[(field == place ? start : line.count)...])
  }
}

/// Reads a file line by line.
final class LineReader {
  private let path: String
  private let descriptor: Int32
  private let block: UnsafeMutableRawBufferPointer
  private var start = 0
  private var end = 0
  private var isAtEnd = false

  /// Longer lines are not the sample's.
  private static let blockBytes = 1 << 20

  init(_ path: String) throws {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    block = .allocate(byteCount: Self.blockBytes, alignment: 16)
    guard descriptor >= 0 else { throw BenchWriter.failure(path) }
  }

  deinit {
    block.deallocate()
    if descriptor >= 0 { close(descriptor) }
  }

  /// Lends the next line without its end.
  ///
  /// - Returns: whether there was one.
  func next(_ body: (UnsafeRawBufferPointer) -> Void) throws -> Bool {
    while true {
      let pending = UnsafeRawBufferPointer(rebasing: block[start..<end])
      if let base = pending.baseAddress, let found = memchr(base, 0x0A, pending.count) {
        let length = base.distance(to: UnsafeRawPointer(found))
        start += length + 1
        body(UnsafeRawBufferPointer(rebasing: pending[..<length]))
        return true
      }
      if isAtEnd {
        guard start < end else { return false }
        start = end
        body(pending)
        return true
      }
      try refill()
    }
  }

  private func refill() throws {
    if start > 0, let base = block.baseAddress {
      memmove(base, base + start, end - start)
      end -= start
      start = 0
    }
    guard end < block.count, let base = block.baseAddress else {
      throw StageFailure(.bug, "bug", "\(path): a line of the sample is longer than \(Self.blockBytes) bytes")
    }
    let count = read(descriptor, base + end, block.count - end)
    if count < 0 {
      if errno == EINTR { return }
      throw BenchWriter.failure(path)
    }
    if count == 0 { isAtEnd = true }
    end += count
  }
}

/// Writes a file of transactions and adds up what it holds.
struct BenchWriter: ~Copyable {
  private let path: String
  private let layout: BenchLayout
  private let descriptor: Int32
  private var block: [UInt8] = []
  private(set) var rows = 0
  private(set) var bytes = 0
  private var sums: [String: ExactDecimal] = [:]
  private var hasOverflow = false

  private static let blockBytes = 1 << 20

  init(_ path: String, _ layout: BenchLayout) throws {
    self.path = path
    self.layout = layout
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Self.failure(path) }
    block.reserveCapacity(Self.blockBytes + 4096)
    block += layout.header
    block.append(0x0A)
    bytes = block.count
  }

  deinit { close(descriptor) }

  /// Adds a record.
  ///
  /// - Parameter step: what is added to its key.
  mutating func append(_ line: UnsafeRawBufferPointer, keyPlus step: Int = 0) {
    let before = block.count
    if step > 0, let key = BenchLine.key(line) {
      block += String(key + step).utf8
      block += line[(line.firstIndex(of: UInt8(ascii: ",")) ?? 0)...]
    } else {
      block += line
    }
    block.append(0x0A)
    bytes += block.count - before
    rows += 1
    guard let control = layout.control else { return }
    let group = String(decoding: BenchLine.field(line, control.group), as: UTF8.self)
    guard let amount = ExactDecimal(utf8: BenchLine.field(line, control.amount)),
      let sum = (sums[group] ?? .zero).adding(amount)
    else {
      hasOverflow = true
      return
    }
    sums[group] = sum
  }

  mutating func append(_ fields: [String]) {
    let text = Array(fields.joined(separator: ",").utf8)
    text.withUnsafeBytes { append($0) }
  }

  mutating func flushWhenFull() throws {
    if block.count >= Self.blockBytes { try flush() }
  }

  private mutating func flush() throws {
    var offset = 0
    while offset < block.count {
      let written = block.withUnsafeBytes { bytes in
        write(descriptor, bytes.baseAddress.map { $0 + offset }, bytes.count - offset)
      }
      if written < 0 {
        if errno == EINTR { continue }
        throw Self.failure(path)
      }
      offset += written
    }
    block.removeAll(keepingCapacity: true)
  }

  /// Writes the rest.
  consuming func finish() throws -> BenchFile {
    try flush()
    guard !hasOverflow else { throw StageFailure(.bug, "bug", "\(path): an amount of the sample is no number") }
    return BenchFile(path: path, rows: rows, bytes: bytes, sums: sums, layout: layout)
  }

  static func failure(_ path: String) -> StageFailure {
    StageFailure(.cannotWriteOutput, "cannot_write", "\(path): \(String(cString: strerror(errno)))")
  }
}
