// Writing rows so that the server's refusal of one costs that one only: what merges and chunks share, and the merge's
// way; that of chunks is in `PieceWriter+Isolating`.
// Invariant: together, all spans cover every row of the file, and each row is either written or a reject with the
// server's own words. Nobody can foresee what a trigger or a constraint made by hand refuses: spans are tried under a
// savepoint and halved until the row stands alone.

internal import Definitions
internal import Finding
internal import Ledger
internal import Postgres

/// What a statement wrote.
struct Written {
  var count = 0
  var sums: [(column: String, currency: String, amount: String)] = []
}

/// Attempts at writing rows that the server may refuse, and what they leave behind.
struct Isolation {
  /// More refusals than this are no longer isolated: the load fails.
  static let maximumRefusals = 1_000

  let table: QualifiedName
  /// Records that the server alone refused.
  private(set) var refusals = 0
  /// Rows that the server counted for the table in work that was undone.
  var undone = RowCounts()

  init(_ table: QualifiedName) {
    self.table = table
  }

  /// Runs `body` under a savepoint, with every constraint checked at once.
  ///
  /// - Returns: its result; or, everything of it undone, the server's refusal.
  nonisolated(nonsending) mutating func attempt<R: Sendable>(
    on connection: PostgresConnection, _ body: nonisolated(nonsending) (PostgresConnection) async throws -> R
  ) async throws -> Result<R, PostgresError> {
    let start = try await transactionChanges(of: table, on: connection)
    do {
      return .success(
        try await connection.withTransaction { nested in
          try await nested.execute("set constraints all immediate")
          return try await body(nested)
        })
    } catch let error as PostgresError where error.isAboutData {
      try await noteUndone(since: start, on: connection)
      return .failure(error)
    }
  }

  /// Remembers what the server goes on counting for the table though it was undone.
  nonisolated(nonsending) mutating func noteUndone(
    since start: RowCounts?, on connection: PostgresConnection
  ) async throws {
    guard let start, let end = try await transactionChanges(of: table, on: connection) else { return }
    undone.inserted += end.inserted - start.inserted
    undone.updated += end.updated - start.updated
    undone.deleted += end.deleted - start.deleted
  }

  /// Counts a row that was refused alone.
  ///
  /// - Returns: why, for a person.
  /// - Throws: the refusal itself, when there are too many.
  mutating func refuseAlone(_ error: PostgresError) throws -> String {
    refusals += 1
    if refusals > Self.maximumRefusals { throw error }
    let constraint = error.constraint.map { ", constraint \"\(visible($0))\"" } ?? ""
    return "the server refuses it: \(visible(error.message)) (SQLSTATE \(error.sqlState ?? "?")\(constraint))"
  }
}

extension FileMerge {
  /// Rows that are tried at once.
  private static let spanRows = 4_096

  /// Runs statements, the last of which tells what it wrote, for the whole file or span by span.
  nonisolated(nonsending) mutating func write(
    on connection: PostgresConnection, _ statements: (MergeStatements.Span?) -> [String]
  ) async throws -> Written {
    if mode == .together { return try await Self.run(statements(nil), on: connection) }
    var written = Written()
    var pending = try await spans(on: connection)
    let refersToItself = sql.references.contains { $0.target == publication.design.table }
    // Rows that were put off, with how many rows had been written then.
    var waiting: [Int: Int] = [:]
    while let span = pending.popLast() {
      try Task.checkCancellation()
      switch try await isolation.attempt(on: connection, { try await Self.run(statements(span), on: $0) }) {
      case .success(let part):
        written.count += part.count
        written.sums += part.sums
      case .failure(let error):
        let counts = try await connection.query(sql.countRows(of: span))
        guard let row = counts.first, case let count = try row.decode(0, as: Int.self), count > 0 else { throw error }
        let (low, high): (Int, Int) = (try row.decode(1), try row.decode(2))
        if count == 1 {
          // It may refer to a row of its own file that is still to come.
          if error.sqlState == "23503", refersToItself, waiting[low] != written.count {
            waiting[low] = written.count
            pending.insert(low...high, at: 0)
          } else {
            try await refuseAlone(low...high, error, on: connection)
          }
        } else {
          let middle = low + (high - low) / 2
          // The earlier half is tried first: of two rows that cannot both stay, the first one does.
          pending.append((middle + 1)...high)
          pending.append(low...middle)
        }
      }
    }
    return written
  }

  /// Makes spans of staging cheap to find.
  nonisolated(nonsending) func indexPlaces(on connection: PostgresConnection) async throws {
    let tables = try await connection.query(
      """
      select $1::text::regclass::text union all
      select inhrelid::regclass::text from pg_inherits where inhparent = $1::text::regclass
      """, [.text(sql.staging)])
    for row in tables {
      try await connection.execute("create index on \(try row.decode(0, as: String.self)) (\(sql.place))")
    }
  }

  private nonisolated(nonsending) static func run(
    _ statements: [String], on connection: PostgresConnection
  ) async throws -> Written {
    for statement in statements.dropLast() { try await connection.execute(statement) }
    var written = Written()
    guard let last = statements.last else { return written }
    for row in try await connection.query(last) {
      let (column, currency, amount): (String, String, String) = (
        try row.decode(0), try row.decode(1), try row.decode(2)
      )
      if column.isEmpty {
        written.count = Int(amount) ?? 0
      } else {
        written.sums.append((column, currency, amount))
      }
    }
    return written
  }

  /// The file's rows in spans, the last one first.
  private nonisolated(nonsending) func spans(on connection: PostgresConnection) async throws -> [MergeStatements.Span] {
    var starts: [Int] = []
    for row in try await connection.query(sql.spanStarts(rows: Self.spanRows)) { starts.append(try row.decode(0)) }
    var spans: [MergeStatements.Span] = []
    var end = Int.max
    for start in starts.reversed() {
      spans.append(start...end)
      end = start - 1
    }
    return spans
  }

  private nonisolated(nonsending) mutating func refuseAlone(
    _ span: MergeStatements.Span, _ error: PostgresError, on connection: PostgresConnection
  ) async throws {
    let reason = try isolation.refuseAlone(error)
    try await addSums(
      sql.sums(over: "(select * from \(sql.staging) where \(sql.place) = \(span.lowerBound)) s"), .rejected,
      on: connection)
    try await refuse(sql.rows(of: span), .serverRefused, 1, on: connection) { _, _ in reason }
    try await connection.execute(sql.deleteRows(of: span))
  }
}

extension PostgresError {
  /// Whether the server refused a row for what is in it: a value, a constraint, a trigger, a limit.
  var isAboutData: Bool {
    guard kind == .server, let state = sqlState?.prefix(2) else { return false }
    return ["09", "22", "23", "27", "44", "54", "P0"].contains(state)
  }
}
