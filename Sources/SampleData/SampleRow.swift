// What the writer of a feed needs to know about its rows.
// Invariant: a row is a plain value; its text follows from the value and the shop alone.

/// A row of one feed.
protocol SampleRow: Sendable {
  /// The feed's name.
  static var feed: StaticString { get }
  /// Header names, in file order; the first is the key.
  static var columns: [StaticString] { get }
  /// The ways a row of this feed can be bad.
  static var damages: [Damage] { get }

  /// The key.
  var key: Int { get }
  /// What the row adds to the feed's control sum.
  var money: BookedAmount? { get }
  /// Writes the row, line break included.
  func write(to buffer: inout RowBuffer, shop: Shop)
  /// The same row with another value in at least one column beside the key.
  func corrected(by dice: inout Dice, shop: Shop) -> Self
  /// The same values, perhaps written differently.
  func rewritten(by dice: inout Dice, shop: Shop) -> Self
  /// The next change that is bound to happen after `day` of the trading calendar, and the row after it.
  func nextChange(after day: Int) -> (day: Int, row: Self)?
  /// Whether all columns hold the same values.
  func holdsSameValues(as other: Self) -> Bool
}

extension SampleRow {
  func nextChange(after day: Int) -> (day: Int, row: Self)? { nil }
}

/// An amount of one currency and what it was for.
struct BookedAmount: Sendable {
  let type: TransactionType
  let currency: Currency
  let cents: Int
}

/// What a transaction is for.
enum TransactionType: UInt8, Sendable, CaseIterable {
  case payment, refund, fee, chargeback

  var word: StaticString {
    switch self {
    case .payment: "payment"
    case .refund: "refund"
    case .fee: "fee"
    case .chargeback: "chargeback"
    }
  }
}
