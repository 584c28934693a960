// Zstandard, through libzstd: frames one after another read as one stream, skippable frames passed over.
// Invariant: the end of input inside a frame is `.truncated`.
// Source: RFC 8878, 3.1 (frames); zstd.h, ZSTD_decompressStream.

internal import CZstd

/// One decompressor, released in `deinit`.
final class ZstandardStream {
  private let stream: OpaquePointer
  private let path: String?
  private var isInsideFrame = true

  init(path: String?) throws(CSVError) {
    guard let stream = ZSTD_createDStream() else { throw CSVError(.memory, path: path, "cannot start zstd") }
    self.stream = stream
    self.path = path
  }

  deinit {
    ZSTD_freeDStream(stream)
  }

  func read(from input: inout FileInput, into target: UnsafeMutableRawBufferPointer) throws(CSVError) -> Int {
    var output = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
    while output.pos == 0 {
      let hasInput = try input.refill()
      if !hasInput, !isInsideFrame { return 0 }
      let pending = input.pending
      var source = ZSTD_inBuffer(src: pending.baseAddress, size: pending.count, pos: 0)
      let status = ZSTD_decompressStream(stream, &output, &source)
      input.consume(source.pos)
      if ZSTD_isError(status) != 0 {
        if ZSTD_getErrorCode(status) == ZSTD_error_frameParameter_windowTooLarge {
          throw CSVError(
            .corrupt, path: path, "the zstd stream needs more than 128 MiB of memory to read",
            fix: "have it compressed without --long and --ultra")
        }
        let reason = String(cString: ZSTD_getErrorName(status))
        throw CSVError(.corrupt, path: path, "the zstd stream is damaged: \(reason)")
      }
      isInsideFrame = status != 0
      if !hasInput, isInsideFrame, output.pos == 0 {
        throw CSVError(.truncated, path: path, "the zstd stream ends in the middle; the file is incomplete")
      }
    }
    return output.pos
  }
}
