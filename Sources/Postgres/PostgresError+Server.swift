// From libpq's replies to errors: a result's diagnostic fields, and the text of a refused connect, where libpq 15
// offers no fields and the SQLSTATE is read out of a verbose message.

internal import CLibPQ

extension PostgresError {
  /// The error a result carries.
  init(result: ResultHandle, statement: String?, isConnectionLost: Bool) {
    let message = result.field(UInt8(ascii: "M")) ?? oneLine(PQresultErrorMessage(result.raw))
    // The server says FATAL before it hangs up; the hang-up itself may not have arrived yet.
    let isFatal = ["FATAL", "PANIC"].contains(result.field(UInt8(ascii: "V")) ?? "")
    self.init(
      isConnectionLost || isFatal ? .connectionLost : .server, message.isEmpty ? "the server gave no message" : message,
      sqlState: result.field(UInt8(ascii: "C")), statement: statement)
    detail = result.field(UInt8(ascii: "D"))
    hint = result.field(UInt8(ascii: "H"))
    position = result.field(UInt8(ascii: "P")).flatMap { Int($0) }
    context = result.field(UInt8(ascii: "W"))
    schema = result.field(UInt8(ascii: "s"))
    table = result.field(UInt8(ascii: "t"))
    column = result.field(UInt8(ascii: "c"))
    constraint = result.field(UInt8(ascii: "n"))
  }

  /// The error of a connect that libpq gave up, from its verbose message.
  init(connectMessage: String, place: String) {
    var sqlState: String?
    var message = connectMessage
    for severity in ["FATAL:  ", "ERROR:  ", "PANIC:  "] {
      guard let found = connectMessage.firstRange(of: severity) else { continue }
      let rest = connectMessage[found.upperBound...]
      let code = rest.prefix(5)
      if rest.dropFirst(5).first == ":", code.allSatisfy({ $0.isASCII && ($0.isNumber || $0.isUppercase) }) {
        sqlState = String(code)
        message = String(rest.dropFirst(6)).trimmed
      }
    }
    if let location = message.firstRange(of: "LOCATION:") { message = String(message[..<location.lowerBound]).trimmed }
    let kind: Kind
    switch sqlState.map({ $0.prefix(2) }) {
    case "28": kind = .authentication
    case "57", "53", "08", nil: kind = .unreachable
    default: kind = .server
    }
    let needsPassword = sqlState == nil && message.contains("no password supplied")
    self.init(needsPassword ? .authentication : kind, "\(place): \(message)", sqlState: sqlState)
  }
}

extension String {
  /// Where `other` first occurs, compared by bytes.
  func firstRange(of other: String) -> Range<String.Index>? {
    var start = startIndex
    while start < endIndex {
      if utf8[start...].starts(with: other.utf8) { return start..<utf8.index(start, offsetBy: other.utf8.count) }
      start = utf8.index(after: start)
    }
    return nil
  }
}
