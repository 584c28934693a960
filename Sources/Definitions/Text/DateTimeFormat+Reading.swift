// The text of a `format:` → its parts.
// Invariant: a format that passes can be parsed without looking ahead: a number of varying width is followed by
// something that is not a digit.

/// Why a format cannot be used.
struct FormatProblem: Error {
  let message: String
}

extension DateTimeFormat {
  /// Reads a format for values of `type`, which is temporal.
  static func parse(_ pattern: String, for type: ColumnType) throws(FormatProblem) -> DateTimeFormat {
    let parts = try parts(of: Array(pattern.utf8))
    func count(_ isWanted: (Part) -> Bool) -> Int { parts.count(where: isWanted) }
    let years = count { $0 == .year }
    let months = count { if case .month = $0 { true } else { $0 == .monthName } }
    let days = count { if case .day = $0 { true } else { false } }
    let hours = count { if case .hour = $0 { true } else { false } }
    let minutes = count { $0 == .minute }
    let seconds = count { $0 == .second }
    let fractions = count { if case .fraction = $0 { true } else { false } }
    let offsets = count { $0 == .offset }
    guard years == 1, months == 1, days == 1 else {
      throw FormatProblem(message: "it needs one year (yyyy), one month (MM or MMM) and one day (dd)")
    }
    guard max(hours, minutes, seconds, fractions, offsets) <= 1 else {
      throw FormatProblem(message: "a part of the time is there twice")
    }
    if type == .date, hours + minutes + seconds + fractions + offsets > 0 {
      throw FormatProblem(message: "a date has no time of day")
    }
    if minutes > hours || seconds > minutes || fractions > seconds {
      throw FormatProblem(message: "a smaller part of the time stands without the larger one (HH, mm, ss, SSS)")
    }
    if offsets == 1, type != .timestamptz {
      throw FormatProblem(message: "an offset (XXX) belongs to timestamptz")
    }
    for (part, next) in zip(parts, parts.dropFirst()) where part.hasVaryingWidth && next.beginsWithDigit {
      throw FormatProblem(message: "a number of one or two digits must be followed by something else than a digit")
    }
    return DateTimeFormat(pattern: pattern, parts: parts)
  }

  private static func parts(of bytes: [UInt8]) throws(FormatProblem) -> [Part] {
    var parts: [Part] = []
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      guard byte >= 0x20, byte < 0x7F else {
        throw FormatProblem(message: "it has a character outside ASCII")
      }
      if byte == UInt8(ascii: "'") {
        guard let end = bytes[(index + 1)...].firstIndex(of: byte) else {
          throw FormatProblem(message: "a quote is not closed")
        }
        parts += end == index + 1 ? [.literal(byte)] : bytes[(index + 1)..<end].map(Part.literal)
        index = end + 1
        continue
      }
      let isLetter = (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
      let run = isLetter ? bytes[index...].prefix { $0 == byte } : bytes[index...index]
      parts.append(isLetter ? try part(String(decoding: run, as: UTF8.self)) : .literal(byte))
      index += run.count
    }
    return parts
  }

  private static func part(_ letters: String) throws(FormatProblem) -> Part {
    switch letters {
    case "yyyy": .year
    case "MM": .month(minimumDigits: 2)
    case "M": .month(minimumDigits: 1)
    case "MMM": .monthName
    case "dd": .day(minimumDigits: 2)
    case "d": .day(minimumDigits: 1)
    case "HH": .hour(minimumDigits: 2)
    case "H": .hour(minimumDigits: 1)
    case "mm": .minute
    case "ss": .second
    case "S", "SS", "SSS", "SSSS", "SSSSS", "SSSSSS": .fraction(digits: letters.utf8.count)
    case "XXX": .offset
    default:
      throw FormatProblem(
        message: "\"\(letters)\" is not a part of a date or time (yyyy, MM, M, MMM, dd, d, HH, H, mm, ss, SSS, XXX); "
          + "letters that stand for themselves are quoted: 'T'")
    }
  }
}

extension DateTimeFormat.Part {
  fileprivate var hasVaryingWidth: Bool {
    switch self {
    case .month(let digits), .day(let digits), .hour(let digits): digits == 1
    default: false
    }
  }

  fileprivate var beginsWithDigit: Bool {
    switch self {
    case .literal(let byte): (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    case .monthName, .offset: false
    default: true
    }
  }
}
