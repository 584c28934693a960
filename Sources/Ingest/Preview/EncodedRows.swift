// Rows of binary COPY → the text that PostgreSQL would show for them: the way back from `BinaryFields`.
// Invariant: nothing but the encoded bytes is read, so what is shown is what would be sent. Times with a zone are shown
// in the zone given, as a session of the project would. JSON is shown as it is sent; the server keeps it as jsonb,
// which drops blanks and repeated keys.

internal import Definitions
internal import Money
internal import Postgres

/// Reads the rows of an encoded block.
struct EncodedRows {
  let types: [ColumnType]
  let zone: TimeZoneRules

  /// One row: where it came from, and its columns; nil for NULL.
  struct Row {
    var line: Int
    var values: [String?]
  }

  /// The first rows of a block.
  func rows(of bytes: UnsafeRawBufferPointer, atMost limit: Int) -> [Row] {
    var rows: [Row] = []
    var offset = 0
    while rows.count < limit, offset + 2 <= bytes.count {
      let fields = Int(integer(bytes, offset, Int16.self))
      offset += 2
      var values: [String?] = []
      var line = 0
      for index in 0..<fields {
        let count = Int(integer(bytes, offset, Int32.self))
        offset += 4
        if count >= 0 {
          let field = UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + count)])
          if index < types.count {
            values.append(text(field, types[index]))
          } else if index == types.count + 1 {
            line = Int(integer(field, 0, Int64.self))
          }
          offset += count
        } else if index < types.count {
          values.append(nil)
        }
      }
      rows.append(Row(line: line, values: values))
    }
    return rows
  }

  private func integer<T: FixedWidthInteger>(_ bytes: UnsafeRawBufferPointer, _ offset: Int, _ type: T.Type) -> T {
    T(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
  }

  private func text(_ bytes: UnsafeRawBufferPointer, _ type: ColumnType) -> String {
    switch type {
    case .text: return String(decoding: bytes, as: UTF8.self)
    case .json: return String(decoding: bytes.dropFirst(), as: UTF8.self)
    case .integer: return String(integer(bytes, 0, Int32.self))
    case .bigint: return String(integer(bytes, 0, Int64.self))
    case .decimal: return PostgresNumeric(wire: bytes)?.description ?? ""
    case .boolean: return bytes[0] != 0 ? "t" : "f"
    case .date: return CivilDate(daysSince1970: Int(integer(bytes, 0, Int32.self)) + Int(daysTo2000)).description
    case .timestamp: return time(integer(bytes, 0, Int64.self) + daysTo2000 * 86_400_000_000)
    case .timestamptz:
      let instant = integer(bytes, 0, Int64.self) + daysTo2000 * 86_400_000_000
      let seconds = instant.quotientAndRemainder(dividingBy: 1_000_000)
      let offset = zone.offset(at: seconds.remainder < 0 ? seconds.quotient - 1 : seconds.quotient)
      return time(instant + offset * 1_000_000) + Self.offset(offset)
    case .uuid:
      let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
      return [digits[0..<4], digits[4..<6], digits[6..<8], digits[8..<10], digits[10..<16]].map { $0.joined() }
        .joined(separator: "-")
    }
  }

  private func time(_ microseconds: Int64) -> String {
    let perDay: Int64 = 86_400_000_000
    var (day, rest) = microseconds.quotientAndRemainder(dividingBy: perDay)
    if rest < 0 {
      day -= 1
      rest += perDay
    }
    let seconds = rest / 1_000_000
    var text =
      "\(CivilDate(daysSince1970: Int(day))) \(Self.two(seconds / 3_600)):\(Self.two(seconds / 60 % 60)):\(Self.two(seconds % 60))"
    if rest % 1_000_000 > 0 {
      var digits = String(1_000_000 + rest % 1_000_000).dropFirst()
      while digits.last == "0" { digits.removeLast() }
      text += ".\(digits)"
    }
    return text
  }

  /// `-05`, `+05:30`, as PostgreSQL writes offsets.
  private static func offset(_ seconds: Int64) -> String {
    let amount = abs(seconds)
    var text = (seconds < 0 ? "-" : "+") + two(amount / 3_600)
    if amount % 3_600 > 0 { text += ":" + two(amount / 60 % 60) }
    if amount % 60 > 0 { text += ":" + two(amount % 60) }
    return text
  }

  private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : String(number) }
}
