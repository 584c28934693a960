// The life of the shop, day by day: customers sign up, order and pay; extracts are cut at the end of the base
// period and of each night.
// Invariant: memory holds what is still to come (payments of the next weeks, rows that return in a later night),
// never a table. Orders and transactions are numbered as they appear.

internal import Money

/// One shop trading from the first to the last day.
struct Simulation: ~Copyable {
  private let shop: Shop
  private var customers: FeedWriter<CustomerRow>
  private var products: FeedWriter<ProductRow>
  private var orders: FeedWriter<OrderRow>
  private var transactions: FeedWriter<TransactionRow>
  private var payments: PaymentPlan
  private var dice: Dice
  private var customerCount = 0
  private var productCount = 0
  private var orderCount = 0
  private var transactionCount = 0
  private var rowsReported = 0

  init(_ settings: SampleSettings, directory: String) {
    let shop = Shop(settings)
    self.shop = shop
    customers = FeedWriter(shop: shop, directory: directory, stream: 1)
    products = FeedWriter(shop: shop, directory: directory, stream: 2)
    orders = FeedWriter(shop: shop, directory: directory, stream: 3)
    transactions = FeedWriter(shop: shop, directory: directory, stream: 4)
    payments = PaymentPlan(shop: shop)
    dice = Dice(seed: settings.seed, stream: 5)
  }

  /// Writes all extracts.
  mutating func run(onProgress: (SampleProgress) -> Void) throws(SampleError) {
    let nights = shop.settings.nights
    let baseDay = shop.calendar.dayCount - 1 - nights
    for extract in 0...nights {
      try beginExtract(baseDay: baseDay, extract: extract)
      let first = extract == 0 ? 0 : baseDay + extract
      for day in first...(baseDay + extract) {
        try trade(on: day, extractDay: baseDay + extract)
        report(to: onProgress, isLast: false)
      }
      try customers.finish()
      try products.finish()
      try orders.finish()
      try transactions.finish()
    }
    report(to: onProgress, isLast: true)
  }

  /// What all files together must result in.
  var expectation: Expectation {
    Expectation(
      settings: shop.settings, files: customers.tallies + products.tallies + orders.tallies + transactions.tallies,
      tables: [
        ("customers", customers.table), ("products", products.table), ("orders", orders.table),
        ("transactions", transactions.table),
      ], money: transactions.table)
  }

  /// The files written, in load order.
  var files: [SampleSummary.File] { customers.files + products.files + orders.files + transactions.files }

  private mutating func beginExtract(baseDay: Int, extract: Int) throws(SampleError) {
    let settings = shop.settings
    func odds(base: Int, all: Int) -> ReturnOdds {
      extract == 0 ? ReturnOdds(baseRows: base, laterRows: all - base, nights: settings.nights) : .afterBase
    }
    try customers.begin(odds: odds(base: shop.customerCount(byEndOf: baseDay), all: settings.customers))
    try products.begin(odds: odds(base: shop.productCount(byEndOf: baseDay), all: settings.products))
    let calendar = shop.calendar
    try orders.begin(
      odds: odds(base: calendar.count(of: settings.orders, byEndOf: baseDay), all: settings.orders))
    try transactions.begin(
      odds: odds(base: calendar.count(of: settings.transactions, byEndOf: baseDay), all: settings.transactions))
  }

  private mutating func trade(on day: Int, extractDay: Int) throws(SampleError) {
    let today = shop.calendar.date(day).daysSince1970
    let knownCustomers = shop.customerCount(byEndOf: day)
    while customerCount < knownCustomers {
      customerCount += 1
      // Those who were there before the first day signed up in the three years before it.
      let isOld = customerCount <= shop.customerCount(byEndOf: -1)
      let signedUp = isOld ? today - 1 - dice.below(1_095) : today
      try customers.write(
        new: CustomerRow(
          key: customerCount, segment: shop.segment(ofCustomer: customerCount), address: 0, signedUp: signedUp))
    }
    let knownProducts = shop.productCount(byEndOf: day)
    while productCount < knownProducts {
      productCount += 1
      try products.write(
        new: ProductRow(
          key: productCount, cents: shop.listCents(ofProduct: productCount), isActive: dice.perMille(960)))
    }
    let ordered = shop.calendar.count(of: shop.settings.orders, byEndOf: day)
    while orderCount < ordered {
      orderCount += 1
      let order = makeOrder(on: day, extractDay: extractDay)
      try orders.write(new: order)
      payments.plan(for: order, placedOn: day)
    }
    for var transaction in payments.take(on: day) {
      transactionCount += 1
      transaction.key = transactionCount
      try transactions.write(new: transaction)
    }
  }

  private mutating func makeOrder(on day: Int, extractDay: Int) -> OrderRow {
    let customer = shop.pickCustomer(among: customerCount, dice: &dice)
    let product = shop.pickProduct(among: productCount, dice: &dice)
    let country = shop.country(ofCustomer: customer)
    let segment = shop.segment(ofCustomer: customer)
    var cents = shop.cents(ofProduct: product, in: country.currency)
    let quantity: Int
    switch segment {
    case .consumer: quantity = max(1, dice.within(1...5) - 2)
    case .business: quantity = dice.within(1...12)
    case .wholesale:
      quantity = 12 * dice.within(1...12)
      cents = max(1, cents * 8 / 10)
    }
    let (orderedAt, zone) = shop.instant(on: day, in: country, dice: &dice)
    let life = OrderLife(placed: day, dice: &dice)
    return OrderRow(
      key: orderCount, customer: customer, product: product, quantity: quantity, cents: cents,
      currency: country.currency, status: life.status(on: extractDay), orderedAt: orderedAt, zone: zone, life: life)
  }

  private mutating func report(to onProgress: (SampleProgress) -> Void, isLast: Bool) {
    let settings = shop.settings
    let done = customerCount + productCount + orderCount + transactionCount
    guard isLast || done - rowsReported >= 100_000 else { return }
    rowsReported = done
    let total = settings.customers + settings.products + settings.orders + settings.transactions
    onProgress(SampleProgress(file: transactions.currentName, rowsDone: done, rowsTotal: total))
  }
}

/// How likely a row of an extract comes again in a later one, in 2^-32.
struct ReturnOdds: Sendable {
  /// With another value.
  let correction: UInt64
  /// As it was.
  let repetition: UInt64

  /// A row of a night: 3 in 100 are corrected, 1 in 100 comes again as it was.
  static let afterBase = ReturnOdds(correction: 3 << 32 / 100, repetition: 1 << 32 / 100)

  private init(correction: UInt64, repetition: UInt64) {
    self.correction = correction
    self.repetition = repetition
  }

  /// Odds by which a night corrects about one old row for ten new ones, and repeats one for thirty, but not less
  /// than two and one.
  init(baseRows: Int, laterRows: Int, nights: Int) {
    func odds(_ rows: Int) -> UInt64 {
      UInt64(UInt128(min(rows, baseRows / 4)) << 32 / UInt128(max(1, baseRows)))
    }
    correction = odds(max(laterRows / 10, 2 * nights))
    repetition = odds(max(laterRows / 30, nights))
  }
}

extension Shop {
  /// A second of shopping hours on day `index`, by the clock of `country`.
  func instant(on index: Int, in country: Country, dice: inout Dice) -> (seconds: Int, zone: ZoneForm) {
    let offset = calendar.offsetMinutes(of: country, on: index)
    let hour = Self.busyHours[dice.below(Self.busyHours.count)]
    let second = calendar.date(index).daysSince1970 * 86_400 + hour * 3_600 + dice.below(3_600)
    return (second - offset * 60, dice.perMille(550) ? .utc : ZoneForm(offsetMinutes: offset))
  }

  private static let busyHours = [
    0, 6, 7, 8, 8, 9, 9, 9, 10, 10, 10, 11, 11, 11, 12, 12, 12, 13, 13, 14, 14, 15, 15, 16, 16, 17, 18, 19, 20, 20, 21,
    22,
  ]
}
