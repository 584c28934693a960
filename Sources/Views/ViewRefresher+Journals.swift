// Views of SQL that read what the ledger keeps: what moves when it does, and journals that are not there yet.
// Invariant: a journal moves with its feed and the record of closed months by itself; other tables of the ledger move with
// every run, and cause no refresh. What is made here is what the ingest would make; what it lacks of a feed's later columns the ingest adds.

internal import Definitions
internal import Ledger
internal import Postgres

extension ViewRefresher {
  /// The input whose version moves when a relation of the catalog changes; nil when none that counts does.
  func input(_ relation: String) -> String? {
    guard relation.hasPrefix("daybook.") else { return relation }
    let name = relation.dropFirst("daybook.".count)
    if let feed = project.feeds.first(where: { JournalTable.name(of: $0.name).name == name }) { return feed.name }
    return ViewDefinition.closedMonthTables.contains(String(name)) ? ViewDefinition.closedMonths : nil
  }

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
