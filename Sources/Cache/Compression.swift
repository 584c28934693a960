// Blocks to fewer bytes and back, through libzstd. Invariant: unpacking never makes more bytes than were said to be there,
// and anything but exactly as many is nil.

internal import CZstd

enum Compression {
  private static let level: Int32 = 3

  /// The bytes packed; nil when there is no memory for it.
  static func packed(_ bytes: [UInt8]) -> [UInt8]? {
    let bound = ZSTD_compressBound(bytes.count)
    guard ZSTD_isError(bound) == 0 else { return nil }
    var size = 0
    let packed = [UInt8](unsafeUninitializedCapacity: bound) { target, count in
      size = bytes.withUnsafeBytes { ZSTD_compress(target.baseAddress, bound, $0.baseAddress, $0.count, level) }
      count = ZSTD_isError(size) == 0 ? size : 0
    }
    return ZSTD_isError(size) == 0 ? packed : nil
  }

  /// What was packed, when it is as many bytes as that.
  static func unpacked(_ packed: [UInt8], count expected: Int) -> [UInt8]? {
    guard expected >= 0 else { return nil }
    var size = 0
    // One more than is needed: a block of nothing has a target, too.
    let bytes = [UInt8](unsafeUninitializedCapacity: expected + 1) { target, count in
      size = packed.withUnsafeBytes { ZSTD_decompress(target.baseAddress, expected + 1, $0.baseAddress, $0.count) }
      count = ZSTD_isError(size) == 0 ? size : 0
    }
    return ZSTD_isError(size) == 0 && size == expected ? bytes : nil
  }
}
