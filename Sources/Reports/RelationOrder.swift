// In which order the rows of a feed or a view come where a section shows it as it is: by its key, else by all its columns.
// Invariant: the order is that of the values alone, not of where rows lie or of the database's collation, so that the same
// data give the same bytes on any server. What a section says with `order_by` comes first, and stays the database's.

internal import Definitions
internal import Postgres

/// The order of one relation's rows.
struct RelationOrder: Sendable {
  /// Columns and the terms that sort by them, those of the key first.
  let terms: [(column: String, sql: String)]

  /// What follows an order by `columns`.
  func terms(after columns: [String]) -> [String] {
    terms.filter { !columns.contains($0.column) }.map(\.sql)
  }

  /// The orders of all relations that sections of a project show as they are; a relation that is not there has none.
  static func read(
    of project: Project, on connection: PostgresConnection
  ) async throws(PostgresError) -> [String: RelationOrder] {
    var names: Set<String> = []
    for section in project.reports.flatMap(\.sections) {
      if case .view(let name) = section.source { names.insert(name) }
    }
    if names.isEmpty { return [:] }
    let rows = try await connection.query(
      """
      SELECT c.relname::text, a.attname::text,
        CASE WHEN a.attcollation <> 0 THEN 'text' WHEN t.typcategory IN ('B', 'D', 'E', 'N', 'T') THEN 'value' ELSE '' END
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_type t ON t.oid = a.atttypid
      WHERE n.nspname = $1::text AND c.relname = ANY ($2::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      ORDER BY c.relname, a.attnum
      """, [.text(project.database.schema), .textArray(names.sorted())])
    var columns: [String: [(column: String, sql: String)]] = [:]
    for row in rows {
      let column: String = try row.decode(1)
      let quoted = quoteIdentifier(column)
      let sql =
        switch try row.decode(2, as: String.self) {
        case "text": "\(quoted) COLLATE \"C\""
        case "value": quoted
        // Not every type has an order of its own; every one has a text.
        default: "\(quoted)::text COLLATE \"C\""
        }
      columns[try row.decode(0), default: []].append((column, sql))
    }
    var orders: [String: RelationOrder] = [:]
    for (name, columns) in columns {
      let key = project.key(of: name)
      let first = key.columns.compactMap { column in columns.first { $0.column == column } }
      let others = key.isWhole && !first.isEmpty ? [] : columns.filter { !key.columns.contains($0.column) }
      orders[name] = RelationOrder(terms: first + others)
    }
    return orders
  }
}

extension Project {
  /// What tells the rows of a feed or a view apart, and whether it always does: the key that a native view declares may
  /// be missing in several rows.
  fileprivate func key(of name: String) -> (columns: [String], isWhole: Bool) {
    if let feed = feed(named: name) { return (feed.key, true) }
    switch view(named: name)?.kind {
    case .rollup(let rollup): return (rollup.groups.map(\.name), true)
    case .native(let native): return (native.uniqueKey, false)
    case nil: return ([], false)
    }
  }
}
