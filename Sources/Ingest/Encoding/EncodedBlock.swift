// A growing block of binary COPY rows.
// Invariant: one owner at a time: the encoder fills it, hands it to the writer, and gets it back empty. Nothing
// else touches it, which is why it may cross tasks.
// Source of the layout: PostgreSQL 15 manual, COPY, "Binary Format".

/// Bytes for one COPY write.
final class EncodedBlock: @unchecked Sendable {  // no lock: ownership moves with `BlockExchange`
  private(set) var base: UnsafeMutablePointer<UInt8>
  private(set) var capacity: Int
  /// Bytes filled.
  var count = 0
  /// Rows filled.
  var rows = 0
  /// Bytes of the file read so far, for progress.
  var fileBytes = 0

  init(capacity: Int) {
    self.capacity = max(64, capacity)
    base = .allocate(capacity: self.capacity)
  }

  deinit { base.deallocate() }

  /// Makes room for `extra` more bytes.
  @inline(__always)
  func reserve(_ extra: Int) {
    if count &+ extra > capacity { grow(extra) }
  }

  @inline(never)
  private func grow(_ extra: Int) {
    let larger = max(capacity * 2, count + extra)
    let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
    moved.update(from: base, count: count)
    base.deallocate()
    base = moved
    capacity = larger
  }

  func removeAll() {
    count = 0
    rows = 0
  }

  /// The filled bytes.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  /// What a binary COPY starts with: signature, no flags, no extension.
  static let copyHeader: [UInt8] =
    Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00, 0, 0, 0, 0, 0, 0, 0, 0]
  /// What it ends with.
  static let copyTrailer: [UInt8] = [0xFF, 0xFF]
}
