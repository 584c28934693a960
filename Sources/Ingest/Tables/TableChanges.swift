// Bringing the base table to its design, inside the transaction that fills it.

internal import Definitions
internal import Finding
internal import Postgres

/// Creates a table, adds what loses nothing, and refuses the rest.
struct TableChanges: Sendable {
  let design: TableDesign
  let feed: FeedDefinition

  /// Makes sure that the table is there and fits.
  ///
  /// - Returns: whether it was created just now, still without key, indexes and references (`finishTable`), and
  ///   what is worth telling.
  /// - Throws: `IngestError` of kind table drift, or `PostgresError`.
  nonisolated(nonsending) func prepare(
    on connection: PostgresConnection
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
      try await connection.execute("create schema if not exists \(quoteIdentifier(design.table.schema))")
      try await connection.execute(design.createTable)
      return (true, [])
    }
    let drift = design.drift(
      of: existing, wantedChecks: try await design.wordedChecks(on: connection), feed: feed)
    if !drift.errors.isEmpty { throw IngestError(.tableDrift, drift.errors) }
    for statement in drift.additions { try await connection.execute(statement) }
    return (false, drift.warnings)
  }
}
