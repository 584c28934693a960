// A descriptor to write to.
// Invariant: a descriptor opened here is closed once, in `close()` where failure can be told or else in `deinit`;
// a borrowed one is left open.

internal import Glibc

/// Where a writer's bytes go.
struct FileOutput: ~Copyable {
  /// For messages; nil for a borrowed descriptor.
  let path: String?
  private var descriptor: Int32
  private let isOwned: Bool

  init(path: String) throws(CSVError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    if descriptor < 0 { throw CSVError(.write, path: path, doing: "create", errno: errno) }
    self.path = path
    self.descriptor = descriptor
    isOwned = true
  }

  init(borrowing descriptor: Int32) {
    path = nil
    self.descriptor = descriptor
    isOwned = false
  }

  deinit {
    if isOwned, descriptor >= 0 { Glibc.close(descriptor) }
  }

  func write(_ bytes: [UInt8]) throws(CSVError) {
    var failure: Int32?
    bytes.withUnsafeBytes { buffer in
      var done = 0
      while done < buffer.count {
        let step = Glibc.write(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done)
        if step >= 0 {
          done += step
        } else if errno != EINTR {
          failure = errno
          return
        }
      }
    }
    if let failure { throw CSVError(.write, path: path, doing: "write", errno: failure) }
  }

  mutating func close() throws(CSVError) {
    guard isOwned, descriptor >= 0 else { return }
    let status = Glibc.close(descriptor)
    let number = errno
    descriptor = -1
    if status != 0 { throw CSVError(.write, path: path, doing: "close", errno: number) }
  }
}
