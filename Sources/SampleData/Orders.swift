// Orders and their feed. An order's whole life is drawn when it is placed; its status in an extract is what of
// that life has happened by the extract's date.

/// One order as extracted.
struct OrderRow: SampleRow {
  static let feed: StaticString = "orders"
  static let columns: [StaticString] = [
    "order_id", "customer_id", "product_id", "quantity", "unit_price", "currency", "status", "ordered_at",
  ]

  let key: Int
  let customer: Int
  let product: Int
  var quantity: Int
  let cents: Int
  let currency: Currency
  var status: OrderStatus
  /// Seconds since 1970-01-01T00:00:00Z.
  let orderedAt: Int
  var zone: ZoneForm
  let life: OrderLife

  var money: BookedAmount? { nil }

  func write(to buffer: inout RowBuffer, shop: Shop) {
    buffer.beginRow()
    buffer.put(key)
    buffer.comma()
    buffer.put(customer)
    buffer.comma()
    buffer.put(product)
    buffer.comma()
    buffer.put(quantity)
    buffer.comma()
    buffer.put(cents: cents)
    buffer.comma()
    buffer.put(currency.code)
    buffer.comma()
    buffer.put(status.word)
    buffer.comma()
    buffer.put(instant: orderedAt, zone: zone)
    buffer.newline()
  }

  func corrected(by dice: inout Dice, shop: Shop) -> OrderRow {
    var row = self
    row.quantity = quantity == 1 || dice.perMille(500) ? quantity + 1 : quantity - 1
    return row
  }

  func rewritten(by dice: inout Dice, shop: Shop) -> OrderRow {
    var row = self
    row.zone = .utc
    return row
  }

  func nextChange(after day: Int) -> (day: Int, row: OrderRow)? {
    guard let change = life.nextChange(after: day) else { return nil }
    var row = self
    row.status = life.status(on: change)
    return (change, row)
  }

  func holdsSameValues(as other: OrderRow) -> Bool {
    quantity == other.quantity && status == other.status
  }
}

/// How far an order has come.
enum OrderStatus: UInt8, Sendable {
  case placed, shipped, delivered, returned, cancelled

  var word: StaticString {
    switch self {
    case .placed: "placed"
    case .shipped: "shipped"
    case .delivered: "delivered"
    case .returned: "returned"
    case .cancelled: "cancelled"
    }
  }
}

/// What becomes of an order, in days of the trading calendar.
struct OrderLife: Sendable {
  private let shipped: Int32
  private let delivered: Int32
  private let ended: Int32
  let end: OrderStatus

  /// Draws the life of an order placed on `day`.
  init(placed day: Int, dice: inout Dice) {
    let shipping = day + dice.within(1...4)
    let delivery = shipping + dice.within(1...7)
    let fate = dice.below(1_000)
    shipped = Int32(shipping)
    delivered = Int32(delivery)
    if fate < 40 {
      end = .cancelled
      ended = Int32(day + dice.within(0...1))
    } else if fate < 105 {
      end = .returned
      ended = Int32(delivery + dice.within(3...30))
    } else {
      end = .delivered
      ended = Int32(delivery)
    }
  }

  /// The status at the end of `day`.
  func status(on day: Int) -> OrderStatus {
    if day >= Int(ended) { return end }
    if day >= Int(delivered) { return .delivered }
    return day >= Int(shipped) ? .shipped : .placed
  }

  /// The first day after `day` that brings another status, if any.
  func nextChange(after day: Int) -> Int? {
    if end == .cancelled { return Int(ended) > day ? Int(ended) : nil }
    for change in [Int(shipped), Int(delivered), Int(ended)] where change > day { return change }
    return nil
  }

  /// The day on which the last status is reached.
  var lastDay: Int { Int(ended) }
}
