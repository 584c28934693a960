// Currencies, by their ISO 4217 letters. Amounts of different currencies are never added together;
// this type exists so that a sum is always keyed by one.

/// Three upper-case letters naming a currency.
public struct CurrencyCode: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
  /// The letters, for example `USD`.
  public let letters: String

  /// Creates a code, or nil unless `letters` is three upper-case ASCII letters.
  public init?(_ letters: String) {
    guard letters.utf8.count == 3, letters.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else { return nil }
    self.letters = letters
  }

  /// Digits behind the point in everyday amounts. Source: ISO 4217, table A.1; 2 unless listed.
  public var minorUnits: Int {
    switch letters {
    case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
      "XPF":
      0
    case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND": 3
    case "CLF", "UYW": 4
    default: 2
    }
  }

  public var description: String { letters }

  public static func < (a: CurrencyCode, b: CurrencyCode) -> Bool { a.letters < b.letters }
}
