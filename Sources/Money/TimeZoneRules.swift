// When a time zone's clock is how far from UTC, read from the compiled tz database.
// A local time that the clock skips is read with the offset before the change (02:30 in a spring gap becomes
// 03:30); one that it shows twice is read as the later, standard, time. PostgreSQL's `at time zone` does the same.
// This is the one thing that Money reads from the machine, and only when a caller names a zone.
// Sources: RFC 8536 (TZif), POSIX.1-2017 8.3 (the TZ string in its footer).

internal import Glibc

/// The offsets of one zone, for any instant.
public struct TimeZoneRules: Sendable, Hashable {
  /// The IANA name.
  public let name: String
  /// Instants (seconds since 1970, UTC) at which the offset changes, ascending.
  private let transitions: [Int64]
  /// The offset before the first transition, then after each one.
  private let offsets: [Int64]
  /// The last year that has its own transitions; later years repeat those 400 years before.
  private let lastYear: Int

  private static let secondsIn400Years: Int64 = 146_097 * 86_400

  /// Reads a zone of the machine's tz database; nil when there is none of that name. UTC needs no database.
  public init?(named name: String, directory: String = "/usr/share/zoneinfo") {
    if name == "UTC" {
      self.init(name: name, transitions: [], offsets: [0], lastYear: 0)
      return
    }
    let isPath = name.hasPrefix("/") || name.split(separator: "/", omittingEmptySubsequences: false).contains("..")
    guard !name.isEmpty, !isPath, !name.utf8.contains(0), let bytes = Self.contents("\(directory)/\(name)") else {
      return nil
    }
    self.init(name: name, tzif: bytes)
  }

  /// Reads the bytes of a TZif file; nil when they are none.
  init?(name: String, tzif bytes: [UInt8]) {
    guard let file = TZifFile(bytes) else { return nil }
    var transitions = file.transitions
    var offsets = [file.initialOffset] + file.offsets
    var lastYear = 0
    if let footer = PosixTimeZone(file.footer), footer.hasDaylightSaving {
      // Written out for one Gregorian cycle beyond the table; the calendar repeats exactly after 400 years.
      let firstYear = transitions.last.map { Self.year(of: $0) } ?? 1970
      lastYear = firstYear + 401
      for year in firstYear...lastYear {
        for (instant, offset) in footer.transitions(in: year) where instant > (transitions.last ?? .min) {
          transitions.append(instant)
          offsets.append(offset)
        }
      }
    }
    self.init(name: name, transitions: transitions, offsets: offsets, lastYear: lastYear)
  }

  private init(name: String, transitions: [Int64], offsets: [Int64], lastYear: Int) {
    self.name = name
    self.transitions = transitions
    self.offsets = offsets
    self.lastYear = lastYear
  }

  /// Whether a clock here always shows what one there shows.
  public func isSameClock(as other: TimeZoneRules) -> Bool {
    transitions == other.transitions && offsets == other.offsets && lastYear == other.lastYear
  }

  private static func year(of instant: Int64) -> Int {
    CivilDate(daysSince1970: Int(floorDivide(instant, 86_400))).year
  }

  private static func contents(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 16_384)
    while bytes.count < 1 << 20 {
      let got = read(descriptor, &block, block.count)
      if got <= 0 { return got == 0 ? bytes : nil }
      bytes += block[0..<got]
    }
    return nil
  }

  /// Seconds to add to UTC for the local time at `instant`.
  public func offset(at instant: Int64) -> Int64 { segment(at: instant).offset }

  /// The day on the calendar there at `instant`.
  public func day(at instant: Int64) -> CivilDate {
    CivilDate(daysSince1970: Int(floorDivide(instant + offset(at: instant), 86_400)))
  }

  /// The instant of a local time, both in seconds since 1970 as their own clock counts them.
  public func instant(ofLocal local: Int64) -> Int64 {
    // No offset is as large as a day, so the offset is one of those in force a day before and a day after.
    let before = offset(at: local - 86_400)
    let after = offset(at: local + 86_400)
    if before == after, offset(at: local - before) == before { return local - before }
    if offset(at: local - after) == after { return local - after }
    return local - before
  }

  /// The offset for local times of a stretch in which nothing is ambiguous, and that stretch.
  ///
  /// The hot loop keeps it, so that most times cost two comparisons.
  public func steadyStretch(around local: Int64) -> (start: Int64, end: Int64, offset: Int64)? {
    let instant = instant(ofLocal: local)
    let (start, end, offset) = segment(at: instant)
    let lower = start == .min ? Int64.min / 2 : start + 86_400 + offset
    let upper = end == .max ? Int64.max / 2 : end - 86_400 + offset
    return local >= lower && local < upper ? (lower, upper, offset) : nil
  }

  private func segment(at instant: Int64) -> (start: Int64, end: Int64, offset: Int64) {
    guard let last = transitions.last else { return (.min, .max, offsets[0]) }
    if lastYear > 0, instant >= last {
      // Shift back whole cycles, so that the table answers.
      let cycles = (instant - last) / Self.secondsIn400Years + 1
      let shift = cycles * Self.secondsIn400Years
      let (start, end, offset) = segment(at: instant - shift)
      return (start == .min ? .min : start + shift, end == .max ? .max : end + shift, offset)
    }
    var low = 0
    var high = transitions.count
    while low < high {
      let middle = (low + high) / 2
      if transitions[middle] <= instant { low = middle + 1 } else { high = middle }
    }
    return (
      low == 0 ? .min : transitions[low - 1], low == transitions.count ? .max : transitions[low], offsets[low]
    )
  }
}

/// The whole part of `a` / `b`, toward minus infinity; `b` is positive.
func floorDivide(_ a: Int64, _ b: Int64) -> Int64 {
  a >= 0 ? a / b : -((-a + b - 1) / b)
}

/// The parts of a TZif file that matter here.
private struct TZifFile {
  var transitions: [Int64] = []
  var offsets: [Int64] = []
  var initialOffset: Int64 = 0
  var footer: [UInt8] = []

  init?(_ bytes: [UInt8]) {
    func integer(_ at: Int, _ width: Int) -> Int64? {
      guard at >= 0, at + width <= bytes.count else { return nil }
      var value: UInt64 = 0
      for index in at..<at + width { value = value << 8 | UInt64(bytes[index]) }
      return width == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
    }
    func counts(_ at: Int) -> [Int]? {
      guard at + 44 <= bytes.count, bytes[at..<at + 4].elementsEqual("TZif".utf8) else { return nil }
      let values = (0..<6).compactMap { integer(at + 20 + 4 * $0, 4).map { Int($0) } }
      return values.count == 6 && values.allSatisfy { (0...1_000_000).contains($0) } ? values : nil
    }
    guard let first = counts(0) else { return nil }
    let isWide = bytes[4] >= UInt8(ascii: "2")
    // The 32-bit block comes first; files of version 2 and later repeat everything in 64 bits behind it.
    func length(_ c: [Int], _ width: Int) -> Int {
      c[3] * width + c[3] + c[4] * 6 + c[5] + c[2] * (width + 4) + c[1] + c[0]
    }
    var start = 44
    var header = first
    var width = 4
    if isWide {
      let second = 44 + length(first, 4)
      guard let wide = counts(second) else { return nil }
      header = wide
      start = second + 44
      width = 8
    }
    let (timeCount, typeCount) = (header[3], header[4])
    let typesAt = start + timeCount * width + timeCount
    var typeOffsets: [Int64] = []
    for index in 0..<typeCount {
      guard let offset = integer(typesAt + index * 6, 4) else { return nil }
      typeOffsets.append(offset)
    }
    guard let firstOffset = typeOffsets.first else { return nil }
    initialOffset = firstOffset
    for index in 0..<timeCount {
      let typeAt = start + timeCount * width + index
      guard let instant = integer(start + index * width, width), typeAt < bytes.count,
        Int(bytes[typeAt]) < typeOffsets.count
      else { return nil }
      transitions.append(instant)
      offsets.append(typeOffsets[Int(bytes[typeAt])])
    }
    guard zip(transitions, transitions.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
    if isWide {
      let end = start + length(header, 8)
      guard end < bytes.count, bytes[end] == 0x0A else { return nil }
      footer = Array(bytes[(end + 1)...].prefix { $0 != 0x0A })
    }
  }
}
