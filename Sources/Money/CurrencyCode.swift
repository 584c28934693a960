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

  /// Whether it is a currency of ISO 4217, table A.1, or was one of late; three letters may be something else.
  public var isListed: Bool { Self.listed.contains(letters) }

  private static let listed = Set(
    """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
    CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ
    GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL
    LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN
    PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD
    TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ZWL
    """.split { $0 == " " || $0 == "\n" }.map(String.init))

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
