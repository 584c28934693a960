// The owners of libpq's objects: each is adopted once and released in `deinit`, so that a connect that failed, a
// result nobody read and a throw halfway all give back what they took.
// Nothing here waits; the order of calls is the connection's business.

internal import CLibPQ

/// Owns a PGconn, failed ones included.
final class ConnectionHandle {
  let raw: OpaquePointer
  init(adopting raw: OpaquePointer) { self.raw = raw }
  deinit { PQfinish(raw) }

  var socket: Int32 { PQsocket(raw) }
  var isBroken: Bool { PQstatus(raw) == CONNECTION_BAD }
  var isIdleInServer: Bool { PQtransactionStatus(raw) == PQTRANS_IDLE }
  /// libpq's own last message, in one line.
  var message: String { oneLine(PQerrorMessage(raw)) }

  /// Drops notices: libpq would print them on stderr.
  func silenceNotices() {
    PQsetNoticeReceiver(raw, { _, _ in }, nil)
  }

  /// Drops notices and counts them.
  func silenceNotices(counting counter: NoticeCounter) {
    PQsetNoticeReceiver(
      raw, { context, _ in if let context { NoticeCounter.increment(context) } }, counter.pointer)
  }
}

/// Counts the notices of one connection. libpq writes through the pointer while it parses input, which only the
/// connection's actor makes it do.
final class NoticeCounter {
  private let cell = UnsafeMutablePointer<Int>.allocate(capacity: 1)
  init() { cell.initialize(to: 0) }
  deinit { cell.deallocate() }
  var pointer: UnsafeMutableRawPointer { UnsafeMutableRawPointer(cell) }
  var count: Int { cell.pointee }
  static func increment(_ pointer: UnsafeMutableRawPointer) {
    pointer.assumingMemoryBound(to: Int.self).pointee += 1
  }
}

/// Owns a PGresult.
///
/// `@unchecked Sendable`: a PGresult is not written after libpq hands it over, and every function used on it reads.
final class ResultHandle: @unchecked Sendable {
  let raw: OpaquePointer
  init(adopting raw: OpaquePointer) { self.raw = raw }
  deinit { PQclear(raw) }

  var status: ExecStatusType { PQresultStatus(raw) }
  var rowCount: Int { Int(PQntuples(raw)) }
  var affectedRows: Int { Int(string(PQcmdTuples(raw)) ?? "") ?? 0 }
  var commandTag: String { string(PQcmdStatus(raw)) ?? "" }

  func field(_ code: UInt8) -> String? { string(PQresultErrorField(raw, Int32(code))) }
}

/// Owns a PGcancel.
///
/// `@unchecked Sendable`: a PGcancel is a private copy of address and key that PQcancel only reads.
final class CancelHandle: @unchecked Sendable {
  private let raw: OpaquePointer
  init?(of connection: ConnectionHandle) {
    guard let raw = PQgetCancel(connection.raw) else { return nil }
    self.raw = raw
  }
  deinit { PQfreeCancel(raw) }

  /// Asks the server to cancel; blocks. Returns once the server has passed the request on.
  func requestBlocking() -> Bool {
    var reason = [CChar](repeating: 0, count: 256)
    return PQcancel(raw, &reason, Int32(reason.count)) == 1
  }
}

func string(_ pointer: UnsafePointer<CChar>?) -> String? {
  pointer.map { String(cString: $0) }
}

func oneLine(_ pointer: UnsafePointer<CChar>?) -> String {
  (string(pointer) ?? "").split(whereSeparator: { $0 == "\n" || $0 == "\t" }).map { String($0).trimmed }
    .filter { !$0.isEmpty }.joined(separator: " ")
}

extension String {
  var trimmed: String {
    var rest = Substring(self)
    while let last = rest.last, last.isWhitespace { rest.removeLast() }
    while let first = rest.first, first.isWhitespace { rest.removeFirst() }
    return String(rest)
  }
}
