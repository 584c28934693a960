// What is written behind the columns of a row to say where it came from.
// Invariant: all of it are bigints, in the order of `columns`, behind the feed's own columns.

/// The places of a row, by what its table is for.
enum RowPlaces: Sendable, Hashable {
  /// A staging table: byte offset (unique in a file), line and record, by which rows are told apart and named.
  case staging
  /// A base table: the file's number in the ledger, and the line.
  case provenance(file: Int64)
  /// A base table without provenance.
  case none

  /// The names of the columns.
  var columns: [String] {
    switch self {
    case .staging: ["_daybook_offset", "_daybook_line", "_daybook_record"]
    case .provenance: Provenance.columns
    case .none: []
    }
  }

  /// The most bytes that they take in a row: three fields of a length and eight bytes.
  static let maximumBytes = 36
}
