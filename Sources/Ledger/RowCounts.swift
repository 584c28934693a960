// What became of the rows of a file, a feed or a stage.
// Invariant of a finished load: read = inserted + updated + unchanged + duplicate + rejected.
// Deleted rows (a snapshot that no longer holds them) are not rows of the file and stand outside.

public import Money

/// Rows by outcome.
public struct RowCounts: Sendable, Hashable, Codable {
  /// Records of the input, the header not counted.
  public var read: Int
  /// New rows of the base table.
  public var inserted: Int
  /// Rows of the base table that changed.
  public var updated: Int
  /// Rows that were there already, with the same values.
  public var unchanged: Int
  /// Rows of the base table that a snapshot no longer holds.
  public var deleted: Int
  /// Records whose key comes again later in the same file.
  public var duplicate: Int
  /// Records that were refused.
  public var rejected: Int

  /// Creates counts; everything is zero unless said.
  public init(
    read: Int = 0, inserted: Int = 0, updated: Int = 0, unchanged: Int = 0, deleted: Int = 0, duplicate: Int = 0,
    rejected: Int = 0
  ) {
    self.read = read
    self.inserted = inserted
    self.updated = updated
    self.unchanged = unchanged
    self.deleted = deleted
    self.duplicate = duplicate
    self.rejected = rejected
  }

  /// Whether every row that was read is accounted for.
  public var isReconciled: Bool { read == inserted + updated + unchanged + duplicate + rejected }

  public static func + (a: RowCounts, b: RowCounts) -> RowCounts {
    RowCounts(
      read: a.read + b.read, inserted: a.inserted + b.inserted, updated: a.updated + b.updated,
      unchanged: a.unchanged + b.unchanged, deleted: a.deleted + b.deleted, duplicate: a.duplicate + b.duplicate,
      rejected: a.rejected + b.rejected)
  }

  public static func += (a: inout RowCounts, b: RowCounts) { a = a + b }
}

/// The sum of one money column over the rows with one outcome, in one currency.
public struct ControlSumEntry: Sendable, Hashable {
  /// What became of the rows.
  public enum Outcome: String, Sendable, Hashable, CaseIterable {
    case read, inserted, updated, unchanged, duplicate, rejected
  }

  /// The column of the feed that is summed.
  public var column: String
  /// The currency, or the text that the group column held; empty where it held nothing.
  public var currency: String
  /// Which rows.
  public var outcome: Outcome
  /// The exact sum.
  public var amount: ExactDecimal

  /// Creates an entry.
  public init(column: String, currency: String, outcome: Outcome, amount: ExactDecimal) {
    self.column = column
    self.currency = currency
    self.outcome = outcome
    self.amount = amount
  }
}
