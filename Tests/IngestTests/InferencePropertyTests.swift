// Random tables in random dialects: what inference proposes is a definition, and the ingest loads the file with it,
// every record of it, into a real table. Seeds are fixed, so that a failure comes again.

import Definitions
import Finding
import FoundationEssentials
import Ingest
import Ledger
import TestSupport
import Testing

@Suite struct InferencePropertyTests {
  /// How many times as many tables as in the suite: `DAYBOOK_FAULT_TRIALS` makes more of it.
  private static let rounds =
    ProcessInfo.processInfo.environment["DAYBOOK_FAULT_TRIALS"].flatMap { Int($0) }.map { max(1, $0 / 10) } ?? 1

  @Test func whateverIsInferredLoadsTheFileWithoutARefusedRecord() async throws {
    try await FeedFixture.with { fixture in
      for seed in 1...(8 * Self.rounds) {
        var table = RandomTable(seed: UInt64(seed))
        let file = table.write()
        let path = try fixture.deliver("table\(seed)x.csv", file.bytes)
        let inferred = try FeedInference(name: "table\(seed)").infer(path)
        let context = "seed \(seed)\n\(inferred.definition)"
        let (feed, diagnostics) = FeedDefinition.read(inferred.definition, file: "Jobs/feeds/x.yaml")
        #expect(diagnostics == [], "\(context)")
        let outcome = try await fixture.ingest(try #require(feed, "\(context)"), .file(path, reload: false))
        let count = try await fixture.query("select count(*) from finance.table\(seed)")
        #expect(outcome.rows == RowCounts(read: file.rows, inserted: file.rows), "\(context)")
        #expect(count == "\(file.rows)", "\(context)")
      }
    }
  }

  @Test func whateverIsInferredIsProvenInEveryEncoding() throws {
    try TemporaryDirectory.with { directory in
      for seed in 1...(16 * Self.rounds) {
        let encoding = TextEncoding.allCases[seed % TextEncoding.allCases.count]
        var table = RandomTable(seed: UInt64(seed))
        let file = table.write(encoding)
        let path = try directory.write(file.bytes, to: "table.csv")
        let inferred = try FeedInference().infer(path)
        let context = "seed \(seed), \(encoding.rawValue)\n\(inferred.definition)"
        #expect(inferred.recordsTried == file.rows, "\(context)")
        let preview = try Self.preview(inferred, path)
        #expect(preview.recordsRead == file.rows, "\(context)")
        #expect(preview.recordsRefused == 0, "\(context)\(preview.rejects)")
      }
    }
  }

  @Test func recordsThatNoDefinitionTakesAreAnnounced() throws {
    try TemporaryDirectory.with { directory in
      var damaged = 0
      for seed in 1...(20 * Self.rounds) {
        let encoding = TextEncoding.allCases[seed % TextEncoding.allCases.count]
        var table = RandomTable(seed: UInt64(seed))
        let path = try directory.write(table.damage(table.write(encoding).bytes), to: "table.csv")
        // Damage may make the whole file unfit; that is said too.
        guard let inferred = try? FeedInference().infer(path) else { continue }
        let preview = try Self.preview(inferred, path)
        let number = preview.recordsRefused
        let words = number == 0 ? "none is" : number == 1 ? "1 is" : "\(number) are"
        #expect(
          inferred.definition.contains("records of the file: \(words) refused."),
          "seed \(seed), \(encoding.rawValue)\n\(inferred.definition)\(preview.rejects)")
        #expect((number == 0) == inferred.findings.allSatisfy { $0.code != "records_refused" }, "seed \(seed)")
        damaged += number
      }
      #expect(damaged > 7 * Self.rounds)
    }
  }

  private static func preview(_ inferred: InferredFeed, _ path: String) throws -> PreviewedFile {
    let (feed, diagnostics) = FeedDefinition.read(inferred.definition, file: "Jobs/feeds/x.yaml")
    #expect(diagnostics == [], "\(inferred.definition)")
    return try FeedPreview(feed: try #require(feed), timeZone: "UTC").read(path, rows: 3)
  }
}

/// A table of random columns, written in a random dialect.
private struct RandomTable {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed &* 0x9E37_79B9_7F4A_7C15
  }

  private mutating func next(_ bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state >> 33) % bound
  }

  private mutating func pick<T>(_ values: [T]) -> T { values[next(values.count)] }

  private enum Kind: CaseIterable {
    case id, small, big, money, zeros, flag, date, slashed, time, moment, uuid, word, sentence, json, integral, empty
  }

  /// The table in an encoding; characters that it does not have are replaced.
  mutating func write(_ encoding: TextEncoding) -> (bytes: [UInt8], rows: Int) {
    let (bytes, rows) = write()
    let text = String(decoding: bytes, as: UTF8.self)
    switch encoding {
    case .utf8: return (bytes, rows)
    case .utf16LittleEndian: return (text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }, rows)
    case .utf16BigEndian: return (text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }, rows)
    case .windows1252, .latin1:
      let text = text.replacing("\u{FEFF}", with: "").replacing("紫", with: encoding == .latin1 ? "\u{81}" : "€")
      return (text.unicodeScalars.map { $0 == "€" ? 0x80 : UInt8($0.value) }, rows)
    }
  }

  /// The bytes with a few others in their places, from the second line on.
  mutating func damage(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    let start = (bytes.firstIndex(of: 0x0A) ?? 0) + 2
    for _ in 0..<(1 + next(3)) where start < bytes.count {
      let place = start + next(bytes.count - start)
      bytes[place] = pick([0, 0xFF, 0x22, 0x0A, 0x2C, 0xD8, UInt8(next(256))])
    }
    return bytes
  }

  mutating func write() -> (bytes: [UInt8], rows: Int) {
    let delimiter = pick([",", ";", "\t", "|", "^"])
    let quote = pick(["\"", "\"", "'"])
    let end = pick(["\n", "\r\n"])
    let decimal = delimiter == ";" && next(2) == 0 ? "," : "."
    let null = pick(["", "", "NULL", "\\N", "NA"])
    let kinds = [.id] + (0..<(2 + next(8))).map { _ in pick(Kind.allCases) }
    let isSparse = kinds.map { $0 != .id && next(3) == 0 }
    let isFirstDay = next(2) == 0
    let rows = 30 + next(100)
    var text = next(4) == 0 ? "\u{FEFF}" : ""
    text +=
      kinds.indices.map { quoted("Column \($0) \(kinds[$0])", delimiter, quote, force: true) }.joined(
        separator: delimiter) + end
    for row in 1...rows {
      var fields: [String] = []
      for (index, kind) in kinds.enumerated() {
        if isSparse[index], next(5) == 0 {
          fields.append(null)
        } else {
          let value = value(kind, row: row, decimal: decimal, dayFirst: isFirstDay)
          fields.append(kind == .empty ? "" : quoted(value, delimiter, quote, force: next(6) == 0))
        }
      }
      text += fields.joined(separator: delimiter) + (row == rows && next(2) == 0 ? "" : end)
    }
    return (Array(text.utf8), rows)
  }

  private mutating func value(_ kind: Kind, row: Int, decimal: String, dayFirst: Bool) -> String {
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let day = row <= 2 ? 20 : 1 + next(28)
    let month = 1 + next(12)
    let date = "\(2000 + next(40))-\(two(month))-\(two(day))"
    let clock = "\(two(next(24))):\(two(next(60))):\(two(next(60)))"
    switch kind {
    case .id: return "\(1000 + row)"
    case .small: return "\(next(2000) - 1000)"
    case .big: return "\(next(1 << 30))\(next(1 << 20))"
    case .money: return "\(next(100_000))\(decimal)\(two(next(100)))"
    case .zeros: return "00\(two(next(100)))"
    case .flag: return pick(["true", "false"])
    case .date: return date
    case .slashed: return "\(two(dayFirst ? day : month))/\(two(dayFirst ? month : day))/2026"
    case .time: return "\(date) \(clock)"
    case .moment: return "\(date)T\(clock)" + pick(["Z", "+01:00", "-05:30"])
    case .uuid:
      let digits = (0..<32).map { _ in String(next(16), radix: 16) }.joined()
      var text = "a" + digits.dropFirst()
      for place in [8, 13, 18, 23] { text.insert("-", at: text.index(text.startIndex, offsetBy: place)) }
      return text
    case .word: return pick(["red", "green", "blue", "Grün", "紫"])
    case .sentence:
      return pick(["a, b; c", "line\nbreak", "say \"no\"", "it's", "tab\there", "  blanks  ", "NULL", "12"])
    case .json: return #"{"a":[\#(next(10)),null],"b":"x, y"}"#
    case .integral: return "\(next(50_000)).0".replacing(".", with: decimal)
    case .empty: return ""
    }
  }

  private func quoted(_ text: String, _ delimiter: String, _ quote: String, force: Bool) -> String {
    guard force || text.contains(delimiter) || text.contains(quote) || text.contains("\n") else { return text }
    return quote + text.replacing(quote, with: quote + quote) + quote
  }
}
