// Cancelling on the server. PQcancel blocks, so it runs on a thread; then the exchange is read to its end.
// Only the server's own 57014 confirms a cancel. Without it the request may still be under way and would hit the
// next statement, so the connection is retired; when the server does not answer at all it is closed.

internal import CLibPQ

extension PostgresConnection {
  /// Cancels the exchange under way and reads it to its end. Not cut short by the task's own cancellation.
  ///
  /// - Returns: whether the server confirmed it.
  func cancelOnServer(_ handle: ConnectionHandle) async -> Bool {
    guard let cancel = CancelHandle(of: handle) else {
      abandon(handle)
      return false
    }
    let isSent = await onBlockingThread(until: .now + cancelTimeout) { cancel.requestBlocking() } ?? false
    guard isSent else {
      abandon(handle)
      return false
    }
    do {
      return try await drain(handle, .cleanUp(cancelTimeout))
    } catch {
      abandon(handle)
      return false
    }
  }

  /// Reads the exchange to its end and drops what comes.
  ///
  /// - Returns: whether one of the results was 57014, query_canceled.
  @discardableResult
  func drain(_ handle: ConnectionHandle, _ patience: Patience) async throws -> Bool {
    try await flush(handle, patience)
    var isCancelled = false
    while let result = try await nextResult(on: handle, patience) {
      switch result.status {
      case PGRES_COPY_IN:
        PQputCopyEnd(handle.raw, "cancelled")
        try await flush(handle, patience)
      case PGRES_COPY_OUT, PGRES_COPY_BOTH:
        try await dropCopyData(handle, patience)
      default:
        if result.field(UInt8(ascii: "C")) == "57014" { isCancelled = true }
      }
    }
    return isCancelled
  }

  private func dropCopyData(_ handle: ConnectionHandle, _ patience: Patience) async throws {
    while true {
      var buffer: UnsafeMutablePointer<CChar>?
      let count = PQgetCopyData(handle.raw, &buffer, 1)
      PQfreemem(buffer)
      if count < 0 { return }
      if count > 0 { continue }
      try await waitForSocket(.read, on: handle, patience)
      guard PQconsumeInput(handle.raw) == 1 else { return }
    }
  }
}
