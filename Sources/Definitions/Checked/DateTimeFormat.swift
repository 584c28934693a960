// How a feed writes dates and times, as a list of parts that a parser walks over bytes.
// Invariant: year, month and day are each there exactly once; every number but the fraction has a fixed width.
// Parsing values with it is elsewhere: the room Ingest.

/// `format:` of a date or time column, for example `dd/MM/yyyy HH:mm`.
public struct DateTimeFormat: Sendable, Hashable, CustomStringConvertible {
  /// One piece of a format.
  public enum Part: Sendable, Hashable {
    /// `yyyy`: four digits.
    case year
    /// `MM`: two digits, `M`: one or two.
    case month(minimumDigits: Int)
    /// `MMM`: `Jan` to `Dec`, in any case.
    case monthName
    /// `dd`: two digits, `d`: one or two.
    case day(minimumDigits: Int)
    /// `HH`: two digits, `H`: one or two; 00 to 23.
    case hour(minimumDigits: Int)
    /// `mm`: two digits.
    case minute
    /// `ss`: two digits.
    case second
    /// `SSS`, three of them or up to six: as many digits of a second.
    case fraction(digits: Int)
    /// `XXX`: `Z`, `+01:00` or `+0100`.
    case offset
    /// Any other byte stands for itself; letters are quoted: `'T'`.
    case literal(UInt8)
  }

  /// The format as written.
  public var pattern: String
  /// Its pieces in order.
  public var parts: [Part]

  /// Creates a format from checked parts.
  public init(pattern: String, parts: [Part]) {
    self.pattern = pattern
    self.parts = parts
  }

  /// The format as written.
  public var description: String { pattern }
}
