// What is paid for an order, and what comes back: payments after the order, fees with them, refunds and
// chargebacks later, some of it known only days after it happened.
// Invariant: over all orders the number of transactions is the one asked for, exactly; none happens after the
// last day. Transactions are handed out by the day on which they become known.

/// The transactions that are still to come.
struct PaymentPlan {
  private let shop: Shop
  private var dice: Dice
  private var dueByDay: [[TransactionRow]]

  init(shop: Shop) {
    self.shop = shop
    dice = Dice(seed: shop.settings.seed, stream: 6)
    dueByDay = Array(repeating: [], count: shop.calendar.dayCount)
  }

  /// The transactions that become known on `day`.
  mutating func take(on day: Int) -> [TransactionRow] {
    defer { dueByDay[day] = [] }
    return dueByDay[day]
  }

  /// Plans all transactions of an order.
  mutating func plan(for order: OrderRow, placedOn day: Int) {
    let count = planned(before: order.key) - planned(before: order.key - 1)
    guard count > 0 else { return }
    let kinds = drawKinds(count, order)
    let method = drawMethod()
    var rest = order.quantity * order.cents
    let firstPart = max(1, rest / kinds.payments)
    var paid = (
      day: method == .bankTransfer ? dayWithin(day + dice.within(1...5), from: day) : day, instant: order.orderedAt
    )
    for part in 1...kinds.payments {
      var cents = rest
      if part < kinds.payments { cents = min(rest, firstPart * dice.within(80...120) / 100) }
      cents = max(1, cents)
      rest = max(0, rest - cents)
      paid.instant = add(.payment, cents, order, method, placed: day, on: paid.day, after: paid.instant)
      if part < kinds.payments, dice.below(5) == 0 {
        paid.day = dayWithin(paid.day + dice.within(5...10), from: paid.day)
      }
    }
    for _ in 0..<kinds.fees {
      let cents = firstPart * 29 / 1_000 + 25 + dice.below(10)
      add(.fee, cents, order, method, placed: day, on: paid.day, after: paid.instant)
    }
    let isUndone = order.life.end == .returned || order.life.end == .cancelled
    for _ in 0..<kinds.refunds {
      let wished = isUndone ? max(paid.day, order.life.lastDay) + dice.within(1...6) : paid.day + dice.within(2...25)
      let cents = max(1, firstPart * (isUndone ? 100 : dice.within(10...90)) / 100)
      add(.refund, cents, order, method, placed: day, on: dayWithin(wished, from: paid.day), after: paid.instant)
    }
    for _ in 0..<kinds.chargebacks {
      let disputed = dayWithin(paid.day + dice.within(12...45), from: paid.day)
      add(.chargeback, firstPart, order, method, placed: day, on: disputed, after: paid.instant)
    }
  }

  /// The day wished, or, when the shop's period ends before it, some day from `first` to the end.
  private mutating func dayWithin(_ wished: Int, from first: Int) -> Int {
    let last = shop.calendar.dayCount - 1
    return wished <= last ? wished : first + dice.below(last - first + 1)
  }

  /// Transactions of the first `order` orders: a share of all that wanders a little, so that orders differ.
  private func planned(before order: Int) -> Int {
    let settings = shop.settings
    if order <= 0 { return 0 }
    if order >= settings.orders { return settings.transactions }
    let wander = splitMix(settings.seed ^ UInt64(order)) >> 32
    let position = UInt128(order) << 32 + UInt128(wander)
    return Int(position * UInt128(settings.transactions) / (UInt128(settings.orders) << 32))
  }

  private struct Kinds {
    var payments = 1
    var fees = 0
    var refunds = 0
    var chargebacks = 0
  }

  /// The first transaction of an order is a payment; the others are drawn.
  private mutating func drawKinds(_ count: Int, _ order: OrderRow) -> Kinds {
    var kinds = Kinds()
    let isUndone = order.life.end == .returned || order.life.end == .cancelled
    for index in 1..<max(1, count) {
      if index == 1, isUndone {
        kinds.refunds += 1
        continue
      }
      switch dice.below(1_000) {
      case 0..<480: kinds.payments += 1
      case 480..<940: kinds.fees += 1
      case 940..<988: kinds.refunds += 1
      default: kinds.chargebacks += 1
      }
    }
    return kinds
  }

  private mutating func drawMethod() -> Method {
    switch dice.below(100) {
    case 0..<62: .card
    case 62..<82: .wallet
    case 82..<96: .bankTransfer
    default: .cash
    }
  }

  /// Plans one transaction; but for a fee, it happens after the instant `paid`.
  /// - Returns: when it happens.
  @discardableResult
  private mutating func add(
    _ type: TransactionType, _ cents: Int, _ order: OrderRow, _ method: Method, placed: Int, on day: Int,
    after paid: Int
  ) -> Int {
    let last = shop.calendar.dayCount - 1
    let country = shop.country(ofCustomer: order.customer)
    var (occurredAt, zone) = shop.instant(on: day, in: country, dice: &dice)
    if day == placed { occurredAt = order.orderedAt + dice.within(4...600) }
    if type != .fee, occurredAt <= paid { occurredAt = paid + dice.within(4...60) }
    // Some become known late: most of these within days, a few after weeks.
    let lateness = dice.below(1_000)
    var knownOn = day
    if lateness < 25 { knownOn += dice.within(1...9) }
    if lateness >= 997 { knownOn += dice.within(10...45) }
    if knownOn > last { knownOn = day }
    // One fee in eight is for the account, not for an order.
    let belongs = type != .fee || dice.below(8) > 0
    dueByDay[knownOn].append(
      TransactionRow(
        key: 0, order: belongs ? order.key : 0, customer: order.customer, type: type, cents: cents,
        currency: order.currency, method: method, occurredAt: occurredAt, zone: zone))
    return occurredAt
  }
}
