// Writes the extracts of one feed, one file after the other, and keeps their books.
// Invariant: a row waits for at most one later night at a time, so the image kept with it is the table's image.
// Records of one key inside a file come only from `write(_:replacing:)`, which puts the one that wins last.
// Bad rows are paced so that their share of the records so far never exceeds the rate asked for.

internal import Money

/// One feed's extracts.
struct FeedWriter<Row: SampleRow>: ~Copyable {
  /// A row that comes again in a later extract.
  private struct Return {
    let previous: Row
    let next: Row
  }

  /// A row whose place in the file is still to come.
  private struct Held {
    let row: Row
    let previous: Row?
    let dueRow: Int
  }

  private(set) var table = TableTally()
  private(set) var tallies: [FileTally] = []
  private(set) var files: [SampleSummary.File] = []
  /// The extract being written, 0 for the base.
  private var extract = -1
  private var dice: Dice

  private let shop: Shop
  private let directory: String
  private var file: PartialFile?
  private var tally = FileTally(feed: Row.feed, name: "")
  private var returns: [[Return]]
  private var correctionOdds: UInt64 = 0
  private var repeatOdds: UInt64 = 0
  private var buffer = RowBuffer(capacity: 1 << 20)
  private var line = 1
  private var held: [Held] = []
  private var model: Row?
  private var tail: Held?
  private var openQuote: Damage?
  private var damage: DamagePace
  private var badKeys = 0

  init(shop: Shop, directory: String, stream: UInt64) {
    self.shop = shop
    self.directory = directory
    dice = Dice(seed: shop.settings.seed, stream: stream)
    returns = Array(repeating: [], count: shop.settings.nights + 1)
    damage = DamagePace(rate: shop.settings.dirty, kinds: Row.damages)
  }

  /// The name of the file being written.
  var currentName: String { tally.name }

  /// Begins the next extract.
  /// - Parameter odds: how likely a row of it comes again in a later one.
  mutating func begin(odds: ReturnOdds) throws(SampleError) {
    extract += 1
    let settings = shop.settings
    let date = settings.end.adding(days: extract - settings.nights)
    let name = "\(Row.feed)_\(date).csv"
    file = try PartialFile(name: name, in: directory)
    tally = FileTally(feed: Row.feed, name: name)
    correctionOdds = extract == settings.nights ? 0 : odds.correction
    repeatOdds = extract == settings.nights ? 0 : odds.repetition
    buffer.beginRow()
    for (index, column) in Row.columns.enumerated() {
      if index > 0 { buffer.comma() }
      buffer.put(column)
    }
    buffer.newline()
    line = 2
    model = nil
    tail = nil
    damage.beginFile()
    let coming = returns[extract]
    returns[extract] = []
    for entry in coming { try write(entry.next, replacing: entry.previous) }
  }

  /// Writes a row that the table does not have yet.
  mutating func write(new row: Row) throws(SampleError) { try write(row, replacing: nil) }

  /// Completes and publishes the extract.
  mutating func finish() throws(SampleError) {
    for entry in held { try place(entry.row, replacing: entry.previous) }
    held.removeAll(keepingCapacity: true)
    try finishDamage()
    try flush()
    guard let complete = file.take() else { return }
    let bytes = complete.byteCount
    try complete.publish()
    tallies.append(tally)
    files.append(
      SampleSummary.File(
        feed: "\(Row.feed)", name: tally.name, rows: tally.read, badRows: tally.count(.rejected), bytes: bytes))
  }

  /// Writes a row, in one case of 300 a second time under the same key: the later record wins.
  private mutating func write(_ row: Row, replacing previous: Row?) throws(SampleError) {
    if dice.below(300) == 0 {
      for _ in 0..<(dice.perMille(100) ? 2 : 1) {
        let loser = dice.perMille(500) ? row : row.corrected(by: &dice, shop: shop)
        append(loser)
        book(loser, .duplicate)
      }
      held.append(Held(row: row, previous: previous, dueRow: tally.read + dice.within(0...40)))
    } else {
      try place(row, replacing: previous)
    }
    if !held.isEmpty { try placeDue() }
  }

  private mutating func placeDue() throws(SampleError) {
    var index = 0
    while index < held.count {
      if held[index].dueRow <= tally.read {
        let entry = held.remove(at: index)
        try place(entry.row, replacing: entry.previous)
      } else {
        index += 1
      }
    }
  }

  /// Writes the record that decides what the table holds.
  private mutating func place(_ row: Row, replacing previous: Row?) throws(SampleError) {
    let start = buffer.count
    row.write(to: &buffer, shop: shop)
    if damage.isPlanned, !buffer.sawQuote {
      // One plain row is kept back, so that a good line follows the quote that is left open.
      if tail == nil, tally.read >= 5 {
        buffer.rewind(to: start)
        tail = Held(row: row, previous: previous, dueRow: .max)
        return
      }
      model = row
    }
    line += 1 + buffer.innerLines
    settle(row, replacing: previous)
    if damage.isPlanned, damage.isDue(using: &dice) { plantNextDamage() }
    if buffer.count >= 1 << 19 { try flush() }
  }

  private mutating func append(_ row: Row) {
    row.write(to: &buffer, shop: shop)
    line += 1 + buffer.innerLines
  }

  private mutating func settle(_ row: Row, replacing previous: Row?) {
    let outcome: Outcome
    if let previous {
      outcome = row.holdsSameValues(as: previous) ? .unchanged : .updated
    } else {
      outcome = .inserted
    }
    book(row, outcome)
    table.apply(row, replacing: previous)
    drawReturn(of: row)
  }

  private mutating func book(_ row: Row, _ outcome: Outcome) {
    if let money = row.money {
      tally.book(outcome, money.currency, cents: money.cents)
    } else {
      tally.book(outcome, nil, cents: 0)
    }
  }

  /// Decides whether a row comes again: because of what happens to it, or else by chance.
  private mutating func drawReturn(of row: Row) {
    let nights = shop.settings.nights
    guard extract < nights else { return }
    let baseDay = shop.calendar.dayCount - 1 - nights
    if let (day, next) = row.nextChange(after: baseDay + extract) {
      if day <= baseDay + nights { returns[day - baseDay].append(Return(previous: row, next: next)) }
      return
    }
    let draw = dice.next() >> 32
    guard draw < correctionOdds + repeatOdds else { return }
    let night = dice.within(extract + 1...nights)
    let next = draw < correctionOdds ? row.corrected(by: &dice, shop: shop) : row.rewritten(by: &dice, shop: shop)
    returns[night].append(Return(previous: row, next: next))
  }

  private mutating func flush() throws(SampleError) {
    guard var open = file.take() else { return }
    try buffer.drain { bytes throws(SampleError) in try open.write(bytes) }
    file = consume open
  }
}

// MARK: Bad rows

extension FeedWriter {
  /// Plants a bad row of the next kind, as soon as there is a plain row to spoil.
  private mutating func plantNextDamage() {
    guard model != nil else { return }
    var kind = damage.takeKind()
    if kind.leavesQuoteOpen {
      if tail != nil, openQuote == nil {
        openQuote = kind
        return
      }
      kind = damage.takeKind()
    }
    plant(kind)
  }

  /// Writes a spoilt copy of a good row: under a key of its own, under the same key, or under an older one.
  private mutating func plant(_ kind: Damage) {
    guard let model else { return }
    let start = buffer.count
    model.write(to: &buffer, shop: shop)
    let text = buffer.bytes(from: start)
    buffer.rewind(to: start)
    var fields = text.dropLast().split(separator: 0x2C, omittingEmptySubsequences: false).map(Array.init)
    fields[0] = Array("\(keyOfBadRow(like: model))".utf8)
    switch kind.edit {
    case .replace(let bytes): fields[kind.target] = bytes
    case .dropLast: fields.removeLast()
    case .appendField: fields.append(Array("extra".utf8))
    }
    buffer.beginRow()
    buffer.put(Array(fields.joined(separator: [0x2C])))
    buffer.newline()
    tally.note(
      ExpectedReject(line: line, column: kind.column.map { Row.columns[$0] }, code: kind.code))
    line += 1
    switch (kind.amount, model.money) {
    case (.unchanged, let money?): tally.book(.rejected, money.currency, cents: money.cents)
    case (.replaced(let cents), let money?): tally.book(.rejected, money.currency, cents: cents)
    default: tally.book(.rejected, nil, cents: 0)
    }
  }

  private mutating func keyOfBadRow(like model: Row) -> Int {
    let choice = dice.below(10)
    if choice < 2 { return model.key }
    if choice < 4 { return 1 + dice.below(model.key) }
    badKeys += 1
    return Self.firstBadKey + badKeys
  }

  /// Beyond every key that a row of the table can have.
  private static var firstBadKey: Int { 5_000_000_000 }

  /// Plants what is still owed, and last of all the quote that is left open, with one good row behind it.
  private mutating func finishDamage() throws(SampleError) {
    guard damage.isPlanned else { return }
    if damage.isPending { plantNextDamage() }
    // At least one bad row in 200, until every kind has been seen; none in a smaller file.
    let least = min(Row.damages.count, tally.read / 200)
    while model != nil, tally.count(.rejected) + (openQuote == nil ? 0 : 1) < least { plantNextDamage() }
    if let openQuote { plant(openQuote) }
    openQuote = nil
    guard let last = tail else { return }
    append(last.row)
    settle(last.row, replacing: last.previous)
    tail = nil
  }
}
