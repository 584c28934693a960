// The writing end of one COPY. It is valid only inside the body it was lent to; afterwards every write is refused.

/// The bytes of one write: lent for the length of the awaited call, or owned.
///
/// `@unchecked Sendable`: the lender waits for the call and does not touch them meanwhile.
enum CopyBytes: @unchecked Sendable {
  case lent(UnsafeRawBufferPointer)
  case owned([UInt8])

  var count: Int {
    switch self {
    case .lent(let bytes): bytes.count
    case .owned(let bytes): bytes.count
    }
  }

  func withBytes<R>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    switch self {
    case .lent(let bytes): body(UnsafeRawBufferPointer(rebasing: bytes[range]))
    case .owned(let bytes): bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
  }
}

/// Sends the data of one COPY.
public struct CopyWriter: Sendable {
  let connection: PostgresConnection
  let token: UInt64

  /// Sends bytes and returns once libpq has passed them to the socket, which is what slows a fast writer down.
  ///
  /// About 1 MiB a call serves best. The bytes need not end with a row.
  /// - Throws: the server's error as soon as it is known; the COPY has then failed as a whole.
  public nonisolated(nonsending) func write(_ bytes: UnsafeRawBufferPointer) async throws(PostgresError) {
    try await connection.writeCopy(.lent(bytes), token: token)
  }

  /// Sends bytes and returns once libpq has passed them to the socket.
  public nonisolated(nonsending) func write(_ bytes: [UInt8]) async throws(PostgresError) {
    try await connection.writeCopy(.owned(bytes), token: token)
  }
}
