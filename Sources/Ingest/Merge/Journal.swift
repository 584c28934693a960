// The signed images of what changed in a feed's base table, for views that follow it and for the question where a row
// came from. Weight +1 is a row as it became, -1 a row as it was; an update has both, in one batch.
// Invariant: the images of a batch commit with the change they tell, and their weighted sum is the change of the table.
// Numbers and kinds of batches are in the ledger (`BatchLedger`); who reads the journal is elsewhere.

internal import Definitions
internal import Ledger
internal import Postgres

/// The columns by which a row of a base table says where it came from.
enum Provenance {
  /// The number of the file in `daybook.file`; null in rows that came before the column did, or by another way.
  static let file = "_daybook_file"
  /// The 1-based line of that file on which the row's record starts.
  static let line = "_daybook_line"
  static let columns = [file, line]
}

/// The journal table of one feed.
struct Journal: Sendable {
  let table: QualifiedName
  /// The table whose images are kept.
  private let base: QualifiedName
  /// The columns of the images: the feed's, and where a row came from. All may be null.
  let columns: [(name: String, type: String)]

  init(design: TableDesign) {
    table = JournalTable.name(of: design.table.name)
    base = design.table
    columns = design.columns.map { ($0.name, $0.type) } + Provenance.columns.map { ($0, "bigint") }
  }

  /// Makes the table, or adds columns that the feed has got since. Columns that the feed lost stay, and stay null;
  /// one whose type differs from the feed's is changed to it.
  ///
  /// - Returns: whether images written before this call can still be read by the feed's columns.
  @discardableResult
  nonisolated(nonsending) func prepare(on connection: PostgresConnection) async throws -> Bool {
    let found = try await connection.query(
      """
      select attname::text, format_type(atttypid, atttypmod) from pg_attribute
      where attrelid = to_regclass($1) and attnum > 0 and not attisdropped
      """, [.text(table.quoted)])
    if found.isEmpty {
      try await connection.executeScript(JournalTable.create(of: base.name, columns: columns))
      return true
    }
    var present: [String: String] = [:]
    for row in found { present[try row.decode(0, as: String.self)] = try row.decode(1, as: String.self) }
    var isReadable = true
    let changed = columns.filter { present[$0.name] != $0.type }
    if !changed.isEmpty {
      // Whoever writes by hand locks the base table before the journal; the other way round would deadlock.
      try await connection.execute("lock table \(base.quoted) in share row exclusive mode")
    }
    for column in changed {
      let name = quoteIdentifier(column.name)
      if present[column.name] == nil {
        try await connection.execute("alter table \(table.quoted) add column \(name) \(column.type)")
      } else {
        isReadable = false
        try await connection.execute(
          "alter table \(table.quoted) alter column \(name) type \(column.type) using \(name)::text::\(column.type)")
      }
    }
    return isReadable
  }

  /// The start of a statement that writes images with `names`; what follows selects batch, weight and those columns.
  func insert(_ names: [String]) -> String {
    "insert into \(table.quoted) (\(list([JournalTable.batch, JournalTable.weight] + names)))"
  }
}
