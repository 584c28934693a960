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
    if pattern == "epoch" || pattern == "epoch_ms" {
      guard type == .timestamptz else {
        throw FormatProblem(message: "an epoch is a moment and belongs to timestamptz")
      }
      return DateTimeFormat(pattern: pattern, parts: [pattern == "epoch" ? .epochSeconds : .epochMilliseconds])
    }
    let parts = try parts(of: Array(pattern.utf8))
    func count(_ isWanted: (Part) -> Bool) -> Int { parts.count(where: isWanted) }
    let years = count { if case .yearOfCentury = $0 { true } else { $0 == .year } }
    let months = count { if case .month = $0 { true } else { $0 == .monthName || $0 == .fullMonthName } }
    let days = count { if case .day = $0 { true } else { false } }
    let halves = count { if case .hourOfHalfDay = $0 { true } else { false } }
    let hours = count { if case .hour = $0 { true } else { false } } + halves
    let minutes = count { $0 == .minute }
    let seconds = count { $0 == .second }
    let fractions = count { if case .fraction = $0 { true } else { false } }
    let offsets = count { $0 == .offset }
    let markers = count { $0 == .halfDay }
    guard years == 1, months == 1, days == 1 else {
      throw FormatProblem(
        message: "it needs one year (yyyy or yy), one month (MM, MMM or MMMM) and one day (dd), or is epoch or epoch_ms"
      )
    }
    guard max(hours, minutes, seconds, fractions, offsets, markers) <= 1 else {
      throw FormatProblem(message: "a part of the time is there twice")
    }
    if type == .date, hours + minutes + seconds + fractions + offsets + markers > 0 {
      throw FormatProblem(message: "a date has no time of day")
    }
    if minutes > hours || seconds > minutes || fractions > seconds {
      throw FormatProblem(message: "a smaller part of the time stands without the larger one (HH, mm, ss, SSS)")
    }
    if halves != markers {
      throw FormatProblem(
        message: "an hour of 1 to 12 (hh) and AM or PM (a) go together; hours of 0 to 23 are HH")
    }
    if offsets == 1, type != .timestamptz {
      throw FormatProblem(message: "an offset (XXX) belongs to timestamptz")
    }
    // Java's habit: the Z would be a letter like any other, and the time be read on the project's clock.
    if type == .timestamptz, offsets == 0, parts.last == .literal(UInt8(ascii: "Z")) {
      throw FormatProblem(message: "a quoted 'Z' says nothing about the zone; write XXX, which reads Z and +01:00")
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
      if case .yearOfCentury = parts.last, index < bytes.count, bytes[index] == UInt8(ascii: "(") {
        let digits = bytes[(index + 1)...].prefix { $0 != UInt8(ascii: ")") }
        guard digits.count == 4, index + 5 < bytes.count,
          let first = Int(String(decoding: digits, as: UTF8.self)), (1000...9900).contains(first)
        else {
          throw FormatProblem(message: "yy( ) holds the first of the hundred years that two digits can mean: yy(1930)")
        }
        parts[parts.count - 1] = .yearOfCentury(first: first)
        index += 6
      }
    }
    return parts
  }

  private static func part(_ letters: String) throws(FormatProblem) -> Part {
    switch letters {
    case "yyyy": .year
    case "yy": .yearOfCentury(first: DateTimeFormat.defaultFirstYear)
    case "MM": .month(minimumDigits: 2)
    case "M": .month(minimumDigits: 1)
    case "MMM": .monthName
    case "MMMM": .fullMonthName
    case "dd": .day(minimumDigits: 2)
    case "d": .day(minimumDigits: 1)
    case "HH": .hour(minimumDigits: 2)
    case "H": .hour(minimumDigits: 1)
    case "hh": .hourOfHalfDay(minimumDigits: 2)
    case "h": .hourOfHalfDay(minimumDigits: 1)
    case "a": .halfDay
    case "mm": .minute
    case "ss": .second
    case "S", "SS", "SSS", "SSSS", "SSSSS", "SSSSSS", "SSSSSSS", "SSSSSSSS", "SSSSSSSSS":
      .fraction(digits: letters.utf8.count)
    case "XXX": .offset
    default:
      throw FormatProblem(
        message: "\"\(letters)\" is not a part of a date or time (yyyy, yy, MM, M, MMM, MMMM, dd, d, HH, H, "
          + "hh, h, a, mm, ss, SSS, XXX); letters that stand for themselves are quoted: 'T'")
    }
  }
}

extension DateTimeFormat.Part {
  fileprivate var hasVaryingWidth: Bool {
    switch self {
    case .month(let digits), .day(let digits), .hour(let digits), .hourOfHalfDay(let digits): digits == 1
    default: false
    }
  }

  fileprivate var beginsWithDigit: Bool {
    switch self {
    case .literal(let byte): (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    case .monthName, .fullMonthName, .halfDay, .offset: false
    default: true
    }
  }
}
