// Transactions and their feed, the one with a control sum.

/// One transaction as extracted.
struct TransactionRow: SampleRow {
  static let feed: StaticString = "transactions"
  static let columns: [StaticString] = [
    "transaction_id", "order_id", "customer_id", "type", "amount", "currency", "method", "occurred_at",
  ]

  var key: Int
  /// 0 when it belongs to no order.
  let order: Int
  let customer: Int
  let type: TransactionType
  var cents: Int
  let currency: Currency
  var method: Method
  /// Seconds since 1970-01-01T00:00:00Z.
  var occurredAt: Int
  var zone: ZoneForm

  var money: BookedAmount? { BookedAmount(type: type, currency: currency, cents: cents) }

  func write(to buffer: inout RowBuffer, shop: Shop) {
    buffer.beginRow()
    buffer.put(key)
    buffer.comma()
    if order > 0 { buffer.put(order) }
    buffer.comma()
    buffer.put(customer)
    buffer.comma()
    buffer.put(type.word)
    buffer.comma()
    buffer.put(cents: cents)
    buffer.comma()
    buffer.put(currency.code)
    buffer.comma()
    buffer.put(method.word)
    buffer.comma()
    buffer.put(instant: occurredAt, zone: zone)
    buffer.newline()
  }

  func corrected(by dice: inout Dice, shop: Shop) -> TransactionRow {
    var row = self
    let choice = dice.below(10)
    if choice < 7 {
      row.cents = max(1, cents * dice.within(90...110) / 100)
      if row.cents == cents { row.cents += 1 }
    } else if choice < 9 {
      row.method = method == .card ? .bankTransfer : .card
    } else {
      row.occurredAt -= 60 * dice.within(1...90)
    }
    return row
  }

  func rewritten(by dice: inout Dice, shop: Shop) -> TransactionRow {
    var row = self
    row.zone = .utc
    return row
  }

  func holdsSameValues(as other: TransactionRow) -> Bool {
    cents == other.cents && method == other.method && occurredAt == other.occurredAt
  }
}

/// How a transaction was paid.
enum Method: UInt8, Sendable {
  case card, bankTransfer, wallet, cash

  var word: StaticString {
    switch self {
    case .card: "card"
    case .bankTransfer: "bank_transfer"
    case .wallet: "wallet"
    case .cash: "cash"
    }
  }
}
