// A report's SQL with its two parameters, `:as_of` and `:time_zone`, made into typed PostgreSQL parameters.
// The text is read as PostgreSQL reads it: strings (plain, E'', dollar-quoted), quoted names, comments (nested) and
// casts (`::`) are passed over, so a parameter's name inside them is left alone.
// Values never become part of the text.

internal import Money
internal import Postgres

/// A statement with numbered parameters.
struct StatementTemplate: Sendable, Hashable {
  /// What a definition may speak of.
  enum Parameter: String, Sendable, Hashable, CaseIterable {
    case asOf = "as_of"
    case timeZone = "time_zone"

    var sqlType: String { self == .asOf ? "date" : "text" }
  }

  /// The text with `$1::date` in place of `:as_of`, without a final semicolon.
  let sql: String
  /// The parameters in the order of their numbers.
  let parameters: [Parameter]
  /// Names after a colon that are no parameter, in order; a definition with one is wrong.
  let unknownParameters: [String]

  /// Reads a statement.
  init(_ source: String) {
    var scanner = Scanner(bytes: Array(source.utf8))
    scanner.run()
    var bytes = scanner.output
    // A final semicolon would end the statement inside the text that is put around it.
    while let last = bytes.last, last == 0x3B || last == 0x20 || last == 0x0A || last == 0x0D || last == 0x09,
      bytes.count > scanner.lastOpaque
    {
      bytes.removeLast()
    }
    sql = String(decoding: bytes, as: UTF8.self)
    parameters = scanner.parameters
    unknownParameters = scanner.unknown
  }

  /// The values in the order of their numbers.
  func values(asOf: CivilDate, timeZone: String) -> [PostgresValue] {
    parameters.map { parameter in
      switch parameter {
      case .asOf: .date(daysSince1970: Int32(clamping: asOf.daysSince1970))
      case .timeZone: .text(timeZone)
      }
    }
  }
}

private struct Scanner {
  let bytes: [UInt8]
  var output: [UInt8] = []
  var parameters: [StatementTemplate.Parameter] = []
  var unknown: [String] = []
  /// Where the last string or comment ends in `output`; nothing before it may be trimmed.
  var lastOpaque = 0
  private var index = 0

  init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  private func byte(_ offset: Int = 0) -> UInt8? { index + offset < bytes.count ? bytes[index + offset] : nil }

  mutating func run() {
    while let current = byte() {
      switch current {
      case UInt8(ascii: "'"):
        let isEscaped = output.last.map { $0 | 0x20 == UInt8(ascii: "e") } == true && !isWord(output.dropLast().last)
        quoted(by: current, backslashes: isEscaped)
      case UInt8(ascii: "\""): quoted(by: current, backslashes: false)
      case UInt8(ascii: "-") where byte(1) == UInt8(ascii: "-"): lineComment()
      case UInt8(ascii: "/") where byte(1) == UInt8(ascii: "*"): blockComment()
      case UInt8(ascii: "$"): dollarQuoted()
      case UInt8(ascii: ":"): colon()
      default: copy(1)
      }
    }
  }

  private func isWord(_ byte: UInt8?) -> Bool {
    guard let byte else { return false }
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...: return true
    default: return false
    }
  }

  private mutating func copy(_ count: Int) {
    let end = min(index + count, bytes.count)
    output += bytes[index..<end]
    index = end
  }

  private mutating func quoted(by quote: UInt8, backslashes: Bool) {
    copy(1)
    while let current = byte() {
      if backslashes, current == UInt8(ascii: "\\") {
        copy(2)
      } else if current == quote, byte(1) == quote {
        copy(2)
      } else {
        copy(1)
        if current == quote { break }
      }
    }
    lastOpaque = output.count
  }

  private mutating func lineComment() {
    while let current = byte(), current != 0x0A { copy(1) }
    copy(1)
    lastOpaque = output.count
  }

  private mutating func blockComment() {
    var depth = 0
    while byte() != nil {
      if byte() == UInt8(ascii: "/"), byte(1) == UInt8(ascii: "*") {
        depth += 1
        copy(2)
      } else if byte() == UInt8(ascii: "*"), byte(1) == UInt8(ascii: "/") {
        depth -= 1
        copy(2)
        if depth == 0 { break }
      } else {
        copy(1)
      }
    }
    lastOpaque = output.count
  }

  private mutating func dollarQuoted() {
    // `$1` is a parameter and `a$b` a name; only `$tag$` opens a string.
    var end = index + 1
    while end < bytes.count, isWord(bytes[end]) { end += 1 }
    let opensString = end < bytes.count && bytes[end] == UInt8(ascii: "$")
    let startsWithDigit = index + 1 < bytes.count && (0x30...0x39).contains(bytes[index + 1])
    guard opensString, !startsWithDigit, !isWord(output.last) else {
      copy(1)
      return
    }
    let tag = Array(bytes[index...end])
    copy(tag.count)
    while byte() != nil {
      if bytes[index...].starts(with: tag) {
        copy(tag.count)
        break
      }
      copy(1)
    }
    lastOpaque = output.count
  }

  private mutating func colon() {
    if byte(1) == UInt8(ascii: ":") || byte(1) == UInt8(ascii: "=") {
      copy(2)
      return
    }
    var end = index + 1
    while end < bytes.count, isWord(bytes[end]) { end += 1 }
    let name = String(decoding: bytes[(index + 1)..<end], as: UTF8.self)
    // A slice such as `a[1:n]` follows a word or a bracket directly; a parameter never does.
    guard let first = name.utf8.first, !(0x30...0x39).contains(first), !isWord(output.last), output.last != 0x5D else {
      copy(1)
      return
    }
    guard let parameter = StatementTemplate.Parameter(rawValue: name) else {
      unknown.append(name)
      copy(1)
      return
    }
    if !parameters.contains(parameter) { parameters.append(parameter) }
    let number = (parameters.firstIndex(of: parameter) ?? 0) + 1
    output += Array("$\(number)::\(parameter.sqlType)".utf8)
    index = end
    lastOpaque = output.count
  }
}
