// What kind of shop to imitate: how large, over which days, how many nightly extracts, how dirty.
// Invariant: a value of this type can be generated; everything that cannot is refused here, all limits named.
// The same settings give the same bytes on any machine.

public import Money

/// The size, period and dirt of a set of sample feeds.
public struct SampleSettings: Sendable, Hashable {
  /// Customers over the whole period, the nights included.
  public let customers: Int
  /// Products over the whole period, the nights included.
  public let products: Int
  /// Orders over the whole period, the nights included.
  public let orders: Int
  /// Transactions over the whole period, the nights included.
  public let transactions: Int
  /// Everything random follows from this number.
  public let seed: UInt64
  /// The first day of trade.
  public let start: CivilDate
  /// The last day of trade. The base extract is dated `nights` days earlier, the last nightly delta on this day.
  public let end: CivilDate
  /// Nightly deltas after the base extract.
  public let nights: Int
  /// The share of bad rows in each file, 0 to 0.5.
  public let dirty: ExactDecimal

  /// The most rows one feed may have.
  public static let maximumRows = 1_000_000_000

  /// Creates checked settings.
  /// - Throws: `SampleError` naming the first setting that cannot be met, and its bounds.
  public init(
    customers: Int, products: Int, orders: Int, transactions: Int, seed: UInt64, start: CivilDate, end: CivilDate,
    nights: Int, dirty: ExactDecimal
  ) throws(SampleError) {
    for (name, value) in [
      ("--customers", customers), ("--products", products), ("--orders", orders), ("--transactions", transactions),
    ] where !(1...Self.maximumRows).contains(value) {
      throw SampleError(kind: .setting(name: name), message: "\(value) is not within 1 to \(Self.maximumRows)")
    }
    let days = end.daysSince1970 - start.daysSince1970
    if days < 1 {
      throw SampleError(kind: .setting(name: "--end"), message: "\(end) is not after --start \(start)")
    }
    if !(1971...9998).contains(start.year) || end.year > 9998 {
      throw SampleError(kind: .setting(name: "--start"), message: "only the years 1971 to 9998 can be generated")
    }
    if nights < 0 || nights >= days {
      throw SampleError(
        kind: .setting(name: "--nights"),
        message: "\(nights) nights do not fit between \(start) and \(end); at most \(days - 1), at least 0")
    }
    if dirty < 0 || (ExactDecimal("0.5").map { dirty > $0 } ?? true) {
      throw SampleError(kind: .setting(name: "--dirty"), message: "\(dirty) is not a share from 0 to 0.5")
    }
    self.customers = customers
    self.products = products
    self.orders = orders
    self.transactions = transactions
    self.seed = seed
    self.start = start
    self.end = end
    self.nights = nights
    self.dirty = dirty
  }
}
