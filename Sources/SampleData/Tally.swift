// What loading must result in: the generator's own books.
// Invariant: every record written is counted once; read = inserted + updated + unchanged + duplicate + rejected,
// in rows and, over records whose amount and currency can be read, in money.
// How a loader finds the same figures is none of this file's business.

/// What becomes of a record.
enum Outcome: Int, CaseIterable {
  case inserted, updated, unchanged, duplicate, rejected

  var word: String {
    switch self {
    case .inserted: "inserted"
    case .updated: "updated"
    case .unchanged: "unchanged"
    case .duplicate: "duplicate"
    case .rejected: "rejected"
    }
  }
}

/// A reject that a file must cause.
struct ExpectedReject {
  let line: Int
  let column: StaticString?
  let code: StaticString
}

/// The books of one file.
struct FileTally {
  let feed: StaticString
  let name: String
  private(set) var rows = [Int](repeating: 0, count: Outcome.allCases.count)
  /// Hundredths, by currency and outcome.
  private(set) var cents = [Int](repeating: 0, count: Outcome.allCases.count * Currency.allCases.count)
  private(set) var rejects: [ExpectedReject] = []

  init(feed: StaticString, name: String) {
    self.feed = feed
    self.name = name
  }

  /// Records in the file.
  var read: Int { rows.reduce(0, +) }

  /// Records with `outcome`.
  func count(_ outcome: Outcome) -> Int { rows[outcome.rawValue] }

  /// The money of `outcome`, in hundredths.
  func cents(_ outcome: Outcome, _ currency: Currency) -> Int {
    cents[Int(currency.rawValue) * Outcome.allCases.count + outcome.rawValue]
  }

  /// All the money read, in hundredths.
  func centsRead(_ currency: Currency) -> Int {
    Outcome.allCases.reduce(0) { $0 + cents($1, currency) }
  }

  /// Books one record.
  mutating func book(_ outcome: Outcome, _ currency: Currency?, cents amount: Int) {
    rows[outcome.rawValue] += 1
    if let currency { cents[Int(currency.rawValue) * Outcome.allCases.count + outcome.rawValue] += amount }
  }

  /// Notes where a rejected record stands.
  mutating func note(_ reject: ExpectedReject) { rejects.append(reject) }
}

/// The books of one table.
struct TableTally {
  /// Rows in the table.
  private(set) var rows = 0
  /// Hundredths, by currency and transaction type.
  private var cents = [Int](repeating: 0, count: TransactionType.allCases.count * Currency.allCases.count)

  /// The money of `type`, in hundredths.
  func cents(_ type: TransactionType, _ currency: Currency) -> Int { cents[Self.index(type, currency)] }

  /// Replaces what a row stood for; nil when there was no row.
  mutating func apply<Row: SampleRow>(_ row: Row, replacing previous: Row?) {
    if previous == nil { rows += 1 }
    if let money = previous?.money { cents[Self.index(money.type, money.currency)] -= money.cents }
    if let money = row.money { cents[Self.index(money.type, money.currency)] += money.cents }
  }

  private static func index(_ type: TransactionType, _ currency: Currency) -> Int {
    Int(currency.rawValue) * TransactionType.allCases.count + Int(type.rawValue)
  }
}
