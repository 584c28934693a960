// How a feed writes dates and times, as a list of parts that a parser walks over bytes.
// Invariant: year, month and day are each there exactly once, or the format is an epoch and nothing else; an hour of
// the half day comes with its AM or PM.
// Parsing values with it is elsewhere: the room Ingest.

/// `format:` of a date or time column, for example `dd/MM/yyyy HH:mm`.
public struct DateTimeFormat: Sendable, Hashable, CustomStringConvertible {
  /// One piece of a format.
  public enum Part: Sendable, Hashable {
    /// `yyyy`: four digits.
    case year
    /// `yy`: two digits, in the hundred years that begin with `first`: 1970 unless told, `yy(1930)`.
    case yearOfCentury(first: Int)
    /// `MM`: two digits, `M`: one or two.
    case month(minimumDigits: Int)
    /// `MMM`: `Jan` to `Dec`, in any case.
    case monthName
    /// `MMMM`: `January` to `December`, in any case.
    case fullMonthName
    /// `dd`: two digits, `d`: one or two.
    case day(minimumDigits: Int)
    /// `HH`: two digits, `H`: one or two; 00 to 23.
    case hour(minimumDigits: Int)
    /// `hh`: two digits, `h`: one or two; 1 to 12, with a `halfDay`.
    case hourOfHalfDay(minimumDigits: Int)
    /// `a`: `AM` or `PM` in any case, or `A.M.` and `P.M.`.
    case halfDay
    /// `mm`: two digits.
    case minute
    /// `ss`: two digits.
    case second
    /// `SSS`, up to nine of them: as many digits of a second, of which the seventh and later ones are dropped.
    case fraction(digits: Int)
    /// `XXX`: `Z`, `+01:00` or `+0100`.
    case offset
    /// Any other byte stands for itself; letters are quoted: `'T'`.
    case literal(UInt8)
    /// `epoch`: seconds since 1970-01-01 UTC, with up to six digits behind a point.
    case epochSeconds
    /// `epoch_ms`: whole milliseconds since then.
    case epochMilliseconds
  }

  /// The first year that a `yy` can mean unless it is told another, as PostgreSQL has it: 70 is 1970, 69 is 2069.
  public static let defaultFirstYear = 1970

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
