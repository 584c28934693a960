// Journals that a native view names before any change of their feed was journaled.
// Invariant: what is made here is what the ingest would make; what it lacks of a feed's later columns the ingest adds.

internal import Definitions
internal import Ledger
internal import Postgres

extension ViewRefresher {
  /// Makes the journals that a view reads and that are not there: of a table that Daybook's ingest has not filled yet.
  nonisolated(nonsending) func makeJournals(
    readBy native: NativeViewDefinition, inputs: [String], on connection: PostgresConnection
  ) async throws {
    for feed in inputs.compactMap({ project.feed(named: $0) }) {
      let table = JournalTable.name(of: feed.name)
      guard native.sql.contains(table.name) else { continue }
      let found = try await connection.query("select to_regclass($1) is not null", [.text(table.quoted)])
      guard try found.first?.decode(0, as: Bool.self) == false else { continue }
      try await connection.executeScript(
        JournalTable.create(of: feed.name, columns: feed.columns.map { ($0.name, $0.type.sql) }))
    }
  }
}
