// What does not add up, in words: the same for a file that is merged and for a chunk that is committed on its own.
// Invariant: no words means that every row and every amount was found again; the caller commits only then.

internal import Ledger
internal import Money

/// The differences between what was read, what was accounted for and what the server counted.
struct Differences {
  private(set) var notes: [String] = []

  private static let amountsShown = 6

  /// Compares the rows that were read with what became of them.
  mutating func compare(_ rows: RowCounts) {
    guard !rows.isReconciled else { return }
    let accounted = rows.inserted + rows.updated + rows.unchanged + rows.duplicate + rows.rejected
    notes.append(
      "rows: \(rows.read) read; \(rows.inserted) inserted + \(rows.updated) updated + \(rows.unchanged) unchanged + "
        + "\(rows.duplicate) duplicate + \(rows.rejected) rejected = \(accounted)")
  }

  /// Compares the amounts that were read with those in the tables.
  mutating func compare(_ controls: ControlTotals) {
    for difference in controls.differences.prefix(Self.amountsShown) {
      let rest = difference.read.subtracting(difference.accounted)?.description ?? "too large to state"
      notes.append(
        "\(difference.column) \(difference.currency): \(difference.read) read, \(difference.accounted) in the tables, "
          + "difference \(rest)")
    }
  }

  /// Compares what the server counted for the table in this transaction with what was accounted for: a trigger that
  /// touches other rows shows up here. Nothing is compared where the server does not count.
  ///
  /// - Parameter records: what accounts for the rows, in words.
  mutating func compare(_ rows: RowCounts, before: RowCounts?, after: RowCounts?, records: String) {
    guard let before, let after else { return }
    for (what, counted, accounted) in [
      ("inserted", after.inserted - before.inserted, rows.inserted),
      ("updated", after.updated - before.updated, rows.updated),
      ("deleted", after.deleted - before.deleted, rows.deleted),
    ] where counted != accounted {
      notes.append("the server \(what) \(counted) rows of the table, \(records) account for \(accounted)")
    }
  }

  /// Where to look, and what to do then.
  static func fix(feed: String) -> String {
    "look for a trigger or rule on the table; then run again: daybook ingest \(feed)"
  }
}
