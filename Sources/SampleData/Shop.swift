// What is true of the imagined shop whatever the day: who its customers are, what its products cost, who buys what.
// Invariant: everything here follows from the settings and a number, so that no table of customers or products
// stands in memory.

/// The standing facts of one shop.
struct Shop: Sendable {
  let settings: SampleSettings
  let calendar: TradingCalendar
  let customerSalt: UInt64
  let productSalt: UInt64
  private let customerStride: Int
  private let productStride: Int

  init(_ settings: SampleSettings) {
    self.settings = settings
    calendar = TradingCalendar(start: settings.start, end: settings.end, seed: settings.seed)
    customerSalt = splitMix(settings.seed &+ 0xC0)
    productSalt = splitMix(settings.seed &+ 0xB0)
    customerStride = Self.stride(of: settings.customers)
    productStride = Self.stride(of: settings.products)
  }

  /// Customers known by the end of day `index`: three in ten before the shop's first day, the others with the trade.
  func customerCount(byEndOf index: Int) -> Int {
    Self.count(of: settings.customers, before: settings.customers * 3 / 10, calendar, index)
  }

  /// Products known by the end of day `index`: eight in ten from the beginning.
  func productCount(byEndOf index: Int) -> Int {
    Self.count(of: settings.products, before: settings.products * 8 / 10, calendar, index)
  }

  private static func count(of all: Int, before first: Int, _ calendar: TradingCalendar, _ index: Int) -> Int {
    let known = max(1, first)
    return known + calendar.count(of: all - known, byEndOf: index)
  }

  func country(ofCustomer key: Int) -> Country {
    Country.all[Int(splitMix(customerSalt ^ UInt64(key)) & 0xF)]
  }

  /// The segment a customer signed up in; it decides the kind of name.
  func segment(ofCustomer key: Int) -> Segment {
    switch splitMix(customerSalt ^ UInt64(key)) >> 4 & 0xF {
    case 0..<12: .consumer
    case 12..<15: .business
    default: .wholesale
    }
  }

  func currency(ofProduct key: Int) -> Currency {
    switch splitMix(productSalt &+ UInt64(key)) & 0xF {
    case 0..<8: .usd
    case 8..<13: .eur
    default: .gbp
    }
  }

  /// The first list price, in hundredths of the product's currency: from 1 to about 260, cheap ones more often.
  func listCents(ofProduct key: Int) -> Int {
    var dice = Dice(seed: productSalt, stream: UInt64(key))
    let power = dice.within(0...7)
    let cents = (100 << power) + dice.below(100 << power)
    return cents / 10 * 10 + (dice.perMille(700) ? 9 : 5)
  }

  /// The price of a product in another currency, in hundredths, rounded down to a price tag.
  func cents(ofProduct key: Int, in currency: Currency) -> Int {
    let listed = listCents(ofProduct: key)
    let own = self.currency(ofProduct: key)
    if own == currency { return listed }
    return listed * own.rate / currency.rate / 10 * 10 + 9
  }

  /// A customer among the first `available`, the popular ones more often.
  func pickCustomer(among available: Int, dice: inout Dice) -> Int {
    Self.pick(of: settings.customers, stride: customerStride, among: available, dice: &dice)
  }

  /// A product among the first `available`, the popular ones more often.
  func pickProduct(among available: Int, dice: inout Dice) -> Int {
    Self.pick(of: settings.products, stride: productStride, among: available, dice: &dice)
  }

  /// Popularity ranks are spread over the numbers, so that being early does not mean being popular.
  private static func pick(of all: Int, stride: Int, among available: Int, dice: inout Dice) -> Int {
    for _ in 0..<8 {
      let rank = dice.skewed(below: all)
      let index = Int(UInt64(rank).multipliedFullWidth(by: UInt64(stride)).low % UInt64(all))
      if index < available { return index + 1 }
    }
    return dice.below(available) + 1
  }

  /// A stride without common divisor with `count`, so that multiples of it visit every number once.
  private static func stride(of count: Int) -> Int {
    var candidate = max(1, count * 618 / 1_000)
    while greatestDivisor(candidate, count) != 1 { candidate += 1 }
    return candidate
  }

  private static func greatestDivisor(_ a: Int, _ b: Int) -> Int {
    var (a, b) = (a, b)
    while b != 0 { (a, b) = (b, a % b) }
    return a
  }
}
