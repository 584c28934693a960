// How a digit that does not fit is treated. Always an argument: no room may have a silent habit.

/// A rule for rounding a decimal to fewer digits.
public enum RoundingMode: Sendable, Hashable {
  /// To the nearest; a tie goes away from zero (what PostgreSQL's `round(numeric)` does).
  case halfAwayFromZero
  /// To the nearest; a tie goes to the even digit (bankers' rounding).
  case halfEven
  /// Toward zero.
  case towardZero
}
