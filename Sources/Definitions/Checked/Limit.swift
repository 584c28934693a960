// A limit by count or by share, for rejects and deletions.
// Invariant: a count is not negative and a ratio lies between 0 and 1.
// Reading one from text is elsewhere (MappingReader), and so is what happens beyond it (the room Ingest).

public import Money

/// `100` or `1%`.
public enum Limit: Sendable, Hashable, CustomStringConvertible {
  /// At most so many.
  case count(Int)
  /// At most this share, between 0 and 1.
  case ratio(ExactDecimal)

  /// Whether `count` of `total` is within the limit; the limit itself is.
  ///
  /// Exact: no share is ever rounded. Nothing of nothing is within every limit.
  public func allows(_ count: Int, of total: Int) -> Bool {
    switch self {
    case .count(let most): count <= most
    case .ratio(let share):
      // Int counts times a ratio of at most 20 digits; a product that does not fit cannot be a real file.
      share.multiplied(by: ExactDecimal(total)).map { !($0 < ExactDecimal(count)) } ?? false
    }
  }

  /// The limit as it is written in a definition.
  public var description: String {
    switch self {
    case .count(let most): "\(most)"
    case .ratio(let share): "\((share.multiplied(by: 100) ?? share).normalized)%"
    }
  }
}
