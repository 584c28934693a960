// The sample's tables in a database of an experiment: loading them, emptying them, and saying exactly what is in them.
// Invariant: a table is compared by its number of rows, its exact sums for each currency and a digest of every value of
// the feed's columns; the digest does not depend on the order of rows.

internal import Definitions
internal import Ingest
internal import Ledger
internal import Money
internal import Postgres
internal import Synchronization

/// A database with the project open in it.
struct ScratchShop: Sendable {
  let bench: Workbench
  let session: Session
  /// The database's name.
  let name: String
  let url: String
  let transactions: FeedDefinition

  /// The constrained table.
  var table: String { QualifiedName(schema: session.project.database.schema, name: transactions.name).quoted }
  /// The columns that the file fills.
  var columns: [ColumnDefinition] { transactions.columns.filter { $0.constant == nil } }
  /// Their names, as a list of SQL.
  var columnList: String { columns.map { quoteIdentifier($0.name) }.joined(separator: ", ") }

  // MARK: Loading

  /// Loads what transactions refer to, and makes the table of transactions by loading one small file into it.
  ///
  /// Housekeeping in the background is off for that table: it would fall on one side or another by chance.
  func makeTables(from sample: BenchFile) async throws {
    for feed in bench.feeds.dropLast() { try await ingest(feed, .inbox) }
    let first = try sample.prefix(rows: 10, to: "\(bench.folder)/first.csv")
    try await ingest(first.path)
    try await execute(
      "ALTER TABLE \(table) SET (autovacuum_enabled = false)", "TRUNCATE \(table) CASCADE")
  }

  /// Empties the table.
  func empty(_ name: String? = nil) async throws {
    try await execute("TRUNCATE \(name ?? table) CASCADE")
    try await checkpoint()
  }

  /// Writes dirty pages, so that no side pays for those of another.
  func checkpoint() async throws {
    try await session.pool.withConnection(label: "bench") { connection in
      // Not everybody may; then all sides share the same dirty pages.
      _ = try? await connection.execute("CHECKPOINT")
    }
  }

  func execute(_ statements: String...) async throws {
    try await session.pool.withConnection(label: "bench") { connection in
      for statement in statements { try await connection.execute(statement) }
    }
  }

  /// `\copy` as a person writes it.
  func copyCommand(_ path: String, into name: String? = nil) -> String {
    "\\copy \(name ?? table) (\(columnList)) from \(quoteLiteral(path)) with (format csv, header)"
  }

  // MARK: What is in a table

  func state(of name: String? = nil) async throws -> TableState {
    let control = transactions.columns.first { $0.control != nil }
    let name = name ?? table
    let columnList = columnList
    return try await session.pool.withConnection(label: "bench") { connection in
      var state = TableState(rows: 0, digest: "", sums: [:])
      for row in try await connection.query(
        "select count(*), coalesce(sum(hashtextextended(row(\(columnList))::text, 0)), 0)::text from \(name)")
      {
        state.rows = try row.decode(0)
        state.digest = try row.decode(1)
      }
      guard let control, let sum = control.control else { return state }
      for row in try await connection.query(
        """
        select \(quoteIdentifier(sum.groupedBy))::text, sum(\(quoteIdentifier(control.name)))::text
        from \(name) group by 1
        """)
      {
        state.sums[try row.decode(0)] = ExactDecimal(try row.decode(1, as: String.self))
      }
      return state
    }
  }

  /// Compares the table with a file that is all it should hold, and with what other sides made of that file.
  func check(_ side: String, holds file: BenchFile, agreed: AgreedState, in name: String? = nil) async throws {
    let state = try await state(of: name)
    guard state.rows == file.rows, state.sums == file.sums else {
      throw Self.unequal("\(side) left \(state) of a file with \(file.rows) rows and the sums \(file.sums)")
    }
    try agreed.check(side, state)
  }

  static func unequal(_ message: String) -> StageFailure {
    StageFailure(
      .dataRefused, "bench", "the sides did not do the same work: \(message)", notes: ["the figures are not shown"])
  }
}

/// What a table holds.
struct TableState: Sendable, Hashable, CustomStringConvertible {
  var rows: Int
  /// The sum of the hashes of all rows.
  var digest: String
  /// Exact sums of the control column by its group.
  var sums: [String: ExactDecimal]

  var description: String {
    let sums = sums.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    return "\(rows) rows, \(sums.joined(separator: ", ")), digest \(digest)"
  }
}

/// The state that the first side left and that every other must leave too.
final class AgreedState: Sendable {
  private let first: Mutex<(side: String, state: TableState)?>

  /// Creates one without a state, or with what was there before.
  init(_ before: TableState? = nil) {
    first = Mutex(before.map { ("the table before", $0) })
  }

  func check(_ side: String, _ state: TableState) throws {
    let known = first.withLock { known in
      if known == nil { known = (side, state) }
      return known
    }
    guard let known, known.state == state else {
      throw ScratchShop.unequal("\(known?.side ?? "?") left \(known?.state.description ?? "?"), \(side) left \(state)")
    }
  }
}
