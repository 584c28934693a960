// gzip, through zlib: members one after another read as one stream (as `cat a.gz b.gz` makes them).
// Invariant: the end of input inside a member is `.truncated`; bytes behind the last member that are neither a member
// nor zero padding are `.corrupt`, because they may be rows.
// Source: RFC 1952, 2.2 (members); zlib.h, inflateInit2.

internal import CZlib

/// One inflater, released in `deinit`.
final class GzipStream {
  private let stream: UnsafeMutablePointer<z_stream>
  private let path: String?
  private var isInsideMember = true

  init(path: String?) throws(CSVError) {
    self.path = path
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // 16 added to the window bits: gzip headers only.
    let status = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    if status != Z_OK { throw CSVError(.memory, path: path, "cannot start zlib: error \(status)") }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  func read(from input: inout FileInput, into target: UnsafeMutableRawBufferPointer) throws(CSVError) -> Int {
    stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(clamping: target.count)
    let room = stream.pointee.avail_out
    while stream.pointee.avail_out == room {
      if !isInsideMember, try !beginNextMember(&input) { return 0 }
      let hasInput = try input.refill()
      let pending = input.pending
      stream.pointee.next_in = pending.baseAddress?.assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_in = UInt32(pending.count)
      let status = inflate(stream, Z_NO_FLUSH)
      input.consume(pending.count - Int(stream.pointee.avail_in))
      switch status {
      case Z_STREAM_END: isInsideMember = false
      case Z_OK: break
      case Z_BUF_ERROR:
        if !hasInput, stream.pointee.avail_out == room {
          throw CSVError(.truncated, path: path, "the gzip stream ends in the middle; the file is incomplete")
        }
      default:
        let reason = stream.pointee.msg.map { String(cString: $0) } ?? "error \(status)"
        throw CSVError(.corrupt, path: path, "the gzip stream is damaged: \(reason)")
      }
    }
    return Int(room - stream.pointee.avail_out)
  }

  /// Whether another member follows; zero padding is passed over.
  private func beginNextMember(_ input: inout FileInput) throws(CSVError) -> Bool {
    while try input.refill() {
      if let start = input.pending.firstIndex(where: { $0 != 0 }) {
        input.consume(start)
        guard input.pending[0] == 0x1F else {
          throw CSVError(.corrupt, path: path, "bytes that are not gzip follow the gzip stream")
        }
        inflateReset(stream)
        isInsideMember = true
        return true
      }
      input.consume(input.pending.count)
    }
    return false
  }
}
