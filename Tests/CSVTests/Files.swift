// Files for the tests of this room: scratch directories, and compressed bytes from the C libraries' one-shot calls.

import CZlib
import CZstd
import Glibc
import Testing

/// Lends an empty directory and removes it with all its files.
func withScratchDirectory<R>(_ body: (String) throws -> R) throws -> R {
  var template = Array("/tmp/daybook-csv-XXXXXX".utf8CString)
  let made = template.withUnsafeMutableBufferPointer { buffer -> String? in
    guard let start = buffer.baseAddress, let name = mkdtemp(start) else { return nil }
    return String(cString: name)
  }
  let path = try #require(made, "cannot make a scratch directory")
  defer {
    if let listing = opendir(path) {
      while let entry = readdir(listing) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { unlink(path + "/" + name) }
      }
      closedir(listing)
    }
    rmdir(path)
  }
  return try body(path)
}

func write(_ bytes: [UInt8], to path: String) throws {
  let file = try #require(fopen(path, "w"))
  let written = fwrite(bytes, 1, bytes.count, file)
  fclose(file)
  try #require(written == bytes.count)
}

enum Compression: CaseIterable, Sendable {
  case plain, gzip, zstandard

  func pack(_ bytes: [UInt8]) throws -> [UInt8] {
    switch self {
    case .plain: bytes
    case .gzip: try gzip(bytes)
    case .zstandard: try zstandard(bytes)
    }
  }

  private func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
    var stream = z_stream()
    let started = deflateInit2_(
      &stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    try #require(started == Z_OK)
    defer { deflateEnd(&stream) }
    var input = bytes
    var packed = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))) + 64)
    let room = packed.count
    let status = input.withUnsafeMutableBufferPointer { source in
      packed.withUnsafeMutableBufferPointer { target in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = UInt32(room)
        return deflate(&stream, Z_FINISH)
      }
    }
    try #require(status == Z_STREAM_END)
    return Array(packed[..<(room - Int(stream.avail_out))])
  }

  private func zstandard(_ bytes: [UInt8]) throws -> [UInt8] {
    let context = try #require(ZSTD_createCCtx())
    defer { ZSTD_freeCCtx(context) }
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
    var packed = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
    let count = ZSTD_compress2(context, &packed, packed.count, bytes, bytes.count)
    try #require(ZSTD_isError(count) == 0)
    return Array(packed[..<count])
  }
}
