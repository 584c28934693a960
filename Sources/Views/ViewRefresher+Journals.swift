// Views of SQL that read what the ledger keeps: what moves when it does, and journals that are not there yet.
// Invariant: a journal moves with its feed and the record of closed months by itself; changes of other tables of the ledger
// nobody counts. What is made here is what the ingest would make; what it lacks of a feed's later columns the ingest adds.

internal import Definitions
internal import Ledger
internal import Postgres

extension ViewRefresher {
  /// The input whose version moves when a relation of the catalog changes; nil when none that counts does.
  ///
  /// - Parameter hasJournal: whether a journal is read beside it, which tells of the feed whose batches and files are looked
  ///   up there. Of the other tables of the ledger nobody counts the changes.
  func input(_ relation: String, besideJournal hasJournal: Bool) -> String? {
    guard relation.hasPrefix("daybook.") else { return relation }
    let name = relation.dropFirst("daybook.".count)
    if let feed = project.feeds.first(where: { JournalTable.name(of: $0.name).name == name }) { return feed.name }
    if ViewDefinition.closedMonthTables.contains(String(name)) { return ViewDefinition.closedMonths }
    return hasJournal && ["batch", "file"].contains(name) ? nil : relation
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
