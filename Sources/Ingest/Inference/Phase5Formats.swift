// Phase 5: how dates and times are written.
// ISO 8601 needs no format. Others are tried with the ingest's own parser; when day and month fit both ways, a value
// above 12 decides, else another column of the file, else nothing does and the comment says so.

internal import Definitions

/// One way of reading all values of a column.
struct TemporalReading: Sendable {
  enum Order: Sendable { case fixed, dayFirst, monthFirst }

  /// The text of `format:`; nil for ISO 8601.
  var pattern: String?
  var type: ColumnType
  var order: Order
  /// Days between the first and the last.
  var spanDays: Int64 = 0
}

enum TemporalNotation {
  private struct Piece {
    var text: String
    var parts: [DateTimeFormat.Part]
    var order = TemporalReading.Order.fixed
    var hasOffset = false
  }

  private static func literal(_ character: Character) -> Piece {
    Piece(text: String(character), parts: character.utf8.map { .literal($0) })
  }

  private static let dates: [Piece] = {
    var pieces: [Piece] = []
    func join(_ parts: [(String, DateTimeFormat.Part)], _ separators: [String], _ order: TemporalReading.Order) {
      var text = ""
      var all: [DateTimeFormat.Part] = []
      for (index, part) in parts.enumerated() {
        text += part.0
        all.append(part.1)
        if index < separators.count {
          text += separators[index]
          all += separators[index].utf8.map { .literal($0) }
        }
      }
      pieces.append(Piece(text: text, parts: all, order: order))
    }
    let year = ("yyyy", DateTimeFormat.Part.year)
    let name = ("MMM", DateTimeFormat.Part.monthName)
    for digits in [2, 1] {
      let day = (digits == 2 ? "dd" : "d", DateTimeFormat.Part.day(minimumDigits: digits))
      let month = (digits == 2 ? "MM" : "M", DateTimeFormat.Part.month(minimumDigits: digits))
      for mark in ["/", ".", "-", " "] {
        join([day, month, year], [mark, mark], .dayFirst)
        join([month, day, year], [mark, mark], .monthFirst)
        join([year, month, day], [mark, mark], .fixed)
      }
      for mark in ["-", " ", "/", "."] { join([day, name, year], [mark, mark], .fixed) }
      join([name, day, year], [" ", ", "], .fixed)
      join([name, day, year], [" ", " "], .fixed)
    }
    join([("dd", .day(minimumDigits: 2)), name, year], ["", ""], .fixed)
    return pieces
  }()

  /// Digits alone, which are dates only under a name that says so.
  private static let digits: [Piece] = [
    Piece(text: "yyyyMMdd", parts: [.year, .month(minimumDigits: 2), .day(minimumDigits: 2)])
  ]

  private static let times: [Piece] = {
    var clocks: [Piece] = []
    for width in [2, 1] {
      let hour = width == 2 ? "HH" : "H"
      let start: [DateTimeFormat.Part] = [.hour(minimumDigits: width), .literal(0x3A), .minute]
      clocks.append(Piece(text: "\(hour):mm", parts: start))
      clocks.append(Piece(text: "\(hour):mm:ss", parts: start + [.literal(0x3A), .second]))
      for fraction in 1...6 {
        clocks.append(
          Piece(
            text: "\(hour):mm:ss." + String(repeating: "S", count: fraction),
            parts: start + [.literal(0x3A), .second, .literal(0x2E), .fraction(digits: fraction)]))
      }
    }
    var all: [Piece] = []
    for (text, byte) in [(" ", UInt8(0x20)), ("'T'", UInt8(0x54))] {
      for clock in clocks {
        let base = Piece(text: text + clock.text, parts: [.literal(byte)] + clock.parts)
        all.append(base)
        all.append(Piece(text: base.text + "XXX", parts: base.parts + [.offset], hasOffset: true))
        all.append(Piece(text: base.text + " XXX", parts: base.parts + [.literal(0x20), .offset], hasOffset: true))
      }
    }
    all.append(
      Piece(
        text: "HHmmss", parts: [.hour(minimumDigits: 2), .minute, .second]))
    return all
  }()

  /// The ways in which every value is a date or a time, at most one for each order of day and month.
  static func readings(of values: [ArraySlice<UInt8>], digitsOnly: Bool = false) -> [TemporalReading] {
    guard let first = values.first, (8...40).contains(first.count) else { return [] }
    if let reading = iso(values) { return [reading] }
    var found: [TemporalReading] = []
    for date in dates + (digitsOnly ? digits : []) {
      // The date alone must fit the beginning of the first value; most candidates end here.
      for time in [nil] + times.map(Optional.some) {
        if found.contains(where: { $0.order == date.order }) { break }
        guard let span = span(values, date.parts + (time?.parts ?? [])) else { continue }
        found.append(
          TemporalReading(
            pattern: date.text + (time?.text ?? ""),
            type: time.map { $0.hasOffset ? .timestamptz : .timestamp } ?? .date, order: date.order, spanDays: span))
      }
    }
    // A fixed order among others is an accident of the marks.
    let ordered = found.filter { $0.order != .fixed }
    return ordered.isEmpty ? Array(found.prefix(1)) : ordered
  }

  private static func iso(_ values: [ArraySlice<UInt8>]) -> TemporalReading? {
    var hasTime = false
    var hasOffset = false
    var low = Int64.max
    var high = Int64.min
    for value in values {
      var time = CivilTime()
      let isTime = value.withUnsafeBufferPointer { buffer in
        buffer.baseAddress.map { parseISO($0, buffer.count, into: &time) } ?? false
      }
      if !isTime { return nil }
      hasTime = hasTime || time.hasTime
      hasOffset = hasOffset || time.hasOffset
      low = min(low, time.day)
      high = max(high, time.day)
    }
    return TemporalReading(
      pattern: nil, type: hasOffset ? .timestamptz : hasTime ? .timestamp : .date, order: .fixed, spanDays: high - low)
  }

  /// The days between the least and the greatest value when all fit, else nil.
  private static func span(_ values: [ArraySlice<UInt8>], _ parts: [DateTimeFormat.Part]) -> Int64? {
    var low = Int64.max
    var high = Int64.min
    for value in values {
      var time = CivilTime()
      let isTime = value.withUnsafeBufferPointer { buffer in
        parts.withUnsafeBufferPointer { parts in
          buffer.baseAddress.map { parseFormatted($0, buffer.count, parts: parts, into: &time) } ?? false
        }
      }
      if !isTime { return nil }
      low = min(low, time.day)
      high = max(high, time.day)
    }
    return high - low
  }
}

enum FormatsPhase {
  /// Chooses one reading for every column of dates, and says why.
  static func settle(_ columns: inout [ColumnGuess]) {
    let decided = columns.first { $0.readings.count == 1 && $0.readings[0].order != .fixed }
    for index in columns.indices {
      guard let first = columns[index].readings.first else { continue }
      let choice: TemporalReading
      if columns[index].readings.count == 1 {
        choice = first
        switch first.order {
        case .dayFirst:
          columns[index].evidence.append("a first number above 12 was seen: day first")
        case .monthFirst:
          columns[index].evidence.append("a second number above 12 was seen: month first")
        case .fixed: break
        }
      } else if let other = decided,
        let same = columns[index].readings.first(where: { $0.order == other.readings[0].order })
      {
        choice = same
        columns[index].evidence.append("day and month could be swapped; column \(other.name) decides")
      } else {
        choice = first
        let swapped = columns[index].readings.last?.pattern ?? ""
        let spans = columns[index].readings.map { "\($0.pattern ?? ""): \(counted(Int($0.spanDays))) days" }
        columns[index].evidence.append(
          "UNDECIDED: no number above 12 was seen, so it may be \(swapped) (first to last as \(spans.joined(separator: ", as ")))"
        )
      }
      columns[index].format = choice.pattern
      columns[index].type = choice.type
      if choice.type == .timestamp {
        columns[index].suggestions.append(
          ("type: timestamptz", "no offset seen; these are moments in the project's time zone only if you say so"))
      }
    }
  }

  /// The columns whose day and month cannot be told apart.
  static func undecided(_ columns: [ColumnGuess]) -> [String] {
    columns.filter { $0.evidence.contains { $0.hasPrefix("UNDECIDED") } }.map(\.name)
  }
}
