// Bringing the base table to its design, inside the transaction that fills it.

internal import Definitions
internal import Finding
internal import Ledger
internal import Postgres

/// Creates a table, adds what loses nothing, and refuses the rest.
struct TableChanges: Sendable {
  let design: TableDesign
  let feed: FeedDefinition

  /// Makes sure that the table is there and fits.
  ///
  /// - Parameter staged: the contents that are about to be loaded.
  /// - Returns: whether it was created just now, still without key, indexes and references (`finishTable`), and
  ///   what is worth telling.
  /// - Throws: `IngestError` of kind table drift, or `PostgresError`.
  nonisolated(nonsending) func prepare(
    for staged: Set<[UInt8]>, on connection: PostgresConnection
  ) async throws -> (isNew: Bool, findings: [Diagnostic]) {
    for key in design.foreignKeys where key.target != design.table {
      let found = try await connection.query("select to_regclass($1) is not null", [.text(key.target.quoted)])
      guard try found.first?.decode(0, as: Bool.self) == true else {
        throw IngestError(
          .tableDrift,
          Diagnostic(
            .error, code: "missing_reference", at: feed.column(named: key.column)?.position ?? feed.position,
            "feed \(feed.name) refers to \(key.target.name), which has no table yet",
            notes: ["state: nothing of this feed is committed"], fix: "daybook ingest \(key.target.name)"))
      }
    }
    guard let existing = try await design.existing(on: connection) else {
      try await refuseLoss(staged, on: connection)
      try await Self.makeSchema(design.table.schema, on: connection)
      try await connection.execute(design.createTable)
      return (true, [])
    }
    let drift = design.drift(
      of: existing, wantedChecks: try await design.wordedChecks(on: connection), feed: feed)
    if !drift.errors.isEmpty { throw IngestError(.tableDrift, drift.errors) }
    for statement in drift.additions { try await connection.execute(statement) }
    return (false, drift.warnings)
  }

  /// Makes the schema of the feeds when it is not there, in whatever transaction is open; best in none.
  ///
  /// `create schema if not exists` looks before it waits: of two sessions that begin at once the later one fails with
  /// 23505 when the earlier one commits, or with 42P06 when it came a moment sooner. By then the schema is there. And it
  /// asks for the right to create schemas also where there is nothing to create.
  /// - Complexity: one query where the schema is there.
  static nonisolated(nonsending) func makeSchema(_ name: String, on connection: PostgresConnection) async throws {
    func isThere() async throws -> Bool {
      let found = try await connection.query("select to_regnamespace($1) is not null", [.text(quoteIdentifier(name))])
      return try found.first?.decode(0, as: Bool.self) ?? false
    }
    if try await isThere() { return }
    let create = "create schema if not exists \(quoteIdentifier(name))"
    do {
      // In a transaction this is a savepoint, so that the collision costs nothing else.
      _ = try await connection.withTransaction { try await $0.execute(create) }
    } catch let error as PostgresError where ["23505", "42P06"].contains(error.sqlState) {
      guard try await isThere() else { throw error }
    }
  }

  /// Stops when the table is gone with rows that the ledger holds for loaded: their files would never come again.
  private nonisolated(nonsending) func refuseLoss(
    _ staged: Set<[UInt8]>, on connection: PostgresConnection
  ) async throws {
    let lost = try await FileLedger.loaded(feed: feed.name, on: connection)
      .filter { $0.rows.inserted > 0 && !staged.contains($0.sha256) }
    if lost.isEmpty { return }
    let forget = "update daybook.file set status = 'superseded' where feed = \(quoteLiteral(feed.name));"
    throw IngestError(
      .tableDrift,
      Diagnostic(
        .error, code: "table_gone", at: feed.position,
        "table \(design.table) is gone, and with it \(lost.reduce(0) { $0 + $1.rows.inserted }) rows of "
          + "\(lost.count) loaded files, of which \(lost[0].name) is the first",
        notes: ["state: nothing was changed"],
        fix: "restore the table; or put its files into the inbox and have them loaded again: daybook db psql, then "
          + forget))
  }
}
