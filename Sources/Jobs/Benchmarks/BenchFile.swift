// The transactions of an experiment: made by the sample's generator, read by lines, cut, corrected and repeated.
// Invariant: the same sizes give the same bytes; no key comes twice in a file, because \copy cannot bear it; sums are
// exact and are taken from the file's own text. The sample quotes nothing and breaks no line, so a line is a record.

internal import Definitions
internal import FoundationEssentials
internal import Glibc
internal import Money
internal import SampleData

/// A CSV file of transactions, with what it holds.
struct BenchFile: Sendable {
  let path: String
  let rows: Int
  let bytes: Int
  /// Exact sums of the control column by its group.
  let sums: [String: ExactDecimal]
  let layout: BenchLayout

  /// The first records.
  func prefix(rows count: Int, to target: String) throws -> BenchFile {
    var writer = try BenchWriter(target, layout)
    let reader = try LineReader(path)
    _ = try reader.next { _ in }
    while writer.rows < count, try reader.next({ writer.append($0) }) {
      try writer.flushWhenFull()
    }
    return try writer.finish()
  }

  /// This file again and again, with new keys each time, until it has `bytes`.
  func repeated(bytes target: Int, to path: String) throws -> BenchFile {
    var writer = try BenchWriter(path, layout)
    var step = 0
    while writer.bytes < target {
      let reader = try LineReader(self.path)
      _ = try reader.next { _ in }
      while writer.bytes < target, try reader.next({ writer.append($0, keyPlus: step) }) { try writer.flushWhenFull() }
      step += layout.keyLimit
      try Task.checkCancellation()
    }
    return try writer.finish()
  }
}

/// Where the columns stand in the sample's transactions.
struct BenchLayout: Sendable {
  let header: [UInt8]
  let names: [String]
  /// The column that is summed, and the one it is summed by; nil when the feed declares none.
  let control: (amount: Int, group: Int)?
  /// All keys are below this.
  let keyLimit: Int

  /// The place of a column in the file.
  func place(_ column: ColumnDefinition) throws -> Int {
    guard let place = names.firstIndex(of: column.sourceName) else {
      throw StageFailure(
        .usage, "usage", "the sample has no column \(column.sourceName) for transactions",
        fix: "run it in a project with the sample's definitions")
    }
    return place
  }
}

extension Workbench {
  /// Writes the sample into the inbox, and its transactions without repeated keys to a file of their own, which replaces
  /// them there.
  ///
  /// - Parameters:
  ///   - rows: about how many transactions; as many as that or a few less.
  ///   - customerRows: how many of them a customer has on average.
  ///   - first: the day of the first ones.
  func makeSample(rows: Int, customerRows: Int = 20, from first: String = "2025-01-01") throws -> BenchFile {
    guard let start = CivilDate(first), let end = CivilDate("2026-06-30"), let transactions = feeds.last else {
      throw StageFailure(.bug, "bug", "the days of the sample are wrong")
    }
    let settings = try SampleSettings(
      customers: max(10, rows / customerRows), products: max(10, rows / 100), orders: max(10, rows / 2),
      transactions: rows,
      seed: 7, start: start, end: end, nights: 0, dirty: .zero)
    let summary = try SampleGenerator(settings).write(to: inbox)
    guard let file = summary.files.first(where: { $0.feed == transactions.name }) else {
      throw StageFailure(.bug, "bug", "the sample has no transactions")
    }
    return try distinct("\(inbox)/\(file.name)", transactions)
  }

  /// Keeps the first record of each key; the key is the first field.
  private func distinct(_ path: String, _ feed: FeedDefinition) throws -> BenchFile {
    let reader = try LineReader(path)
    var header: [UInt8] = []
    guard try reader.next({ header = Array($0) }) else { throw StageFailure(.bug, "bug", "the sample has no header") }
    let names = header.split(separator: UInt8(ascii: ",")).map { String(decoding: $0, as: UTF8.self) }
    let column = feed.columns.first { $0.control != nil }
    var control: (amount: Int, group: Int)?
    if let column, let group = column.control.flatMap({ feed.column(named: $0.groupedBy) }),
      let amountPlace = names.firstIndex(of: column.sourceName), let groupPlace = names.firstIndex(of: group.sourceName)
    {
      control = (amountPlace, groupPlace)
    }
    // Keys count up from 1, corrections repeat one: a bit for each key is enough.
    var seen = KeySet()
    let target = "\(path).distinct"
    var writer = try BenchWriter(
      target, BenchLayout(header: header, names: names, control: control, keyLimit: KeySet.limit))
    while try reader.next({ line in if seen.insert(BenchLine.key(line)) { writer.append(line) } }) {
      try writer.flushWhenFull()
    }
    let file = try writer.finish()
    guard rename(target, path) == 0 else { throw StageFailure(.cannotWriteOutput, "cannot_write", path) }
    return BenchFile(
      path: path, rows: file.rows, bytes: file.bytes, sums: file.sums,
      layout: BenchLayout(header: header, names: names, control: control, keyLimit: seen.highest + 1))
  }
}

/// Whole numbers that were seen.
private struct KeySet {
  /// More would be no sample's key.
  static let limit = 1 << 32
  private var words: [UInt64] = []
  private(set) var highest = 0

  /// - Returns: whether `key` is new; false for what is no key.
  mutating func insert(_ key: Int?) -> Bool {
    guard let key, key >= 0, key < Self.limit else { return false }
    let (word, bit) = (key >> 6, UInt64(1) << UInt64(key & 63))
    if word >= words.count {
      words.append(contentsOf: repeatElement(0, count: max(word + 1, words.count * 2) - words.count))
    }
    guard words[word] & bit == 0 else { return false }
    words[word] |= bit
    highest = max(highest, key)
    return true
  }
}
