// Where a weekday stands in PostgreSQL's weeks, which begin on Monday.

internal import Money

extension Weekday {
  /// Days after Monday, 0 to 6.
  var daysAfterMonday: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
